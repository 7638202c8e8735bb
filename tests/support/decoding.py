"""Decode the body of a case in `tests/formats/cases/`, and compare the value."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.errors import OutputError
from naftiko.formats import decoding


def decoded(case: dict[str, Any]) -> Any:
    """Decode the body of a case."""
    return decoding.decode(
        case["format"],
        case["body"].encode(case.get("encoding", "utf-8")),
        content_type=case.get("content_type", ""),
        schema=case.get("schema", ""),
    )


def check_decoding(case: dict[str, Any]) -> None:
    """Expect the value of a case, or the error with its words."""
    if "raises" not in case:
        assert decoded(case) == case["expect"]
        return
    with pytest.raises(OutputError) as caught:
        decoded(case)
    for words in case["raises"]:
        assert words in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
