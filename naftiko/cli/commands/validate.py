"""`naftiko validate`: check files, folders and globs, in several processes if asked."""

from __future__ import annotations

import gc
import glob
import os
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from naftiko.cli.console import fail, note, paint
from naftiko.cli.progress import Progress
from naftiko.cli.reports import REPORTS, CheckedFile
from naftiko.document import rules
from naftiko.document.source import FETCH_IT, NO_FILE, is_url
from naftiko.errors import (
    EXIT_CALL,
    EXIT_OK,
    EXIT_USAGE,
    DocumentError,
    NaftikoError,
    Problem,
)
from naftiko.masking import without_secrets

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

_SUFFIXES = (".yaml", ".yml", ".json")


def _unreadable(file: str, message: str, hint: str = "") -> CheckedFile:
    problem = Problem(rules.UNREADABLE.code, "error", message, hint, file=file)
    return CheckedFile(file, (problem,), is_readable=False)


class _Options(NamedTuple):
    """What every file is checked with; small, because it is sent to processes."""

    schema: str
    strict: bool
    truncated: str


def run_validate(arguments: Namespace) -> int:
    """Check files and print what is wrong with them."""
    files, missing = _expand(arguments.paths)
    options = _Options(arguments.schema, arguments.strict, arguments.truncated)
    progress = Progress(len(files) + len(missing), "files", shown=not arguments.quiet)
    report = REPORTS[arguments.format]()
    totals = dict.fromkeys(("files", "valid", "errors", "warnings"), 0)
    unreadable = 0
    for checked in chain(missing, _check_all(files, options, arguments.jobs)):
        totals["files"] += 1
        totals["valid"] += checked.is_valid
        for problem in checked.problems:
            kind = {"error": "errors", "warning": "warnings"}.get(problem.severity)
            if kind:
                totals[kind] += 1
        if checked.problems:
            progress.end()
        if not checked.is_readable:
            unreadable += 1
            (problem,) = checked.problems
            file = checked.file.replace("\n", "\\n")
            fail(f"{file}: {problem.message}", problem.hint)
        report.add(checked)
        progress.add()
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
    text = ", ".join(parts)
    if unreadable:
        text += f" ({unreadable:,} unreadable)"
    note(paint(text, "error" if wrong else "strong", sys.stderr))


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _expand(paths: list[str]) -> tuple[list[str], list[CheckedFile]]:
    """Return the files that the paths stand for, and what cannot be looked at."""
    files: dict[str, str] = {}
    missing: list[CheckedFile] = []
    for path in paths:
        found = []
        for match in _matches(path, missing):
            if os.path.isdir(match):
                found += _files_below(match, missing)
            else:
                found.append(match)
        for file in found:
            # One file may be reached in several ways: it is checked once.
            files.setdefault(os.path.normpath(file), file)
    return list(files.values()), missing


def _matches(path: str, missing: list[CheckedFile]) -> list[str]:
    """Return the files and folders that a path of the command line stands for."""
    try:
        if path != "-":
            os.stat(path)
        return [path]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        is_missing = isinstance(error, FileNotFoundError)
    if is_url(path):
        missing.append(_unreadable(without_secrets(path), NO_FILE, FETCH_IT))
        return []
    if not is_missing:
        missing.append(_unreadable(path, f"cannot be read: {reason}"))
        return []
    found = sorted(glob.glob(path, recursive=True))
    if not found:
        what = (
            "no file matches" if glob.has_magic(path) else f"cannot be read: {reason}"
        )
        missing.append(_unreadable(path, what))
    return found


def _files_below(folder: str, missing: list[CheckedFile]) -> list[str]:
    """Return the files of the known kinds in a folder and those below it."""
    found = []
    known = len(missing)

    def note_unreadable(error: OSError) -> None:
        message = f"cannot be read: {error.strerror}"
        missing.append(_unreadable(error.filename, message))

    for where, folders, names in os.walk(folder, onerror=note_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(where, name)
            # A pipe or a socket would be waited for.
            if (
                name.lower().endswith(_SUFFIXES)
                and not name.startswith(".")
                and (os.path.isfile(path) or os.path.islink(path))
            ):
                found.append(path)
    if not found and len(missing) == known:
        kinds = ", ".join(_SUFFIXES)
        missing.append(_unreadable(folder, f"no file in this folder ends in {kinds}"))
    return found


def _check_all(files: list[str], options: _Options, jobs: int) -> Iterator[CheckedFile]:
    count = min(jobs or os.cpu_count() or 1, max(1, len(files) // 4))
    tasks = [(file, options) for file in files]
    if count < 2 or "-" in files:
        yield from map(_check, tasks)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    # A forked process has every import already; where there is none, it costs 0.2 s.
    kinds = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in kinds else None)
    _check_one_ahead(options)
    # What is there now stays shared: the collector would touch it in each process.
    gc.freeze()
    pool = ProcessPoolExecutor(count, context, _ignore_interrupts)
    try:
        yield from pool.map(
            _check, tasks, chunksize=max(1, min(32, len(files) // (count * 8)))
        )
    except BrokenProcessPool:
        raise NaftikoError(
            "a process that checks files was ended from outside; is there too little"
            " memory?",
            hint="--jobs 1 checks one file after the other",
        ) from None
    except BaseException:
        # Nobody waits for the rest.
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    import signal

    # The first process hears of Ctrl-C too, and ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _check_one_ahead(options: _Options) -> None:
    """Import and compile what every process needs, once, before they are forked."""
    from naftiko.loader import validate

    validate(
        b"naftiko: 1.0.0-alpha2\ncapability: {consumes: []}", schema=options.schema
    )


def _check(task: tuple[str, _Options]) -> CheckedFile:
    from naftiko.loader import validate

    file, options = task
    shown = "<stdin>" if file == "-" else file
    try:
        problems = validate(
            # As a text, an odd name might be taken for a document.
            file if file == "-" else Path(file),
            schema=options.schema,
            strict=options.strict,
            truncated=options.truncated,
        )
    except DocumentError as error:
        return _unreadable(shown, error.reason, error.hint)
    return CheckedFile(shown, tuple(p._replace(file=shown) for p in problems))


# --- reports ----------------------------------------------------------------------
