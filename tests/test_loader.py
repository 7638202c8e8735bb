"""`load` and `validate`: sources, order of stages, options and refusals."""

from __future__ import annotations

import io
import json
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import naftiko
from naftiko import StubTransport
from naftiko.document.source import read
from naftiko.document.writing import write_yaml
from support.building import document

YAML = write_yaml(document())


def _path(folder: Path) -> Any:
    (folder / "api.yaml").write_text(YAML, "utf-8")
    return folder / "api.yaml"


SOURCES: dict[str, Callable[[Path], Any]] = {
    "path": _path,
    "path as text": lambda folder: str(_path(folder)),
    "text": lambda _: YAML + "\n",
    "JSON text": lambda _: json.dumps(document()),
    "JSON text on many lines": lambda _: json.dumps(document(), indent=2),
    "bytes": lambda _: YAML.encode(),
    "bytes with a mark": lambda _: b"\xef\xbb\xbf" + YAML.encode(),
    "mapping": lambda _: document(),
    "other mapping": lambda _: MappingProxyType(OrderedDict(document())),
    "document": lambda _: read(YAML + "\n"),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("schema", ["observed", None])
def test_every_kind_of_source_is_read(
    source: str, schema: str | None, tmp_path: Path
) -> None:
    """Each kind of source gives the same capability and no problems."""
    given = SOURCES[source](tmp_path)
    with naftiko.load(given, schema=schema) as capability:
        assert list(capability.operations) == ["api.op"]
    assert naftiko.validate(given, schema=schema) == ()


def test_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """`naftiko.load("-")` reads standard input."""
    stream = io.TextIOWrapper(io.BytesIO(YAML.encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    assert "<stdin>" in repr(naftiko.load("-"))


def test_source_is_not_changed() -> None:
    """Loading does not change the data of the caller, and keeps a copy."""
    data = document({"inputParameters": [{"name": "q", "in": "query"}]})
    before = json.dumps(data)
    api = naftiko.load(data, transport=StubTransport())
    assert json.dumps(data) == before
    data["capability"]["consumes"][0]["baseUri"] = "http://elsewhere.test"
    assert api.request("api.op").url == "http://127.0.0.1:9/x"


def test_truncated_document_can_be_loaded_twice() -> None:
    """Loading does not change a `Document`, so both loads report the same problems."""
    text = YAML[: YAML.index("operations:")] + (
        "operations:\n      - {name: op, method: GET}\n      - name: half\n        meth"
    )
    one = read(f"{text}\n\n# --- truncated at 32 KB (40 KB total) ---\n")
    codes = [[p.code for p in naftiko.load(one).problems] for _ in range(2)]
    assert codes[0] == codes[1]
    assert "W-incomplete-dropped" in codes[0]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("a: [\n", "E-yaml-syntax"),
        ("a: 1\na: 2\n", "E-yaml-duplicate-key"),
        ("- a\n- b\n", "E-not-a-capability"),
        (b"", "E-not-a-capability"),
        (b"\xff", "E-yaml-encoding"),
        ({}, "E-not-a-capability"),
        ({"naftiko": "1.0.0-alpha2", "capability": {}}, "E-nothing-to-run"),
        ({"naftiko": "9", "capability": {"consumes": []}}, "E-version-unsupported"),
    ],
)
def test_load_raises_the_first_problem_of_validate(source: Any, code: str) -> None:
    """The error has the message, code and location of the first problem."""
    with pytest.raises(naftiko.DocumentError) as caught:
        naftiko.load(source)
    first = naftiko.validate(source)[0]
    error = caught.value
    assert error.code == first.code == code
    assert error.location == first.location
    assert error.message.startswith(first.message)
    assert (first.severity, error.exit_code) == ("error", 3)


def test_validation_error_has_every_problem() -> None:
    """The error has all problems, errors first, and counts the other errors."""
    data = document({"method": 5, "inputParameters": "none"})
    with pytest.raises(naftiko.ValidationError) as caught:
        naftiko.load(data)
    problems = caught.value.problems
    errors = [p for p in problems if p.severity == "error"]
    assert len(errors) > 1
    assert problems[: len(errors)] == tuple(errors)
    assert f"(and {len(errors) - 1} more)" in str(caught.value)
    with naftiko.load(data, schema=None) as capability:
        assert capability.problems


def test_missing_file_raises_in_load_and_validate() -> None:
    """A file that cannot be read is an exception, not a problem of a document."""
    for read_it in (naftiko.load, naftiko.validate):
        with pytest.raises(naftiko.DocumentError) as caught:
            read_it("no-such-file.yaml")
        assert caught.value.code == "E-unreadable"


def _published() -> dict[str, Any]:
    """Return a document that only the published schema refuses."""
    return document(
        {"inputParameters": [{"name": "q", "in": "query", "type": "string"}]}
    )


def test_published_schema_is_stricter_than_observed() -> None:
    """The published schema refuses keys that real documents have."""
    assert naftiko.validate(_published()) == ()
    (problem,) = naftiko.validate(_published(), schema="published")
    assert problem.severity == "error"
    with pytest.raises(naftiko.ValidationError):
        naftiko.load(_published(), schema="published")


def test_published_schema_makes_link_problems_warnings() -> None:
    """With `schema="published"` only problems of the schema are errors."""
    data = document()
    tool = {"name": "t", "description": "d", "call": "api.nothing"}
    exposes = [{"type": "mcp", "namespace": "m", "port": 1, "tools": [tool]}]
    data["capability"]["exposes"] = exposes
    findings = {
        schema: [(p.code, p.severity) for p in naftiko.validate(data, schema=schema)]
        for schema in ("observed", "published")
    }
    assert ("U-call-unresolved", "error") in findings["observed"]
    assert ("U-call-unresolved", "warning") in findings["published"]


def test_strict_check_makes_warnings_errors() -> None:
    """A strict check makes warnings errors, and applies the published schema too."""
    data = document(consumes={"baseUri": "https://api.example.com"})
    assert [p.severity for p in naftiko.validate(data)] == ["warning"]
    assert [p.severity for p in naftiko.validate(data, strict=True)] == ["error"]
    assert naftiko.validate(_published(), strict=True)
    # `load` has no strict mode.
    assert len(naftiko.load(data).problems) == 1


def test_mistake_is_reported_once() -> None:
    """A problem of the schema is not repeated by a later stage."""
    data = document({"inputParameters": [{"name": "q", "in": "querry"}]})
    paths = [problem.path for problem in naftiko.validate(data, strict=True)]
    assert len(paths) == len(set(paths)) == 1


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("schema", "strict", "use one of 'observed', 'published', None"),
        ("truncated", "drop", "use one of 'accept', 'reject'"),
        ("unplaced_path_parameters", True, "use one of 'refuse', 'append'"),
        ("timeout", 0, "'0' is not a timeout"),
        ("timeout", -1, "'-1' is not a timeout"),
        ("timeout", True, "'True' is not a timeout"),
        ("timeout", float("nan"), "'nan' is not a timeout"),
        ("timeout", (1, 2, 3), "is not a timeout"),
        ("timeout", (1,), "is not a timeout"),
        ("timeout", None, "'None' is not a timeout"),
        ("base_uri", "api.test", "'api.test' is not a base URI"),
        ("base_uri", "ftp://api.test", "is not a base URI"),
        ("base_uri", {"apu": "http://api.test"}, "did you mean 'api'?"),
        ("base_uri", {"x": "http://api.test"}, "the document consumes: api"),
        ("base_uri", {"api": "nowhere"}, "'nowhere' is not a base URI"),
        ("auth", {"apu": print}, "did you mean 'api'?"),
        ("auth", {"api": "me:secret"}, "is a str, which cannot sign"),
        ("auth", print, "auth: expected a mapping, got a"),
        ("paths", {"api.opp": "/x"}, "did you mean 'api.op'?"),
        ("paths", ["api.op"], "paths: expected a mapping, got a list"),
        ("paths", {"api.op": None}, "the path of 'api.op' is no text"),
        ("variables", ["TOKEN"], "variables: expected a mapping, got a list"),
        ("variables", {1: "x"}, "variables: '1' is no text"),
        ("transport", "http", "transport: a str cannot send"),
    ],
)
def test_wrong_option_of_load_is_refused(option: str, value: Any, words: str) -> None:
    """The error names the option and the allowed values, and shows no secret."""
    with pytest.raises(naftiko.ArgumentError) as caught:
        naftiko.load(document(), **{option: value})
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("option", ["schema", "truncated"])
def test_wrong_option_of_validate_is_refused(option: str) -> None:
    """`validate` checks `schema` and `truncated` as `load` does."""
    with pytest.raises(naftiko.ArgumentError, match=f"{option}: 'x' is not known"):
        naftiko.validate(document(), **{option: "x"})


def test_loading_reads_no_secret_and_opens_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables, bound files and sockets are not used before a call."""

    def never() -> str:
        raise AssertionError("a variable was read")

    monkeypatch.setattr("socket.socket", never)
    bind = {"namespace": "s", "location": "file:///./none.json", "keys": {"B": "B"}}
    auth = {"type": "basic", "username": "{{A}}", "password": "{{B}}"}
    data = document(consumes={"authentication": auth}, binds=[bind])
    with naftiko.load(data, variables={"A": never}) as capability:
        assert capability.operations["api.op"].auth == "basic"
        assert repr(capability)


def test_unusable_operation_leaves_others_usable() -> None:
    """An operation that cannot be called does not affect the other operations."""
    good = {"name": "good", "method": "GET"}
    bad = {
        "name": "bad",
        "method": "GET",
        "inputParameters": [{"name": "i", "in": "path"}],
    }
    data = document(resource={"operations": [good, bad]})
    api = naftiko.load(data, transport=StubTransport())
    assert api.exchange("api.good").status == 200
    with pytest.raises(naftiko.UnusableOperation) as caught:
        api.call("api.bad", i=1)
    assert caught.value.code == "U-path-parameter-unplaced"
    assert [p.code for p in caught.value.problems] == ["U-path-parameter-unplaced"]
    assert [p.code for p in api.problems] == ["U-path-parameter-unplaced"]
    assert api.request("api.good").method == "GET"
