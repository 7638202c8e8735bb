"""The attackers of the soak: callers that send what no good client sends.

`python soak_attack.py URLS SECONDS SEED`, where URLS is a JSON object with the addresses
of the adapters. It prints a JSON object: name of an attack → how often it was made.
"""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from soak_upstream import HOSTILE

#: Seconds that an attacker waits for an answer.
PATIENCE = 5.0
JSON_HEADERS = (
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
)
MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


class Attacker:
    """One attacker: makes attacks one after another, chosen by a seeded generator."""

    def __init__(self, urls: dict[str, str], seed: int) -> None:
        self.addresses = {name: urlsplit(url) for name, url in urls.items()}
        self.random = random.Random(seed)
        self.made: Counter[str] = Counter()

    def run(self, seconds: float) -> None:
        """Make attacks for some time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            attack = self.random.choice(ATTACKS)
            self.made[attack.__name__.lstrip("_")] += 1
            with suppress(OSError):
                attack(self)
            time.sleep(self.random.uniform(0.05, 0.35))

    def send(self, name: str, data: bytes, patience: float = PATIENCE) -> bytes:
        """Send bytes to an adapter and return the beginning of its answer."""
        address = self.addresses[name]
        place = (address.hostname or "", address.port or 80)
        with socket.create_connection(place, timeout=patience) as connection:
            with suppress(OSError):  # it may answer and close before it has all
                connection.sendall(data)
            return connection.recv(65536)

    def ask(
        self, name: str, path: str, body: bytes | None = None, headers: str = ""
    ) -> bytes:
        """Send a well-formed request to a path below an adapter."""
        address = self.addresses[name]
        method = "GET" if body is None else "POST"
        head = f"{method} {address.path.rstrip('/')}{path} HTTP/1.1\r\n"
        head += f"Host: {address.netloc}\r\nConnection: close\r\n{headers}"
        if body is not None:
            head += f"Content-Length: {len(body)}\r\n"
        return self.send(name, head.encode() + b"\r\n" + (body or b""))

    def call(self, method: str, **params: object) -> bytes:
        """Send a message of MCP."""
        headers = JSON_HEADERS
        if method != "initialize":  # of the newest revision, without a session
            params["_meta"] = META
            headers += f"MCP-Protocol-Version: {MODERN}\r\nMCP-Method: {method}\r\n"
            headers += f"MCP-Name: {params['name']}\r\n"
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.ask("mcp", "", json.dumps(message).encode(), headers)


def _upstream_by_rest(attacker: Attacker) -> None:
    attacker.ask("rest", f"/shaped/{attacker.random.choice(HOSTILE)}")


def _upstream_raw(attacker: Attacker) -> None:
    attacker.ask("rest", f"/raw/{attacker.random.choice(HOSTILE)}")


def _upstream_by_mcp(attacker: Attacker) -> None:
    kind = attacker.random.choice(HOSTILE)
    attacker.call("tools/call", name="hostile", arguments={"kind": kind})


def _large_answer_as_yaml(attacker: Attacker) -> None:
    attacker.ask("rest", "/raw/json-large", headers="Accept: application/yaml\r\n")


def _digest(attacker: Attacker) -> None:
    value = 'Digest username="' + "\\" * 50_000
    attacker.ask("guarded", "/shaped/good", headers=f"Authorization: {value}\r\n")


def _pattern(attacker: Attacker) -> None:
    attacker.ask("rest", f"/checked?code={'a' * 5_000}!")


def _script(attacker: Attacker) -> None:
    way = attacker.random.choice(("raw", "reverse", "join", "loop"))
    attacker.ask("rest", f"/scripted?way={way}")


def _large_head(attacker: Attacker) -> None:
    attacker.ask("rest", "/shaped/good", headers=f"X-More: {'y' * 200_000}\r\n")


def _many_fields(attacker: Attacker) -> None:
    attacker.ask("rest", "/shaped/good", headers="X: y\r\n" * 10_000)


def _two_hosts(attacker: Attacker) -> None:
    attacker.ask("rest", "/shaped/good", headers="Host: other.test\r\n")


def _large_body(attacker: Attacker) -> None:
    attacker.ask("mcp", "", b'{"a": "' + b"x" * 12_000_000, JSON_HEADERS)


def _packed_body(attacker: Attacker) -> None:
    import gzip

    body = gzip.compress(gzip.compress(gzip.compress(b" " * 10_000_000)))
    packed = "Content-Encoding: gzip, gzip, gzip\r\n"
    attacker.ask("rest", "/posted", body, packed + JSON_HEADERS)


def _deep_body(attacker: Attacker) -> None:
    attacker.ask("rest", "/posted", b"[" * 300_000, JSON_HEADERS)


def _sessions(attacker: Attacker) -> None:
    client = {"name": "soak", "version": "1"}
    for _ in range(20):
        attacker.call(
            "initialize",
            protocolVersion="2025-06-18",
            capabilities={},
            clientInfo=client,
        )


def _slow_head(attacker: Attacker) -> None:
    address = attacker.addresses["rest"]
    place = (address.hostname or "", address.port or 80)
    with socket.create_connection(place, timeout=PATIENCE) as connection:
        for letter in b"GET / HTTP/1.1\r\nX":
            connection.sendall(bytes((letter,)))
            time.sleep(0.05)


def _leaves_at_once(attacker: Attacker) -> None:
    address = attacker.addresses["rest"]
    place = (address.hostname or "", address.port or 80)
    with socket.create_connection(place, timeout=PATIENCE) as connection:
        connection.sendall(
            f"GET /shaped/silent HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
        )


def _climbs(attacker: Attacker) -> None:
    steps = attacker.random.choice(("%252e%252e/", "..%00/", "..;/", "%2e%2e%5c"))
    attacker.ask("skill", f"/skills/{steps * 8}etc/passwd")


def _validates(attacker: Attacker) -> None:
    attacker.ask("control", "/config/validate", b"a: &a [x]\n" + b"b: *a\n" * 20_000)


ATTACKS: tuple[Callable[[Attacker], None], ...] = (
    # Three of each kind of answer: they have the most ways to be hostile.
    *(3 * (_upstream_by_rest, _upstream_raw, _upstream_by_mcp)),
    _large_answer_as_yaml, _digest, _pattern, _script, _large_head, _many_fields,
    _two_hosts, _large_body, _packed_body, _deep_body, _sessions, _slow_head,
    _leaves_at_once, _climbs, _validates,
)  # fmt: skip


def main() -> None:
    """Attack with some attackers at once, and tell what was made."""
    os.nice(10)  # what is measured is the server, not the load of the machine
    urls, seconds, seed = sys.argv[1:]
    attackers = [Attacker(json.loads(urls), int(seed) + n) for n in range(4)]
    threads = [
        threading.Thread(target=attacker.run, args=(float(seconds),))
        for attacker in attackers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(sum((a.made for a in attackers), Counter())))


if __name__ == "__main__":
    main()
