"""The lines of requests of `naftiko serve`: complete, in order, soon, at every end."""

from __future__ import annotations

import http.client
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from support.serving_process import Server, write
from support.shop import document, rest


def _asked(server: Server, count: int, path: str = "/nothing") -> list[str]:
    """Send some requests over one connection; return their ids."""
    place = server.urls["shop"].removeprefix("http://")
    connection = http.client.HTTPConnection(place, timeout=20)
    ids = [f"id-{number}" for number in range(count)]
    for request_id in ids:
        connection.request("GET", path, headers={"X-Request-Id": request_id})
        assert connection.getresponse().read()
    connection.close()
    return ids


def _logged(server: Server) -> list[str]:
    return [line["request_id"] for line in server.lines if "request_id" in line]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("words", [(), ("--workers", "2")])
def test_no_line_is_lost_at_the_end(
    tmp_path: Path, number: int, words: tuple[str, ...]
) -> None:
    """A signal right after the last answer: all lines are there, in order."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    with Server(file, *words, own_group=True) as server:
        ids = _asked(server, 700)
        assert server.stop(number) == 0
    assert _logged(server) == ids


def test_line_appears_while_the_server_is_idle(tmp_path: Path) -> None:
    """It waits for no second request."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    with Server(file) as server:
        _asked(server, 1)
        line: Any = server.wait_for("shop GET /nothing 404", timeout=10)
        assert line["request_id"] == "id-0"
        assert server.stop() == 0


def test_lines_of_an_error_and_of_its_request_are_in_order(tmp_path: Path) -> None:
    """The error of a request is told before the line of the request."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    with Server(file, "--base-uri", "http://127.0.0.1:9") as server:
        ids = _asked(server, 20, "/things")
        assert server.stop() == 0
    told = [
        line["message"].split()[1].rstrip(":")
        if line["level"] == "error"
        else line["request_id"]
        for line in server.lines
        if line["level"] == "error" or "request_id" in line
    ]
    assert told == [one for request_id in ids for one in (request_id, request_id)]


def test_killed_worker_loses_only_its_latest_lines(tmp_path: Path) -> None:
    """What is older than a moment is written already."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    with Server(file, "--workers", "2") as server:
        workers = [x["worker"] for x in server.lines if "started" in x["message"]]
        ids = _asked(server, 30)
        time.sleep(1)
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        server.wait_for("died")
        server.stop()
    assert _logged(server) == ids
