"""Formats and scripts that do not run here, each with its reason and its remedy.

The places of these findings are in `cases/calls.yaml`.
"""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.document.findings import Findings
from naftiko.document.source import read
from naftiko.linking.names import DocumentNames
from naftiko.linking.unsupported import note_script, script_settings
from naftiko.spec.model import Exposes, ScriptSettings, Step

HERE = "file:///./"


def _noted(settings: ScriptSettings, **script: Any) -> list[tuple[str, str]]:
    """Return code and message of each finding about a script step."""
    findings = Findings(read({"a": 1}))
    names: Any = DocumentNames.__new__(DocumentNames)
    names.findings = findings
    note_script(Step("script", "s", script=script), settings, names)
    return [(finding.rule.code, finding.message) for finding in findings.noted]


@pytest.mark.parametrize(
    ("settings", "script", "noted"),
    [
        ({}, {"file": "a.js", "location": HERE, "language": "javascript"}, []),
        (
            {"default_location": HERE, "default_language": "javascript"},
            {"file": "a.js"},
            [],
        ),
        (
            {},
            {"file": "a.js"},
            [("U-script", "has no `location` and no `language`")],
        ),
        (
            {"default_language": "groovy"},
            {"file": "a.groovy", "location": HERE},
            [
                (
                    "U-script-language",
                    "is written in 'groovy', which cannot be run safely here",
                )
            ],
        ),
        (
            {"enabled": False, "default_location": HERE},
            {"file": "a.js", "language": "javascript"},
            [("U-script", "is disabled: management.scripting.enabled=false")],
        ),
        (
            {"allowed_languages": ("python",), "default_location": HERE},
            {"file": "a.js", "language": "javascript"},
            [
                (
                    "U-script",
                    "is written in 'javascript', which is not in `allowedLanguages`",
                )
            ],
        ),
        (
            {"default_location": "https://a.test/scripts"},
            {"file": "a.js", "language": "javascript"},
            [
                (
                    "U-location",
                    "has the location 'https://a.test/scripts', which is no file: URI",
                )
            ],
        ),
    ],
)
def test_script_that_will_not_run_says_why(
    settings: Any, script: Any, noted: list[tuple[str, str]]
) -> None:
    """Its own keys come first, then the defaults of the control adapter."""
    said = [(code, f"the script of step 's' {why}") for code, why in noted]
    assert _noted(ScriptSettings(**settings), **script) == said


def test_script_without_its_engine_is_told_which_extra_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The library of a format or a script is looked for, and not imported."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    script = {"file": "a.js", "location": HERE, "language": "javascript"}
    assert _noted(ScriptSettings(), **script) == [
        ("U-script", "the script of step 's' needs an engine that is not installed")
    ]


def test_settings_of_scripts_are_those_of_the_first_adapter_with_any() -> None:
    """A document without a control adapter has the defaults."""
    plain = Exposes("rest", "r")
    limited = ScriptSettings(timeout=5)
    control = plain._replace(type="control", scripting=limited)
    assert script_settings([plain, control]) is limited
    assert script_settings([plain]) == ScriptSettings()
