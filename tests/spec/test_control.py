"""Settings of a control adapter; ids are those of the facts in spec 11.9 and 11.10."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.errors import Edit
from naftiko.spec.adapters import LogSettings, Management, ObservabilitySettings
from naftiko.spec.control import read_management, read_observability, read_scripting
from naftiko.spec.model import ScriptSettings
from support.building import document
from support.records import part


def test_management_has_defaults() -> None:
    """C06: health is on, everything else off, and at most five follow the log."""
    assert part(read_management, None) == (Management(), [])
    assert Management()[:4] == (True, False, False, False)
    assert Management().logs == LogSettings(False, False, 5)


def test_logs_are_a_flag_or_a_mapping() -> None:
    """C07: `true` turns everything on; a mapping says what."""
    for data, logs in (
        (True, LogSettings(True, True, 5)),
        (False, LogSettings(False, False, 5)),
        ({"stream": True, "max-subscribers": 7}, LogSettings(True, True, 7)),
        ({"level-control": False}, LogSettings()),
    ):
        management, codes = part(read_management, {"logs": data})
        assert (management.logs, codes) == (logs, [])


def test_too_many_subscribers_are_noted() -> None:
    """A number out of range is left out, and the default stands."""
    management, codes = part(read_management, {"logs": {"max-subscribers": 99}})
    assert (management.logs.max_subscribers, codes) == (5, ["W-control-value"])


def test_a_flag_that_is_a_text_is_noted() -> None:
    """A text turns nothing on or off."""
    data = {"health": "no", "info": "yes", "logs": "on", "scripting": True}
    management, codes = part(read_management, data)
    assert management == Management()
    assert codes == ["W-control-value"] * 3
    assert part(read_scripting, True) == (None, ["W-control-value"])


def test_an_unknown_setting_is_noted() -> None:
    """A misspelt key would turn nothing on in silence."""
    management, codes = part(read_management, {"relaod": True})
    assert (management, codes) == (Management(), ["W-control-key"])


def test_misspelt_setting_can_be_renamed() -> None:
    """The mend is certain where one key is near, and not there yet."""
    data = document()
    adapter = {"type": "control", "port": 1, "management": {"relaod": True}}
    data["capability"]["exposes"] = [adapter]
    (problem,) = naftiko.validate(data, schema=None)
    path = "/capability/exposes/0/management/relaod"
    assert problem.fix == Edit("rename", path, "reload")


def test_scripting_has_defaults() -> None:
    """C12: a minute, 100,000 statements, every language."""
    assert part(read_scripting, None) == (None, [])
    assert part(read_scripting, {}) == (ScriptSettings(), [])
    settings = ScriptSettings()
    assert (settings.timeout, settings.statement_limit) == (60000, 100000)


def test_script_limits_that_are_none_are_noted() -> None:
    """C12: a limit below 1, or that is a text, is left out."""
    data = {
        "enabled": True,
        "defaultLocation": "file:///x",
        "timeout": 0,
        "statementLimit": "7",
        "allowedLanguages": ["javascript"],
    }
    settings, codes = part(read_scripting, data)
    assert settings == ScriptSettings(
        True, "file:///x", allowed_languages=("javascript",)
    )
    assert codes == ["W-control-value"] * 2


def test_script_defaults_that_do_not_work_are_noted() -> None:
    """They are kept, so that a script says the same when it runs."""
    data = {
        "enabled": "no",
        "defaultLocation": "scripts",
        "defaultLanguage": "js",
        "allowedLanguages": ["javascript", "ruby"],
    }
    settings, codes = part(read_scripting, data)
    assert settings == ScriptSettings(
        None, "scripts", "js", allowed_languages=("javascript", "ruby")
    )
    assert codes == ["W-control-value"] * 4


def test_observability_has_defaults() -> None:
    """C08, C14: everything is kept, nothing is sent."""
    assert part(read_observability, None) == (ObservabilitySettings(), [])
    assert part(read_observability, {"enabled": False})[0].enabled is False


def test_every_key_of_observability_is_read() -> None:
    """C08, C09, C14: each has its place in the record."""
    data = {
        "metrics": {"local": {"enabled": False}},
        "traces": {
            "sampling": 0.1,
            "propagation": "b3",
            "local": {"enabled": False, "buffer-size": 50},
        },
        "exporters": {"otlp": {"endpoint": " http://x:4318 "}},
    }
    assert part(read_observability, data) == (
        ObservabilitySettings(True, False, False, 0.1, "b3", 50, "http://x:4318"),
        [],
    )


def test_broken_observability_is_noted() -> None:
    """C14: the defaults stand; a blank endpoint sends nothing."""
    wrong = {"sampling": True, "local": {"buffer-size": 0}, "propagation": "jaeger"}
    settings, codes = part(
        read_observability,
        {"traces": wrong, "exporters": {"otlp": {"endpoint": " "}}},
    )
    assert settings == ObservabilitySettings()
    assert codes == ["W-control-value"] * 3


def test_an_endpoint_that_cannot_be_sent_to_is_noted() -> None:
    """One with a variable is looked at when it is served."""
    for endpoint, expected in (
        ("collector:4318", ["W-control-value"]),
        ("http://collector:4317", ["W-control-value"]),
        ("http://[", ["W-control-value"]),
        ("http://collector:4318", []),
        ("{{COLLECTOR}}", []),
    ):
        data = {"exporters": {"otlp": {"endpoint": endpoint}}}
        settings, codes = part(read_observability, data)
        assert (settings.endpoint, codes) == (endpoint, expected)


@pytest.mark.parametrize(
    ("adapter", "shown"),
    [
        ({}, True),
        ({"address": "localhost"}, True),
        ({"address": "127.0.0.1"}, True),
        ({"address": "::1"}, True),
        ({"address": "0.0.0.0"}, False),
        ({"address": "control.example"}, False),
        ({"address": "{{HOST}}"}, False),
        ({"address": "0.0.0.0", "observability": {}}, False),
        ({"address": "0.0.0.0", "observability": {"traces": {"sampling": 1}}}, False),
        ({"address": "0.0.0.0", "authentication": {"type": "none"}}, False),
        ({"address": "0.0.0.0", "authentication": {"type": "bearer", "token": "t"}}, True),
    ],
)  # fmt: skip
def test_metrics_and_traces_of_an_open_port_must_be_asked_for(
    adapter: dict[str, Any], shown: bool
) -> None:
    """Where other machines come without credentials, the document has to name them."""
    data = document()
    data["capability"]["exposes"] = [{"type": "control", "port": 1, **adapter}]
    (exposes,) = naftiko.load(data, schema=None).exposes
    assert exposes.observability is not None
    assert exposes.observability.metrics is shown
    assert exposes.observability.traces is shown


def test_metrics_and_traces_of_an_open_port_can_be_asked_for() -> None:
    """`local.enabled: true` shows one of them, whoever asks."""
    data = document()
    adapter = {"type": "control", "port": 1, "address": "0.0.0.0"}
    named = {"metrics": {"local": {"enabled": True}}}
    data["capability"]["exposes"] = [{**adapter, "observability": named}]
    (exposes,) = naftiko.load(data, schema=None).exposes
    assert exposes.observability is not None
    assert (exposes.observability.metrics, exposes.observability.traces) == (
        True,
        False,
    )
