"""JavaScript in a sandbox: counted statements, limited engine (spec 8.5).

    source                          instrumented, where T() is the counter
    ------------------------------  ---------------------------------------------------
    if (a) b(); else c()            T();if (a) {T();b();} else {T();c()}
    while (true);                   T();while (true){T();;}
    const f = x => x + 1            T();const f = x => (T(),x + 1)

The engine is QuickJS, embedded: it has no files, network, processes, timers or host
objects, and its memory, stack and time are limited. It cannot count statements, so a
counter is called before each of them; that counter also watches the clock. This module
must not know where a source comes from.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from naftiko.errors import shorten
from naftiko.expressions import ABSENT, to_scalar

if TYPE_CHECKING:
    from naftiko.plain import JSON

#: Bytes that the engine may allocate, of a result as JSON text, and of its stack.
_MAX_MEMORY = 64 * 1024 * 1024
_MAX_RESULT = 16 * 1024 * 1024
_MAX_STACK = 512 * 1024
_COUNTER = "__naftiko_"
#: Stands for the counter in an instrumented source; no source holds it by accident.
_COUNTER_PLACE = "\ue000tick\ue001"
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
#: Nodes that hold statements one after another.
_BLOCKS = frozenset(("program", "statement_block", "switch_case", "switch_default"))
#: Nodes whose body may be a single statement without braces.
_HOLDERS = frozenset(
    (
        "if_statement", "else_clause", "for_statement", "for_in_statement",
        "while_statement", "do_statement", "with_statement",
    )
)  # fmt: skip


class JavaScriptError(Exception):
    """A script failed; the message goes on after its name: "failed: …"."""


def evaluate(
    sources: Iterable[str],
    context: Mapping[str, JSON],
    *,
    timeout: int,
    statement_limit: int,
) -> JSON:
    """Return the global `result` after some sources have run, or `ABSENT`.

    The source `result = context.n + 1` gives `3` for the context `{"n": 2}`.

    Args:
        sources: Instrumented sources, run in one engine, in order.
        context: The global `context`.
        timeout: Milliseconds of time for all of them.
        statement_limit: Statements that they may run together.

    Raises:
        JavaScriptError: A source raised an error, a limit was exceeded, or context or
            result have no form in JSON.
        ImportError: The engine is not installed.
    """
    import quickjs

    given = _written(context)
    # A context belongs to one thread; it is made, used and dropped in this call.
    engine = quickjs.Context()
    engine.set_memory_limit(_MAX_MEMORY)
    engine.set_max_stack_size(_MAX_STACK)
    # The engine counts processor time; the counter watches the clock.
    engine.set_time_limit(timeout / 1000)
    counter = _COUNTER + secrets.token_hex(8)
    try:
        engine.eval(f"const {counter} = {_PRELUDE}({statement_limit}, {timeout});")
        engine.set("__context", given)
        engine.eval(_TAKE_CONTEXT)
        for source in sources:
            # Python may have no type for the value of the last statement.
            engine.eval(source.replace(_COUNTER_PLACE, counter) + "\n;undefined")
        text = engine.eval(_GIVE_RESULT.format(counter=counter))
    except quickjs.StackOverflow:
        raise JavaScriptError("failed: it calls itself too deeply") from None
    except quickjs.JSException as error:
        limit = _exceeded(engine, counter) or _limit_of(str(error))
        if limit:
            raise _over(limit, timeout, statement_limit) from None
        raise JavaScriptError(f"failed: {_first_line(str(error))}") from None
    # A script may catch the error of the counter.
    if limit := _exceeded(engine, counter):
        raise _over(limit, timeout, statement_limit)
    if text is None:
        return ABSENT
    if len(text) > _MAX_RESULT:
        raise JavaScriptError(
            f"failed: its result is larger than {_MAX_RESULT >> 20} MiB"
        )
    try:
        return json.loads(text)
    except RecursionError:
        raise JavaScriptError("failed: its result is nested too deeply") from None


def _written(context: Mapping[str, JSON]) -> str:
    try:
        return json.dumps(context, default=_text_for_script, allow_nan=False)
    except RecursionError:
        fault = "it is nested too deeply"
    except (TypeError, ValueError) as error:
        fault = shorten(error)
    raise JavaScriptError(f"failed: its context cannot be written as JSON: {fault}")


def _text_for_script(value: Any) -> Any:
    """Return a value that JSON has no form for as a text."""
    return (
        value.decode("utf-8", "replace")
        if isinstance(value, bytes)
        else to_scalar(value)
    )


def _exceeded(engine: Any, counter: str) -> str:
    """Return the limit that the counter found exceeded, or an empty text."""
    import quickjs

    try:
        engine.set_time_limit(1)
        return str(engine.eval(f"{counter}.over()"))
    except (quickjs.JSException, quickjs.StackOverflow):
        return ""


def _limit_of(message: str) -> str:
    """Return the limit of the engine that an error is about, or an empty text.

    QuickJS has no other sign of it than the text of the message.
    """
    if "interrupted" in message:
        return "time"
    return "memory" if "out of memory" in message else ""


def _first_line(text: str) -> str:
    """Return the message of an error of the engine without its stack."""
    return shorten(text.partition("\n")[0], 200)


def _over(limit: str, timeout: int, statement_limit: int) -> JavaScriptError:
    limits = {
        "time": f"timeout limit ({timeout} ms)",
        "memory": f"memory limit ({_MAX_MEMORY >> 20} MiB)",
        "statements": f"statement limit ({statement_limit})",
    }
    return JavaScriptError(f"exceeded the {limits[limit]}")


# --- instrumented sources -----------------------------------------------------------


def instrumented(source: str, name: str) -> str:
    """Return JavaScript with a call of the counter before each statement.

    `a(); b()` becomes `T();a(); T();b()`. Lines stay lines, so that places in messages
    are true.

    Args:
        source: The script.
        name: The name of its file, for messages.

    Raises:
        JavaScriptError: It is not JavaScript, or uses a name of the counter.
        ImportError: The parser is not installed.
    """
    import tree_sitter
    import tree_sitter_javascript

    if _COUNTER_PLACE in source or _COUNTER in source:
        raise JavaScriptError(f"failed: {name} uses a reserved name")
    raw = source.encode()
    language = tree_sitter.Language(tree_sitter_javascript.language())
    root = tree_sitter.Parser(language).parse(raw).root_node
    if root.has_error:
        row, column = _first_error(root).start_point
        place = f"{name}:{row + 1}:{column + 1}"
        raise JavaScriptError(f"failed: {place}: is not JavaScript")
    pieces: list[bytes] = []
    end = 0
    for at, text in sorted(_insertions(root), key=itemgetter(0)):
        pieces += raw[end:at], text.encode()
        end = at
    return b"".join((*pieces, raw[end:])).decode()


def _first_error(node: Any) -> Any:
    """Return the innermost node that the parser could not read."""
    while True:
        inner = [
            child
            for child in node.children
            if child.has_error or child.is_error or child.is_missing
        ]
        if node.is_error or node.is_missing or not inner:
            return node
        node = inner[0]


def _insertions(root: Any) -> Iterator[tuple[int, str]]:
    """Yield offset in bytes and text of each insertion, in any order."""
    tick = f"{_COUNTER_PLACE}();"
    pending = [root]
    while pending:
        node = pending.pop()
        pending += node.named_children
        if node.type in _BLOCKS:
            yield from _in_block(node, tick)
        elif node.type in _HOLDERS:
            for body in _bodies(node):
                if body.type == "statement_block":
                    # A loop with an empty body runs for ever all the same.
                    yield body.start_byte + 1, tick
                else:
                    yield body.start_byte, "{" + tick
                    yield body.end_byte, "}"
        elif node.type == "arrow_function":
            body = node.child_by_field_name("body")
            if body is not None and body.type != "statement_block":
                yield body.start_byte, f"({_COUNTER_PLACE}(),"
                yield body.end_byte, ")"


def _in_block(node: Any, tick: str) -> Iterator[tuple[int, str]]:
    """Yield the insertions before the statements of a block."""
    prologue = True
    label = node.child_by_field_name("value") if node.type == "switch_case" else None
    for child in node.named_children:
        if child.type == "comment" or child == label:
            continue
        only_text = (
            child.type == "expression_statement"
            and len(child.named_children) == 1
            and child.named_children[0].type == "string"
        )
        # "use strict" only counts as the first statement.
        if prologue and only_text:
            continue
        prologue = False
        yield child.start_byte, tick


def _bodies(node: Any) -> Iterator[Any]:
    """Yield the bodies of a node; those of `else if` have a node of their own."""
    names = ("consequence", "body")
    bodies = [node.child_by_field_name(name) for name in names]
    if node.type == "else_clause":
        bodies = [child for child in node.named_children if child.type != "comment"][:1]
    for body in bodies:
        if body is not None and body.type != "else_clause":
            yield body
