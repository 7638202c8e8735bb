"""JSON read and written by msgspec: the same as by the standard library, or not at all."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from naftiko.exposes.http import answers
from naftiko.exposes.http.answers import json_bytes
from naftiko.formats import json as formats_json
from naftiko.formats.json import (
    UNREAD,
    accelerate,
    decode_json,
    quickly_read,
    quickly_written,
)

pytest.importorskip("msgspec")


@pytest.fixture(autouse=True, scope="module")
def _accelerated() -> Iterator[None]:
    before = formats_json._quick
    accelerate()
    yield
    formats_json._quick = before


def plainly_written(value: Any) -> bytes:
    """Return what a server without msgspec writes."""
    quick, formats_json._quick = formats_json._quick, None
    try:
        return answers.json_bytes(value)
    finally:
        formats_json._quick = quick


#: Also bit patterns of which most have an exponent.
FLOATS = st.floats() | st.binary(min_size=8, max_size=8).map(
    lambda raw: struct.unpack("d", raw)[0]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | FLOATS | st.text()
    | st.text(st.characters(), max_size=3) | st.from_regex(r"[0-9a-f,:\]}]{1,20}")
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(VALUES)
@example([1e-05, 1e16])
@example({1.5e-7: 1})
@example("\ud800")
@example(2**70)
@example(float("nan"))
@example(["9e4", "9e4,"])
def test_written_as_by_the_standard_library(value: Any) -> None:
    """Byte for byte, with null for a number that JSON has no form for."""
    assert json_bytes(value) == plainly_written(value)


@given(FLOATS)
def test_floats_are_written_as_python_writes_them(number: float) -> None:
    """Whatever is left to the standard library, the text is its own."""
    assert json_bytes([number]) == plainly_written([number])


class _Kind(Enum):
    ONE = 1


class _Number(IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    "value",
    [
        datetime(2030, 1, 2, tzinfo=UTC),
        UUID(int=7),
        Decimal("1.50"),
        _Kind.ONE,
        _Number.ONE,
        b"\x00\xff",
        type("Text", (str,), {})("x"),
    ],
)
def test_values_of_python_are_written_as_before(value: Any) -> None:
    """A document made in Python may hold them."""
    assert json_bytes({"v": value}) == plainly_written({"v": value})


def test_usual_values_are_written_quickly() -> None:
    """Numbers without an exponent, texts of any kind, and ids in hexadecimal digits."""
    value = {"id": "3e4f2e10", "n": [0, -1, 2**64, 1.5, 0.0001], "é": "\x00\n\u2028"}
    assert quickly_written(value) == plainly_written(value)
    for other in ({"n": 1e-05}, {"n": 1e16}, {1e16: 1}, {"d": UUID(int=7)}):
        assert quickly_written(other) is None


DOCUMENTS = VALUES.map(lambda value: json.dumps(value).encode())
TOKENS = st.lists(
    st.sampled_from(
        [b"{", b"}", b"[", b"]", b",", b":", b'"', b"a", b"1", b"-", b"0", b".", b"e",
         b"E", b"+", b"99999999999999999999", b"1e400", b"\\u", b"d800", b"\\", b" ",
         b"\n", b"\x0c", b"\x00", b"\xff", b"\xef\xbb\xbf", b"NaN", b"Infinity",
         b"true", b"null", b'"a":1', b"\xc3\xa9", b"\xed\xa0\x80"]
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


@given(DOCUMENTS | TOKENS | st.binary(max_size=8))
@example(b"9" * 4000)
@example(b"9" * 5000)
@example(b'{"a": 1, "b": 2, "a": 3}')
@example(b"-0")
@example(b"-0.0")
@example(b"1\x00")
@example(b"[" * 400 + b"]" * 400)
def test_read_as_by_the_standard_library(body: bytes) -> None:
    """The same value, types and order of members; or it is left to it."""
    value = quickly_read(body)
    if value is not UNREAD:
        # `repr` tells -0.0 from 0.0 and 1.0 from 1, and the order of members.
        assert repr(value) == repr(json.loads(body))
        assert repr(value) == repr(formats_json._STRICT.decode(body.decode()))


@given(
    st.from_regex(
        rb"\A-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?\Z",
        fullmatch=True,
    )
)
def test_numbers_are_read_as_by_the_standard_library(body: bytes) -> None:
    """Integers of any size, and floats to their last bit."""
    value = quickly_read(body)
    if value is UNREAD:
        assert json.loads(body) in (float("inf"), float("-inf"))
    else:
        assert repr(value) == repr(json.loads(body))


def test_nothing_is_quick_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard library then does it all."""
    monkeypatch.setattr(formats_json, "_quick", None)
    monkeypatch.setitem(__import__("sys").modules, "msgspec.json", None)
    accelerate()
    assert quickly_read(b"1") is UNREAD
    assert quickly_written(1) is None
    assert json_bytes({"a": 1}) == b'{"a":1}'


def test_library_is_looked_for_once_it_is_worth_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After some megabytes; importing it takes as long as reading them slowly."""
    monkeypatch.setattr(formats_json, "_quick", None)
    monkeypatch.setattr(formats_json, "_counted", 0)
    body = json.dumps(["x" * 1000] * 1000).encode()
    for _ in range(2):
        assert decode_json(body, "") == json.loads(body)
        assert formats_json._quick is None
    assert decode_json(body, "") == json.loads(body)
    assert formats_json._quick is not None


def test_library_that_is_not_there_is_looked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each further body would pay for another search."""
    monkeypatch.setattr(formats_json, "_quick", None)
    monkeypatch.setattr(formats_json, "_counted", formats_json._WORTH)
    monkeypatch.setitem(__import__("sys").modules, "msgspec.json", None)
    assert decode_json(b"[1]", "") == [1]
    monkeypatch.undo()
    monkeypatch.setattr(formats_json, "_quick", None)
    monkeypatch.setattr(formats_json, "_counted", -1)
    assert decode_json(b"[1]", "") == [1]
    assert formats_json._quick is None
