"""The head of a response: what it means, and which one is refused."""

from __future__ import annotations

import pytest

from naftiko.transport.wire.heads import (
    MAX_FIELDS,
    MAX_LINE,
    ResponseHead,
    Unreadable,
    parse_head,
)

OK = b"HTTP/1.1 200 OK\r\n"


def head(*lines: bytes, start: bytes = OK, is_head: bool = False) -> ResponseHead:
    """Return the head with these field lines."""
    data = start + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    return parse_head(data, is_head=is_head)


@pytest.mark.parametrize(
    ("lines", "pairs"),
    [
        ([b"A: b", b"C:d", b"E:", b"F:\t g \t"], "A=b C=d E= F=g"),
        ([b"X-A : b", b"C: d"], "X-A=b C=d"),
        ([b"garbage", b"C: d"], "C=d"),
        ([b"My Name: b", b"C: d"], "C=d"),
        ([b": b", b"C: d"], "C=d"),
        ([b"A: b", b"  c", b"\td", b"C: d"], "A=b_c_d C=d"),
        ([b"  first", b"C: d"], "C=d"),
        ([b"garbage", b"  more", b"C: d"], "C=d"),
        ([b"A: b\rc", b"C: d"], "A=b_c C=d"),
        ([b"A: b\0c\x1b[0m"], "A=b_c\x1b[0m"),
        ([b"A: \xe9"], "A=\xe9"),
        ([b"Set-Cookie: a=1", b"Set-Cookie: b=2"], "Set-Cookie=a=1 Set-Cookie=b=2"),
        ([b"Content-Type: a/b", b"A: b", b"content-type: c/d"], "A=b content-type=c/d"),
    ],
)
def test_field_lines_are_read(lines: list[bytes], pairs: str) -> None:
    """Malformed lines are left out, blanks around values are no part of them."""
    found = head(*lines, start=b"HTTP/1.1 204 No Content\r\n").pairs
    assert " ".join(f"{n}={v.replace(' ', '_')}" for n, v in found) == pairs


@pytest.mark.parametrize(
    ("line", "status", "reason", "version"),
    [
        (b"HTTP/1.1 200 OK", 200, "OK", 11),
        (b"HTTP/1.1 200", 200, "", 11),
        (b"HTTP/1.1 200 ", 200, "", 11),
        (b"HTTP/1.0  404   Not  Found ", 404, "Not  Found", 10),
        (b"HTTP/1.2 600 X", 600, "X", 11),
        (b"HTTP/1.1 404 Non trouv\xe9", 404, "Non trouv\xe9", 11),
        (b"HTTP/1.1 404 Non trouv\xc3\xa9", 404, "Non trouv\xe9", 11),
        (b"HTTP/1.1 404 A\0B", 404, "A B", 11),
    ],
)
def test_status_line_is_read(
    line: bytes, status: int, reason: str, version: int
) -> None:
    """The reason phrase may be empty; its bytes are UTF-8, or else Latin-1."""
    found = head(start=line + b"\r\n")
    assert (found.status, found.reason, found.version) == (status, reason, version)


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/2.0 200 OK", b"HTTP/2 200 OK", b"ICY 200 OK", b"http/1.1 200 OK",
        b"HTTP/1.1 99 X", b"HTTP/1.1 099 X", b"HTTP/1.1 1000 X", b"HTTP/1.1 abc X",
        b"HTTP/1.1", b"",
    ],
)  # fmt: skip
def test_other_status_line_is_refused(line: bytes) -> None:
    """Only HTTP/1 with a status of three digits is read."""
    with pytest.raises(Unreadable, match="status line"):
        head(start=line + b"\r\n")


#: Fields → length, `chunked`, whether the connection stays open, Content-Encoding.
FRAMINGS: list[tuple[list[bytes], tuple[int | None, bool, bool], str]] = [
    ([], (None, False, False), ""),
    ([b"Content-Length: 8"], (8, False, True), ""),
    ([b"Content-Length: 8", b"Connection: x, Close"], (8, False, False), ""),
    ([b"Content-Length: 8", b"Content-Length: 8"], (8, False, True), ""),
    ([b"Content-Length: 8, 8"], (8, False, True), ""),
    ([b"Content-Length: 08"], (8, False, True), ""),
    ([b"Transfer-Encoding: chunked"], (None, True, True), ""),
    ([b"Transfer-Encoding: Chunked "], (None, True, True), ""),
    ([b"Transfer-Encoding : chunked"], (None, True, True), ""),
    ([b"Transfer-Encoding:", b" chunked"], (None, True, True), ""),
    ([b"Transfer-Encoding: chunked", b"Content-Length: 3"], (None, True, False), ""),
    ([b"Transfer-Encoding: chunked", b"Content-Length: x"], (None, True, False), ""),
    ([b"Transfer-Encoding: gzip, chunked"], (None, True, True), "gzip"),
    (
        [b"Transfer-Encoding: x-gzip", b"Transfer-Encoding: chunked"],
        (None, True, True),
        "gzip",
    ),
    ([b"Transfer-Encoding: deflate"], (None, False, False), "deflate"),
    ([b"Transfer-Encoding: identity"], (None, False, False), ""),
]


@pytest.mark.parametrize(("lines", "framing", "coding"), FRAMINGS)
def test_end_of_the_body_is_found(
    lines: list[bytes], framing: tuple[int | None, bool, bool], coding: str
) -> None:
    """Framing fields are corrected, and a corrected head means the same."""
    found = head(*lines)
    assert (found.length, found.is_chunked, found.stays_open) == framing
    assert dict(found.pairs).get("Content-Encoding", "") == coding
    names = [name.lower() for name, _ in found.pairs]
    assert len(set(names)) == len(names)
    fields = (f"{name}: {value}".encode("latin-1") for name, value in found.pairs)
    again = head(*fields)
    assert again[:2] == found[:2]
    assert again[4:6] == found[4:6]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"Content-Length: 5\r\nContent-Length: 6", "two different values"),
        (b"Content-Length: 5, 6", "two different values"),
        (b"Content-Length: -8", "not a number of bytes"),
        (b"Content-Length: +8", "not a number of bytes"),
        (b"Content-Length: 1_0", "not a number of bytes"),
        (b"Content-Length:", "not a number of bytes"),
        (b"Content-Length: " + b"9" * 5000, "not a number of bytes"),
        (b"Content-Length: \xb2", "not a number of bytes"),
        (b"Transfer-Encoding: chunked, chunked", "before its end"),
        (b"Transfer-Encoding: chunked, gzip", "before its end"),
        (b"Transfer-Encoding: xchunked", "cannot be undone"),
        (b"X: " + b"a" * MAX_LINE, "a line of its head"),
        (b"X: a\r\n" * (MAX_FIELDS + 1), "over 1,000 fields"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_head_without_one_meaning_is_refused(line: bytes, reason: str) -> None:
    """A body whose end is not known could be taken for another response."""
    with pytest.raises(Unreadable, match=reason):
        head(line.removesuffix(b"\r\n"))


def test_as_many_fields_as_the_limit_are_read() -> None:
    """A head with `MAX_FIELDS` fields and lines that are nearly too long is read."""
    assert len(head(*[b"X: a"] * MAX_FIELDS).pairs) == MAX_FIELDS
    assert len(head(b"X: " + b"a" * (MAX_LINE - 10)).pairs) == 1


@pytest.mark.parametrize(
    ("status", "is_head", "lines", "is_open", "kept"),
    [
        (204, False, [b"Content-Length: 8"], False, ""),
        (204, False, [b"Transfer-Encoding: chunked"], False, ""),
        (204, False, [], True, ""),
        (304, False, [b"Content-Length: 8"], True, "8"),
        (304, False, [b"Transfer-Encoding: chunked"], True, ""),
        (304, False, [b"Content-Length: 8", b"Content-Length: 9"], False, ""),
        (200, True, [b"Content-Length: 8"], True, "8"),
        (200, True, [b"Transfer-Encoding: chunked"], True, ""),
        (200, True, [], True, ""),
        (103, False, [b"Content-Length: 8"], False, ""),
    ],
)
def test_response_without_body_has_none(
    status: int, is_head: bool, lines: list[bytes], is_open: bool, kept: str
) -> None:
    """Framing fields of a response without a body say nothing about the next bytes."""
    found = head(*lines, start=b"HTTP/1.1 %d X\r\n" % status, is_head=is_head)
    assert (found.length, found.is_chunked) == (0, False)
    assert found.stays_open == is_open
    assert dict(found.pairs).get("Content-Length", "") == kept
    assert found.is_interim == (status == 103)


@pytest.mark.parametrize(
    ("version", "connection", "is_open"),
    [(0, b"", False), (0, b"Keep-Alive", True), (1, b"", True), (1, b"close", False)],
)
def test_version_decides_whether_a_connection_stays_open(
    version: int, connection: bytes, is_open: bool
) -> None:
    """HTTP/1.0 closes by default, and always after a transfer coding."""
    start = b"HTTP/1.%d 200 OK\r\n" % version
    fields = [b"Connection: " + connection]
    assert head(b"Content-Length: 1", *fields, start=start).stays_open == is_open
    chunked = head(b"Transfer-Encoding: chunked", *fields, start=start)
    assert chunked.stays_open == (is_open and version == 1)


def test_lines_may_end_in_lf_alone() -> None:
    """A single LF ends a line (RFC 9112, 2.2)."""
    found = parse_head(b"HTTP/1.1 200 OK\nA: b\nContent-Length: 1\n\n")
    assert found.pairs == [("A", "b"), ("Content-Length", "1")]
    assert (found.reason, found.length) == ("OK", 1)
