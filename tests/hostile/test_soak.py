"""The soak: two minutes of hostile and good traffic; the good must not notice.

It runs alone (`tox -e soak`), for it compares times. `NAFTIKO_SOAK_SECONDS` sets another
duration.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest

from support.serving_process import Server, write
from support.shop import free_port
from support.soaking import Client, Gauge, document, told

pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc"),
]
SUPPORT = Path(__file__).parents[1] / "support"
SECONDS = float(os.environ.get("NAFTIKO_SOAK_SECONDS", "120"))
#: A good answer under attack takes this many times as long as in quiet, at p99.
SLOWER = 5.0
#: MiB: the most that the process may hold, and the growth that is no leak.
MOST, GROWTH = 256.0, 8.0


@contextmanager
def _upstream() -> Iterator[str]:
    command = [sys.executable, str(SUPPORT / "soak_upstream.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def _urls(port: int) -> dict[str, str]:
    names = ("rest", "guarded", "mcp", "skill", "control")
    return {name: f"http://127.0.0.1:{port}/{name}" for name in names}


def _wait_until_ready(urls: dict[str, str], server: Server) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and server.process.poll() is None:
        client = Client(urls)
        client.ask_all()
        client.close()
        if not client.failures:
            return
        time.sleep(0.1)
    pytest.fail(f"it is not ready: {client.failures}\n{server.text}")


@contextmanager
def _attack(urls: dict[str, str], seconds: float) -> Iterator[subprocess.Popen[str]]:
    words = (json.dumps(urls), str(seconds), "7")
    command = [sys.executable, str(SUPPORT / "soak_attack.py"), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_good_traffic_among_hostile_traffic(tmp_path: Path) -> None:
    """Times, memory and descriptors of a server hold while it is attacked."""
    port = free_port()
    urls = _urls(port)
    with _upstream() as upstream:
        file = write(tmp_path / "soak.yaml", document(upstream, tmp_path))
        # Sessions that are opened and left take their memory until they expire.
        limits = ("--max-sessions", "50", "--session-idle", "10", "--timeout", "5")
        words = ("--single-port", str(port), "--log-level", "error", *limits)
        words += ("--workers", "1")
        with Server(file, *words, ready=0) as server:
            _wait_until_ready(urls, server)
            gauge = Gauge(server.process.pid)
            client = Client(urls)
            client.ask_for(2)
            client.p99()
            client.ask_for(max(10, SECONDS / 6))
            quiet, open_before = client.p99(), gauge.descriptors()
            memory: list[float] = []
            with _attack(urls, SECONDS) as attack:
                while attack.poll() is None:
                    client.ask_for(1)
                    memory.append(gauge.memory())
                assert attack.stdout is not None
                made = told(attack.stdout.read())
            attacked = client.p99()
            client.ask_for(6)
            client.close()
            failures = client.failures
            _wait_until_ready(urls, server)
            third = len(memory) // 3
            growth = median(memory[-third:]) - median(memory[third : 2 * third])
            figures = (
                f"p99 {quiet * 1000:.1f} ms in quiet, {attacked * 1000:.1f} ms under"
                f" {sum(made.values())} attacks; {max(memory):.0f} MiB at most, grew by"
                f" {growth:.1f}; descriptors {open_before}, then {gauge.descriptors()}"
            )
            print(figures, json.dumps(made))
            assert server.process.poll() is None, server.text
            assert not failures, failures[:5]
            assert attacked < SLOWER * quiet, figures
            assert max(memory) < MOST, figures
            assert growth < GROWTH, figures
            assert gauge.descriptors() <= open_before + 8, figures
            assert server.stop() == 0
