"""Resources that a call reads; `cases/resources.yaml` tests the other resources."""

from __future__ import annotations

import pytest

from naftiko.exposes.mcp.resources import UriTemplate
from naftiko.exposes.options import Options
from support.asgi_client import AsyncStub
from support.mcp_http import (
    modern,
    one,
)
from support.mcping import mcp_app


def _keys(upstream: AsyncStub) -> list[str | None]:
    return [request.headers.get("X-Key") for request in upstream.requests]


def test_resource_is_read_with_the_key_of_the_caller() -> None:
    """A key in the caller's header goes upstream when a resource is read."""
    options = Options(variable_headers={"API_KEY": "X-Api-Key"})
    resource = {"name": "s", "uri": "s://s", "description": "d", "call": "api.secret"}
    app, upstream = mcp_app(tools=[], resources=[resource], options=options)
    headers, body = modern("resources/read", {"uri": "s://s"}, {"x-api-key": "mine"})
    got = one(app, "POST", "/mcp", {**headers, "mcp-name": "s://s"}, body)
    assert got.status == 200, got
    assert _keys(upstream) == ["mine"]


@pytest.mark.parametrize(
    ("template", "uri", "values"),
    [
        ("ships://{id}", "ships://7", {"id": "7"}),
        ("ships://{{id}}", "ships://a%2Fb%20c", {"id": "a/b c"}),
        ("ships://{id}", "ships://a/b", None),
        ("ships://{id}", "ships://", None),
        ("s://{a}/x/{b}.json", "s://1/x/2.json", {"a": "1", "b": "2"}),
        ("s://{a}/{a}", "s://1/1", {"a": "1"}),
        ("s://{a}/{a}", "s://1/2", None),
        ("s://x.y", "s://x-y", None),
    ],
)
def test_uri_template_decodes_its_values(
    template: str, uri: str, values: dict[str, str] | None
) -> None:
    """A value has no unencoded `/`; a repeated name must have one value."""
    assert UriTemplate(template).match(uri) == values
