"""`rewriter_of`: JSON of another shape, without the values in between."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.errors import OutputError
from naftiko.exposes.http.answers import json_bytes
from naftiko.formats.json import accelerate, decode_json
from naftiko.formats.rewriting import Member, rewriter_of
from naftiko.functions.shapes import compile_shape, members_of

KEY = {"mapping": "$.k", "type": "number"}
OUTPUTS = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "mapping": "$.id"},
        "again": {"type": "string", "mapping": "$.id"},
        "any": {"type": "object", "mapping": "$.any"},
        "values": {
            "type": "array",
            "mapping": "$.items",
            "items": {
                "type": "object",
                "properties": {
                    "key": KEY,
                    "value": {"type": "string", "mapping": "$.v"},
                },
            },
        },
        "deep": {
            "type": "array",
            "mapping": "$.deep",
            "items": {
                "properties": {
                    "n": {"type": "string", "mapping": "$.n"},
                    "l": {
                        "type": "array",
                        "mapping": "$.l",
                        "items": {"type": "object", "properties": {"key": KEY}},
                    },
                }
            },
        },
    },
}
ITEM = (Member("key", "k"), Member("value", "v"))
MEMBERS = (
    Member("id", "id"),
    Member("again", "id"),
    Member("any", "any"),
    Member("values", "items", ITEM),
    Member("deep", "deep", (Member("n", "n"), Member("l", "l", (Member("key", "k"),)))),
)


@pytest.fixture(autouse=True, scope="module")
def _quick() -> None:
    accelerate()


def read(body: bytes) -> bytes | None:
    """Return what reading all of a body gives; `None` where it cannot be read."""
    try:
        return json_bytes(compile_shape(OUTPUTS).apply(decode_json(body, "")))
    except OutputError:
        return None


rewrite = rewriter_of(MEMBERS)
assert rewrite is not None


def test_members_of_outputs_are_those_that_are_written() -> None:
    """Only members of an object, and lists of such objects, are copied."""
    assert members_of([OUTPUTS]) == MEMBERS
    assert members_of(OUTPUTS) == MEMBERS


@pytest.mark.parametrize(
    "outputs",
    [
        None,
        [],
        {"type": "object", "mapping": "$."},
        {"type": "string", "mapping": "$.id"},
        [OUTPUTS, OUTPUTS],
        {**OUTPUTS, "mapping": "$.data"},
        {"properties": {"a": {"type": "string", "value": "x"}}},
        {"properties": {"a": {"type": "string", "const": "x"}}},
        {"properties": {"a": {"mapping": "$.a", "maxLength": 3}}},
        {"properties": {"a": {"mapping": "$.a.b"}}},
        {"properties": {"a": {"mapping": "$[0]"}}},
        {"properties": {"a": {"mapping": "$.a[*]"}}},
        {"properties": {"a": {"mapping": "$"}}},
        {"properties": {"a": {"type": "string"}}},
        {"properties": {"a": "$.a"}},
        {"properties": {"a": {"mapping": "$.a", "properties": {"b": KEY}}}},
        {"properties": {"a": {"mapping": "$.a", "type": "array", "items": KEY}}},
        {"properties": {"a": {"mapping": "$.a", "values": KEY, "type": "object"}}},
        {"properties": {"a": {"mapping": "$.a", "items": {"type": "string"}}}},
    ],
)
def test_other_outputs_are_not_copied(outputs: Any) -> None:
    """What has to be made, or to be looked for, is read as a whole."""
    assert members_of(outputs) == ()


@pytest.mark.parametrize(
    "body",
    [
        {"id": "a", "items": [{"k": 1, "v": "b", "w": [1, {"x": None}]}], "more": 1.5},
        {"id": None, "items": None},
        {"items": []},
        {"id": {"k": [1, "a"]}, "any": [True, False, {}]},
        {"deep": [{"n": 1, "l": [{"k": 1.5}, {}]}, {"l": None}, {}]},
        {"id": '\xe9\u6771\U0001f600"\\\n', "items": [{"k": -0.0, "v": 10**30}]},
        {},
    ],
)
def test_body_is_written_as_if_it_was_read(body: Any) -> None:
    """The bytes are those of the long way, whatever stands between the members."""
    assert rewrite is not None
    for text in (json.dumps(body), json.dumps(body, ensure_ascii=False, indent=1)):
        assert rewrite(text.encode()) == read(text.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"7",
        b'{"items": {}}',
        b'{"items": [1]}',
        b'{"items": [null]}',
        b'{"id": NaN}',
        b'{"more": NaN}',
        b'{"id": 1e-7}',
        b'{"id": 1e22}',
        b'{"id": 1e999}',
        b'{"id": 0.00001}',
        b'{"id": "\\ud800"}',
        b'{"more": "\xff"}',
        b'{"more": "\xed\xa0\x80"}',
        b'{"more": "\x01"}',
        b'{"more": "\\q"}',
        b'{"more": 01}',
        b'{"more": ' + b"9" * 5000 + b"}",
        b'\xef\xbb\xbf{"id": 1}',
        b'{"id": 1} {"id": 2}',
        '{"id": 1}'.encode("utf-16"),
        b'{"id": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_other_body_is_left_to_be_read_whole(body: bytes) -> None:
    """A body in doubt, and numbers with other characters, take the long way."""
    assert rewrite is not None
    assert rewrite(body) is None


def test_last_of_two_members_counts() -> None:
    """A repeated name, or one written with escapes, is read as everywhere."""
    assert rewrite is not None
    body = rb'{"id": 1, "items": [{"k": 1, "k": 2}], "\u0069d": 3, "items": []}'
    assert rewrite(body) == read(body) != None  # noqa: E711


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
NAMES = st.sampled_from(["id", "any", "items", "deep", "k", "v", "n", "l", "x", "\xe9"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
    ),
    max_leaves=15,
)


@given(value=VALUES, seed=st.integers(0, 2**32))
def test_no_body_is_written_otherwise(value: Any, seed: int) -> None:
    """Of any text, near JSON or not, the short way gives what the long one does."""
    assert rewrite is not None
    whole = json.dumps(value, ensure_ascii=bool(seed % 2)).encode("utf-8", "replace")
    chance = random.Random(seed)
    broken = bytearray(whole)
    broken[chance.randrange(len(broken))] = chance.randrange(256)
    for body in (whole, bytes(broken)):
        found = rewrite(body)
        assert found is None or found == read(body)


@pytest.mark.parametrize("name", ['a"', "a\\", "\xe9", "a\n", ""])
def test_name_that_needs_an_escape_is_not_copied(name: str) -> None:
    """Names are written as they are."""
    assert rewriter_of((Member(name, "a"),)) is None
    assert rewriter_of((Member("a", name),)) is None
    assert rewriter_of((Member("a", "b"), Member("c", "b", ITEM))) is None
    assert rewriter_of(()) is None
