"""Heads of requests over a real socket: one host, one end, and a limited size.

Both parsers of uvicorn have to read the same heads: what one of them lets through is
what a smuggled request is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from naftiko.exposes.http.heads import MAX_FIELDS, MAX_HEAD_BYTES
from naftiko.exposes.serve.patched_uvicorn import watchful
from support.raw_http import Raw, speaking

httptools = pytest.importorskip("uvicorn.protocols.http.httptools_impl")

Say = Callable[[bytes], Raw]
PROTOCOLS = {"httptools": httptools.HttpToolsProtocol, "h11": H11Protocol}


@pytest.fixture(scope="module", params=PROTOCOLS)
def say(request: Any) -> Iterator[Say]:
    """Yield a function that speaks to a server with one of the parsers."""
    with speaking(watchful(PROTOCOLS[request.param])) as said:
        yield said


def _get(*lines: bytes, target: bytes = b"/", version: bytes = b"1.1") -> bytes:
    head = (b"GET " + target + b" HTTP/" + version, *lines)
    return b"\r\n".join(head) + b"\r\n\r\n"


def _post(*lines: bytes, body: bytes) -> bytes:
    return b"\r\n".join((b"POST / HTTP/1.1", b"Host: a", *lines)) + b"\r\n\r\n" + body


#: Heads that do not name one host plainly.
MISNAMED = {
    "two hosts": _get(b"Host: a", b"Host: b"),
    "the same host twice": _get(b"Host: a", b"Host: a"),
    "two hosts in other cases": _get(b"Host: a", b"X: y", b"hOST: b"),
    "no host": _get(b"X: y"),
    "user": _get(b"Host: user@a"),
    "user and password": _get(b"Host: user:pass@a:80"),
    "encoded user": _get(b"Host: user%40a"),
    "list": _get(b"Host: a, b"),
    "path": _get(b"Host: a/b"),
    "query": _get(b"Host: a?b"),
    "fragment": _get(b"Host: a#b"),
    "backslash": _get(b"Host: a\\b"),
    "blank": _get(b"Host: a b"),
    "tab": _get(b"Host: a\tb"),
    "no port": _get(b"Host: a:b"),
    "large port": _get(b"Host: a:65536"),
    "half an address": _get(b"Host: [::1"),
    "no address": _get(b"Host: [::1::]"),
    "other characters": _get(b"Host: \xc3\xa4"),
    "long": _get(b"Host: " + b"a" * 300),
    "target of another host": _get(b"Host: a", target=b"http://b/x"),
    "target of another port": _get(b"Host: a", target=b"http://a:81/x"),
    "target of another port, default": _get(b"Host: a:81", target=b"http://a/x"),
    "target with a user": _get(b"Host: a", target=b"http://u@a/x"),
    "target with a user alike": _get(b"Host: u@a", target=b"http://u@a/x"),
    "target with another host behind a user": _get(b"Host: a", target=b"http://a@b/"),
    "target behind a backslash": _get(b"Host: a", target=b"http://a\\@b/"),
    "target without a host": _get(b"Host: a", target=b"http:///x"),
    "target of another host in HTTP/1.0": _get(
        b"Host: a", target=b"http://b/x", version=b"1.0"
    ),
    "target of another scheme": _get(b"Host: a", target=b"ftp://a/x"),
    "target with a fragment": _get(b"Host: a", target=b"/x#y"),
    "target that is no path": _get(b"Host: a", target=b"x"),
}
#: Heads that are malformed in other ways.
MALFORMED = {
    "NUL": _get(b"Host: a", b"X: a\0b"),
    "ESC": _get(b"Host: a", b"X: a\x1bb"),
    "DEL": _get(b"Host: a", b"X: a\x7fb"),
    "CR": _get(b"Host: a", b"X: a\rb"),
    "folded line": _get(b"Host: a", b"X: a", b" b"),
    "line folded by a tab": _get(b"Host: a", b"X: a", b"\tb"),
    "folded first line": _get(b" Host: a", b"Host: a"),
    "blank before the colon": _get(b"Host: a", b"X : a"),
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "one bare line feed": b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "HTTP/2.0": _get(b"Host: a", version=b"2.0"),
    "two lengths": _post(b"Content-Length: 1", b"Content-Length: 1", body=b"x"),
    "two different lengths": _post(
        b"Content-Length: 1", b"Content-Length: 2", body=b"xy"
    ),
    "length and chunks": _post(
        b"Content-Length: 1", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "another coding": _post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "no coding": _post(b"Transfer-Encoding: identity", body=b""),
    "CONNECT": b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
}


@pytest.mark.parametrize("name", MISNAMED | MALFORMED)
def test_head_in_doubt_is_a_bad_request(say: Say, name: str) -> None:
    """A request whose host or end could be read in two ways is refused with 400."""
    got = say((MISNAMED | MALFORMED)[name])
    assert (got.status, got.json["type"]) == (
        400,
        "urn:naftiko:problem:malformed-request",
    )


@pytest.mark.parametrize(
    ("sent", "path", "query"),
    [
        (_get(b"Host: a", target=b"http://a/x%2Fy?q=1"), "/x/y", "q=1"),
        (_get(b"Host: A:80", target=b"HTTP://a/x"), "/x", ""),
        (_get(b"Host: a", target=b"https://a:443/x"), "/x", ""),
        (_get(b"Host: a", target=b"http://a"), "/", ""),
        (_get(b"Host: a", target=b"http://a?q=1"), "/", "q=1"),
        (_get(b"Host: [::1]:80", target=b"http://[::1]/x"), "/x", ""),
        (_get(target=b"http://a/x", version=b"1.0"), "/x", ""),
        (_get(b"Host: a", target=b"//b/x"), "//b/x", ""),
        (_get(b"Host:"), "/", ""),
        (_get(version=b"1.0"), "/", ""),
        (_get(b"Host: a_b-c.d:8080 \t"), "/", ""),
    ],
)
def test_head_for_one_host_is_read(
    say: Say, sent: bytes, path: str, query: str
) -> None:
    """An absolute target of the same host is read as its path and query."""
    got = say(sent)
    assert (got.status, got.json["path"], got.json["query"]) == (200, path, query)


def test_absolute_target_without_a_host_gives_one(say: Say) -> None:
    """HTTP/1.0 needs no `Host`; checks of it see the host of the target."""
    got = say(_get(target=b"http://evil.test/x", version=b"1.0"))
    assert got.json["headers"] == [["host", "evil.test"]]


def test_fields_of_a_head_are_counted(say: Say) -> None:
    """One field more than the limit is refused with 431."""
    assert say(_get(b"Host: a", *[b"X: y"] * (MAX_FIELDS - 1))).status == 200
    got = say(_get(b"Host: a", *[b"X: y"] * MAX_FIELDS))
    assert (got.status, got.json["detail"]) == (
        431,
        f"at most {MAX_FIELDS} header fields are read",
    )


_LONG = b"y" * 1000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (_get(b"Host: a", *[b"X: " + _LONG] * 60), 200),
        (_get(b"Host: a", *[b"X: " + _LONG] * 66), 431),
        (_get(b"Host: a", b"X: " + _LONG * 66), 431),
        (_get(b"Host: a", _LONG * 66 + b": x"), 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + _LONG * 66, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 11_000, 431),
        (_get(b"Host: a", target=b"/" + _LONG * 66), 414),
        (b"GET /" + _LONG * 66, 414),
    ],
)
def test_size_of_a_head_is_limited(say: Say, sent: bytes, status: int) -> None:
    """64 KiB, whether the head came at once or has no end."""
    assert say(sent).status == status


_CHUNKED = b"Transfer-Encoding: chunked"


def test_trailer_is_no_part_of_the_head(say: Say) -> None:
    """RFC 9110, 6.5.1: a field behind the body must not count as one of the head."""
    trailer = b"Authorization: Bearer x\r\nHost: evil\r\n\r\n"
    got = say(_post(_CHUNKED, body=b"1\r\nx\r\n0\r\n" + trailer))
    assert (got.status, got.json["size"]) == (200, 1)
    assert got.json["headers"] == [["host", "a"], ["transfer-encoding", "chunked"]]


@pytest.mark.parametrize(
    "body",
    [
        b"1\r\nx\r\n0\r\n" + b"A: b\r\n" * (MAX_FIELDS + 1) + b"\r\n",
        b"1\r\nx\r\n0\r\nA: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n",
        (b"1;" + b"e" * 20_000 + b"\r\nx\r\n") * 50 + b"0\r\n\r\n",
        (b"1;" + b"e" * 500 + b"\r\nx\r\n") * 2000 + b"0\r\n\r\n",
    ],
    ids=["fields of a trailer", "trailer", "chunk extensions", "short extensions"],
)
def test_framing_of_a_body_is_limited(say: Say, body: bytes) -> None:
    """Trailers and chunk extensions are limited as heads are; the connection ends."""
    assert say(_post(_CHUNKED, body=body)).status in (0, 431)


@pytest.mark.parametrize(
    "body",
    [
        b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n",
        b"000001\r\nx\r\n" * 20_000 + b"0\r\n\r\n",
        b"4e20;a=b\r\n" + b"x" * 20_000 + b"\r\n0\r\nA: b\r\n\r\n",
    ],
    ids=["small chunks", "zeros before a size", "extension"],
)
def test_usual_framing_is_read(say: Say, body: bytes) -> None:
    """Small chunks have more framing than content, and are read all the same."""
    got = say(_post(_CHUNKED, body=body))
    assert (got.status, got.json["size"]) == (200, 20_000)
