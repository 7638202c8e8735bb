"""The head of a request: its bytes, and what cannot be written."""

from __future__ import annotations

import pytest

from naftiko.transport.messages import Headers, shared_headers
from naftiko.transport.wire.request_heads import request_head, written_fields


def written(**headers: str) -> bytes:
    """Return the head of a request with these headers."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return request_head("GET", "/x?y=1", "h.test:81", fields).data


def test_nothing_is_added_but_the_host() -> None:
    """Names, values and their order stay as they are; values are Latin-1."""
    assert written() == b"GET /x?y=1 HTTP/1.1\r\nHost: h.test:81\r\n\r\n"
    assert written(X_B="caf\xe9", a="") == (
        b"GET /x?y=1 HTTP/1.1\r\nHost: h.test:81\r\nX-B: caf\xe9\r\na: \r\n\r\n"
    )


@pytest.mark.parametrize("name", ["Host", "host", "HOST"])
def test_host_of_the_caller_counts(name: str) -> None:
    """There is one `Host`, in any case of letters."""
    assert written(**{name: "other"}).lower().count(b"host:") == 1
    assert written(X_Host="other").lower().count(b"host:") == 2


@pytest.mark.parametrize(
    ("value", "can_stay"),
    [("close", False), ("x, Close", False), ("keep-alive", True), ("closed", True)],
)
def test_caller_can_have_the_connection_closed(value: str, can_stay: bool) -> None:
    """`Connection: close` of the caller counts, in any case of letters."""
    for name in ("Connection", "connection"):
        for headers in ({name: value}, Headers({"A": "b", name: value, "C": "d"})):
            assert request_head("GET", "/", "h", headers).can_stay is can_stay
    assert request_head("GET", "/", "h", {"X-Connection": value}).can_stay


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GE T", "/", {}),
        ("GET\r\n", "/", {}),
        ("", "/", {}),
        ("GET", "/a b", {}),
        ("GET", "/a\nb", {}),
        ("GET", "/caf\xe9", {}),
        ("GET", "/", {"A": "b\r\nC: d"}),
        ("GET", "/", {"A": "b\nc"}),
        ("GET", "/", {"A": "b\rc"}),
        ("GET", "/", {"A": "b\0c"}),
        ("GET", "/", {"A\r\nB": "c"}),
        ("GET", "/", {"A:B": "c"}),
        ("GET", "/", {" A": "c"}),
        ("GET", "/", {"": "c"}),
        ("GET", "/", {"A": "東"}),
        ("GET", "/", {"é": "c"}),
        ("GET", "/", {"Aé": "c"}),
    ],
)
def test_what_breaks_a_head_is_refused(
    method: str, target: str, headers: dict[str, str]
) -> None:
    """No part of a request can end its line, or begin another one."""
    with pytest.raises(ValueError, match="a character that it must not have") as caught:
        request_head(method, target, "h", headers)
    assert type(caught.value) is ValueError


def test_headers_that_change_are_written_again() -> None:
    """Fields that are written once serve until one of them is set or deleted."""
    common = {"A": "b", "Connection": "close"}
    make = shared_headers(common, written_fields(common))
    first, second, third = make(()), make(()), make(())
    second["C"] = "d"
    del third["connection"]
    heads = [request_head("GET", "/", "h", each) for each in (first, second, third)]
    plain = [
        request_head("GET", "/", "h", dict(each.items()))
        for each in (first, second, third)
    ]
    assert heads == plain
    assert [head.can_stay for head in heads] == [False, False, True]
    assert list(make(())) == ["A", "Connection"]


def test_authority_cannot_end_its_line() -> None:
    """A break in the host is refused like one in a header."""
    for authority in ("h\r\nA: b", "h\n", "h\0"):
        with pytest.raises(ValueError, match="must not have"):
            request_head("GET", "/", authority, {})
