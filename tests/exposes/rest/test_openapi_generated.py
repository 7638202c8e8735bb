"""Property test: a REST adapter answers requests generated from its OpenAPI.

`schemathesis` reads `/openapi.json` and makes valid and malformed requests.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from naftiko.transport.messages import Response
from support.serving import operation, rest_app

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed"
)
checks = pytest.importorskip("schemathesis.checks")
openapi_checks = pytest.importorskip("schemathesis.specs.openapi.checks")

pytestmark = pytest.mark.slow

_STRICT = [
    {"name": "imo", "in": "path", "type": "string", "pattern": "^IMO-[0-9]+$"},
    {"name": "flag", "in": "query", "type": "string"},
    {"name": "limit", "in": "query", "type": "integer", "required": True},
    {"name": "deep", "in": "query", "type": "boolean"},
    {"name": "X-Tons", "in": "header", "type": "number"},
    {"name": "tags", "in": "query", "type": "array"},
]
_NAME = {"type": "object", "properties": {"n": {"type": "string", "mapping": "$.name"}}}
_FIELDS = [
    {"name": "name", "in": "body", "type": "string", "required": True},
    {"name": "tons", "in": "body", "type": "number", "value": "$.size.tons"},
]
_WHOLE = [{"type": "object", "mapping": "$."}]
_HELLO = [{"name": "text", "type": "string", "value": "Hello {{who}}"}]
_EXERCISED = [
    *operation("/ships/{imo}", call="api.list", inputParameters=_STRICT, outputParameters=[_NAME], name="strict"),
    *operation("/ships", "POST", call="api.build", inputParameters=_FIELDS, outputParameters=_WHOLE),
    *operation("/log", "POST", call="api.write"),
    *operation("/raw", call="api.list"),
    *operation("/upload", "POST", call="api.upload"),
    *operation("/table", call="api.table", outputParameters=[{"type": "array", "mapping": "$."}]),
    *operation("/hello/{who}", outputParameters=_HELLO),
    *operation("/missing", call="api.missing", name="missing"),
    {"path": "/proxy/{path}", "forward": {"targetNamespace": "api", "trustedHeaders": ["X-Trace"]}},
]  # fmt: skip


def _upstream(request: Any) -> Response:
    if request.url.endswith("/table"):
        return Response(200, {"Content-Type": "text/csv"}, b"a,b\n1,2\n")
    return Response(200, {"Content-Type": "application/json"}, b'{"name": "Ada"}')


_APP, _ = rest_app(_EXERCISED, _upstream)
_SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", _APP)


@_SCHEMA.parametrize()
@settings(
    max_examples=40,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_generated_requests_get_the_described_answers(case: Any) -> None:
    """Status and schema of each response are those of `/openapi.json`."""
    name = case.operation.definition.raw["operationId"]
    # Declared types are enforced in paths, queries and headers. A body is read more
    # tolerantly than described, and an inferred type is not enforced.
    excluded = [] if name == "strict" else [openapi_checks.negative_data_rejection]
    if name == "missing":
        excluded.append(checks.not_a_server_error)  # the operation answers 501
    if name.startswith("forward-"):
        excluded.append(
            openapi_checks.unsupported_method
        )  # OpenAPI cannot say "any method"
    case.call_and_validate(excluded_checks=excluded)
