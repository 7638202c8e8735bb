"""The public conformance suite of MCP against `naftiko serve`, scenario by scenario.

`conformance/everything.yaml` offers what the scenarios ask for, as far as the language
can say it.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from support.node_tools import SUITE, installed
from support.recorder import Received, Recorder, response
from support.serving_process import Server

pytestmark = [pytest.mark.network, pytest.mark.slow]

DOCUMENT = Path(__file__).parent / "conformance" / "everything.yaml"
#: An image of one pixel, and a sound of no sample.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAA"
    "ABJRU5ErkJggg=="
)
WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\0\0\0"
#: Scenarios that pass.
PASS = (
    "server-initialize", "ping", "completion-complete", "tools-list",
    "tools-call-simple-text", "tools-call-image", "tools-call-audio",
    "tools-call-embedded-resource", "tools-call-error", "tools-call-with-progress",
    "server-sse-multiple-streams", "resources-list", "resources-read-text",
    "resources-read-binary", "resources-templates-read", "prompts-list",
    "prompts-get-simple", "prompts-get-with-args", "dns-rebinding-protection",
    "logging-set-level", "resources-subscribe", "resources-unsubscribe",
)  # fmt: skip
_ASKS = (
    "a capability file has nothing that asks the client: no sampling, no elicitation"
)
_LOGS = "a tool of a capability file says nothing while it runs but its progress"
_TEXTS = "a prompt of a capability file consists of texts"
#: Scenarios that do not pass, and why the language cannot express them.
CANNOT = {
    "tools-call-with-logging": _LOGS,
    "tools-call-mixed-content": "a tool gives one value: a text, an image or a resource",
    "tools-call-sampling": _ASKS,
    "tools-call-elicitation": _ASKS,
    "elicitation-sep1034-defaults": _ASKS,
    "elicitation-sep1330-enums": _ASKS,
    "json-schema-2020-12": "inputs have names and types, but no `$schema` and `$defs`",
    "server-sse-polling": "no tool can close its stream and let the client come back",
    "prompts-get-embedded-resource": _TEXTS,
    "prompts-get-with-image": _TEXTS,
}
ANSWERS = {
    "/text": response(
        "This is a simple text response for testing.", content_type="text/plain"
    ),
    "/static": response(
        "This is the content of the static text resource.", content_type="text/plain"
    ),
    "/image": response(PNG, content_type="image/png"),
    "/audio": response(WAV, content_type="audio/wav"),
    "/bytes": response(b"\x00\xff", content_type="application/octet-stream"),
}


def upstream(request: Received) -> bytes:
    """Answer a request as the API behind the tools."""
    if request.target.startswith("/data/"):
        id_ = request.target.removeprefix("/data/")
        data = {"id": id_, "templateTest": True, "data": f"Data for ID: {id_}"}
        return response(json.dumps({**data, "next": "2"}))
    refused = response('{"message": "This tool fails"}', "404 Not Found")
    return ANSWERS.get(request.target, refused)


@pytest.fixture(scope="module")
def held(
    pytestconfig: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Any]]:
    """Run every server scenario; return the checks of each that count."""
    tool = installed(pytestconfig.cache.mkdir("npm"), SUITE, "conformance")
    folder = tmp_path_factory.mktemp("conformance")
    with Recorder(upstream) as api:
        words = ("--port", "everything=0", "--base-uri", f"api={api.url}")
        with Server(DOCUMENT, *words) as server:
            url = f"{server.urls['everything']}/mcp"
            options = ("--suite", "all", "--output-dir", str(folder / "results"))
            done = tool.run("server", "--url", url, *options, home=folder, timeout=300)
            assert "=== SUMMARY ===" in done.stdout, done.stdout + done.stderr
            assert "Traceback" not in server.text
    found: dict[str, list[Any]] = {}
    for file in (folder / "results").glob("server-*/checks.json"):
        # server-<scenario>-<time of day>
        name = file.parent.name.removeprefix("server-").rsplit("-2", 1)[0]
        while name not in PASS and name not in CANNOT and "-" in name:
            name = name.rpartition("-")[0]
        checks = json.loads(file.read_text("utf-8"))
        found[name] = [c for c in checks if c["status"] in ("SUCCESS", "FAILURE")]
    return found


def _passes(checks: list[Any]) -> bool:
    return bool(checks) and all(check["status"] == "SUCCESS" for check in checks)


@pytest.mark.parametrize("scenario", PASS)
def test_scenario_passes(held: dict[str, list[Any]], scenario: str) -> None:
    """Every check of a scenario succeeds."""
    assert _passes(held[scenario]), held[scenario]


@pytest.mark.parametrize("scenario", CANNOT)
def test_scenario_that_cannot_be_expressed_does_not_pass(
    held: dict[str, list[Any]], scenario: str
) -> None:
    """A scenario that passes leaves the table of those that cannot."""
    assert not _passes(held[scenario]), "it passes: move it to PASS"


def test_every_scenario_is_named(held: dict[str, list[Any]]) -> None:
    """The suite has no scenario that is in neither table."""
    assert sorted(held) == sorted([*PASS, *CANNOT])
