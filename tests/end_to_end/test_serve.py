"""`naftiko serve` as a process: ports, answers, logs and missing libraries."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from support.recorder import Recorder
from support.serving_process import Server, write
from support.shop import CONTROL, UPSTREAM, document, free_port, mcp, rest

# Each starts a process, some several.
pytestmark = pytest.mark.slow


def test_every_adapter_of_a_document_is_served(
    tmp_path: Path, upstream: Recorder
) -> None:
    """`serve` serves each adapter of a document at its port and exits with 0."""
    file = write(tmp_path / "shop.yaml", document(rest(), mcp(), CONTROL))
    with Server(file, "--base-uri", upstream.url, ready=3) as server:
        answer = requests.get(f"{server.urls['shop']}/things", timeout=5)
        assert (answer.status_code, answer.json()) == (200, [{"id": 1}])
        assert requests.get(f"{server.urls['shop']}/docs", timeout=5).status_code == 200
        ready = requests.get(f"{server.urls['control']}/health/ready", timeout=5)
        assert ready.json()["status"] == "UP"
        states = [a["state"] for a in ready.json()["adapters"]]
        assert states == ["started"] * 3
        assert server.stop() == 0
        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""


def test_base_uri_of_the_environment_applies(
    tmp_path: Path, upstream: Recorder
) -> None:
    """`NAFTIKO_BASE_URI_<NAMESPACE>` sets the base URI of `naftiko serve`."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    with Server(file, NAFTIKO_BASE_URI_API=upstream.url) as server:
        url = f"{server.urls['shop']}/things"
        assert requests.get(url, timeout=5).status_code == 200


def test_port_moves_one_adapter_and_adapter_chooses_one(
    tmp_path: Path, upstream: Recorder
) -> None:
    """`--port NAME=PORT` moves one adapter; `--adapter NAME` serves one adapter."""
    port = free_port()
    file = write(tmp_path / "shop.yaml", document(rest(port=1), mcp(port=1)))
    words = ("--base-uri", upstream.url)
    with Server(
        file, *words, "--port", f"shop={port}", "--port", "shop-mcp=0", ready=2
    ) as server:
        assert server.urls["shop"] == f"http://127.0.0.1:{port}"
        assert server.stop() == 0
    with Server(file, *words, "--adapter", "shop", "--port", str(port)) as server:
        assert list(server.urls) == ["shop"]
        assert server.stop(signal.SIGINT) == 0


@pytest.mark.slow
def test_single_port_serves_each_adapter_below_its_name(
    tmp_path: Path, upstream: Recorder
) -> None:
    """`--single-port` serves each adapter below its name.

    Adapters of the same name are served below the names of their documents.
    """
    one = write(tmp_path / "one.yaml", document(rest(port=1), mcp(port=1)))
    two = write(tmp_path / "two.yaml", document(rest(port=1), mcp("other", port=1)))
    words = ("--base-uri", upstream.url, "--single-port", "0")
    with Server(one, two, *words, ready=3) as server:
        base = server.urls["other"].removesuffix("/other")
        listed = requests.get(base, timeout=5).json()["adapters"]
        assert [a["path"] for a in listed] == [
            "/one/shop", "/shop-mcp", "/two/shop", "/other",
        ]  # fmt: skip
        for prefix in ("/one/shop", "/two/shop"):
            answer = requests.get(f"{base}{prefix}/things", timeout=5)
            assert answer.json() == [{"id": 1}]
            api = requests.get(f"{base}{prefix}/openapi.json", timeout=5).json()
            assert api["servers"] == [{"url": prefix}]
        call = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        }}  # fmt: skip
        accept = {"Accept": "application/json, text/event-stream"}
        answer = requests.post(
            f"{base}/other/mcp", json=call, headers=accept, timeout=5
        )
        assert answer.status_code == 200
        nowhere = requests.get(f"{base}/nowhere", timeout=5)
        problem = nowhere.json()
        assert nowhere.status_code == 404
        assert problem["type"] == "urn:naftiko:problem:not-found"
        assert problem["requestId"] == nowhere.headers["X-Request-Id"]
        assert problem["adapters"] == listed
        page = requests.get(base, headers={"Accept": "text/html"}, timeout=5)
        assert '<a href="/one/shop/docs">' in page.text


def test_port_zero_suits_any_number_of_adapters(
    tmp_path: Path, upstream: Recorder
) -> None:
    """`--port 0` gives each of several adapters its own free port."""
    file = write(tmp_path / "shop.yaml", document(rest(port=1), mcp(port=1)))
    with Server(file, "--port", "0", "--base-uri", upstream.url, ready=2) as server:
        assert server.urls["shop"] != server.urls["shop-mcp"]
        assert server.stop() == 0


def test_bind_to_a_port_in_use_is_refused(tmp_path: Path) -> None:
    """Bind failed: a port in use exits with 4 and a hint before any adapter starts."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = write(tmp_path / "shop.yaml", document(mcp(), rest(port=port)))
        done = subprocess.run(
            [sys.executable, "-m", "naftiko", "serve", file],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    errors = done.stderr
    assert (done.returncode, done.stdout) == (4, "")
    assert f"bind failed: address already in use (127.0.0.1:{port})" in errors
    assert "--port shop=PORT" in errors


@pytest.mark.parametrize(
    ("module", "words"),
    [("uvicorn", ()), ("uvicorn", ("--workers", "2"))],
)
def test_missing_library_is_named_with_its_extra(
    tmp_path: Path, module: str, words: tuple[str, ...]
) -> None:
    """A missing library exits with 4; the hint names the extra to install."""
    file = write(tmp_path / "shop.yaml", document(mcp()))
    code = f"import sys; sys.modules[{module!r}] = None; import naftiko.__main__"
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", str(file), *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert f"needs '{module}', which is not installed" in done.stderr
    assert "hint: pip install 'naftiko[serve]'" in done.stderr
    assert "Traceback" not in done.stderr
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", str(file), *words, "--log-format=json"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert json.loads(done.stderr)["hint"] == "pip install 'naftiko[serve]'"


@pytest.mark.slow
def test_public_address_without_authentication_is_replaced(
    tmp_path: Path, upstream: Recorder
) -> None:
    """A public adapter without authentication is bound to loopback.

    `--allow-public` keeps the public address.
    """
    file = write(tmp_path / "shop.yaml", document(rest(address="0.0.0.0")))
    with Server(file, "--base-uri", upstream.url) as server:
        assert "[W-address-public]" in server.text
        assert "127.0.0.1" in server.urls["shop"]
        assert server.stop() == 0
    with Server(file, "--base-uri", upstream.url, "--allow-public") as server:
        assert "is open to everyone" in server.text
        assert "0.0.0.0" in server.urls["shop"]
        assert server.stop() == 0


def test_unusable_operation_is_logged_at_the_start(
    tmp_path: Path, upstream: Recorder
) -> None:
    """A dangling call is logged as a warning when the server starts."""
    data = document(rest())
    data["capability"]["exposes"][0]["resources"][0]["operations"].append(
        {"method": "POST", "name": "more", "call": "api.thinks"}
    )
    file = write(tmp_path / "shop.yaml", data)
    with Server(file, "--base-uri", upstream.url) as server:
        (line,) = [x for x in server.lines if x["level"] == "warning"]
        assert "[U-call-unresolved]" in line["message"]
        assert f"{file}:" in line["message"]


def test_each_request_is_logged_without_its_query(
    tmp_path: Path, upstream: Recorder
) -> None:
    """Each request is one log line without its query.

    `--log-level warning` logs no requests.
    """
    file = write(tmp_path / "shop.yaml", document(rest()))
    with Server(file, "--base-uri", upstream.url) as server:
        requests.get(f"{server.urls['shop']}/things?token=s3cr3t", timeout=5)
        line = server.wait_for("GET /things")
        assert (line["status"], line["adapter"], line["level"]) == (200, "shop", "info")
        assert line["duration_ms"] > 0
        server.stop()
        assert "s3cr3t" not in server.text
    words = (
        "--base-uri",
        upstream.url,
        "--log-format",
        "text",
        "--log-level",
        "warning",
    )
    server = Server(file, *words)
    threading.Timer(1.5, server.stop).start()
    with pytest.raises(AssertionError, match="ended without"):
        server.wait_for("never")
    assert server.text == ""
    server.__exit__()


def test_credential_of_a_caller_serves_only_its_request(
    tmp_path: Path, upstream: Recorder
) -> None:
    """`--variable NAME=header:X-Name` uses a caller's header for its own request only.

    The value of the header is never logged.
    """
    data = document(rest(), binds=[{"namespace": "env", "keys": {"KEY": "KEY"}}])
    adapter = {**UPSTREAM, "authentication": {"type": "bearer", "token": "{{KEY}}"}}
    data["capability"]["consumes"] = [adapter]
    file = write(tmp_path / "shop.yaml", data)
    words = ("--base-uri", upstream.url, "--variable", "KEY=header:X-Key")
    with Server(file, *words, KEY="of-the-server") as server:
        url = f"{server.urls['shop']}/things"
        for key in ("caller-one", "caller-two"):
            assert (
                requests.get(url, headers={"X-Key": key}, timeout=5).status_code == 200
            )
            assert upstream.last.headers["authorization"] == f"Bearer {key}"
        assert requests.get(url, timeout=5).status_code == 401
        assert len(upstream.received) == 2
        server.stop()
        assert "caller-" not in server.text
        assert "of-the-server" not in server.text
