"""Acceptance of aggregates, outputs, mocks, scripts and forwarding by REST and MCP."""

from __future__ import annotations

import json
import os
from typing import Any

import requests

from support.acceptance import (
    WHOLE_HUT,
    House,
    curl,
    get,
    modes,
    needs_curl,
)
from support.agents import call, text_of


@modes
def test_aggregate_composes_two_apis(house: House, mode: Any) -> None:
    """An aggregate combines calls and lookups of two APIs, the same by REST and MCP."""
    house.club.received.clear()
    house.people.received.clear()
    answer = get(house["huts-rest"], "/huts/7")
    assert (answer.status_code, answer.json()) == (200, WHOLE_HUT)
    assert [r.line for r in house.club.received] == ["GET /club/huts/7 HTTP/1.1"]
    assert house.club.last.headers["club-edition"] == "7"
    lines = [r.line for r in house.people.received]
    assert lines == ["GET /people HTTP/1.1", "GET /people/p-1/phone HTTP/1.1"]
    assert "club-edition" not in house.people.last.headers
    result = call(house["huts-mcp"], "hut", {"hut-id": "7"}, mode=mode)
    assert not result.is_error
    assert result.structured_content == answer.json()
    assert json.loads(text_of(result)) == answer.json()


@needs_curl
def test_curl_gets_the_composition_as_json_or_yaml(house: House) -> None:
    """The `Accept` header of a request chooses between JSON and YAML."""
    status, text = curl(f"{house['huts-rest']}/huts/7")
    assert (status, json.loads(text)) == (200, WHOLE_HUT)
    status, text = curl(
        f"{house['huts-rest']}/huts/7", "-H", "Accept: application/yaml"
    )
    assert text.startswith("name: Cabane du Lac\nplace:\n  metres: 2475.5\n")


def test_failed_step_is_named_and_ends_the_run(house: House) -> None:
    """A step that gets 404 is named in the answer, and no later step runs."""
    house.people.received.clear()
    answer = get(house["huts-rest"], "/huts/8")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:naftiko:problem:refused"
    assert "step 'hut'" in answer.json()["detail"]
    assert [r.line for r in house.people.received if "phone" in r.line] == []
    result = call(house["huts-mcp"], "hut", {"hut-id": "8"})
    assert result.is_error
    assert "404" in text_of(result)
    assert str(house.club.port) not in text_of(result) + answer.text


def test_aggregate_with_an_empty_response_gives_204(house: House) -> None:
    """An empty upstream response gives 204 by REST, and `done` by MCP."""
    answer = requests.delete(f"{house['huts-rest']}/huts/7", timeout=10)
    assert (answer.status_code, answer.content) == (204, b"")
    result = call(house["huts-mcp"], "close-hut", {"hut-id": "7"})
    (content,) = result.content
    assert (result.is_error, content.text) == (False, "done (204 No Content)")


def test_outputs_nest_to_any_depth(house: House) -> None:
    """Outputs may nest objects and arrays; an absent value becomes null."""
    answer = get(house["huts-rest"], "/huts", params={"canton": "VS", "beds": "12"})
    assert house.club.last.target == "/club/huts?canton=VS&beds=12"
    assert answer.json() == [
        {
            "id": "1",
            "name": "Lac",
            "services": [
                {"kind": "soup", "price": 9.5},
                {"kind": "bed", "price": None},
            ],
        },
        {"id": "2", "name": "Col", "services": None},
    ]
    result = call(house["huts-mcp"], "list-huts", {"canton": "VS"})
    assert result.structured_content == {
        "result": [{"id": "1", "name": "Lac"}, {"id": "2", "name": "Col"}]
    }


def test_every_wrong_argument_is_named(house: House) -> None:
    """One answer names all wrong arguments, and no request is sent upstream."""
    house.club.received.clear()
    answer = get(house["huts-rest"], "/huts", params={"canton": "vs", "beds": "many"})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["name"] for error in answer.json()["errors"]] == ["canton", "beds"]
    result = call(house["huts-mcp"], "hut", {"hut": "7"})
    assert result.is_error
    assert "hut-id" in text_of(result)
    assert house.club.received == []


@needs_curl
def test_json_body_keeps_its_types(house: House) -> None:
    """Numbers and booleans of a JSON body keep their types on the way upstream."""
    status, text = curl(
        f"{house['huts-rest']}/huts",
        "--json",
        '{"name": "Neu", "beds": 12, "open": false}',
    )
    assert status == 201
    assert json.loads(text) == {"name": "Neu", "beds": 12, "open": False}
    assert json.loads(house.club.last.body) == json.loads(text)


def test_xml_is_mapped_the_same_through_rest_and_mcp(house: House) -> None:
    """M28, M29, P28: XML of an upstream API becomes the same JSON by REST and MCP."""
    answer = get(house["huts-rest"], "/stock")
    wanted = [{"name": "Rice", "left": "3"}, {"name": "Tea", "left": "9"}]
    assert answer.json() == wanted
    result = call(house["huts-mcp"], "stock")
    assert json.loads(text_of(result)) == wanted


@modes
def test_mock_gives_the_same_through_rest_and_mcp(house: House, mode: Any) -> None:
    """A09: a mock gives values of its output types, the same by REST and MCP."""
    wanted = {"text": "Grüezi, Léa!", "times": 2}
    assert get(house["greeting-rest"], "/greetings/L%C3%A9a").json() == wanted
    result = call(house["greeting-mcp"], "greet", {"name": "Léa"}, mode=mode)
    assert result.structured_content == wanted
    weather = get(house["greeting-rest"], "/weather", params={"place": "Chur"})
    value = {"place": "Chur", "snow": True, "tomorrow": {"degrees": -3.5}}
    assert weather.json() == {"value": value}
    motto = call(house["greeting-mcp"], "motto", mode=mode)
    assert motto.structured_content == {"motto": "Up and down again."}


def test_forwarded_request_keeps_path_query_and_body(house: House) -> None:
    """A forwarded request keeps path, query, body and only the trusted headers."""
    url = f"{house['archive-rest']}/archive"
    headers = {"X-Trace": "t-1", "X-Other": "o", "Authorization": "Bearer caller"}
    content = os.urandom(300_000)
    answer = requests.put(
        f"{url}/2024/%C3%A9t%C3%A9%2F1.png?size=a%20b",
        data=content,
        headers=headers,
        timeout=10,
    )
    assert answer.content == content
    assert answer.headers["Content-Type"] == "image/png"
    assert (
        house.club.last.line == "PUT /v2/2024/%C3%A9t%C3%A9%2F1.png?size=a%20b HTTP/1.1"
    )
    sent = house.club.last.headers
    assert (sent["x-trace"], sent["x-archive-key"]) == ("t-1", "of-the-archive")
    assert sent["archive-version"] == "2025-01-31"
    assert not {"x-other", "authorization"} & sent.keys()
    assert get(house["archive-rest"], "/archive/index").json() == {"value": "own"}
    assert get(house["archive-rest"], "/archive/a/%2e%2e/b").status_code == 400


def test_script_computes_between_two_calls(house: House) -> None:
    """A script reads the output of one call and makes the input of the next call."""
    given = {"people": [44, 41, 9, 12], "nights": 2}
    answer = requests.post(f"{house['tariff-rest']}/offers/lac", json=given, timeout=10)
    wanted = {"total": 222, "children": 2, "offer": "o-1"}
    assert (answer.status_code, answer.json()) == (200, wanted)
    assert json.loads(house.club.last.body) == {"total": 222, "nights": 2}
    result = call(house["tariff-mcp"], "offer", {"hut": "lac", **given})
    assert json.loads(text_of(result)) == wanted


def test_dangling_call_fails_alone(house: House) -> None:
    """A dangling call answers 501 by REST and an error by MCP; other calls work."""
    assert get(house["ropes-rest"], "/ropes").json() == ["blue"]
    answer = get(house["ropes-rest"], "/cut")
    assert answer.status_code == 501
    assert answer.json()["type"] == "urn:naftiko:problem:unresolved-call"
    assert call(house["ropes-mcp"], "ropes").structured_content == {"result": ["blue"]}
    assert call(house["ropes-mcp"], "cut").is_error
