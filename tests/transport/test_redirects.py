"""The request that a redirect leads to; on sockets: `end_to_end/test_redirects.py`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.transport.encodings import CutOff, Damaged
from naftiko.transport.messages import Request
from naftiko.transport.redirects import (
    MAX_REDIRECTS,
    RedirectedRequest,
    damaged,
    location_of,
    origin_of,
    refusal,
    too_large,
)


def hop(method: str = "GET", url: str = "http://h/x", **more: Any) -> RedirectedRequest:
    """Return the first hop of a request."""
    return RedirectedRequest(Request(method, url, **more))


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("http://h", "http://h:80", "/"),
        ("http://h?", "http://h:80", "/"),
        ("http://h?a=1", "http://h:80", "/?a=1"),
        ("HTTPS://H/x?", "https://h:443", "/x"),
        (
            "http://h:8080//a/../b?c=[d]&e=%2e#f?g",
            "http://h:8080",
            "//a/../b?c=[d]&e=%2e",
        ),
        ("http://[::1]:90/%2F%2f", "http://[::1]:90", "/%2F%2f"),
        ("http://u:p@h/x", "http://h:80", "/x"),
    ],
)
def test_origin_and_target(url: str, origin: str, target: str) -> None:
    """An origin is always written the same way, a target as it was built."""
    assert origin_of(url) == origin
    assert hop(url=url).target == target


@pytest.mark.parametrize("url", ["http://[bad/x", "http://h:99999/x", "http://h:p/"])
def test_a_malformed_url_is_an_error_of_ours(url: str) -> None:
    """Every malformed location is a `TransportError`."""
    with pytest.raises(naftiko.TransportError, match="the URL is malformed"):
        hop(url=url)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/a%2e%2E/%7e", "http://h/a%2e%2E/%7e"),
        ("/100%", "http://h/100%25"),
        ("/%zz|`", "http://h/%25zz%7C%60"),
        ("/\xe9", "http://h/%E9"),
        ("/\xc3\xa9", "http://h/%C3%A9"),
        ("../b", "http://h/b"),
        ("//other:81/z", "http://other:81/z"),
        ("//me:secret@other/z", "http://other/z"),
    ],
)
def test_a_location_is_resolved(location: str, url: str) -> None:
    """Encoded characters stay; characters that a URL cannot hold are encoded."""
    assert hop().next(302, location).url == url


def test_a_way_back_home_is_none() -> None:
    """A redirect back to the first origin carries no credentials."""
    first = hop(headers={"Authorization": "Bearer x", "Accept": "*/*"})
    near = first.next(302, "/y")
    away = near.next(302, "http://other/")
    back = away.next(302, "http://h/z")
    assert (near.is_first_origin, away.is_first_origin, back.is_first_origin) == (
        True,
        False,
        False,
    )
    assert "Authorization" in near.headers
    assert dict(away.headers) == dict(back.headers) == {"Accept": "*/*"}


def test_the_length_goes_with_the_body() -> None:
    """A redirect that drops the body drops every header about it."""
    headers = {
        "Content-Type": "a/b",
        "Content-Length": "1",
        "Transfer-Encoding": "chunked",
        "X": "y",
    }
    assert dict(hop("POST", body=b"1", headers=headers).next(303, "/y").headers) == {
        "X": "y"
    }


def test_redirects_are_counted() -> None:
    """The twenty-first is an error."""
    current = hop()
    for _ in range(MAX_REDIRECTS):
        current = current.next(302, "/x")
    with pytest.raises(naftiko.TransportError, match="over 20 redirects"):
        current.next(302, "/x")


class _Once(io.RawIOBase):
    """A pipe."""

    def readable(self) -> bool:
        return True


def test_bodies_that_can_be_sent_again(tmp_path: Path) -> None:
    """A stream that cannot go back is not sent a second time, half of it or none."""
    path = tmp_path / "f"
    path.write_bytes(b"0123")
    stream = io.BytesIO(b"0123")
    stream.seek(1)
    bodies: list[Any] = [None, b"", path, stream, _Once(), iter([b"1"])]
    again = [hop("PUT", body=body).rewind() for body in bodies]
    assert again == [True, True, True, True, False, False]
    with pytest.raises(naftiko.TransportError, match="can be read once"):
        hop("PUT", body=_Once()).next(307, "/y")
    assert hop("PUT", body=_Once()).next(303, "/y").method == "GET"


def test_opening_a_body(tmp_path: Path) -> None:
    """A body begins where it began, each time it is opened."""
    path = tmp_path / "f"
    path.write_bytes(b"0123")
    stream = io.BytesIO(b"0123")
    stream.seek(1)
    for body, content in ((path, b"0123"), (stream, b"123")):
        sent = hop("PUT", body=body)
        for _ in range(2):
            sent.open()
            assert sent.length == len(content)
            assert sent.content.read() == content
            sent.close()
    for method, length in (("POST", 0), ("DELETE", None)):
        sent = hop(method)
        sent.open()
        assert (sent.content, sent.length) == (None, length)
    with pytest.raises(naftiko.TransportError, match=r"cannot be read: No such file"):
        hop("PUT", body=tmp_path / "none").open()


@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
def test_international_host_is_ascii(coding: str) -> None:
    """A base URI and a redirect lead to the same host, as it is looked up."""
    location = "http://b\xfccher.test/\xfc".encode(coding).decode("latin-1")
    first = hop(url="http://b\xfccher.test/x")
    assert (first.url, first.redirected_to) == ("http://xn--bcher-kva.test/x", "")
    following = hop().next(302, location)
    assert following.url.startswith("http://xn--bcher-kva.test/%")
    assert following.redirected_to == following.url
    assert following.origin == first.origin == "http://xn--bcher-kva.test:80"
    with pytest.raises(naftiko.TransportError, match="malformed"):
        hop(url="http://\xfc..test/")


def test_two_different_locations_are_refused() -> None:
    """One value that is repeated is no fault."""
    request = Request("GET", "http://h/x")
    assert location_of(["/a", "/a"], request) == "/a"
    assert location_of([], request) == ""
    with pytest.raises(naftiko.TransportError, match="two different values"):
        location_of(["/a", "/b"], request)


def test_refused_response_is_one_to_an_executed_request() -> None:
    """A response that is refused tells that its request was sent."""
    request = Request("POST", "http://h/x", body=iter([b"x"]))
    last = hop()
    for _ in range(MAX_REDIRECTS):
        last = last.next(302, "/x")
    refused: list[Any] = [
        lambda: location_of(["/a", "/b"], request),
        lambda: last.next(302, "/x"),
        lambda: hop().next(302, "ftp://h/x"),
        lambda: RedirectedRequest(request).next(307, "/y"),
    ]
    for follow in refused:
        with pytest.raises(naftiko.TransportError) as caught:
            follow()
        assert caught.value.was_sent, caught.value
    for error in (too_large(request, 9), damaged(CutOff(), request)):
        assert error.was_sent
    assert damaged(Damaged(), request).was_sent
    assert not refusal("the transport is closed", request).was_sent
