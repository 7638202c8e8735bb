"""Credentials of consumed APIs are looked up before a document is served."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from naftiko import Capability, load
from naftiko.errors import ArgumentError, ServeError
from naftiko.exposes.options import Options
from naftiko.exposes.serve.plan import ServePlan, Source
from naftiko.exposes.serve.secrets import check_given, check_secrets, missing_secrets
from support.shop import UPSTREAM, mcp, rest

BEARER = {"type": "bearer", "token": "{{TOKEN}}"}
BASIC = {"type": "basic", "username": "{{USER_NAME}}", "password": "{{PASSWORD}}"}


def shop(
    authentication: Any, *exposes: Any, upstream: Any = UPSTREAM, **variables: str
) -> Capability:
    """Return a capability whose API wants credentials."""
    binds = [
        {"namespace": "env", "keys": {"TOKEN": "N_TOKEN", "USER_NAME": "N_USER"}},
        {
            "namespace": "file",
            "location": "file:///./no.yaml",
            "keys": {"PASSWORD": "p"},
        },
    ]
    return load(
        {
            "naftiko": "1.0.0-alpha2",
            "binds": binds,
            "capability": {
                "consumes": [{**upstream, "authentication": authentication}],
                "exposes": list(exposes) or [rest()],
            },
        },
        schema=None,
        variables=variables,
    )


def check(capability: Capability, **more: Any) -> None:
    """Check a document that is served as a whole."""
    plan = ServePlan([Source("shop.yaml")], Options(**more.pop("options", {})), **more)
    check_secrets(capability, "shop.yaml", capability.exposes, plan)


def test_missing_credential_stops_the_start() -> None:
    """The message names variable and environment variable, and how to go on."""
    with pytest.raises(ServeError) as caught:
        check(shop(BEARER))
    assert caught.value.message == "shop.yaml: a secret has no value: TOKEN"
    assert "the environment variable 'N_TOKEN'" in caught.value.hint
    assert "--allow-missing-secrets" in caught.value.hint
    assert caught.value.exit_code == 4


def test_missing_credential_is_a_warning_by_choice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With --allow-missing-secrets the server starts and says what will fail."""
    with caplog.at_level(logging.WARNING, "naftiko.serve"):
        check(shop(BEARER), allow_missing_secrets=True)
    assert "a secret has no value: TOKEN" in caplog.text


def test_given_credential_lets_the_server_start() -> None:
    """A value, a header of callers, or no adapter that calls the API is enough."""
    check(shop(BEARER, TOKEN="t"))
    check(shop(BEARER), options={"variable_headers": {"TOKEN": "X-Token"}})
    check_secrets(shop(BEARER), "f", (), ServePlan([Source("f")], Options()))


def test_every_missing_part_of_a_login_is_named() -> None:
    """User name and password are looked up in their own places; one may be empty."""
    found = shop(BASIC)
    assert missing_secrets(found, found.exposes) == ["USER_NAME", "PASSWORD"]
    found = shop(BASIC, mcp(), USER_NAME="u", PASSWORD="")
    assert missing_secrets(found, found.exposes) == []
    found = shop(BEARER, TOKEN=" ")
    assert missing_secrets(found, found.exposes) == ["TOKEN"]


def test_header_that_the_document_fills_is_a_secret_too() -> None:
    """A key in a declared header is needed by every call, as a credential is."""
    key = {"name": "X-Key", "in": "header", "value": "{{TOKEN}}"}
    operation = {"name": "things", "method": "GET", "inputParameters": [key]}
    resource = {"name": "things", "path": "/things", "operations": [operation]}
    found = shop(None, upstream={**UPSTREAM, "resources": [resource]})
    assert missing_secrets(found, found.exposes) == ["TOKEN"]


def test_value_for_an_unknown_variable_is_refused() -> None:
    """`--variable` has to name a variable of some document."""
    source = Source("f", variables={"TOKN": "s3cret"})
    with pytest.raises(ArgumentError) as caught:
        check_given([source], [shop(BEARER)])
    assert caught.value.hint == "did you mean 'TOKEN'?"
    assert "s3cret" not in str(caught.value)
