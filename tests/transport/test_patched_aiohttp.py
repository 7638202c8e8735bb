"""The private names of `aiohttp` that are relied on exist, and have the known shape."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from naftiko.transport.messages import Request
from naftiko.transport.patched_aiohttp import (
    ExactHandler,
    ExactRequest,
    Upload,
    let_rest,
    use_exact_handlers,
)
from naftiko.transport.redirects import RedirectedRequest


@pytest.mark.parametrize(
    "method", [name for name in vars(ExactRequest) if name.startswith("update_")]
)
def test_each_replaced_method_of_a_request_exists(method: str) -> None:
    """`ExactRequest` replaces methods of `ClientRequest`, with their parameters."""
    known = inspect.signature(getattr(aiohttp.ClientRequest, method)).parameters
    ours = inspect.signature(getattr(ExactRequest, method)).parameters
    assert list(ours) == list(known)


def test_post_methods_is_a_set_of_methods() -> None:
    """aiohttp adds a `Content-Type` for the methods of this set."""
    assert "POST" in aiohttp.ClientRequest.POST_METHODS
    assert not ExactRequest.POST_METHODS


def test_a_request_keeps_its_headers_and_body() -> None:
    """A request that aiohttp builds has the given headers, and the payload as body."""
    headers = {"Accept": "a/b", "Content-Length": "3"}
    data: Any = Upload.__new__(Upload)

    async def built() -> aiohttp.ClientRequest:
        loop = asyncio.get_running_loop()
        session = aiohttp.ClientSession()
        try:
            return ExactRequest(
                "POST", URL("http://h/x"), headers=headers, data=data, loop=loop,
                session=session,
            )  # fmt: skip
        finally:
            await session.close()

    request = asyncio.run(built())
    assert dict(request.headers) == {"Host": "h", **headers}
    assert request._body is data


def test_a_payload_notes_that_it_is_consumed() -> None:
    """aiohttp repeats a request on another connection, unless `_consumed` is set."""
    assert aiohttp.Payload._consumed is False
    assert isinstance(aiohttp.Payload.consumed, property)
    request = Request("PUT", "http://h/", body=b"")
    upload = Upload(RedirectedRequest(request), 0, 1)
    assert upload.consumed is False
    upload._consumed = True
    assert upload.consumed is True


def test_a_connector_makes_handlers_that_are_replaced() -> None:
    """A connector has a `_factory`; a handler has what `ExactHandler` uses."""

    async def act() -> None:
        loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector()
        assert type(connector._factory()) is ResponseHandler
        use_exact_handlers(connector)
        assert type(connector._factory()) is ExactHandler
        await connector.close()
        known = ResponseHandler(loop)
        for name in ("_parser", "_payload", "transport"):
            assert getattr(known, name) is None
        known.set_response_params(skip_payload=True)
        first = known._parser
        assert first is not None
        assert known._skip_payload
        known.set_response_params()
        assert known._parser is not first
        assert not known._skip_payload
        for name in ("_reschedule_timeout", "force_close", "set_exception"):
            assert callable(getattr(known, name))

    asyncio.run(act())


def test_a_read_timeout_can_be_switched_off() -> None:
    """`read_timeout` of a protocol is a property that takes `None`."""

    async def act() -> None:
        protocol = ResponseHandler(asyncio.get_running_loop())
        protocol.read_timeout = 5.0
        assert protocol._read_timeout == 5.0
        let_rest(protocol)
        assert protocol.read_timeout is None

    asyncio.run(act())
    let_rest(None)
