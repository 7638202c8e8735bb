"""Writing YAML: readers of YAML 1.1 and of YAML 1.2 read back the same data."""

from __future__ import annotations

import sys
from importlib.metadata import version
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from naftiko.document.scalars import CORE_TAG
from naftiko.document.writing import write_yaml
from naftiko.plain import finite

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


def by_library(value: Any) -> str:
    """Return what the emitter of ruamel.yaml makes of some data, in block style."""
    from ruamel.yaml.representer import SafeRepresenter

    class Plain(SafeRepresenter):
        def ignore_aliases(self, data: Any) -> bool:
            return True

        def represent_dict(self, data: Any) -> Any:
            return self.represent_mapping(f"{CORE_TAG}map", list(data.items()))

    Plain.add_representer(dict, Plain.represent_dict)
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = Plain
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = sys.maxsize
    out = StringIO()
    yaml.dump(value, out)
    return out.getvalue().removesuffix("\n")


#: Texts whose form YAML 1.2 alone decides: in one line, of letters, and some longer.
PLAIN = st.one_of(
    st.text(
        st.sampled_from("qrs -?:,[]{}#&*!|>'\"%@`\\\t.éü\xa0\U0001f600"), max_size=8
    ),
    st.text(st.sampled_from("qrs "), min_size=118, max_size=132),
)


@pytest.mark.skipif(
    version("ruamel.yaml") < "0.19", reason="older releases write some keys otherwise"
)
@given(
    st.recursive(
        PLAIN | st.integers() | st.booleans() | st.none(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3)
        ),
        max_leaves=8,
    ).filter(lambda value: isinstance(value, (dict, list)))
)
def test_layout_and_quotes_are_those_of_the_library(value: Any) -> None:
    """The writer is our own because of its speed, and its output is the usual one."""
    assert write_yaml(value) == by_library(finite(value))
