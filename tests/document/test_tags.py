"""Standard tags of YAML whose meaning is plain data, with both parsers."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.document import yaml
from naftiko.document.source import read_text
from naftiko.document.tags import has_ordered, kind_tags
from naftiko.errors import DocumentSyntaxError


@pytest.fixture(params=["C parser", "pure parser"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure parser":
        monkeypatch.setattr(yaml, "_c_parser", lambda: None)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: !!omap\n- b: 1\n- c: 2", {"a": {"b": 1, "c": 2}}),
        ("!!omap\n- a: !!omap\n  - b: !!omap []", {"a": {"b": {}}}),
        ("a: !<tag:yaml.org,2002:omap> [b: 1]", {"a": {"b": 1}}),
        ("%TAG !y! tag:yaml.org,2002:\n---\na: !y!omap [b: 1]", {"a": {"b": 1}}),
        ("a: !!omap {b: 1}", {"a": {"b": 1}}),
        ("a: !!omap\n- b:\n  - !!omap\n    - c: 1\n    - d: 2",
         {"a": {"b": [{"c": 1, "d": 2}]}}),
        ("a: &x !!omap [b: 1]\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x 1\nb: !!omap [c: *x]", {"a": 1, "b": {"c": 1}}),
        ("a: !!pairs [b: 1, c: 2]", {"a": {"b": 1, "c": 2}}),
        # A key may come twice: nothing is lost in a list.
        ("a: !!pairs [b: 1, b: [2]]", {"a": [{"b": 1}, {"b": [2]}]}),
        ("a: !!set {b, c}", {"a": {"b": None, "c": None}}),
        ("a: !!set\n  ? b\n  ? c", {"a": {"b": None, "c": None}}),
        ("a: !!seq [1]\nb: !!map {c: 1}", {"a": [1], "b": {"c": 1}}),
        ("a: !!omap\n- !!str on: !!str 5", {"a": {"on": "5"}}),
        ("a: [!!timestamp 2001-12-14, !!binary 'aGVs bG8=', !!null ~, !!float 3]",
         {"a": ["2001-12-14", "aGVsbG8=", None, 3.0]}),
    ],
)  # fmt: skip
def test_standard_collection_is_read_as_plain_data(text: str, data: Any) -> None:
    """An ordered mapping is a mapping, wherever it stands."""
    assert read_text(text).data == data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!omap [1]", "'!!omap' holds an entry that is no mapping"),
        ("a: !!omap [{b: 1, c: 2}]", "holds an entry that has not exactly one key"),
        ("a: !!omap [{}]", "holds an entry that has not exactly one key"),
        ("a: !!omap [&x {b: 1}]", "holds an entry with the anchor '&x'"),
        ("a: !!omap [!other {b: 1}]", "the tag '!other' has no meaning here"),
        ("a: !!omap [b: 1, b: 2]", "duplicate key 'b'"),
        ("a: !!omap text", "the tag '!!omap' has no meaning here"),
        ("a: !!map [1]", "the tag '!!map' has no meaning here"),
        ("a: !!seq {b: 1}", "the tag '!!seq' has no meaning here"),
        ("a: !!omap [b: *c]", "the alias '*c' is not defined"),
        ("a: !!omap [", "not well-formed YAML"),
        ("a: !!python/object {b: 1}", "the tag '!!python/object' has no meaning here"),
    ],
)
def test_collection_that_its_tag_does_not_fit_is_refused(
    text: str, message: str
) -> None:
    """The message says which tag, and why."""
    with pytest.raises(DocumentSyntaxError) as caught:
        read_text(text)
    assert message in caught.value.message


def test_places_in_an_ordered_mapping_are_those_of_its_lines() -> None:
    """Findings point at the key and the value, not at the list around them."""
    document = read_text("x: 0\na: !!omap\n- b: 1\n- c: !!omap\n  - d: 2\ne: 3")
    for path, line, column in [
        (("a", "b"), 3, 6),
        (("a", "c", "d"), 5, 8),
        (("e",), 6, 4),
    ]:
        where = document.locate(path)
        assert (where.line, where.column) == (line, column)
    assert document.locate(("a", "c"), key=True).column == 3


def test_deeply_nested_ordered_mappings_are_refused() -> None:
    """Not with a crash."""
    text = "a: " + "!!omap [a: " * 300 + "1" + "]" * 300
    with pytest.raises(DocumentSyntaxError) as caught:
        read_text(text)
    assert caught.value.code == "E-yaml-depth"


def test_tags_of_lists_and_mappings_differ() -> None:
    """`!!seq` is no tag of a mapping; `!!set` is one of both."""
    from ruamel.yaml.events import MappingStartEvent, SequenceStartEvent

    mapping = kind_tags(MappingStartEvent(None, None, True))
    sequence = kind_tags(SequenceStartEvent(None, None, True))
    assert mapping & sequence == {"tag:yaml.org,2002:set"}
    assert has_ordered("a: !!omap []")
    assert not has_ordered("a: []")
