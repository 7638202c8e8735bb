"""Mocks: each case in `tests/functions/cases/shapes/mock.yaml` is outputs and a value.

Run one with `pytest tests/functions/test_mocks.py -k "part of its name"`.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import naftiko
from naftiko.functions.mocks import compile_mock
from support import serving
from support.casefiles import cases

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "value", "type", "items", "properties", "const"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("case", cases("functions/cases/shapes", "mock"))
def test_mock(case: Any) -> None:
    """A unit without a call answers its static outputs."""
    arguments = case.get("given", {})
    built = compile_mock(case["mock"]).build(lambda ref: arguments.get(ref.name, ""))
    assert built == case["value"]


@given(_JSON)
def test_any_outputs_give_an_object(outputs: Any) -> None:
    """A mock answers an object for any outputs of any document."""
    assert isinstance(compile_mock(outputs).build(lambda _ref: "x"), dict)


@pytest.mark.parametrize("consumes", [None, []])
def test_mock_needs_no_consumed_api(consumes: Any) -> None:
    """L17: no imports to resolve; what is exposed without calls works."""
    mock = [{"name": "said", "type": "string", "value": "hello"}]
    data = serving.document(serving.operation(name="greet", outputParameters=mock))
    data["capability"]["consumes"] = consumes
    loaded = naftiko.load(data, schema=None)
    assert list(loaded.operations) == []
    assert loaded.problems == ()
    assert loaded.invoke("front.greet") == {"said": "hello"}
