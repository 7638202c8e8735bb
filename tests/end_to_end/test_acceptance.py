"""Whole documents, served by `naftiko serve` and used as their users use them.

The documents are in `acceptance/`, one for each feature; the clients are `curl`,
`requests`, the official MCP client and the commands of `naftiko`.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
)
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

import naftiko
from support.agents import call, talk, text_of
from support.authority import CLIENT, SECRET, Authority
from support.recorder import Received, Recorder, response
from support.serving_process import Server

FOLDER = Path(__file__).with_name("acceptance")
DOCUMENTS = sorted(FOLDER.glob("*.yaml"))
TOKEN = "0ff1ce-t0ken"
#: Served together by one process; the others need settings of their own.
HOUSE = (
    "huts", "greeting", "archive", "tariff", "library", "skills", "office", "dangling",
)  # fmt: skip

HUT = {
    "name": "Cabane du Lac",
    "altitude": 2475.5,
    "canton": "VS",
    "wardens": ["p-3", "p-9", "p-1"],
    "contact": "p-1",
}
PEOPLE = [
    {"personId": "p-1", "fullName": "Léa", "since": 2019, "private": "x"},
    {"personId": "p-3", "fullName": "Urs"},
]
WHOLE_HUT = {
    "name": "Cabane du Lac",
    "place": {"metres": 2475.5, "canton": "VS"},
    "wardens": [{"fullName": "Urs", "since": None}, {"fullName": "Léa", "since": 2019}],
    "phone": "+41 27 000 00 01",
}
LIST = {
    "items": [
        {
            "id": "1",
            "name": "Lac",
            "services": [{"type": "soup", "cost": {"amount": 9.5}}, {"type": "bed"}],
        },
        {"id": "2", "name": "Col"},
    ]
}
STOCK = "<stock><good><name>Rice</name><left>3</left></good><good><name>Tea</name><left>9</left></good></stock>"


def club(request: Received) -> bytes | None:
    """Answer as the API of the huts, and as every other that stands alone."""
    path = request.target.partition("?")[0]
    answers: dict[str, Any] = {
        "/club/huts": LIST,
        "/club/huts/7": HUT,
        "/prices/lac": {"adult": 40, "child": 15.5},
        "/reports": {"areas": [{"name": "Valais"}, {"name": "Ticino"}]},
        "/reports/Val%20d%27Isère/today": None,
        "/members": [{"id": 1}, {"id": 2}],
        "/fees": [{"id": 1}],
        "/ropes": ["blue"],
    }
    if path == "/offers":
        return response(json.dumps({"number": "o-1"}), "201 Created")
    if path == "/club/huts" and request.method == "POST":
        return response(request.body, "201 Created")
    if path == "/club/stock.xml":
        return response(STOCK, content_type="application/xml")
    if path == "/club/huts/7" and request.method == "DELETE":
        return b"HTTP/1.1 204 No Content\r\n\r\n"
    if path.startswith("/reports/"):
        return response(f"Danger in {path}", content_type="text/plain")
    if path.startswith("/v2/"):
        return response(request.body or b"\x00\xff", content_type="image/png")
    if path in answers:
        return response(json.dumps(answers[path]))
    return response('{"message": "there is no such thing"}', "404 Not Found")


def people(request: Received) -> bytes:
    """Answer as the API of the people."""
    if request.target == "/people":
        return response(json.dumps(PEOPLE))
    assert request.target == "/people/p-1/phone"
    return response('{"phone": {"number": "+41 27 000 00 01"}, "private": 1}')


class House:
    """Several documents served by one process, and the upstream APIs behind them."""

    def __init__(self, server: Server, club: Recorder, people: Recorder) -> None:
        self.server = server
        self.club = club
        self.people = people

    def __getitem__(self, name: str) -> str:
        return self.server.urls[name]


def names_of(document: str) -> list[str]:
    """Return the names of the adapters of a document."""
    loaded = naftiko.load(FOLDER / f"{document}.yaml", schema=None)
    return [exposes.namespace or exposes.type for exposes in loaded.exposes]


def words_of(*documents: str, **ports: int) -> list[str]:
    """Return the words that serve documents at free ports, or at these."""
    names = [name for document in documents for name in names_of(document)]
    words = [str(FOLDER / f"{document}.yaml") for document in documents]
    for name in dict.fromkeys(names):
        words += ["--port", f"{name}={ports.get(name.replace('-', '_'), 0)}"]
    return words


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Serve most of the documents, in one process."""
    words = words_of(*HOUSE)
    with Recorder(club) as first, Recorder(people) as second:
        uris = {
            "huts": f"{first.url}/club",
            "people": second.url,
            "archive": f"{first.url}/v2",
        }
        for namespace in ("prices", "reports", "members", "ropes"):
            uris[namespace] = first.url
        for namespace, uri in uris.items():
            words += ["--base-uri", f"{namespace}={uri}"]
        secret = {"NAFTIKO_TEST_OFFICE_TOKEN": TOKEN}
        count = sum(len(names_of(document)) for document in HOUSE)
        with Server(*words, ready=count, **secret) as server:
            yield House(server, first, second)
            assert server.stop() == 0
            assert "Traceback" not in server.text
            assert TOKEN not in server.text


def get(url: str, path: str, **more: Any) -> requests.Response:
    """Ask for a path."""
    return requests.get(url + path, timeout=10, **more)


def curl(*words: str) -> tuple[int, str]:
    """Run `curl`; return the status and the body."""
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", *words],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
modes = pytest.mark.parametrize("mode", ["auto", "legacy"])


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
def test_by_the_book(file: Path) -> None:
    """Every document follows the published rules; only one has a dangling call."""
    found = [problem.code for problem in naftiko.validate(file, schema="published")]
    assert found == (["U-call-unresolved"] * 2 if file.stem == "dangling" else [])


# --- composition ----------------------------------------------------------------------


@modes
def test_one_value_out_of_two_apis(house: House, mode: Any) -> None:
    """An aggregate with calls and lookups, through REST and MCP: the same value."""
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
def test_one_value_for_curl(house: House) -> None:
    """The composition by `curl`, as YAML for those who like that better."""
    status, text = curl(f"{house['huts-rest']}/huts/7")
    assert (status, json.loads(text)) == (200, WHOLE_HUT)
    status, text = curl(
        f"{house['huts-rest']}/huts/7", "-H", "Accept: application/yaml"
    )
    assert text.startswith("name: Cabane du Lac\nplace:\n  metres: 2475.5\n")


def test_a_step_that_fails(house: House) -> None:
    """What the first API refuses is told with the step, and nothing after it runs."""
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


@modes
def test_semantics_become_annotations(house: House, mode: Any) -> None:
    """A05 to A07: `safe` and `idempotent` of the function, hints of the tool first."""

    async def say(client: Any) -> Any:
        assert client.instructions == "Ask for a hut before you plan a tour."
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in talk(house["huts-mcp"], say, mode=mode)}
    assert list(tools) == ["hut", "close-hut", "list-huts", "stock"]
    hut, close = tools["hut"].annotations, tools["close-hut"].annotations
    assert (hut.read_only_hint, hut.destructive_hint) == (True, False)
    assert (hut.idempotent_hint, hut.open_world_hint) == (True, False)
    assert (close.read_only_hint, close.destructive_hint) == (False, True)
    assert tools["hut"].title == "Hut"
    assert tools["hut"].description.startswith("A hut, the people")
    assert tools["hut"].input_schema["required"] == ["hut-id"]


def test_an_aggregate_that_changes_something(house: House) -> None:
    """A delete without a body: 204 through REST, no content and no error through MCP."""
    answer = requests.delete(f"{house['huts-rest']}/huts/7", timeout=10)
    assert (answer.status_code, answer.content) == (204, b"")
    result = call(house["huts-mcp"], "close-hut", {"hut-id": "7"})
    assert (result.is_error, result.content) == (False, [])


def test_nested_outputs(house: House) -> None:
    """Objects in arrays in objects, to any depth; what is missing is null."""
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


def test_what_is_given_is_checked(house: House) -> None:
    """Every wrong argument is named, and nothing is sent."""
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
def test_a_typed_body(house: House) -> None:
    """Numbers and booleans of a JSON body keep their types on their way."""
    status, text = curl(
        f"{house['huts-rest']}/huts",
        "--json",
        '{"name": "Neu", "beds": 12, "open": false}',
    )
    assert status == 201
    assert json.loads(text) == {"name": "Neu", "beds": 12, "open": False}
    assert json.loads(house.club.last.body) == json.loads(text)


def test_another_format_than_json(house: House) -> None:
    """M28, M29, P28: XML of the upstream API, mapped the same through both."""
    answer = get(house["huts-rest"], "/stock")
    wanted = [{"name": "Rice", "left": "3"}, {"name": "Tea", "left": "9"}]
    assert answer.json() == wanted
    result = call(house["huts-mcp"], "stock")
    assert json.loads(text_of(result)) == wanted


# --- mocks ----------------------------------------------------------------------------


@modes
def test_mocks(house: House, mode: Any) -> None:
    """A09: one mock function gives the same through REST and MCP, with its types."""
    wanted = {"text": "Grüezi, Léa!", "times": 2}
    assert get(house["greeting-rest"], "/greetings/L%C3%A9a").json() == wanted
    result = call(house["greeting-mcp"], "greet", {"name": "Léa"}, mode=mode)
    assert result.structured_content == wanted
    weather = get(house["greeting-rest"], "/weather", params={"place": "Chur"})
    value = {"place": "Chur", "snow": True, "tomorrow": {"degrees": -3.5}}
    assert weather.json() == {"value": value}
    motto = call(house["greeting-mcp"], "motto", mode=mode)
    assert motto.structured_content == {"motto": "Up and down again."}


# --- forward --------------------------------------------------------------------------


def test_forward(house: House) -> None:
    """Path, query and body go on as they came; only trusted headers do."""
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


# --- scripts --------------------------------------------------------------------------


def test_a_script_between_calls(house: House) -> None:
    """A step computes with what a call gave, and the next call uses it; both doors."""
    given = {"people": [44, 41, 9, 12], "nights": 2}
    answer = requests.post(f"{house['tariff-rest']}/offers/lac", json=given, timeout=10)
    wanted = {"total": 222, "children": 2, "offer": "o-1"}
    assert (answer.status_code, answer.json()) == (200, wanted)
    assert json.loads(house.club.last.body) == {"total": 222, "nights": 2}
    result = call(house["tariff-mcp"], "offer", {"hut": "lac", **given})
    assert json.loads(text_of(result)) == wanted


# --- resources and prompts ------------------------------------------------------------


@modes
def test_resources(house: House, mode: Any) -> None:
    """P15 to P19: a folder, a call and a template, as an agent reads them."""

    async def say(client: Any) -> Any:
        listed = (await client.list_resources()).resources
        found = {str(resource.uri): resource for resource in listed}
        assert list(found) == [
            "guide://all/rules.md", "guide://all/tours/ridge.json", "report://latest",
        ]  # fmt: skip
        assert found["guide://all/rules.md"].mime_type == "text/markdown"
        templates = (await client.list_resource_templates()).resource_templates
        assert [t.uri_template for t in templates] == ["report://{area}/{day}"]
        texts = []
        for uri in (
            "guide://all/tours/ridge.json",
            "report://latest",
            "report://Val%20d%27Is%C3%A8re/today",
        ):
            (content,) = (await client.read_resource(uri)).contents
            texts.append((content.mime_type, content.text))
        return texts

    assert talk(house["library-mcp"], say, mode=mode) == [
        ("application/json", '{"routes": ["north", "ridge"]}\n'),
        ("application/json", '["Valais","Ticino"]'),
        ("text/plain", "Danger in /reports/Val%20d%27Is%C3%A8re/today"),
    ]


@pytest.mark.parametrize(
    "uri", ["guide://all/../library.yaml", "guide://all/gone", "guide://x"]
)
def test_resources_that_are_not_there(house: House, uri: str) -> None:
    """P18: nothing outside the folder, and an error of the protocol for the rest."""

    async def say(client: Any) -> str:
        with pytest.raises(Exception, match=r"(?i)resource|file") as caught:
            await client.read_resource(uri)
        return str(caught.value)

    assert "naftiko:" not in talk(house["library-mcp"], say)


@modes
def test_prompts(house: House, mode: Any) -> None:
    """P20 to P22: several messages, an argument that is missing, a file."""

    async def say(client: Any) -> Any:
        prompts = (await client.list_prompts()).prompts
        assert [prompt.name for prompt in prompts] == ["plan-tour", "rules"]
        assert [(a.name, a.required) for a in prompts[0].arguments] == [
            ("area", True), ("day", False),
        ]  # fmt: skip
        plan = await client.get_prompt("plan-tour", {"area": "{{day}} $1"})
        rules = await client.get_prompt("rules", {})
        return [(m.role, m.content.text) for m in (*plan.messages, *rules.messages)]

    assert talk(house["library-mcp"], say, mode=mode) == [
        ("user", "I want to go to {{day}} $1 on {{day}}."),
        ("assistant", "What is the danger level of {{day}} $1?"),
        ("user", "Look it up."),
        ("user", "# Rules\n\nLeave {{nothing}} behind.\n"),
    ]


# --- skills ---------------------------------------------------------------------------


def test_skills(house: House) -> None:
    """C01 to C04: the catalogue, one skill, its files and all of them as an archive."""
    url = house["skills"]
    found = get(url, "/skills").json()
    assert [skill["name"] for skill in found["skills"]] == ["packing", "resting"]
    skill = get(url, "/skills/packing").json()
    assert (skill["license"], skill["allowed-tools"]) == ("MIT", "weight")
    reference = {"targetNamespace": "skills-mcp", "action": "weight", "mode": "mcp"}
    assert skill["tools"][0]["invocationRef"] == reference
    assert skill["tools"][1]["instruction"] == "list.md"
    # What the catalogue says can be called is there.
    result = call(house[reference["targetNamespace"]], reference["action"])
    assert json.loads(text_of(result)) == {"kilograms": 9}
    files = get(url, "/skills/packing/contents").json()["files"]
    assert [file["path"] for file in files] == ["SKILL.md", "list.md"]
    assert get(url, "/skills/packing/contents/list.md").text == "Socks.\n"
    packed = zipfile.ZipFile(io.BytesIO(get(url, "/skills/packing/download").content))
    assert sorted(packed.namelist())[-1].endswith("list.md")
    assert get(url, "/skills/gone").status_code == 404
    assert get(url, "/skills/packing/contents/..%2F..%2Fhuts.yaml").status_code == 400


# --- dangling calls -------------------------------------------------------------------


def test_a_dangling_call_is_told_when_it_is_made(house: House) -> None:
    """The route answers 501 and the tool an error; their neighbours work."""
    assert get(house["ropes-rest"], "/ropes").json() == ["blue"]
    answer = get(house["ropes-rest"], "/cut")
    assert answer.status_code == 501
    assert answer.json()["type"] == "urn:naftiko:problem:unresolved-call"
    assert call(house["ropes-mcp"], "ropes").structured_content == {"result": ["blue"]}
    assert call(house["ropes-mcp"], "cut").is_error


# --- the control port -----------------------------------------------------------------


def naftiko_command(
    house: House, *words: str, token: str = TOKEN
) -> tuple[int, str, str]:
    """Run a command against the control port; return code, output and errors."""
    port = str(urlsplit(house["control"]).port)
    done = subprocess.run(
        [sys.executable, "-m", "naftiko", *words, "--port", port,
         "--header", f"Authorization: Bearer {token}"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_health_and_status(house: House) -> None:
    """Z07, Z08: how many adapters are up, what is served, since when."""
    code, text, _ = naftiko_command(house, "health")
    count = len(house.server.urls)
    assert (code, text) == (
        0,
        f"Liveness:  UP\nReadiness: UP ({count}/{count} adapters started)\n",
    )
    code, text, _ = naftiko_command(house, "status")
    assert code == 0
    lines = text.splitlines()
    assert lines[0] == "Office: UP"
    assert lines[1] == f"Engine:    {naftiko.__version__}"
    assert re.fullmatch(r"Uptime: +(\d+m )?\d+s", lines[2])
    assert lines[3] == "Telemetry: active"
    assert len(lines) == 4 + count
    assert re.search(r"^ +rest +office-rest +\d+ +started$", text, re.MULTILINE)


def test_traces_and_metrics(house: House) -> None:
    """Z09, Z10: one request from its door to the API, and how often it came."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"traceparent": parent}
    answer = get(house["office-rest"], "/fees", headers=headers)
    assert answer.json() == {"count": 3}
    sent = house.club.last.headers["traceparent"]
    assert sent.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert "b7ad6b7169203331" not in sent
    code, text, _ = naftiko_command(house, "traces", "--operation", "/fees GET")
    assert code == 0
    assert re.search(
        r"^TRACE ID +OPERATION +DURATION +STATUS +SPANS +TIME$", text, re.MULTILINE
    )
    assert re.search(
        r"^0af7651916cd43dd8448eb211c80319c .* \d+ms +OK +6 ", text, re.MULTILINE
    )
    code, text, _ = naftiko_command(house, "traces", "0af7651916cd43dd8448eb211c80319c")
    spans = [re.sub(r" \d+ms", "", line) for line in text.splitlines()[1:]]
    assert spans == [
        "rest.request [INTERNAL] OK",
        "  step.call [INTERNAL] OK",
        "    http.client.GET [CLIENT] OK",
        "  step.call [INTERNAL] OK",
        "    http.client.GET [CLIENT] OK",
        "  step.script [INTERNAL] OK",
    ]
    assert naftiko_command(house, "traces", "0" * 32)[0] == 1
    code, text, _ = naftiko_command(
        house, "metrics", "--filter", "naftiko_request_total.*office-rest"
    )
    assert code == 0
    pattern = r"naftiko_request_total\{.*\} [1-9]\d*(\.0)?"
    assert all(re.fullmatch(pattern, line) for line in text.splitlines())
    assert '/fees GET"' in text


def test_scripting_is_governed(house: House) -> None:
    """Z11, X06, X12: limits and the switch are changed while it runs."""
    problem = get(house["office-rest"], "/endless").json()
    assert "exceeded the statement limit (20000)" in problem["detail"]
    code, text, _ = naftiko_command(house, "scripting")
    assert code == 0
    assert text.startswith("Scripting: ENABLED\n")
    assert "statementLimit: 20000" in text
    code, text, note = naftiko_command(
        house,
        "scripting",
        "--set",
        "statementLimit=100",
        "--set",
        "allowedLanguages=javascript,python",
    )
    assert (code, "Scripting configuration updated." in note) == (0, True)
    assert "allowedLanguages: javascript, python" in text
    problem = get(house["office-rest"], "/endless").json()
    assert "exceeded the statement limit (100)" in problem["detail"]
    assert (
        "Scripting: DISABLED"
        in naftiko_command(house, "scripting", "--set", "enabled=false")[1]
    )
    answer = get(house["office-rest"], "/fees")
    assert (answer.status_code, "is disabled" in answer.json()["detail"]) == (500, True)
    code, _, errors = naftiko_command(house, "scripting", "--set", "timeout=0")
    assert (code, "HTTP 400" in errors) == (1, True)
    naftiko_command(house, "scripting", "--set", "enabled=true")
    assert get(house["office-rest"], "/fees").json() == {"count": 3}


def test_reload_and_validate(house: House) -> None:
    """The documents are read again; one that is sent is only checked."""
    assert naftiko_command(house, "reload")[:2] == (0, "Reloaded.\n")
    # What was set while it ran is the document's again.
    assert "statementLimit: 20000" in naftiko_command(house, "scripting")[1]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{house['control']}/config/validate"
    assert requests.post(url, headers=headers, timeout=10).json() == {
        "valid": True,
        "problems": [],
    }
    answer = requests.post(url, data="naftiko: 9\n", headers=headers, timeout=10)
    assert answer.json()["valid"] is False


def test_log_lines_as_they_come(house: House) -> None:
    """One follower is taken, hears of a request, and makes room when it leaves."""
    url = f"{house['control']}/logs/stream"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with requests.get(url, headers=headers, stream=True, timeout=10) as stream:
        lines = stream.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(lines) == ": connected"
        assert requests.get(url, headers=headers, timeout=10).status_code == 503
        get(house["office-rest"], "/members")
        data = next(line for line in lines if "GET /members" in line)
        line = json.loads(data.removeprefix("data: "))
        assert (line["adapter"], line["status"]) == ("office-rest", 200)
    until = time.monotonic() + 5
    while True:
        with requests.get(url, headers=headers, stream=True, timeout=10) as again:
            if again.status_code == 200:
                break
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_control_port_is_locked(house: House) -> None:
    """Every path wants the token, and the commands say so."""
    for path in ("/", "/health/live", "/metrics", "/traces", "/logs"):
        assert get(house["control"], path).status_code == 401
    code, text, errors = naftiko_command(house, "health", token="wrong")
    assert (code, text) == (1, "")
    assert "wants credentials" in errors
    assert "--header" in errors


# --- protection -----------------------------------------------------------------------


class Gates(House):
    """The protected doors, and who gives tokens for them."""

    def __init__(self, server: Server, authority: Authority, resource: str) -> None:
        self.server = server
        self.authority = authority
        self.resource = resource

    def token(self, scope: str = "huts.read", **claims: Any) -> dict[str, str]:
        """Return the header with a token."""
        token = self.authority.token(self.resource, scope, **claims)
        return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def gates() -> Iterator[Gates]:
    """Serve what is protected."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    resource = f"http://127.0.0.1:{port}/mcp"
    with Authority() as authority:
        settings = {
            "NAFTIKO_TEST_GATE_SECRET": "op3n s3same",
            "NAFTIKO_TEST_ISSUER": authority.url,
            "NAFTIKO_TEST_RESOURCE": resource,
        }
        words = words_of("gates", token_gate=port)
        with Server(*words, ready=len(names_of("gates")), **settings) as server:
            yield Gates(server, authority, resource)
            assert server.stop() == 0
            assert "s3same" not in server.text
            assert "eyJ" not in server.text, "a token was logged"


@pytest.mark.parametrize(
    ("gate", "good", "bad"),
    [
        ("bearer-gate", {"headers": {"Authorization": "Bearer op3n s3same"}}, {"headers": {"Authorization": "Basic op3n s3same"}}),
        ("key-gate", {"headers": {"X-Gate": "op3n s3same"}}, {"params": {"X-Gate": "op3n s3same"}}),
        ("basic-gate", {"auth": HTTPBasicAuth("warden", "op3n s3same")}, {"auth": ("warden", "x")}),
        ("digest-gate", {"auth": HTTPDigestAuth("warden", "op3n s3same")}, {"auth": HTTPDigestAuth("x", "op3n s3same")}),
    ],
)  # fmt: skip
def test_locked_routes(gates: Gates, gate: str, good: Any, bad: Any) -> None:
    """R12: the right credential opens, a wrong one and none do not."""
    answer = get(gates[gate], "/enter", **good)
    assert (answer.status_code, answer.json()) == (200, {"said": "welcome"})
    for tried in (bad, {}):
        answer = get(gates[gate], "/enter", **tried)
        assert answer.status_code == 401
        assert "welcome" not in answer.text
        assert answer.headers["WWW-Authenticate"]
    assert get(gates[gate], "/openapi.json").status_code == 401


@needs_curl
def test_locked_routes_for_curl(gates: Gates) -> None:
    """`curl` answers a Digest challenge, and sends a bearer token of its own."""
    url = f"{gates['digest-gate']}/enter"
    assert curl("--digest", "-u", "warden:op3n s3same", url)[0] == 200
    assert curl("--digest", "-u", "warden:no", url)[0] == 401
    url = f"{gates['bearer-gate']}/enter"
    assert curl("--oauth2-bearer", "op3n s3same", url)[0] == 200


@modes
def test_a_locked_tool(gates: Gates, mode: Any) -> None:
    """P26: MCP with a bearer token; without it neither POST, GET nor DELETE passes."""
    headers = {"Authorization": "Bearer op3n s3same"}
    result = call(gates["bearer-mcp"], "enter", mode=mode, headers=headers)
    assert result.structured_content == {"said": "welcome"}
    for method in ("POST", "GET", "DELETE"):
        for path in ("/mcp", "/"):
            answer = requests.request(method, gates["bearer-mcp"] + path, timeout=10)
            assert answer.status_code == 401


def test_where_to_get_a_token(gates: Gates) -> None:
    """P27, O01: a challenge leads to the metadata, which names who gives tokens."""
    answer = requests.post(gates.resource, json={}, timeout=10)
    assert answer.status_code == 401
    where = re.search(
        r'resource_metadata="([^"]*)"', answer.headers["WWW-Authenticate"]
    )
    assert where
    assert urlsplit(where[1]).path == "/.well-known/oauth-protected-resource/mcp"
    assert requests.get(where[1], timeout=10).json() == {
        "resource": gates.resource,
        "authorization_servers": [gates.authority.url],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["huts.read"],
    }
    assert requests.post(where[1], json={}, timeout=10).status_code == 401


class _Kept:
    """Keeps what the client of the SDK is given, for one run."""

    tokens: Any = None
    client: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client: Any) -> None:
        self.client = client


@modes
def test_the_official_client_signs_in(gates: Gates, mode: Any) -> None:
    """It finds the authorization server by itself, gets a token, and calls."""
    gates.authority.grants.clear()
    provider = ClientCredentialsOAuthProvider(
        gates.resource,
        _Kept(),
        CLIENT,
        SECRET,
        scope="huts.read",
        issuer=gates.authority.url,
    )
    result = call(gates["token-gate"], "enter", mode=mode, auth=provider)
    assert result.structured_content == {"said": "welcome"}
    (grant,) = gates.authority.grants
    assert grant["grant_type"] == "client_credentials"
    assert grant["resource"] == gates.resource


def test_access_tokens(gates: Gates) -> None:
    """O02 to O07 over sockets: good, expired, for others, without the scope, unsigned."""
    url = gates["token-rest"]
    assert get(url, "/enter", headers=gates.token()).json() == {"said": "welcome"}
    for status, headers in (
        (401, {}),
        (401, gates.token(exp=int(time.time()) - 3600)),
        (401, gates.token(exp=None)),
        (401, gates.token(aud="http://127.0.0.1:1/mcp")),
        (401, gates.token(iss="http://127.0.0.1:1")),
        (403, gates.token("huts.write")),
        (401, {"Authorization": gates.token()["Authorization"][:-5] + "AAAAA"}),
    ):
        answer = get(url, "/enter", headers=headers)
        assert answer.status_code == status
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
        assert "welcome" not in answer.text
    keys = gates.authority.asked.count("/keys")
    for _ in range(5):
        assert get(url, "/enter", headers=gates.token()).status_code == 200
    assert gates.authority.asked.count("/keys") == keys, "keys are kept"


def test_access_tokens_at_one_port() -> None:
    """The metadata is at the root of the port, where clients look, not at a prefix."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    with Authority() as authority:
        settings = {
            "NAFTIKO_TEST_GATE_SECRET": "x",
            "NAFTIKO_TEST_ISSUER": authority.url,
            "NAFTIKO_TEST_RESOURCE": f"{base}/token-gate/mcp",
        }
        words = [str(FOLDER / "gates.yaml"), "--single-port", str(port)]
        with Server(*words, ready=len(names_of("gates")), **settings):
            provider = ClientCredentialsOAuthProvider(
                f"{base}/token-gate/mcp", _Kept(), CLIENT, SECRET,
                scope="huts.read", issuer=authority.url,
            )  # fmt: skip
            result = call(f"{base}/token-gate", "enter", auth=provider)
            assert result.structured_content == {"said": "welcome"}
            assert get(base, "/.well-known/other").status_code == 404


# --- credentials of callers -----------------------------------------------------------


def test_guests_bring_their_own_key() -> None:
    """Each caller's key goes upstream with that call only, through REST and MCP."""
    with Recorder(response('["b-1"]')) as upstream:
        words = words_of("guests")
        words += [
            "--base-uri",
            upstream.url,
            "--variable",
            "GUEST_KEY=header:X-Guest-Key",
        ]
        with Server(*words, ready=2, NAFTIKO_TEST_GUEST_KEY="of-the-house") as server:
            rest, mcp = server.urls["guests-rest"], server.urls["guests-mcp"]
            for key in ("ada-key", "bo-key"):
                headers = {"X-Guest-Key": key}
                assert get(rest, "/bookings", headers=headers).json() == ["b-1"]
                assert upstream.last.headers["authorization"] == f"Bearer {key}"
                assert "x-guest-key" not in upstream.last.headers
                result = call(mcp, "bookings", headers=headers)
                assert result.structured_content == {"result": ["b-1"]}
                assert upstream.last.headers["authorization"] == f"Bearer {key}"
            count = len(upstream.received)
            assert get(rest, "/bookings").status_code == 401
            assert call(mcp, "bookings").is_error
            assert len(upstream.received) == count
            assert server.stop() == 0
            assert "-key" not in server.text.replace("X-Guest-Key", "")
            assert "of-the-house" not in server.text


# --- one port -------------------------------------------------------------------------


def test_everything_at_one_port() -> None:
    """REST, MCP and skills of three documents below one port, each at its prefix."""
    documents = ("huts", "greeting", "skills")
    words = [str(FOLDER / f"{name}.yaml") for name in documents]
    count = sum(len(names_of(name)) for name in documents)
    with Recorder(club) as first, Recorder(people) as second:
        words += ["--single-port", "0", "--base-uri", f"huts={first.url}/club"]
        words += ["--base-uri", f"people={second.url}"]
        with Server(*words, ready=count) as server:
            base = server.urls["skills"].removesuffix("/skills")
            assert {url.rpartition("/")[0] for url in server.urls.values()} == {base}
            assert get(base, "/huts-rest/huts/7").json() == WHOLE_HUT
            result = call(f"{base}/huts-mcp", "hut", {"hut-id": "7"})
            assert result.structured_content == WHOLE_HUT
            legacy = call(f"{base}/greeting-mcp", "motto", mode="legacy")
            assert legacy.structured_content == {"motto": "Up and down again."}
            assert get(base, "/skills/skills/packing").json()["name"] == "packing"
            described = get(base, "/huts-rest/openapi.json").json()
            assert described["servers"] == [{"url": "/huts-rest"}]
            assert "/huts/{hut-id}" in described["paths"]
            assert server.stop() == 0


# --- standard input and output ----------------------------------------------------------


def test_a_desktop_agent_starts_it() -> None:
    """The composition over standard input and output, with the official client."""

    async def run(arguments: list[str]) -> Any:
        parameters = StdioServerParameters(
            command=sys.executable, args=["-m", "naftiko", "serve", *arguments]
        )
        with open(os.devnull, "w") as nowhere:
            async with Client(stdio_client(parameters, errlog=nowhere)) as client:
                return await client.call_tool("hut", {"hut-id": "7"})

    with Recorder(club) as first, Recorder(people) as second:
        uris = (f"huts={first.url}/club", f"people={second.url}")
        options = [word for uri in uris for word in ("--base-uri", uri)]
        result = asyncio.run(run([str(FOLDER / "huts.yaml"), "--stdio", *options]))
    assert result.structured_content == WHOLE_HUT
