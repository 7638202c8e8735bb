"""Script steps: JavaScript in a sandbox, governed by the control adapter (spec 8.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

JSON = Any


class Script(Protocol):
    """One script, ready to run."""

    def run(self, context: Mapping[str, JSON], *, step: str) -> JSON:
        """Return the `result` of the script, or `ABSENT` when it set none."""
        ...


class ScriptRunner(Protocol):
    """What prepares scripts."""

    def prepare(self, script: Mapping[str, JSON], *, step: str) -> Script:
        """Return a script made ready."""
        ...
