"""Linking documents; the cases are in `tests/spec/cases/`, see `reading.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from requests.auth import HTTPBasicAuth

import naftiko
from support.building import document
from support.casefiles import cases
from support.reading import check


@pytest.mark.parametrize("case", cases("spec/cases", "exposes", "calls", "with"))
def test_linking(case: dict[str, Any]) -> None:
    """Every call, `with`, route and name is checked, and nothing stops loading."""
    check(case)


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


_EXPOSED = """
naftiko: 1.0.0-alpha2
capability:
  consumes:
  - namespace: a
    type: http
    baseUri: https://a.test
    resources:
    - name: r
      path: /x
      operations:
      - {name: op, method: GET}
      - {name: same, method: GET}
      - {name: same, method: POST}
  aggregates:
  - namespace: g
    functions:
    - {name: f, call: a.op}
    - {name: f, call: a.op}
  exposes:
  - type: rest
    namespace: web
    port: 1
    resources:
    - path: /x
      operations:
      - {method: GET, call: a.op}
      - {method: GET, call: a.same}
  - type: mcp
    namespace: tools
    port: 2
    tools:
    - {name: t, description: d, call: a.op}
    - {name: t, description: d, call: a.op}
"""


def test_related_place_is_the_first_declaration() -> None:
    """A duplicate names the line of the first one; an ambiguous call names all."""
    related = {
        (problem.code, problem.line): [
            (place.message, place.line) for place in problem.related
        ]
        for problem in naftiko.validate(_EXPOSED, schema=None)
    }
    assert related == {
        ("U-operation-ambiguous", 14): [("first operation 'a.same'", 13)],
        ("U-operation-ambiguous", 19): [("first declared here", 18)],
        ("U-operation-ambiguous", 28): [
            ("operation 'a.same#1'", 13),
            ("operation 'a.same#2'", 14),
        ],
        ("W-route-duplicate", 28): [("first declared here", 27)],
        ("W-tool-duplicate", 34): [("first declared here", 33)],
    }


def test_imported_adapter_with_outputs_loads(tmp_path: Path) -> None:
    """The places of an imported adapter are in another file: the import is named."""
    operation = {
        "outputRawFormat": "odd",
        "outputParameters": [{"name": "o", "type": "string", "value": "$.a["}],
    }
    (tmp_path / "adapter.json").write_text(_json(document(operation)), "utf-8")
    importing = {"import": "api", "location": "./adapter.json"}
    text = {"naftiko": "1.0.0-alpha2", "capability": {"consumes": [importing]}}
    (tmp_path / "main.json").write_text(_json(text), "utf-8")
    capability = naftiko.load(tmp_path / "main.json", schema=None)
    (operation_,) = capability.operations.values()
    codes = {problem.code for problem in operation_.problems}
    assert codes == {"U-output-format", "U-output-path"}


def _json(data: Any) -> str:
    import json

    return json.dumps(data)


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
    assert [name for name in names if not capability.knows_variable(name)] == []
    assert not capability.knows_variable("q")
    assert not capability.knows_variable("OTHER")
