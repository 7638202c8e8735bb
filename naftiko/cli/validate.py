"""`naftiko validate`: check files, folders and globs, in several processes if asked."""

from __future__ import annotations

import glob
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.cli.console import Progress, fail, json_text, note, paint
from naftiko.errors import EXIT_CALL, EXIT_OK, EXIT_USAGE, DocumentError, Problem
from naftiko.version import __version__

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

_SUFFIXES = (".yaml", ".yml", ".json")


class _Checked(NamedTuple):
    """One file: its problems, or why it cannot be read."""

    file: str
    problems: tuple[Problem, ...]
    unreadable: str = ""

    @property
    def is_valid(self) -> bool:
        return not self.unreadable and all(p.severity != "error" for p in self.problems)


class _Options(NamedTuple):
    """What every file is checked with; small, because it is sent to processes."""

    schema: str
    strict: bool
    truncated: str


def run_validate(arguments: Namespace) -> int:
    """Check files and print what is wrong with them."""
    files, missing = _expand(arguments.paths)
    for path in missing:
        fail(f"{path}: no such file, and no file matches it")
    options = _Options(arguments.schema, arguments.strict, arguments.truncated)
    progress = Progress(len(files), "files", shown=not arguments.quiet)
    report = _REPORTS[arguments.format]()
    totals = dict.fromkeys(("files", "valid", "errors", "warnings"), 0)
    unreadable = len(missing)
    for checked in _check_all(files, options, arguments.jobs):
        progress.add()
        if checked.unreadable:
            unreadable += 1
            progress.end()
            fail(checked.unreadable)
            continue
        totals["files"] += 1
        totals["valid"] += checked.is_valid
        for problem in checked.problems:
            kind = {"error": "errors", "warning": "warnings"}.get(problem.severity)
            if kind:
                totals[kind] += 1
        if checked.problems:
            progress.end()
        report.add(checked)
    progress.end()
    report.end(totals)
    sys.stdout.flush()
    if not arguments.quiet:
        _summarize(totals, unreadable)
    if unreadable:
        return EXIT_USAGE
    return EXIT_OK if totals["valid"] == totals["files"] else EXIT_CALL


def _summarize(totals: dict[str, int], unreadable: int) -> None:
    wrong = totals["files"] - totals["valid"]
    parts = [
        _several(totals["files"], "file"),
        f"{totals['valid']:,} valid",
        _several(totals["errors"], "error"),
        _several(totals["warnings"], "warning"),
    ]
    if unreadable:
        parts.append(f"{unreadable:,} unreadable")
    style = "error" if wrong or unreadable else "strong"
    note(paint(", ".join(parts), style, sys.stderr))


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _expand(paths: list[str]) -> tuple[list[str], list[str]]:
    """Return the files that the paths stand for, and the paths that stand for none."""
    files: dict[str, None] = {}
    missing = []
    for path in paths:
        if path == "-" or os.path.isfile(path):
            found = [path]
        elif os.path.isdir(path):
            found = list(_files_below(path))
        else:
            matched = sorted(glob.glob(path, recursive=True))
            found = [
                file
                for match in matched
                for file in (_files_below(match) if os.path.isdir(match) else (match,))
            ]
        if not found:
            missing.append(path)
        files.update(dict.fromkeys(found))
    return list(files), missing


def _files_below(folder: str) -> Iterator[str]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield os.path.join(where, name)


def _check_all(files: list[str], options: _Options, jobs: int) -> Iterator[_Checked]:
    count = min(jobs or os.cpu_count() or 1, max(1, len(files) // 4))
    tasks = [(file, options) for file in files]
    if count < 2 or "-" in files:
        yield from map(_check, tasks)
        return
    import multiprocessing

    # A forked process has every import already; where there is none, it costs 0.2 s.
    kinds = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in kinds else None)
    _check_one_ahead(options)
    with context.Pool(count, _ignore_interrupts) as pool:
        yield from pool.imap(
            _check, tasks, chunksize=max(1, min(32, len(files) // (count * 8)))
        )


def _ignore_interrupts() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _check_one_ahead(options: _Options) -> None:
    """Import and compile what every process needs, once, before they are forked."""
    from naftiko.loader import validate

    validate(
        b"naftiko: 1.0.0-alpha2\ncapability: {consumes: []}", schema=options.schema
    )


def _check(task: tuple[str, _Options]) -> _Checked:
    from naftiko.loader import validate

    file, options = task
    try:
        problems = validate(
            file,
            schema=options.schema,
            strict=options.strict,
            truncated=options.truncated,
        )
    except DocumentError as error:
        return _Checked(file, (), error.message)
    return _Checked("<stdin>" if file == "-" else file, problems)


# --- reports ----------------------------------------------------------------------


class _Text:
    def add(self, checked: _Checked) -> None:
        for problem in checked.problems:
            text = str(problem)
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

    def add(self, checked: _Checked) -> None:
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

    def add(self, checked: _Checked) -> None:
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

    def add(self, checked: _Checked) -> None:
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
                    "runs": [{"tool": {"driver": driver}, "results": results}],
                }
            )
        )


def _sarif_result(problem: Problem, rule: int) -> dict[str, Any]:
    text = problem.message + (f" ({problem.hint})" if problem.hint else "")
    uri = problem.file.replace(os.sep, "/")
    if os.path.isabs(problem.file):
        from pathlib import Path

        uri = Path(problem.file).as_uri()
    return {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": {"info": "note"}.get(problem.severity, problem.severity),
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri},
                    "region": {
                        "startLine": problem.line,
                        "startColumn": problem.column,
                    },
                },
                "logicalLocations": [{"fullyQualifiedName": problem.path or "/"}],
            }
        ],
    }


_REPORTS: dict[str, Any] = {
    "text": _Text,
    "json": _Json,
    "github": _GitHub,
    "sarif": _Sarif,
}
