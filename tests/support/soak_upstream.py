"""The API behind the soak: one good answer, and one for each way to be hostile.

Run as a program, it prints its port and serves until it is ended. Its answers are made
once, so that it takes little processor time from the server that it tries.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
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


def answers() -> dict[str, bytes]:
    """Return path → whole answer."""
    xml_name = "n" * 40
    defaults = "".join(f'<!ATTLIST x {xml_name}{n} CDATA "v">' for n in range(400))
    columns = ",".join(f"column{n}" for n in range(20_000))
    text = "y" * 10_000
    return {
        "good": _answer("application/json", GOOD),
        "json-large": _answer(
            "application/json", json.dumps([{"name": "x" * 20}] * 60_000).encode()
        ),
        "json-deep": _answer("application/json", b"[" * 200_000),
        "json-number": _answer("application/json", b'{"name": ' + b"9" * 50_000 + b"}"),
        "yaml-list": _answer("application/yaml", b"- {name: some text}\n" * 50_000),
        "yaml-aliases": _answer(
            "application/yaml",
            f'a: &a "{text}"\nb:\n'.encode() + b"- *a\n" * 20_000,
        ),
        "xml-defaults": _answer(
            "application/xml",
            f"<!DOCTYPE r [{defaults}]><r>{'<x/>' * 40_000}</r>".encode(),
        ),
        "csv-wide": _answer("text/csv", (columns + "\n" + "1\n" * 40_000).encode()),
        "html-tables": _answer(
            "text/html", b"<table><tr><td>" * 20_000 + b"<b>x</b>" * 10_000
        ),
        "punycode": _answer("text/plain; charset=punycode", b"a-" + b"z" * 400_000),
        "packed-thrice": _answer(
            "application/json",
            _packed(b'"' + b" " * 50_000_000 + b'"', 3),
            Content_Encoding="gzip, gzip, gzip",
        ),
        "packed-tight": _answer(
            "application/json",
            _packed(b'"' + b" " * 200_000_000 + b'"', 1),
            Content_Encoding="gzip",
        ),
        "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
        "head": b"HTTP/1.1 200 OK\r\n" + b"X-More: " + b"y" * 300_000 + b"\r\n\r\n",
        "challenge": b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest "
        + b'realm="a", ' * 4_000
        + b"\r\nContent-Length: 0\r\n\r\n",
        "short": b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"name"',
    }


#: Paths of hostile answers; the last two take time instead of bytes.
HOSTILE = (*sorted(set(answers()) - {"good"}), "dribble", "silent")


async def _serve() -> None:
    known = answers()

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
