"""Log lines of a server: text, JSON, and a buffer of the latest lines."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from naftiko.exposes.observability.logs import (
    JsonLines,
    LatestLines,
    TextLines,
    as_dict,
    configure,
)


def record(
    message: str = "shop %s", *arguments: Any, **extra: Any
) -> logging.LogRecord:
    """Return a log record of a logger of this package."""
    made = logging.LogRecord(
        "naftiko.serve", logging.INFO, __file__, 1, message, arguments, None
    )
    vars(made).update(extra)
    return made


def test_json_log_line_has_extra_fields_as_members() -> None:
    """Non-ASCII text stays readable; a value that JSON lacks is written as text."""
    line = JsonLines().format(record("ä %s", "b", url="http://x", status=200, file=sys))
    data = json.loads(line)
    assert "ä b" in line
    assert (data["level"], data["logger"]) == ("info", "naftiko.serve")
    assert (data["url"], data["status"]) == ("http://x", 200)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["time"])


def test_exception_of_a_log_record_is_the_member_error() -> None:
    """`error` holds the traceback; a record without an exception has no `error`."""
    try:
        raise KeyError("x")
    except KeyError:
        failed = record("failed")
        failed.exc_info = sys.exc_info()
    assert as_dict(failed)["error"].endswith("KeyError: 'x'")
    assert "error" not in as_dict(record("fine"))


def test_text_log_line_has_time_level_logger_and_message() -> None:
    """A text line has a fixed order, for people to read."""
    assert re.fullmatch(
        r"[\d-]+ [\d:,]+ INFO    naftiko\.serve: shop up",
        TextLines().format(record("shop %s", "up")),
    )


def test_latest_log_lines_are_kept_and_sent_to_listeners() -> None:
    """The buffer drops its oldest line; a listener gets each new line."""
    latest = LatestLines(2)
    told: list[Any] = []
    latest.listeners.add(told.append)
    for number in range(3):
        latest.handle(record("%s", number))
    assert [line["message"] for line in latest.lines] == ["1", "2"]
    assert [line["message"] for line in told] == ["0", "1", "2"]


def test_log_filter_enriches_the_lines_of_every_handler() -> None:
    """The filter that adds trace ids is added to the stream and to the buffer."""
    beside = logging.NullHandler()
    latest = LatestLines(5, beside)
    enriching = logging.Filter()
    latest.enrich(enriching)
    assert beside.filters == latest.filters == [enriching]


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("naftiko")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    root.handlers = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize("kind", ["text", "json"])
def test_configured_logging_writes_to_standard_error(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loggers of this package have the given level; other loggers have `warning`."""
    latest = configure(kind, "info")
    logging.getLogger("naftiko.serve").info("ours")
    logging.getLogger("naftiko.serve").debug("quiet")
    logging.getLogger("other").info("theirs")
    logging.getLogger("other").warning("loud")
    assert [line["message"] for line in latest.lines] == ["ours", "loud"]
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 2
    assert ('"message": "ours"' in told.err) is (kind == "json")
