"""Placeholders of routes that differ from parameters in spelling alone."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.linking.placeholders import spelling_of


@pytest.mark.parametrize(
    ("placeholders", "names", "meant", "unclear"),
    [
        (["appid"], ["appId", "q"], {"appId": "appid"}, {}),
        (["app-id"], ["app_id"], {"app_id": "app-id"}, {}),
        # A name that is the same wins over one that is nearly the same.
        (["id"], ["id", "ID"], {}, {}),
        (["id", "ID"], ["id", "Id"], {"Id": "ID"}, {}),
        # A placeholder that could be several names is none.
        (["appid"], ["appId", "app_id"], {}, {"appid": ("appId", "app_id")}),
        (["app-id", "app_id"], ["appId"], {}, {"app-id": ("appId",), "app_id": ("appId",)}),
        (["apps"], ["app"], {}, {}),
        ([], ["app"], {}, {}),
    ],
)  # fmt: skip
def test_spelling_is_compared_without_case_and_dashes(
    placeholders: list[str], names: list[str], meant: Any, unclear: Any
) -> None:
    """Exact names win, and what could be several names is told."""
    assert spelling_of(placeholders, names) == (meant, unclear)


def document(
    route: str, *, upstream: str = "/apps/{appUuid}", **unit: Any
) -> dict[str, Any]:
    """Return a document with one route and one MCP resource over one operation."""
    return {
        "naftiko": "1.0.0-alpha2",
        "capability": {
            "consumes": [
                {
                    "type": "http",
                    "namespace": "a",
                    "baseUri": "https://a.test",
                    "resources": [
                        {
                            "name": "r",
                            "path": upstream,
                            "operations": [
                                {
                                    "name": "get",
                                    "method": "GET",
                                    "inputParameters": [
                                        {"name": "page_size", "in": "query"}
                                    ],
                                }
                            ],
                        }
                    ],
                }
            ],
            "exposes": [
                {
                    "type": "rest",
                    "namespace": "web",
                    "port": 1,
                    "resources": [
                        {
                            "path": route,
                            "operations": [
                                {"method": "GET", "name": "get", "call": "a.get"} | unit
                            ],
                        }
                    ],
                }
            ],
        },
    }


def sent(data: dict[str, Any], **arguments: Any) -> str:
    """Return the path and query that a call of the route sends."""
    stub = naftiko.StubTransport()
    naftiko.load(data, transport=stub).invoke("web.get", arguments)
    return stub.requests[0].url.removeprefix("https://a.test")


def codes(data: dict[str, Any]) -> list[str]:
    """Return the codes of what is found."""
    return [problem.code for problem in naftiko.load(data).problems]


@pytest.mark.parametrize("name", ["appuuid", "APPUUID", "app-uuid", "app_uuid"])
def test_placeholder_fills_the_parameter_it_is_nearly_called(name: str) -> None:
    """Case, `-` and `_` may differ; a warning says so."""
    data = document(f"/v1/apps/{{{name}}}")
    assert sent(data, **{name: "7"}) == "/apps/7"
    (problem,) = naftiko.load(data).problems
    assert problem.code == "W-rest-placeholder-spelling"
    assert f"'{{{name}}}' fills 'appUuid'" in problem.message


def test_placeholder_fills_a_query_parameter() -> None:
    """Not only what stands in the path of the operation."""
    data = document("/v1/apps/{pagesize}", upstream="/apps")
    assert sent(data, pagesize="7") == "/apps?page_size=7"


@pytest.mark.parametrize(
    "with_", [{"page_size": "rest.size"}, {"page_size": 5}, {"appUuid": "rest.appUuid"}]
)
def test_placeholder_is_matched_beside_a_with(with_: dict[str, Any]) -> None:
    """A `with` that leaves the parameter out, or refers to it by the other name."""
    data = document("/v1/apps/{appuuid}", **{"with": with_})
    assert sent(data, appuuid="7").partition("?")[0] == "/apps/7"


def test_declared_input_is_the_placeholder_of_its_spelling() -> None:
    """`in: path` means the placeholder, however the input is spelled."""
    inputs = [{"name": "appUuid", "in": "path", "type": "string"}]
    data = document("/v1/apps/{appuuid}", inputParameters=inputs)
    assert sent(data, appuuid="7") == "/apps/7"
    (function,) = naftiko.load(data).exposes[0].functions
    assert [p.name for p in function.inputs] == ["appuuid"]


def test_placeholder_that_fits_two_parameters_fills_none() -> None:
    """The route is reported, and both names are told."""
    data = document("/v1/{appuuid}", upstream="/apps/{appUuid}/{app_uuid}")
    (problem,) = naftiko.load(data).problems
    assert problem.code == "W-rest-arguments"
    assert "'{appuuid}' could be appUuid, app_uuid" in problem.hint


def test_misspelled_placeholder_of_a_route_is_guessed() -> None:
    """It fills nothing: a letter may be the difference between two things."""
    (problem,) = naftiko.load(document("/v1/apps/{appUid}")).problems
    assert problem.code == "W-rest-arguments"
    assert problem.hint == "did you mean '{appUuid}' by '{appUid}'?"


def test_exact_name_wins() -> None:
    """No warning, and nothing changes, where the names are the same."""
    data = document("/v1/{appUuid}/{appuuid}")
    assert sent(data, appUuid="7", appuuid="8") == "/apps/7"
    assert codes(data) == []


def test_placeholder_of_a_reference_fills_the_input_of_the_aggregate() -> None:
    """A route that refers to an aggregate function is read the same way."""
    data = document("/v1/apps/{appuuid}")
    (unit,) = data["capability"]["exposes"][0]["resources"][0]["operations"]
    del unit["call"]
    unit["ref"] = "g.get"
    function = {
        "name": "get",
        "description": "d",
        "call": "a.get",
        "inputParameters": [{"name": "appUuid", "type": "string", "description": "d"}],
    }
    data["capability"]["aggregates"] = [
        {"label": "g", "namespace": "g", "functions": [function]}
    ]
    assert sent(data, appuuid="7") == "/apps/7"
    assert codes(data) == ["W-rest-placeholder-spelling"]


def test_placeholder_of_a_resource_uri_fills_its_parameter() -> None:
    """The URI template of an MCP resource is a path too."""
    data = document("/v1/apps/{appuuid}")
    resource = {
        "name": "get",
        "label": "get",
        "uri": "app://{app-uuid}",
        "description": "d",
        "call": "a.get",
    }
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "web", "port": 1, "resources": [resource]}
    ]
    assert sent(data, **{"app-uuid": "7"}) == "/apps/7"


@pytest.mark.parametrize("with_", [None, {"appid": "tools.key"}])
def test_input_that_feeds_a_credential_is_optional(with_: Any) -> None:
    """A caller of the tool need not know the API key."""
    name = "key" if with_ else "appid"
    data = document("/v1", upstream="/apps")
    (adapter,) = data["capability"]["consumes"]
    adapter["authentication"] = {
        "type": "apikey", "key": "appid", "value": "s", "placement": "query",
    }  # fmt: skip
    operation = adapter["resources"][0]["operations"][0]
    operation["inputParameters"] = [{"name": "appid", "in": "query", "required": True}]
    tool = {
        "name": "get",
        "description": "d",
        "call": "a.get",
        "inputParameters": [{"name": name, "type": "string", "required": True}],
        **({"with": with_} if with_ else {}),
    }
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "web", "port": 1, "tools": [tool]}
    ]
    assert sent(data) == "/apps?appid=s"
    assert sent(data, **{name: "mine"}) == "/apps?appid=mine"
