"""JavaScript sources: what surrounds a script, and calls that count its statements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from naftiko.expressions import to_scalar

MAX_MEMORY = 64 * 1024 * 1024
MAX_RESULT = 16 * 1024 * 1024
MAX_STACK = 512 * 1024
COUNTER = "__naftiko_"
#: Stands for the counter in an instrumented source; no source holds it by accident.
COUNTER_PLACE = "\ue000tick\ue001"
#: Takes away what makes code from text, which would run uncounted, and returns the
#: counter. It keeps its own references: a script may replace any global.
PRELUDE = """((limit, milliseconds) => {
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
  return Object.freeze(tick);
})"""
TAKE_CONTEXT = """globalThis.context = JSON.parse(__context);
delete globalThis.__context;
globalThis.result = undefined;"""
GIVE_RESULT = "typeof result === 'undefined' ? undefined : JSON.stringify(result)"
#: What holds statements one after another, and what has a single one as its body.
_BLOCKS = frozenset(("program", "statement_block", "switch_case", "switch_default"))
_HOLDERS = frozenset(
    (
        "if_statement", "else_clause", "for_statement", "for_in_statement",
        "while_statement", "do_statement", "with_statement",
    )
)  # fmt: skip


def plain_result(value: Any) -> Any:
    """Return a result of the engine as plain data."""
    return (
        value.decode("utf-8", "replace")
        if isinstance(value, bytes)
        else to_scalar(value)
    )


class UnparsableScript(Exception):
    """Where a source is not JavaScript."""


def instrumented(source: str, name: str) -> str:
    """Return JavaScript with a call of the counter before each statement.

    Raises:
        _Unparsable: The source is not JavaScript.
    """
    import tree_sitter
    import tree_sitter_javascript

    if COUNTER_PLACE in source or COUNTER in source:
        raise UnparsableScript(f"{name} uses a reserved name")
    raw = source.encode()
    language = tree_sitter.Language(tree_sitter_javascript.language())
    root = tree_sitter.Parser(language).parse(raw).root_node
    if root.has_error:
        row, column = _first_error(root).start_point
        raise UnparsableScript(f"{name}:{row + 1}:{column + 1}: is not JavaScript")
    pieces: list[bytes] = []
    end = 0
    for at, text in sorted(_insertions(root), key=lambda place: place[0]):
        pieces += raw[end:at], text.encode()
        end = at
    return b"".join((*pieces, raw[end:])).decode()


def _first_error(node: Any) -> Any:
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
    """Yield where text goes into a source, in any order of places."""
    tick = f"{COUNTER_PLACE}();"
    pending = [root]
    while pending:
        node = pending.pop()
        pending += node.named_children
        if node.type in _BLOCKS:
            yield from _in_block(node, tick)
        elif node.type in _HOLDERS:
            for body in _bodies(node):
                if body.type == "statement_block":
                    # A loop without statements goes round all the same.
                    yield body.start_byte + 1, tick
                else:
                    yield body.start_byte, "{" + tick
                    yield body.end_byte, "}"
        elif node.type == "arrow_function":
            body = node.child_by_field_name("body")
            if body is not None and body.type != "statement_block":
                yield body.start_byte, f"({COUNTER_PLACE}(),"
                yield body.end_byte, ")"


def _in_block(node: Any, tick: str) -> Iterator[tuple[int, str]]:
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
    names = ("consequence", "body")
    found = [node.child_by_field_name(name) for name in names]
    if node.type == "else_clause":
        found = [child for child in node.named_children if child.type != "comment"][:1]
    for body in found:
        if body is not None and body.type != "else_clause":
            yield body
