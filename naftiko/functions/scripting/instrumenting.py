"""A script → its source with a call of the counter before each statement (spec 8.5).

    source                          instrumented, where T() is the counter
    ------------------------------  ---------------------------------------------------
    if (a) b(); else c()            T();if (a) {T();b();} else {T();c()}
    while (true);                   T();while (true){T();;}
    const f = x => x + 1            T();const f = x => (T(),x + 1)

The engine cannot count statements. This runs in a child process, as the parser is
native code. This module must not know where a source comes from.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from naftiko.functions.scripting.sandbox import COUNTER, COUNTER_PLACE, FAILED, RESULT

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Nodes that hold statements one after another.
_BLOCKS = frozenset(("program", "statement_block", "switch_case", "switch_default"))
#: Nodes whose body may be a single statement without braces.
_HOLDERS = frozenset(
    (
        "if_statement", "else_clause", "for_statement", "for_in_statement",
        "while_statement", "do_statement", "with_statement",
    )
)  # fmt: skip


class NoJavaScript(ValueError):
    """A source is not JavaScript, or uses a name of the counter."""


def read(request: bytes) -> bytes:
    """Return kind and text of the instrumented source; asks for name, NUL, source.

    Raises:
        ImportError: The parser is not installed.
    """
    name, _, source = request.decode().partition("\0")
    try:
        return RESULT + instrumented(source, name).encode()
    except NoJavaScript as error:
        return FAILED + str(error).encode()


def instrumented(source: str, name: str) -> str:
    """Return JavaScript with a call of the counter before each statement.

    `a(); b()` becomes `T();a(); T();b()`. Lines stay lines, so that places in messages
    are true.

    Args:
        source: The script.
        name: The name of its file, for messages.

    Raises:
        NoJavaScript: It is not JavaScript, or uses a name of the counter.
        ImportError: The parser is not installed.
    """
    import tree_sitter
    import tree_sitter_javascript

    if COUNTER_PLACE in source or COUNTER in source:
        raise NoJavaScript(f"{name} uses a reserved name")
    raw = source.encode()
    language = tree_sitter.Language(tree_sitter_javascript.language())
    root = tree_sitter.Parser(language).parse(raw).root_node
    if root.has_error:
        row, column = _first_error(root).start_point
        place = f"{name}:{row + 1}:{column + 1}"
        raise NoJavaScript(f"{place}: is not JavaScript")
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
                    # A loop with an empty body runs for ever all the same.
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
