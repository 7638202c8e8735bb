"""Startup cost: each command imports only the libraries that it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.shared import CAPABILITIES

DOCKER = str(CAPABILITIES / "docker.yaml")
#: Modules that take longer to import than the interpreter takes to start.
SENDING = {"requests", "urllib3", "http", "ssl", "email", "logging", "socket"}
CHECKING = {"jsonschema", "jsonschema_rs", "referencing"}
READING = {"ruamel", "_ruamel_yaml"}
SELECTING = {"jsonpath_ng", "ply"}
FORMATS = {"bs4", "markdown_it", "xml"}
NEVER = {"asyncio", "concurrent", "importlib.metadata"}
HEAVY = SENDING | CHECKING | READING | SELECTING | FORMATS | NEVER | {"argparse"}

_RUN = """
import sys
before = set(sys.modules)
import contextlib, io, json
with contextlib.redirect_stdout(io.StringIO()):
    try:
        {code}
    except SystemExit:
        pass
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def _modules(code: str, *words: str, cache: Path | None = None) -> set[str]:
    """Run code in a new interpreter; return the modules that it imports."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if cache is not None:
        environment["NAFTIKO_CACHE"] = str(cache)
    done = subprocess.run(
        # `-S` leaves out `site`, where installed packages may import modules.
        [sys.executable, "-S", "-c", _RUN.format(code=code), *words],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    return set(json.loads(done.stdout))


def _imported(code: str, *words: str, cache: Path | None = None) -> set[str]:
    """Run code in a new interpreter; return the heavy modules that it imports."""
    names = _modules(code, *words, cache=cache)
    return HEAVY & (names | {name.partition(".")[0] for name in names})


def _command(*words: str, cache: Path | None = None) -> set[str]:
    run = "from naftiko.cli import main; main(sys.argv[1:])"
    return _imported(run, *words, cache=cache)


def test_import_of_the_package_imports_no_library() -> None:
    """Lazy imports: `import naftiko` imports only `naftiko.version`."""
    assert _imported("import naftiko") == set()
    code = "import naftiko, sys; print(*(m for m in sys.modules if 'naftiko' in m))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {"naftiko", "naftiko.version"} == {
        name for name in done.stdout.split() if not name.startswith("_")
    }


def test_version_does_not_import_argparse() -> None:
    """Scripts run `naftiko --version` more often than any other command."""
    assert _command("--version") == set()


@pytest.mark.parametrize(
    "words", [["--help"], ["call", "--help"], ["completion", "bash"]], ids=" ".join
)
def test_help_imports_no_third_party_library(words: list[str]) -> None:
    """A command without a document imports no parser of documents."""
    assert _command(*words) == {"argparse"}


@pytest.mark.parametrize(
    "words", [["list", DOCKER], ["describe", DOCKER, "docker.containerlist"]], ids=" ".join
)  # fmt: skip
def test_list_and_describe_import_the_yaml_parser_only(
    words: list[str], tmp_path: Path
) -> None:
    """`list` and `describe` neither check a document nor send requests."""
    assert _command(*words) <= {"argparse"} | READING
    first = _command(*words, cache=tmp_path)
    assert first >= {"ruamel"}
    # A cached document needs no YAML parser.
    assert _command(*words, cache=tmp_path) == {"argparse"}


def test_completion_of_known_names_imports_no_document(tmp_path: Path) -> None:
    """A press of a key must not wait: what was found once is read from the cache."""
    line = f"naftiko call {DOCKER} docker.containerlist a"
    for words in (line, f"naftiko describe {DOCKER} docker.con"):
        asked = ("__complete", "bash", words, ":=")
        _command(*asked, cache=tmp_path)
        assert _command(*asked, cache=tmp_path) == {"argparse"}
        code = f"from naftiko.cli import main; main({list(asked)})"
        assert "naftiko.loader" not in _modules(code, cache=tmp_path)


def test_validate_imports_the_fast_validator_only() -> None:
    """`jsonschema` is imported only if `jsonschema_rs` finds a problem."""
    pytest.importorskip("jsonschema_rs")
    imported = _command("validate", DOCKER)
    assert "jsonschema_rs" in imported
    assert not imported & {"jsonschema", "referencing", "requests", *SELECTING}


@pytest.mark.parametrize("how", ["--dry-run", "--curl"])
def test_dry_run_imports_no_http_library(how: str) -> None:
    """`--dry-run` and `--curl` open no connection."""
    imported = _command("call", DOCKER, "docker.containerlist", how)
    assert not imported & (SENDING | CHECKING | SELECTING | FORMATS)


def test_call_imports_sockets_only() -> None:
    """A call opens a connection by itself; a plain path needs no JSONPath library.

    Neither `requests` nor `http.client` is imported, and TLS for HTTPS alone.
    """
    words = (
        "docker.containerlist",
        "--base-uri",
        "http://127.0.0.1:9",
        "--timeout",
        "1",
    )
    imported = _command("call", DOCKER, *words)
    assert imported & SENDING == {"socket"}
    assert not imported & (CHECKING | SELECTING | FORMATS | NEVER)


def test_loading_without_a_schema_imports_no_validator() -> None:
    """`schema=None` loads a document without checking it."""
    code = f"import naftiko; naftiko.load({DOCKER!r}, schema=None)"
    assert _imported(code) <= READING
