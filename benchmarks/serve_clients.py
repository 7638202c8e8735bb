"""The servers of `serve.py` as processes, and one MCP client."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

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

Ask = Callable[..., bytes]
#: Headers and body of a request.
Post = tuple[dict[str, str], bytes]


# --- processes ----------------------------------------------------------------------


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


#: Seconds that a server may take to start, to answer or to end: machines are busy.
PATIENCE = 120.0


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


def family(pid: int) -> list[int]:
    """Return a process and its children, and theirs."""
    found = [pid]
    for one in found:
        for thread in Path(f"/proc/{one}/task").iterdir():
            with suppress(OSError):  # it has ended, or the system does not tell
                found += map(int, (thread / "children").read_text("ascii").split())
    return found


def cpu(pid: int) -> float:
    """Return the seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


HAS_PROC = Path("/proc/self/stat").exists()
NO_PROC = "this system has no /proc"


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
    with process(command, port) as child, _Wire(port) as wire:
        session: dict[str, str] = {}
        number = 0

        def ask(method: str, params: Any = None, *, answers: bool = True) -> bytes:
            nonlocal number
            number += 1
            headers, body = mcp_post(
                method, params, number if answers else 0, modern=revision == MODERN
            )
            head, found = wire.ask(
                post_bytes(wire.host, "/mcp", {**headers, **session}, body)
            )
            if name := _SESSION.search(head):
                session.update({"Mcp-Session-Id": name[1].decode()})
                session[_VERSION] = HANDSHAKE
            return found

        if revision == HANDSHAKE:
            ask("initialize", _HELLO)
            ask("notifications/initialized", answers=False)
        yield ask, child.pid


_VERSION = "MCP-Protocol-Version"
_SESSION = re.compile(rb"\r\nmcp-session-id: *(\S+)", re.IGNORECASE)


class _Wire:
    """One connection whose client does as little as it can.

    The server is what is measured: `http.client` takes a third of the time of a call.
    """

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Send a request; return head and body of its response, chunks as they came."""
        self._socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        fields = head.lower()
        if b"\r\ntransfer-encoding: chunked" in fields:
            while not body.endswith(b"0\r\n\r\n"):
                body += self._more()
            return head, body
        _, _, rest = fields.partition(b"\r\ncontent-length:")
        length = int(rest.partition(b"\r\n")[0] or 0)
        while len(body) < length:
            body += self._more()
        return head, body

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise RuntimeError("the server hung up")
        return data

    def __enter__(self) -> _Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def mcp_post(method: str, params: Any, number: int = 1, *, modern: bool = True) -> Post:
    """Return headers and body of an MCP request over HTTP."""
    headers = {"Content-Type": "application/json", "Accept": _ACCEPT}
    if modern:
        params = {**(params or {}), "_meta": _META}
        headers |= {_VERSION: MODERN, "Mcp-Method": method}
        if "name" in params:
            headers["Mcp-Name"] = params["name"]
    return headers, json.dumps(_message(method, params, number)).encode()


def mcp_session(port: int) -> dict[str, str]:
    """Open a session of MCP; return the headers that its requests have."""
    found: dict[str, str] = {}
    for method, params, number in (
        ("initialize", _HELLO, 1),
        ("notifications/initialized", None, 0),
    ):
        headers, body = mcp_post(method, params, number, modern=False)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/mcp", body, {**headers, **found}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            response.read()
            if name := response.headers.get("Mcp-Session-Id"):
                found["Mcp-Session-Id"] = name
        found[_VERSION] = HANDSHAKE
    return found


def mcp_bytes(port: int, method: str, params: Any) -> bytes:
    """Return a whole MCP request over HTTP, which needs no session."""
    return post_bytes(f"127.0.0.1:{port}", "/mcp", *mcp_post(method, params))


def post_bytes(host: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return a whole request."""
    headers = headers | {"Host": host, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def _message(method: str, params: Any, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if number:
        message["id"] = number
    if params is not None:
        message["params"] = params
    return message
