"""Server-sent events, and the log that a client can resume from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from naftiko.exposes.mcp.protocol.events import (
    MOST_BYTES,
    MOST_EVENTS,
    STANDING,
    EventLog,
    event,
    priming,
)


def test_message_becomes_an_event() -> None:
    """An event ends with an empty line; JSON has no other lines in it."""
    assert event(b"{}") == b"event: message\r\ndata: {}\r\n\r\n"
    assert event(b'{"a":\n1}', "1.2") == (
        b'id: 1.2\r\nevent: message\r\ndata: {"a": 1}\r\n\r\n'
    )
    assert priming("3.0") == b"id: 3.0\r\ndata:\r\n\r\n"


def test_client_gets_the_rest_of_its_stream() -> None:
    """Events of another stream are never sent."""
    log = EventLog()
    first, second = log.begin(), log.begin()
    assert [log.add(first, b"a"), log.add(second, b"b"), log.add(first, b"c")] == [
        "1.1", "2.1", "1.2",
    ]  # fmt: skip
    assert log.after("1.0") == (first, [event(b"a", "1.1"), event(b"c", "1.2")])
    assert log.after("1.1") == (first, [event(b"c", "1.2")])
    assert log.after("1.2") == (first, [])
    assert log.after("2.0") == (second, [event(b"b", "2.1")])


def test_stream_that_has_ended_is_resumed_once_more() -> None:
    """The client may have missed the last event."""
    log = EventLog()
    stream = log.begin()
    log.add(stream, b"a")
    log.end(stream)
    assert log.after("1.0") == (stream, [event(b"a", "1.1")])


def test_unknown_id_is_refused() -> None:
    """Ids of other sessions, of no stream, or of events that are no longer kept."""
    log = EventLog()
    stream = log.begin()
    for number in range(MOST_EVENTS + 1):
        log.add(stream, b"%d" % number)
    for id_ in ("", "x", "7.1", "1", "1.x", "1.0", "1.-1", "1." + "1" * 50):
        assert log.after(id_) is None, id_
    assert log.after("1.1") is not None
    assert log.after(f"{STANDING}.0") == (STANDING, [])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 70_000)), max_size=120))
def test_log_is_bounded(said: list[tuple[int, int]]) -> None:
    """However much is said, so many events and bytes are kept at most."""
    log = EventLog()
    for _ in range(3):
        log.begin()
    for stream, size in said:
        log.add(stream, b"x" * size)
    assert len(log._kept) <= MOST_EVENTS
    assert sum(len(message) for *_, message in log._kept) == log._bytes <= MOST_BYTES
