"""A whole document linked: given options settle findings, and variables are known."""

from __future__ import annotations

from typing import Any

from requests.auth import HTTPBasicAuth

import naftiko
from support.building import document


def test_given_option_settles_a_finding() -> None:
    """A base URI and a signer that are given leave nothing to say about theirs."""
    adapters = [
        {"namespace": "a", "baseUri": "", "authentication": {"type": "hmac"}},
        {"namespace": "b", "baseUri": "https://api.example.com"},
        {"namespace": "c", "baseUri": "https://{host}"},
    ]
    text = {"naftiko": "1.0.0-alpha2", "capability": {"consumes": adapters}}

    def codes(**settings: Any) -> list[str]:
        return [problem.code for problem in naftiko.load(text, **settings).problems]

    everything = ["U-auth-unsupported", "U-base-uri-missing", "W-base-uri-placeholder"]
    assert codes() == [*everything, "W-base-uri-templated"]
    assert codes(base_uri="https://a.test") == ["U-auth-unsupported"]
    assert codes(base_uri={"a": "https://a.test", "c": "https://c.test"}) == [
        "U-auth-unsupported",
        "W-base-uri-placeholder",
    ]
    assert codes(auth={"a": HTTPBasicAuth("u", "p")}) == [
        "U-base-uri-missing",
        "W-base-uri-placeholder",
        "W-base-uri-templated",
    ]


def test_variable_is_known_where_a_template_refers_to_it() -> None:
    """Binds, requests, `with`, steps and static outputs all count; arguments do not."""
    data = document(
        {"inputParameters": [{"name": "q", "in": "query", "value": "{{IN_VALUE}}"}]},
        consumes={"baseUri": "https://{{IN_BASE}}.test"},
        binds=[{"namespace": "env", "keys": {"BOUND": "BOUND"}}],
    )
    step = {"name": "s", "type": "call", "call": "api.op", "with": {"q": "{{IN_STEP}}"}}
    mock = {"name": "o", "type": "string", "value": "{{IN_MOCK}}"}
    tools = [
        {
            "name": "a",
            "description": "d",
            "call": "api.op",
            "with": {"q": "{{IN_WITH}}"},
        },
        {"name": "b", "description": "d", "steps": [step]},
        {"name": "c", "description": "d", "outputParameters": [mock]},
    ]
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 1, "tools": tools}
    ]
    capability = naftiko.load(data, schema=None)
    names = ("BOUND", "IN_VALUE", "IN_BASE", "IN_WITH", "IN_STEP", "IN_MOCK")
    assert [name for name in names if not capability.variables.knows(name)] == []
    assert not capability.variables.knows("q")
    assert not capability.variables.knows("OTHER")
