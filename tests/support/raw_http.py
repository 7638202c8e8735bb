"""A real uvicorn with one of its parsers, spoken to in raw bytes."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import uvicorn


class Raw(NamedTuple):
    """What came back: the status, 0 for a closed connection, and the JSON body."""

    status: int
    json: Any


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the path, the query, the headers and the length of the body."""
    size = 0
    while (message := await receive())["type"] == "http.request":
        size += len(message["body"])
        if not message.get("more_body"):
            break
    headers = [[n.decode(), v.decode("latin-1")] for n, v in scope["headers"]]
    told = {
        "path": scope["path"],
        "raw": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode(),
        "headers": headers,
        "size": size,
    }
    body = json.dumps(told).encode()
    head = [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def running(app: Any, protocol: type[Any], **settings: Any) -> Iterator[Any]:
    """Serve an application in a thread; yield the address.

    Args:
        app: The application.
        protocol: Reads the requests of a connection.
        settings: Settings of uvicorn.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", **settings)
    config.load()
    config.http_protocol_class = protocol
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
        listener.close()


@contextmanager
def speaking(protocol: type[Any], app: Any = echo) -> Iterator[Callable[[bytes], Raw]]:
    """Serve an application; yield a function that sends bytes and reads an answer."""
    with running(app, protocol, ws="none") as address:
        yield lambda sent: said(address, sent)


def said(address: tuple[str, int], sent: bytes) -> Raw:
    """Return the answer to some bytes over a connection of their own."""
    found = b""
    with socket.create_connection(address, timeout=20) as connection:
        with suppress(OSError):
            connection.sendall(sent)
        with suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                found += chunk
    head, _, body = found.partition(b"\r\n\r\n")
    if not head:
        return Raw(0, None)
    # An interim answer has no body.
    return Raw(int(head.split()[1]), json.loads(body) if body[:1] in b"{[" else None)
