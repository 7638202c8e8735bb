"""Signers that other packages install; on sockets: `end_to_end/test_signing_in.py`."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

import naftiko
from naftiko.consumes.signers import GROUP, RegisteredSigner, find_signer
from naftiko.expressions import Ref, Scope
from naftiko.spec.model import Authentication

SCOPE = Scope(frozenset({"KEY"}), (("env.KEY", "KEY"),))


def make(fields: Any) -> Any:
    """Return the fields as they are; a signer of the tests."""
    if fields.get("secret") == "wrong":
        raise ValueError(f"no such key: {fields['secret']}")
    return fields


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a signer `HMAC`, and others that cannot be loaded."""
    values = {
        "HMAC": f"{__name__}:make",
        "no-module": "naftiko_test_nowhere:make",
        "no-name": "json:naftiko_test_nowhere",
    }
    points = [EntryPoint(name, value, GROUP) for name, value in values.items()]
    monkeypatch.setattr(EntryPoint, "load", _load)
    monkeypatch.setattr(
        "importlib.metadata.entry_points",
        lambda *, group: points if group == GROUP else [],
    )


_loaded = EntryPoint.load


def _load(point: EntryPoint) -> Any:
    # This module has no name that can be imported.
    return make if point.name == "HMAC" else _loaded(point)


def found(type_name: str, **fields: Any) -> RegisteredSigner | None:
    """Find the signer of an authentication with these fields."""
    return find_signer(Authentication(type_name, fields=fields), SCOPE)


def value_of(ref: Ref) -> str:
    """Return the name of a variable in angle brackets."""
    assert ref.is_variable
    return f"<{ref.name}>"


@pytest.mark.parametrize("type_name", ["HMAC", "hmac", "Hmac"])
def test_signer_is_found_by_the_type(type_name: str) -> None:
    """Names compare without case; the signer keeps the type as it is written."""
    signer = found(type_name)
    assert signer is not None
    assert (signer.type, signer.factory) == (type_name, make)


def test_unknown_type_has_no_signer() -> None:
    """A type that no package offers is none, not an error."""
    assert found("oauth1") is None


def test_signer_gets_the_fields_filled_in() -> None:
    """Each text at any depth is a template of variables; other values stay."""
    signer = found(
        "hmac",
        type="hmac",
        secret="a-{{key}}",
        more=[{"k": "{{env.KEY}}"}, 5, None],
        empty="",
        flag=True,
    )
    assert signer is not None
    assert signer.signer(value_of) == {
        "type": "hmac",
        "secret": "a-<key>",
        "more": [{"k": "<KEY>"}, 5, None],
        "empty": "",
        "flag": True,
    }


def test_values_of_one_call_are_not_those_of_the_next() -> None:
    """A signer is made anew for each call."""
    signer = found("hmac", secret="{{key}}", more=["{{key}}"])
    assert signer is not None
    for value in ("one", "two"):
        made: Any = signer.signer(lambda ref, value=value: value)
        assert made == {"secret": value, "more": [value]}


def test_signer_that_refuses_its_fields_shows_no_secret() -> None:
    """The error names the declared fields; the text of the package may hold values."""
    signer = found("Hmac", type="Hmac", secret="{{key}}")
    assert signer is not None
    with pytest.raises(naftiko.CallError) as caught:
        signer.signer(lambda ref: "wrong")
    error = caught.value
    assert error.message == (
        "the signer registered for 'Hmac' refuses what the document declares"
    )
    assert (error.hint, error.code) == ("declared: type, secret", "U-auth-incomplete")
    assert error.__suppress_context__
    assert "wrong" not in str(error)


def test_missing_variable_is_no_fault_of_the_signer() -> None:
    """The error of a variable without a value is the one that is raised."""
    signer = found("hmac", secret="{{key}}")
    assert signer is not None

    def unbound(ref: Ref) -> str:
        raise naftiko.UnboundVariable("none", name=ref.name)

    with pytest.raises(naftiko.UnboundVariable):
        signer.signer(unbound)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("no-module", "naftiko_test_nowhere:make", "ModuleNotFoundError"),
        ("no-name", "json:naftiko_test_nowhere", "AttributeError"),
    ],
)
def test_signer_that_cannot_be_loaded_is_named(
    name: str, value: str, kind: str
) -> None:
    """The error says which entry point failed, and how."""
    with pytest.raises(naftiko.CallError) as caught:
        found(name.upper())
    error = caught.value
    assert error.message == f"the signer for '{name}' cannot be loaded: {kind}"
    assert error.hint == f"it is the entry point {value}"
    assert error.code == "U-auth-unsupported"
