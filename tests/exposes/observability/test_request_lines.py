"""`RequestLine`: a line that is formatted apart from its request, as `logging` would."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.exposes.observability.logs import (
    JsonLines,
    LatestLines,
    StreamLines,
    TextLines,
    as_dict,
)
from naftiko.exposes.observability.request_lines import LOGGER, RequestLine


def line(path: str = "/things", **more: Any) -> RequestLine:
    """Return the line of a request."""
    made = RequestLine(1_790_000_000.9996, "shop", "GET", path, 200, 1.25, "7f")
    return made._replace(**more)


def record(of: RequestLine) -> logging.LogRecord:
    """Return the record that `logging` would format."""
    made = logging.LogRecord(LOGGER, logging.INFO, "", 1, "%s", (of.message,), None)
    made.created = of.created
    made.msecs = int((of.created - int(of.created)) * 1000) + 0.0
    vars(made).update(of.extra)
    return made


@given(
    path=st.text(),
    method=st.text(max_size=5),
    adapter=st.text(max_size=5),
    status=st.sampled_from([0, 200, 503]),
    milliseconds=st.floats(0, 1e7),
    created=st.floats(0, 2e9),
    more=st.sampled_from([None, {}, {"trace_id": "a" * 32, "span_id": "b" * 16}]),
)
def test_line_reads_as_if_logging_had_formatted_it(**fields: Any) -> None:
    """Text, JSON and plain data are those of the formatters."""
    made = line(**fields)
    as_record = record(made)
    assert made.as_text() == TextLines().format(as_record)
    assert made.as_json() == JsonLines().format(as_record)
    assert made.as_dict() == as_dict(as_record)
    assert json.loads(made.as_json()) == made.as_dict()


class _Lines:
    """A stream, the handlers that write to it, and a logger of them."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        beside = StreamLines(self.stream)
        beside.setFormatter(logging.Formatter("%(message)s"))
        self.latest = LatestLines(5, beside)
        self.log = logging.Logger("naftiko.test")
        self.log.handlers = [beside, self.latest]

    @property
    def paths(self) -> list[str]:
        """What was written: a message, or the path of a request."""
        lines = self.stream.getvalue().splitlines()
        return [text.split()[6] if LOGGER in text else text for text in lines]


def test_line_is_written_within_a_tenth_of_a_second() -> None:
    """Nothing else has to happen."""
    lines = _Lines()

    async def main() -> list[str]:
        lines.latest.add(line("/a"))
        lines.latest.add(line("/b"))
        at_once = lines.paths
        await asyncio.sleep(0.1)
        return at_once

    assert asyncio.run(main()) == []
    assert lines.paths == ["/a", "/b"]


def test_lines_are_in_the_order_in_which_they_were_made() -> None:
    """A record of another logger writes the lines before it, and listeners too."""
    lines = _Lines()
    told: list[Any] = []
    lines.latest.listeners.add(told.append)

    async def main() -> None:
        lines.latest.add(line("/a"))
        lines.log.warning("between")
        lines.latest.add(line("/b"))
        lines.latest.add(line("/c"))

    asyncio.run(main())
    lines.latest.settle()
    assert lines.paths == ["/a", "between", "/b", "/c"]
    paths = [one.get("path", one["message"]) for one in lines.latest.lines]
    assert paths == lines.paths
    assert told == lines.latest.lines


def test_many_lines_do_not_wait() -> None:
    """A busy server keeps at most some hundred lines in memory."""
    lines = _Lines()

    async def main() -> None:
        for number in range(1000):
            lines.latest.add(line(f"/{number}"))

    asyncio.run(main())
    assert lines.paths == [f"/{number}" for number in range(768)]
    assert len(lines.latest.lines) == 5


def test_end_of_the_process_writes_what_waits() -> None:
    """`logging.shutdown` flushes and closes handlers; it runs at exit."""
    for end in ("flush", "close"):
        lines = _Lines()

        async def main(lines: _Lines = lines) -> None:
            lines.latest.add(line("/a"))

        asyncio.run(main())
        getattr(lines.log.handlers[0 if end == "flush" else 1], end)()
        assert lines.paths == ["/a"]


def test_lines_of_several_threads_are_all_written_once() -> None:
    """Records of threads and lines of requests do not wait for each other for ever."""
    lines = _Lines()
    threads = [
        threading.Thread(
            target=lambda name=name: [lines.log.warning(name) for _ in range(200)]
        )
        for name in ("x", "y")
    ]

    async def main() -> None:
        for thread in threads:
            thread.start()
        for number in range(2000):
            lines.latest.add(line(f"/{number}"))
            if not number % 50:
                await asyncio.sleep(0)

    asyncio.run(main())
    for thread in threads:
        thread.join(20)
    lines.latest.settle()
    found = lines.paths
    assert [path for path in found if path[0] == "/"] == [
        f"/{number}" for number in range(2000)
    ]
    assert (found.count("x"), found.count("y")) == (200, 200)


def test_parts_that_are_written_are_whole_lines() -> None:
    """Several processes may write to one pipe: each part has at most 4,096 bytes."""
    parts: list[str] = []

    class Pipe(io.StringIO):
        def write(self, text: str) -> int:
            parts.append(text)
            return len(text)

    stream = StreamLines(Pipe())
    paths = ["/a" * 100, "/é" * 300, "/" + "b" * 5000, *["/c"] * 100]
    stream.write_all([line(path) for path in paths])
    assert "".join(parts).count("\n") == len(paths)
    assert all(part.endswith("\n") for part in parts)
    assert all(len(p.encode()) <= 4096 or p.count("\n") == 1 for p in parts)
    assert len(parts) < len(paths) / 10


@pytest.mark.parametrize("raising", [True, False])
def test_stream_that_fails_does_not_stop_the_server(
    raising: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with `logging`: it is told on standard error, if that is wanted."""
    monkeypatch.setattr(logging, "raiseExceptions", raising)
    stream = io.StringIO()
    stream.close()
    StreamLines(stream).write_all([line()])
    assert ("Logging error" in capsys.readouterr().err) is raising
