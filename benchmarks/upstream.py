"""The server of `call.py` and `startup.py`: it answers at once, from memory.

It prints its port and serves until it is ended. `/2k/…` and `/200k/…` are JSON of about
that size. A server that did more would hide the cost of the client.
"""

from __future__ import annotations

import json
import socket
import threading


def document(count: int) -> dict[str, object]:
    """Return what an API gives for a page of `count` items."""
    return {
        "id": "42",
        "meta": {"total": count, "page": 1, "next": None},
        "items": [
            {
                "id": number,
                "name": f"item {number}",
                "status": "active" if number % 3 else "retired",
                "price": number * 1.25,
                "tags": ["garden", "tools"],
                "created_at": "2025-03-01T09:30:00Z",
                "owner": {"login": f"user{number}", "url": f"/users/{number}"},
            }
            for number in range(count)
        ],
    }


def response(count: int) -> bytes:
    """Return a whole response."""
    body = json.dumps(document(count)).encode()
    head = (
        "HTTP/1.1 200 OK\r\nServer: upstream\r\nDate: Sat, 01 Mar 2025 09:30:00 GMT\r\n"
        "Content-Type: application/json\r\nCache-Control: no-cache\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


SMALL, LARGE = response(10), response(1030)


def answer(connection: socket.socket) -> None:
    """Answer the requests of one connection, one after the other."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    with connection:
        while chunk := connection.recv(65536):
            received += chunk
            while b"\r\n\r\n" in received:
                head, _, received = received.partition(b"\r\n\r\n")
                large = head.split(b" ", 2)[1].startswith(b"/200k/")
                connection.sendall(LARGE if large else SMALL)


def main() -> None:
    """Serve on a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=answer, args=[connection], daemon=True).start()


if __name__ == "__main__":
    main()
