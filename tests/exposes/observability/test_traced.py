"""`Traced` and `InTrace`: telemetry around an application, trace ids in log lines."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from naftiko.exposes.observability.logs import JsonLines, LatestLines
from naftiko.exposes.observability.telemetry import Telemetry
from naftiko.exposes.observability.traced import InTrace, Traced
from naftiko.spec.adapters import ObservabilitySettings
from support.asgi_client import asked
from support.building import document as plain_document
from support.collector import Collector
from support.mcping import CREW
from support.observing import observed
from support.serving import operation


def test_traced_ignores_other_scopes_than_http(collector: Collector) -> None:
    """A websocket scope passes `Traced` without a span."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    traced, telemetry = observed(SimpleNamespace(exposes=None), collector)
    traced._app = app
    asyncio.run(traced({"type": "websocket"}, None, None))
    telemetry.close()
    assert seen == ["websocket"]
    assert collector.spans == []


def test_log_line_of_a_request_has_its_trace_id(collector: Collector) -> None:
    """Every handler writes the trace id; lines outside a request have none."""
    logger = logging.getLogger("naftiko.test-trace")
    seen: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(self.format(record))

    beside = Keeping()
    beside.setFormatter(JsonLines())
    latest = LatestLines(10, beside)
    latest.enrich(InTrace())
    logger.handlers, logger.propagate = [beside, latest], False
    logger.setLevel(logging.INFO)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        logger.info("inside")
        await asyncio.to_thread(logger.info, "in a thread")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    telemetry = Telemetry(ObservabilitySettings(endpoint=collector.url))
    traced = Traced(app, naftiko_exposes(), telemetry)
    try:
        logger.info("before")
        asyncio.run(asked(traced, "GET", "/x"))
        logger.info("after")
    finally:
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)
    telemetry.close()
    root = collector.one("rest.request")
    lines = [json.loads(line) for line in seen]
    assert [line.get("trace_id") for line in lines] == [
        None,
        root.trace_id,
        root.trace_id,
        None,
    ]
    assert lines[1]["span_id"] == root.span_id
    assert lines == list(latest.lines)


def naftiko_exposes() -> Any:
    """Return a REST adapter."""
    from naftiko.spec.model import Exposes

    return Exposes("rest", "api")


_OFF = """
import asyncio, sys
from pathlib import Path
from naftiko.exposes.state import Host
from naftiko.exposes.observability.silent import SILENT
from naftiko.exposes.options import Options
from naftiko.exposes.serve.plan import ServePlan, Source
from naftiko.exposes.serve.server import Server

async def main():
    server = Server(ServePlan([Source(sys.argv[1])], Options()), Host())
    listeners = server.listen()
    task = asyncio.create_task(server.run(listeners))
    while not all(served.state.state == "started" for served in server.served):
        await asyncio.sleep(0.01)
    port = server.served[0].state.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /x HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
    print((await reader.read()).split()[1].decode())
    writer.close()
    for served in server.served:
        assert type(served.front).__name__ == "function"
        assert served.site.engine.telemetry is SILENT
    server.stop()
    await task

asyncio.run(main())
print(sorted({".".join(m.split(".")[:2]) for m in sys.modules if "opentelemetry" in m}))
print("prometheus_client" in sys.modules)
"""


@pytest.mark.parametrize(
    ("adapter", "status"),
    [
        ({"type": "rest", "resources": operation("/x", call="api.op")}, "502"),
        ({"type": "mcp", "tools": [{**CREW, "call": "api.op"}]}, "404"),
    ],
)
def test_serving_without_telemetry_imports_no_sdk(
    tmp_path: Path, adapter: Any, status: str
) -> None:
    """Serving without telemetry imports no OpenTelemetry SDK and adds no middleware."""
    data = plain_document()
    data["capability"]["exposes"] = [{"namespace": "a", "port": 0, **adapter}]
    file = tmp_path / "a.yaml"
    file.write_text(json.dumps(data))
    done = subprocess.run(
        [sys.executable, "-c", _OFF, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found, modules, prometheus = done.stdout.splitlines()
    assert found == status
    assert modules == "[]"
    assert prometheus == "False"
