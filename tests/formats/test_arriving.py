"""Values that are read while a body arrives."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naftiko.errors import OutputError
from naftiko.formats.arriving import EventReader, JsonReader, LineReader, Reader

VALUES = st.recursive(
    st.text(max_size=6) | st.integers(-9, 9) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


def read(reader: Reader, *pieces: str) -> list[Any]:
    """Return the values of some pieces, and of the end."""
    found = [value for piece in pieces for value in reader.feed(piece)]
    return [*found, *reader.end()]


@settings(max_examples=40)
@given(
    st.lists(VALUES, max_size=5), st.sampled_from(["\n", "\r\n", "\n\x1e"]), st.data()
)
def test_json_documents_arrive_in_any_pieces(
    values: list[Any], between: str, data: st.DataObject
) -> None:
    """Documents are found however the text is cut, with escapes and brackets in texts."""
    text = between.join(json.dumps(value) for value in values)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=5))
    places = [0, *sorted(cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(places)]
    assert read(JsonReader(), *pieces) == values


def test_document_is_given_with_its_last_bracket() -> None:
    """An object needs no line break behind it; a number does."""
    reader = JsonReader()
    assert list(reader.feed('{"a": "}"')) == []
    assert not reader.is_between
    assert list(reader.feed('}{"b": 1} 7')) == [{"a": "}"}, {"b": 1}]
    assert not reader.is_between
    assert list(reader.feed("\n")) == [7]
    assert reader.is_between
    assert list(reader.end()) == []


def test_text_that_is_no_json_is_a_fault() -> None:
    """The fault is raised with the line that is wrong."""
    with pytest.raises(OutputError, match="not json"):
        read(JsonReader(), '{"a": 1}\n<p>\n')


def test_events_of_a_server() -> None:
    """Data is a value; a name or an id makes it an object; comments are left out."""
    events = ': hi\n\ndata: {"n": 1}\n\ndata: a\ndata: b\n\n'
    events += "event: tick\r\nid: 7\r\ndata: [DONE]\r\n\r\nevent: none\n\ndata:last"
    reader = EventReader()
    assert read(reader, events[:9], events[9:]) == [
        {"n": 1},
        "a\nb",
        {"event": "tick", "id": "7", "data": "[DONE]"},
        "last",
    ]
    assert reader.failure is None
    reader = EventReader()
    read(reader, 'event: error\ndata: {"message": "no"}\n\n')
    assert reader.failure == {"message": "no"}


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_every_end_of_a_line_ends_one_of_events(end: str) -> None:
    """The three ends of HTML 9.2.5, wherever a stream is cut; an event comes at once."""
    lines = ["\ufeff: hi", "retry: 9", "data: {", "data: }", "", "data", "", "event:"]
    text = end.join([*lines, "data:  \ufeffx", "", ""])
    for at in range(len(text)):
        assert read(EventReader(), text[:at], text[at:]) == [{}, "", " \ufeffx"], at
    assert read(EventReader(), *text) == [{}, "", " \ufeffx"]
    reader = EventReader()
    assert list(reader.feed(f"data: 1{end}{end}")) == [1]


def test_json_lines_of_any_end_are_values() -> None:
    """CR LF, and a CR alone, end a line of JSON as LF does."""
    text = '{"a":1}\r\n2\r3\r\n\r\n"x"\r'
    reader = JsonReader()
    assert [value for sign in text for value in reader.feed(sign)] == [
        {"a": 1},
        2,
        3,
        "x",
    ]


def test_lines_arrive_in_any_pieces() -> None:
    """A line is given with its line break, the last one at the end."""
    assert read(LineReader(), "on", "e\r\n\ntwo", "") == ["one", "", "two"]
