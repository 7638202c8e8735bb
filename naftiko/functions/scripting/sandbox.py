"""JavaScript in a sandbox, in a child process: counted statements, limited engine.

    request: limits, context and sources    →  evaluate  →  kind and text of the answer

The engine is QuickJS, embedded: it has no files, network, processes, timers or host
objects, and its memory, stack and time are limited. It cannot count statements, so a
counter was put before each of them; that counter also watches the clock. Some native
functions of the engine heed no limit of time: the parent ends this process then. This
module is imported by a new process, so it imports little itself. It must not know where
a source comes from.
"""

from __future__ import annotations

import os
import struct
import time
from typing import TYPE_CHECKING, Any

from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Bytes that the engine may allocate, of a result as JSON text, and of its stack.
MAX_MEMORY = 64 * 1024 * 1024
MAX_RESULT = 16 * 1024 * 1024
_MAX_STACK = 512 * 1024
#: Values in a result, which need far more memory and time than their text, and lists
#: and objects around one: writers of answers go into these one by one.
MAX_VALUES = 200_000
MAX_DEPTH = 200
#: Characters of a message.
_MAX_MESSAGE = 2000
COUNTER = "__naftiko_"
#: Stands for the counter in an instrumented source; no source holds it by accident.
COUNTER_PLACE = "\ue000tick\ue001"
#: Milliseconds, statements, bytes of memory, of the result, values of the result.
_LIMITS = struct.Struct(">QQQQQ")
_LENGTH = struct.Struct(">Q")
#: Kinds of answers; the text of an answer follows.
RESULT, NOTHING, FAILED = b"r", b"n", b"f"
#: Limits that were exceeded: of the engine, and of the result.
TIME, MEMORY, STATEMENTS, CALLS = b"t", b"m", b"s", b"c"
LARGE, MANY, DEEP = b"l", b"v", b"d"
#: Removes `eval` and the function constructors, whose code would run uncounted, and
#: returns the counter. It keeps its own references: a script may replace any global.
_PRELUDE = """((limit, milliseconds) => {
  const now = Date.now, stop = now() + milliseconds, Failure = Error;
  for (const make of [function () {}, async function () {}, function* () {},
                      async function* () {}])
    Object.defineProperty(Object.getPrototypeOf(make), 'constructor',
                          {value: undefined, writable: false, configurable: false});
  delete globalThis.eval; delete globalThis.Function;
  let count = 0, over = '';
  const tick = () => {
    if (over === '') {
      if (++count > limit) over = 'statements';
      else if ((count & 255) === 0 && now() > stop) over = 'time';
      else return;
    }
    throw new Failure('limit');
  };
  tick.over = () => over;
  tick.written = JSON.stringify;
  return Object.freeze(tick);
})"""
_TAKE_CONTEXT = """globalThis.context = JSON.parse(__context);
delete globalThis.__context;
globalThis.result = undefined;"""
_GIVE_RESULT = "typeof result === 'undefined' ? undefined : {counter}.written(result)"
_OVER = {"time": TIME, "statements": STATEMENTS}
_BRACKETS = b"[]{}"
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))


class Limits(NamedTuple):
    """What a script may take.

    Attributes:
        timeout: Milliseconds.
        statements: How many it may run.
        memory: Bytes of the engine.
        result: Bytes of the result as JSON.
        values: Values in the result.
    """

    timeout: int
    statements: int
    memory: int = MAX_MEMORY
    result: int = MAX_RESULT
    values: int = MAX_VALUES


def request_of(limits: Limits, texts: Iterable[str]) -> bytes:
    """Return a request: limits, the context as JSON, and the instrumented sources."""
    # A document may name any number; these are more than anyone can wait for.
    most = 2**53
    parts = [_LIMITS.pack(*(min(limit, most) for limit in limits))]
    for text in texts:
        data = text.encode()
        parts += _LENGTH.pack(len(data)), data
    return b"".join(parts)


def evaluate(request: bytes) -> bytes:
    """Return kind and text of the global `result` after the sources have run.

    Raises:
        ImportError: The engine is not installed.
    """
    # `quickjs` is a wrapper around it that imports much, and that nothing here needs.
    import _quickjs as quickjs

    limits = Limits(*_LIMITS.unpack_from(request))
    context, *sources = _texts(request)
    engine = quickjs.Context()
    engine.set_memory_limit(limits.memory)
    engine.set_max_stack_size(_MAX_STACK)
    # The engine counts processor time; the counter watches the clock.
    end = time.process_time() + limits.timeout / 1000
    engine.set_time_limit(limits.timeout / 1000)
    counter = COUNTER + os.urandom(8).hex()
    try:
        engine.eval(
            f"const {counter} = {_PRELUDE}({limits.statements}, {limits.timeout});"
        )
        engine.set("__context", context)
        engine.eval(_TAKE_CONTEXT)
        for source in sources:
            # Python may have no type for the value of the last statement.
            engine.eval(source.replace(COUNTER_PLACE, counter) + "\n;undefined")
        text = engine.eval(_GIVE_RESULT.format(counter=counter))
    except quickjs.StackOverflow:
        return _exceeded(engine, counter, end) or CALLS
    except quickjs.JSException as error:
        return _exceeded(engine, counter, end) or _failure(error)
    except UnicodeError:
        return FAILED + b"it gives a text with half a character"
    # A script may catch the error of the counter.
    if over := _exceeded(engine, counter, end):
        return over
    if text is None:
        return NOTHING
    data = text.encode()
    return _excess(data, limits) or RESULT + data


def _texts(request: bytes) -> list[str]:
    texts = []
    at = _LIMITS.size
    while at < len(request):
        (length,) = _LENGTH.unpack_from(request, at)
        at += _LENGTH.size
        texts.append(request[at : at + length].decode())
        at += length
    return texts


def _exceeded(engine: Any, counter: str, end: float) -> bytes:
    """Return the limit that the counter found exceeded, or the engine; or nothing.

    The engine forgets that it interrupted a function which it called for an error.
    """
    import _quickjs as quickjs

    try:
        engine.set_time_limit(1)
        over = _OVER.get(engine.eval(f"{counter}.over()"), b"")
    except (quickjs.JSException, quickjs.StackOverflow):
        over = b""
    return over or (TIME if time.process_time() >= end else b"")


def _failure(error: Exception) -> bytes:
    """Return the answer for an error of the engine, without its stack.

    QuickJS has no other sign of its limits than the text of the message.
    """
    said = f"{error!s:.{_MAX_MESSAGE}}"
    if "interrupted" in said:
        return TIME
    if "out of memory" in said:
        return MEMORY
    first = said.partition("\n")[0].strip()
    # The engine says so of a symbol, and of an object whose `toString` fails.
    if not first or first.startswith("(Failed obtaining"):
        first = "it threw a value without a text"
    return FAILED + first.encode("utf-8", "replace")


def _excess(data: bytes, limits: Limits) -> bytes:
    """Return the limit that a result exceeds, or nothing; `data` is its JSON."""
    if len(data) > limits.result:
        return LARGE
    opened = data.count(b"[") + data.count(b"{")
    if opened <= MAX_DEPTH and opened + data.count(b",") <= limits.values:
        return b""  # nearly every result
    # Each value has at most a name and a text.
    if data.count(b'"') - data.count(b'\\"') > 4 * limits.values:
        return MANY
    # Without its texts: escapes first, then every second part between quotation marks.
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    plain = b"".join(plain.split(b'"')[::2])
    if sum(map(plain.count, (b",", b"[", b"{"))) > limits.values:
        return MANY
    depth = 0
    for bracket in plain.translate(None, _OTHERS):
        if bracket in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return DEEP
        else:
            depth -= 1
    return b""
