"""Security schemes and requirements in the description of a REST adapter."""

from __future__ import annotations

import json
from typing import Any

import pytest

import naftiko
from naftiko.exposes.options import Options
from naftiko.exposes.rest.openapi_security import Security
from naftiko.functions.plan import Plan
from support.describing import described_by, described_operation
from support.serving import document, operation


@pytest.mark.parametrize(
    ("authentication", "scheme"),
    [
        ({"type": "bearer", "token": "x"}, {"type": "http", "scheme": "bearer"}),
        ({"type": "basic"}, {"type": "http", "scheme": "basic"}),
        ({"type": "digest"}, {"type": "http", "scheme": "digest"}),
        (
            {"type": "apikey", "key": "X-Key", "value": "x"},
            {"type": "apiKey", "in": "header", "name": "X-Key"},
        ),
        (
            {"type": "apikey", "key": "key", "value": "x", "placement": "query"},
            {"type": "apiKey", "in": "query", "name": "key"},
        ),
        (
            {"type": "oauth2", "authorizationServerUri": "https://a.test/", "scopes": ["r"]},
            {
                "type": "openIdConnect",
                "openIdConnectUrl": "https://a.test/.well-known/openid-configuration",
            },
        ),
    ],
    ids=lambda value: value.get("type") if "scheme" not in value else "",
)  # fmt: skip
def test_authentication_is_a_security_scheme(authentication: Any, scheme: Any) -> None:
    """Each operation names the credentials that it needs."""
    described = described_by(
        operation("/x", call="api.list"), adapter={"authentication": authentication}
    )
    kind = authentication["type"]
    assert described["components"]["securitySchemes"] == {kind: scheme}
    scopes = authentication.get("scopes", [])
    assert described_operation(described)["security"] == [{kind: scopes}]
    assert "401" in described_operation(described)["responses"]
    assert "x" not in json.dumps(described["components"]["securitySchemes"]).split('"')


def test_security_scheme_of_a_variable_is_for_operations_that_use_it() -> None:
    """Only operations that use a caller's variable require its header."""
    described = described_by(
        [
            *operation("/uses", call="api.list"),
            *operation("/named", call="other.op", **{"with": {"a": "{{TOKEN}}"}}),
            *operation("/free", call="other.op"),
            {"path": "/proxy/{path}", "forward": {"targetNamespace": "api"}},
        ],
        options=Options(variable_headers={"TOKEN": "X-Token"}),
        consumes={"authentication": {"type": "bearer", "token": "{{TOKEN}}"}},
        capability={},
    )
    scheme = described["components"]["securitySchemes"]["variable-TOKEN"]
    assert (scheme["in"], scheme["name"]) == ("header", "X-Token")
    assert described_operation(described, "/uses")["security"] == [
        {"variable-TOKEN": []}
    ]
    assert described_operation(described, "/proxy/{path}")["security"] == [
        {"variable-TOKEN": []}
    ]
    assert "security" not in described_operation(described, "/free")


def test_reference_to_a_variable_requires_its_header() -> None:
    """A reference in a `with` value counts; the same name in plain text does not."""
    step = {"type": "call", "name": "s", "call": "api.list"}
    described = described_by(
        [
            *operation("/lone", call="api.list", **{"with": {"flag": "{{TOKEN}}"}}),
            *operation("/env", call="api.list", **{"with": {"flag": "env.TOKEN"}}),
            *operation("/step", steps=[{**step, "with": {"flag": "a {{TOKEN}}"}}]),
            *operation("/text", call="api.list", **{"with": {"flag": "a TOKEN"}}),
        ],
        options=Options(variable_headers={"TOKEN": "X-Token"}),
        binds=[{"namespace": "env", "keys": {"TOKEN": "NAFTIKO_TEST_TOKEN"}}],
    )
    for path in ("/lone", "/env", "/step"):
        required = described_operation(described, path)["security"]
        assert required == [{"variable-TOKEN": []}], path
    assert "security" not in described_operation(described, "/text")


def _security(
    authentication: Any = None, variables: Any = None
) -> tuple[Security, Plan]:
    """Return the security of an adapter, and a plan that uses the variable TOKEN."""
    data = document(
        operation(name="op", call="api.list"),
        adapter={"authentication": authentication},
        consumes={"authentication": {"type": "bearer", "token": "{{TOKEN}}"}},
    )
    capability = naftiko.load(data, schema=None)
    exposes = capability.exposes[0]
    plan: Plan = capability.functions.find("front.op")
    return Security(capability, exposes, variables or {}), plan


def test_open_adapter_has_no_security() -> None:
    """Without authentication and variables of callers nothing is asked for."""
    security, plan = _security()
    assert (security.schemes, security.requirement, security.of(plan)) == ({}, {}, {})
    assert not security.needs_credentials(plan)


@pytest.mark.parametrize(
    ("authentication", "scheme"),
    [
        (
            {"type": "apikey", "name": "X-Key", "value": "v", "in": "header"},
            {"type": "apiKey", "in": "header", "name": "X-Key"},
        ),
        (
            {"type": "apikey", "key": "sid", "value": "v", "placement": "cookie"},
            {"type": "apiKey", "in": "cookie", "name": "sid"},
        ),
        (
            {"type": "oauth2", "authorizationServerUri": "https://a.test/x//"},
            {
                "type": "openIdConnect",
                "openIdConnectUrl": "https://a.test/x/.well-known/openid-configuration",
            },
        ),
    ],
)
def test_other_spelling_is_the_same_scheme(authentication: Any, scheme: Any) -> None:
    """A key is described under each of its spellings, a server without its slash."""
    security, plan = _security(authentication)
    kind = authentication["type"]
    assert security.schemes == {kind: scheme}
    assert security.requirement == security.of(plan) == {kind: []}
    assert security.needs_credentials(plan)


def test_unknown_authentication_is_not_described() -> None:
    """An adapter that is never served needs no scheme."""
    security, plan = _security({"type": "hmac"})
    assert (security.schemes, security.of(plan)) == ({}, {})


def test_variable_is_described_where_it_is_used() -> None:
    """A scheme of a variable is there once an operation asks for its header."""
    variables = {"TOKEN": "X-Token", "OTHER": "X-Other"}
    security, plan = _security({"type": "bearer", "token": "t"}, variables)
    assert list(security.schemes) == ["bearer"]
    assert security.needs_credentials(plan)
    assert security.of(plan) == {"bearer": [], "variable-TOKEN": []}
    assert security.schemes["variable-TOKEN"] == {
        "type": "apiKey",
        "in": "header",
        "name": "X-Token",
        "description": "Your own value of `TOKEN`, for this request only.",
    }
    assert "variable-OTHER" not in security.schemes
    # The requirement of the adapter itself stays the same.
    assert security.requirement == {"bearer": []}


def test_forward_to_an_unknown_adapter_needs_what_its_own_adapter_does() -> None:
    """A forward that leads nowhere is answered with an error, not without a check."""
    described = described_by(
        [{"path": "/p", "forward": {"targetNamespace": "gone"}}],
        adapter={"authentication": {"type": "bearer", "token": "t"}},
        options=Options(variable_headers={"TOKEN": "X-Token"}),
    )
    assert described_operation(described, "/p")["security"] == [{"bearer": []}]
