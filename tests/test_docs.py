"""The documentation is correct: examples run, options and codes are complete."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import naftiko
from naftiko.cli.parser import COMMANDS, build_parser, parse
from naftiko.demo import TOKEN, serve
from naftiko.document.rules import RULES

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Pages about the use of the project, and about the project itself.
PAGES = [
    *DOCUMENTS,
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    ROOT / "benchmarks" / "README.md",
]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(path: Path, language: str) -> list[str]:
    return [
        code
        for kind, code in _BLOCK.findall(path.read_text("utf-8"))
        if kind == language
    ]


#: Documents whose Python runs here; `tests/docs/test_authoring.py` runs `authoring.md`.
EXAMPLES = [path for path in DOCUMENTS if path.name != "authoring.md"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_python_examples_of_a_document_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python blocks of a document run in their order."""
    monkeypatch.chdir(ROOT)
    with serve() as url:
        names: dict[str, object] = {"DEMO_URL": url, "DEMO_TOKEN": TOKEN}
        for code in _blocks(path, "python"):
            exec(compile(code, str(path), "exec"), names)
        for value in names.values():
            if isinstance(value, naftiko.Capability):
                value.close()


def test_cli_document_is_the_help_of_every_command() -> None:
    """`docs/cli.md` has the current help of every command.

    `python tests/test_docs.py` writes the help into `docs/cli.md`.
    """
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert text == _with_help(text)


def _with_help(text: str) -> str:
    """Return the document with the current help in every help block."""
    for name in ("", *COMMANDS):
        begin, end = f"<!-- help: {name or 'naftiko'} -->\n", "<!-- end -->"
        assert begin in text, f"docs/cli.md does not describe the command '{name}'"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}```text\n{_help(name)}```\n{end}{tail}"
    return text


def _help(name: str) -> str:
    os.environ["COLUMNS"] = "88"
    parser = build_parser()
    if name:
        action = next(a for a in parser._actions if a.choices and name in a.choices)
        parser = action.choices[name]  # type: ignore[index]
    parser.prog = f"naftiko {name}".strip()
    shown = parser.format_help()
    # Python 3.14 colours help, and other versions wrap usage differently.
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


test_cli_document_is_the_help_of_every_command = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="argparse words help differently by version"
)(test_cli_document_is_the_help_of_every_command)


def _tree_names() -> set[str]:
    names = re.findall(r"[├└]── (\w+)", naftiko.errors.__doc__ or "")
    return {"NaftikoError", *names}


def test_error_classes_are_documented() -> None:
    """`docs/errors.md` lists every public exception, and no other name."""
    text = (ROOT / "docs" / "errors.md").read_text("utf-8")
    table = text.partition("## Codes")[0]
    documented = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    public = {
        name
        for name in naftiko.__all__
        if isinstance(getattr(naftiko, name), type)
        and issubclass(getattr(naftiko, name), Exception)
    }
    assert documented == public == _tree_names()


def test_problem_codes_are_documented() -> None:
    """`docs/errors.md` lists every code of the package, and no other code."""
    text = (ROOT / "docs" / "errors.md").read_text("utf-8")
    documented = set(re.findall(r"^\| ([EUWS]-[a-z-]+) \|", text, re.MULTILINE))
    assert documented == set(RULES)


#: Documents with valid YAML; `tests/document/test_rules.py` tests `errors.md`.
VALID = [path for path in DOCUMENTS if path.name != "errors.md"]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
@pytest.mark.parametrize("schema", ["observed", "published"])
def test_yaml_examples_are_valid(path: Path, schema: str) -> None:
    """Every YAML block that is a whole document passes a strict check."""
    for code in _blocks(path, "yaml"):
        if code.startswith("naftiko:") and "\ncapability:" in code:
            assert naftiko.validate(code, schema=schema, strict=True) == ()


def test_each_type_of_adapter_has_an_example() -> None:
    """`docs/serve.md` has a whole document for each type of adapter."""
    shown = {
        exposes.type
        for code in _blocks(ROOT / "docs" / "serve.md", "yaml")
        for exposes in naftiko.load(code).exposes
    }
    assert shown == {"rest", "mcp", "skill", "control"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_of_console_examples_are_parsed(path: Path) -> None:
    """Every `naftiko` line of a console block has options that exist."""
    for block in _blocks(path, "console"):
        for line in re.findall(r"^\$ (?:[A-Z_]+=\S+ )*naftiko (.*)$", block, re.M):
            words = shlex.split(re.split(r" [>|] ", line)[0])
            assert parse(words), line


def _anchors(path: Path) -> set[str]:
    """Return the fragments of the headings of a page."""
    text = _BLOCK.sub("", path.read_text("utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles
    }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_relative_links_have_a_target(path: Path) -> None:
    """Every relative link names a file that exists, and a heading of that file."""
    text = _BLOCK.sub("", path.read_text("utf-8"))
    for target in re.findall(r"\]\(([^) ]+)\)", text):
        if target.startswith(("http:", "https:")):
            continue
        name, _, anchor = target.partition("#")
        file = path.parent / name if name else path
        assert file.exists(), f"{path.name}: {target}"
        if anchor:
            assert anchor in _anchors(file), f"{path.name}: {target}"


def test_paths_named_in_documents_exist() -> None:
    """Every path of the project in backquotes exists."""
    kept = "benchmarks|capabilities|deploy|docs|naftiko|schemas|tests"
    for path in PAGES:
        if path.name == "CHANGELOG.md":  # the changelog names files that have moved
            continue
        text = path.read_text("utf-8")
        for name in re.findall(rf"`((?:{kept})/[\w./-]+)`", text):
            assert (ROOT / name).exists(), f"{path.name}: {name}"


def test_paths_of_the_architecture_document_exist() -> None:
    """The section "Where is …" names existing paths; the page has at most 110 lines."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    section = text.partition("## Where is")[2].partition("\n## ")[0]
    paths = re.findall(r"`([a-z_/]+(?:/|\.py))`", section.replace("`naftiko/`", ""))
    assert len(paths) > 25
    for path in paths:
        assert (ROOT / "naftiko" / path).exists(), path
    assert text.count("\n") <= 110


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_readme_marks_a_command_to_run(name: str) -> None:
    """A marked command of the README is one line, so that a script can run it."""
    text = (ROOT / "README.md").read_text("utf-8")
    found = re.search(rf"<!-- command: {name} -->\n```sh\n(.+)\n```", text)
    assert found
    assert "\n" not in found[1]


def test_beginning_of_the_readme_fits_on_a_screen() -> None:
    """The first screen has a description, the two commands and ten lines of Python."""
    text = (ROOT / "README.md").read_text("utf-8")
    first = text.partition("\n## ")[0].splitlines()
    assert len(first) <= 45
    code = _blocks(ROOT / "README.md", "python")[0]
    assert "\n".join(first).rstrip().endswith(f"```python\n{code}```")
    assert len(code.splitlines()) == 10


def test_readme_command_that_serves_is_parsed() -> None:
    """The options exist, and the ports are those of the served document."""
    text = (ROOT / "README.md").read_text("utf-8")
    found = re.search(r"<!-- command: serve -->\n```sh\n(.+)\n```", text)
    assert found
    words = found[1].rpartition("naftiko serve ")[2].split()
    asked = parse(["serve", *words])
    capability = naftiko.load(ROOT / asked.files[0])
    ports = {exposes.port for exposes in capability.exposes}
    named = {int(n) for n in re.findall(r"http://localhost:(\d+)", text)}
    assert named == ports


def test_readme_snippet_for_desktop_clients_is_parsed() -> None:
    """The command that a desktop client starts has options that exist."""
    (snippet,) = _blocks(ROOT / "README.md", "json")
    (server,) = json.loads(snippet)["mcpServers"].values()
    assert server["command"].endswith("/naftiko")
    asked = parse(server["args"])
    assert asked.stdio


@pytest.mark.skipif(not shutil.which("sh"), reason="needs a shell")
def test_readme_shell_examples_are_parsed(tmp_path: Path) -> None:
    """Every `naftiko` line of the README is a command with options that exist."""
    text = textwrap.dedent("\n".join(_blocks(ROOT / "README.md", "console")))
    lines = [line[2:] for line in text.splitlines() if line.startswith("$ naftiko ")]
    assert lines
    for line in lines:
        words = line.partition(" > ")[0].split()[1:]
        if words[0] == "call" and "--curl" not in words:
            words.append("--dry-run")
            words = [w for w in words if w not in ("--output", "table")]
        done = subprocess.run(
            [sys.executable, "-m", "naftiko", *words],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "usage:" not in done.stderr, done.stderr
        assert "see `naftiko" not in done.stderr, done.stderr


if __name__ == "__main__":
    document = ROOT / "docs" / "cli.md"
    document.write_text(_with_help(document.read_text("utf-8")), "utf-8")
