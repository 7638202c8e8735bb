"""Linking documents; the cases are in `tests/spec/cases/`, see `reading.py`."""

from __future__ import annotations

from typing import Any

import pytest
from requests.auth import HTTPBasicAuth

import naftiko
from support.casefiles import cases
from support.reading import check


@pytest.mark.parametrize("case", cases("spec/cases", "exposes", "calls", "with"))
def test_linking(case: dict[str, Any]) -> None:
    """Every call, `with`, route and name is checked, and nothing stops loading."""
    check(case)


def test_what_the_caller_makes_up_for_is_settled() -> None:
    """A base URI and a signer that are given leave nothing to say about theirs."""
    adapters = [
        {"namespace": "a", "baseUri": "", "authentication": {"type": "hmac"}},
        {"namespace": "b", "baseUri": "https://api.example.com"},
        {"namespace": "c", "baseUri": "https://{host}"},
    ]
    text = {"naftiko": "1.0.0-alpha2", "capability": {"consumes": adapters}}

    def codes(**settings: Any) -> list[str]:
        return [problem.code for problem in naftiko.load(text, **settings).problems]

    everything = ["U-auth-unsupported", "U-base-uri-missing", "W-base-uri-placeholder"]
    assert codes() == [*everything, "W-base-uri-templated"]
    assert codes(base_uri="https://a.test") == ["U-auth-unsupported"]
    assert codes(base_uri={"a": "https://a.test", "c": "https://c.test"}) == [
        "U-auth-unsupported",
        "W-base-uri-placeholder",
    ]
    assert codes(auth={"a": HTTPBasicAuth("u", "p")}) == [
        "U-base-uri-missing",
        "W-base-uri-placeholder",
        "W-base-uri-templated",
    ]
