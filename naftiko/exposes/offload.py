"""Work that an event loop must not wait for: in a few processes, with a bounded queue.

    Reading (a large reply)   →  read    →  Outcome, or what a step keeps of it
    Outcome, a media type     →  answer  →  Answer
    function, arguments       →  aside   →  its result, by a thread

A body that is decoded within a few milliseconds stays on the loop; `formats/budget.py`
says which. Python runs one thread at a time, so large ones go to other processes. Where
no process can be started, threads do their work. All adapters of a process share the
workers. This module must not know documents, nor who is answered.
"""

from __future__ import annotations

import asyncio
import marshal
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from naftiko.consumes.exchange import Received
from naftiko.consumes.status import is_success, reported_failure_of
from naftiko.errors import CallError, OutputError
from naftiko.exposes.http.answers import (
    JSON_TYPE,
    Answer,
    json_bytes,
    may_be_no_json,
    outcome_answer,
)
from naftiko.exposes.http.problems import Busy
from naftiko.exposes.http.tasks import (
    AS_JSON,
    IN_BODY,
    REFUSED,
    REPORTED,
    Read,
    outcome_of,
    packed,
)
from naftiko.functions.runs import in_step
from naftiko.workers.job import MIB, Job
from naftiko.workers.pool import Pool
from naftiko.workers.process import WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.functions.runs import Outcome, Reading, Work

T = TypeVar("T")

#: Bytes of a value in JSON that is written as YAML within some three milliseconds.
SLOW_ANSWER = 32 * 1024
#: Pieces of work that wait for a process, and for a thread. The memory that they hold
#: is bounded besides, with that of all bodies.
MOST_WAITING = 200
#: Seconds to wait for a process.
PATIENCE = 10.0
#: Seconds for one piece of work.
MOST_SECONDS = 30.0
#: Memory for one piece of work: this, and so many bytes for each byte of the body.
_MEMORY, _PER_BYTE = 256 * MIB, 8
#: Bytes that a process may answer.
_MOST = 256 * MIB
_TASKS = "naftiko.exposes.http.tasks"
#: Threads for work that a process cannot do.
_THREADS = 2


@cache
def pool() -> Pool:
    """Return the workers of this process, which start when there is work for them."""
    return Pool(waiting=MOST_WAITING)


async def read(work: Work) -> Any:
    """Return the result of a reading; see `Work`.

    Raises:
        CallError: As the work itself does.
        Busy: Too much work waits already.
    """
    reading = work.reading
    assert reading is not None
    request, response = reading.reply
    if not is_success(request, response.status):
        # Of a failure only the message counts, and little is read for it.
        return await aside(work.run)
    is_step = reading.shape is None
    task = _task(reading)
    try:
        name = "keep" if is_step else "read"
        done = await _sent(name, task, response.body, reading)
        if done is None:
            return await aside(work.run)
    except OutputError as error:
        raise in_step(error, reading.step) from None
    if is_step:
        return Received(*done)
    outcome = outcome_of(Read(*done), reading.decoder, reading.reply)
    outcome.reading = reading
    return outcome


async def answer(outcome: Outcome, media_type: str, most: int) -> Answer:
    """Return the answer for an outcome; a large one is written by another process.

    Args:
        outcome: The outcome.
        media_type: The result of `chosen`.
        most: Bytes of JSON that become another format at most.

    Raises:
        TooLarge: The value has more.
        OutputError: See `outcome_answer`.
        Busy: Too much work waits already.
    """
    reading = outcome.reading
    if reading is None or outcome.is_decoded:
        if media_type != JSON_TYPE and outcome.is_shaped:
            return await _in_yaml(outcome, media_type, most)
        if outcome.is_large:
            return await aside(outcome_answer, outcome, media_type)
        return outcome_answer(outcome, media_type)
    if media_type == JSON_TYPE and not _has_no_json(outcome):
        return outcome_answer(outcome, media_type)
    if media_type != JSON_TYPE:
        check_size(size_of(outcome), most)
    read = Read(
        outcome.is_shaped, outcome.is_verbatim, outcome.is_mislabelled,
        outcome.is_sequence, outcome.status, outcome.warnings,
        AS_JSON if outcome.encoded else IN_BODY, outcome.encoded,
    )  # fmt: skip
    work = (_task(reading), tuple(read), media_type)
    done = await _sent("answer", work, reading.reply.response.body, reading)
    if done is None:
        return await aside(outcome_answer, outcome, media_type)
    return Answer(*done)


class TooLarge(CallError):
    """A value has more bytes than the server writes in the form that is asked for.

    Attributes:
        size: Its bytes, as JSON.
        most: The bytes that it may have.
    """

    def __init__(self, size: int, most: int) -> None:
        super().__init__(
            f"the value has {size:,} bytes, and at most {most:,} are written in this"
            " form",
            hint="ask for less, such as one page or fewer fields",
        )
        self.size = size
        self.most = most


def check_size(size: int, most: int) -> None:
    """Refuse a value that is too large for a slow form.

    Raises:
        TooLarge: It is.
    """
    if size > most:
        raise TooLarge(size, most)


def size_of(outcome: Outcome) -> int:
    """Return the bytes of a value that comes from a large reply, about; else 0."""
    if outcome.reading is None:
        return 0
    return len(outcome.encoded or outcome.reading.reply.response.body)


async def small_enough(
    outcome: Outcome, most: int, make: Callable[..., T], *arguments: Any
) -> T:
    """Return what a function makes of an outcome; a thread runs it for a large one.

    Raises:
        TooLarge: The value has more bytes than `most`.
        Busy: Too much work waits already.
    """
    if outcome.reading is None and not outcome.is_large:
        return make(*arguments)
    check_size(size_of(outcome), most)
    return await aside(make, *arguments)


def _has_no_json(outcome: Outcome) -> bool:
    """Tell whether a body that is passed on may hold numbers that JSON has not."""
    assert outcome.reply is not None
    return not outcome.is_shaped and may_be_no_json(outcome.reply.response)


async def _in_yaml(outcome: Outcome, media_type: str, most: int) -> Answer:
    """Return the answer for a value that is there, in YAML."""
    value = outcome.value
    if isinstance(value, bytes):
        return outcome_answer(outcome, media_type)
    encoded = await aside(json_bytes, value) if outcome.is_large else json_bytes(value)
    check_size(len(encoded), most)
    if len(encoded) > SLOW_ANSWER:
        done = await _sent("write", (media_type, outcome.status), encoded)
        if done is not None:
            return Answer(*done)
    return outcome_answer(outcome, media_type)


async def aside(function: Callable[..., T], *arguments: Any) -> T:
    """Return what a function returns that a thread runs; there are few threads.

    Work that still waits when its caller hangs up is never begun.

    Raises:
        Busy: Too much work waits already.
    """
    return await _threads().run(function, *arguments)


class _Threads:
    """A few threads, and how much work there is for them."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, "naftiko-aside")
        self._count = 0
        self._lock = Lock()

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        with self._lock:
            if self._count >= _THREADS + MOST_WAITING:
                raise _busy()
            self._count += 1
        run = partial(copy_context().run, function, *arguments)
        future = self._executor.submit(run)
        future.add_done_callback(self._count_off)
        try:
            return await asyncio.wrap_future(future)
        finally:
            # Its error holds this frame: without a cycle, a large body is free at once.
            del future, run, arguments

    def _count_off(self, _: Future[Any]) -> None:
        with self._lock:
            self._count -= 1


@cache
def _threads() -> _Threads:
    return _Threads()


async def _sent(
    name: str, work: tuple[Any, ...], body: bytes, reading: Reading | None = None
) -> Any:
    """Return what a process makes of some work; `None` if no process can be started.

    Raises:
        Busy: Too much work waits already.
        OutputError: The body cannot be read, or takes too much time or memory.
        ReportedError: The body says that the operation failed.
    """
    try:
        payload = packed(work, body)
    except ValueError:  # a document made in Python may hold any value
        return None
    try:
        memory = _MEMORY + _PER_BYTE * len(body)
        task = f"{_TASKS}:{name}"
        job = Job(task, payload, MOST_SECONDS, memory, PATIENCE, _MOST)
        answered = await pool().run_async(job)
    except WorkerError as error:
        if error.reason == "start":
            return None
        if error.reason == "busy":
            raise _busy() from None
        raise _failed(error, reading) from None
    how, done = marshal.loads(answered)  # noqa: S302 - of a process of ours
    if how == REPORTED:
        assert reading is not None
        raise reported_failure_of(reading.decoder.operation, *reading.reply, done)
    if how == REFUSED:
        message, hint, code = done
        raise _refused(message, reading, hint=hint, code=code)
    return done


def _refused(
    message: str, reading: Reading | None, *, hint: str = "", code: str = ""
) -> OutputError:
    if reading is None:
        return OutputError(message, hint=hint, code=code)
    request, response = reading.reply
    return OutputError(
        message, hint=hint, code=code, location=reading.decoder.operation.location,
        request=request, response=response,
    )  # fmt: skip


def _failed(error: WorkerError, reading: Reading | None) -> OutputError:
    """Return the error of a body that could not be read to its end."""
    why = {
        "time": f"reading the body takes more than {MOST_SECONDS:g} seconds",
        "memory": "reading the body takes too much memory",
    }.get(error.reason, f"reading the body failed: {error.kind or error.message}")
    where = f"{reading.decoder.operation.ref}: " if reading is not None else ""
    hint = "ask the API for less: a page, fewer fields"
    return _refused(f"{where}{why}", reading, hint=hint)


def _busy() -> Busy:
    return Busy(
        "too many large answers are being read and written",
        hint="try again in a moment",
    )


def _task(reading: Reading) -> tuple[Any, ...]:
    """Return a reading but its body as plain data, in the order of `tasks.Task`."""
    operation = reading.decoder.operation
    request, response = reading.reply
    outputs = ((o.name, o.value, o.type) for o in operation.output_parameters)
    declared = (
        operation.ref, operation.declared_format, operation.output_raw_format,
        operation.output_schema, tuple(outputs),
    )  # fmt: skip
    secrets = tuple((secret.name, secret.value) for secret in request.secrets)
    return (
        declared, reading.decoder.is_strict, reading.outputs, (request.method, secrets),
        response.status, response.content_type,
    )  # fmt: skip
