"""JSON bodies: every encoding, one document or many."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from naftiko.formats import decoding

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
