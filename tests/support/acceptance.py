"""Serve the documents of `tests/end_to_end/acceptance/` with stubs of their APIs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

import naftiko
from support.recorder import Received, Recorder, response
from support.serving_process import Server

FOLDER = Path(__file__).parents[1] / "end_to_end" / "acceptance"
DOCUMENTS = sorted(FOLDER.glob("*.yaml"))
TOKEN = "0ff1ce-t0ken"
#: Documents that one process serves together; other documents need own settings.
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
    """Answer a request as the API of the huts or as any other API except people."""
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
    """Answer a request as the API of the people."""
    if request.target == "/people":
        return response(json.dumps(PEOPLE))
    assert request.target == "/people/p-1/phone"
    return response('{"phone": {"number": "+41 27 000 00 01"}, "private": 1}')


class House:
    """A process that serves several documents, with their upstream APIs."""

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
    """Return the arguments of `naftiko serve` for documents, at free or given ports."""
    names = [name for document in documents for name in names_of(document)]
    words = [str(FOLDER / f"{document}.yaml") for document in documents]
    for name in dict.fromkeys(names):
        words += ["--port", f"{name}={ports.get(name.replace('-', '_'), 0)}"]
    return words


@contextmanager
def serve_house() -> Iterator[House]:
    """Serve the documents in `HOUSE`; check that the process exits without an error."""
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
    """Send a GET request and return the response."""
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
