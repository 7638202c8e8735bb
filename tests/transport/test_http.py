"""`HttpTransport` itself; the wire with both senders is in `tests/end_to_end/`."""

from __future__ import annotations

import gzip
import io
import logging
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
import requests

from naftiko import Request, Response, TransportError
from naftiko.masking import Secret
from naftiko.transport.cookies import Cookies
from naftiko.transport.http import HttpTransport
from naftiko.transport.messages import SignIn
from naftiko.transport.redirects import RedirectedRequest
from support.recorder import Received, Recorder, response


@pytest.fixture
def server() -> Iterator[Recorder]:
    """Give a server that answers `{}`."""
    with Recorder() as recorder:
        yield recorder


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    """Give a transport, and close it."""
    made = HttpTransport(trust_env=False)
    yield made
    made.close()


def test_response_is_read_whole(server: Recorder, transport: HttpTransport) -> None:
    """Status, reason, headers and body come back; repeated headers are joined."""
    packed = gzip.compress(b"[1]")
    server.answer = response(packed, "201 Made", Content_Encoding="gzip").replace(
        b"\r\n\r\n", b"\r\nX-A: 1\r\nx-a: 2\r\n\r\n", 1
    )
    secrets = (Secret("KEY", "s3cret"),)
    request = Request("GET", f"{server.url}/x?k=s3cret", secrets=secrets)
    got = transport.send(request, timeout=5)
    assert (got.status, got.reason, got.body) == (201, "Made", b"[1]")
    assert got.headers["X-A"] == "1, 2"
    assert got.url == f"{server.url}/x?k=$KEY"
    assert server.last.target == "/x?k=s3cret"


def test_threads_that_get_their_first_cookie_share_a_jar(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is lost, whoever comes first."""
    made = Barrier(2)

    def slowly() -> Cookies:
        with suppress(BrokenBarrierError):
            made.wait(0.2)
        return Cookies()

    monkeypatch.setattr("naftiko.transport.cookies.Cookies", slowly)

    def answer(request: Received) -> bytes:
        return response(b"", Set_Cookie=f"{request.target[1:]}=1; Path=/")

    with Recorder(answer) as server, ThreadPoolExecutor(2) as threads:
        urls = [f"{server.url}/{name}" for name in "ab"]
        for url in urls:
            threads.submit(transport.send, Request("GET", url), timeout=5)
        threads.shutdown()
        transport.send(Request("GET", urls[0]), timeout=5)
        assert sorted(server.last.headers["cookie"].split("; ")) == ["a=1", "b=1"]


@pytest.mark.parametrize("scheme", ["ftp", "htps", "wss"])
def test_only_http_is_sent(
    scheme: str, server: Recorder, transport: HttpTransport
) -> None:
    """What was meant for another protocol does not go out without TLS."""
    url = server.url.replace("http", scheme, 1)
    with pytest.raises(TransportError, match=r"the URL is malformed$"):
        transport.send(Request("GET", url), timeout=5)
    assert not server.received


def test_log_line_shows_no_secret(
    server: Recorder, transport: HttpTransport, caplog: pytest.LogCaptureFixture
) -> None:
    """A debug line names method, masked URL, status and milliseconds."""
    secrets = (Secret("KEY", "s3cret"),)
    request = Request("GET", f"{server.url}/s3cret", secrets=secrets)
    with caplog.at_level(logging.DEBUG, "naftiko"):
        transport.send(request, timeout=5)
    (line,) = [r.getMessage() for r in caplog.records if r.name == "naftiko"]
    begin, _, end = line.partition(" 200 ")
    assert begin == f"GET {server.url}/$KEY"
    assert end.endswith(" ms")
    assert end.removesuffix(" ms").isdigit()


@pytest.mark.parametrize("location", ["/y", "ftp://other/", ""])
def test_redirect_can_be_the_response(server: Recorder, location: str) -> None:
    """Without following, any redirect is given; an empty `Location` leads nowhere."""
    server.answer = response("moved", "302 Found", Location=location)
    transport = HttpTransport(follow_redirects=not location)
    got = transport.send(Request("GET", server.url), timeout=5)
    transport.close()
    assert (got.status, got.body, len(server.received)) == (302, b"moved", 1)


def test_redirect_is_followed_over_one_connection(
    server: Recorder, transport: HttpTransport
) -> None:
    """The small body of a redirect is read, so that its connection is free."""
    server.answer = lambda request: (
        response("[2]")
        if request.target == "/y"
        else response("moved", "302 Found", Location="/y")
    )
    got = transport.send(Request("POST", server.url, body=b"1"), timeout=5)
    assert (got.body, got.url) == (b"[2]", f"{server.url}/y")
    assert [r.method for r in server.received] == ["POST", "GET"]
    assert server.connections == 1


def test_hop_is_sent_in_place_of_the_request(
    server: Recorder, transport: HttpTransport
) -> None:
    """A sender that has followed redirects hands over where it arrived."""
    request = Request("GET", f"{server.url}/first")
    hop = RedirectedRequest(request).next(302, "/second")
    got = transport.send(request, timeout=5, hop=hop)
    assert server.last.target == "/second"
    assert got.url == f"{server.url}/second"


@pytest.mark.parametrize("size", [99, 100])
@pytest.mark.parametrize("is_packed", [False, True])
def test_limit_is_the_largest_body(
    server: Recorder, size: int, is_packed: bool
) -> None:
    """A body of as many bytes is given; one byte more is refused, unpacked or not."""
    body = b"x" * 100
    server.answer = (
        response(gzip.compress(body), Content_Encoding="gzip")
        if is_packed
        else response(body)
    )
    transport = HttpTransport(max_response_bytes=size)
    request = Request("GET", server.url)
    if size == len(body):
        assert transport.send(request, timeout=5).body == body
    else:
        with pytest.raises(TransportError) as caught:
            transport.send(request, timeout=5)
        assert caught.value.reason == "the response is larger than 99 bytes"
        assert caught.value.hint == (
            "stream it, or raise `max_response_bytes` of the transport"
        )
    transport.close()


class Login(SignIn):
    """A login that answers the first challenge, and keeps each response it is shown."""

    def __init__(self) -> None:
        self.seen: list[Response] = []

    def attempts(self, request: Request) -> Generator[Request, Response, None]:
        """Send the request plain, and again with credentials after a 401."""
        self.seen.append((yield request))
        if self.seen[-1].status == 401:
            self.seen.append((yield request.with_header("Authorization", "Own x")))

    def curl_words(self) -> tuple[str, ...]:
        """Return no options."""
        return ()


def challenged(request: Received) -> bytes:
    """Answer a request that has credentials, and challenge any other."""
    if "authorization" in request.headers:
        return response("[1]")
    return response("who?", "401 Unauthorized", WWW_Authenticate="Own")


def test_login_sees_heads_and_sends_again(
    server: Recorder, transport: HttpTransport, tmp_path: Path
) -> None:
    """A login gets status and headers; the body is sent again from its beginning."""
    server.answer = challenged
    path = tmp_path / "body"
    path.write_bytes(b"data")
    stream = io.BytesIO(b"...data")
    stream.seek(3)
    for body in (b"data", path, stream):
        login = Login()
        got = transport.send(
            Request("PUT", server.url, body=body, auth=login), timeout=5
        )
        assert got.body == b"[1]"
        assert [seen.status for seen in login.seen] == [401, 200]
        assert login.seen[0].headers["www-authenticate"] == "Own"
        assert login.seen[0].body == b""
        assert [r.body for r in server.received[-2:]] == [b"data", b"data"]
    assert server.connections == 1


def test_login_with_a_body_that_is_gone_gives_the_challenge(
    server: Recorder, transport: HttpTransport
) -> None:
    """A body that can be read once is not sent a second time, half of it or none."""
    server.answer = challenged
    body: Any = iter([b"da", b"ta"])
    request = Request("PUT", server.url, body=body, auth=Login())
    got = transport.send(request, timeout=5)
    assert (got.status, got.body) == (401, b"who?")
    assert [r.body for r in server.received] == [b"data"]


def test_dead_connection_is_not_replaced_for_a_body_that_is_gone(
    server: Recorder, transport: HttpTransport
) -> None:
    """An idempotent request is repeated only with its whole body."""
    transport.send(Request("GET", server.url), timeout=5)
    server.answer = lambda _: None
    body: Any = iter([b"data"])
    with pytest.raises(TransportError, match="closed the connection without a resp"):
        transport.send(Request("PUT", server.url, body=body), timeout=5)
    assert [r.method for r in server.received] == ["GET", "PUT"]


class Failing(requests.auth.AuthBase):
    """A signer that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        raise self.error


def test_signer_that_fails_is_named(server: Recorder, transport: HttpTransport) -> None:
    """An error of a foreign signer names its class; one of ours stays as it is."""
    secrets = (Secret("KEY", "s3cret"),)
    for error in (RuntimeError("s3cret"), KeyError("s3cret")):
        request = Request("GET", server.url, auth=Failing(error), secrets=secrets)
        with pytest.raises(TransportError) as caught:
            transport.send(request, timeout=5)
        assert caught.value.reason == (
            f"the signer 'Failing' failed with {type(error).__name__}"
        )
        assert caught.value.__cause__ is error
    ours = TransportError("mine")
    with pytest.raises(TransportError, match="mine") as caught:
        transport.send(Request("GET", server.url, auth=Failing(ours)), timeout=5)
    assert caught.value is ours
    assert server.received == []


def test_cookies_belong_to_a_view_and_an_origin(transport: HttpTransport) -> None:
    """Cookies go back to the very port that set them, from the view that got them."""
    with Recorder(response(Set_Cookie="sid=1; Path=/")) as one, Recorder() as two:
        view = transport.view()
        for sender, server in ((transport, one), (transport, two), (view, one)):
            sender.send(Request("GET", server.url), timeout=5)
            assert "cookie" not in server.last.headers
        transport.send(Request("GET", one.url, {"Cookie": "own=2"}), timeout=5)
        assert one.last.headers["cookie"] == "own=2; sid=1"
        assert one.connections == 1


@pytest.mark.parametrize("cookie", ["a=b", 'a="q r"', "a=b,c", "a=b=c", "a="])
def test_cookie_value_stays_as_it_came(cookie: str, transport: HttpTransport) -> None:
    """Quotation marks are part of a value, and nothing is added to it."""
    with Recorder(response(Set_Cookie=cookie)) as server:
        for _ in range(2):
            transport.send(Request("GET", server.url), timeout=5)
    assert server.last.headers["cookie"] == cookie


def test_cookies_of_a_socket_file_are_not_kept(
    tmp_path: Path, transport: HttpTransport
) -> None:
    """The URL of a socket file says `localhost`, which is another server."""
    path = str(tmp_path / "s.sock")
    with Recorder(response(Set_Cookie="sid=1"), path=path) as server:
        for _ in range(2):
            request = Request("GET", "http://localhost/x", socket=path)
            transport.send(request, timeout=5)
            assert "cookie" not in server.last.headers


@pytest.mark.parametrize("decode", [True, False])
def test_stream_gives_pieces_of_a_size(
    server: Recorder, transport: HttpTransport, decode: bool
) -> None:
    """Chunks have at most the size that is asked for, decompressed or as they came."""
    body = b"abcdefgh" * 50
    packed = gzip.compress(body)
    server.answer = response(packed, Content_Encoding="gzip", X_A="1")
    request = Request("GET", server.url)
    with transport.stream(request, timeout=5, decode=decode) as stream:
        assert ("X-A", "1") in stream.pairs
        pieces = list(stream.bytes(7))
    assert b"".join(pieces) == (body if decode else packed)
    assert max(map(len, pieces)) <= 7
    with transport.stream(request, timeout=5, decode=decode) as stream:
        stream.read()
    assert server.connections == 1


def test_stream_that_is_left_closes_its_connection(
    server: Recorder, transport: HttpTransport
) -> None:
    """Unread bytes would be taken for the next response."""
    server.answer = response(b"x" * 100_000)
    with transport.stream(Request("GET", server.url), timeout=5) as stream:
        assert next(stream.bytes(1)) == b"x"
    assert transport.send(Request("GET", server.url), timeout=5).body == b"x" * 100_000
    assert server.connections == 2


def test_closed_transport_opens_another_connection(
    server: Recorder, transport: HttpTransport
) -> None:
    """Closing drops the pooled connections, and refuses no later request."""
    for _ in range(2):
        transport.send(Request("GET", server.url), timeout=5)
    assert server.connections == 1
    transport.close()
    transport.send(Request("GET", server.url), timeout=5)
    assert server.connections == 2


def test_many_origins_are_forgotten_together(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of them, and their connections, do not grow without end."""
    monkeypatch.setattr("naftiko.transport.http._MOST_ORIGINS", 1)
    with Recorder() as one, Recorder() as two:
        for server in (one, one, two, one):
            transport.send(Request("GET", server.url), timeout=5)
        assert (one.connections, two.connections) == (2, 1)


def test_login_of_netrc_stays_with_its_origin(
    server: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent with requests that are not signed in otherwise."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password x")
    monkeypatch.setenv("NETRC", str(netrc))
    transport = HttpTransport()
    transport.send(Request("GET", server.url), timeout=5)
    assert server.last.headers["authorization"] == "Basic YW5uOng="
    own = {"authorization": "Own"}
    transport.send(Request("GET", server.url, own), timeout=5)
    assert server.last.headers["authorization"] == "Own"
    transport.close()


def test_requests_are_sent_by_threads_at_once(transport: HttpTransport) -> None:
    """Each over a connection of its own, which is used again."""
    with Recorder(lambda request: response(request.target)) as server:

        def send(number: int) -> bytes:
            url = f"{server.url}/{number}"
            return transport.send(Request("GET", url), timeout=10).body

        with ThreadPoolExecutor(8) as threads:
            bodies = list(threads.map(send, range(200)))
        assert bodies == [f"/{number}".encode() for number in range(200)]
        assert server.connections <= 8


def test_error_of_a_body_comes_as_it_was_raised(
    server: Recorder, transport: HttpTransport
) -> None:
    """With the cause that it had, and nothing of ours around it."""
    cause = KeyError("mine")

    def failing() -> Iterator[bytes]:
        yield b"ab"
        raise RuntimeError("mine") from cause

    body: Any = failing()
    with pytest.raises(RuntimeError) as caught:
        transport.send(Request("PUT", server.url, body=body), timeout=5)
    assert caught.value.__cause__ is cause
    assert caught.value.__context__ is None
