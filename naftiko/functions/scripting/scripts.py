"""Script steps: JavaScript in a sandbox, governed by the control adapter.

Spec 8.5 and 5.2. A script is found below its location, must be written in an allowed
language, and runs in the sandbox of `javascript`. This module must not know what a step
is for.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naftiko.errors import CallError, shorten
from naftiko.functions.scripting.javascript import (
    MAX_SOURCE,
    BusyError,
    JavaScriptError,
    evaluation,
    reading,
    run,
    run_async,
)
from naftiko.functions.scripting.sandbox import Limits
from naftiko.locations import is_file_uri, path_of, read_regular
from naftiko.records.tuples import NamedTuple
from naftiko.spec.model import ScriptSettings
from naftiko.workers.job import MIB
from naftiko.workers.pieces import is_small

if TYPE_CHECKING:
    from naftiko.functions.runs import Aside
    from naftiko.functions.scripting.javascript import Jobs
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes

ENVIRONMENT = "NAFTIKO_SCRIPTING"
_SEGMENT = re.compile(r"[a-zA-Z0-9._-]+")
#: Files of one script, itself included.
_MAX_FILES = 64


class ScriptError(CallError):
    """A script step cannot run, or failed."""


class ScriptBusy(ScriptError):
    """A script step got no process to run in: too many scripts run at the same time."""


def scripting_of(
    exposes: Iterable[Exposes], directory: Path | None = None
) -> Scripting:
    """Return the runner of scripts, with the limits of the first adapter that sets any.

    Args:
        exposes: The adapters of the document.
        directory: Where relative locations start.
    """
    for adapter in exposes:
        if adapter.scripting is not None:
            return Scripting(adapter.scripting, directory)
    return Scripting(directory=directory)


class Stats(NamedTuple):
    """How often scripts ran; times in milliseconds and seconds since the epoch."""

    executions: int = 0
    errors: int = 0
    total_ms: float = 0.0
    last_at: float | None = None

    @property
    def average_ms(self) -> float:
        """The mean duration of an execution."""
        return self.total_ms / self.executions if self.executions else 0.0


class Scripting:
    """Runs the scripts of one capability; safe to share between threads.

    Attributes:
        settings: May be replaced while it runs.
        stats: Counted only when a control adapter governs scripts.
        directory: Where relative locations start: the folder of the document.
    """

    def __init__(
        self, settings: ScriptSettings | None = None, directory: Path | None = None
    ) -> None:
        self.directory = directory or Path()
        self.settings = settings or ScriptSettings()
        self.is_governed = settings is not None
        self.stats = Stats()
        self._lock = threading.Lock()
        self._sources: dict[Path, tuple[tuple[int, int], str]] = {}

    @property
    def is_enabled(self) -> bool:
        """Whether scripts run: as the settings say, or else the environment."""
        if self.settings.enabled is not None:
            return self.settings.enabled
        return os.environ.get(ENVIRONMENT, "").strip().lower() != "false"

    def prepare(self, script: Mapping[str, JSON], *, step: str) -> Script:
        """Return a script that can be run; its faults show when it runs."""
        return Script(self, script, step)

    def count(self, started: float, *, failed: bool) -> None:
        """Count one execution."""
        if self.is_governed:
            took = (time.perf_counter() - started) * 1000
            with self._lock:
                old = self.stats
                self.stats = Stats(
                    old.executions + 1,
                    old.errors + failed,
                    old.total_ms + took,
                    time.time(),
                )

    def source(self, path: Path) -> Jobs[str]:
        """Return the instrumented source of a file, read again when it changed.

        Raises:
            JavaScriptError: It is not JavaScript.
            OSError, UnicodeDecodeError: The file cannot be read.
        """
        status = path.stat()
        version = (status.st_mtime_ns, status.st_size)
        known = self._sources.get(path)
        if known is None or known[0] != version:
            if status.st_size > MAX_SOURCE:
                raise JavaScriptError(
                    f"failed: {path.name} is larger than {MAX_SOURCE // MIB} MiB"
                )
            text = read_regular(path).decode("utf-8-sig").replace("\r\n", "\n")
            made = yield from reading(text, path.name, timeout=self.settings.timeout)
            known = self._sources[path] = (version, made)
        return known[1]


class Script:
    """One script step, ready to run."""

    def __init__(
        self, scripting: Scripting, script: Mapping[str, JSON], step: str
    ) -> None:
        self._scripting = scripting
        self._script = script
        self._step = step

    @property
    def about(self) -> dict[str, str]:
        """The attributes of the script in a trace."""
        settings = self._scripting.settings
        language = self._script.get("language") or settings.default_language
        return {
            "naftiko.step.script.file": str(self._script.get("file") or ""),
            "naftiko.step.script.language": str(language),
        }

    def check(self) -> None:
        """Check what can be known before it runs; its files are not read.

        Raises:
            ScriptError: It is disabled, incomplete, or in a language without a sandbox.
        """
        settings = self._scripting.settings
        self._check_enabled(settings)
        self._files(settings)

    def run(self, context: Mapping[str, JSON]) -> JSON:
        """Return the `result` of the script, or `ABSENT` when it set none.

        Args:
            context: Name → value; the variable `context` of the script.

        Raises:
            ScriptError: It cannot run, or failed.
        """
        return run(self._jobs(context))

    async def run_async(
        self, context: Mapping[str, JSON], aside: Aside | None = None
    ) -> JSON:
        """Do the same as `run`, without blocking.

        Args:
            context: Name → value.
            aside: Runs a function that takes long.
        """
        is_large = not is_small(context)
        return await run_async(self._jobs(context), aside, is_large=is_large)

    def _jobs(self, context: Mapping[str, JSON]) -> Jobs[JSON]:
        scripting, settings = self._scripting, self._scripting.settings
        self._check_enabled(settings)
        location, files = self._files(settings)
        started = time.perf_counter()
        failed = True
        try:
            sources = []
            for file in files:
                source = yield from self._read(location, file)
                sources.append(source)
            limits = Limits(settings.timeout, settings.statement_limit)
            result = yield from evaluation(sources, context, limits)
            failed = False
            return result
        except BusyError as error:
            raise self._fail(str(error), "try again in a moment", ScriptBusy) from None
        except JavaScriptError as error:
            raise self._fail(str(error)) from None
        except ImportError:
            raise self._fail(
                "needs an engine that is not installed",
                "pip install 'naftiko[scripts]'",
            ) from None
        finally:
            scripting.count(started, failed=failed)

    def _fail(
        self, message: str, hint: str = "", kind: type[ScriptError] = ScriptError
    ) -> ScriptError:
        return kind(f"Script step '{self._step}' {message}", hint=hint)

    def _check_enabled(self, settings: ScriptSettings) -> None:
        if settings.enabled is False:
            raise self._fail(
                "is disabled: management.scripting.enabled=false",
                "enable it in the control adapter",
            )
        if not self._scripting.is_enabled:
            raise self._fail(f"is disabled: {ENVIRONMENT}=false")

    def _files(self, settings: ScriptSettings) -> tuple[Path, list[str]]:
        """Return the folder and the files to evaluate, the main one last."""
        script = self._script
        location = script.get("location") or settings.default_location
        if not location:
            raise self._fail(
                "has no 'location'",
                "add it, or `management.scripting.defaultLocation` in the control"
                " adapter",
            )
        file = script.get("file")
        if not file:
            raise self._fail("has no 'file'", "name the script: `file: x.js`")
        language = str(script.get("language") or settings.default_language)
        if not language:
            raise self._fail(
                "has no 'language'",
                "add it, or `management.scripting.defaultLanguage` in the control"
                " adapter",
            )
        allowed = settings.allowed_languages
        if allowed and language not in allowed:
            raise self._fail(
                f"has the language '{shorten(language)}', which is not in the allowed"
                f" languages: [{', '.join(allowed)}]"
            )
        if language != "javascript":
            raise self._fail(
                f"is written in '{shorten(language)}', which cannot be run safely here",
                "write it in javascript",
            )
        dependencies = script.get("dependencies")
        more = dependencies if isinstance(dependencies, list) else []
        if len(more) >= _MAX_FILES:
            raise self._fail(
                f"has more than {_MAX_FILES - 1} dependencies", "join some of them"
            )
        folder = _folder(str(location), self._scripting.directory, self._fail)
        return folder, [*map(str, more), str(file)]

    def _read(self, folder: Path, file: str) -> Jobs[str]:
        for segment in file.split("/"):
            if not _SEGMENT.fullmatch(segment) or segment in (".", ".."):
                raise self._fail(
                    f"names an unsafe file '{shorten(file)}'",
                    "letters, digits, '.', '_' and '-', below its location",
                )
        unreadable = f"cannot read file '{file}' from location '{folder.as_uri()}'"
        try:
            path = (folder / file).resolve(strict=True)
        except (OSError, RuntimeError):
            raise self._fail(unreadable) from None
        if not path.is_relative_to(folder.resolve()):
            raise self._fail(f"names a file outside its location: '{shorten(file)}'")
        try:
            return (yield from self._scripting.source(path))
        except (OSError, UnicodeDecodeError):
            raise self._fail(unreadable) from None


def _folder(location: str, directory: Path, fail: Any) -> Path:
    folder = path_of(location, directory) if is_file_uri(location) else None
    if folder is None:
        raise fail(f"has the location '{shorten(location)}', which is no file: URI")
    return folder.absolute()
