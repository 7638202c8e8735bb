"""JavaScript of script steps: what child processes are asked, what they answer.

    evaluation(sources, {"n": 2}, limits)   a generator of jobs, returns `result`
    run(jobs)                               does the jobs, and blocks
    await run_async(jobs)                   does them without blocking

Scripts run in processes of their own: the engine has native functions that heed no
limit, and only a process can be ended whatever it does. This module must not know
where a source comes from.
"""

from __future__ import annotations

import json
from contextlib import closing, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from naftiko.errors import shorten
from naftiko.expressions import ABSENT, to_scalar
from naftiko.functions.scripting import sandbox
from naftiko.functions.scripting.sandbox import Limits, request_of
from naftiko.workers import pieces
from naftiko.workers.job import MIB, Job

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from naftiko.functions.runs import Aside
    from naftiko.plain import JSON
    from naftiko.workers.pool import Pool
    from naftiko.workers.process import WorkerError

    Jobs: TypeAlias = Generator["Job", bytes, "Result"]

Result = TypeVar("Result")
#: Bytes of the context as JSON, of one source, and of all sources of a script.
_MAX_CONTEXT = 16 * MIB
MAX_SOURCE = 1 * MIB
_MAX_SOURCES = 4 * MIB
#: Bytes that a child may take beside the memory of the engine, and to read a source.
_MEMORY = 128 * MIB
_MEMORY_OF_READING = 512 * MIB
#: Child processes. More scripts than this wait for their turn.
_PROCESSES = 4
#: Seconds beyond the timeout after which a child is ended: the engine is asked first.
_GRACE = 0.1
#: Seconds to read a source, whatever the timeout.
_LEAST, _MOST = 1.0, 10.0


class JavaScriptError(Exception):
    """A script failed; the message goes on after its name: "failed: …"."""


class BusyError(JavaScriptError):
    """There was no child process for a script."""


@cache
def _pool() -> Pool:
    # A capability without scripts has no pool.
    from naftiko.workers.pool import Pool

    return Pool(_PROCESSES)


def run(jobs: Jobs[Result]) -> Result:
    """Do jobs one after the other; return what they return.

    Raises:
        JavaScriptError: See `evaluation` and `reading`.
        ImportError: A library is not installed.
    """
    from naftiko.workers.process import WorkerError

    pool = _pool()
    with closing(jobs):
        asked = _next(jobs.send, None)
        while isinstance(asked, Job):
            step: Callable[[Any], Job]
            given: Any
            try:
                step, given = jobs.send, pool.run(asked)
            except WorkerError as error:
                step, given = jobs.throw, error
            asked = _next(step, given)
    result: Result = asked.value
    return result


async def run_async(
    jobs: Jobs[Result], aside: Aside | None = None, *, is_large: bool = False
) -> Result:
    """Do the same as `run`, without blocking.

    Args:
        jobs: The jobs.
        aside: Runs a function that takes long: large data is written and read there.
        is_large: The jobs send large data.
    """
    from naftiko.workers.process import WorkerError

    async def advance(step: Callable[[Any], Job], given: Any) -> Job | _Done[Result]:
        is_long = is_large or (isinstance(given, bytes) and len(given) > pieces.WINDOW)
        if aside is not None and is_long:
            taken: Job | _Done[Result] = await aside(_next, step, given)
            return taken
        return _next(step, given)

    pool = _pool()
    try:
        asked = await advance(jobs.send, None)
        while isinstance(asked, Job):
            step: Callable[[Any], Job]
            given: Any
            try:
                step, given = jobs.send, await pool.run_async(asked)
            except WorkerError as error:
                step, given = jobs.throw, error
            asked = await advance(step, given)
    finally:
        # After a cancellation another thread may still be in it, which then ends it.
        with suppress(ValueError):
            jobs.close()
    result: Result = asked.value
    return result


class _Done(Generic[Result]):
    """What jobs return; no future may hold a `StopIteration`."""

    def __init__(self, value: Result) -> None:
        self.value = value


def _next(step: Callable[[Any], Job], given: Any) -> Job | _Done[Any]:
    try:
        return step(given)
    except StopIteration as stop:
        return _Done(stop.value)


def reading(source: str, name: str, *, timeout: int) -> Jobs[str]:
    """Return a source with a counter before each statement.

    Args:
        source: The script.
        name: The name of its file, for messages.
        timeout: Milliseconds, as for the script; it has between 1 and 10 seconds.

    Raises:
        JavaScriptError: It is not JavaScript, or uses a name of the counter.
        ImportError: The parser is not installed.
    """
    from naftiko.workers.process import WorkerError

    seconds = min(max(timeout / 1000, _LEAST), _MOST)
    payload = f"{name}\0{source}".encode()
    task = "naftiko.functions.scripting.instrumenting:read"
    try:
        answer = yield Job(task, (payload,), seconds, _MEMORY_OF_READING)
    except WorkerError as error:
        if error.reason == "time":
            raise JavaScriptError(f"failed: {name} takes too long to read") from None
        raise _trouble(error) from None
    kind, text = answer[:1], answer[1:].decode()
    if kind == sandbox.FAILED:
        raise JavaScriptError(f"failed: {text}")
    return text


def evaluation(
    sources: Iterable[str], context: Mapping[str, JSON], limits: Limits
) -> Jobs[JSON]:
    """Return the global `result` after some sources have run, or `ABSENT`.

    The source `result = context.n + 1` gives `3` for the context `{"n": 2}`.

    Args:
        sources: Instrumented sources, run in one engine, in order.
        context: The global `context`.
        limits: What all of them may take together.

    Raises:
        JavaScriptError: A source raised an error, a limit was exceeded, or context or
            result have no form in JSON.
        ImportError: The engine is not installed.
    """
    from naftiko.workers.process import WorkerError

    payload = request_of(limits, [_written(context), *_bounded(sources)])
    seconds = min(limits.timeout, 2**31) / 1000 + _GRACE
    task = "naftiko.functions.scripting.sandbox:evaluate"
    try:
        answer = yield Job(task, (payload,), seconds, limits.memory + _MEMORY)
    except WorkerError as error:
        if error.reason == "time":
            raise _over(sandbox.TIME, limits) from None
        if error.reason == "memory":
            raise _over(sandbox.MEMORY, limits) from None
        raise _trouble(error) from None
    return _result(answer, limits)


def _result(answer: bytes, limits: Limits) -> JSON:
    # Through a view: a result may be large, and is not copied twice.
    kind, text = answer[:1], str(memoryview(answer)[1:], "utf-8")
    if kind == sandbox.NOTHING:
        return ABSENT
    if kind == sandbox.FAILED:
        raise JavaScriptError(f"failed: {shorten(text, 200)}")
    if kind != sandbox.RESULT:
        raise _over(kind, limits)
    try:
        return pieces.decode(_DECODER, text)
    except RecursionError:
        raise _over(sandbox.DEEP, limits) from None
    except ValueError as error:
        # `JSON.rawJSON` writes numbers of thousands of digits.
        raise JavaScriptError(f"failed: its result: {shorten(error, 200)}") from None


def _written(context: Mapping[str, JSON]) -> str:
    try:
        text = pieces.encode(_ENCODER, context)
    except RecursionError:
        fault = "it is nested too deeply"
    except (TypeError, ValueError) as error:
        fault = shorten(error)
    else:
        if len(text) <= _MAX_CONTEXT:
            return text
        raise JavaScriptError(
            f"failed: its context is larger than {_MAX_CONTEXT // MIB} MiB"
        )
    raise JavaScriptError(f"failed: its context cannot be written as JSON: {fault}")


def _text_for_script(value: Any) -> Any:
    """Return a value that JSON has no form for as a text."""
    return (
        value.decode("utf-8", "replace")
        if isinstance(value, bytes)
        else to_scalar(value)
    )


_ENCODER = json.JSONEncoder(default=_text_for_script, allow_nan=False)
_DECODER = json.JSONDecoder()


def _bounded(sources: Iterable[str]) -> list[str]:
    given = list(sources)
    if sum(map(len, given)) > _MAX_SOURCES:
        raise JavaScriptError(
            f"failed: its files are larger than {_MAX_SOURCES // MIB} MiB together"
        )
    return given


def _over(limit: bytes, limits: Limits) -> JavaScriptError:
    """Return the error for a limit that was exceeded."""
    exceeded = {
        sandbox.TIME: f"timeout limit ({limits.timeout} ms)",
        sandbox.MEMORY: f"memory limit ({limits.memory // MIB} MiB)",
        sandbox.STATEMENTS: f"statement limit ({limits.statements})",
    }
    failed = {
        sandbox.CALLS: "it calls itself too deeply",
        sandbox.LARGE: f"its result is larger than {limits.result // MIB} MiB",
        sandbox.MANY: f"its result has more than {limits.values:,} values",
        sandbox.DEEP: "its result is nested too deeply",
    }
    if limit in exceeded:
        return JavaScriptError(f"exceeded the {exceeded[limit]}")
    return JavaScriptError(f"failed: {failed[limit]}")


def _trouble(error: WorkerError) -> Exception:
    """Return the error for a child process that has given no answer."""
    if error.kind in ("ImportError", "ModuleNotFoundError"):
        return ImportError(error.message)
    if error.reason == "busy":
        return BusyError(f"waited too long: {error.message}")
    return JavaScriptError(f"failed: {shorten(error.message, 200)}")
