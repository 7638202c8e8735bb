"""JSON bodies: every encoding, one document or many."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.formats import decoding
from naftiko.formats.json import (
    accelerate,
    is_strict_object,
    raw_json,
    strict_json,
    write_json,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES, st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "utf-32"]))
def test_json_round_trip(value: Any, encoding: str) -> None:
    """A body that `json` writes is read back, in every encoding of JSON."""
    body = json.dumps(value, ensure_ascii=encoding == "utf-8").encode(
        encoding, "surrogatepass"
    )
    assert decoding.decode("json", body) == value


@given(st.lists(VALUES, max_size=4))
def test_lines_round_trip(values: list[Any]) -> None:
    """One document a line gives the list of them, also of one and of none."""
    body = "".join(json.dumps(value) + "\n" for value in values).encode()
    assert decoding.decode("json", body, content_type="application/x-ndjson") == values
    if len(values) > 1:
        assert decoding.decode("json", body) == values


@given(st.dictionaries(st.text(), VALUES), st.integers(), st.binary(max_size=2))
def test_object_whose_value_is_not_made_is_one(value: Any, at: int, put: bytes) -> None:
    """Whatever is called a strict object is read as one, and written as it came."""
    accelerate()
    body = json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")
    at %= len(body) + 1
    for text in (body, body[:at] + put + body[at:], body[:at] + body[at + 1 :]):
        if is_strict_object(text):
            read = strict_json(text)
            assert isinstance(read, dict)
            assert json.loads(write_json({"as": raw_json(text)})) == {"as": read}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"7", b"{", b'{"a": NaN}', b'{"a": 1} 2', b'{"a": "\xff"}',
        b'{"\xed\xa0\x80": 1}', b'{"a": "\\ud800"}', b'{"a": 1%s}' % (b"0" * 4300),
    ],
)  # fmt: skip
def test_other_body_is_no_strict_object(body: bytes) -> None:
    """What is not looked at in a value that is passed over is looked at besides."""
    accelerate()
    assert is_strict_object(b"{}")
    assert not is_strict_object(body)
