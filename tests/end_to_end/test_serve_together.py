"""`naftiko serve` in several processes: the control port speaks for all of them."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from naftiko.exposes.processes.cores import usable_cores
from support.recorder import Recorder
from support.serving_process import Server, write
from support.shop import document, mcp, rest

pytest.importorskip("opentelemetry.sdk")

CONTROL = {
    "type": "control",
    "port": 0,
    "management": {
        "info": True,
        "reload": True,
        "scripting": {},
        "logs": {"level-control": True, "stream": True, "max-subscribers": 2},
    },
}
#: Requests that ask each process nearly surely: each has a connection of its own.
OFTEN = 8


@contextmanager
def two_processes(folder: Path, upstream: Recorder) -> Iterator[tuple[Server, Path]]:
    """Serve a document in two processes; yield the server and the document."""
    file = write(folder / "shop.yaml", document(rest(), CONTROL))
    words = ("--base-uri", upstream.url, "--workers", "2")
    with Server(file, *words, ready=2) as server:
        yield server, file


def asked(server: Server, path: str) -> Any:
    """Return what the control port answers, from one of the processes."""
    answer = requests.get(f"{server.urls['control']}{path}", timeout=10)
    kind = answer.headers["content-type"]
    return answer.json() if "json" in kind else answer.text


def put(server: Server, path: str, data: Any) -> None:
    """Change something at the control port."""
    url = f"{server.urls['control']}{path}"
    assert requests.put(url, json=data, timeout=10).status_code == 200


def total(text: str) -> float:
    """Return how many requests the page of metrics tells of."""
    found = re.findall(r"^naftiko_request_total\{.*\} (.*)$", text, re.MULTILINE)
    return sum(map(float, found))


def workers(server: Server) -> list[int]:
    """Return the processes that were started."""
    return [line["worker"] for line in server.lines if "started" in line["message"]]


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, ten seconds at most."""
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def ask_shop(server: Server, count: int) -> None:
    """Send requests over connections of their own."""
    for _ in range(count):
        assert requests.get(f"{server.urls['shop']}/things", timeout=5).ok


def _ended(trace: Any) -> float:
    """Return when a trace ended, in seconds: they are listed in that order."""
    began = datetime.fromisoformat(trace["timestamp"]).timestamp()
    return began + float(trace["durationMs"]) / 1000


def test_control_port_speaks_for_all_processes(
    tmp_path: Path, upstream: Recorder
) -> None:
    """Counts, traces and lines are those of all; a change is made in all."""
    with two_processes(tmp_path, upstream) as (server, file):
        ask_shop(server, 20)
        for _ in range(OFTEN):
            assert total(asked(server, "/metrics")) == 20
        pages = [asked(server, "/traces") for _ in range(OFTEN)]
        assert {page["bufferUsed"] for page in pages} == {20}
        ends = [_ended(trace) for trace in pages[0]["traces"]]
        assert all(later > earlier - 0.01 for later, earlier in pairwise(ends))
        for trace in pages[0]["traces"][:OFTEN]:
            found = asked(server, f"/traces/{trace['traceId']}")
            assert len(found["spans"]) == trace["spanCount"]
        shop = [
            x for x in asked(server, "/logs")["lines"] if x.get("path") == "/things"
        ]
        assert len(shop) == 20
        put(server, "/logs/naftiko.access", {"level": "error"})
        put(server, "/scripting", {"timeout": 321})
        for _ in range(OFTEN):
            assert asked(server, "/logs/naftiko.access")["level"] == "error"
            assert asked(server, "/scripting")["timeout"] == 321
        told = asked(server, "/status")["processes"]
        assert told == {"count": 2, "ready": 2, "ids": workers(server)}
        write(file, document(rest(path="/goods"), CONTROL))
        url = f"{server.urls['control']}/config/reload"
        reloaded = requests.post(url, timeout=10).json()
        assert (reloaded["status"], reloaded["problems"]) == ("reloaded", [])
        for _ in range(OFTEN):
            assert requests.get(f"{server.urls['shop']}/goods", timeout=5).ok
        assert server.stop() == 0
        assert server.text.count('"reloaded ') == 1
        assert "Traceback" not in server.text


def test_stream_has_the_lines_of_all_processes(
    tmp_path: Path, upstream: Recorder
) -> None:
    """One stream tells of every request; the limit of streams is that of all."""
    with two_processes(tmp_path, upstream) as (server, _):
        url = f"{server.urls['control']}/logs/stream"
        with (
            requests.get(url, stream=True, timeout=10) as first,
            requests.get(url, stream=True, timeout=10),
        ):
            for _ in range(OFTEN):
                assert requests.get(url, timeout=5).status_code == 503
            time.sleep(0.3)  # the processes find each other
            ask_shop(server, 10)
            seen = 0
            for line in first.iter_lines():
                if line.startswith(b"data:") and b'"/things"' in line:
                    json.loads(line.removeprefix(b"data: "))
                    seen += 1
                if seen == 10:
                    break
        assert server.stop() == 0
        assert "Traceback" not in server.text


def test_replaced_process_goes_on_where_the_dead_one_was(
    tmp_path: Path, upstream: Recorder
) -> None:
    """Counts never go down, changes stay, and an edit is not served before a reload."""
    with two_processes(tmp_path, upstream) as (server, file):
        ask_shop(server, 12)
        assert total(asked(server, "/metrics")) == 12
        put(server, "/logs/naftiko.access", {"level": "error"})
        put(server, "/scripting", {"timeout": 321})
        file.write_text("naftiko: [broken", "utf-8")
        for dead in workers(server):
            os.kill(dead, signal.SIGKILL)
            started = server.wait_for("worker .* started")["worker"]
            until(
                lambda new=started: new in asked(server, "/status")["processes"]["ids"]
            )
        for _ in range(OFTEN):
            assert total(asked(server, "/metrics")) == 12
            assert asked(server, "/logs/naftiko.access")["level"] == "error"
            assert asked(server, "/scripting")["timeout"] == 321
        ask_shop(server, OFTEN)
        assert total(asked(server, "/metrics")) == 12 + OFTEN
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("not reloaded")
        assert server.stop() == 0
        assert server.text.count("not reloaded") == 1


def test_replaced_process_serves_what_was_reloaded(
    tmp_path: Path, upstream: Recorder
) -> None:
    """After a reload it reads the file; one that is broken by then is told, no end."""
    with two_processes(tmp_path, upstream) as (server, file):
        write(file, document(rest(path="/goods"), CONTROL))
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("^reloaded")
        first, second = workers(server)
        os.kill(first, signal.SIGKILL)
        started = server.wait_for("worker .* started")["worker"]
        until(lambda: started in asked(server, "/status")["processes"]["ids"])
        for _ in range(OFTEN):
            assert requests.get(f"{server.urls['shop']}/goods", timeout=5).ok
        file.write_text("naftiko: [broken", "utf-8")
        os.kill(second, signal.SIGKILL)
        line = server.wait_for("the versions of the start are served")
        assert "shop.yaml" in line["message"]
        until(lambda: asked(server, "/status")["processes"]["ready"] == 2)
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("exposed", "words", "is_alone"),
    [
        ([rest()], (), False),
        ([rest()], ("--workers", "auto"), False),
        ([rest(), mcp()], ("--stateless",), False),
        ([rest(), mcp()], ("--adapter", "shop"), False),
        ([rest(), mcp()], (), True),
        ([rest()], ("--reload",), True),
        ([rest()], ("--workers", "1"), True),
    ],
)
def test_each_core_has_a_process_by_default(
    exposed: list[Any], words: tuple[str, ...], is_alone: bool, tmp_path: Path
) -> None:
    """One process for each core, unless something needs the memory of one."""
    file = write(tmp_path / "shop.yaml", document(*exposed))
    cores = usable_cores()
    count = 1 if is_alone else cores
    with Server(file, *words) as server:
        assert server.stop() == 0
        assert len(workers(server)) == (count if count > 1 else 0)
        told = sum("keeps sessions" in line["message"] for line in server.lines)
        assert told == (is_alone and not words and cores > 1)
