"""The API behind the soak: one good answer, and one for each way to be hostile.

Run as a program, it prints its port and serves until it is ended. Its answers are made
once, so that it takes little processor time from the server that it tries.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import Callable
from contextlib import suppress

GOOD = json.dumps(
    {"items": [{"id": n, "name": f"item {n}", "price": n * 1.25} for n in range(20)]}
).encode()


def _answer(kind: str, body: bytes, **headers: str) -> bytes:
    lines = [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("HTTP/1.1 200 OK\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode() + body


def _packed(body: bytes, layers: int) -> bytes:
    for _ in range(layers):
        body = gzip.compress(body)
    return body


def _yaml_aliases() -> bytes:
    text = "y" * 10_000
    body = f'a: &a "{text}"\nb:\n'.encode() + b"- *a\n" * 20_000
    return _answer("application/yaml", body)


def _xml_defaults() -> bytes:
    name = "n" * 40
    defaults = "".join(f'<!ATTLIST x {name}{n} CDATA "v">' for n in range(400))
    body = f"<!DOCTYPE r [{defaults}]><r>{'<x/>' * 40_000}</r>".encode()
    return _answer("application/xml", body)


def _csv_wide() -> bytes:
    columns = ",".join(f"column{n}" for n in range(20_000))
    return _answer("text/csv", (columns + "\n" + "1\n" * 40_000).encode())


def _packed_thrice() -> bytes:
    body = _packed(b'"' + b" " * 50_000_000 + b'"', 3)
    return _answer("application/json", body, Content_Encoding="gzip, gzip, gzip")


def _packed_tight() -> bytes:
    body = _packed(b'"' + b" " * 200_000_000 + b'"', 1)
    return _answer("application/json", body, Content_Encoding="gzip")


#: Path → what makes the whole answer; some take a second to make.
ANSWERS: dict[str, Callable[[], bytes]] = {
    "good": lambda: _answer("application/json", GOOD),
    "json-large": lambda: _answer(
        "application/json", json.dumps([{"name": "x" * 20}] * 60_000).encode()
    ),
    "json-deep": lambda: _answer("application/json", b"[" * 200_000),
    "json-number": lambda: _answer(
        "application/json", b'{"name": ' + b"9" * 50_000 + b"}"
    ),
    "yaml-list": lambda: _answer("application/yaml", b"- {name: some text}\n" * 50_000),
    "yaml-aliases": _yaml_aliases,
    "xml-defaults": _xml_defaults,
    "csv-wide": _csv_wide,
    "html-tables": lambda: _answer(
        "text/html", b"<table><tr><td>" * 20_000 + b"<b>x</b>" * 10_000
    ),
    "punycode": lambda: _answer("text/plain; charset=punycode", b"a-" + b"z" * 400_000),
    "packed-thrice": _packed_thrice,
    "packed-tight": _packed_tight,
    "chunk": lambda: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n"
    ),
    "head": lambda: b"HTTP/1.1 200 OK\r\nX-More: " + b"y" * 300_000 + b"\r\n\r\n",
    "challenge": lambda: (
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest "
        + b'realm="a", ' * 4_000
        + b"\r\nContent-Length: 0\r\n\r\n"
    ),
    "short": lambda: b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"name"',
}
#: Paths of hostile answers; the last two take time instead of bytes.
HOSTILE = (*sorted(set(ANSWERS) - {"good"}), "dribble", "silent")


async def _serve() -> None:
    known = {kind: make() for kind, make in ANSWERS.items()}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                kind = head.split(b" ", 2)[1].decode().strip("/").partition("?")[0]
                if kind in ("dribble", "silent"):
                    await _slowly(writer, kind)
                    break
                writer.write(known.get(kind, known["good"]))
                await writer.drain()
                if kind in ("chunk", "short", "head"):
                    break
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _slowly(writer: asyncio.StreamWriter, kind: str) -> None:
    for _ in range(30):
        if kind == "dribble":
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await writer.drain()
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    os.nice(10)
    asyncio.run(_serve())
