r"""How long the body of a request is: in its headers, and around its parts (RFC 9112).

    framed_headers(hop, headers)  →  headers with the length of an open body
    BodyFrames(hop, length).frame(b"ab")  →  b"ab"; without a length b"2\r\nab\r\n"
    framed_body(hop, length)  →  the bytes of a small body, or all those frames
    blocking_parts(file)  →  b"ab", b"c"

This module must not know how a part is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.errors import TransportError
from naftiko.transport.redirects import bytes_of, refusal
from naftiko.transport.wire.responses import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.transport.redirects import RedirectedRequest


def framed_headers(
    hop: RedirectedRequest, headers: Mapping[str, str]
) -> tuple[dict[str, str], int | None]:
    """Return headers that say how long a body is, and its length if it is known.

    Args:
        hop: The request, which was opened.
        headers: Its headers.
    """
    length = hop.length
    framed: dict[str, str] = {}
    for name, value in headers.items():
        folded = name.lower()
        if folded == "content-length" and length is None and value.isdigit():
            length = int(value)
        elif folded not in ("content-length", "transfer-encoding"):
            framed[name] = value
    if length is not None:
        framed["Content-Length"] = str(length)
    elif hop.body is not None:
        framed["Transfer-Encoding"] = "chunked"
    return framed, length


def blocking_parts(content: Any) -> Iterator[bytes]:
    """Yield the parts of an open body that blocks when read: a file or an iterator.

    Raises:
        ArgumentError: A file gives something else than bytes.
    """
    if not hasattr(content, "read"):
        yield from content
        return
    while part := content.read(CHUNK):
        yield bytes_of(part)


class BodyFrames:
    """The parts of one body, as they go on the wire.

    Args:
        hop: The request.
        length: Bytes of the body; `None` for one in chunks.
    """

    __slots__ = ("_hop", "_length", "_size")

    def __init__(self, hop: RedirectedRequest, length: int | None) -> None:
        self._hop = hop
        self._length = length
        self._size = 0

    def frame(self, part: bytes) -> bytes:
        """Return a part as it is sent; nothing for an empty one.

        Raises:
            TransportError: The body is longer than was said.
        """
        if self._length is None:
            return b"%x\r\n%b\r\n" % (len(part), part) if part else b""
        self._size += len(part)
        if self._size > self._length:
            raise self._failed(f"is longer than {self._length:,} bytes")
        return part

    def end(self) -> bytes:
        """Return what is sent behind the last part.

        Raises:
            TransportError: The body is shorter than was said.
        """
        if self._length is None:
            return b"0\r\n\r\n"
        if self._size < self._length:
            raise self._failed(f"ends after {self._size:,} of {self._length:,} bytes")
        return b""

    def _failed(self, what: str) -> TransportError:
        return refusal(f"the body {what}", self._hop.request)


class BodyFailed(Exception):
    """The body of a request could not be read; its argument is what was raised."""


def framed_body(hop: RedirectedRequest, length: int | None) -> bytes | Iterator[bytes]:
    """Return the body of an open hop as it is sent: bytes, or one part after another.

    Reading a part raises `BodyFailed`.

    Args:
        hop: The request.
        length: Bytes of the body; `None` for one in chunks.
    """
    if hop.content is None:
        return b""
    if isinstance(hop.content, bytes) and length == len(hop.content):
        return hop.content
    return _frames(hop, BodyFrames(hop, length))


def _frames(hop: RedirectedRequest, frames: BodyFrames) -> Iterator[bytes]:
    content = hop.content
    parts = [content] if isinstance(content, bytes) else blocking_parts(content)
    try:
        for part in parts:
            if framed := frames.frame(part):
                yield framed
        if rest := frames.end():
            yield rest
    except OSError as error:
        what = f"the body cannot be read: {error.strerror or error}"
        raise BodyFailed(refusal(hop.request.mask(what), hop.request)) from None
    except Exception as error:  # noqa: BLE001 - it is raised again, as it came
        raise BodyFailed(error) from None
