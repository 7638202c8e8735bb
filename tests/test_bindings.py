"""Variables: sources of their values, time of reading, protection from arguments."""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko import StubTransport
from naftiko.bindings import Variables, first_unused, parse_dotenv
from naftiko.document.writing import write_yaml
from naftiko.spec.model import Binding
from support.building import capability, document

AUTH = {"authentication": {"type": "bearer", "token": "{{TOKEN}}"}}


def token(api: naftiko.Capability) -> str:
    """Return the bearer token of the request that a call sends."""
    return (
        api.exchange("api.op").request.headers["Authorization"].removeprefix("Bearer ")
    )


def bound(folder: Path, location: str, entry: str = "T") -> naftiko.Capability:
    """Load a document from a folder, with `TOKEN` bound to a provider."""
    bind = {"namespace": "s", "location": location, "keys": {"TOKEN": entry}}
    file = folder / "capability.yaml"
    file.write_text(write_yaml(document(consumes=AUTH, binds=[bind])))
    return naftiko.load(file, schema=None, transport=StubTransport())


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("s.yaml", "T: value", "value"),
        ("s.yaml", "T: 0123", "0123"),
        ("s.yaml", "T: 1.50", "1.50"),
        ("s.yaml", "T: true", "true"),
        ("s.yaml", "T: 2026-01-02", "2026-01-02"),
        ("s.yml", '\ufeffT: "a: b"', "a: b"),
        ("s.json", '{"T": "value"}', "value"),
        ("s.json", '{"T": 1.50}', "1.50"),
        ("s", ' {"T": "json"}', "json"),
        ("s.env", "T=value", "value"),
        ("s.env", "# T=x\n\n export T = value \nU=w", "value"),
        ("s.env", "T='a # b' # c", "a # b"),
        ("s.env", 'T="a\\"b\\\\c"', 'a"b\\c'),
        ("s.env", "T=value # comment", "value"),
        ("s.env", "T=value#none", "value#none"),
        ("s.env", "T=a=b==", "a=b=="),
        ("s.env", "T=$HOME", "$HOME"),
        ("s.env", "\ufeffT=a\r\nT=b\r\n", "b"),
    ],
)
def test_values_of_a_provider_file_are_texts(
    name: str, text: str, expected: str, tmp_path: Path
) -> None:
    """Scalars of YAML, JSON and `NAME=value` files keep their text: `0123`, `1.50`."""
    (tmp_path / name).write_bytes(text.encode())
    assert token(bound(tmp_path, f"file:///./{name}")) == expected


def test_empty_text_is_a_value_but_no_credential(tmp_path: Path) -> None:
    """An empty variable is sent as a query value, and refused as a credential."""
    (tmp_path / "s.env").write_text("T=\n")
    with pytest.raises(naftiko.CallError, match="is empty"):
        bound(tmp_path, "file:s.env").call("api.op")
    parameter = {"name": "k", "in": "query", "value": "{{TOKEN}}"}
    api = capability({"inputParameters": [parameter]}, variables={"TOKEN": ""})
    assert api.request("api.op").url.endswith("/x?k=")


@pytest.mark.parametrize(
    "location",
    [
        "file:///./s.env", "file://s.env", "file:s.env", "file://./s.env", "FILE:s.env",
        "file:///../{folder}/s.env", "file://{path}/s.env", "file:{path}/s.env",
        "file://localhost{path}/s.env", "file://%73.env",
    ],
)  # fmt: skip
def test_location_of_a_bind_is_relative_to_the_document(
    location: str, tmp_path: Path
) -> None:
    """L09: each spelling names a file beside the document, not the process (13.28)."""
    (tmp_path / "s.env").write_text("T=found")
    where = location.format(folder=tmp_path.name, path=tmp_path)
    assert token(bound(tmp_path, where)) == "found"


@pytest.mark.parametrize(
    ("location", "text", "words"),
    [
        ("file://none.env", None, "file://none.env: no such file"),
        ("file://s.env", b"U=1", "the key 'T' is not in file://s.env"),
        ("file://s.yaml", b"T: ~", "the key 'T' is not in file://s.yaml"),
        ("file://s.json", b"[1]", "does not hold a mapping"),
        ("file://s.json", b'{"T": s3cret', "is not well-formed"),
        ("file://s.yaml", b"T: s3cret: x", "is not well-formed"),
        ("file://s.json", b"[" * 100_000, "is not well-formed"),
        ("file://s.env", b"T=s3cret\xff", "cannot be read as UTF-8 text"),
        ("vault://kv/x", None, "providers of type 'vault' are not built in"),
        ("s.env", b"T=s3cret", "providers of type 's.env' are not built in"),
    ],
)
def test_provider_without_the_value_is_an_error(
    location: str, text: bytes | None, words: str, tmp_path: Path
) -> None:
    """L08: the error names variable and provider, and shows no secret of the file."""
    if text is not None:
        (tmp_path / location.rpartition("/")[2]).write_bytes(text)
    api = bound(tmp_path, location)
    with pytest.raises(naftiko.UnboundVariable, match="'TOKEN' has no value") as caught:
        api.call("api.op")
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.location is not None


def test_variable_is_read_when_a_call_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file may be created, and the environment may change, after loading."""
    api = bound(tmp_path, "file://late.env")
    with pytest.raises(naftiko.UnboundVariable):
        api.call("api.op")
    (tmp_path / "late.env").write_text("T=late")
    assert token(api) == "late"
    binds = [{"namespace": "env", "keys": {"TOKEN": "NAFTIKO_TEST_TOKEN"}}]
    api = capability(consumes=AUTH, binds=binds, transport=StubTransport())
    for value in ("one", "two"):
        monkeypatch.setenv("NAFTIKO_TEST_TOKEN", value)
        assert token(api) == value


def test_given_variables_override_the_binds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`variables` override the environment; a function is called for every call."""
    monkeypatch.setenv("NAFTIKO_TEST_TOKEN", "environment")
    binds = [{"namespace": "env", "keys": {"TOKEN": "NAFTIKO_TEST_TOKEN"}}]
    counter = iter(["first", "second"])
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return next(counter)

    api = capability(
        consumes=AUTH, binds=binds, variables={"TOKEN": ask}, transport=StubTransport()
    )
    assert asked == []
    assert [token(api), token(api)] == ["first", "second"]
    assert len(asked) == 2
    for nothing in (None, lambda: None):
        assert token(api.using(variables={"TOKEN": nothing})) == "environment"
    assert token(api.using(variables={"TOKEN": b"bytes"})) == "bytes"
    with pytest.raises(naftiko.UnboundVariable, match="it is of type 'object'"):
        token(api.using(variables={"TOKEN": object()}))


def test_variable_without_a_bind_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Published files omit binds; only names in capitals are looked up."""
    monkeypatch.setenv("NAFTIKO_TEST_TOKEN", "found")
    auth = {"authentication": {"type": "bearer", "token": "{{NAFTIKO_TEST_TOKEN}}"}}
    assert token(capability(consumes=auth, transport=StubTransport())) == "found"
    auth = {"authentication": {"type": "bearer", "token": "{{PATHx}}"}}
    monkeypatch.setenv("PATHx", "not a variable's name")
    with pytest.raises(naftiko.UnboundVariable, match="PATHx"):
        token(capability(consumes=auth, transport=StubTransport()))


PLACES: list[dict[str, Any]] = [
    {"consumes": {"authentication": {"type": "bearer", "token": "{{TOKEN}}"}}},
    {"consumes": {"authentication": {"type": "bearer", "token": "{{tools.TOKEN}}"}}},
    {
        "consumes": {
            "inputParameters": [{"name": "k", "in": "query", "value": "{{TOKEN}}"}]
        }
    },
    {
        "operation": {
            "inputParameters": [{"name": "k", "in": "header", "value": "{{env.TOKEN}}"}]
        }
    },
    {
        "operation": {
            "method": "POST",
            "body": {"type": "json", "data": {"k": "{{TOKEN}}"}},
        }
    },
    {"operation": {"method": "POST", "body": "{{s.TOKEN}}"}},
    {"consumes": {"baseUri": "http://127.0.0.1:9/{{TOKEN}}"}},
]


@pytest.mark.parametrize("parts", PLACES)
@pytest.mark.parametrize("name", ["TOKEN", "env.TOKEN", "s.TOKEN", "tools.TOKEN"])
def test_argument_never_replaces_a_variable(parts: dict[str, Any], name: str) -> None:
    """An argument with the name of a variable is refused as unknown."""
    binds = [{"namespace": "s", "keys": {"TOKEN": "NAFTIKO_TEST_NOWHERE"}}]
    for variables in ({"TOKEN": "right"}, {}):
        stub = StubTransport()
        api = capability(
            parts.get("operation"),
            consumes=parts.get("consumes"),
            binds=binds,
            variables=variables,
            transport=stub,
        )
        with pytest.raises(naftiko.ArgumentError, match=f"unknown argument '{name}'"):
            api.call("api.op", {name: "wrong"})
        assert stub.requests == []


@pytest.fixture
def shared() -> naftiko.Capability:
    """Return a capability over a stub that answers with the token of the request."""
    stub = StubTransport(
        lambda request: naftiko.Response(
            200, {}, b'"' + request.headers["Authorization"].encode() + b'"'
        )
    )
    return capability(consumes=AUTH, variables={"TOKEN": "a"}, transport=stub)


def test_views_do_not_share_their_variables(
    shared: naftiko.Capability,
) -> None:
    """Views of views, used in many threads, never get values of other views."""
    api = shared
    views = [api, *(api.using(variables={"TOKEN": f"v{n}"}) for n in range(7))]
    views.append(views[3].using(headers={"X": "y"}))
    expected = ["a", *(f"v{n}" for n in range(7)), "v2"]
    wrong: list[str] = []

    def work(view: naftiko.Capability, value: str) -> None:
        found = [view.call("api.op") for _ in range(50)]
        wrong.extend(token for token in found if token != f"Bearer {value}")

    threads = [
        threading.Thread(target=work, args=pair)
        for pair in zip(views, expected, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert "v1" not in repr(views[2]._variables)


BIND = {"namespace": "env", "keys": {"TOKEN": "NAFTIKO_TEST_FACT"}}


def test_bind_of_the_environment_gives_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """L05: a key of the bind has the value of the environment variable it names."""
    monkeypatch.setenv("NAFTIKO_TEST_FACT", "secret")
    sent = capability(consumes=AUTH, binds=[BIND]).request("api.op")
    assert sent.headers["Authorization"] == "Bearer secret"


def test_bind_of_an_unset_variable_is_refused_by_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """L06: the call is refused; loading needs no values of variables (dialect 2)."""
    monkeypatch.delenv("NAFTIKO_TEST_FACT", raising=False)
    loaded = capability(consumes=AUTH, binds=[BIND], transport=StubTransport())
    words = "'TOKEN' has no value: .* 'NAFTIKO_TEST_FACT' is not set"
    with pytest.raises(naftiko.UnboundVariable, match=words):
        loaded.call("api.op")


def test_binds_of_two_files_are_merged(tmp_path: Path) -> None:
    """L07, L10: binds of a JSON and a YAML file are merged; keys may be lower case."""
    (tmp_path / "a.json").write_text('{"user": "scott"}')
    (tmp_path / "b.yaml").write_text("pass: tiger\n")
    binds = [
        {
            "namespace": "a",
            "description": "Who.",
            "location": "file:///./a.json",
            "keys": {"LOGIN": "user"},
        },
        {
            "namespace": "b",
            "description": "How.",
            "location": "file:///./b.yaml",
            "keys": {"pass_word": "pass"},
        },
    ]
    login = {"type": "basic", "username": "{{LOGIN}}", "password": "{{pass_word}}"}
    file = tmp_path / "capability.yaml"
    data = document(consumes={"authentication": login}, binds=binds)
    file.write_text(write_yaml(data), "utf-8")
    loaded = naftiko.load(file, schema=None)
    assert loaded.variables.declared == {"LOGIN", "pass_word"}
    sent = loaded.request("api.op").headers["Authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"scott:tiger"


@pytest.mark.parametrize(
    ("text", "values", "wrong"),
    [
        ("A=1\nB='x y' # why\n", {"A": "1", "B": "x y"}, []),
        ('export A="a\\nb\\"c"\r\nB=\r\n', {"A": 'a\nb"c', "B": ""}, []),
        ("# note\n\n  A = b c  # why\nA=later", {"A": "later"}, []),
        ("A='two\nlines'\nB=x#y\n", {"A": "two\nlines", "B": "x#y"}, []),
        ("A=$B ${C}\n", {"A": "$B ${C}"}, []),
        ("no\nA=1\n=2\nB='open\n", {"A": "1"}, [1, 3, 4]),
        ("", {}, []),
    ],
)
def test_dotenv_is_read_as_shells_read_it(
    text: str, values: dict[str, str], wrong: list[int]
) -> None:
    """Quotes, `export`, comments and line breaks; a line that is none is told."""
    assert parse_dotenv(text) == (values, wrong)


def test_state_of_a_variable_tells_its_source_and_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that cannot be read is none; a function is not called for this."""

    def ask() -> str:
        raise AssertionError("asked")

    monkeypatch.setenv("N_SET", "s3cret")
    monkeypatch.setenv("N_EMPTY", " ")
    binds = [
        Binding("e", {"SET": "N_SET", "EMPTY": "N_EMPTY", "UNSET": "N_UNSET"}),
        Binding("f", {"FILED": "k"}, "file:///./no.yaml"),
    ]
    variables = Variables(binds, {"ASKED": ask}, tmp_path, used=("USED", "SET"))
    assert variables.names == ["SET", "USED", "EMPTY", "FILED", "UNSET"]
    states = {name: variables.state(name) for name in (*variables.names, "ASKED")}
    assert {name: state.state for name, state in states.items()} == {
        "SET": "set", "USED": "unset", "EMPTY": "empty", "FILED": "unset",
        "UNSET": "unset", "ASKED": "set",
    }  # fmt: skip
    assert states["FILED"].location == "file:///./no.yaml"
    assert states["ASKED"].source == "option"
    assert states["SET"].entry == "N_SET"
    assert "s3cret" not in repr(states)
    assert states["SET"].has_value
    assert not states["EMPTY"].has_value
    assert variables.using({"UNSET": "x"}).state("UNSET").source == "option"
    assert variables.using({}).knows("USED")


def test_first_unused_variable_is_told_with_a_guess() -> None:
    """A variable is used if one of several documents uses it."""
    assert first_unused(["A"], ["B"], ["A"]) is None
    assert first_unused(["TOKN"], ["TOKEN"]) == (
        "the document uses no variable 'TOKN'",
        "did you mean 'TOKEN'?",
    )
    assert first_unused(["X"], [], []) == (
        "no document uses the variable 'X'",
        "no variable is used",
    )
