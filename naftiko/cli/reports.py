"""The reports of `naftiko validate`: text, JSON, GitHub annotations, SARIF.

    report.add(CheckedFile("a.yaml", problems)), …, report.end(totals)
        → lines on standard output

A report prints each file as soon as it is checked, if its format allows that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from naftiko.cli.console import clean, paint
from naftiko.cli.tables import json_text
from naftiko.errors import Problem, Related, with_stop
from naftiko.version import __version__


class CheckedFile(NamedTuple):
    """One file and its problems.

    Attributes:
        file: The name of the file.
        problems: Every problem; for a file that cannot be read, only that one.
        is_readable: Whether the file could be read.
    """

    file: str
    problems: tuple[Problem, ...]
    is_readable: bool = True

    @property
    def is_valid(self) -> bool:
        """Whether the file has no error."""
        return all(problem.severity != "error" for problem in self.problems)


class _Text:
    """Lines as a compiler writes them: `file:line:column: severity: message [code]`."""

    def add(self, checked: CheckedFile) -> None:
        # For a file that cannot be read there is an error on standard error already.
        for problem in checked.problems if checked.is_readable else ():
            file = clean(problem.file).replace("\n", "\\n")
            severity = paint(problem.severity, problem.severity, sys.stdout)
            message = clean(with_stop(problem.message))
            where = f"{file}:{problem.line}:{problem.column}"
            print(f"{where}: {severity}: {message} [{problem.code}]")
            for place in problem.related:
                where = f"{clean(place.file)}:{place.line}:{place.column}"
                print(f"  note: {where}: {clean(place.message)}")
            if problem.hint:
                print(paint(f"  hint: {clean(problem.hint)}", "hint", sys.stdout))

    def end(self, totals: dict[str, int]) -> None:
        """Print nothing more."""


class _Json:
    """One JSON object, printed file by file: memory stays flat over many files."""

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
        """Print nothing more."""


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
    result = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": {"info": "note"}.get(problem.severity, problem.severity),
        "message": {"text": text},
        "locations": [_sarif_location(problem)],
    }
    if problem.related:
        result["relatedLocations"] = [
            {**_sarif_location(place), "message": {"text": place.message}}
            for place in problem.related
        ]
    return result


def _sarif_location(place: Problem | Related) -> dict[str, Any]:
    file = Path(place.file)
    uri = file.as_uri() if file.is_absolute() else quote(os.fsencode(file.as_posix()))
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": uri},
            "region": {"startLine": place.line, "startColumn": place.column},
        }
    }
    if place.path:
        location["logicalLocations"] = [{"fullyQualifiedName": place.path}]
    return location


REPORTS: dict[str, Any] = {
    "text": _Text,
    "json": _Json,
    "github": _GitHub,
    "sarif": _Sarif,
}
