"""Fault injection: `naftiko serve` with failing upstreams, callers and workers.

The tests check that no request hangs and no answers are mixed up. They count memory and
file descriptors of the process to find leaks.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from support.agents import talk, text_of
from support.hostile import ANSWERS, Hostile
from support.serving_process import Server, write

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="needs /proc to count with"
)
#: Seconds within which the server must answer, also on a busy machine.
SOON = 15
#: Fault → status of the REST answer; for MCP each is an error.
FAULTS = {
    "silent": 504,
    "closed": 502,
    "reset": 502,
    "reset-midway": 502,
    "truncated": 502,
    "half-chunked": 502,
    "bad-chunk": 502,
    "declared": 502,
    "two-lengths": 502,
    "endless": 502,
    "bomb": 502,
    "half-packed": 502,
    "not-packed": 502,
    "headers": 502,
    "no-http": 502,
    "loop": 502,
    "nowhere": 502,
    "file": 502,
    "unavailable": 502,
    # Responses that cannot be mapped (R07).
    "no-json": 500,
    "deep": 500,
    "long-number": 500,
    "no-utf-8": 500,
    # Upstreams at other addresses.
    "refused": 502,
    "no-host": 502,
    "no-tls": 502,
    "self-signed": 502,
}
#: Faults that send data all the time without an end.
TRICKLES = ("dribbling", "informing")
TIMEOUT = 1.5


def document(*, path: str = "") -> dict[str, Any]:
    """Return a document with a route and a tool for each fault."""
    names = [name.removeprefix("/") for name in ANSWERS]
    elsewhere = ("refused", "no-host", "no-tls", "self-signed")
    query = [{"name": "n", "in": "query"}]
    shape = [
        {
            "type": "object",
            "properties": {"asked": {"type": "string", "mapping": "$.asked"}},
        }
    ]

    def consumed(namespace: str, *paths: str) -> dict[str, Any]:
        return {
            "type": "http",
            "namespace": namespace,
            "baseUri": "http://127.0.0.1:9",
            "resources": [
                {
                    "name": name,
                    "path": f"/{name}",
                    "operations": [
                        {"name": name, "method": "GET", "inputParameters": query}
                    ],
                }
                for name in paths
            ],
        }

    calls = {name: f"upstream.{name}" for name in names}
    calls |= {name: f"{name}.good" for name in elsewhere}
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Faults", "description": "Everything fails."},
        "capability": {
            "consumes": [
                consumed("upstream", *names),
                *(consumed(name, "good") for name in elsewhere),
            ],
            "exposes": [
                {
                    "type": "rest",
                    "namespace": "rest",
                    "port": 0,
                    "resources": [
                        {
                            "path": f"{path}/{name}",
                            "operations": [
                                {
                                    "method": "GET",
                                    "call": call,
                                    # Without outputs the response is not parsed.
                                    "outputParameters": shape,
                                }
                            ],
                        }
                        for name, call in calls.items()
                    ]
                    + [
                        {
                            "path": "/through/{path}",
                            "forward": {"targetNamespace": "upstream"},
                        },
                        {
                            "path": "/raw",
                            "operations": [{"method": "GET", "call": "upstream.large"}],
                        },
                    ],
                },
                {
                    "type": "mcp",
                    "namespace": "mcp",
                    "port": 0,
                    "tools": [
                        {
                            "name": name,
                            "description": name,
                            "call": call,
                            "outputParameters": shape,
                        }
                        for name, call in calls.items()
                    ],
                },
                {
                    "type": "control",
                    "port": 0,
                    "management": {"reload": True},
                    "observability": {"enabled": False},
                },
            ],
        },
    }


class Process:
    """Memory and file descriptors of a process, read from `/proc`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def memory(self) -> int:
        """Resident memory, in KiB."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0])

    @property
    def descriptors(self) -> int:
        """Number of open files and sockets."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def settles(self, most: int, timeout: float = 10.0) -> int:
        """Wait until at most `most` descriptors are open; return their number."""
        until = time.monotonic() + timeout
        while (found := self.descriptors) > most and time.monotonic() < until:
            time.sleep(0.05)
        return found


class Site:
    """A running server with its upstream API and its process."""

    def __init__(self, server: Server, upstream: Hostile) -> None:
        self.server = server
        self.upstream = upstream
        self.rest = server.urls["rest"]
        self.mcp = server.urls["mcp"]
        self.process = Process(server.process.pid)

    def get(self, path: str, **more: Any) -> requests.Response:
        """Request a path of the REST adapter."""
        return requests.get(f"{self.rest}/{path}", **{"timeout": 20, **more})

    def check(self) -> None:
        """Check that the server answers a good request in time."""
        started = time.monotonic()
        assert self.get("good", params={"n": "42"}).json() == {"asked": "n=42"}
        assert time.monotonic() - started < SOON


@contextlib.contextmanager
def serving(file: Path, *words: str, ends: bool = True) -> Iterator[Site]:
    """Serve a document with a hostile upstream API; check that the exit code is 0."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = listener.getsockname()[1]
    with Hostile() as upstream, Hostile(tls) as secret:
        uris = {
            "upstream": upstream.url,
            "refused": f"http://127.0.0.1:{gone}",
            "no-host": "http://no-such-host.invalid",
            "no-tls": upstream.url.replace("http:", "https:"),
            "self-signed": secret.url,
        }
        given = [word for n, u in uris.items() for word in ("--base-uri", f"{n}={u}")]
        with Server(file, *given, "--workers", "1", *words, ready=3) as server:
            yield Site(server, upstream)
            if ends:
                assert server.stop() == 0
            assert "Traceback" not in server.text, server.text


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the document to a file."""
    return write(tmp_path_factory.mktemp("faults") / "faults.yaml", document())


@pytest.fixture(scope="module")
def site(file: Path) -> Iterator[Site]:
    """Serve the document with a short upstream timeout."""
    with serving(file, "--timeout", str(TIMEOUT)) as running:
        yield running


# --- an API that fails ----------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
def test_upstream_fault_is_a_problem_document(site: Site, fault: str) -> None:
    """Each upstream fault gives a problem document in time, without the address."""
    started = time.monotonic()
    answer = site.get(fault)
    assert time.monotonic() - started < SOON
    assert answer.status_code == FAULTS[fault], answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == FAULTS[fault]
    assert problem["detail"]
    assert "127.0.0.1" not in answer.text
    assert "Traceback" not in answer.text
    site.check()


@pytest.mark.slow
def test_upstream_fault_is_an_mcp_error_result(site: Site) -> None:
    """Each upstream fault gives an MCP result with `isError`; the session continues."""

    async def ask_all(client: Any) -> dict[str, str]:
        said = {}
        for fault in FAULTS:
            result = await client.call_tool(fault, {})
            assert result.is_error, fault
            said[fault] = text_of(result)
        good = await client.call_tool("good", {"n": "7"})
        assert good.structured_content == {"asked": "n=7"}
        return said

    for mode in ("auto", "legacy"):
        for fault, text in talk(site.mcp, ask_all, mode=mode).items():
            assert text.startswith(f"{fault}: ")
            assert "127.0.0.1" not in text
            assert len(text) < 1000


@pytest.mark.slow
def test_trickling_upstream_times_out(file: Path) -> None:
    """A trickling upstream response is given up with 504 after ten timeouts."""

    async def ask(client: Any) -> Any:
        return await client.call_tool("dribbling", {})

    with serving(file, "--timeout", "0.5") as site:
        started = time.monotonic()
        with ThreadPoolExecutor(3) as pool:
            tool = pool.submit(talk, site.mcp, ask)
            answers = list(pool.map(site.get, TRICKLES))
            assert [answer.status_code for answer in answers] == [504, 504]
            assert tool.result().is_error
        assert 4 < time.monotonic() - started < SOON
        site.check()


@pytest.mark.parametrize("fault", ["reset-midway", "truncated", "half-chunked"])
def test_truncated_forward_is_truncated_for_the_caller(site: Site, fault: str) -> None:
    """A truncated upstream response is truncated for the caller of a forward, too."""
    with pytest.raises(requests.RequestException):
        _ = site.get(f"through/{fault}").content
    site.check()


@pytest.mark.parametrize(
    "fault", ["closed", "reset", "silent", "no-http", "headers", "two-lengths"]
)
def test_forward_that_never_begins_is_an_error_status(site: Site, fault: str) -> None:
    """A forward whose upstream fails before its head answers an error status."""
    assert site.get(f"through/{fault}").status_code == FAULTS[fault]
    site.check()


@pytest.mark.slow
def test_trickling_forward_is_passed_on(site: Site) -> None:
    """A trickling upstream response is forwarded byte by byte."""
    with site.get("through/dribbling", stream=True) as answer:
        assert answer.status_code == 200
        assert next(answer.iter_content(1)) == b"["
        assert next(answer.iter_content(1)) == b" "
    site.check()


@pytest.mark.slow
def test_upstream_faults_leak_no_memory_and_no_descriptor(site: Site) -> None:
    """Hundreds of concurrent upstream faults leak no descriptor and no memory."""
    cheap = [f for f in FAULTS if f not in ("endless", "bomb", "headers")] * 4

    def round_of_faults() -> None:
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(site.get, cheap))
        for fault, answer in zip(cheap, answers, strict=True):
            assert answer.status_code == FAULTS[fault], (fault, answer.text)

    # The first rounds fill caches and pools before the counting.
    for _ in range(2):
        round_of_faults()
    site.check()
    before = site.process.descriptors, site.process.memory
    for _ in range(3):
        round_of_faults()
    site.check()
    assert site.process.settles(before[0] + 4) <= before[0] + 4
    assert site.process.memory - before[1] < 10_000, "KiB"


# --- callers that fail ----------------------------------------------------------------


def hang_up(site: Site, target: str) -> None:
    """Send a request and reset the connection before or during the response."""
    address = ("127.0.0.1", int(site.rest.rpartition(":")[2]))
    with socket.create_connection(address, timeout=10) as connection:
        head = f"GET /{target} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(head.encode())
        if target.endswith("silent"):
            time.sleep(0.1)
        else:
            connection.recv(100)
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def hang_ups(site: Site, targets: Sequence[str]) -> None:
    """Reset connections to many targets, from sixteen threads."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda target: hang_up(site, target), targets))
    site.check()


@pytest.mark.slow
def test_callers_that_hang_up_leak_nothing(site: Site) -> None:
    """Callers that hang up leak no memory, no descriptor and no upstream connection."""
    targets = ["raw?n=1", "large", "silent", "through/large", "through/silent", "late"]
    for _ in range(3):
        hang_ups(site, targets * 8)
    before = site.process.settles(0, 1), site.process.memory
    for _ in range(3):
        hang_ups(site, targets * 8)
    assert site.process.settles(before[0] + 4) <= before[0] + 4
    # Sixteen answers of 4 MB are sent at once; the server must not keep them.
    assert site.process.memory - before[1] < 25_000, "KiB"
    until = time.monotonic() + 5
    while site.upstream.connections > 20 and time.monotonic() < until:
        time.sleep(0.05)
    # The pool keeps some connections for the next calls.
    assert site.upstream.connections <= 20


@pytest.mark.slow
def test_lost_connections_leak_no_memory(site: Site) -> None:
    """Thousands of reset connections leak no memory."""
    hang_ups(site, ["good"] * 500)
    before = site.process.memory
    hang_ups(site, ["good"] * 2500)
    assert site.process.memory - before < 4_000, "KiB"


@pytest.mark.parametrize(
    "endless",
    [b"GET /good?", b"GET /good HTTP/1.1\r\nHost: localhost\r\nX: "],
    ids=["line", "header"],
)
def test_endless_request_head_is_refused(site: Site, endless: bytes) -> None:
    """A request line or header without an end is refused before it fills the memory."""
    address = ("127.0.0.1", int(site.rest.rpartition(":")[2]))
    before = site.process.memory
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(endless)
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 64_000_000:
                sent += connection.send(b"y" * 65_536)
        assert sent < 64_000_000
    site.check()
    assert site.process.memory - before < 8_000, "KiB"


# --- many callers, all slow -----------------------------------------------------------


CALLERS = 2000


@pytest.fixture
def many_descriptors() -> Iterator[int]:
    """Let this process open many sockets; yield the lower soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * CALLERS + 500:
        pytest.skip(f"at most {hard} descriptors may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    yield min(soft, 1024)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def slow_caller(
    address: tuple[str, int], number: int, go: asyncio.Event, limit: asyncio.Semaphore
) -> str:
    """Send a request in two halves, check the answer and return its status."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(f"GET /late?n={number} HTTP/1.1\r\nHost: localhost\r\n".encode())
        await go.wait()
        # The limit is below the server's concurrency, so it never answers 503.
        async with limit:
            writer.write(b"Connection: close\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.read()
        status = head.split()[1].decode()
        if status == "200":
            assert json.loads(body) == {"asked": f"n={number}"}
        return status
    finally:
        writer.close()


async def slow_callers(site: Site) -> Counter[str]:
    """Begin all slow requests, check a fast request, then finish the slow ones."""
    address = ("127.0.0.1", int(site.rest.rpartition(":")[2]))
    go, limit = asyncio.Event(), asyncio.Semaphore(500)
    # Up to ten earlier connections may close meanwhile.
    wanted = site.process.descriptors + CALLERS - 10
    callers = []
    for number in range(CALLERS):
        callers.append(asyncio.create_task(slow_caller(address, number, go, limit)))
        if number % 100 == 99:
            await asyncio.sleep(0.01)
    until = time.monotonic() + 30
    while site.process.descriptors < wanted and time.monotonic() < until:
        await asyncio.sleep(0.05)
    assert site.process.descriptors >= wanted
    await asyncio.to_thread(site.check)
    go.set()
    return Counter(await asyncio.gather(*callers))


@pytest.mark.slow
def test_two_thousand_slow_callers_get_their_own_answers(
    file: Path, many_descriptors: int
) -> None:
    """Slowloris: two thousand slow requests get their own answers and leak nothing."""
    with serving(file, "--max-connections", str(CALLERS + 500)) as site:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft == many_descriptors, "the server raises the limit for itself only"
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * CALLERS + 500, hard))
        site.check()
        before = site.process.descriptors
        assert asyncio.run(slow_callers(site)) == {"200": CALLERS}
        # The pool may keep up to 256 upstream connections.
        most = before + 256
        assert site.process.settles(most) <= most
        memory = site.process.memory
        assert asyncio.run(slow_callers(site)) == {"200": CALLERS}
        assert site.process.settles(most) <= most
        assert site.process.memory - memory < 10_000, "KiB"
        site.check()


@pytest.mark.slow
def test_slow_readers_do_not_fill_the_memory(file: Path) -> None:
    """Backpressure: a stream with a slow reader is not buffered in memory."""
    with serving(file) as site:
        read_slowly(site, 50)


def read_slowly(site: Site, count: int) -> None:
    """Begin to read several streams and check the memory of the server."""
    site.check()
    before = site.process.memory
    with contextlib.ExitStack() as stack:
        answers = [
            stack.enter_context(site.get(f"through/large?n={n}", stream=True))
            for n in range(count)
        ]
        for number, answer in enumerate(answers):
            assert answer.raw.read(20).startswith(b'{"asked": "n=%d"' % number)
        site.check()
        # The unread responses have 200 MB in total.
        assert site.process.memory - before < 60_000, "KiB"
        rest = answers[0].raw.read()
        assert len(rest) > 4_000_000 - 20


# --- the server itself ----------------------------------------------------------------


class Load:
    """A context manager that sends requests all the time and checks each answer.

    Attributes:
        seen: Status → number of answers; `lost` counts broken connections.
        wrong: Answers to another request.
    """

    def __init__(self, url: str, callers: int, path: str = "good") -> None:
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._url = f"{url}/{path}"
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(n,)) for n in range(callers)
        ]

    def _run(self, caller: int) -> None:
        number = 0
        with requests.Session() as session:
            while not self._stop.is_set():
                number += 1
                asked = f"{caller}-{number}"
                try:
                    answer = session.get(self._url, params={"n": asked}, timeout=10)
                except requests.Timeout:
                    self.seen["late"] += 1
                    continue
                except (
                    requests.ConnectionError,
                    requests.exceptions.ChunkedEncodingError,
                ):
                    self.seen["lost"] += 1
                    continue
                self.seen[str(answer.status_code)] += 1
                if answer.status_code == 200 and answer.json() != {
                    "asked": f"n={asked}"
                }:
                    self.wrong.append(f"{asked}: {answer.text}")

    def wait_for(self, count: int) -> None:
        """Wait until `count` more requests are answered."""
        wanted = self.seen["200"] + count
        until = time.monotonic() + 30
        while self.seen["200"] < wanted:
            assert time.monotonic() < until, self.seen
            time.sleep(0.02)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(15)
            assert not thread.is_alive()
        assert self.wrong == []


@pytest.mark.slow
def test_killed_worker_loses_only_its_connections(file: Path) -> None:
    """A killed worker loses only its own connections, and another worker starts."""
    with serving(file, "--workers", "2") as site:
        workers = [
            line["worker"] for line in site.server.lines if "started" in line["message"]
        ]
        with Load(site.rest, 8) as load:
            for worker in workers:
                load.wait_for(60)
                os.kill(worker, signal.SIGKILL)
                site.server.wait_for("worker .* started")
            load.wait_for(60)
            lost = load.seen["lost"]
            load.wait_for(60)
            assert load.seen["lost"] == lost, "the new ones lose nothing"
        assert set(load.seen) <= {"200", "lost"}
        # Each killed worker held at most eight of the connections.
        assert load.seen["lost"] <= 16
        assert load.seen["200"] >= 240


@pytest.mark.slow
def test_workers_end_when_their_parent_is_killed(file: Path) -> None:
    """Orphaned workers exit, and their port is closed."""
    with serving(file, "--workers", "2", ends=False) as site:
        workers = [
            line["worker"] for line in site.server.lines if "started" in line["message"]
        ]
        site.check()
        site.server.process.kill()
        until = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < until, "they go on"
            time.sleep(0.05)
        with pytest.raises(requests.ConnectionError):
            site.get("good")


@pytest.mark.slow
def test_reloads_under_load_drop_no_request(file: Path) -> None:
    """Thirty reloads under load drop no request and leak no memory or descriptor."""
    with serving(file) as site:
        url = f"{site.server.urls['control']}/config/reload"

        def reload(times: int) -> None:
            for _ in range(times):
                assert requests.post(url, timeout=20).status_code == 200

        async def reloaded(client: Any) -> None:
            for number in range(15):
                await asyncio.to_thread(reload, 1)
                result = await client.call_tool("good", {"n": str(number)})
                assert result.structured_content == {"asked": f"n={number}"}

        with Load(site.rest, 4) as load:
            talk(site.mcp, reloaded, mode="legacy")
        before = site.process.settles(0, 1), site.process.memory
        with Load(site.rest, 4) as more:
            talk(site.mcp, reloaded, mode="legacy")
        assert set(load.seen) == set(more.seen) == {"200"}
        assert site.process.settles(before[0] + 8) <= before[0] + 8
        assert site.process.memory - before[1] < 8_000, "KiB"
        site.check()
