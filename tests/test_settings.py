"""The options of `load()`: what is taken, and in which words the rest is refused."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from requests.auth import HTTPBasicAuth

import naftiko
from naftiko import ArgumentError, StubTransport
from naftiko.settings import (
    APPEND_PATH_PARAMETERS,
    DEFAULT_TIMEOUT,
    appends_path_parameters,
    checked_auth,
    checked_names,
    checked_namespaces,
    checked_timeout,
    checked_transport,
)
from support.building import document


@pytest.mark.parametrize("given", [None, {}, {"A": 1}, MappingProxyType({"A": None})])
def test_mapping_from_names_is_copied(given: Mapping[str, Any] | None) -> None:
    """Later changes of the mapping change no option."""
    checked = checked_names("variables", given)
    assert checked == dict(given or {})
    checked["B"] = 2
    assert "B" not in (given or {})


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        (
            ["A"],
            "variables: expected a mapping, got a list",
            "give name → value: variables={'NAME': …}",
        ),
        (
            "",
            "variables: expected a mapping, got a str",
            "give name → value: variables={'NAME': …}",
        ),
        ({"A": 1, 2: 3}, "variables: '2' is no text", "names are texts"),
        ({None: 3}, "variables: 'None' is no text", "names are texts"),
    ],
)
def test_what_is_no_mapping_from_names_is_refused(
    given: Any, message: str, hint: str
) -> None:
    """An empty text is no mapping either, and the error shows no value."""
    with pytest.raises(ArgumentError) as caught:
        checked_names("variables", given)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("namespace", "known", "hint"),
    [
        ("apu", ["api", "shop"], "did you mean 'api'?"),
        ("x", ["api", "shop"], "the document consumes: api, shop"),
        ("x", [], "the document consumes: nothing"),
        ("", ["api"], "the document consumes: api"),
        (1, ["api"], "the document consumes: api"),
        (None, ["api"], "the document consumes: api"),
    ],
)
def test_unknown_namespace_is_refused(
    namespace: Any, known: list[str], hint: str
) -> None:
    """The hint names the nearest namespace or all of them, whatever the key is."""
    with pytest.raises(ArgumentError) as caught:
        checked_namespaces("base_uri", {namespace: "http://a.test"}, known)
    error = caught.value
    assert error.message == f"base_uri: no namespace is called '{namespace}'"
    assert error.hint == hint


def test_signers_are_taken_by_namespace() -> None:
    """Everything that can be called can sign."""
    given = {"api": HTTPBasicAuth("me", "x"), "shop": lambda request: request}
    checked = checked_auth(given, ["api", "shop", "other"])
    assert checked == given
    assert checked is not given
    assert checked_auth(None, []) == {}


@pytest.mark.parametrize(
    ("auth", "namespaces", "message", "hint"),
    [
        (
            ("me", "secret"),
            ["api"],
            "auth: expected a mapping, got a tuple",
            "give namespace → signer: auth={'api': …}",
        ),
        ([], [], "auth: expected a mapping, got a list", ""),
        (
            {"api": "me:secret"},
            ["api"],
            "auth: the signer for 'api' is a str, which cannot sign",
            "pass a requests.auth.AuthBase",
        ),
        (
            {"apu": "me:secret"},
            ["api"],
            "auth: no namespace is called 'apu'",
            "did you mean 'api'?",
        ),
    ],
)
def test_what_cannot_sign_is_refused(
    auth: Any, namespaces: list[str], message: str, hint: str
) -> None:
    """The error names the kind of what was given, and never its value."""
    with pytest.raises(ArgumentError) as caught:
        checked_auth(auth, namespaces)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    "timeout", [DEFAULT_TIMEOUT, 1, 0.001, 1e9, (1, 2.5), (0.1, 10**9)]
)
def test_timeout_is_taken_as_it_is(timeout: Any) -> None:
    """Seconds are whole or broken, up to what every system can wait."""
    assert checked_timeout(timeout) is timeout


@pytest.mark.parametrize(
    "timeout",
    [
        0,
        -1,
        True,
        None,
        "5",
        float("nan"),
        float("inf"),
        1e9 + 1,
        (),
        (1,),
        (1, 2, 3),
        (1, 0),
        (True, 1),
        (1, None),
        [1, 2],
        ((1, 2), 3),
    ],
)
def test_what_is_no_time_is_no_timeout(timeout: Any) -> None:
    """Zero would wait for nothing, and neither a flag nor a list is a number."""
    with pytest.raises(ArgumentError) as caught:
        checked_timeout(timeout)
    assert caught.value.message == f"'{timeout}' is not a timeout"
    assert caught.value.hint == (
        "give seconds, or (seconds to connect, seconds between two parts)"
    )


def test_transport_needs_only_to_send() -> None:
    """Any object with `send` is a transport; none is chosen later."""

    class Sender:
        def send(self) -> None: ...

    for transport in (None, StubTransport(), Sender()):
        assert checked_transport(transport) is transport


@pytest.mark.parametrize(("given", "kind"), [("http", "str"), (0, "int"), ({}, "dict")])
def test_what_cannot_send_is_no_transport(given: Any, kind: str) -> None:
    """An empty value is not taken for none."""
    with pytest.raises(ArgumentError) as caught:
        checked_transport(given)
    assert caught.value.message == f"transport: a {kind} cannot send"
    assert caught.value.hint == (
        "pass an HttpTransport, a StubTransport, or an object with `send`"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", False), ("0", False), ("off", False), ("1", True), (" TRUE ", True)],
)
def test_environment_asks_for_path_parameters(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: bool
) -> None:
    """The variable is a switch; `load` and `validate` ask it where they are not told."""
    monkeypatch.setenv(APPEND_PATH_PARAMETERS, value)
    assert appends_path_parameters() is expected
    data = document(
        {"resourcePath": "/a", "inputParameters": [{"name": "id", "in": "path"}]}
    )
    codes = [] if expected else ["U-path-parameter-unplaced"]
    assert [p.code for p in naftiko.load(data).problems] == codes
    assert [p.code for p in naftiko.validate(data)] == codes
    # What the caller says stands before it.
    for choice in ("append", "refuse"):
        found = naftiko.validate(data, unplaced_path_parameters=choice)
        assert bool(found) is (choice == "refuse")


def test_environment_with_another_word_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message names the variable."""
    monkeypatch.setenv(APPEND_PATH_PARAMETERS, "maybe")
    with pytest.raises(ArgumentError) as caught:
        appends_path_parameters()
    assert caught.value.message == f"{APPEND_PATH_PARAMETERS}: 'maybe' is not known"
