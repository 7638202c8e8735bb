"""Options that are given several times: base URIs and headers."""

from __future__ import annotations

import pytest

from naftiko.cli.options.repeated import base_uris, headers
from naftiko.cli.values import UsageError


def test_base_uri_is_for_one_or_all_other_namespaces() -> None:
    """`NAMESPACE=URI` is for one namespace; a bare URI is for all other namespaces."""
    given = ["http://all.test/", "b=http://b.test"]
    assert base_uris(given, ["a", "b", "c"]) == {
        "a": "http://all.test",
        "b": "http://b.test",
        "c": "http://all.test",
    }
    assert base_uris(given) == {"": "http://all.test", "b": "http://b.test"}
    assert base_uris([], ["a"]) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["x=http://h.test"], "--base-uri: no namespace is called 'x'"),
        (["a=h.test"], "--base-uri: 'h.test' is not a base URI"),
        (["a=http://h.test"] * 2, "--base-uri is given twice for 'a'"),
    ],
)
def test_wrong_base_uri_is_refused(given: list[str], message: str) -> None:
    """A wrong `--base-uri` is refused with exit code 2; the error names the option."""
    with pytest.raises(UsageError) as caught:
        base_uris(given, ["a"])
    assert caught.value.message == message
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_duplicate_header_is_refused() -> None:
    """Duplicate header: names that differ only in case are refused."""
    assert headers([("A", "1"), ("B", "2")]) == {"A": "1", "B": "2"}
    with pytest.raises(UsageError, match="'a' is given twice"):
        headers([("A", "1"), ("a", "2")])
