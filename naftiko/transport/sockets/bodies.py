"""The body of an open response: whole, in pieces as it arrives, or left out.

    whole(opened, request, limit)          →  b"{…}"
    chunks(opened, request, 4096, …)       →  b"{…", b"}"
    finish(raw)                            →  the connection is free again, or closed

Whatever happens, the connection is given back. This module must not know how a request
is sent.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from naftiko.errors import CallError
from naftiko.records.tuples import NamedTuple
from naftiko.transport.encodings import Damaged, unpacked
from naftiko.transport.failures import ERRORS, failure
from naftiko.transport.redirects import damaged, too_large
from naftiko.transport.wire.responses import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naftiko.transport.messages import Request
    from naftiko.transport.sockets.straight import Fields


class RawResponse(Protocol):
    """A response on its connection; `StraightResponse` is one."""

    status: int
    reason: str
    headers: Fields

    @property
    def length_remaining(self) -> int | None:
        """Bytes of the body that are still to come; `None` when it ends otherwise."""

    def read(self) -> bytes:
        """Return the rest of the body."""

    def read1(self, size: int) -> bytes:
        """Return the bytes that come next, at most so many; none at the end."""

    def close(self) -> None:
        """Give the connection back; one with unread bytes is closed."""


class OpenResponse(NamedTuple):
    """A response whose body is not read yet; `body` is set if a signer has read it."""

    raw: RawResponse
    url: str
    body: bytes | None = None


def whole(opened: OpenResponse, request: Request, limit: int) -> bytes:
    """Return the body, its `Content-Encoding` undone.

    Raises:
        TransportError: It breaks off, is damaged, or has more bytes than the limit.
    """
    raw = opened.raw
    try:
        if opened.body is not None:
            if len(opened.body) > limit:
                raise too_large(request, limit)
            return opened.body
        if request.method == "HEAD":
            return raw.read()  # empty, and the connection is free again
        # The length that ends the body; a `Content-Length` may be ignored.
        length = raw.length_remaining
        if length is not None:
            if length > limit:
                raise too_large(request, limit)
            if "Content-Encoding" not in raw.headers:
                return raw.read()
        arriving = iter(lambda: raw.read1(CHUNK), b"")
        encoding = raw.headers.get("Content-Encoding")
        return b"".join(unpacked(encoding, arriving, limit))
    except Damaged as error:
        raise damaged(error, request) from None
    except ERRORS as error:
        if isinstance(error, CallError):
            raise
        raise failure(error, request, reading=True) from None
    finally:
        raw.close()


def chunks(
    opened: OpenResponse, request: Request, size: int, *, decode: bool
) -> Iterator[bytes]:
    """Yield the body of a response as it arrives, at most `size` bytes at once."""
    raw = opened.raw
    try:
        if opened.body is not None:
            arriving: Iterator[bytes] = iter([opened.body])
        else:
            arriving = iter(lambda: raw.read1(size), b"")
            if decode:
                arriving = unpacked(raw.headers.get("Content-Encoding"), arriving)
        for chunk in arriving:
            for begin in range(0, len(chunk), size):
                yield chunk[begin : begin + size]
    except Damaged as error:
        raise damaged(error, request) from None
    except ERRORS as error:
        if isinstance(error, CallError):
            raise
        raise failure(error, request, reading=True) from None


def finish(raw: RawResponse) -> None:
    """End a response that is not needed; a small body frees its connection."""
    length = raw.length_remaining
    with suppress(*ERRORS):
        _ = raw.read() if length is not None and length <= CHUNK else None
    raw.close()
