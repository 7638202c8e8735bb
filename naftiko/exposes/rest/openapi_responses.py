"""The outcomes of an operation -> OpenAPI responses.

An operation that calls an API has its values, the statuses that the API may answer, and
the problems of this server::

    "200": {"description": "Success.", "content": {"application/json": {…}}}
    "4XX": {"description": "The upstream API refused the request; …"}
    "503": {"$ref": "#/components/responses/Problem503"}

This module must not know paths or parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.exposes.http.answers import MEDIA_TYPES
from naftiko.exposes.http.problems import KINDS, PROBLEM_TYPE
from naftiko.exposes.rest.openapi_inputs import ANY_CONTENT
from naftiko.exposes.rest.passing import NDJSON_TYPE
from naftiko.functions.schemas.outputs import value_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.exposes.rest.endpoint import Endpoint
    from naftiko.plain import JSON

UPSTREAM_STATUSES = (500, 502, 503, 504)
#: Statuses of this server that the upstream API may answer too, with any content.
_SHARED_STATUSES = ("400", "401", "406", "413", "415")
_PROBLEM_SCHEMA: JSON = {"schema": {"$ref": "#/components/schemas/Problem"}}

#: The JSON Schema of a problem document.
PROBLEM: dict[str, JSON] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "hint": {"type": "string", "description": "What to do about it."},
        "code": {"type": "string"},
        "requestId": {"type": "string"},
        "upstreamStatus": {"type": "integer"},
        "upstreamMessage": {
            "type": "string",
            "description": "What the upstream API said; secrets in it are masked.",
        },
        "errors": {
            "type": "array",
            "description": "Every argument that is wrong.",
            "items": {
                "type": "object",
                "required": ["name", "detail"],
                "properties": {
                    "name": {"type": "string"},
                    "in": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


class Responses:
    """The responses of one adapter; notes which problems its operations have."""

    def __init__(self) -> None:
        self._statuses: set[int] = set()

    @property
    def components(self) -> dict[str, JSON]:
        """The shared responses, one for each status of a problem."""
        return {
            f"Problem{status}": _problem_response(status)
            for status in sorted(self._statuses)
        }

    def problems(self, statuses: Iterable[int]) -> dict[str, JSON]:
        """Return the problems with these statuses."""
        statuses = list(statuses)
        self._statuses.update(statuses)
        return {
            str(status): {"$ref": f"#/components/responses/Problem{status}"}
            for status in statuses
        }

    def of_forward(self) -> dict[str, JSON]:
        """Return the responses of a forwarded resource."""
        return {
            "default": {
                "description": "What the API answers.",
                "content": ANY_CONTENT,
            },
            **self.problems((400, 413, *UPSTREAM_STATUSES)),
        }

    def of(
        self, endpoint: Endpoint, *, needs_credentials: bool, can_be_unusable: bool
    ) -> dict[str, JSON]:
        """Return the responses of an operation.

        Args:
            endpoint: The operation.
            needs_credentials: A request can be refused with 401.
            can_be_unusable: An operation that it calls can be refused with 501.
        """
        calls = not endpoint.is_mock
        content = _value_content(endpoint)
        statuses = [400, 503]
        if endpoint.is_negotiated:
            statuses.append(406)
        if endpoint.reader.reads_body:
            statuses += [413, 415]
        if needs_credentials:
            statuses.append(401)
        statuses += UPSTREAM_STATUSES if calls else [500]
        if calls and can_be_unusable:
            statuses.append(501)
        problems = self.problems(sorted(set(statuses)))
        if calls:
            for status in _SHARED_STATUSES:
                if status in problems:
                    problems[status] = _shared_response(int(status))
        return {
            "200": {"description": "Success.", "content": content},
            **(_upstream_responses(content) if calls else {}),
            **problems,
        }


def _value_content(endpoint: Endpoint) -> dict[str, JSON]:
    """Return the content of a success: media type → schema of the value."""
    if not endpoint.is_negotiated:
        return ANY_CONTENT
    value = value_schema(endpoint.plan)
    content: dict[str, JSON] = {kind: {"schema": value.schema} for kind in MEDIA_TYPES}
    operation = endpoint.plan.operation
    if endpoint.is_open and operation is not None and operation.may_follow:
        lines = "A line of JSON for each value of an answer without end (NDJSON)."
        content[NDJSON_TYPE] = {"schema": {"type": "string", "description": lines}}
    if value.may_be_response:
        content["*/*"] = {"schema": {}}
    return content


def _upstream_responses(content: dict[str, JSON]) -> dict[str, JSON]:
    """Return the responses whose status comes from the upstream API."""
    return {
        "2XX": {
            "description": "Another success of the upstream API, with its status.",
            "content": {**content, "*/*": {"schema": {}}},
        },
        "4XX": {
            "description": "The upstream API refused the request; its status, and"
            " what it said.",
            "content": {PROBLEM_TYPE: _PROBLEM_SCHEMA, "*/*": {"schema": {}}},
        },
    }


def _problem_response(status: int) -> dict[str, JSON]:
    titles = [title for code, title in KINDS.values() if code == status]
    response: dict[str, JSON] = {
        "description": ", or ".join(dict.fromkeys(titles)) + ".",
        "content": {PROBLEM_TYPE: _PROBLEM_SCHEMA},
    }
    if status == 503:
        response["headers"] = {"Retry-After": {"schema": {"type": "string"}}}
    return response


def _shared_response(status: int) -> dict[str, JSON]:
    response = _problem_response(status)
    response["content"] = {**response["content"], "*/*": {"schema": {}}}
    return response
