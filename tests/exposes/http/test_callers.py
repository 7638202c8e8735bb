"""Data of a caller: bind variables read from headers, and a trace."""

from __future__ import annotations

import asyncio

import pytest

from naftiko.errors import UnboundVariable
from naftiko.exposes.http.callers import ANONYMOUS, Caller, CallerVariables, trace_of
from naftiko.exposes.http.inbound import Inbound
from support.asgi_client import asked

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("parent", "state", "headers"),
    [
        (PARENT, "", {"traceparent": PARENT}),
        (PARENT, "a=b", {"traceparent": PARENT, "tracestate": "a=b"}),
        (PARENT, "a" * 513, {"traceparent": PARENT}),
        (PARENT, "ä=b", {"traceparent": PARENT}),
        (f"{PARENT}-more", "", {}),
        (f"01{PARENT[2:]}-more", "", {"traceparent": f"01{PARENT[2:]}-more"}),
        (f"ff{PARENT[2:]}", "", {}),
        (PARENT.upper(), "", {}),
        ("nonsense", "a=b", {}),
        ("", "", {}),
    ],
)
def test_malformed_trace_is_dropped(
    parent: str, state: str, headers: dict[str, str]
) -> None:
    """W3C Trace Context, 3.2: only a well-formed trace is passed upstream."""
    assert trace_of(parent, state) == headers


def test_variables_are_read_from_their_headers() -> None:
    """The first header of a name counts; a missing or empty header gives `None`."""
    variables = CallerVariables({"A": "X-A", "B": "x-a", "C": "X-C", "D": "X-D"})
    headers = [(b"x-a", b" one "), (b"X-A", b"two"), (b"x-c", b"  ")]
    assert variables
    assert variables.of(headers) == {"A": "one", "B": "one", "C": None, "D": None}
    assert variables.missing(UnboundVariable("x", name="C")) == "X-C"
    assert variables.missing(UnboundVariable("x", name="Z")) == ""


def test_caller_variables_are_none_if_no_header_is_configured() -> None:
    """`None` keeps the server's values; an empty mapping would replace them."""
    variables = CallerVariables({})
    assert not variables
    assert variables.of([(b"x-a", b"one")]) is None
    assert Caller(None, {}, None) == ANONYMOUS


def test_inbound_request_holds_variables_and_trace_of_its_caller() -> None:
    """`Inbound.caller` returns the variables and the trace of one request."""
    seen: list[Caller] = []
    variables = CallerVariables({"KEY": "X-Key"})

    async def app(scope: object, receive: object, send: object) -> None:
        seen.append(Inbound(scope, receive, send).caller(variables))  # type: ignore[arg-type]

    for headers in ({"X-Key": "k1", "traceparent": PARENT}, {}):
        asyncio.run(asked(app, "GET", "/", headers))
    assert seen == [
        Caller({"KEY": "k1"}, {"traceparent": PARENT}),
        Caller({"KEY": None}, {}),
    ]
