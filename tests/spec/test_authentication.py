"""The authentication of a consumed adapter, in every published spelling.

The cases with whole documents are in `tests/spec/cases/authentication.yaml`.
"""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.spec.authentication import read_authentication
from naftiko.spec.model import Authentication, Credential
from support.casefiles import cases
from support.reading import check
from support.records import findings, said


@pytest.mark.parametrize("case", cases("spec/cases", "authentication"))
def test_authentication_in_a_document(case: dict[str, Any]) -> None:
    """An authentication gets the findings that its case lists, at the listed places."""
    check(case)


def _read(
    data: Any, namespace: str = "shop"
) -> tuple[Authentication | None, list[tuple[str, str, str]]]:
    found = findings(data)
    return read_authentication(data, namespace, ("part",), found), said(found)


_BEARER = Credential("header", "Authorization", "Bearer {{T}}")


def _key(place: str, name: str = "X-K", value: str = "{{T}}") -> Credential:
    return Credential(place, name, value)


@pytest.mark.parametrize(
    ("data", "kind", "credentials"),
    [
        ({"type": "bearer", "token": "{{T}}"}, "bearer", [_BEARER]),
        ({"type": "Bearer", "token": "{{T}}"}, "bearer", [_BEARER]),
        ({"type": "bearer", "value": "{{T}}"}, "bearer", [_BEARER]),
        ({"type": "bearer", "token": "Bearer {{T}}"}, "bearer", [_BEARER]),
        (
            {"type": "bearer", "token": "bearer {{T}}"},
            "bearer",
            [Credential("header", "Authorization", "bearer {{T}}")],
        ),
        ({"type": "apikey", "key": "X-K", "value": "{{T}}"}, "apikey", [_key("header")]),
        ({"type": "apikey", "name": "X-K", "token": "{{T}}"}, "apikey", [_key("header")]),
        ({"type": "apikey", "header": "X-K", "key": "{{T}}"}, "apikey", [_key("header")]),
        (
            {"type": "apikey", "key": "X-K", "value": "{{T}}", "placement": "Query"},
            "apikey",
            [_key("query")],
        ),
        (
            {"type": "apikey", "key": "X-K", "value": "{{T}}", "in": "cookie"},
            "apikey",
            [_key("cookie")],
        ),
        (
            {"type": "apikey", "key": "n", "value": 7},
            "apikey",
            [_key("header", "n", "7")],
        ),
        (
            {"type": "apikey", "headers": {"X-A": "a", "X-B": "b"}},
            "apikey",
            [_key("header", "X-A", "a"), _key("header", "X-B", "b")],
        ),
        (
            {"type": "apikey", "headers": [{"key": "X-A", "value": "a"}, "odd"]},
            "apikey",
            [_key("header", "X-A", "a")],
        ),
        ({"type": "header", "header": "X-K", "value": "{{T}}"}, "apikey", [_key("header")]),
        (
            {"type": "query", "parameters": [{"name": "X-K", "value": "{{T}}"}]},
            "apikey",
            [_key("query")],
        ),
    ],
)  # fmt: skip
def test_every_spelling_gives_the_same_credentials(
    data: Any, kind: str, credentials: list[Credential]
) -> None:
    """Each spelling of a token or a key is read into name, place and value."""
    read, noted = _read(data)
    assert read is not None
    assert (read.type, list(read.credentials)) == (kind, credentials)
    assert read.fields == data
    assert {code for code, _, _ in noted} <= {"W-auth-shape"}


@pytest.mark.parametrize("kind", ["basic", "digest"])
def test_username_and_password_are_kept_as_templates(kind: str) -> None:
    """A name and a password are no credentials to place; one of them may be empty."""
    data = {"type": kind, "username": "{{U}}", "password": ""}
    expected = Authentication(kind, (), "{{U}}", "", data, ("part",))
    assert _read(data) == (expected, [])
    data = {"type": kind, "username": 7}
    assert _read(data) == (Authentication(kind, (), "7", "", data, ("part",)), [])


def test_no_authentication_is_none() -> None:
    """An adapter without an authentication has none, and nothing is noted."""
    assert _read(None) == (None, [])


@pytest.mark.parametrize(
    ("data", "kind"), [("bearer", "a text"), ([], "a list"), (False, "a boolean")]
)
def test_authentication_that_is_no_mapping_sends_nothing(data: Any, kind: str) -> None:
    """A value of another kind is no open adapter: its operations refuse to run."""
    read, noted = _read(data)
    assert read == Authentication("(none)", path=("part",))
    message = f"the authentication is {kind}, not a mapping"
    assert noted == [("U-auth-incomplete", "/part", message)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"type": "bearer"}, "authentication of type 'bearer' lacks `token`"),
        ({"type": "basic"}, "authentication of type 'basic' lacks `username` and `password`"),
        ({"type": "apikey", "key": "k"}, "authentication of type 'apikey' lacks `value`"),
        ({"type": "apikey", "value": "v"}, "authentication of type 'apikey' lacks `key`"),
        ({"type": "apikey", "key": "k", "value": ""}, "authentication of type 'apikey' lacks `value`"),
        ({"type": "header", "header": "k"}, "authentication of type 'header' lacks `header` and `value`"),
        ({"type": "query"}, "authentication of type 'query' lacks query names and values"),
        (
            {"type": "apikey", "headers": {"X-A": "a", "X-B": None}},
            "authentication of type 'apikey' lacks header names and values",
        ),
    ],
)  # fmt: skip
def test_incomplete_authentication_places_nothing(data: Any, message: str) -> None:
    """Where one part is missing no credential is placed, not even a complete one."""
    read, noted = _read(data)
    assert read is not None
    assert read.credentials == ()
    assert ("U-auth-incomplete", "/part", message) in noted


def test_unknown_place_is_refused_where_it_is_written() -> None:
    """A key cannot go into the body; the finding points at the key that says so."""
    for key in ("placement", "in"):
        data = {"type": "apikey", "key": "k", "value": "v", key: "Body"}
        read, noted = _read(data)
        assert read is not None
        assert read.credentials == ()
        message = "an API key cannot be placed in 'body'"
        assert noted == [("U-auth-placement", f"/part/{key}", message)]


@pytest.mark.parametrize(
    ("data", "kind", "place", "message"),
    [
        ({"type": "HMAC"}, "HMAC", "/part/type", "authentication of type 'HMAC' is not built in"),
        ({"token": "x"}, "(none)", "/part", "the authentication has no `type`"),
        ({"type": None}, "(none)", "/part", "the authentication has no `type`"),
    ],
)  # fmt: skip
def test_unknown_type_is_left_to_a_signer(
    data: Any, kind: str, place: str, message: str
) -> None:
    """A type that is not built in keeps its spelling and its keys for a signer."""
    found = findings(data)
    read = read_authentication(data, "shop", ("part",), found)
    assert read == Authentication(kind, fields=data, path=("part",))
    assert said(found) == [("U-auth-unsupported", place, message)]
    assert "load(..., auth={'shop': signer})" in found.noted[0].hint


def test_keys_that_are_no_texts_are_texts_for_a_signer() -> None:
    """Every key of the mapping that a signer gets is a text."""
    read, _ = _read({"type": "own", 7: "x"})
    assert read is not None
    assert read.fields == {"type": "own", "7": "x"}


def test_finding_never_holds_the_value_of_a_credential() -> None:
    """A secret that is written into the document is in no message."""
    for data in (
        {"type": "bearer", "value": "s3cret"},
        {"type": "apikey", "key": "s3cret", "header": "X-K"},
        {"type": "apikey", "key": "k", "value": "AWS4-HMAC-SHA256 s3cret"},
        {"type": "own", "token": "s3cret"},
    ):
        found = findings(data)
        read_authentication(data, "shop", ("part",), found)
        assert found.noted
        for finding in found.noted:
            assert "s3cret" not in finding.message + finding.hint
