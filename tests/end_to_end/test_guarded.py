"""Protection of a running server: CSRF, DNS rebinding and public addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from support.recorder import Recorder, response
from support.serving_process import Server, write

# Each starts a process and waits for reloads.
pytestmark = pytest.mark.slow

CONTROL = {
    "type": "control",
    "port": 0,
    "management": {"info": True, "reload": True, "logs": True, "scripting": {}},
}


def document(*exposes: Any, **more: Any) -> Any:
    """Return a document that exposes the given adapters."""
    things = {
        "name": "things",
        "path": "/things",
        "operations": [{"name": "make", "method": "POST"}],
    }
    consumes = {"type": "http", "namespace": "api", "baseUri": "http://127.0.0.1:9"}
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Shop", "description": "A shop."},
        "capability": {
            "consumes": [{**consumes, "resources": [things]}],
            "exposes": list(exposes),
        },
        **more,
    }


def rest(**more: Any) -> Any:
    """Return a REST adapter with one route."""
    operation = {"method": "POST", "name": "make", "call": "api.make"}
    resource = {"path": "/things", "operations": [operation]}
    found = {"type": "rest", "namespace": "shop", "port": 0, "resources": [resource]}
    return {**found, **more}


@pytest.fixture
def upstream() -> Any:
    """Serve an upstream API that answers every request."""
    with Recorder(response("{}")) as server:
        yield server


def test_csrf_and_dns_rebinding_are_refused(tmp_path: Path, upstream: Recorder) -> None:
    """CSRF: a foreign `Origin` gets 403. DNS rebinding: a foreign `Host` gets 421."""
    file = write(tmp_path / "shop.yaml", document(rest(), CONTROL))
    page = {"Origin": "http://evil.test", "Content-Type": "text/plain"}
    with Server(file, "--base-uri", upstream.url, ready=2) as server:
        shop, control = server.urls["shop"], server.urls["control"]

        def asked(method: str, url: str, **headers: str) -> int:
            found = requests.request(
                method, url, data=b'{"a": 1}', headers=headers, timeout=5
            )
            return found.status_code

        assert asked("POST", f"{shop}/things") == 200
        assert asked("POST", f"{control}/config/reload") == 200
        sent = len(upstream.received)
        for method, url in (
            ("POST", f"{shop}/things"),
            ("POST", f"{control}/config/reload"),
            ("PUT", f"{control}/scripting"),
            ("PUT", f"{control}/logs/naftiko"),
        ):
            assert asked(method, url, **page) == 403
            assert asked(method, url, Host="evil.test") == 421
        for path in ("/", "/status", "/logs", "/logs/stream", "/traces", "/nowhere"):
            assert asked("GET", control + path, Host="evil.test") == 421
        assert len(upstream.received) == sent
        assert server.stop() == 0


def test_reload_does_not_open_a_public_adapter(
    tmp_path: Path, upstream: Recorder
) -> None:
    """A reload without `authentication` at a public address needs `--allow-public`."""
    key = {"type": "apikey", "key": "X-Key", "value": "{{KEY}}"}
    binds = [{"namespace": "env", "keys": {"KEY": "KEY"}}]
    there = {"address": "0.0.0.0", "authentication": key}
    closed = document(rest(**there), CONTROL, binds=binds)
    opened = document(rest(address="0.0.0.0"), CONTROL, binds=binds)
    for words, status in (((), 422), (("--allow-public",), 200)):
        file = write(tmp_path / "shop.yaml", closed)
        with Server(
            file, "--base-uri", upstream.url, *words, ready=2, KEY="of-the-desk"
        ) as server:
            shop = server.urls["shop"].replace("0.0.0.0", "127.0.0.1")
            assert requests.post(f"{shop}/things", timeout=5).status_code == 401
            write(file, opened)
            url = f"{server.urls['control']}/config/reload"
            answer = requests.post(url, timeout=10)
            assert answer.status_code == status
            expected = 401 if status == 422 else 200
            assert requests.post(f"{shop}/things", timeout=5).status_code == expected
            assert server.stop() == 0
