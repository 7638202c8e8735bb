"""`naftiko serve --workers`: worker processes that share a port."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import requests

from support.recorder import Recorder
from support.serving_process import Server, write
from support.shop import document, mcp, rest


def test_killed_worker_is_replaced(tmp_path: Path, upstream: Recorder) -> None:
    """A killed worker is replaced while requests are answered; SIGTERM ends all."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    words = ("--base-uri", upstream.url, "--workers", "2")
    with Server(file, *words) as server:
        url = f"{server.urls['shop']}/things"
        workers = [
            line["worker"] for line in server.lines if "started" in line["message"]
        ]
        assert len(workers) == 2
        for _ in range(5):
            assert requests.get(url, timeout=5).status_code == 200
        os.kill(workers[0], signal.SIGKILL)
        server.wait_for("died")
        line = server.wait_for("worker .* started")
        assert line["worker"] not in workers
        answered = sum(_ask(url) for _ in range(40))
        assert answered == 40
        assert server.stop() == 0
        for pid in (workers[1], line["worker"]):
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [((), "W-address-public"), (("--allow-public",), "is open to everyone")],
)
@pytest.mark.parametrize("ports", [(), ("--single-port", "0", "--host", "127.0.0.1")])
def test_workers_repeat_no_warning(
    tmp_path: Path, words: tuple[str, ...], told: str, ports: tuple[str, ...]
) -> None:
    """Workers do not repeat the parent's warnings, at the start or after a reload."""
    stdio = mcp("desk", transport="stdio")
    file = write(tmp_path / "shop.yaml", document(rest(address="0.0.0.0"), stdio))
    with Server(file, "--workers", "2", *words, *ports) as server:
        messages = [line["message"] for line in server.lines]
        # With `--single-port` the address of the document is not used.
        assert sum(told in m for m in messages) == (0 if ports else 1)
        assert sum("serve it with --stdio" in m for m in messages) == 1
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("^reloaded")
        assert server.stop() == 0
        assert server.text.count('"reloaded') == server.text.count(" at http") == 1
        assert server.text.count("serve it with --stdio") == 1
        assert server.text.count(told) == (0 if ports else 1)


def _ask(url: str) -> bool:
    """Send a request; try again if the killed worker had accepted its connection."""
    for _ in range(3):
        try:
            return requests.get(url, timeout=5).status_code == 200
        except requests.ConnectionError:
            time.sleep(0.05)
    return False
