"""How a body is unpacked: whole, in pieces, damaged, cut off, and far too large."""

from __future__ import annotations

import gzip
import random
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest

from naftiko.transport.encodings import (
    PIECE,
    UNDONE,
    CutOff,
    Damaged,
    Unknown,
    is_undone,
    names_in,
    unpacker_of,
)


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def _brotli(body: bytes) -> bytes:
    return brotli.compress(body, quality=4)  # the best one takes a second


def _zstd(body: bytes) -> bytes:
    from naftiko.transport.encodings import zstd_library

    packed: bytes = zstd_library().compress(body)
    return packed


#: Python 3.14 has zstd; older ones need a library that no extra of ours installs.
NEEDS_ZSTD = pytest.mark.skipif(not is_undone("zstd"), reason="no library for zstd")
PACKERS = [
    pytest.param("zstd", _zstd, id="zstd", marks=NEEDS_ZSTD),
    pytest.param("gzip", gzip.compress, id="gzip"),
    pytest.param("x-gzip", gzip.compress, id="x-gzip"),
    pytest.param("deflate", zlib.compress, id="deflate"),
    pytest.param("deflate", _raw_deflate, id="raw deflate"),
    pytest.param("br", _brotli, id="br"),
    pytest.param("gzip, br", lambda b: _brotli(gzip.compress(b)), id="two"),
    pytest.param("Identity, GZIP", gzip.compress, id="spelling"),
]
BODIES = [
    b"x",
    b'{"a": [1, 2]}',
    b"a" * PIECE,
    b"ab" * PIECE,
    b"x" * (2 * PIECE + 1),
    random.Random(1).randbytes(100_000),
    bytes(random.Random(2).choices(b"abc", k=300_000)),
]


def unpack(body: bytes, encoding: str, size: int = PIECE) -> bytes:
    """Unpack a body that is fed in parts of `size` bytes."""
    unpacker = unpacker_of(encoding)
    assert unpacker is not None
    pieces = []
    for begin in range(0, len(body), size):
        pieces += unpacker.feed(body[begin : begin + size])
    unpacker.end()
    assert all(0 < len(piece) <= 2 * PIECE for piece in pieces)
    return b"".join(pieces)


@pytest.mark.parametrize(("encoding", "pack"), PACKERS)
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("size", [7, 1000, PIECE])
def test_a_compressed_body_is_restored(
    encoding: str, pack: Callable[[bytes], bytes], body: bytes, size: int
) -> None:
    """However a body is cut on its way, it comes out whole, in bounded pieces."""
    assert unpack(pack(body), encoding, size) == body


@pytest.mark.parametrize(("encoding", "pack"), PACKERS)
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("part", [0.01, 0.5, 0.99])
def test_half_a_body_is_no_body(
    encoding: str, pack: Callable[[bytes], bytes], body: bytes, part: float
) -> None:
    """A body that ends too early is damaged, wherever it was cut."""
    packed = pack(body)
    cut = packed[: max(1, min(int(len(packed) * part), len(packed) - 1))]
    with pytest.raises(CutOff):
        unpack(cut, encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_empty_bodies_pass_and_damaged_ones_are_refused(encoding: str) -> None:
    """No bytes are an empty body; bytes in another format are damaged."""
    assert unpack(b"", encoding) == b""
    with pytest.raises(Damaged):
        unpack(b"\xff\xfe is not packed", encoding)


def test_gzip_in_several_parts() -> None:
    """Members are joined; padding after the last member is ignored."""
    parts = gzip.compress(b"one, ") + gzip.compress(b"") + gzip.compress(b"two")
    assert unpack(parts, "gzip") == b"one, two"
    assert unpack(parts + b"\0" * 100, "gzip") == b"one, two"
    assert unpack(zlib.compress(b"one") + b"more", "deflate") == b"one"


def test_a_bomb_comes_out_in_pieces() -> None:
    """A reader can stop long before the whole bomb is decompressed."""
    unpacker = unpacker_of("gzip")
    assert unpacker is not None
    pieces = unpacker.feed(gzip.compress(b"\0" * 50_000_000))
    assert sum(len(next(pieces)) for _ in range(3)) <= 3 * PIECE


@pytest.mark.parametrize("encoding", [None, "", "identity", "utf-8, aws-chunked"])
def test_unknown_encoding_names_leave_the_body_as_it_is(encoding: str | None) -> None:
    """Some servers write other words there, such as a charset."""
    assert unpacker_of(encoding) is None
    assert unpack(gzip.compress(b"x"), f"gzip, {encoding}") == b"x"


@pytest.mark.parametrize("encoding", ["compress", "gzip, x-compress"])
def test_an_encoding_without_a_decoder_is_refused(encoding: str) -> None:
    """A body in an encoding without a decoder is refused; an empty one passes."""
    assert unpack(b"", encoding) == b""
    with pytest.raises(Unknown):
        unpack(b"x", encoding)


def test_names_of_encodings_are_read() -> None:
    """Blanks, upper case and `identity` make no difference."""
    assert names_in(" GZIP,identity,\tbr ,") == ["gzip", "br"]
    assert UNDONE[:2] == ("gzip", "deflate")
    assert is_undone("x-gzip")
    assert not is_undone("compress")
    assert not is_undone("utf-8")


def test_zstd_is_known_where_a_library_is() -> None:
    """Python 3.14 brings one."""
    if sys.version_info >= (3, 14):
        assert is_undone("zstd")
    assert is_undone("zstd") == ("zstd" in UNDONE)
