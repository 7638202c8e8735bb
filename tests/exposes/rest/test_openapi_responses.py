"""Responses and problems in the description of a REST adapter."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from naftiko.exposes.http.answers import MEDIA_TYPES
from naftiko.exposes.http.problems import HttpProblem
from naftiko.exposes.options import Options
from naftiko.exposes.rest.openapi_responses import PROBLEM, Responses
from naftiko.functions.arguments import MISSING, WrongArgument
from support.describing import described_by, described_operation
from support.serving import operation


def test_answer_without_end_is_a_line_for_each_value() -> None:
    """NDJSON is described where a call can ask for an answer without end."""
    output = {
        "type": "object",
        "properties": {"id": {"type": "string", "mapping": "$.id"}},
    }
    tail = {
        "name": "tail", "method": "GET",
        "inputParameters": [{"name": "follow", "in": "query"}],
    }  # fmt: skip
    log = {"name": "log", "path": "/log", "operations": [tail]}
    for name, kinds in (("tail", [*MEDIA_TYPES, "application/x-ndjson"]), ("get", [])):
        get = {**log, "operations": [{"name": "get", "method": "GET"}], "path": "/get"}
        described = described_by(
            operation("/x", call=f"api.{name}", outputParameters=[output]),
            consumes={"resources": [log, {**get, "name": "get"}]},
        )
        content = described_operation(described)["responses"]["200"]["content"]
        assert list(content) == (kinds or [*MEDIA_TYPES])


def test_success_has_the_schema_of_the_outputs() -> None:
    """The schema of each declared output allows null."""
    outputs = [
        {
            "type": "object",
            "properties": {
                "id": {"type": "string", "mapping": "$.id", "description": "The id."},
                "tags": {
                    "type": "array",
                    "mapping": "$.tags",
                    "items": {"type": "string", "mapping": "$.name"},
                },
                "by": {
                    "type": "object",
                    "mapping": "$.by",
                    "values": {"type": "number", "mapping": "$.n"},
                },
                "any": {"type": "object", "mapping": "$.any"},
                "null": None,
            },
        }
    ]
    described = described_by(operation("/x", call="api.list", outputParameters=outputs))
    content = described_operation(described)["responses"]["200"]["content"]
    assert list(content) == ["application/json", "application/yaml"]
    assert content["application/json"]["schema"] == {
        "type": "object",
        "properties": {
            "id": {"type": ["string", "null"], "description": "The id."},
            "tags": {
                "type": ["array", "null"],
                "items": {"type": ["string", "null"]},
            },
            "by": {
                "type": ["object", "null"],
                "additionalProperties": {"type": ["number", "null"]},
            },
            "any": {},
            "null": {},
        },
    }


@pytest.mark.parametrize(
    ("unit", "schema", "others"),
    [
        ({"call": "api.list"}, None, True),
        (
            {"call": "api.list", "outputParameters": [{"type": "object", "mapping": "$."}]},
            {},
            False,
        ),
        (
            {"call": "api.list", "outputParameters": [{"type": "string", "mapping": "$.a"}]},
            {"type": ["string", "null"]},
            True,
        ),
        (
            {
                "call": "api.list",
                "outputParameters": [
                    {"name": "a", "type": "string", "mapping": "$.a"},
                    {"name": "b", "type": "number", "mapping": "$.b"},
                ],
            },
            {
                "type": "object",
                "properties": {
                    "a": {"type": ["string", "null"]},
                    "b": {"type": ["number", "null"]},
                },
            },
            False,
        ),
        (
            {"outputParameters": [{"name": "a", "type": "string", "value": "x"}]},
            {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
            False,
        ),
    ],
    ids=["raw", "identity", "scalar", "named", "mock"],
)  # fmt: skip
def test_passed_on_response_may_have_any_media_type(
    unit: Any, schema: Any, others: bool
) -> None:
    """A response that outputs do not replace is passed on, with any content."""
    described = described_by(operation("/x", **unit))
    content = described_operation(described)["responses"]["200"]["content"]
    assert ("*/*" in content) == others
    if schema is not None:
        assert content["application/json"]["schema"] == schema


def test_statuses_of_each_operation_are_described() -> None:
    """`responses` has every status that an operation can answer, and no other."""
    described = described_by(
        [
            *operation("/call", call="api.list"),
            *operation("/post", "POST", call="api.build"),
            *operation("/mock", outputParameters=[{"name": "a", "value": "x"}]),
            *operation("/gone", call="api.gone"),
        ],
        options=Options(variable_headers={"TOKEN": "X-Token"}),
        consumes={"authentication": {"type": "bearer", "token": "{{TOKEN}}"}},
    )

    def statuses(path: str, method: str = "get") -> str:
        return " ".join(
            sorted(described_operation(described, path, method)["responses"])
        )

    assert statuses("/call") == "200 2XX 400 401 4XX 500 502 503 504"
    assert statuses("/post", "post") == "200 2XX 400 401 413 415 4XX 500 502 503 504"
    assert statuses("/mock") == "200 400 406 500 503"
    assert statuses("/gone") == "501"


def test_problem_is_described_once_for_all_operations() -> None:
    """An operation refers to the problems that it has; each is described once."""
    responses = Responses()
    assert responses.components == {}
    assert responses.problems([503, 400]) == {
        "503": {"$ref": "#/components/responses/Problem503"},
        "400": {"$ref": "#/components/responses/Problem400"},
    }
    responses.problems(iter([404, 400]))
    assert list(responses.components) == ["Problem400", "Problem404", "Problem503"]


@pytest.mark.parametrize(
    ("status", "description"),
    [
        (404, "Nothing is served at this path."),
        (413, "The request body is too large."),
        (
            502,
            "The upstream API failed, or The upstream API gave no response.",
        ),
        (
            503,
            "Too many requests at the same time, or This request may have ended a"
            " process of the server, or The server stops, or The credentials cannot be"
            " checked at the moment.",
        ),
    ],
)
def test_problem_says_what_its_status_means(status: int, description: str) -> None:
    """A status of several problems names each; only 503 says when to try again."""
    responses = Responses()
    responses.problems([status])
    response = responses.components[f"Problem{status}"]
    assert response["description"] == description
    assert list(response["content"]) == ["application/problem+json"]
    assert ("headers" in response) == (status == 503)


def test_forwarded_resource_answers_what_the_api_does() -> None:
    """A forwarded answer is anything, beside the problems of forwarding."""
    described = Responses().of_forward()
    assert described["default"] == {
        "description": "What the API answers.",
        "content": {"*/*": {"schema": {}}},
    }
    assert sorted(described) == ["400", "413", "500", "502", "503", "504", "default"]


def test_status_that_the_api_may_answer_too_has_any_content() -> None:
    """A 400 may be of the server or of the API; that of a mock is of the server."""
    described = described_by(
        [
            *operation("/call", call="api.list"),
            *operation("/mock", outputParameters=[{"name": "a", "value": "x"}]),
        ]
    )
    call = described_operation(described, "/call")["responses"]["400"]
    mock = described_operation(described, "/mock")["responses"]["400"]
    assert list(call["content"]) == ["application/problem+json", "*/*"]
    assert mock == {"$ref": "#/components/responses/Problem400"}
    # The shared description of the status stays that of the server.
    shared = described["components"]["responses"]["Problem400"]
    assert list(shared["content"]) == ["application/problem+json"]


def test_problem_matches_its_schema() -> None:
    """A problem with everything that it can have is one that the schema describes."""
    wrong = (WrongArgument("a", "query", "is missing", MISSING),)
    problem = HttpProblem(
        "arguments", "detail", "hint", wrong, members={"upstreamStatus": 404}
    )
    for document in (problem.document("id"), HttpProblem("failed").document()):
        Draft202012Validator(PROBLEM).validate(document)
        assert document.keys() <= PROBLEM["properties"].keys()
    keys = problem.document("id")["errors"][0].keys()
    assert keys <= PROBLEM["properties"]["errors"]["items"]["properties"].keys()
