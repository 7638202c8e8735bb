"""The settings of script steps as the control port shows and changes them.

Spec 5.2::

    GET /scripting                    {"enabled": true, "timeout": 60000, …}
    PUT /scripting {"timeout": 500}   {"enabled": true, "timeout": 500, …}

This module must not know how a script runs.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from naftiko.records.tuples import NamedTuple
from naftiko.spec.model import SCRIPT_LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.functions.scripting.scripts import Scripting
    from naftiko.plain import JSON
    from naftiko.spec.model import ScriptSettings


class WrongSetting(ValueError):
    """A request names an unknown setting, or gives one a wrong value."""


class _Setting(NamedTuple):
    """One setting that a request may change.

    Attributes:
        name: The attribute of `ScriptSettings`.
        is_good: Tells whether a value is allowed.
        wanted: The allowed values, in words.
    """

    name: str
    is_good: Callable[[JSON], bool]
    wanted: str


def scripting_state(scripting: Scripting) -> dict[str, JSON]:
    """Return the settings and the statistics of scripts, as the control port shows."""
    settings, stats = scripting.settings, scripting.stats
    state: dict[str, JSON] = {"enabled": scripting.is_enabled}
    if settings.default_location:
        state["defaultLocation"] = settings.default_location
    if settings.default_language:
        state["defaultLanguage"] = settings.default_language
    state["timeout"] = settings.timeout
    state["statementLimit"] = settings.statement_limit
    if settings.allowed_languages:
        state["allowedLanguages"] = list(settings.allowed_languages)
    counts: dict[str, JSON] = {
        "totalExecutions": stats.executions,
        "totalErrors": stats.errors,
        "averageDurationMs": round(stats.average_ms, 2),
    }
    if stats.last_at is not None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(stats.last_at))
        counts["lastExecutionAt"] = moment
    return {**state, "stats": counts}


def changed_settings(
    given: Mapping[str, JSON], settings: ScriptSettings
) -> ScriptSettings:
    """Return the settings with the changes of a request.

    Raises:
        WrongSetting: A key is unknown or a value is not allowed.
    """
    changes: dict[str, Any] = {}
    for key, value in given.items():
        if key not in _SETTINGS:
            raise WrongSetting(f"Unknown scripting field: {key}")
        name, is_good, wanted = _SETTINGS[key]
        if not is_good(value):
            raise WrongSetting(f"`{key}` {wanted}")
        changes[name] = tuple(value) if isinstance(value, list) else value
    return settings._replace(**changes)


def _is_boolean(value: JSON) -> bool:
    return isinstance(value, bool)


def _is_count(value: JSON) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_file_uri(value: JSON) -> bool:
    return isinstance(value, str) and re.match(r"file:///.", value) is not None


def _is_language(value: JSON) -> bool:
    return value in SCRIPT_LANGUAGES


def _are_languages(value: JSON) -> bool:
    return isinstance(value, list) and all(item in SCRIPT_LANGUAGES for item in value)


#: Key of the request → the setting that it changes.
_SETTINGS = {
    "enabled": _Setting("enabled", _is_boolean, "is true or false"),
    "timeout": _Setting(
        "timeout", _is_count, "is a whole number of milliseconds, from 1"
    ),
    "statementLimit": _Setting(
        "statement_limit", _is_count, "is a whole number, from 1"
    ),
    "defaultLocation": _Setting(
        "default_location", _is_file_uri, "is an absolute file: URI"
    ),
    "defaultLanguage": _Setting(
        "default_language", _is_language, f"is one of {', '.join(SCRIPT_LANGUAGES)}"
    ),
    "allowedLanguages": _Setting(
        "allowed_languages",
        _are_languages,
        f"is a list of {', '.join(SCRIPT_LANGUAGES)}",
    ),
}
