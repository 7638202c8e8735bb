"""The tutorial of the reference engine: each documented call gives its answer.

Its eleven documents plan voyages with two APIs, a registry that speaks JSON and a
dockyard that speaks XML. Both are stubs here. Each document is served as it stands, and
every tool, route and skill of it is asked for what the tutorial shows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request as Asked
from urllib.request import urlopen

import pytest

import naftiko
from naftiko.exposes.engine import Engine
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from naftiko.exposes.rest.app import RestApp
from naftiko.exposes.skill.app import SkillApp
from naftiko.transport.messages import Headers, Request, Response
from support.asgi_client import AsyncStub, ask
from support.mcping import asking
from support.recorder import Received, Recorder, response
from support.serving_process import Server
from support.shared import SHARED

TUTORIAL = SHARED / "corpus" / "reference" / "tutorial"
pytestmark = pytest.mark.skipif(
    not TUTORIAL.is_dir(), reason=f"NAFTIKO_CORPUS: there is no {TUTORIAL}"
)

STEPS = range(1, 12)
JSON = {"Content-Type": "application/json"}
VESSELS = [
    ("OLD-1", "Grey Gull", "cargo", "GB", "active"),
    ("OLD-2", "Rusty Anchor", "bulk", "PA", "laid_up"),
]
SHIPS = [
    {
        "imo_number": "IMO-1",
        "vessel_name": "Tern",
        "vessel_type": "cargo",
        "flag_code": "NO",
        "operational_status": "active",
        "year_built": 2015,
        "gross_tonnage": 42000,
        "dimensions": {"length_overall": 229, "beam": 32},
        "assignedCrew": ["C-3", "C-1"],
    },
    {
        "imo_number": "IMO-2",
        "vessel_name": "Curlew",
        "vessel_type": "tanker",
        "flag_code": "SG",
        "operational_status": "maintenance",
    },
]
CREW = [
    {"crewId": "C-1", "fullName": "Ada Holm", "role": "captain", "age": 51},
    {"crewId": "C-2", "fullName": "Bo Lind", "role": "mate", "age": 40},
    {"crewId": "C-3", "fullName": "Cy Tan", "role": "cook", "age": 33},
]
CARGO = [
    {"cargoId": "G-1", "type": "dry", "description": "Tea", "weight": 9, "hazardous": False},
    {"cargoId": "G-2", "type": "fuel", "description": "Oil", "weight": 7, "hazardous": True},
]  # fmt: skip
PLAN = {
    "shipImo": "IMO-1",
    "departurePort": "Oslo",
    "arrivalPort": "Singapore",
    "departureDate": "2026-04-10",
    "arrivalDate": "2026-05-02",
    "crewIds": ["C-1", "C-3"],
}

# --- the two APIs ---------------------------------------------------------------------


def _answer(request: Request) -> Response:
    url = urlsplit(request.url)
    path = re.sub(r"^/rest/[^/]+/[^/]+", "", url.path)
    status = parse_qs(url.query).get("status", [None])[0]
    if path == "/vessels":
        if request.headers.get("X-Dock-Key") != "dummy-dockyard-key":
            return Response(401, JSON, b'{"message": "no key"}')
        return Response(200, {"Content-Type": "application/xml"}, _vessels(status))
    found = _registered(request, path, status)
    if found is None:
        return Response(404, JSON, b'{"message": "no such thing"}')
    created = 201 if request.method == "POST" else 200
    return Response(created, JSON, json.dumps(found).encode())


def _vessels(status: str | None) -> bytes:
    names = ("vesselCode", "vesselName", "category", "flagState", "operationalStatus")
    vessels = [
        "".join(f"<{n}>{v}</{n}>" for n, v in zip(names, vessel, strict=True))
        for vessel in VESSELS
        if status in (None, vessel[-1])
    ]
    return f"<l>{''.join(f'<vessel>{v}</vessel>' for v in vessels)}</l>".encode()


def _registered(request: Request, path: str, status: str | None) -> Any:
    ships = [s for s in SHIPS if status in (None, s["operational_status"])]
    match path.split("/")[1:], request.method:
        case ["ships"], "GET":
            return ships
        case ["ships", imo], "GET":
            return next((s for s in SHIPS if s["imo_number"] == imo), None)
        case ["crew"], "GET":
            return CREW
        case ["cargo"], "GET":
            return CARGO
        case ["voyages"], "POST":
            assert isinstance(request.body, bytes)
            plan = json.loads(request.body)
            return {"voyageId": "V-7", "status": "planned", **plan}
        case ["voyages", "V-7"], "GET":
            more = {"status": "planned", "cargoIds": ["G-2", "G-9"]}
            return {"voyageId": "V-7", **PLAN, **more}
    return None


# --- the answers that the tutorial shows ----------------------------------------------

CARD = {"imo": "IMO-1", "name": "Tern", "type": "cargo", "flag": "NO", "status": "active"}  # fmt: skip
SPECS = {"yearBuilt": 2015, "tonnage": 42000, "length": 229}
OTHER = {"imo": "IMO-2", "name": "Curlew", "type": "tanker", "flag": "SG", "status": "maintenance"}  # fmt: skip
#: Lists show five members of a ship, whatever else the registry knows.
FLEET = [CARD, OTHER]
LEGACY = [
    dict(zip(("vesselCode", "name", "type", "flag", "status"), vessel, strict=True))
    for vessel in VESSELS
]
CREWED = {
    **CARD,
    **SPECS,
    "crew": [
        {"fullName": "Cy Tan", "role": "cook"},
        {"fullName": "Ada Holm", "role": "captain"},
    ],
}
VOYAGE = {
    "voyageId": "V-7",
    "shipImo": "IMO-1",
    "route": {"from": "Oslo", "to": "Singapore"},
    "dates": {"departure": "2026-04-10", "arrival": "2026-05-02"},
    "crewIds": ["C-1", "C-3"],
    "cargoIds": ["G-1"],
    "status": "planned",
}
MANIFEST = {
    "voyageId": "V-7",
    "status": "planned",
    "departurePort": "Oslo",
    "arrivalPort": "Singapore",
    "shipName": "Tern",
    "shipType": "cargo",
    "shipFlag": "NO",
    "crew": [
        {"fullName": "Ada Holm", "role": "captain"},
        {"fullName": "Cy Tan", "role": "cook"},
    ],
    "cargo": [
        {"type": "fuel", "description": "Oil", "weight": 7, "hazardous": True},
    ],
}
#: The tool groups what the route of the same name gives side by side.
GROUPED = {
    **{key: MANIFEST[key] for key in ("voyageId", "status", "crew", "cargo")},
    "route": VOYAGE["route"],
    "ship": {"name": "Tern", "type": "cargo", "flag": "NO"},
}
MCP_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "Authorization": "Bearer dummy-mcp-token",
    "MCP-Protocol-Version": "2025-11-25",
}
MOCK = {"imo": "IMO-5", "name": "Northern Star", "type": "cargo", "flag": "NO", "status": "active"}  # fmt: skip


def _ship(step: int) -> Any:
    return {**CARD, "specs": SPECS} if step >= 4 else CARD


def _documented(step: int) -> Iterator[tuple[str, dict[str, Any], str, Any]]:
    """Yield tool, arguments, target of the route and answer of each documented call."""
    if step == 1:
        yield "get-ship", {"imo_number": "IMO-5"}, "", MOCK
        return
    yield "list-ships", {}, "GET /ships", FLEET
    yield "list-ships", {"status": "active"}, "GET /ships?status=active", [CARD]
    yield "get-ship", {"imo": "IMO-1"}, "GET /ships/IMO-1", _ship(step)
    if step >= 5:
        # The dockyard gives two vessels, so that the list is one in XML as well.
        yield "list-legacy-vessels", {}, "GET /legacy/vessels", LEGACY
    if step >= 6:
        whole = {**PLAN, "cargoIds": ["G-1"]}
        yield "create-voyage", whole, "POST /voyages", VOYAGE
    if step >= 7:
        yield "get-ship-with-crew", {"imo": "IMO-1"}, "GET /ships/IMO-1/crew", CREWED
    if step >= 11:
        manifest = "GET /voyages/V-7/manifest"
        yield "get-voyage-manifest", {"voyageId": "V-7"}, manifest, MANIFEST


class Served:
    """One document, its adapters, and the requests that reached the two APIs."""

    def __init__(self, step: int) -> None:
        (file,) = TUTORIAL.glob(f"step-{step}-*.yml")
        self.capability = naftiko.load(Path(file))
        self.upstream = AsyncStub(_answer)
        engine = Engine(self.capability, self.upstream)
        kinds: dict[str, Any] = {"mcp": McpApp, "rest": RestApp, "skill": SkillApp}
        self.apps: dict[str, Any] = {
            exposes.type: kinds[exposes.type](engine, exposes, Options())
            for exposes in self.capability.exposes
        }

    def tool(self, name: str, arguments: dict[str, Any]) -> Any:
        """Call a tool; return the JSON of its text."""
        params = {"name": name, "arguments": arguments}
        result = asking(self.apps["mcp"], "tools/call", params)["result"]
        assert not result["isError"], result
        return json.loads(result["content"][0]["text"])

    def tools(self) -> dict[str, Any]:
        """Return the entry of every tool by its name."""
        listed = asking(self.apps["mcp"], "tools/list")["result"]["tools"]
        return {tool["name"]: tool for tool in listed}


@cache
def served(step: int) -> Served:
    """Serve the document of a step."""
    return Served(step)


@pytest.mark.parametrize("step", STEPS)
def test_document_of_a_step_has_no_problem(step: int) -> None:
    """The documents are right, so nothing is noted about them."""
    assert served(step).capability.problems == ()


@pytest.mark.parametrize("step", STEPS)
def test_tools_of_a_step_give_the_documented_answers(step: int) -> None:
    """Each tool gives what the tutorial shows."""
    for name, arguments, _, answer in _documented(step):
        expected = GROUPED if answer is MANIFEST else answer
        assert served(step).tool(name, arguments) == expected, name


@pytest.mark.parametrize("step", STEPS)
def test_tools_of_a_step_are_listed_with_the_inputs_that_they_declare(
    step: int,
) -> None:
    """No tool gains an argument, and only `required: false` makes one optional."""
    listed = served(step).tools()
    assert list(listed) == list(dict.fromkeys(name for name, *_ in _documented(step)))
    taken = {
        "list-ships": ({"status"}, []),
        "get-ship": ({"imo_number" if step == 1 else "imo"},) * 2,
        "list-legacy-vessels": ({"status"}, []),
        "create-voyage": ({*PLAN, "cargoIds"}, list(PLAN)),
        "get-ship-with-crew": ({"imo"},) * 2,
        "get-voyage-manifest": ({"voyageId"},) * 2,
    }
    for name, tool in listed.items():
        properties, required = taken[name]
        schema = tool["inputSchema"]
        assert set(schema["properties"]) == properties, name
        assert schema.get("required", []) == list(required), name
        assert schema["additionalProperties"] is False


@pytest.mark.parametrize("step", [s for s in STEPS if s >= 10])
def test_routes_of_a_step_give_the_documented_answers(step: int) -> None:
    """Partners get the same answers over REST."""
    for name, arguments, target, answer in _documented(step):
        method, path = target.split(" ")
        body = json.dumps(arguments).encode() if method == "POST" else b""
        got = ask(served(step).apps["rest"], method, path, JSON, body)
        assert (got.status, got.json) == (201 if body else 200, answer), name


@pytest.mark.parametrize("step", [s for s in STEPS if s >= 8])
def test_skills_of_a_step_list_the_tools(step: int) -> None:
    """A skill is a table of contents: it names the tools of the MCP adapter."""
    app = served(step).apps["skill"]
    skills = ask(app, "GET", "/skills").json["skills"]
    assert [skill["name"] for skill in skills] == ["fleet-ops", "voyage-ops"]
    known = served(step).tools()
    assert {tool for skill in skills for tool in skill["tools"]} == set(known)
    fleet = ask(app, "GET", "/skills/fleet-ops").json
    assert fleet["tools"][0]["invocationRef"] == {
        "targetNamespace": "shipyard-tools",
        "action": "list-ships",
        "mode": "mcp",
    }


@pytest.mark.parametrize("step", [s for s in STEPS if s >= 6])
def test_voyage_without_cargo_is_planned_without_the_key(step: int) -> None:
    """`cargoIds` is optional: the template of the body does not keep it back."""
    stub = served(step).upstream
    given = {**PLAN, "shipImo": 'a "quoted" ship'}
    stub.requests.clear()
    voyage = served(step).tool("create-voyage", given)
    assert voyage["cargoIds"] is None
    (request,) = stub.requests
    assert json.loads(request.body) == given  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [3, 6, 9])
def test_credentials_and_version_reach_the_registry(step: int) -> None:
    """Both come from the file that the binds name."""
    stub = served(step).upstream
    stub.requests.clear()
    served(step).tool("list-ships", {})
    (request,) = stub.requests
    assert request.headers["Authorization"] == "Bearer dummy-token"
    assert request.headers["Registry-Version"] == "1.0.0-alpha2"


def test_reading_tool_of_an_aggregate_derives_its_hints() -> None:
    """Step 9: `semantics` of the function become hints of the tool."""
    hints = served(9).tools()["get-ship-with-crew"]["annotations"]
    assert hints["readOnlyHint"] is True
    assert hints["idempotentHint"] is True
    assert hints["destructiveHint"] is False


# --- the whole program ----------------------------------------------------------------


def _over_http(received: Received) -> bytes:
    """Answer as the two APIs do, over a socket."""
    # The recorder folds the names of headers, which the stub writes as usual.
    headers = {"X-Dock-Key": received.headers.get("x-dock-key", "")}
    url = f"http://api.test{received.target}"
    answer = _answer(Request(received.method, url, Headers(headers), received.body))
    kind = answer.headers["Content-Type"]
    return response(answer.body, f"{answer.status} Done", kind)


@pytest.mark.slow
def test_program_serves_the_last_step_to_partners_agents_and_models() -> None:
    """Step 11 runs as its page says: three adapters, two APIs, real connections."""
    (file,) = TUTORIAL.glob("step-11-*.yml")
    with Recorder(_over_http) as api:
        words = ("--port", "0", "--host", "127.0.0.1", "--stateless")
        words += ("--base-uri", api.url)
        with Server(file, *words, ready=3) as server:
            rest, mcp = server.urls["shipyard-api"], server.urls["shipyard-tools"]
            with urlopen(f"{rest}/voyages/V-7/manifest", timeout=20) as got:
                assert json.load(got) == MANIFEST
            with urlopen(f"{server.urls['shipyard-skills']}/skills", timeout=20) as got:
                assert json.load(got)["count"] == 2
            call = {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {
                    "name": "get-voyage-manifest",
                    "arguments": {"voyageId": "V-7"},
                },
            }
            asked = Asked(mcp, json.dumps(call).encode(), MCP_HEADERS)
            with urlopen(asked, timeout=20) as got:
                # One event of a stream, or plain JSON.
                text = got.read().decode().partition("data: ")
            result = json.loads(text[2] or text[0])["result"]
            assert json.loads(result["content"][0]["text"]) == GROUPED
    assert {r.headers.get("x-dock-key") for r in api.received} == {None}
