"""Writing YAML: readers of YAML 1.1 and of YAML 1.2 read back the same data."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from naftiko.document.writing import write_yaml

#: Texts of the characters that numbers, dates, words and signs of YAML are made of.
LIKELY = st.one_of(
    st.text(st.sampled_from("0123456789_:.-+eExXoObBtTzZ "), max_size=12),
    st.sampled_from(["y", "no", "On", "TRUE", "~", "=", "<<", "null", "nan", "inf"]),
    st.text(st.sampled_from("yesnof~=<-?:,[]{}#&*!|>'\"%@` \n.\t"), max_size=8),
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs"]),
        max_size=8,
    ),
)
SCALARS = (
    LIKELY
    | st.integers()
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
)
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(LIKELY, inner, max_size=3)
    ),
    max_leaves=6,
)


@given(DATA)
def test_written_yaml_reads_back_in_both_versions(value: Any) -> None:
    """Texts stay texts, and numbers stay numbers, in YAML 1.2 and in YAML 1.1."""
    written = write_yaml(value)
    assert YAML(typ="safe", pure=True).load(written) == value
    # PyYAML speaks YAML 1.1, as most readers still do.
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(written) == value
