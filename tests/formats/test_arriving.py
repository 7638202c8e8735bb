"""Values that are read while a body arrives."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naftiko.errors import OutputError
from naftiko.formats.arriving import (
    BodyReader,
    EventReader,
    JsonReader,
    LineReader,
    Reader,
    complete_part,
)

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


FRAMES = b"\x01\0\0\0\0\0\0\x03a1\n\x02\0\0\0\0\0\0\x02b1"
LINES = [{"stream": "stdout", "text": "a1"}, {"stream": "stderr", "text": "b1"}]
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
EVENTS = "text/event-stream"
#: Type, body, its values, and the bytes that are complete when the last one is cut off.
BODIES: Any = [
    ("application/x-ndjson", b'{"n":1}\r\n{"n":2}', [{"n": 1}, {"n": 2}], 9),
    ("application/json", b'{"n":"\xc3\xa9"}\n[2]', [{"n": "é"}, [2]], 11),
    ("", b'{"n":1}{"n":2}', [{"n": 1}, {"n": 2}], 7),
    (EVENTS, b"data: 1\r\rdata: 2\r\r", [1, 2], 9),
    (
        EVENTS,
        b"data: 1\r\n\r\nevent: x\ndata: 2\n\n",
        [1, {"event": "x", "data": 2}],
        11,
    ),
    (MULTIPLEXED, FRAMES, LINES, 11),
    ("", FRAMES, LINES, 11),
    ("application/octet-stream", FRAMES, LINES, 11),
    ("application/vnd.docker.raw-stream", b"\x01tty\nup", ["\x01tty", "up"], 5),
    ("text/plain", b"one\r\ntwo", ["one", "two"], 5),
    ("", b"one\ntwo", ["one", "two"], 4),
    ("", b"\x01", ["\x01"], 0),
    ("", b"", [], 0),
]


@pytest.mark.parametrize(("kind", "body", "values", "whole"), BODIES)
def test_values_of_a_body_arrive_in_any_pieces(
    kind: str, body: bytes, values: list[Any], whole: int
) -> None:
    """The type, or the first bytes, tell what the values of a body are."""
    for size in (1, 3, len(body) or 1):
        reader = BodyReader(kind)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        found = [value for piece in pieces for value in reader.feed(piece)]
        assert [*found, *reader.end()] == values, size
        assert reader.failure is None
    assert complete_part(body[:-1], kind) == body[:whole]


def test_failure_that_an_engine_writes_between_frames_is_told() -> None:
    """It is no line of the log; an event called `error` is a value too."""
    reader = BodyReader(MULTIPLEXED)
    assert list(reader.feed(b"\x03\0\0\0\0\0\0\x03no\n")) == []
    assert reader.failure == {"error": "no"}
    assert list(reader.feed(b"\x03\0\0\0\0\0\0\x04disk")) == []
    assert reader.failure == {"error": "no\ndisk"}
    reader = BodyReader(EVENTS)
    assert len(list(reader.feed(b"event: error\ndata: no\n\n"))) == 1
    assert reader.failure == "no"
