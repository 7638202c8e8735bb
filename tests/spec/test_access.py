"""The `authentication` of exposed adapters; how requests are checked is elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.spec.access import flaw_of
from support.building import document
from support.records import server_authentication


def _exposed(authentication: Any, **more: Any) -> dict[str, Any]:
    data = document(**more)
    adapter = {"type": "control", "port": 1, "authentication": authentication}
    data["capability"]["exposes"] = [adapter]
    return data


def test_no_authentication_is_no_record() -> None:
    """An adapter without `authentication` is open."""
    assert server_authentication(None) is None


def test_api_key_is_read_in_both_spellings() -> None:
    """The published keys, and those of OpenAPI."""
    published = {"key": "X-Key", "value": "{{K}}", "placement": "Query"}
    asked = server_authentication({"type": "ApiKey", **published})
    assert asked is not None
    assert (asked.type, asked.placement, asked.problems) == ("apikey", "query", ())
    assert asked.texts[asked.written("key", "name")] == "X-Key"
    other = {"name": "k", "value": "{{K}}", "in": "cookie"}
    asked = server_authentication({"type": "apikey", **other})
    assert asked is not None
    assert asked.placement == "cookie"
    assert asked.texts[asked.written("key", "name")] == "k"


def test_oauth2_scopes_are_a_list_or_a_text() -> None:
    """They may be written as they stand in a token."""
    for scopes in (["read", "write"], "read  write"):
        asked = server_authentication(
            {
                "type": "oauth2",
                "authorizationServerUri": "https://auth.test",
                "resource": "https://api.test",
                "scopes": scopes,
            }
        )
        assert asked is not None
        assert (asked.scopes, asked.introspects) == (("read", "write"), False)
        assert asked.problems == ()


@pytest.mark.parametrize(
    ("value", "flaw"),
    [
        ("", "is missing or empty"),
        (" \t", "is blank"),
        ("abc\n", "holds a line break or another control character"),
        ("{{TOKEN}}", "is still a template"),
        ("{{TOKEN", "is still a template"),
        ("${TOKEN}", "is still a template"),
        ("s3cret", None),
    ],
)
def test_unusable_credential_is_recognised(value: str, flaw: str | None) -> None:
    """A template never becomes the secret, nor does nothing."""
    found = flaw_of(value)
    assert (found.message if found else None) == flaw
    assert flaw_of("", may_be_empty=True) is None


@pytest.mark.parametrize(
    "authentication",
    [
        {"type": "hmac"},
        "text",
        {"type": "bearer"},
        {"type": "basic", "username": "u"},
        {"type": "apikey", "key": "k", "value": "v", "placement": "body"},
        {"type": "bearer", "token": ["s"]},
        {"type": "bearer", "token": "{{NO_BIND}}"},
    ],
)
def test_serving_refuses_with_the_words_of_validate(authentication: Any) -> None:
    """The same mistake is told in the same words, before and while serving."""
    data = _exposed(authentication)
    api = naftiko.load(data, schema=None)
    with pytest.raises(naftiko.ServeError) as caught:
        _guard(api)
    errors = [p for p in naftiko.validate(data, schema=None) if p.severity == "error"]
    assert [problem.message for problem in errors] == [caught.value.message]
    assert [problem.hint for problem in errors] == [caught.value.hint]
    assert caught.value.code in (errors[0].code, "")


def test_variable_without_a_bind_is_an_error() -> None:
    """Any variable of the environment would do, so such an adapter is not served."""
    authentication = {"type": "bearer", "token": "{{TOKEN}}"}
    bound = [{"namespace": "env", "keys": {"TOKEN": "TOKEN"}}]
    (problem,) = naftiko.validate(_exposed(authentication), schema=None)
    assert problem.code == "U-auth-variable"
    assert problem.path == "/capability/exposes/0/authentication/token"
    assert naftiko.validate(_exposed(authentication, binds=bound), schema=None) == ()
    given = naftiko.load(
        _exposed(authentication), schema=None, variables={"TOKEN": "t"}
    )
    assert given.problems == ()


def _guard(api: naftiko.Capability) -> Any:
    from naftiko.exposes.access.guard import Guard
    from naftiko.transport.aio import AioTransport

    exposes = api.exposes[0]
    return Guard(object, exposes, api.variables, AioTransport())  # type: ignore[arg-type]
