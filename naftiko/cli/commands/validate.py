"""`naftiko validate`: check files, folders and globs, in several processes if asked.

    naftiko validate a.yaml folder "**/*.yml"
        → every file once → a `CheckedFile` each → a report, a summary, an exit code

A path that cannot be read is reported, and the others are checked all the same.
"""

from __future__ import annotations

import gc
import glob
import io
import os
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from naftiko.cli.console import fail, note, paint
from naftiko.cli.excerpts import remember
from naftiko.cli.progress import Progress
from naftiko.cli.reports import REPORTS, CheckedFile, TextReport
from naftiko.cli.units.variables import check_known, variable_values
from naftiko.document import rules
from naftiko.document.source import FETCH_IT, NO_FILE, is_url, near_file
from naftiko.errors import (
    EXIT_CALL,
    EXIT_OK,
    EXIT_USAGE,
    DocumentError,
    NaftikoError,
    Problem,
)
from naftiko.hints import SHELL
from naftiko.masking import without_secrets
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

_SUFFIXES = (".yaml", ".yml", ".json")


def _unreadable(file: str, message: str, hint: str = "") -> CheckedFile:
    problem = Problem(rules.UNREADABLE.code, "error", message, hint, file=file)
    return CheckedFile(file, (problem,), is_readable=False)


class _Options(NamedTuple):
    """The options of every check; small, because they are sent to processes."""

    schema: str
    strict: bool
    truncated: str
    variables: dict[str, str]


def run_validate(arguments: Namespace) -> int:
    """Check files and print their problems."""
    files, missing = expand(arguments.paths)
    values = variable_values(arguments.variable)
    if values:
        _check_names(values, files, missing)
    options = _Options(arguments.schema, arguments.strict, arguments.truncated, values)
    progress = Progress(len(files) + len(missing), "files", shown=not arguments.quiet)
    report = REPORTS[arguments.format]()
    if arguments.format == "text":
        report = TextReport(every=arguments.all)
        if "-" in files and sys.stdout.isatty():
            _remember_input()
    totals = dict.fromkeys(("files", "valid", "errors", "warnings"), 0)
    unreadable = 0
    for checked in chain(missing, _check_all(files, options, arguments.jobs)):
        _count(checked, totals)
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


def _check_names(
    values: dict[str, str], files: list[str], missing: list[CheckedFile]
) -> None:
    """Refuse values for variables that no file uses, where every file can be used.

    Raises:
        UsageError: No file uses one of the variables.
    """
    from naftiko.loader import load

    if missing or "-" in files:
        return
    used = []
    for file in files:
        try:
            used.append(load(Path(file), schema=None).variables.names)
        except NaftikoError:
            return
    check_known(values, *used)


def _remember_input() -> None:
    """Keep standard input for the source lines of messages: it can be read once."""
    raw = sys.stdin.buffer.read()
    remember("<stdin>", raw)
    sys.stdin = io.TextIOWrapper(io.BytesIO(raw))


def _count(checked: CheckedFile, totals: dict[str, int]) -> None:
    totals["files"] += 1
    totals["valid"] += checked.is_valid
    for problem in checked.problems:
        noun = {"error": "errors", "warning": "warnings"}.get(problem.severity)
        if noun:
            totals[noun] += 1


def _summarize(totals: dict[str, int], unreadable: int) -> None:
    invalid = totals["files"] - totals["valid"]
    parts = [
        _several(totals["files"], "file"),
        f"{totals['valid']:,} valid",
        _several(totals["errors"], "error"),
        _several(totals["warnings"], "warning"),
    ]
    text = ", ".join(parts)
    if unreadable:
        text += f" ({unreadable:,} unreadable)"
    note(paint(text, "error" if invalid else "strong", sys.stderr))


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def expand(paths: list[str]) -> tuple[list[str], list[CheckedFile]]:
    """Return the files that the paths stand for, each once, and those unreadable."""
    files: dict[str, str] = {}
    missing: list[CheckedFile] = []
    for path in paths:
        for match in _matches(path, missing):
            is_folder = os.path.isdir(match)
            for file in _files_below(match, missing) if is_folder else [match]:
                # One file may be reached in several ways: it is checked once.
                files.setdefault(os.path.normpath(file), file)
    return list(files.values()), missing


def _matches(path: str, missing: list[CheckedFile]) -> list[str]:
    """Return the files and folders that a path or a glob stands for."""
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
    matches = sorted(glob.glob(path, recursive=True))
    if not matches:
        is_glob = glob.has_magic(path)
        message = "no file matches" if is_glob else f"cannot be read: {reason}"
        hint = "" if is_glob else near_file(Path(path))
        missing.append(_unreadable(path, message, hint))
    return matches


def _files_below(folder: str, missing: list[CheckedFile]) -> list[str]:
    """Return the YAML and JSON files in a folder and the folders below it."""
    files = []
    known = len(missing)

    def note_unreadable(error: OSError) -> None:
        message = f"cannot be read: {error.strerror}"
        missing.append(_unreadable(error.filename, message))

    for where, folders, names in os.walk(folder, onerror=note_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(where, name)
            # Reading a pipe or a socket would wait for its writer.
            if (
                name.lower().endswith(_SUFFIXES)
                and not name.startswith(".")
                and (os.path.isfile(path) or os.path.islink(path))
            ):
                files.append(path)
    if not files and len(missing) == known:
        kinds = ", ".join(_SUFFIXES)
        missing.append(_unreadable(folder, f"no file in this folder ends in {kinds}"))
    return files


def _check_all(files: list[str], options: _Options, jobs: int) -> Iterator[CheckedFile]:
    """Yield the files in their order, as soon as they are checked."""
    count = min(jobs or os.cpu_count() or 1, max(1, len(files) // 4))
    tasks = [(file, options) for file in files]
    if count < 2 or "-" in files:
        yield from map(_check, tasks)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    # A forked process has every import already; a spawned one needs 0.2 s for them.
    kinds = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in kinds else None)
    _check_one_ahead(options)
    # Memory stays shared between the processes when the collector does not touch it.
    gc.freeze()
    pool = ProcessPoolExecutor(count, context, _ignore_interrupts)
    try:
        yield from pool.map(
            _check, tasks, chunksize=max(1, min(32, len(files) // (count * 8)))
        )
    except BrokenProcessPool:
        raise NaftikoError(
            "a process that checks files was ended from outside, perhaps for lack of"
            " memory",
            hint="--jobs 1 checks one file after the other",
        ) from None
    except BaseException:
        # The results of the other processes are no longer wanted.
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _ignore_interrupts() -> None:
    import signal

    # Ctrl-C reaches the parent process too, which ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _check_one_ahead(options: _Options) -> None:
    """Import and compile everything once, before processes are forked."""
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
            # A text with a brace or a line break would be taken for a document.
            file if file == "-" else Path(file),
            schema=options.schema,
            strict=options.strict,
            truncated=options.truncated,
            variables=options.variables,
        )
    except DocumentError as error:
        return _unreadable(shown, error.message, error.hint)
    # A problem of an imported file keeps the name of that file.
    own = shown if file == "-" else str(Path(file)).replace("\n", "\\n")
    told = (p.for_reader(SHELL) for p in problems)
    return CheckedFile(
        shown, tuple(p._replace(file=shown) if p.file == own else p for p in told)
    )
