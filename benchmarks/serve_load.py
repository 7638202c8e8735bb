"""Many HTTP clients at once: `wrk`, or clients in Python."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from serve_clients import HAS_PROC, PATIENCE, Post, cpu, family, post_bytes

#: Clients that ask at once: the usual load, and those of the tail.
CLIENTS, MANY, MORE = 32, 64, 128
#: Answers without which there is no median.
_FEWEST = 2


class Load(NamedTuple):
    """What a number of clients saw in some seconds.

    Attributes:
        rate: Requests answered each second.
        p50: Seconds until half of the answers.
        p99: Seconds until 99 of 100 answers.
        count: Requests answered.
        cpu: Seconds of the server's processor for each; 0 where it is not known.
        firsts: Of the answers that were counted, those that waited until their
            connection was open, and until all others were.
    """

    rate: float
    p50: float
    p99: float
    count: int
    cpu: float = 0.0
    firsts: int = 0


def load(
    pid: int,
    url: str,
    clients: int,
    seconds: float,
    posts: Sequence[Post] = (),
) -> Load:
    """Ask for a URL as fast as it is answered; by `wrk` where there is one.

    Args:
        pid: The server, of which the processor is looked at.
        url: What is asked for.
        clients: Connections.
        seconds: How long.
        posts: What is sent in turn, instead of a GET request.
    """
    before = _cpu_of_all(pid)
    if shutil.which("wrk") and seconds >= 1:
        found = _wrk(url, clients, seconds, posts)
    else:
        host, slash, path = url.removeprefix("http://").partition("/")
        requests = [post_bytes(host, slash + path, *post) for post in posts]
        requests = requests or [
            f"GET {slash}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        ]
        port = int(host.rpartition(":")[2])
        found = load_of(port, requests, clients, seconds)
    return found._replace(cpu=(_cpu_of_all(pid) - before) / found.count)


def _cpu_of_all(pid: int) -> float:
    return sum(map(cpu, family(pid))) if HAS_PROC else 0.0


_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def _wrk(url: str, clients: int, seconds: float, posts: Sequence[Post]) -> Load:
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:.0f}s", "--latency"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua", encoding="utf-8") as script:
        if posts:
            script.write(_script(posts))
            script.flush()
            command += ["-s", script.name]
        command.append(url)
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    text = run.stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"{url}: {text}")

    def latency(share: str) -> float:
        number, unit = re.search(rf"{share}%\s+([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
        return float(number) * _UNITS[unit]

    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
    count = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    return Load(rate, latency("50"), latency("99"), count, firsts=clients)


def _script(posts: Sequence[Post]) -> str:
    """Return what tells `wrk`, in Lua, to send these in turn."""
    lines = ["local all, last = {}, 0", "function init()"]
    for headers, body in posts:
        fields = ", ".join(
            f"[{json.dumps(name)}]={json.dumps(value)}"
            for name, value in headers.items()
        )
        text = json.dumps(body.decode("ascii"))
        lines.append(f'all[#all+1] = wrk.format("POST", nil, {{{fields}}}, {text})')
    lines += ["end", "function request()", "last = last % #all + 1"]
    lines += ["return all[last]", "end"]
    return "\n".join(lines)


def load_of(
    port: int,
    requests: bytes | Sequence[bytes],
    clients: int,
    seconds: float,
    most: int = 0,
) -> Load:
    """Send the same bytes over and over; end after some seconds or requests.

    Of several requests, each client sends one.
    """
    if isinstance(requests, bytes):
        requests = [requests]
    asking = [_Client(requests[n % len(requests)]) for n in range(clients)]
    return asyncio.run(_load_of(port, asking, seconds, most))


class _Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        #: Seconds for each answer.
        self.took: list[float] = []
        self.is_over = False
        self.is_first = True
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.received = b""
        self.started = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if len(body) < int(length[1]) if length else not body.endswith(b"0\r\n\r\n"):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.transport.close()
            raise RuntimeError(self.received[:500])
        if not self.is_over:
            # All connections open at the same moment: that is no usual answer.
            if not self.is_first:
                self.took.append(time.perf_counter() - self.started)
            self.is_first = False
            self.ask()


async def _load_of(
    port: int, asking: Sequence[_Client], seconds: float, most: int
) -> Load:
    running = asyncio.get_running_loop()
    started = time.perf_counter()
    for client in asking:
        await running.create_connection(lambda c=client: c, "127.0.0.1", port)  # type: ignore[misc]
    passed, count = 0.0, 0
    # On a busy machine the first answers may take longer than the whole load.
    while (passed < seconds and not (most and count >= most)) or (
        count < _FEWEST and passed < PATIENCE
    ):
        await asyncio.sleep(0.01)
        count = sum(len(client.took) for client in asking)
        passed = time.perf_counter() - started
    for client in asking:
        client.is_over = True
        client.transport.close()
    took = [one for client in asking for one in client.took]
    if len(took) < _FEWEST:
        raise RuntimeError(f"no answers within {PATIENCE:g} s from port {port}")
    ranked = statistics.quantiles(took, n=100)
    return Load(len(took) / passed, ranked[49], ranked[98], len(took))
