"""Log lines of a server: text, JSON, and the latest of them."""

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
    """Return a record of a logger of this package."""
    made = logging.LogRecord(
        "naftiko.serve", logging.INFO, __file__, 1, message, arguments, None
    )
    vars(made).update(extra)
    return made


def test_json_line_has_the_extra_fields_as_members() -> None:
    """Non-ASCII stays readable, and any value has a form."""
    line = JsonLines().format(record("ä %s", "b", url="http://x", status=200, file=sys))
    data = json.loads(line)
    assert "ä b" in line
    assert (data["level"], data["logger"]) == ("info", "naftiko.serve")
    assert (data["url"], data["status"]) == ("http://x", 200)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["time"])


def test_exception_is_a_member_of_its_own() -> None:
    """With its traceback, and only where there is one."""
    try:
        raise KeyError("x")
    except KeyError:
        failed = record("failed")
        failed.exc_info = sys.exc_info()
    assert as_dict(failed)["error"].endswith("KeyError: 'x'")
    assert "error" not in as_dict(record("fine"))


def test_text_line_is_for_people() -> None:
    """Time, level, logger and message."""
    assert re.fullmatch(
        r"[\d-]+ [\d:,]+ INFO    naftiko\.serve: shop up",
        TextLines().format(record("shop %s", "up")),
    )


def test_latest_lines_are_kept_and_told() -> None:
    """The oldest is dropped; a listener gets each new one."""
    latest = LatestLines(2)
    told: list[Any] = []
    latest.listeners.add(told.append)
    for number in range(3):
        latest.handle(record("%s", number))
    assert [line["message"] for line in latest.lines] == ["1", "2"]
    assert [line["message"] for line in told] == ["0", "1", "2"]


def test_filter_enriches_the_lines_of_every_handler() -> None:
    """The ids of a trace are in the stream and in the latest lines."""
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
def test_configured_process_logs_to_standard_error(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Our loggers by their level, others from warnings on."""
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
