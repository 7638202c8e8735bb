"""The reports of `naftiko validate`: text, JSON, GitHub annotations, SARIF.

    report.add(CheckedFile("a.yaml", problems)), …, report.end(totals)
        → lines on standard output

A report prints each file as soon as it is checked, if its format allows that.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from naftiko.cli.console import line_of, paint
from naftiko.cli.excerpts import excerpt
from naftiko.cli.tables import json_text
from naftiko.errors import Problem, Related, with_stop
from naftiko.records.tuples import NamedTuple
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


#: Problems of one kind that are shown of a file before the others are counted.
_SHOWN_OF_KIND = 3


class TextReport:
    """Lines as a compiler writes them: `file:line:column: severity: message [code]`.

    A terminal shows each file once, and the source line of each problem. Where a file
    has many problems of one kind, the first ones are shown and the others counted.
    """

    def __init__(self, *, every: bool = False) -> None:
        self._every = every
        self._on_terminal = sys.stdout.isatty()

    def add(self, checked: CheckedFile) -> None:
        """Print the problems of one file."""
        # For a file that cannot be read there is an error on standard error already.
        problems = checked.problems if checked.is_readable else ()
        if self._on_terminal and problems:
            print(paint(line_of(checked.file), "strong", sys.stdout))
        counted = Counter(map(_kind, problems))
        folded: dict[tuple[str, ...], list[Problem]] = {}
        for problem in problems:
            kind = _kind(problem)
            if not self._every and counted[kind] > _SHOWN_OF_KIND + 2:
                folded.setdefault(kind, []).append(problem)
                if len(folded[kind]) > _SHOWN_OF_KIND:
                    continue
            self._show(problem, checked.file)
        for alike in folded.values():
            self._count(alike[_SHOWN_OF_KIND:], checked.file)
        if folded:
            print(paint("  hint: --all shows each of them", "hint", sys.stdout))

    def _show(self, problem: Problem, file: str) -> None:
        severity = paint(problem.severity, problem.severity, sys.stdout)
        message = line_of(with_stop(problem.message))
        print(f"{self._where(problem, file)}: {severity}: {message} [{problem.code}]")
        if self._on_terminal:
            shown = excerpt(problem.file, problem.line, problem.column, indent="    ")
            if shown:
                print(shown)
        for place in problem.related:
            where = f"{line_of(place.file)}:{place.line}:{place.column}"
            print(f"  note: {where}: {line_of(place.message)}")
        if problem.hint:
            print(paint(f"  hint: {line_of(problem.hint)}", "hint", sys.stdout))

    def _where(self, problem: Problem, file: str) -> str:
        place = f"{problem.line}:{problem.column}"
        if self._on_terminal and problem.file == file:
            return f"  {place}"
        return f"{line_of(problem.file)}:{place}"

    def _count(self, alike: list[Problem], file: str) -> None:
        """Tell how many problems of a kind are not shown, and where they are."""
        first = alike[0]
        lines = sorted({problem.line for problem in alike})
        listed = ", ".join(map(str, lines[:5])) + (", …" if lines[5:] else "")
        noun = "line" if len(lines) == 1 else "lines"
        place = line_of(".".join(_kind(first)[1:][-2:]) or "the document")
        print(
            f"{self._where(first, file)}: note: {len(alike)} more like it at `{place}`,"
            f" {noun} {listed} [{first.code}]"
        )

    def end(self, totals: dict[str, int]) -> None:
        """Print nothing more."""


def _kind(problem: Problem) -> tuple[str, ...]:
    """Return what problems have in common that are alike: rule and kind of place.

    `/consumes/0/resources/3/name` → `(CODE, "consumes", "resources", "name")`
    """
    steps = problem.path.split("/")[1:]
    return (problem.code, *(step for step in steps if not step.isdigit()))


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
    "text": TextReport,
    "json": _Json,
    "github": _GitHub,
    "sarif": _Sarif,
}
