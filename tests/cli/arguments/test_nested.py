"""Names that reach into objects and lists: dots, brackets, and their conflicts."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.cli.arguments.nested import Gathered, split_item, split_nested
from naftiko.cli.values import UsageError


def _values(*words: str) -> dict[str, Any]:
    gathered = Gathered()
    for word in words:
        item = split_nested(word, ["a", "a.b", "items"])
        if item is None:
            name, _, text = word.partition("=")
            gathered.add(name, text)
        else:
            gathered.add(item.root, item.text, item.steps, item.written)
    return gathered.values()


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


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["a.x=1"], {"a": {"x": "1"}}),
        (["a[x]=1", "a.y=2"], {"a": {"x": "1", "y": "2"}}),
        (["a[]=A=1"], {"a": ["A=1"]}),
        (["a[]=1", "a[]=2"], {"a": ["1", "2"]}),
        (["items[1].q=2", "items[0].q=1"], {"items": [{"q": "1"}, {"q": "2"}]}),
        (["items[].q=1", "items[].q=2"], {"items": [{"q": "1"}, {"q": "2"}]}),
        (["items.0.q=1"], {"items": [{"q": "1"}]}),
        ([r"a.com\.x\.y=1"], {"a": {"com.x.y": "1"}}),
        (["a[com.x=y]=1"], {"a": {"com.x=y": "1"}}),
        (["a['0']=1"], {"a": {"0": "1"}}),
        (["a.80:tcp:=1"], {"a": {"80:tcp": "1"}}),
        (["a.x=1", "a.x=2"], {"a": {"x": ["1", "2"]}}),
        (["a.b.c=1"], {"a.b": {"c": "1"}}),
        (["n=1", "n=2"], {"n": ["1", "2"]}),
    ],
)
def test_name_with_steps_makes_a_nested_value(
    words: list[str], values: dict[str, Any]
) -> None:
    """A dot or brackets lead to a member or an item; the longest known name is first."""
    assert _values(*words) == values


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a=1", "a.x=1"], "'a' is given as a whole, and in parts by 'a.x'"),
        (["a.x=1", "a=1"], "'a' is given twice"),
        (["a[0]=1", "a[0]=2"], "'a[0]' is given twice"),
        (["a[0]=1", "a[]=2"], "'a' is a list with indexes there"),
        (["a[0]=1", "a.x=2"], "'a' is a list with indexes there"),
        (["a[1]=1"], "'a[0]' is missing, and a later item is given"),
        (["a" + "[]" * 101 + "=1"], "an argument of 'a' is nested too deeply"),
    ],
)
def test_conflict_of_nested_names_is_refused(words: list[str], message: str) -> None:
    """Two words that contradict each other are refused; the message names both."""
    with pytest.raises(UsageError) as caught:
        _values(*words)
    assert message in caught.value.message


def test_word_without_steps_is_no_nested_item() -> None:
    """A plain name, an unknown root and a word without a sign are left to others."""
    for word in ("a=1", "b.x=1", "a.x", "a.=1", "a[=1"):
        assert split_nested(word, ["a"]) is None
