"""The description of a REST adapter, checked by the validator of OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from naftiko.exposes.rest.app import RestApp
from support.asgi_client import ask
from support.serving import rest_app


def described_by(resources: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return the description of an adapter with these resources; see `rest_app`."""
    app, _ = rest_app(resources, **more)
    return description_of(app)


def description_of(app: RestApp) -> dict[str, Any]:
    """Return the description of an adapter, which must be valid."""
    described: dict[str, Any] = ask(app, "GET", "/openapi.json").json
    errors = [
        error.message for error in OpenAPIV31SpecValidator(described).iter_errors()
    ]
    assert errors == []
    return described


def described_operation(
    described: dict[str, Any], path: str = "/x", method: str = "get"
) -> Any:
    """Return one operation of a description."""
    return described["paths"][path][method]
