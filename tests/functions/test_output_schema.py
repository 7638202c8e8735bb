"""Structured content keeps to the schema of its tool, whatever an API answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import validate

import naftiko
from naftiko.functions.output_schema import describe
from naftiko.functions.plan import Plan

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)
paths = st.sampled_from(["$", "$.", "$.a", "$.b.c", "$[*]", "$.length"])
kinds = st.sampled_from(["string", "number", "integer", "boolean"])
entries = st.recursive(
    st.fixed_dictionaries({"type": kinds, "mapping": paths})
    | st.fixed_dictionaries(
        {"type": kinds, "const": st.sampled_from(["1", "x", True])}
    ),
    lambda inner: (
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(
                    st.sampled_from("abc"), inner, min_size=1, max_size=3
                ),
            },
            optional={"mapping": paths},
        )
        | st.fixed_dictionaries(
            {"type": st.just("array"), "mapping": paths}, optional={"items": inner}
        )
        | st.fixed_dictionaries(
            {"type": st.just("object"), "mapping": paths, "values": inner}
        )
    ),
    max_leaves=6,
)
outputs = st.lists(
    st.builds(
        lambda entry, name: {**entry, "name": name} if name else entry,
        entries,
        st.sampled_from(["", "one", "two", "result"]),
    ),
    min_size=1,
    max_size=3,
)


def plan_of(declared: Any) -> Plan:
    """Return the plan of a tool with these outputs."""
    tool = {
        "name": "t",
        "description": "d",
        "call": "api.op",
        "outputParameters": declared,
    }
    capability = naftiko.load(
        {
            "naftiko": "1.0.0-alpha2",
            "capability": {
                "consumes": [
                    {
                        "type": "http",
                        "namespace": "api",
                        "baseUri": "http://upstream.test",
                        "resources": [
                            {
                                "name": "r",
                                "path": "/x",
                                "operations": [{"name": "op", "method": "GET"}],
                            }
                        ],
                    }
                ],
                "exposes": [
                    {"type": "mcp", "namespace": "m", "port": 1, "tools": [tool]}
                ],
            },
        },
        schema=None,
    )
    return capability.functions.find("m.t")


@given(outputs, values)
def test_structured_content_matches_its_schema(declared: Any, body: Any) -> None:
    """The promise of the list holds for every answer, and for one that is missing."""
    plan = plan_of(declared)
    described = describe(plan)
    if described is None:
        return
    assert described.schema["type"] == "object"
    assert plan.shape is not None
    for value in (plan.shape.apply(body), None):
        validate(described.conform(value), described.schema)


@pytest.mark.parametrize(
    ("kind", "value", "fixed"),
    [
        ("string", "x", "x"),
        ("string", 5, "5"),
        ("string", True, "true"),
        ("string", {"a": [1]}, '{"a":[1]}'),
        ("string", None, None),
        ("number", 1.5, 1.5),
        ("number", "2", 2),
        ("number", " 2.5 ", 2.5),
        ("number", "two", None),
        ("number", "true", None),
        ("number", True, None),
        ("number", float("inf"), None),
        ("number", [1], None),
        ("integer", 3.0, 3),
        ("integer", "3", 3),
        ("integer", 3.5, None),
        ("boolean", False, False),
        ("boolean", " True ", True),
        ("boolean", "yes", None),
        ("boolean", 1, None),
    ],
)
def test_values_are_brought_to_the_declared_type(
    kind: str, value: Any, fixed: Any
) -> None:
    """What says the same in another type is kept; what does not is null."""
    described = describe(plan_of([{"type": kind, "mapping": "$.a"}]))
    assert described is not None
    found = described.conform(value)["result"]
    assert found == fixed
    assert type(found) is type(fixed)


def test_more_than_was_described_is_kept() -> None:
    """An object may hold members that the schema does not name."""
    described = describe(
        plan_of([{"type": "object", "properties": {"a": {"type": "string"}}}])
    )
    assert described is not None
    assert described.conform({"a": 1, "b": 2}) == {"a": "1", "b": 2}
    assert described.conform([1]) == {"a": None, "result": [1]}
