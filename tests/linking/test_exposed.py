"""Calls, references, routes, steps and `with` of everything that a document exposes.

The cases with whole documents are in `tests/linking/cases/`.
"""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from support.building import document
from support.casefiles import cases
from support.linking import exposed
from support.reading import check
from support.records import said


@pytest.mark.parametrize("case", cases("linking/cases"))
def test_linking(case: dict[str, Any]) -> None:
    """Every call, `with`, route and name is checked, and nothing stops loading."""
    check(case)


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
    - {name: f, description: d, call: a.op}
    - {name: f, description: d, call: a.op}
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


OPERATIONS = [
    {"name": "get", "method": "GET", "inputParameters": [{"name": "q", "in": "query"}]},
    {"name": "put", "method": "PUT", "body": {"data": {"fixed": 1, "a": "{{a}}"}}},
    {"name": "drop", "method": "DELETE"},
    {"name": "post", "method": "POST"},
]


def _noted(
    *adapters: Any, strict: bool = False, **more: Any
) -> list[tuple[str, str, str, str]]:
    """Link a document that exposes adapters; return code, place, message and hint."""
    data = document(
        consumes={"namespace": "api"},
        resource={"path": "/x/{id}", "operations": OPERATIONS},
        **{key: more.pop(key) for key in ("binds",) if key in more},
    )
    data["capability"] |= {
        "exposes": [{"port": 0, "namespace": "n", **adapter} for adapter in adapters],
        **more,
    }
    found = exposed(data, strict=strict)
    return [
        (code, place.removeprefix("/capability"), message, finding.hint)
        for (code, place, message), finding in zip(
            said(found), found.noted, strict=True
        )
    ]


def _tool(strict: bool = False, **tool: Any) -> list[tuple[str, str, str, str]]:
    noted = _noted({"type": "mcp", "tools": [{"name": "t", **tool}]}, strict=strict)
    place = "/exposes/0/tools/0"
    return [(code, at.removeprefix(place), *more) for code, at, *more in noted]


def test_function_that_fits_is_not_noted() -> None:
    """Nothing is said of calls, arguments and paths that the document declares."""
    assert _tool(call="api.get", **{"with": {"id": "n.id", "q": "tools.q"}}) == []
    assert _tool(outputParameters=[{"name": "a", "value": "fixed"}]) == []


def test_path_of_a_rest_input_is_checked() -> None:
    """The `value` of an input in the body must be a JSONPath; elsewhere it is a text."""
    inputs = [
        {"name": "q", "in": "body", "value": "$.x["},
        {"name": "a", "in": "body", "value": "$.ship.name"},
        {"name": "h", "in": "header", "value": "$.x["},
    ]
    unit = {"method": "GET", "call": "api.post", "inputParameters": inputs}
    noted = _noted(
        {"type": "rest", "resources": [{"path": "/x", "operations": [unit]}]}
    )
    assert [(code, at) for code, at, *_ in noted if code == "U-output-path"] == [
        (
            "U-output-path",
            "/exposes/0/resources/0/operations/0/inputParameters/0/value",
        )
    ]


@pytest.mark.parametrize(
    ("output", "at"),
    [
        ({"name": "a", "value": "$.x[?(@.a = 1)]"}, "/0/value"),
        ({"mapping": "$.x[?(@.a = 1)]"}, "/0/mapping"),
        ({"type": "array", "items": {"mapping": "$.x[?]"}}, "/0/items/mapping"),
        ({"properties": {"p": {"mapping": "$..["}}}, "/0/properties/p/mapping"),
        # Without a name, and inside of an object, a value is a text.
        ({"value": "$.x[?(@.a = 1)]"}, None),
        ({"properties": {"p": {"name": "p", "value": "$.x["}}}, None),
    ],
)
def test_path_of_an_exposed_output_is_checked(output: Any, at: str | None) -> None:
    """A fault inside a filter is found when the document is read, at any depth."""
    unit = {"name": "t", "description": "", "call": "api.get"}
    noted = _noted({"type": "mcp", "tools": [{**unit, "outputParameters": [output]}]})
    found = [place for code, place, *_ in noted if code == "U-output-path"]
    assert found == ([f"/exposes/0/tools/0/outputParameters{at}"] if at else [])


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        ("api.gte", "'api.gte' names no declared operation", "did you mean 'api.get'?"),
        (
            "api.nothing-at-all",
            "'api.nothing-at-all' names no declared operation",
            "'api' has: api.get, api.put, api.drop, api.post",
        ),
        (
            "apis.get",
            "'apis.get' names no declared namespace",
            "did you mean 'api.get'?",
        ),
        (
            "apis.other",
            "'apis.other' names no declared namespace",
            "did you mean the namespace 'api'?",
        ),
        ("get", "'get' names no declared namespace", "did you mean 'api.get'?"),
        ("far.away", "'far.away' names no declared namespace", "declared: api"),
    ],
)
def test_call_of_nothing_names_what_is_near(call: str, message: str, hint: str) -> None:
    """A call that names nothing is told the operation or namespace it may mean."""
    assert _tool(call=call) == [("U-call-unresolved", "/call", message, hint)]


def test_call_of_an_import_that_is_not_there() -> None:
    """A call into a missing import is told of the import, not of other names."""
    data = document()
    data["capability"]["consumes"].append({"import": "crm", "location": "./crm.yaml"})
    tool = {"name": "t", "call": "crm.list"}
    data["capability"]["exposes"] = [{"type": "mcp", "namespace": "n", "tools": [tool]}]
    (finding,) = exposed(data).noted
    assert finding.message == "'crm.list' names no declared namespace"
    assert finding.hint == "'crm' is imported from ./crm.yaml, which is not available"


@pytest.mark.parametrize(
    ("unit", "message", "hint"),
    [
        ({}, "the tool 't' calls nothing", "add `call: namespace.operation`"),
        (
            {"operation": "api.get"},
            "the tool 't' calls nothing",
            "write `call` instead of `operation`: `call: namespace.operation`",
        ),
    ],
)
def test_unit_that_calls_nothing_is_noted(unit: Any, message: str, hint: str) -> None:
    """A unit without call, reference, steps and static outputs cannot run."""
    assert _tool(**unit) == [("U-unit-without-call", "", message, hint)]


def test_unit_without_a_name_is_called_by_its_route() -> None:
    """A REST operation without a name is told by its method and path."""
    operations = [{"method": "GET"}]
    adapter = {"type": "rest", "resources": [{"path": "/a", "operations": operations}]}
    ((code, _, message, _),) = _noted(adapter)
    assert code == "U-unit-without-call"
    assert message == "the REST operation 'GET /a' calls nothing"


@pytest.mark.parametrize(
    ("arguments", "noted"),
    [
        ({"id": "1", "qq": "1"}, ("'api.get' takes no argument 'qq'", "did you mean 'q'?")),
        ({"id": "1", "zzz": "1"}, ("'api.get' takes no argument 'zzz'", "It takes: q, id.")),
    ],
)  # fmt: skip
def test_argument_that_a_call_does_not_take(arguments: Any, noted: Any) -> None:
    """A key of `with` that goes nowhere is noted, also in a step."""
    (name,) = (name for name in arguments if name != "id")
    place = ("W-with-target", f"/with/{name}", *noted)
    assert _tool(call="api.get", **{"with": arguments}) == [place]
    step = {"type": "call", "name": "s", "call": "api.get", "with": arguments}
    ((code, at, *rest),) = _tool(steps=[step])
    assert (code, at, tuple(rest)) == ("W-with-target", f"/steps/0/with/{name}", noted)


@pytest.mark.parametrize(
    ("call", "name", "message"),
    [
        ("api.put", "fixed", "'fixed' overrides a fixed field of the body"),
        ("api.put", "b", "'api.put' takes no argument 'b'"),
        ("api.post", "b", "'api.post' declares no 'b'; it becomes a field of the body"),
    ],
)
def test_argument_of_a_call_with_a_body(call: str, name: str, message: str) -> None:
    """A key may override a field of a described body, or be one of an open body."""
    ((code, at, told, _),) = _tool(call=call, **{"with": {"id": "1", name: "1"}})
    assert (code, at, told) == ("W-with-target", f"/with/{name}", message)


def test_source_that_a_tool_does_not_declare() -> None:
    """A tool that declares arguments has to declare those that it passes on."""
    declared = [{"name": "ship", "type": "string"}]
    for source, noted in (
        ("tools.ship", []),
        ("n.ship", []),
        (
            "tools.shp",
            [("the tool 't' declares no argument 'shp'", "did you mean 'ship'?")],
        ),
        (
            "n.z",
            [
                (
                    "the tool 't' declares no argument 'z'",
                    "add it to `inputParameters`; it is inferred",
                )
            ],
        ),
    ):
        given = {"with": {"id": source}, "inputParameters": declared}
        found = _tool(call="api.get", **given)
        assert found == [("W-with-source", "/with/id", *told) for told in noted]


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("env.TOKEN", "write '{{TOKEN}}'"),
        (
            {"a": "b"},
            "its texts are resolved; describe it in the body of the operation instead",
        ),
    ],
)
def test_value_that_is_no_plain_reference(value: Any, hint: str) -> None:
    """A bare variable and a structure work, and are noted."""
    message = "the value of 'id' is not a plain reference or text"
    expected = [("W-with-value", "/with/id", message, hint)]
    assert _tool(call="api.get", **{"with": {"id": value}}) == expected


@pytest.mark.parametrize(
    ("step", "place", "message", "hint"),
    [
        ({"type": "call"}, "", "the step 's' calls nothing", "add `call: namespace.operation`"),
        ({"type": "call", "call": "api.gte"}, "/call", "'api.gte' names no declared operation", "did you mean 'api.get'?"),
        ({"type": "lookup", "index": "firsto"}, "/index", "the lookup names no earlier step 'firsto'", "did you mean 'first'?"),
        ({"type": "lookup", "index": "s"}, "/index", "the lookup names no earlier step 's'", "earlier: first"),
        ({"type": "lookup"}, "", "the lookup names no earlier step ''", "earlier: first"),
        ({"type": "loop"}, "", "the step 's' has the unknown type 'loop'", "a step is a call, a lookup or a script"),
        ({}, "", "the step 's' has the unknown type ''", "a step is a call, a lookup or a script"),
        (
            {"type": "script", "language": "python", "file": "s.py", "location": "file:///./"},
            "",
            "the script of step 's' is written in 'python', which cannot be run safely here",
            "write it in javascript",
        ),
        (
            {"type": "lookup", "index": "first", "lookupValue": "$.first[0]"},
            "/lookupValue",
            "'$.first[0]' is not a step path",
            "write $.<step>, $.<step>.<field> or $.<step>.<index>; no brackets or wildcards",
        ),
    ],
)  # fmt: skip
def test_step_that_cannot_run_is_noted(
    step: Any, place: str, message: str, hint: str
) -> None:
    """A step is checked against its type and the steps before it."""
    first = {"type": "call", "name": "first", "call": "api.get"}
    ((_, at, *told),) = _tool(steps=[first, {"name": "s", **step}])
    assert (at, told) == (f"/steps/1{place}", [message, hint])


def test_mapping_of_a_step_is_a_step_path() -> None:
    """A mapping takes a step, or a field of one; nothing else."""
    step = {"type": "call", "name": "s", "call": "api.get"}
    for value, noted in (("$.s", False), ("$.s.a.b", False), ("s", True), ("$", True)):
        mapping = {"targetName": "t", "value": value}
        found = _tool(steps=[step], mappings=[mapping])
        message = f"'{value}' is not a step path"
        assert [told[1:3] for told in found] == (
            [("/mappings/0/value", message)] if noted else []
        )


def test_route_of_one_shape_is_declared_twice() -> None:
    """Placeholders have no name, methods no case, in what makes two routes one."""
    routes = [
        ("GET", "/a/{id}"),
        ("get", "a/{{other}}"),
        ("POST", "/a/{id}"),
        ("", "/a/{b}"),
    ]
    resources = [
        {
            "path": path,
            "operations": [{"method": method, "call": "api.get", "with": {"id": "1"}}],
        }
        for method, path in routes
    ]
    noted = _noted({"type": "rest", "resources": resources})
    assert [(code, message) for code, _, message, _ in noted] == [
        ("W-route-duplicate", "get a/{{other}} is declared twice; the first one wins"),
        (
            "W-input-unused",
            "the placeholder '{other}' of a/{{other}} goes nowhere: 'api.get' takes no"
            " argument of that name",
        ),
        ("W-route-duplicate", " /a/{b} is declared twice; the first one wins"),
        (
            "W-input-unused",
            "the placeholder '{b}' of /a/{b} goes nowhere: 'api.get' takes no argument"
            " of that name",
        ),
    ]


def test_tool_that_deletes_is_told_to_say_so() -> None:
    """Only a strict check asks for the hint of a tool."""
    given = {"id": "tools.id"}
    message = "the tool 't' deletes without a hint"
    hint = "add `hints: {destructive: true}`"
    assert _tool(call="api.drop", **{"with": given}) == []
    for hints in ({}, {"destructive": False}):
        noted = _tool(strict=True, call="api.drop", hints=hints, **{"with": given})
        assert noted == [("S-hint", "", message, hint)]
    assert (
        _tool(
            strict=True, call="api.drop", hints={"destructive": True}, **{"with": given}
        )
        == []
    )


def test_path_argument_that_a_route_does_not_offer() -> None:
    """A route without the placeholder is told what the path of its call needs."""
    operations = [{"method": "GET", "call": "api.get"}]
    for path, noted in (("/a/{id}", []), ("/a/{{id}}", []), ("/a/{i}", ["id"])):
        adapter = {
            "type": "rest",
            "resources": [{"path": path, "operations": operations}],
        }
        told = f"GET {path} does not offer id, which 'api.get' needs in its path"
        found = [message for _, _, message, _ in _noted(adapter)]
        assert found == [told for _ in noted]


def test_variable_of_exposed_authentication_has_to_be_bound() -> None:
    """An adapter whose secret no bind declares would let in any variable of the shell."""
    adapter = {
        "type": "mcp",
        "tools": [{"name": "t", "call": "api.get", "with": {"id": "1"}}],
        "authentication": {"type": "bearer", "token": "{{token}}"},
    }
    message = (
        "the mcp adapter 'n' cannot be served: its authentication: `token` needs"
        " 'token', which no bind declares"
    )
    hint = "binds: [{namespace: env, keys: {token: token}}]"
    place = "/exposes/0/authentication/token"
    assert _noted(adapter) == [("U-auth-variable", place, message, hint)]
    binds = [{"namespace": "env", "keys": {"token": "TOKEN"}}]
    assert _noted(adapter, binds=binds) == []


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ({"sourceNamespace": "tool", "action": "t"}, "no adapter has the namespace 'tool'", "did you mean 'tools'?"),
        ({"sourceNamespace": "s", "action": "t"}, "no adapter has the namespace 's'", "declared: tools"),
        ({"sourceNamespace": "tools", "action": "find-al"}, "'tools' has no tool or operation 'find-al'", "did you mean 'find-all'?"),
        ({"sourceNamespace": "tools", "action": "z"}, "'tools' has no tool or operation 'z'", "it has: find-all"),
    ],
)  # fmt: skip
def test_skill_that_points_nowhere_is_noted(
    source: Any, message: str, hint: str
) -> None:
    """A skill refers to tools of sibling adapters, not to those of skills."""
    tool = {"name": "find-all", "call": "api.get", "with": {"id": "1"}}
    noted = _noted(
        {"type": "mcp", "namespace": "tools", "tools": [tool]},
        {"type": "skill", "namespace": "s", "skills": [{"name": "k", "tools": [{"from": source}]}]},
    )  # fmt: skip
    place = "/exposes/1/skills/0/tools/0/from"
    assert noted == [("U-call-unresolved", place, message, hint)]


def test_reference_names_an_aggregate_function() -> None:
    """A `ref` is compared with the functions of all aggregates."""
    aggregates = [
        {
            "namespace": "g",
            "functions": [{"name": "f", "call": "api.get", "with": {"id": "1"}}],
        }
    ]
    for ref, noted in (
        ("g.f", []),
        ("g.z", [("no aggregate function is called 'g.z'", "did you mean 'g.f'?")]),
        ("far", [("no aggregate function is called 'far'", "declared: g.f")]),
    ):
        tools = [{"name": "t", "ref": ref}]
        found = _noted({"type": "mcp", "tools": tools}, aggregates=aggregates)
        place = "/exposes/0/tools/0/ref"
        assert found == [("U-call-unresolved", place, *told) for told in noted]
