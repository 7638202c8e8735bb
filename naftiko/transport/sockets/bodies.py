"""The body of an open response: whole, in pieces as it arrives, or left out.

    whole(opened, request, limit)          →  b"{…}"
    chunks(opened, request, 4096, …)       →  b"{…", b"}"
    finish(raw)                            →  the connection is free again, or closed

Whatever happens, the connection is given back. This module must not know how a request
is sent.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import HTTPError

from naftiko.records.tuples import NamedTuple
from naftiko.transport.encodings import Damaged, unpacked
from naftiko.transport.failures import failure
from naftiko.transport.redirects import damaged, too_large
from naftiko.transport.streams import CHUNK
from naftiko.transport.wire.heads import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naftiko.transport.messages import Request


class OpenResponse(NamedTuple):
    """A response whose body is not read yet; `body` is set if a signer has read it."""

    raw: Any
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
            return bytes(raw.read())  # empty, and the connection is free again
        # The length that ends the body; a `Content-Length` may be ignored.
        length = raw.length_remaining
        if length is not None:
            if length > limit:
                raise too_large(request, limit)
            if "Content-Encoding" not in raw.headers:
                return bytes(raw.read())
        arriving = iter(lambda: raw.read(CHUNK, decode_content=False), b"")
        # Not by `urllib3`, which would accept a truncated body.
        encoding = raw.headers.get("Content-Encoding")
        return b"".join(unpacked(encoding, arriving, limit))
    except Damaged as error:
        raise damaged(error, request) from None
    except (HTTPError, OSError, Unreadable) as error:
        raise failure(error, request, reading=True) from None
    finally:
        end(raw)


def chunks(
    opened: OpenResponse, request: Request, size: int, *, decode: bool
) -> Iterator[bytes]:
    """Yield the body of a response as it arrives, at most `size` bytes at once."""
    raw = opened.raw
    try:
        if opened.body is not None:
            arriving: Iterator[bytes] = iter([opened.body])
        else:
            arriving = iter(lambda: raw.read1(size, decode_content=False), b"")
            if decode:
                arriving = unpacked(raw.headers.get("Content-Encoding"), arriving)
        for chunk in arriving:
            for begin in range(0, len(chunk), size):
                yield chunk[begin : begin + size]
    except Damaged as error:
        raise damaged(error, request) from None
    except (HTTPError, OSError, Unreadable) as error:
        raise failure(error, request, reading=True) from None


def finish(raw: Any) -> None:
    """End a response that is not needed; a small body frees its connection."""
    length = raw.length_remaining
    with suppress(HTTPError, OSError, Unreadable):
        _ = raw.read() if length is not None and length <= CHUNK else None
    end(raw)


def end(raw: Any) -> None:
    """Give the connection back; one with unread bytes is closed."""
    raw.close()
    raw.release_conn()
