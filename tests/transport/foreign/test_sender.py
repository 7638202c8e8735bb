"""Requests that only `requests` can send: signed by a foreign signer, or by a proxy."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from naftiko import Request, TransportError
from naftiko.transport.environment import OriginSettings
from naftiko.transport.failures import ForeignError
from naftiko.transport.foreign.sender import RequestsSender
from naftiko.transport.http import HttpTransport
from naftiko.transport.redirects import RedirectedRequest
from support.recorder import Recorder, response

NONE = OriginSettings(False, None, {}, "", None)
SIGNER = requests.auth.HTTPBasicAuth("ann", "x")


@pytest.fixture
def sender() -> Iterator[RequestsSender]:
    """Give a sender, and close it."""
    made = RequestsSender(4)
    yield made
    made.close()


def opened(request: Request) -> RedirectedRequest:
    """Return a request whose body is open."""
    hop = RedirectedRequest(request)
    hop.open()
    return hop


def test_signer_gets_the_headers_and_the_exact_target(sender: RequestsSender) -> None:
    """Nothing is encoded again, and the signature goes along."""
    with Recorder(response("[1]", Set_Cookie="a=b")) as server:
        hop = opened(Request("GET", f"{server.url}/[x]?q=%5b"))
        got, cookies = sender.send(hop, {"Cookie": "c=d"}, NONE, SIGNER, 5)
        assert (got.raw.status, got.raw.read(), cookies) == (200, b"[1]", ["a=b"])
        got.raw.close()
        assert server.last.target == "/[x]?q=%5b"
        assert server.last.headers["cookie"] == "c=d"
        assert server.last.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("body", "length"),
    [(b"abc", "3"), (io.BytesIO(b"abc"), "3"), (None, "0"), (iter([b"abc"]), None)],
)
def test_body_goes_along(body: Any, length: str | None, sender: RequestsSender) -> None:
    """With its length, or in chunks."""
    with Recorder() as server:
        hop = opened(Request("POST", server.url, body=body))
        got, _ = sender.send(hop, {}, NONE, SIGNER, 5)
        got.raw.close()
        assert server.last.body == (b"abc" if body else b"")
        assert server.last.headers.get("content-length") == length


def test_signer_may_read_the_response(sender: RequestsSender) -> None:
    """It looks into the body of a challenge, and sends again."""

    class Twice(requests.auth.AuthBase):
        """A signer that sends again, as digest authentication does."""

        def __call__(self, request: Any) -> Any:
            request.register_hook("response", self.again)
            return request

        def again(self, answer: Any, **more: Any) -> Any:
            assert answer.content == b"who?"
            other = answer.connection.send(answer.request.copy(), **more)
            other.history.append(answer)
            return other

    with Recorder(response("who?", Set_Cookie="a=b")) as server:
        hop = opened(Request("GET", server.url))
        got, cookies = sender.send(hop, {}, NONE, Twice(), 5)
        assert cookies == ["a=b", "a=b"]
        assert len(server.received) == 2
        got.raw.close()


def test_socket_file_is_signed_as_well(tmp_path: Path) -> None:
    """Its connections are kept apart from those of the network, and used again."""
    path = str(tmp_path / "s.sock")
    transport = HttpTransport(trust_env=False)
    with Recorder(response("[1]"), path=path) as server:
        request = Request("GET", "http://localhost/x", socket=path, auth=SIGNER)
        for _ in range(2):
            assert transport.send(request, timeout=5).body == b"[1]"
        assert server.connections == 1
        transport.close()


def test_failure_keeps_its_cause(sender: RequestsSender) -> None:
    """Whoever sends the request names it."""
    hop = opened(Request("GET", "http://127.0.0.1:9/"))
    with pytest.raises(ForeignError) as caught:
        sender.send(hop, {}, NONE, SIGNER, 5)
    assert isinstance(caught.value.__cause__, requests.ConnectionError)


@pytest.mark.parametrize("is_streamed", [True, False])
def test_body_that_breaks_off_is_told(is_streamed: bool) -> None:
    """In the same words as over a connection of ours."""
    transport = HttpTransport(trust_env=False)
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nok"
    with Recorder(cut) as server:
        request = Request("GET", server.url, auth=SIGNER)

        def streamed(request: Request, timeout: float) -> bytes:
            with transport.stream(request, timeout=timeout) as stream:
                return b"".join(stream.bytes(100))

        read: Any = streamed if is_streamed else transport.send
        with pytest.raises(TransportError, match="the response broke off"):
            read(request, timeout=5)
    transport.close()


def test_dead_connection_is_replaced() -> None:
    """As it is over a connection of ours."""
    transport = HttpTransport(trust_env=False)
    answers = iter([response("[1]"), None, response("[2]")])
    with Recorder(lambda _: next(answers)) as server:
        request = Request("GET", server.url, auth=SIGNER)
        bodies = [transport.send(request, timeout=5).body for _ in range(2)]
        assert bodies == [b"[1]", b"[2]"]
    transport.close()
