"""The clients of `serve.py`: many HTTP clients at once, or one MCP client."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

HANDSHAKE, MODERN = "2025-11-25", "2026-07-28"
_HELLO = {
    "protocolVersion": HANDSHAKE,
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
_ACCEPT = "application/json, text/event-stream"

#: Clients that ask at once: the usual load, and those of the tail.
CLIENTS, MANY, MORE = 32, 64, 128

Ask = Callable[..., bytes]


# --- processes ----------------------------------------------------------------------


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


#: Seconds that a server may take to start, to answer or to end: machines are busy.
PATIENCE = 120.0
#: Answers without which there is no median.
_FEWEST = 2


@contextmanager
def process(
    command: list[str], port: int | None = None, **more: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the context ends; wait until it listens to a port."""
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL, **more)
    try:
        if port is not None:
            _until_open(child, port)
        yield child
    finally:
        child.terminate()
        try:
            child.wait(PATIENCE)
        finally:
            child.kill()


def _until_open(child: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        if child.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"does not listen: {child.args!r}")
        time.sleep(0.002)


def resident(pid: int) -> float:
    """Return the megabytes that a process has in memory."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def cpu(pid: int) -> float:
    """Return the seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


HAS_PROC = Path("/proc/self/stat").exists()


# --- many clients at once -----------------------------------------------------------


class Load(NamedTuple):
    """What a number of clients saw in some seconds.

    Attributes:
        rate: Requests answered each second.
        p50: Seconds until half of the answers.
        p99: Seconds until 99 of 100 answers.
        count: Requests answered.
        cpu: Seconds of the server's processor for each; 0 where it is not known.
    """

    rate: float
    p50: float
    p99: float
    count: int
    cpu: float = 0.0


def load(pid: int, url: str, clients: int, seconds: float) -> Load:
    """Ask for a URL as fast as it is answered; by `wrk` where there is one."""
    before = cpu(pid) if HAS_PROC else 0.0
    if shutil.which("wrk") and seconds >= 1:
        found = _wrk(url, clients, seconds)
    else:
        host, slash, path = url.removeprefix("http://").partition("/")
        request = f"GET {slash}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        found = load_of(int(host.rpartition(":")[2]), request, clients, seconds)
    after = cpu(pid) if HAS_PROC else 0.0
    return found._replace(cpu=(after - before) / found.count)


_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def _wrk(url: str, clients: int, seconds: float) -> Load:
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:.0f}s", "--latency", url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"{url}: {text}")

    def latency(share: str) -> float:
        number, unit = re.search(rf"{share}%\s+([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
        return float(number) * _UNITS[unit]

    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
    count = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    return Load(rate, latency("50"), latency("99"), count)


def load_of(
    port: int, request: bytes, clients: int, seconds: float, most: int = 0
) -> Load:
    """Send the same bytes over and over; end after some seconds or requests."""
    return asyncio.run(_load_of(port, request, clients, seconds, most))


class _Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, took: list[float]) -> None:
        self.request = request
        self.took = took
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
    port: int, request: bytes, clients: int, seconds: float, most: int
) -> Load:
    running = asyncio.get_running_loop()
    took: list[float] = []
    asking = [_Client(request, took) for _ in range(clients)]
    started = time.perf_counter()
    for client in asking:
        await running.create_connection(lambda c=client: c, "127.0.0.1", port)  # type: ignore[misc]
    passed = 0.0
    # On a busy machine the first answers may take longer than the whole load.
    while (passed < seconds and not (most and len(took) >= most)) or (
        len(took) < _FEWEST and passed < PATIENCE
    ):
        await asyncio.sleep(0.01)
        passed = time.perf_counter() - started
    for client in asking:
        client.is_over = True
        client.transport.close()
    if len(took) < _FEWEST:
        raise RuntimeError(f"no answers within {PATIENCE:g} s: {request[:100]!r}")
    ranked = statistics.quantiles(took, n=100)
    return Load(len(took) / passed, ranked[49], ranked[98], len(took))


# --- one MCP client -----------------------------------------------------------------


@contextmanager
def over_stdio(command: list[str]) -> Iterator[tuple[Ask, int]]:
    """Talk to a child process; yield what asks, and the process id."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with process(command, **pipes) as child:
        stdin, stdout = child.stdin, child.stdout
        assert stdin is not None
        assert stdout is not None
        number = 0

        def ask(method: str, params: Any = None, *, answers: bool = True) -> bytes:
            nonlocal number
            number += 1
            message = _message(method, params, number if answers else 0)
            stdin.write(json.dumps(message).encode() + b"\n")
            stdin.flush()
            return stdout.readline() if answers else b""

        ask("initialize", _HELLO)
        ask("notifications/initialized", answers=False)
        yield ask, child.pid


@contextmanager
def over_http(
    command: list[str], port: int, revision: str
) -> Iterator[tuple[Ask, int]]:
    """Talk to a server over one connection; yield what asks, and the process id."""
    with process(command, port) as child:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.connect()
        assert connection.sock is not None
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session: dict[str, str] = {}
        number = 0

        def ask(method: str, params: Any = None, *, answers: bool = True) -> bytes:
            nonlocal number
            number += 1
            headers, body = mcp_post(
                method, params, number if answers else 0, modern=revision == MODERN
            )
            connection.request("POST", "/mcp", body, {**headers, **session})
            response = connection.getresponse()
            found = response.read()
            if name := response.getheader("Mcp-Session-Id"):
                session.update({"Mcp-Session-Id": name, _VERSION: HANDSHAKE})
            return found

        if revision == HANDSHAKE:
            ask("initialize", _HELLO)
            ask("notifications/initialized", answers=False)
        yield ask, child.pid


_VERSION = "MCP-Protocol-Version"


def mcp_post(
    method: str, params: Any, number: int = 1, *, modern: bool = True
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of an MCP request over HTTP."""
    headers = {"Content-Type": "application/json", "Accept": _ACCEPT}
    if modern:
        params = {**(params or {}), "_meta": _META}
        headers |= {_VERSION: MODERN, "Mcp-Method": method}
        if "name" in params:
            headers["Mcp-Name"] = params["name"]
    return headers, json.dumps(_message(method, params, number)).encode()


def mcp_bytes(port: int, method: str, params: Any) -> bytes:
    """Return a whole MCP request over HTTP, which needs no session."""
    headers, body = mcp_post(method, params)
    headers |= {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + body


def _message(method: str, params: Any, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if number:
        message["id"] = number
    if params is not None:
        message["params"] = params
    return message
