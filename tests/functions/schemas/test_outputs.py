"""Structured content keeps to the schema of its tool, whatever an API answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import validate

import naftiko
from naftiko.functions.plan import Plan
from naftiko.functions.schemas.outputs import tool_output, value_schema

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
    described = tool_output(plan)
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
    """A value that says the same in another type is converted; any other is null."""
    described = tool_output(plan_of([{"type": kind, "mapping": "$.a"}]))
    assert described is not None
    found = described.conform(value)["result"]
    assert found == fixed
    assert type(found) is type(fixed)


def rows(kind: str, *values: Any) -> Any:
    """Return the content of a list of objects whose member `a` has these values."""
    item = {"type": "object", "properties": {
        "a": {"type": kind, "mapping": "$.a"}, "b": {"type": "object", "mapping": "$.b"},
    }}  # fmt: skip
    described = tool_output(
        plan_of([{"type": "array", "mapping": "$.", "items": item}])
    )
    assert described is not None
    listed = [{"a": value, "b": [value]} for value in values]
    content = described.conform(listed)["result"]
    assert [row["b"] for row in content] == [[value] for value in values]
    return [row["a"] for row in content], content is listed


@pytest.mark.parametrize(
    ("kind", "values", "fixed"),
    [
        ("string", ["x", None, "y"], None),
        ("string", ["x", 5], ["x", "5"]),
        ("number", [1, 2.5, None], None),
        ("number", [1, 2.5, True], [1, 2.5, None]),
        ("number", [1, float("inf")], [1, None]),
        ("number", [float("nan"), 1.5], [None, 1.5]),
        ("integer", [1, 2.0], [1, 2]),
        ("integer", [1, None], None),
        ("boolean", [True, None], None),
        ("boolean", [True, 1, 1.5], [True, None, None]),
    ],
)
def test_lists_of_objects_are_brought_to_the_declared_types(
    kind: str, values: list[Any], fixed: list[Any] | None
) -> None:
    """A list whose members are right, which is nearly every one, stays itself."""
    found, is_same = rows(kind, *values)
    assert found == (values if fixed is None else fixed)
    assert list(map(type, found)) == list(map(type, fixed or values))
    assert is_same == (fixed is None)


def test_object_without_a_member_is_not_changed() -> None:
    """A list may hold anything where the schema allows it."""
    item = {"type": "object", "properties": {"a": {"type": "string"}}}
    described = tool_output(
        plan_of([{"type": "array", "mapping": "$.", "items": item}])
    )
    assert described is not None
    listed = [{"a": "x"}, {"b": 1}, None, 5, {"a": 7}]
    assert described.conform(listed)["result"] == [
        {"a": "x"}, {"b": 1}, None, None, {"a": "7"},
    ]  # fmt: skip


def test_members_beyond_the_schema_are_kept() -> None:
    """An object may hold members that the schema does not name."""
    described = tool_output(
        plan_of([{"type": "object", "properties": {"a": {"type": "string"}}}])
    )
    assert described is not None
    assert described.conform({"a": 1, "b": 2}) == {"a": "1", "b": 2}
    assert described.conform([1]) == {"a": None, "result": [1]}


@pytest.mark.parametrize(
    ("declared", "schema", "may_be_response"),
    [
        pytest.param([], {}, True, id="no outputs"),
        pytest.param([{"type": "object", "mapping": "$."}], {}, False, id="identity"),
        pytest.param([{"type": "string", "const": "x"}], {"type": ["string", "null"]}, True, id="constant"),
        pytest.param([{"type": "integer", "mapping": "$.n"}], {"type": ["integer", "null"]}, True, id="scalar"),
        pytest.param([{"type": "array", "mapping": "$.l"}], {}, True, id="bare array"),
        pytest.param(
            [{"type": "array", "mapping": "$.l", "items": {"type": "number", "mapping": "$.n"}}],
            {"type": ["array", "null"], "items": {"type": ["number", "null"]}},
            True,
            id="array of mapped items",
        ),
        pytest.param(
            [{"type": "object", "properties": {"n": {"type": "number", "mapping": "$.n"}}}],
            {"type": "object", "properties": {"n": {"type": ["number", "null"]}}},
            False,
            id="properties",
        ),
        pytest.param(
            [{"name": "a", "type": "string", "mapping": "$.a"}, {"name": "b", "mapping": "$.b"}],
            {"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {}}},
            False,
            id="named outputs",
        ),
        pytest.param(
            [{"type": "string", "mapping": "$.a"}, {"type": "number", "mapping": "$.b"}],
            {},
            True,
            id="first of several",
        ),
    ],
)  # fmt: skip
def test_openapi_schema_of_a_value(
    declared: Any, schema: Any, may_be_response: bool
) -> None:
    """The schema of a REST response is that of the value, and says when it is sure."""
    assert value_schema(plan_of(declared)) == (schema, may_be_response)


@given(outputs)
def test_tools_and_rest_operations_have_one_schema(declared: Any) -> None:
    """MCP and OpenAPI describe a value alike; MCP wraps one that is no object."""
    plan = plan_of(declared)
    value, tool = value_schema(plan).schema, tool_output(plan)
    if tool is None:
        assert "type" not in value
    elif value["type"] == "object":
        assert tool.schema == value
    else:
        assert tool.schema["properties"] == {"result": value}


@pytest.mark.parametrize(
    ("declared", "values", "content"),
    [
        (
            [{"type": "number", "mapping": "$.n"}],
            [7, "8"],
            {"results": [7, 8], "result": 8},
        ),
        (
            [
                {
                    "name": "result",
                    "type": "array",
                    "items": {"type": "string", "mapping": "$"},
                    "mapping": "$.a",
                },
                {"name": "n", "type": "number", "mapping": "$.n"},
            ],
            [{"result": ["a"], "n": 1}, {"result": ["b"], "n": None}],
            {
                "results": [{"result": ["a"], "n": 1}, {"result": ["b"], "n": None}],
                "result": ["b"],
                "n": None,
            },
        ),
        (
            [
                {"name": "results", "type": "number", "mapping": "$.a"},
                {"name": "n", "type": "number", "mapping": "$.n"},
            ],
            [{"results": 1, "n": 1}, {"results": 2, "n": 2}],
            {"results": 2, "n": 2},
        ),
        (
            [
                {
                    "type": "array",
                    "mapping": "$",
                    "items": {"type": "number", "mapping": "$.n"},
                }
            ],
            [7, 8],
            {"result": [7, 8]},
        ),
    ],
    ids=["scalar", "members", "member called results", "list"],
)
def test_content_of_a_sequence_has_every_result(
    declared: Any, values: list[Any], content: Any
) -> None:
    """Where the schema describes one value, all stand beside it and match the schema."""
    described = tool_output(plan_of(declared))
    assert described is not None
    made = described.conform_all(values)
    assert made == content
    validate(made, described.schema)
