"""`Content-Encoding`: how a body is unpacked, piece by piece and never by half.

    gzip, compressed bytes  ->  unpacker.feed()  ->  bytes, about 64 KiB at once

The output of one piece of input is bounded, so a reader can stop at its limit. This
module must not know responses.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

#: The bytes that come out at once; `br` may give a few more.
PIECE = 64 * 1024
#: Bytes that go in at once: zlib copies all input behind the end of a stream.
_SLICE = 16 * 1024


class Damaged(ValueError):
    """A body is damaged: it does not match its `Content-Encoding`."""


class CutOff(Damaged):
    """A body is truncated."""


class Unknown(Damaged):
    """A body is in an encoding that no installed library decodes."""


class _Unpacker(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def end(self) -> None: ...


class Unpacker:
    """Undo the encodings of one body.

    Args:
        names: Known encodings, in the order in which they were applied.
    """

    def __init__(self, names: list[str]) -> None:
        self._stages = [_UNPACKERS[name]() for name in reversed(names)]

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield a piece of the body decompressed, about `PIECE` bytes at once.

        Raises:
            Damaged: The body is damaged, or its encoding unknown.
        """
        for begin in range(0, len(data), _SLICE):
            yield from self._through(data[begin : begin + _SLICE], 0)

    def _through(self, data: bytes, stage: int) -> Iterator[bytes]:
        if stage == len(self._stages):
            yield data
            return
        for piece in self._stages[stage].feed(data):
            yield from self._through(piece, stage + 1)

    def end(self) -> None:
        """Check that the body is complete.

        Raises:
            CutOff: The body is truncated.
        """
        for stage in self._stages:
            stage.end()


def unpacker_of(encoding: str | None) -> Unpacker | None:
    """Return the unpacker for a `Content-Encoding`, or `None` for a plain body.

    Some servers write names there that change nothing, such as that of a charset.
    """
    if not encoding:
        return None
    names = [name.strip().lower() for name in encoding.split(",")]
    known = [name for name in names if name in _UNPACKERS]
    return Unpacker(known) if known else None


def unpacked(encoding: str | None, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks of a body with its `Content-Encoding` undone.

    "gzip", chunks of compressed bytes  ->  the bytes, about `PIECE` at once

    Raises:
        Damaged: The body is damaged or truncated, or its encoding unknown.
    """
    unpacker = unpacker_of(encoding)
    if unpacker is None:
        yield from chunks
        return
    for chunk in chunks:
        yield from unpacker.feed(chunk)
    unpacker.end()


class _Zlib:
    """`deflate`: a zlib stream, or, as some servers send it, one without its frame."""

    _bits = zlib.MAX_WBITS
    _joins = False

    def __init__(self) -> None:
        self._decoder: Any = None
        self._is_over = False
        self._is_first = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        is_full = False
        while (data or is_full) and not self._is_over:
            if self._decoder is None:
                self._decoder = zlib.decompressobj(self._bits_of(data))
            try:
                piece = self._decoder.decompress(data, PIECE)
            except zlib.error as error:
                if self._is_first:
                    raise Damaged(str(error)) from None
                self._is_over = True  # trailing bytes after the last gzip member
                return
            if piece:
                yield piece
            # After a full piece, more output of the same input may be waiting.
            is_full = len(piece) == PIECE
            data = self._decoder.unconsumed_tail
            if self._decoder.eof:
                data, is_full = self._decoder.unused_data, False
                self._decoder, self._is_first = None, False
                self._is_over = not self._joins

    def end(self) -> None:
        if self._decoder is not None and not self._is_over:
            raise CutOff("it ends too early")

    def _bits_of(self, data: bytes) -> int:
        # RFC 1950, 2.2: the method in the first byte is 8.
        return self._bits if data[0] & 15 == 8 else -self._bits


class _Gzip(_Zlib):
    """`gzip`: one part or several."""

    _bits = 16 + zlib.MAX_WBITS
    _joins = True

    def _bits_of(self, data: bytes) -> int:
        return self._bits


class _Brotli:
    """`br`."""

    def __init__(self) -> None:
        try:
            import brotli
        except ImportError:
            import brotlicffi as brotli

        self._error: type[Exception] = brotli.error
        self._decoder: Any = brotli.Decompressor()
        self._is_empty = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._is_empty = self._is_empty and not data
        while True:
            try:
                piece = self._decoder.process(data, output_buffer_limit=PIECE)
            except self._error as error:
                raise Damaged(str(error)) from None
            if piece:
                yield piece
            elif self._decoder.can_accept_more_data():
                return
            data = b""

    def end(self) -> None:
        if not self._is_empty and not self._decoder.is_finished():
            raise CutOff("it ends too early")


class _Zstd:
    """`zstd`: one frame or several."""

    def __init__(self) -> None:
        self._new: Any = zstd_library().ZstdDecompressor
        self._decoder: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        is_full = False
        while data or is_full:
            if self._decoder is None:
                self._decoder = self._new()
            try:
                piece = self._decoder.decompress(data, PIECE)
            except zstd_library().ZstdError as error:
                raise Damaged(str(error)) from None
            if piece:
                yield piece
            data, is_full = b"", not self._decoder.needs_input
            if self._decoder.eof:
                data, is_full = self._decoder.unused_data, False
                self._decoder = None

    def end(self) -> None:
        if self._decoder is not None:
            raise CutOff("it ends too early")


def zstd_library() -> Any:
    """Return the module that packs and unpacks `zstd`.

    Raises:
        ImportError: It is not installed.
    """
    from importlib import import_module

    # Part of Python from 3.14 on.
    try:
        return import_module("compression.zstd")
    except ImportError:
        return import_module("backports.zstd")


class _Unknown:
    """An encoding that cannot be decoded; an empty body is accepted."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if data:
            raise Unknown("no library undoes it")
        yield from ()

    def end(self) -> None:
        """Accept the end of an empty body."""


def _is_there(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except ImportError:  # the package around it is missing
        return False


def _unpackers() -> dict[str, type[_Unpacker]]:
    classes: dict[str, type[_Unpacker]] = {
        "gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Zlib, "br": _Unknown,
        "zstd": _Unknown, "compress": _Unknown, "x-compress": _Unknown,
    }  # fmt: skip
    if _is_there("brotli") or _is_there("brotlicffi"):
        classes["br"] = _Brotli
    if _is_there("compression.zstd") or _is_there("backports.zstd"):
        classes["zstd"] = _Zstd
    return classes


_UNPACKERS = _unpackers()
#: The encodings that can be undone here, as `Accept-Encoding` names them.
UNDONE = tuple(
    name
    for name, kind in _UNPACKERS.items()
    if kind is not _Unknown and not name.startswith("x-")
)


def names_in(encoding: str) -> list[str]:
    """Return the names in a `Content-Encoding`: "GZIP, identity" gives ["gzip"]."""
    names = [name.strip(" \t").lower() for name in encoding.split(",")]
    return [name for name in names if name not in ("", "identity")]


def is_undone(name: str) -> bool:
    """Tell whether an encoding can be undone here."""
    return _UNPACKERS.get(name, _Unknown) is not _Unknown
