"""`naftiko serve` as a process: where it listens, how it starts, reloads and ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from naftiko.exposes.options import Options
from naftiko.exposes.serve import server as serving
from naftiko.exposes.serve.sites import Source
from support.recorder import Received, Recorder, response
from support.serving_process import Server, write

UPSTREAM = {
    "type": "http",
    "namespace": "api",
    "baseUri": "http://127.0.0.1:9",
    "resources": [
        {
            "name": "things",
            "path": "/things",
            "operations": [{"name": "things", "method": "GET"}],
        }
    ],
}


def rest(name: str = "shop", port: int = 0, path: str = "/things", **more: Any) -> Any:
    """Return a REST adapter with one route."""
    operation = {"method": "GET", "name": "things", "call": "api.things"}
    resource = {"path": path, "operations": [operation]}
    adapter = {"type": "rest", "namespace": name, "resources": [resource], **more}
    return {**adapter, "port": port} if port is not None else adapter


def mcp(name: str = "shop-mcp", port: int = 0, **more: Any) -> Any:
    """Return an MCP adapter with one tool."""
    tool = {"name": "things", "description": "List things.", "call": "api.things"}
    return {"type": "mcp", "namespace": name, "port": port, "tools": [tool], **more}


CONTROL = {
    "type": "control",
    "port": 0,
    "management": {"info": True, "reload": True, "validate": True},
    "observability": {"enabled": False},
}


def document(*exposes: Any, **more: Any) -> Any:
    """Return a document that exposes these adapters."""
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Shop", "description": "A shop."},
        "capability": {"consumes": [UPSTREAM], "exposes": list(exposes)},
        **more,
    }


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def upstream() -> Any:
    """Serve the upstream API."""
    with Recorder(response('[{"id": 1}]')) as server:
        yield server


def failing(*words: str | Path, **environment: str) -> tuple[int, str]:
    """Run `naftiko serve` where it must not start; return exit code and errors."""
    done = subprocess.run(
        [sys.executable, "-m", "naftiko", "serve", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_every_adapter_of_a_document(tmp_path: Path, upstream: Recorder) -> None:
    """REST, MCP and control from one file, each at its port; SIGTERM ends all with 0."""
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


def test_base_uri_of_the_environment(tmp_path: Path, upstream: Recorder) -> None:
    """`NAFTIKO_BASE_URI_<NAMESPACE>` applies to serving too."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    with Server(file, NAFTIKO_BASE_URI_API=upstream.url) as server:
        url = f"{server.urls['shop']}/things"
        assert requests.get(url, timeout=5).status_code == 200


def test_ports_and_adapters(tmp_path: Path, upstream: Recorder) -> None:
    """`--port NAME=PORT` moves one adapter, `--adapter` chooses."""
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


def test_everything_under_one_port(tmp_path: Path, upstream: Recorder) -> None:
    """Each adapter below its name; two of one name below that of their documents."""
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


@pytest.mark.parametrize(
    ("exposes", "words", "code", "message"),
    [
        ([], (), 4, "Capability must expose at least one endpoint"),
        ([rest(port=None)], (), 4, "'shop' has no port"),
        ([rest(), rest("b")], ("--port", "1"), 4, "but there are 2"),
        ([rest(port=8991), mcp(port=8991)], (), 4, "both want port 8991"),
        ([rest(port=1), mcp(port=1)], (), 4, "--port shop-mcp=PORT, or --single-port"),
        ([rest(port=1), rest(port=1)], (), 4, "hint: give --single-port PORT"),
        ([rest()], ("--adapter", "shap"), 4, "no adapter is called 'shap'"),
        ([rest()], ("--port", "x=1"), 4, "no adapter is called 'x'"),
        ([rest()], ("--port", "99999"), 2, "'99999' is no port"),
        ([rest()], ("--port", "shop=" + "9" * 5000), 2, "is no port, 0 to 65535"),
        ([rest()], ("--port", "shop=٣"), 2, "'٣' is no port, 0 to 65535"),
        ([rest()], ("--port", "=1"), 2, "no adapter is named before the '='"),
        ([rest()], ("--port", "shop"), 2, "hint: write PORT, or NAME=PORT"),
        ([rest()], ("--port", "1", "--port", "2"), 2, "--port is given twice"),
        ([rest()], ("--port", "a=1", "--port", "a=2"), 2, "given twice for 'a'"),
        ([rest()], ("--host", "0.0.0.0"), 4, "confirm it with --allow-public"),
        ([rest()], ("--stdio",), 4, "has no MCP adapter"),
        ([mcp(transport="stdio")], (), 4, "serve it with --stdio"),
        (
            [rest(), mcp(transport="stdio")],
            ("--adapter", "shop-mcp"),
            4,
            "serve it with --stdio",
        ),
        ([rest()], ("--stdio", "--port", "1"), 2, "leave out --port"),
        ([rest()], ("--stdio", "--single-port", "1"), 2, "leave out --single-port"),
        ([rest()], ("--stdio", "--host", "::1"), 2, "leave out --host"),
        ([rest()], ("--stdio", "--workers", "2"), 2, "leave out --workers"),
        ([rest()], ("--stdio", "--reload"), 2, "leave out --reload"),
        ([rest()], ("--stdio", "--variable", "A=header:B"), 2, "leave out --variable"),
        ([rest()], ("--stdio", "--cors", "*"), 2, "leave out --cors"),
        ([rest()], ("--stdio", "--allow-public"), 2, "leave out --allow-public"),
        ([rest()], ("--stdio", "--allowed-host", "*"), 2, "leave out --allowed-host"),
        ([rest()], ("--stdio", "--stateless"), 2, "leave out --stateless"),
        ([rest()], ("--single-port", "0", "--port", "1"), 2, "leave out one of them"),
        ([rest()], ("--host", "http://localhost"), 2, "the port goes into --port"),
        ([rest()], ("--host", "localhost:80"), 2, "the port goes into --port"),
        ([rest()], ("--host", ""), 2, "the port goes into --port"),
        ([rest()], ("--host", "203.0.113.7", "--allow-public"), 4, "another --host"),
        ([rest()], ("--cors", "shop.test"), 2, "scheme://host[:port], without a path"),
        ([rest()], ("--cors", "https://shop.test/"), 2, "without a path"),
        ([rest()], ("--variable", "X=header:a b"), 2, "NAME=header:X-Name"),
        ([rest(), rest()], ("--single-port", "0"), 4, "both want /shop/shop"),
        ([rest()], ("--cors", "https://me@shop.test"), 2, "without a path"),
        ([rest()], ("--allowed-host", "http://shop.test"), 2, "stands in `Host`"),
        ([rest()], ("--allowed-host", ""), 2, "stands in `Host`"),
        ([rest()], ("--variable", "X"), 2, "NAME=header:X-Name"),
        ([rest()], ("--variable", "X=abc"), 2, "'X' is not followed by a header"),
        (
            [rest()],
            ("--variable", "X=header:A", "--variable", "X=header:B"),
            2,
            "--variable is given twice for 'X'",
        ),
        ([rest()], ("--variable", "X=header:X"), 4, "no document has a variable 'X'"),
        ([rest()], ("--base-uri", "nope=http://x"), 2, "no namespace is called 'nope'"),
        ([rest()], ("--base-uri", "nonsense"), 2, "--base-uri: 'nonsense' is not a"),
        ([rest()], ("--base-uri", ""), 2, "--base-uri: '' is not a base URI"),
        ([rest()], ("--base-uri", "api="), 2, "--base-uri: '' is not a base URI"),
        ([rest()], ("--cors", "https://é.test"), 2, "is no origin"),
        ([rest()], ("--tools", "some"), 2, "all, search"),
        (
            [rest(authentication={"type": "bearer", "token": "{{TOKEN}}"})],
            (),
            4,
            "'TOKEN', which no bind declares",
        ),
    ],
)
def test_what_cannot_be_served(
    tmp_path: Path, exposes: Any, words: Any, code: int, message: str
) -> None:
    """It says why and how to mend it, and ends at once; nothing stays behind."""
    data = document(*exposes)
    if not exposes:
        del data["capability"]["exposes"]
    file = write(tmp_path / "shop.yaml", data)
    found, errors = failing(file, *words)
    assert message in errors
    assert found == code


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_stdio_that_cannot_be_written(tmp_path: Path) -> None:
    """An output that is full is an error in words, one that is closed none at all."""
    file = write(tmp_path / "shop.yaml", document(mcp()))
    ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    command = [sys.executable, "-m", "naftiko", "serve", str(file), "--stdio"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, input=ping, stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "error: the output cannot be written: No space left" in done.stderr
    assert "Traceback" not in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command, input=ping, stdout=writer, stderr=subprocess.PIPE,
        text=True, timeout=30, check=False,
    )  # fmt: skip
    os.close(writer)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr


def test_an_odd_name_is_a_name(tmp_path: Path) -> None:
    """A name that looks like a document is that of a file, and a URL is no file."""
    for name, said in (
        ("{naftiko: 1.0.0-alpha2}", "}: cannot be read: No such file"),
        ("a\nb", "a\\nb: cannot be read: No such file"),
        ("https://h.test/a.yaml?b", "https://h.test/a.yaml?…: a URL is no file"),
    ):
        code, errors = failing(name)
        assert code == 3
        assert said in errors


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("-",), "a second '-'"),
        (("--workers", "2"), "--workers"),
        (("--reload",), "--reload"),
        (("--stdio",), "--stdio"),
    ],
)
def test_standard_input_is_read_once(words: tuple[str, ...], what: str) -> None:
    """What would read it again is refused before it is read at all."""
    code, errors = failing("-", *words)
    assert code == 2
    assert f"can be read only once, which '-' and {what} exclude" in errors
    assert "hint: write the document to a file" in errors


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("aiohttp", ()),
        ("uvicorn", ("--workers", "2")),
        ("mcp", ()),
        ("aiohttp", ("--stdio",)),
        ("mcp", ("--stdio",)),
    ],
)
def test_an_extra_that_is_missing(
    tmp_path: Path, module: str, words: tuple[str, ...]
) -> None:
    """It says what to install, and the exit code is that of what cannot be served."""
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


def test_a_mistake_is_a_log_line_where_logs_are_json(tmp_path: Path) -> None:
    """What keeps it from starting is one JSON object, like everything else."""
    file = write(tmp_path / "shop.yaml", document(rest(port=None)))
    code, errors = failing(file, "--log-format", "json")
    (line,) = map(json.loads, errors.splitlines())
    assert code == 4
    assert (line["level"], line["message"]) == ("error", "'shop' has no port")
    assert line["hint"] == "add `port:`, or give --port shop=8080"


def test_any_port_for_every_adapter(tmp_path: Path, upstream: Recorder) -> None:
    """`--port 0` suits any number of adapters."""
    file = write(tmp_path / "shop.yaml", document(rest(port=1), mcp(port=1)))
    with Server(file, "--port", "0", "--base-uri", upstream.url, ready=2) as server:
        assert server.urls["shop"] != server.urls["shop-mcp"]
        assert server.stop() == 0


def test_a_document_that_is_broken(tmp_path: Path) -> None:
    """Exit code 3, with file, line and column, as for every other command."""
    (tmp_path / "bad.yaml").write_text("naftiko: [", "utf-8")
    code, errors = failing(tmp_path / "bad.yaml")
    assert code == 3
    assert "bad.yaml:1:" in errors
    assert failing(tmp_path / "gone.yaml")[0] == 3


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """It is told before anything is served, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = write(tmp_path / "shop.yaml", document(mcp(), rest(port=port)))
        code, errors = failing(file)
    assert code == 4
    assert f"127.0.0.1:{port} cannot be had: Address already in use" in errors
    assert "--port shop=PORT" in errors


def test_a_public_address_of_the_document(tmp_path: Path, upstream: Recorder) -> None:
    """Without authentication it is served to this machine only, unless confirmed."""
    file = write(tmp_path / "shop.yaml", document(rest(address="0.0.0.0")))
    with Server(file, "--base-uri", upstream.url) as server:
        assert "[W-address-public]" in server.text
        assert "127.0.0.1" in server.urls["shop"]
        assert server.stop() == 0
    with Server(file, "--base-uri", upstream.url, "--allow-public") as server:
        assert "is open to everyone" in server.text
        assert "0.0.0.0" in server.urls["shop"]
        assert server.stop() == 0


def test_requests_under_way_are_finished(tmp_path: Path, upstream: Recorder) -> None:
    """After SIGTERM nothing new is taken, what is under way gets its answer."""
    arrived = threading.Event()

    def slow(_: Received) -> bytes:
        arrived.set()
        time.sleep(1.0)
        return response('"late"')

    upstream.answer = slow
    file = write(tmp_path / "shop.yaml", document(rest(), CONTROL))
    with Server(file, "--base-uri", upstream.url, ready=2) as server:
        url = f"{server.urls['shop']}/things"
        answers: list[Any] = []
        thread = threading.Thread(
            target=lambda: answers.append(requests.get(url, timeout=10))
        )
        thread.start()
        assert arrived.wait(5)
        started = time.monotonic()
        assert server.stop() == 0
        thread.join(10)
        assert answers[0].json() == "late"
        assert time.monotonic() - started < 10
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=2)


def test_an_upstream_that_never_answers_does_not_hold_the_end(
    tmp_path: Path, upstream: Recorder
) -> None:
    """Draining has an end: exit code 0 within ten seconds."""
    arrived, release = threading.Event(), threading.Event()

    def never(_: Received) -> bytes | None:
        arrived.set()
        release.wait(30)
        return None

    upstream.answer = never
    file = write(tmp_path / "shop.yaml", document(rest()))
    with Server(file, "--base-uri", upstream.url) as server:
        url = f"{server.urls['shop']}/things"

        def ask() -> None:
            with suppress(requests.RequestException):
                requests.get(url, timeout=20)

        thread = threading.Thread(target=ask)
        thread.start()
        assert arrived.wait(5)
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10
        release.set()
        thread.join(10)


@pytest.mark.parametrize("words", [(), ("--workers", "2")])
def test_a_request_that_is_cut_off_is_told(
    tmp_path: Path, upstream: Recorder, words: tuple[str, ...]
) -> None:
    """A second Ctrl-C waits no longer: 503 for the caller, no traceback in the log."""
    arrived, release = threading.Event(), threading.Event()

    def never(_: Received) -> bytes | None:
        arrived.set()
        release.wait(30)
        return None

    upstream.answer = never
    file = write(tmp_path / "shop.yaml", document(rest()))
    answers: list[requests.Response] = []
    with Server(file, "--base-uri", upstream.url, *words) as server:
        url = f"{server.urls['shop']}/things"
        thread = threading.Thread(
            target=lambda: answers.append(requests.get(url, timeout=20))
        )
        thread.start()
        assert arrived.wait(5)
        started = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert server.stop(signal.SIGINT) == 0
        assert time.monotonic() - started < 5
        release.set()
        thread.join(10)
        assert "Traceback" not in server.text
    (answer,) = answers
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:naftiko:problem:stopping"
    assert answer.json()["requestId"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_is_one_signal(
    tmp_path: Path, upstream: Recorder, number: int
) -> None:
    """A terminal and some supervisors tell parent and workers; requests still end."""
    arrived, release = threading.Event(), threading.Event()

    def late(_: Received) -> bytes:
        arrived.set()
        release.wait(30)
        return response('"late"')

    upstream.answer = late
    file = write(tmp_path / "shop.yaml", document(rest()))
    answers: list[requests.Response] = []
    with Server(
        file, "--workers", "2", "--base-uri", upstream.url, own_group=True
    ) as server:
        url = f"{server.urls['shop']}/things"
        thread = threading.Thread(
            target=lambda: answers.append(requests.get(url, timeout=20))
        )
        thread.start()
        assert arrived.wait(5)
        os.killpg(server.process.pid, number)
        time.sleep(1)
        release.set()
        thread.join(10)
        assert server.process.wait(10) == 0
    assert [answer.text for answer in answers] == ['"late"']


def test_a_change_is_served_without_dropping_a_request(
    tmp_path: Path, upstream: Recorder
) -> None:
    """Under load, every request is answered by the old version or the new one."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    with Server(file, "--base-uri", upstream.url, "--reload") as server:
        base = server.urls["shop"]
        statuses: dict[str, set[int]] = {"/things": set(), "/new": set()}
        stop = threading.Event()

        def load(path: str) -> None:
            with requests.Session() as session:
                while not stop.is_set():
                    code = session.get(base + path, timeout=5).status_code
                    statuses[path].add(code)

        threads = [threading.Thread(target=load, args=(path,)) for path in statuses]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        time.sleep(1.0)
        both = document(rest())
        both["capability"]["exposes"][0]["resources"] += rest(path="/new")["resources"]
        write(file, both)
        server.wait_for("^reloaded")
        time.sleep(0.3)
        stop.set()
        for thread in threads:
            thread.join(10)
        assert statuses == {"/things": {200}, "/new": {404, 200}}


def test_a_broken_edit_keeps_the_old_version(
    tmp_path: Path, upstream: Recorder
) -> None:
    """It says why, in the log and at the control port, and goes on."""
    file = write(tmp_path / "shop.yaml", document(rest(), CONTROL))
    with Server(file, "--base-uri", upstream.url, "--reload", ready=2) as server:
        control = server.urls["control"]
        time.sleep(0.1)
        file.write_text("naftiko: [", "utf-8")
        line = server.wait_for("not reloaded")
        assert f"{file}:1:" in line["message"]
        url = f"{server.urls['shop']}/things"
        assert requests.get(url, timeout=5).status_code == 200
        answer = requests.post(f"{control}/config/reload", timeout=5)
        assert answer.status_code == 422
        assert "shop.yaml:1:" in answer.json()["problems"][0]
        write(file, document(rest(path="/other"), CONTROL))
        server.wait_for("^reloaded")
        assert requests.get(url, timeout=5).status_code == 404
        answer = requests.post(f"{control}/config/reload", timeout=5)
        assert answer.json() == {"status": "reloaded", "problems": []}


def _served_now(server: Server) -> tuple[int, str, str, int]:
    """Return what tells the version that each of four adapters serves."""
    shop, urls = server.urls["shop"], server.urls
    answer = requests.post(
        f"{urls['shop-mcp']}/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        }}},
        headers={
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/list",
        },
        timeout=5,
    )  # fmt: skip
    tools = answer.json()["result"]["tools"]
    skills = requests.get(f"{urls['help']}/skills", timeout=5).json()["skills"]
    return (
        requests.get(f"{shop}/things", timeout=5).status_code,
        tools[0]["description"],
        skills[0]["name"],
        requests.get(f"{urls['control']}/status", timeout=5).status_code,
    )


@pytest.mark.parametrize("how", ["watch", "signal", "post"])
def test_a_broken_edit_of_one_adapter_keeps_all_of_them(
    tmp_path: Path, upstream: Recorder, how: str
) -> None:
    """Never one half of an edit, however it is noticed; mended, it is served."""

    def version(new: bool, **tool: Any) -> Any:
        tools = mcp()["tools"]
        management = {**CONTROL["management"], "info": not new}
        if new:
            tools[0]["description"] = "New."
        skill = {
            "name": "new" if new else "old",
            "description": "Helps.",
            "tools": [{"name": "t", "description": "A tool.", **tool}],
        }
        return document(
            rest(path="/new" if new else "/things"),
            {**mcp(), "tools": tools},
            {"type": "skill", "namespace": "help", "port": 0, "skills": [skill]},
            {**CONTROL, "management": management},
        )

    good = {"from": {"sourceNamespace": "shop", "action": "things"}}
    bad = {"from": {"sourceNamespace": "shap", "action": "things"}}
    file = write(tmp_path / "shop.yaml", version(False, **good))
    words = ["--reload"] if how == "watch" else []
    with Server(file, "--base-uri", upstream.url, *words, ready=4) as server:
        url = f"{server.urls['control']}/config/reload"

        def edit(data: Any) -> Any:
            write(file, data)
            if how == "signal":
                server.process.send_signal(signal.SIGHUP)
            return requests.post(url, timeout=5) if how == "post" else None

        old = (200, "List things.", "old", 200)
        assert _served_now(server) == old
        answer = edit(version(True, **bad))
        line = server.wait_for("not reloaded")
        assert "references unknown namespace 'shap'" in line["message"]
        if answer is not None:
            assert answer.status_code == 422
            assert "'shap'" in answer.json()["problems"][0]
        assert _served_now(server) == old
        answer = edit(version(True, **good))
        server.wait_for("^reloaded")
        if answer is not None:
            assert answer.json() == {"status": "reloaded", "problems": []}
        assert _served_now(server) == (404, "New.", "new", 404)
        assert server.stop() == 0
        assert "Traceback" not in server.text


def test_reloading_never_ends_a_server(tmp_path: Path) -> None:
    """What nobody expected is told as a problem, and is in the log with its cause."""

    class Broken(Source):
        def load(self) -> Any:
            raise RecursionError("deep")

    file = write(tmp_path / "shop.yaml", document(rest()))

    async def reloaded() -> Any:
        server = serving.Server(serving.Plan([Source(str(file))], Options()))
        server.sites[0].source = Broken(str(file))
        try:
            return await server.reload()
        finally:
            await server.transport.close()

    done = asyncio.run(reloaded())
    assert not done.is_done
    assert done.problems == (f"{file}: an error in the server itself; the log has it",)


def test_a_broken_document_does_not_hold_the_others(
    tmp_path: Path, upstream: Recorder
) -> None:
    """Each document is reloaded or kept on its own, and the answer says which not."""
    one = write(tmp_path / "one.yaml", document(rest("one"), CONTROL))
    two = write(tmp_path / "two.yaml", document(rest("two")))
    with Server(one, two, "--base-uri", upstream.url, "--reload", ready=3) as server:
        two.write_text("naftiko: [", "utf-8")
        assert f"{two}:1:" in server.wait_for("not reloaded")["message"]
        server.wait_for("^reloaded")
        write(one, document(rest("one", path="/new"), CONTROL))
        assert server.wait_for("^reloaded")["message"] == f"reloaded {one}"
        for name, path in (("one", "new"), ("two", "things")):
            url = f"{server.urls[name]}/{path}"
            assert requests.get(url, timeout=5).status_code == 200
        url = f"{server.urls['control']}/config/reload"
        answer = requests.post(url, timeout=5)
        assert answer.status_code == 422
        assert "two.yaml:1:" in answer.json()["problems"][0]


def test_an_import_that_comes_back_is_served(
    tmp_path: Path, upstream: Recorder
) -> None:
    """Some editors delete a file and write it anew; the log names what is missing."""
    imported = tmp_path / "api.yaml"
    library = {"naftiko": "1.0.0-alpha2", "consumes": [UPSTREAM]}
    write(imported, library)
    data = document(rest())
    data["capability"]["consumes"] = [{"location": "api.yaml", "import": "api"}]
    file = write(tmp_path / "shop.yaml", data)
    with Server(file, "--base-uri", upstream.url, "--reload") as server:
        url = f"{server.urls['shop']}/things"
        assert requests.get(url, timeout=5).status_code == 200
        imported.unlink()
        line = server.wait_for("U-import-unresolved")
        assert line["level"] == "warning"
        server.wait_for("^reloaded")
        assert requests.get(url, timeout=5).status_code == 501
        write(imported, library)
        server.wait_for("^reloaded")
        assert requests.get(url, timeout=5).status_code == 200


def test_what_cannot_be_called_is_told_at_the_start(
    tmp_path: Path, upstream: Recorder
) -> None:
    """A dangling call is no secret until somebody runs into it."""
    data = document(rest())
    data["capability"]["exposes"][0]["resources"][0]["operations"].append(
        {"method": "POST", "name": "more", "call": "api.thinks"}
    )
    file = write(tmp_path / "shop.yaml", data)
    with Server(file, "--base-uri", upstream.url) as server:
        (line,) = [x for x in server.lines if x["level"] == "warning"]
        assert "[U-call-unresolved]" in line["message"]
        assert f"{file}:" in line["message"]


def test_what_reloading_cannot_change(tmp_path: Path, upstream: Recorder) -> None:
    """New, gone and moved adapters are named; the others are served anew."""
    file = write(tmp_path / "shop.yaml", document(rest(), mcp(), CONTROL))
    with Server(file, "--base-uri", upstream.url, ready=3) as server:
        write(file, document(rest(port=1), rest("more"), CONTROL))
        answer = requests.post(f"{server.urls['control']}/config/reload", timeout=5)
        told = " ".join(answer.json()["problems"])
        assert "'shop' moves" in told
        assert "'more' is new" in told
        assert "'shop-mcp' is gone" in told


def test_workers_share_a_port_and_are_replaced(
    tmp_path: Path, upstream: Recorder
) -> None:
    """One that is killed is replaced, and requests go on; SIGTERM ends them all."""
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


@pytest.mark.parametrize(
    ("words", "told"),
    [((), "W-address-public"), (("--allow-public",), "is open to everyone")],
)
@pytest.mark.parametrize("ports", [(), ("--single-port", "0", "--host", "127.0.0.1")])
def test_workers_repeat_no_warning(
    tmp_path: Path, words: tuple[str, ...], told: str, ports: tuple[str, ...]
) -> None:
    """What the parent has told is told once, and not again by those that reload."""
    stdio = mcp("desk", transport="stdio")
    file = write(tmp_path / "shop.yaml", document(rest(address="0.0.0.0"), stdio))
    with Server(file, "--workers", "2", *words, *ports) as server:
        while server.text.count("'shop' at http") < 2:
            server.wait_for(" at http")
        messages = [line["message"] for line in server.lines]
        # The address of the document does not count where all share one.
        assert sum(told in m for m in messages) == (0 if ports else 1)
        assert sum("serve it with --stdio" in m for m in messages) == 1
        server.process.send_signal(signal.SIGHUP)
        for _ in range(2):
            server.wait_for("^reloaded")
        assert server.stop() == 0
        assert server.text.count("serve it with --stdio") == 1
        assert server.text.count(told) == (0 if ports else 1)


def _ask(url: str) -> bool:
    """Ask once; a connection that the killed worker had taken may be lost."""
    for _ in range(3):
        try:
            return requests.get(url, timeout=5).status_code == 200
        except requests.ConnectionError:
            time.sleep(0.05)
    return False


def test_log_lines(tmp_path: Path, upstream: Recorder) -> None:
    """One line for each request, without its query; text for people, JSON for programs."""
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


def test_stdio(tmp_path: Path, upstream: Recorder) -> None:
    """`--stdio` speaks MCP on standard output, and nothing else; its end ends it."""
    file = write(tmp_path / "shop.yaml", document(rest(), mcp(transport="stdio")))
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"}}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call",
         "params": {"name": "things", "arguments": {}}},
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "naftiko", "serve", str(file), "--stdio",
         "--base-uri", upstream.url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    answers = []
    for line in lines:
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        if "id" in line:
            answers.append(json.loads(process.stdout.readline()))
    rest_of_output, errors = process.communicate(timeout=15)
    assert [a["id"] for a in answers] == [1, 2]
    assert json.loads(answers[1]["result"]["content"][0]["text"]) == [{"id": 1}]
    assert rest_of_output == ""
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_open_sessions_do_not_hold_the_end(tmp_path: Path, upstream: Recorder) -> None:
    """An event stream of an MCP session ends with the server: exit 0 within 10 s."""
    file = write(tmp_path / "shop.yaml", document(mcp()))
    call = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }}  # fmt: skip
    accept = {"Accept": "application/json, text/event-stream"}
    with Server(file, "--base-uri", upstream.url) as server:
        url = f"{server.urls['shop-mcp']}/mcp"
        answer = requests.post(url, json=call, headers=accept, timeout=5)
        session = {"Mcp-Session-Id": answer.headers["Mcp-Session-Id"], **accept}
        done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        requests.post(url, json=done, headers=session, timeout=5)
        with requests.get(url, headers=session, stream=True, timeout=20) as stream:
            assert stream.status_code == 200
            started = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - started < 10


def test_callers_bring_their_own_credential(tmp_path: Path, upstream: Recorder) -> None:
    """`--variable NAME=header:X-Name`: for that request only, and never logged."""
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


def test_a_signal_ends_stdio(tmp_path: Path) -> None:
    """SIGTERM ends a server whose input stays open, with 0 as over HTTP."""
    file = write(tmp_path / "shop.yaml", document(mcp()))
    with subprocess.Popen(
        [sys.executable, "-m", "naftiko", "serve", file, "--stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b'{"jsonrpc":"2.0","id":4,"method":"ping"}\n')
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["id"] == 4
        child.terminate()
        try:
            assert child.wait(10) == 0
        finally:
            child.kill()


# --- speed that can be told without a clock -------------------------------------------


def test_small_answers_are_not_held_back(tmp_path: Path) -> None:
    """A connection that a socket of ours accepts has no Nagle's algorithm."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    server = serving.Server(serving.Plan([Source(str(file))], Options()))

    async def accepted() -> int:
        [listener] = server.listen()
        options: list[int] = []

        class Asked(asyncio.Protocol):
            def connection_made(self, transport: Any) -> None:
                about = transport.get_extra_info("socket")
                options.append(about.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                transport.close()

        running = asyncio.get_running_loop()
        listening = await running.create_server(Asked, sock=listener.socket)
        reader, writer = await asyncio.open_connection(
            *listener.socket.getsockname(), limit=1
        )
        await reader.read()
        writer.close()
        listening.close()
        await server.transport.close()
        return options[0]

    # The loop of the standard library: uvloop sets the option whatever the socket is.
    assert asyncio.run(accepted()) != 0
