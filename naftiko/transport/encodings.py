"""`Content-Encoding`: how a body is unpacked, piece by piece and never by half.

    gzip, compressed bytes  ->  unpacker.feed()  ->  bytes, about 64 KiB at once

The output of one piece of input is bounded, so a reader can stop at its limit. At most
two encodings of one body are undone, and the output of each is counted: a few hundred
bytes can stand for gigabytes. This module must not know responses.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

#: The bytes that come out at once; `br` may give a few more.
PIECE = 64 * 1024
#: Bytes that go in at once: zlib copies all input behind the end of a stream.
_SLICE = 16 * 1024
#: Encodings of one body: each can blow it up a thousandfold.
MOST_LAYERS = 2
#: Bytes that come of a byte of the body as it came, through all its encodings. One of
#: zeros in gzip has 1,032; tables have 5 to 20, and a bomb of two layers a million.
MOST_GROWTH = 1100
#: Bytes that a body may have beyond that: a short one of one repeated word is no bomb.
ROOM = 8 * 1024 * 1024
#: Members of gzip and frames of zstd, each of which takes the time of a new decoder:
#: so many are always undone, one more for each four bytes of the body, and never more
#: of a body that has a limit.
_FEW_MEMBERS, _BYTES_OF_MEMBER, _MOST_MEMBERS = 1000, 4, 100_000
#: Binary logarithm of the largest window of zstd: 8 MiB (RFC 9659).
_ZSTD_WINDOW = 23


class Damaged(ValueError):
    """A body is damaged: it does not match its `Content-Encoding`."""


class CutOff(Damaged):
    """A body is truncated."""


class Unknown(Damaged):
    """A body is in an encoding that no installed library decodes."""


class Grown(Damaged):
    """A body has too many encodings, or grows too much while they are undone."""


class OverLimit(Grown):
    """A body is larger than the limit that was given."""


class _Unpacker(Protocol):
    #: How many members, or frames, have ended.
    members: int

    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def end(self) -> None: ...


class Unpacker:
    """Undo the encodings of one body.

    Args:
        names: Known encodings, in the order in which they were applied.
        most: Bytes that may come of each encoding; `None` for any number.

    Raises:
        Grown: There are more than `MOST_LAYERS` encodings.
    """

    def __init__(self, names: list[str], most: int | None = None) -> None:
        if len(names) > MOST_LAYERS:
            raise Grown(
                f"has {len(names)} content encodings; at most {MOST_LAYERS} are undone"
            )
        self._stages = [_UNPACKERS[name]() for name in reversed(names)]
        self._most = most
        self._received = 0
        #: The bytes that came of each encoding.
        self._counts = [0] * len(names)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield a piece of the body decompressed, about `PIECE` bytes at once.

        Raises:
            Damaged: The body is damaged, or its encoding unknown.
            Grown: More came of one encoding than `most`, or than `MOST_GROWTH` allows.
        """
        return filter(None, self.steps(data))

    def steps(self, data: bytes) -> Iterator[bytes]:
        """Yield what `feed` yields, and nothing after some work of which nothing came.

        In an event loop, others have their turn between two steps.
        """
        for begin in range(0, len(data), _SLICE):
            piece = data[begin : begin + _SLICE]
            self._received += len(piece)
            yield from self._through(piece, 0)

    def _through(self, data: bytes, stage: int) -> Iterator[bytes]:
        unpacker = self._stages[stage]
        for piece in unpacker.feed(data):
            self._counts[stage] += len(piece)
            self._check(stage)
            if stage + 1 == len(self._stages):
                yield piece
                continue
            for begin in range(0, len(piece), _SLICE):
                yield from self._through(piece[begin : begin + _SLICE], stage + 1)
        if unpacker.members > _FEW_MEMBERS:
            self._check_members(unpacker.members)
        yield b""

    def _check(self, stage: int) -> None:
        """Refuse the size of what came of one encoding so far."""
        size = self._counts[stage]
        if self._most is not None and size > self._most:
            is_last = stage + 1 == len(self._stages)
            where = "" if is_last else ", with its second encoding"
            raise OverLimit(f"is larger than {self._most:,} bytes{where}")
        if size > ROOM + MOST_GROWTH * self._received:
            raise Grown(
                f"grows from {self._received:,} to over {size:,} bytes when it is"
                f" unpacked: more than {MOST_GROWTH:,} times and {ROOM >> 20} MiB"
            )

    def _check_members(self, members: int) -> None:
        """Refuse the number of members that one encoding has had so far."""
        most = max(_FEW_MEMBERS, self._received // _BYTES_OF_MEMBER)
        if members > most or (self._most is not None and members > _MOST_MEMBERS):
            raise Grown(f"has over {min(most, _MOST_MEMBERS):,} compressed parts")

    def end(self) -> None:
        """Check that the body is complete.

        Raises:
            CutOff: The body is truncated.
        """
        for stage in self._stages:
            stage.end()


def unpacker_of(encoding: str | None, most: int | None = None) -> Unpacker | None:
    """Return the unpacker for a `Content-Encoding`, or `None` for a plain body.

    Some servers write names there that change nothing, such as that of a charset.

    Raises:
        Grown: There are too many encodings.
    """
    if not encoding:
        return None
    names = [name.strip().lower() for name in encoding.split(",")]
    known = [name for name in names if name in _UNPACKERS]
    return Unpacker(known, most) if known else None


def unpacked(
    encoding: str | None, chunks: Iterable[bytes], most: int | None = None
) -> Iterator[bytes]:
    """Yield the chunks of a body with its `Content-Encoding` undone.

    "gzip", chunks of compressed bytes  ->  the bytes, about `PIECE` at once

    Args:
        encoding: The value of that header.
        chunks: The body as it came.
        most: Bytes that the body may have, as it came and after each encoding; `None`
            for any number.

    Raises:
        Damaged: The body is damaged or truncated, or its encoding unknown.
        Grown: It has too many encodings, or grows too much.
    """
    unpacker = unpacker_of(encoding, most)
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if most is not None and received > most:
            packed = "" if unpacker is None else ", with its encoding"
            raise OverLimit(f"is larger than {most:,} bytes{packed}")
        if unpacker is None:
            yield chunk
        else:
            yield from unpacker.feed(chunk)
    if unpacker is not None:
        unpacker.end()


class _Zlib:
    """`deflate`: a zlib stream, or, as some servers send it, one without its frame."""

    _bits = zlib.MAX_WBITS
    _joins = False

    def __init__(self) -> None:
        self._decoder: Any = None
        self._is_over = False
        self._is_first = True
        self.members = 0

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
                self.members += 1

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

    members = 0

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
        library = zstd_library()
        self._new: Any = library.ZstdDecompressor
        self._options = {library.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
        self._decoder: Any = None
        self.members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        is_full = False
        while data or is_full:
            if self._decoder is None:
                self._decoder = self._new(options=self._options)
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
                self.members += 1

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

    members = 0

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
