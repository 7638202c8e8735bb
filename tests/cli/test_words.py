"""Command line words: arguments, headers and base URIs of a call."""

from __future__ import annotations

import pytest

from naftiko.cli.words import (
    UsageError,
    base_uris,
    call_arguments,
    headers,
    split_item,
    text_of,
)
from support.building import capability


@pytest.mark.parametrize(
    ("item", "names", "parts"),
    [
        ("n=1", [], ("n", "=", "1")),
        ("n:=1", [], ("n", ":=", "1")),
        ("n=@f", [], ("n", "=@", "f")),
        ("a=b=1", ["a=b"], ("a=b", "=", "1")),
        ("a=b=1", [], ("a", "=", "b=1")),
        ("x:=1", ["x:"], ("x:", "=", "1")),
        ("n", ["n"], None),
        ("=1", [], None),
    ],
)
def test_longest_known_name_ends_an_argument(
    item: str, names: list[str], parts: tuple[str, str, str] | None
) -> None:
    """An argument name that the operation declares may hold `=` or `:`."""
    assert split_item(item, names) == parts


def test_repeated_argument_becomes_a_list() -> None:
    """An argument that is given twice becomes a list of its values in order."""
    with capability({"inputParameters": [{"name": "n", "in": "query"}]}) as loaded:
        operation = loaded.operations.find("api.op")
        assert call_arguments(["n=1", "n:=2"], None, operation) == {"n": ["1", 2]}
        assert call_arguments(["n=1"], None, operation) == {"n": "1"}
        assert call_arguments([], None, operation) == {}


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


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    """Bytes that are not UTF-8 are refused; the error names only the option."""
    assert text_of("é", "--body") == "é"
    with pytest.raises(UsageError, match="--body holds bytes that are not UTF-8"):
        text_of("s3cr3t\udcff", "--body")
