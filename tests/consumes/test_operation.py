"""`Operation`: what it says about itself, as data and as a page."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.consumes.layout import compile_layout
from naftiko.consumes.operation import Operation
from naftiko.document.findings import Finding
from naftiko.document.rules import METHOD
from naftiko.document.source import read_text
from naftiko.errors import Location
from naftiko.expressions import Scope
from naftiko.spec.model import Body, Consumes, InputParameter, OperationSpec
from support.building import capability

FINDING = Finding(METHOD, ("method",), "'X Y' is no HTTP method", "use GET")


def operation(*findings: Finding, **fields: Any) -> Operation:
    """Return an operation of a record with these fields, without a document."""
    spec = OperationSpec(Consumes("api", "http://h"), "op", "r", "GET", "/x", **fields)
    return Operation(
        spec, compile_layout(spec, Scope()), ref="api.r.op", findings=findings
    )


def test_operation_without_a_document_has_no_location() -> None:
    """An operation of plain data has problems all the same, at the first line."""
    shown = operation(FINDING)
    assert shown.location is None
    (problem,) = shown.problems
    assert problem == naftiko.Problem(
        METHOD.code, "error", FINDING.message, "use GET", "/method", file="<data>"
    )
    assert operation().problems == ()


def test_problem_of_an_operation_has_its_place() -> None:
    """The place of an operation and of its problems is that in its document."""
    text = "a: 1\nconsumes:\n- method: X Y\n"
    place = ("consumes", 0)
    spec = OperationSpec(Consumes("api", ""), "op", "", "X Y", "/x", path=place)
    finding = FINDING._replace(path=(*place, "method"))
    shown = Operation(
        spec,
        compile_layout(spec, Scope()),
        ref="api.op",
        findings=(finding,),
        document=read_text(text, "f.yaml"),
    )
    assert shown.location == Location("f.yaml", 3, 3)
    assert shown.problems[0].location == Location("f.yaml", 3, 11)
    assert shown.problems is shown.problems


def test_operation_as_data() -> None:
    """The data has a type for each parameter, and holds no record."""
    shown = operation(
        description="Does it.",
        parameters=(
            InputParameter("q", "query", "integer", True, "Which."),
            InputParameter("v", "query", value="1"),
            InputParameter("h", "header"),
        ),
    )
    assert shown.as_dict() == {
        "ref": "api.r.op",
        "namespace": "api",
        "resource": "r",
        "name": "op",
        "method": "GET",
        "path": "/x",
        "description": "Does it.",
        "parameters": [
            {
                "name": "q",
                "in": "query",
                "type": "integer",
                "required": True,
                "description": "Which.",
            },
            {
                "name": "h",
                "in": "header",
                "type": "any",
                "required": False,
                "description": "",
            },
        ],
    }


def test_notes_of_an_operation_are_those_that_hold() -> None:
    """A plain GET is safe, and no more is said about it."""
    html = operation()._repr_html_()
    assert html.startswith("<p><b>api.r.op</b> <code>GET /x</code><br><br>safe</p>")
    open_body = Body("json", "", is_open=True)
    html = operation(FINDING, body=open_body)._repr_html_()
    assert "<br>safe; body: not described: give a JSON value" in html
    assert "; cannot be called: &#x27;X Y&#x27; is no HTTP method</p>" in html


def test_operation_is_shown_escaped() -> None:
    """No text of a document is markup in the page of an operation."""
    parameter = {"name": "<i>", "in": "query"}
    api = capability({"description": "<b>bold</b>", "inputParameters": [parameter]})
    shown = api.operations["api.op"]
    assert repr(shown) == "<Operation api.op: GET /x>"
    html = shown._repr_html_()
    assert "&lt;b&gt;bold" in html
    assert "<b>bold" not in html
    assert "&lt;i&gt;" in html


def test_an_operation_is_shown_as_data_and_as_a_page() -> None:
    """An operation describes itself without being called."""
    api = capability(
        {
            "name": "op",
            "method": "PUT",
            "description": "Does it.",
            "inputParameters": [
                {
                    "name": "id",
                    "in": "path",
                    "type": "integer",
                    "description": "Which.",
                },
                {"name": "q", "in": "query", "required": True},
                {"name": "v", "in": "query", "value": "1"},
            ],
            "body": {"type": "json", "data": {"a": "{{tools.x}}", "b": "t {{y}}"}},
            "outputParameters": [{"name": "n", "type": "string", "value": "$.n"}],
        },
        resource={"name": "things", "path": "/things/{id}"},
        consumes={"authentication": {"type": "apikey", "key": "K", "value": "v"}},
    )
    operation = api.operations["api.op"]
    shown = (
        operation.ref, operation.namespace, operation.name, operation.resource,
        operation.method, operation.path, operation.description, operation.auth,
        operation.body, operation.is_safe, operation.is_idempotent, operation.takes_body,
    )  # fmt: skip
    assert shown == (
        "api.op", "api", "op", "things", "PUT", "/things/{id}", "Does it.", "apikey",
        "application/json: a, b", False, True, False,
    )  # fmt: skip
    assert [
        (p.name, p.in_, p.type, p.required, p.description) for p in operation.parameters
    ] == [
        ("id", "path", "integer", True, "Which."),
        ("q", "query", "", True, ""),
        ("x", "body", "", False, ""),
        ("y", "body", "", True, ""),
    ]
    assert [(o.name, o.type, o.value) for o in operation.output_parameters] == [
        ("n", "string", "$.n")
    ]
    assert operation.as_dict()["parameters"][1]["type"] == "any"


@pytest.mark.parametrize(
    ("method", "safe", "idempotent"),
    [
        ("GET", True, True), ("HEAD", True, True), ("PUT", False, True),
        ("DELETE", False, True), ("POST", False, False), ("PATCH", False, False),
    ],
)  # fmt: skip
def test_safe_and_idempotent(method: str, safe: bool, idempotent: bool) -> None:
    """Both are told by the method alone (RFC 9110, 9.2)."""
    operation = capability({"method": method}).operations["api.op"]
    assert (operation.is_safe, operation.is_idempotent) == (safe, idempotent)
    assert operation.takes_body is (method in ("POST", "PUT", "PATCH"))


def test_a_notebook_shows_an_operation_as_a_page() -> None:
    """The page of an operation names authentication, body, outputs and what is wrong."""
    api = capability(
        {
            "method": "PUT",
            "body": {"type": "json", "data": {"a": "{{a}}"}},
            "outputParameters": [{"name": "a", "type": "object", "value": "$.x"}],
            "inputParameters": [{"name": "id", "in": "path"}],
        },
        consumes={"authentication": {"type": "bearer", "token": "t"}},
    )
    html = api.operations["api.op"]._repr_html_()
    for words in (
        "can be repeated",
        "authentication: bearer",
        "body: application/json: a",
        "outputs: a ($.x)",
        "cannot be called: the path",
    ):
        assert words in html


def test_operation_lacks_what_it_requires_and_is_not_offered() -> None:
    """What the environment gives is never lacking."""
    parameters = (
        InputParameter("a", "query", required=True),
        InputParameter("b", "query"),
        InputParameter("c", "environment", required=True),
        InputParameter("d", "header", required=True),
    )
    found = operation(parameters=parameters)
    assert found.lacking(()) == ["a", "d"]
    assert found.lacking({"a", "x"}) == ["d"]
    assert found.lacking(["d", "a"]) == []


@pytest.mark.parametrize(
    ("path", "method", "given", "expected"),
    [
        ("/logs", "GET", {"follow": "true"}, True),
        ("/logs", "GET", {"follow": "1", "tail": "2"}, True),
        ("/logs", "GET", {"follow": "false"}, False),
        ("/logs", "GET", {}, False),
        ("/chat", "POST", {"stream": True}, True),
        ("/c/1/stats", "GET", {}, True),
        ("/c/1/stats", "GET", {"stream": False}, False),
        ("/c/1/stats", "GET", {"stream": None}, True),
        ("/events", "GET", {}, True),
        ("/events", "POST", {}, False),
        ("/", "GET", {}, False),
    ],
)
def test_call_for_an_answer_without_end_is_known(
    path: str, method: str, given: dict[str, Any], expected: bool
) -> None:
    """Arguments such as `follow` ask for it, and so do paths such as `/events`."""
    loaded = capability({"method": method, "resourcePath": path})
    assert loaded.operations.find("api.op").follows(given) is expected


@pytest.mark.parametrize(
    ("path", "names", "expected"),
    [
        ("/logs", ["tail", "Follow"], True),
        ("/logs", ["tail"], False),
        ("/stats", [], True),
    ],
)
def test_operation_that_may_answer_without_end_is_known(
    path: str, names: list[str], expected: bool
) -> None:
    """A parameter such as `follow` can ask for it, whatever a call gives."""
    inputs = [{"name": name, "in": "query"} for name in names]
    loaded = capability({"resourcePath": path, "inputParameters": inputs})
    assert loaded.operations.find("api.op").may_follow is expected
