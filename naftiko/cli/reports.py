"""The reports of `naftiko validate`: text, JSON, GitHub annotations, SARIF."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from naftiko.cli.console import clean, paint
from naftiko.cli.tables import json_text
from naftiko.errors import Problem
from naftiko.version import __version__


class CheckedFile(NamedTuple):
    """One file and its problems; one that cannot be read has only that."""

    file: str
    problems: tuple[Problem, ...]
    is_readable: bool = True

    @property
    def is_valid(self) -> bool:
        """Whether the file has no error."""
        return all(problem.severity != "error" for problem in self.problems)


class _Text:
    def add(self, checked: CheckedFile) -> None:
        # That a file cannot be read is said already, to the one who asked for it.
        for problem in checked.problems if checked.is_readable else ():
            file = clean(problem.file).replace("\n", "\\n")
            text = clean(str(problem._replace(file=file)))
            word = f" {problem.severity}: "
            shown = f" {paint(problem.severity, problem.severity, sys.stdout)}: "
            first, _, hint = text.partition("\n")
            print(first.replace(word, shown, 1))
            if hint:
                print(paint(hint, "hint", sys.stdout))

    def end(self, totals: dict[str, int]) -> None:
        """Everything is printed."""


class _Json:
    """One object, written as it is made: memory stays flat over many files."""

    def __init__(self) -> None:
        self._first = True

    def add(self, checked: CheckedFile) -> None:
        shown = {
            "file": checked.file,
            "valid": checked.is_valid,
            "problems": [problem.as_dict() for problem in checked.problems],
        }
        text = json_text(shown).replace("\n", "\n    ")
        print('{\n  "files": [\n    ' if self._first else ",\n    ", end="")
        print(text, end="")
        self._first = False

    def end(self, totals: dict[str, int]) -> None:
        print('{\n  "files": [' if self._first else "\n  ", end="")
        summary = json_text(totals).replace("\n", "\n  ")
        print(f'],\n  "summary": {summary}\n}}')


class _GitHub:
    """Workflow commands, which annotate the changed lines of a pull request."""

    def add(self, checked: CheckedFile) -> None:
        for problem in checked.problems:
            level = {"info": "notice"}.get(problem.severity, problem.severity)
            message = problem.message
            if problem.hint:
                message += f"\nhint: {problem.hint}"
            print(
                f"::{level} file={_property(problem.file)},line={problem.line},"
                f"col={problem.column},title={_property(problem.code)}"
                f"::{_message(message)}"
            )

    def end(self, totals: dict[str, int]) -> None:
        """Everything is printed."""


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


class _Sarif:
    """SARIF 2.1.0, which code scanning services read."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def add(self, checked: CheckedFile) -> None:
        self._problems += checked.problems

    def end(self, totals: dict[str, int]) -> None:
        codes = sorted({problem.code for problem in self._problems})
        driver = {
            "name": "naftiko",
            "version": __version__,
            "rules": [{"id": code} for code in codes],
        }
        results = [_sarif_result(p, codes.index(p.code)) for p in self._problems]
        print(
            json_text(
                {
                    "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
                    "version": "2.1.0",
                    "runs": [
                        {
                            "tool": {"driver": driver},
                            "columnKind": "unicodeCodePoints",
                            "results": results,
                        }
                    ],
                }
            )
        )


def _sarif_result(problem: Problem, rule: int) -> dict[str, Any]:
    text = problem.message + (f" ({problem.hint})" if problem.hint else "")
    file = Path(problem.file)
    uri = file.as_uri() if file.is_absolute() else quote(os.fsencode(file.as_posix()))
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": uri},
            "region": {"startLine": problem.line, "startColumn": problem.column},
        }
    }
    if problem.path:
        location["logicalLocations"] = [{"fullyQualifiedName": problem.path}]
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": {"info": "note"}.get(problem.severity, problem.severity),
        "message": {"text": text},
        "locations": [location],
    }


REPORTS: dict[str, Any] = {
    "text": _Text,
    "json": _Json,
    "github": _GitHub,
    "sarif": _Sarif,
}
