"""The settings of scripts at `/scripting`; codes are those of facts in spec 11.9."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.functions.scripting.scripts import Stats
from support.controlling import ALL, app, get, send


def test_script_settings_can_be_read_and_changed() -> None:
    """C11: `/scripting` shows settings and statistics; changes take effect at once."""
    control = app(ALL)
    status, found = get(control, "/scripting")
    assert status == 200
    assert found == {
        "enabled": True,
        "timeout": 60000,
        "statementLimit": 100000,
        "stats": {"totalExecutions": 0, "totalErrors": 0, "averageDurationMs": 0.0},
    }
    for key, value in (
        ("enabled", False),
        ("timeout", 500),
        ("statementLimit", 10),
        ("defaultLocation", "file:///scripts"),
        ("defaultLanguage", "javascript"),
        ("allowedLanguages", ["javascript"]),
    ):
        status, found = send(control, "PUT", "/scripting", {key: value})
        assert (status, found[key]) == (200, value)
        assert get(control, "/scripting")[1][key] == value


@pytest.mark.parametrize(
    "data",
    [
        {"timeout": 0},
        {"timeout": "1"},
        {"timeout": True},
        {"statementLimit": 0},
        {"defaultLocation": "scripts"},
        {"defaultLocation": "http://x/y"},
        {"defaultLanguage": "ruby"},
        {"allowedLanguages": "javascript"},
        {"allowedLanguages": ["ruby"]},
        {"unknown": 1},
        [1],
        b"{",
    ],
)
def test_wrong_script_setting_changes_nothing(data: Any) -> None:
    """A PUT is atomic; the reference engine keeps earlier settings (weakness 14)."""
    control = app(ALL)
    if isinstance(data, dict):
        data = {"statementLimit": 5, **data} if "statementLimit" not in data else data
    status, found = send(control, "PUT", "/scripting", data)
    assert status == 400
    assert found["error"]
    assert get(control, "/scripting")[1]["statementLimit"] == 100000


def test_script_statistics_count_runs_and_errors() -> None:
    """C11: statistics have runs, errors, average duration and time of the last run."""
    control = app(ALL)
    control._served.engine.capability.scripting.stats = Stats(2, 1, 15.0, 0.0)
    found = get(control, "/scripting")[1]["stats"]
    assert (found["totalExecutions"], found["totalErrors"]) == (2, 1)
    assert found["averageDurationMs"] == 7.5
    assert found["lastExecutionAt"] == "1970-01-01T00:00:00Z"
