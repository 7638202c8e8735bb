"""Stands for the reference engine where its jar is not there: `… -jar JAR FILE`.

It serves the adapter of a document in the form of that engine, and answers as
`benchmarks/engines.py` expects. Its speed says nothing about any engine.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# `java -version`, and what starts a jar.
if sys.argv[1:] == ["-version"]:
    print("stand-in", file=sys.stderr)
    raise SystemExit
assert sys.argv[1] == "-jar"
DOCUMENT = json.loads(Path(sys.argv[-1]).read_text("utf-8"))
assert DOCUMENT["ikanos"] == "1.0.0-beta4"
[EXPOSES] = DOCUMENT["capability"]["exposes"]
[CONSUMES] = DOCUMENT["capability"]["consumes"]


def shaped() -> dict[str, Any]:
    with urllib.request.urlopen(f"{CONSUMES['baseUri']}/things/x") as response:
        thing = json.load(response)
    values = [{"key": item["k"], "value": item["v"]} for item in thing["items"]]
    return {"id": thing["id"], "label": thing["name"], "values": values}


def result(method: str) -> dict[str, Any]:
    if method == "tools/list":
        return {"tools": [{"name": n, "inputSchema": {}} for n in EXPOSES["tools"]]}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": json.dumps(shaped())}]}
    return {"capabilities": {}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        self.answer(shaped())

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in message:
            self.answer(None)
            return
        answer = {"jsonrpc": "2.0", "id": message["id"]}
        self.answer({**answer, "result": result(message["method"])})

    def answer(self, value: Any) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(202 if value is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Mcp-Session-Id", "s")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write no line for each request."""


class Engine(ThreadingHTTPServer):
    # 64 connections come at once; one that finds no room tries again after seconds.
    request_queue_size = 128


Engine(("127.0.0.1", EXPOSES["port"]), Handler).serve_forever()
