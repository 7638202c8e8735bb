"""Requests on the wire: each placing rule as a server on loopback receives it.

The cases are those of `tests/consumes/test_request.py`.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import naftiko
from consumes.test_request import check_raises, loaded
from support.building import capability
from support.casefiles import cases
from support.recorder import Recorder, response


@pytest.fixture(scope="module")
def server() -> Iterator[Recorder]:
    """Run a server that answers `{}` to each request."""
    with Recorder() as recorder:
        yield recorder


@pytest.mark.parametrize("case", cases("consumes/cases/requests"))
def test_request_of_a_case_arrives_as_described(
    case: dict[str, Any], server: Recorder
) -> None:
    """The request of a case arrives as the case says; a refused request is not sent."""
    base = case.get("consumes", {}).get("baseUri", "http://127.0.0.1:9")
    before = len(server.received)
    uri = server.url + base.removeprefix("http://127.0.0.1:9")
    with loaded(case, base_uri=uri) as api:
        act = lambda: api.exchange(  # noqa: E731
            "api.op", case.get("arguments", {}), raise_for_status=False
        )
        if "raises" in case:
            check_raises(case, act)
            assert len(server.received) == before
            return
        if case.get("operation", {}).get("outputRawFormat", "json") == "json":
            act()
        else:
            # The server answers JSON, whatever is asked for.
            with pytest.warns(UserWarning, match="the result is what came"):
                act()
    got = server.last
    assert got.line == f"{got.method} {got.target} HTTP/1.1"
    assert got.method == case.get("operation", {}).get("method", "GET")
    if "target" in case:
        assert got.target == case["target"]
    for name, value in case.get("headers", {}).items():
        assert got.headers[name.lower()] == value
    for name in case.get("absent", ()):
        assert name.lower() not in got.headers
    if "body" in case:
        assert got.body == case["body"].encode()
        assert got.headers["content-length"] == str(len(got.body))


def test_request_has_no_unexpected_header(server: Recorder) -> None:
    """A request has only the headers of the document and of naftiko."""
    operation = {"method": "POST", "body": {"type": "json", "data": {"a": "{{a}}"}}}
    with capability(operation, base_uri=server.url + "/v1") as api:
        api.call("api.op", a=1)
    got = server.last
    encodings = got.headers["accept-encoding"]
    assert got.head.decode().split("\r\n") == [
        "POST /v1/x HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"User-Agent: naftiko/{naftiko.__version__}",
        f"Accept-Encoding: {encodings}",
        "Accept: application/json, */*;q=0.5",
        "Content-Type: application/json",
        "Content-Length: 7",
    ]
    assert encodings.split(", ")[:2] == ["gzip", "deflate"]
    assert got.body == b'{"a":1}'


def test_get_has_no_body_headers(server: Recorder) -> None:
    """A GET request has neither `Content-Length` nor `Content-Type`."""
    with capability(base_uri=server.url) as api:
        api.call("api.op")
    assert "content-length" not in server.last.headers
    assert "content-type" not in server.last.headers


def test_file_is_streamed_from_disk(server: Recorder, tmp_path: Path) -> None:
    """A file is streamed with its length, an open file from its position."""
    file = tmp_path / "data.bin"
    content = bytes(range(256)) * 5000
    file.write_bytes(content)
    with capability({"method": "PUT"}, base_uri=server.url) as api:
        api.call("api.op", body=file)
        assert server.last.body == content
        assert server.last.headers["content-length"] == str(len(content))
        with file.open("rb") as stream:
            stream.seek(1000)
            api.call("api.op", body=stream)
        assert server.last.body == content[1000:]


def test_stream_without_a_length_is_chunked(server: Recorder) -> None:
    """A body of unknown length is sent in chunks."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.parts = [b"one", b"two", b""]

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return False

        def read(self, size: int = -1) -> bytes:
            return self.parts.pop(0)

    with capability({"method": "POST"}, base_uri=server.url) as api:
        api.call("api.op", body=Pipe())
    assert server.last.body == b"onetwo"
    assert server.last.headers["transfer-encoding"] == "chunked"


def test_unix_socket_is_reached(tmp_path: Path) -> None:
    """`unix:///path.sock` and `http+unix://%2Fpath.sock` reach a socket file."""
    path = tmp_path / "s.sock"
    with Recorder(response("[1]"), path=str(path)) as server:
        with capability({"resourcePath": "/a/{x}"}, base_uri=f"unix://{path}") as api:
            assert api.call("api.op", x="b c") == [1]
        encoded = str(path).replace("/", "%2F")
        with capability(base_uri=f"http+unix://{encoded}/v1") as api:
            assert api.call("api.op") == [1]
        first, second = server.received
        assert first.target == "/a/b%20c"
        assert first.headers["host"] == "localhost"
        assert second.target == "/v1/x"
        with capability(base_uri=f"unix://{path}.gone") as api:
            with pytest.raises(naftiko.TransportError, match=r"s\.sock\.gone.*No such"):
                api.call("api.op")


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 on loopback")
def test_ipv6_host_keeps_its_brackets() -> None:
    """A request reaches an IPv6 host, whose brackets stay in the URL and in `Host`."""
    with Recorder(host="::1") as server:
        with capability(base_uri=f"http://[::1]:{server.port}/v1") as api:
            exchange = api.exchange("api.op")
    assert exchange.request.url == f"http://[::1]:{server.port}/v1/x"
    assert server.last.target == "/v1/x"
    assert server.last.headers["host"] == f"[::1]:{server.port}"
