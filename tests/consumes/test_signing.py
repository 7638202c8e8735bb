"""Credentials go into the headers, the query and the cookies of a request."""

from __future__ import annotations

import base64
from typing import Any

import pytest

import naftiko
from naftiko.bindings import Variables
from naftiko.consumes.digest import DigestLogin
from naftiko.consumes.operation import Operation
from naftiko.consumes.placing import CallValues, PreviewValues
from naftiko.consumes.signing import sign_in
from naftiko.masking import LOGIN, marker
from support.building import capability

BEARER = {"type": "bearer", "token": "{{TOKEN}}"}
BASIC = {"type": "basic", "username": "{{USER}}", "password": "{{TOKEN}}"}


def key(placement: str, name: str = "k") -> dict[str, str]:
    """Return the authentication by an API key in this place."""
    return {"type": "apikey", "key": name, "value": "{{TOKEN}}", "placement": placement}


def operation_of(
    authentication: dict[str, Any] | None, *parameters: dict[str, Any]
) -> Operation:
    """Return an operation with this authentication and these parameters."""
    consumes = {"authentication": authentication} if authentication else {}
    api = capability({"inputParameters": list(parameters)}, consumes=consumes)
    return api.operations["api.op"]


class Signed:
    """A call whose headers, query and cookies went through `sign_in`."""

    def __init__(
        self,
        operation: Operation,
        *,
        headers: dict[str, str] | None = None,
        query: tuple[str, ...] = (),
        cookies: tuple[str, ...] = (),
        kind: type[CallValues] = CallValues,
        **variables: str,
    ) -> None:
        self.headers = dict(headers or {})
        self.query, self.cookies = list(query), list(cookies)
        self.call = kind(operation, {}, Variables((), variables))
        self.login = sign_in(
            self.call, operation.layout, self.headers, self.query, self.cookies
        )


@pytest.mark.parametrize(
    ("authentication", "headers", "query", "cookies"),
    [
        (None, {}, [], []),
        (BEARER, {"Authorization": "Bearer t&0"}, [], []),
        (key("header", "X-Key"), {"X-Key": "t&0"}, [], []),
        (key("query", "k[]"), {}, ["k[]=t%260"], []),
        (key("cookie"), {}, [], ["k=t&0"]),
    ],
)
def test_credential_goes_into_its_place(
    authentication: dict[str, Any] | None,
    headers: dict[str, str],
    query: list[str],
    cookies: list[str],
) -> None:
    """A credential is encoded as its place wants, and is a secret of the call."""
    signed = Signed(operation_of(authentication), TOKEN="t&0")
    assert (signed.headers, signed.query, signed.cookies) == (headers, query, cookies)
    assert signed.login is None
    assert signed.call.secrets == ({"TOKEN": "t&0"} if authentication else {})


def test_credential_replaces_a_default_header() -> None:
    """A header that neither caller nor document gives is no reason to sign nothing."""
    given = {"x-key": "default", "A": "b"}
    signed = Signed(operation_of(key("header", "X-Key")), headers=given, TOKEN="t")
    assert signed.headers == {"A": "b", "X-Key": "t"}


@pytest.mark.parametrize(
    ("authentication", "parameter", "given"),
    [
        (BEARER, "authorization", {"headers": {"authorization": "mine"}}),
        (key("header", "X-Key"), "x-key", {"headers": {"x-key": "mine"}}),
        (key("header", "Content-Type"), "q", {"headers": {"content-type": "a/b"}}),
        (key("query", "k b"), "q", {"query": ("a=1", "k%20b=mine")}),
        (key("query"), "q", {"query": ("a=1&k=constant&k2", "b=1")}),
        (key("cookie"), "q", {"cookies": ("a=1", "k=mine")}),
    ],
)
def test_argument_stands_before_the_credential(
    authentication: dict[str, Any], parameter: str, given: dict[str, Any]
) -> None:
    """A value of the caller is sent alone, and the variable is not even read."""
    operation = operation_of(authentication, {"name": parameter, "in": "header"})
    signed = Signed(operation, **given)
    assert signed.headers == given.get("headers", {})
    assert signed.query == list(given.get("query", ()))
    assert signed.cookies == list(given.get("cookies", ()))
    assert signed.call.secrets == {}


def test_name_that_begins_alike_is_another_one() -> None:
    """Only a pair of the same name stands before the credential."""
    signed = Signed(operation_of(key("query")), query=("k1=a", "ak=b"), TOKEN="t")
    assert signed.query == ["k1=a", "ak=b", "k=t"]


@pytest.mark.parametrize(
    ("authentication", "token", "message", "hint"),
    [
        (
            BEARER, "", "the credential for 'Authorization' is empty: the variable 'TOKEN' is empty",
            "give its variable a value",
        ),
        (
            BEARER, "  ", "the credential for 'Authorization' is empty: the variable 'TOKEN' is empty",
            "give its variable a value",
        ),
        (
            key("query"), "", "the credential for 'k' is empty: the variable 'TOKEN' is empty",
            "give its variable a value",
        ),
        (
            BEARER,
            "s3cret\n",
            "the credential for 'Authorization' holds a line break or another control character",
            "check the value of its variable for a trailing line break",
        ),
        (
            BEARER,
            "s3cret\u00e9",
            "the credential for 'Authorization' holds characters outside ASCII, which that"
            " header cannot carry (RFC 9110, 11.4)",
            "",
        ),
        (key("header", "a b"), "s3cret", "'a b' is not a header name", ""),
        (key("cookie", "a b"), "s3cret", "'a b' is not a cookie name", ""),
        (
            BASIC,
            "s3cret\r",
            "the password holds a line break or another control character",
            "check the value of its variable for a trailing line break",
        ),
    ],
)  # fmt: skip
def test_credential_that_cannot_be_sent_is_refused_without_being_shown(
    authentication: dict[str, Any], token: str, message: str, hint: str
) -> None:
    """The error names the place of the credential, and never holds its value."""
    operation = operation_of(authentication)
    with pytest.raises(naftiko.CallError) as caught:
        Signed(operation, TOKEN=token, USER="ann")
    assert (caught.value.message, caught.value.hint) == (f"api.op: {message}", hint)
    assert caught.value.location == operation.location
    assert "s3cret" not in str(caught.value)


def test_key_outside_ascii_is_an_extended_value() -> None:
    """A header of the API's own carries UTF-8 as other headers do."""
    signed = Signed(operation_of(key("header", "X-Key")), TOKEN="\u00e9")
    assert signed.headers == {"X-Key": "UTF-8''%C3%A9"}


@pytest.mark.parametrize(
    ("user", "password", "login"),
    [
        ("ann", "a:b", "ann:a:b"),
        ("ann", "", "ann:"),
        ("\u00e4", "\u20ac", "\u00e4:\u20ac"),
    ],
)
def test_basic_login_is_a_secret_as_a_whole(
    user: str, password: str, login: str
) -> None:
    """Name and password are UTF-8, and their base64 is masked like both."""
    signed = Signed(operation_of(BASIC), USER=user, TOKEN=password)
    kind, _, given = signed.headers["Authorization"].partition(" ")
    assert (kind, base64.b64decode(given).decode()) == ("Basic", login)
    assert signed.call.secrets == {"USER": user, "TOKEN": password, "BASIC": given}
    assert signed.login is None


def test_login_without_name_and_password_names_its_variables() -> None:
    """An empty password is one; a login without any text is a missing secret."""
    with pytest.raises(naftiko.UnboundVariable) as caught:
        Signed(operation_of(BASIC), USER="", TOKEN=" ")
    assert "the variables 'USER', 'TOKEN' are empty" in caught.value.message
    assert caught.value.name == "USER"


def test_user_name_with_a_colon_is_one_of_digest_only() -> None:
    """Basic would read the rest of the name as the password."""
    operation = operation_of(BASIC)
    with pytest.raises(naftiko.CallError) as caught:
        Signed(operation, USER="a:b", TOKEN="t")
    assert caught.value.message == (
        "api.op: the user name holds a ':', which Basic authentication cannot carry"
        " (RFC 7617, 2)"
    )
    signed = Signed(operation_of({**BASIC, "type": "digest"}), USER="a:b", TOKEN="t")
    assert isinstance(signed.login, DigestLogin)
    assert signed.headers == {}


@pytest.mark.parametrize("kind", ["basic", "digest"])
def test_authorization_of_the_caller_needs_no_login(kind: str) -> None:
    """With a header `Authorization` neither user name nor password is read."""
    given = {"AUTHORIZATION": "mine"}
    signed = Signed(operation_of({**BASIC, "type": kind}), headers=given)
    assert (signed.headers, signed.login) == (given, None)


def test_login_of_a_preview_shows_its_variables() -> None:
    """A preview has no base64, which would hide the names of the variables."""
    signed = Signed(operation_of(BASIC), kind=PreviewValues)
    assert signed.headers == {
        "Authorization": f"{LOGIN}{marker('USER')}:{marker('TOKEN')}"
    }
    signed = Signed(operation_of(BEARER), kind=PreviewValues)
    assert signed.headers == {"Authorization": f"Bearer {marker('TOKEN')}"}
    assert signed.call.secrets == {}
