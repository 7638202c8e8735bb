"""REST adapter over real sockets: values, failing upstreams and forwarding.

The server is uvicorn; the upstream API is a `Recorder` on loopback.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests
import uvicorn

import naftiko
from support.recorder import Received, Recorder, response
from support.serving import document, operation

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")

_NAME = {"type": "object", "properties": {"n": {"type": "string", "mapping": "$.name"}}}
RESOURCES = [
    *operation("/ships/{id}", call="api.get", outputParameters=[_NAME]),
    *operation("/ships", call="api.list"),
    *operation("/ships", "POST", call="api.build"),
    *operation("/upload", "POST", call="api.upload"),
    *operation("/log", "POST", call="api.write"),
    {
        "path": "/proxy/{path}",
        "forward": {"targetNamespace": "api", "trustedHeaders": ["X-Trace"]},
    },
]


@contextmanager
def serving(upstream: str, **options: Any) -> Iterator[str]:
    """Serve the REST adapter of `RESOURCES` at a free port; yield its URL."""
    capability = naftiko.load(document(RESOURCES), schema=None, base_uri=upstream)
    app = naftiko.asgi(capability, **{"timeout": 5.0, **options})
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    config = uvicorn.Config(app, log_level="critical", access_log=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
    assert not thread.is_alive()


def _curl(*words: str) -> str:
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", *words],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


# --- values -------------------------------------------------------------------------


def test_mapped_value_reaches_a_client() -> None:
    """R02: one request is sent upstream, and its mapped value comes back."""
    with (
        Recorder(response('{"name": "Ada", "more": 1}', "201 Created")) as upstream,
        serving(upstream.url) as url,
        requests.Session() as session,
    ):
        got = session.get(f"{url}/ships/a%2Fb%20ä", timeout=10)
        assert (got.status_code, got.json()) == (201, {"n": "Ada"})
        assert got.headers["Content-Type"] == "application/json"
        assert upstream.last.line == "GET /ships/a%2Fb%20%C3%A4 HTTP/1.1"
        head = session.head(f"{url}/ships/1", timeout=10)
        assert (head.status_code, head.content) == (201, b"")
        assert head.headers["Content-Length"] == str(len(got.content))
        # The upstream connection is reused.
        assert upstream.connections == 1


@needs_curl
def test_json_and_forms_of_curl_are_read() -> None:
    """The adapter reads JSON, a form and a multipart form of `curl`."""
    with Recorder() as upstream, serving(upstream.url) as url:
        _curl(f"{url}/ships", "--json", '{"name": "a", "tons": 5}')
        assert json.loads(upstream.last.body) == {"name": "a", "tons": 5}
        _curl(f"{url}/ships", "-d", '{"name": "b"}')
        assert json.loads(upstream.last.body) == {"name": "b"}
        _curl(f"{url}/ships", "-d", "name=c d", "-d", "tons=1")
        assert json.loads(upstream.last.body) == {"name": "c d", "tons": "1"}
        _curl(f"{url}/upload", "-F", "title=t", "-F", f"file=@{__file__}")
        with open(__file__, "rb") as file:
            assert file.read() in upstream.last.body


@needs_curl
def test_curl_gets_problems_yaml_and_openapi() -> None:
    """`curl` gets a problem document, YAML, and the OpenAPI description."""
    with Recorder(response('{"b": [1]}')) as upstream, serving(upstream.url) as url:
        problem = json.loads(_curl(f"{url}/nowhere"))
        assert problem["type"] == "urn:naftiko:problem:not-found"
        text = _curl(f"{url}/ships", "-H", "Accept: application/yaml")
        assert text == "b:\n- 1\n"
        assert json.loads(_curl(f"{url}/openapi.json"))["openapi"] == "3.1.0"
        head = _curl("-i", "-X", "DELETE", f"{url}/ships")
        assert "allow: GET, HEAD, OPTIONS, POST" in head
        assert " 405 " in head


def test_two_hundred_concurrent_callers_get_their_own_answers() -> None:
    """Two hundred concurrent callers get their own answers."""

    def echo(received: Received) -> bytes:
        return response(json.dumps({"name": received.target}))

    with Recorder(echo) as upstream, serving(upstream.url) as url:

        def one(number: int) -> Any:
            return requests.get(f"{url}/ships/{number}", timeout=20).json()

        with ThreadPoolExecutor(32) as pool:
            found = list(pool.map(one, range(200)))
        assert found == [{"n": f"/ships/{number}"} for number in range(200)]


# --- failures -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        (b"", 502, "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nabc", 502, "unreachable"),
        (b"SSH-2.0-OpenSSH\r\n\r\n\r\nConnection: close", 502, "unreachable"),
        (response("<html>", "503 Down", "text/html"), 502, "upstream"),
        (response("{", "200 OK"), 500, "output"),
        (response("", "302 Found", Location="/ships/1"), 502, "unreachable"),
    ],
    ids=["nothing", "truncated", "no HTTP", "5xx", "no JSON", "a loop"],
)  # fmt: skip
def test_failing_upstream_is_a_problem_document(
    answer: bytes, status: int, kind: str
) -> None:
    """A failing upstream gives a problem document with its own status and type."""
    with (
        Recorder(lambda received: answer or None) as upstream,
        serving(upstream.url) as url,
    ):
        got = requests.get(f"{url}/ships/1", timeout=20)
        assert (got.status_code, got.json()["type"]) == (
            status,
            f"urn:naftiko:problem:{kind}",
        )
        assert str(upstream.port) not in got.text


def test_refused_upstream_connection_is_502() -> None:
    """Connection refused by the upstream gives 502 with "no connection"."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with serving(address) as url:
        got = requests.get(f"{url}/ships/1", timeout=20)
        assert got.status_code == 502
        assert "no connection" in got.json()["detail"]


@pytest.mark.parametrize("target", ["/ships/1", "/proxy/a"])
def test_silent_upstream_is_504(target: str) -> None:
    """Upstream timeout: a silent upstream gives 504."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        serving(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.3) as url,
    ):
        got = requests.get(url + target, timeout=20)
        assert got.status_code == 504


@pytest.mark.parametrize("target", ["/ships/1", "/proxy/a"])
def test_caller_that_hangs_up_ends_the_upstream_call(target: str) -> None:
    """A caller that disconnects ends the connection to the upstream API."""
    # A head without its body keeps the call in flight.
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    with Recorder(begun) as upstream, serving(upstream.url, timeout=60) as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            while not upstream.received:
                time.sleep(0.01)
            assert not upstream.closed.wait(0.2)
        assert upstream.closed.wait(5)


def test_body_over_the_limit_is_refused() -> None:
    """A body over the limit is not sent upstream, whole or chunked."""
    with Recorder() as upstream, serving(upstream.url, max_body_bytes=100) as url:
        for body in (b"x" * 101, iter([b"x" * 60, b"x" * 60])):
            got = requests.post(f"{url}/log", data=body, timeout=20)
            assert (got.status_code, upstream.received) == (413, [])


# --- forwarding ---------------------------------------------------------------------


def test_bodies_are_streamed_in_both_directions() -> None:
    """Bodies of 5 MB are forwarded unchanged in both directions."""
    content = bytes(range(256)) * 20_000

    def echo(received: Received) -> bytes:
        return response(received.body, content_type="application/octet-stream")

    with Recorder(echo) as upstream, serving(upstream.url) as url:
        parts = (content[n : n + 65_536] for n in range(0, len(content), 65_536))
        got = requests.put(f"{url}/proxy/a%2Fb?c=%20", data=parts, timeout=30)
        assert got.content == content
        assert upstream.last.line == "PUT /a%2Fb?c=%20 HTTP/1.1"
        assert upstream.last.headers["transfer-encoding"] == "chunked"
        got = requests.put(f"{url}/proxy/a", data=content, timeout=30)
        assert got.content == content
        assert upstream.last.headers["content-length"] == str(len(content))


def test_only_trusted_headers_are_forwarded() -> None:
    """R10: a forwarded request has no header of the caller but trusted ones."""
    with Recorder() as upstream, serving(upstream.url) as url:
        headers = {"X-Trace": "1", "X-Other": "2", "Cookie": "a=b"}
        requests.get(f"{url}/proxy/a", headers=headers, auth=("u", "p"), timeout=20)
        sent = upstream.last.headers
        assert sent.keys() == {
            "host", "x-trace", "accept", "accept-encoding", "user-agent", "via",
        }  # fmt: skip
        assert sent["host"] == f"127.0.0.1:{upstream.port}"


def test_compressed_response_is_forwarded_compressed() -> None:
    """A compressed response is relayed with its `Content-Encoding`."""
    import gzip

    packed = gzip.compress(b"hello")
    answer = response(packed, content_type="text/plain", Content_Encoding="gzip")
    with Recorder(answer) as upstream, serving(upstream.url) as url:
        got = requests.get(f"{url}/proxy/a", timeout=20)
        assert got.text == "hello"
        assert got.headers["Content-Length"] == str(len(packed))


def test_truncated_response_is_not_completed() -> None:
    """A truncated upstream response is truncated for the caller, too."""
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nabc"
    with (
        Recorder(half) as upstream,
        serving(upstream.url) as url,
        pytest.raises(requests.RequestException),
    ):
        requests.get(f"{url}/proxy/a", timeout=20)
