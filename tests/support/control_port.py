"""A stand-in for the control port of a server, with a table of replies."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Control:
    """A stand-in control port; a context manager.

    Attributes:
        answers: `METHOD /path?query` → status and reply, as JSON or plain text.
        asked: Recorded requests: line, headers and JSON body.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                line = f"{self.command} {self.path}"
                size = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(size) or b"null"
                outer.asked.append((line, dict(self.headers), json.loads(body)))
                status, data = outer.answers.get(line, (404, {"error": "not here"}))
                content = data if isinstance(data, str) else json.dumps(data)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(content.encode())

            do_PUT = do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                """Write no log."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
