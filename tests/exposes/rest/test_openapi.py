"""The description of a REST adapter: valid OpenAPI 3.1, and true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.exposes.engine import Engine
from naftiko.exposes.options import Options
from naftiko.exposes.rest.app import RestApp
from support.asgi_client import AsyncStub, ask
from support.describing import described_by, described_operation, description_of
from support.serving import document, operation, rest_app
from support.shared import CAPABILITIES, corpus_files, needs_corpus


def _check_file(path: Path) -> int:
    capability = naftiko.load(path, schema=None)
    checked = 0
    for exposes in capability.exposes:
        if exposes.type == "rest":
            app = RestApp(Engine(capability, AsyncStub()), exposes, Options())
            description_of(app)
            checked += 1
    return checked


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(CAPABILITIES.glob("*.yaml")) if p.stem != "broken"],
    ids=lambda path: path.stem,
)
def test_openapi_of_shipped_files_is_valid(path: Path) -> None:
    """The OpenAPI 3.1 validator accepts `/openapi.json` of each shipped file."""
    _check_file(path)


@needs_corpus
@pytest.mark.parametrize("step", [32, pytest.param(8, marks=pytest.mark.slow)])
def test_openapi_of_published_files_is_valid(step: int) -> None:
    """The OpenAPI 3.1 validator accepts `/openapi.json` of each published file."""
    checked = 0
    for path in corpus_files()[::step]:
        try:
            checked += _check_file(path)
        except naftiko.DocumentError:
            continue
    assert checked * step > 300


def test_templates_of_one_shape_are_one_path() -> None:
    """Equal path templates are merged; the first one names the placeholders."""
    described = described_by(
        [
            *operation("/ships/{id}", "GET", call="api.get"),
            *operation("/ships/{{number}}", "DELETE", call="api.scrap", **{"with": {"id": "rest.number"}}),
            *operation("/ships/{id}", "GET", call="api.list"),
            *operation("/v1/#List", "POST", call="api.list"),
            *operation("/a/{x}/{x}", call="api.list"),
        ]
    )  # fmt: skip
    assert list(described["paths"]) == ["/ships/{id}", "/v1/%23List", "/a/{x}/{x-}"]
    names = [
        parameter["name"]
        for method in ("get", "delete")
        for parameter in described_operation(described, "/ships/{id}", method)[
            "parameters"
        ]
    ]
    assert names == ["id", "id"]


def test_operation_ids_are_unique() -> None:
    """Duplicate names get numbers; an operation without a name gets one."""
    described = described_by(
        [
            *operation("/a", call="api.list", name="list"),
            *operation("/b", call="api.list", name="list"),
            *operation("/c/{d}", call="api.list"),
        ]
    )
    ids = [item["get"]["operationId"] for item in described["paths"].values()]
    assert ids == ["list", "list-2", "GET-c-d"]


def test_name_of_a_resource_is_a_tag() -> None:
    """The tag of a resource groups its operations."""
    described = described_by([{**operation("/a", call="api.list")[0], "name": "ships"}])
    assert described["tags"] == [{"name": "ships"}]
    assert described_operation(described, "/a")["tags"] == ["ships"]


def test_forwarded_resource_is_described_for_every_method() -> None:
    """Each method of a forwarded resource has the trusted headers as parameters."""
    forward = {"targetNamespace": "api", "trustedHeaders": ["X-Trace", "Accept"]}
    described = described_by(
        [{"path": "/proxy/{{path}}", "forward": forward, "operations": [{"method": "GET", "call": "api.list"}]}]
    )  # fmt: skip
    item = described["paths"]["/proxy/{path}"]
    assert item.keys() == {"get", "head", "post", "put", "patch", "delete", "options"}
    assert item["get"]["operationId"] == "GET-proxy-path"
    assert [p["name"] for p in item["put"]["parameters"]] == ["path", "X-Trace"]
    assert "requestBody" in item["put"]
    assert "requestBody" not in item["head"]


def test_method_unknown_to_openapi_is_served_but_not_described() -> None:
    """OpenAPI 3.1 has eight methods; a route of another one is not described."""
    app, _ = rest_app(operation("/x", "PURGE", call="api.list"))
    assert description_of(app)["paths"] == {}
    assert ask(app, "PURGE", "/x").status == 200


@pytest.mark.parametrize(
    ("info", "version"),
    [
        ({"version": "2.3.0", "modified": "2026-03-27"}, "2.3.0"),
        ({"version": 3}, "3"),
        ({"modified": "2026-03-27", "created": "2026-01-01"}, "2026-03-27"),
        ({}, "1"),
    ],
)
def test_version_of_the_capability_is_that_of_the_description(
    info: dict[str, Any], version: str
) -> None:
    """`info.version` comes first; older documents have dates only."""
    app = RestApp(*_parts({"label": "L", **info}))
    assert description_of(app)["info"]["version"] == version


def _parts(info: dict[str, Any]) -> Any:
    loaded = naftiko.load(document(operation(call="api.list"), info=info), schema=None)
    return Engine(loaded, AsyncStub()), loaded.exposes[0], Options()
