"""Say why a text is not well-formed YAML, and where the fault began.

    error of the parser, text  →  Fault(line, column, message, hint, related)

A parser notices an unclosed quotation mark only where the next one stands, perhaps far
below; the fault is told where the text was opened.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from naftiko.errors import Related
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECK = "check the indentation and the quotes here and in the line above"
#: `key: text: more` in one line: the value, quoted or not.
_VALUE = re.compile(r"[^\s:#'\"][^:#]*:\s+(?P<value>[^\s'\"{\[|>&*!].*)")
#: `key:value`, without the blank between them.
_GLUED = re.compile(r"\s*(?:-\s+)*(?P<key>[A-Za-z][\w-]*):[^\s:/]\S*\s*$")
#: Characters that cannot begin a plain text (YAML 1.2, 5.3).
_RESERVED = "@`%"
#: Opening bracket → the one that closes it.
_PARTNERS = {"[": "]", "{": "}"}
_CLOSING = ("]", "}")


class Fault(NamedTuple):
    """One fault of a text.

    Attributes:
        line: Its line, from 1.
        column: Its column, from 1.
        message: What is wrong.
        hint: How to mend it.
        related: Other places that it is about.
        is_second: Whether it is the beginning of a second document.
    """

    line: int
    column: int
    message: str
    hint: str = ""
    related: tuple[Related, ...] = ()
    is_second: bool = False


class _Quoted(NamedTuple):
    """One text in quotation marks, its lines and columns from 1."""

    quote: str
    line: int
    column: int
    end_line: int
    end_column: int


def explain(error: Any, text: str, name: str) -> Fault:
    """Return the fault behind an error of ruamel's pure parser.

    Args:
        error: A `YAMLError`, with or without marks.
        text: The text that it was raised for.
        name: The name of the file, for related places.
    """
    begin = getattr(error, "context_mark", None)
    mark = getattr(error, "problem_mark", None) or begin
    problem = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
    context = getattr(error, "context", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    # ruamel tells a missing `---` from other errors by its words alone.
    if mark and "<document start>" in problem and _begins_another(text, mark.index):
        return Fault(line, column, "", is_second=True)
    source = text.split("\n")
    if begin and "end of stream" in problem and "quoted" in str(context):
        return _unclosed(
            _Quoted(source[begin.line][begin.column], begin.line + 1,
                    begin.column + 1, line, column),
            source, name,
        )  # fmt: skip
    if quoted := _quoted_before(text, line, column):
        if quoted.line != quoted.end_line:
            return _unclosed(quoted, source, name)
        mend = (
            "write an apostrophe inside single quotes twice (''), or use double quotes"
            if quoted.quote == "'"
            else 'write \\" inside double quotes, or use single quotes around the text'
        )
        is_glued = (quoted.end_line, quoted.end_column) == (line, column)
        if is_glued and (quoted.quote == "'" or "<scalar>" in problem):
            return Fault(
                line,
                column,
                "not well-formed YAML: text stands behind the closing quotation mark",
                mend,
            )
    # The parser notices a line without a key only in the line below.
    if begin and "could not find expected ':'" in problem:
        return _keyless(begin.line + 1, begin.column + 1, source)
    if "mapping values" in problem and line > 1:
        above = _GLUED.match(source[line - 2])
        if above:
            return _keyless(line - 1, above.start("key") + 1, source)
    if "flow" in str(context) and "<stream end>" in problem:
        opened = _opened(text)
        if opened:
            bracket = source[opened[0] - 1][opened[1] - 1]
            message = f"the {bracket} that opens here is never closed"
            hint = f"close it with {_PARTNERS[bracket]}"
            return Fault(*opened, f"not well-formed YAML: {message}", hint)
    return _in_its_words(error, problem, line, column, source, name)


def told_briefly(error: Any) -> Fault:
    """Return the fault behind an error of the C parser, whose text is not read again.

    Args:
        error: A `YAMLError`, with or without marks.
    """
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "the C parser cannot read it"
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    hint = (
        "quote texts that hold `:`, `,`, `[` or `{`, and close each quote and bracket"
    )
    return Fault(line, column, f"not well-formed YAML: {problem}", hint)


def _in_its_words(
    error: Any, problem: str, line: int, column: int, source: list[str], name: str
) -> Fault:
    """Return a fault in the words of the parser, with a hint and where it began."""
    begin, context = (
        getattr(error, "context_mark", None),
        getattr(error, "context", None),
    )
    message = f"not well-formed YAML: {problem}"
    if context:
        message += f" {context}"
    shown = source[line - 1] if line <= len(source) else ""
    hint = _hint(problem, shown, column)
    is_flow = "flow" in str(context)
    found = shown[column - 1 : column]
    bracket = source[begin.line][begin.column : begin.column + 1] if begin else ""
    if (
        begin
        and is_flow
        and found in _CLOSING
        and _PARTNERS.get(bracket, found) != found
    ):
        where = f"the {bracket} of line {begin.line + 1}, column {begin.column + 1}"
        hint = f"close {where} with {_PARTNERS[bracket]} before this {found}"
    related: tuple[Related, ...] = ()
    if begin and context and begin.line < line - 1:
        what = "the bracket opens here" if is_flow else "the mapping begins here"
        if is_flow or "block mapping" in str(context):
            related = (Related(what, "", begin.line + 1, begin.column + 1, name),)
        if is_flow and hint == _CHECK:
            hint = f"close the {bracket} of line {begin.line + 1}, or add a comma"
    return Fault(line, column, message, hint, related)


def _keyless(line: int, column: int, source: list[str]) -> Fault:
    """Return the fault of a line that is no key with a value."""
    return Fault(
        line,
        column,
        "not well-formed YAML: this line is no `key: value`",
        "write a blank behind the colon"
        if _GLUED.match(source[line - 1])
        else "write a colon and a blank between key and value, or indent the line",
    )


def _hint(problem: str, shown: str, column: int) -> str:
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        return "indent with blanks, not with tabs"
    if re.search("[:,{\\[]\\s*[\u201c\u201d]", shown):
        return "use straight quotation marks"
    if "{{" in shown:
        return 'quote a template: "{{NAME}}"'
    if re.match(r"\s*-[^\s-]", shown):
        return "write a blank behind the dash"
    if "unknown escape" in problem:
        return "write a backslash inside double quotes twice, or use single quotes"
    if "mapping values" in problem:
        value = _VALUE.match(shown.lstrip())
        if value and value.start("value") + len(shown) - len(shown.lstrip()) < column:
            return "quote a text that holds a colon and a blank"
        return "indent this line as the one above it"
    if "cannot start any token" in problem and shown[column - 1 : column] in _RESERVED:
        return f"quote a text that begins with `{shown[column - 1]}`"
    if "sequence entries" in problem:
        return "quote a text that begins with `-`, or write the list below its key"
    if "<scalar>" in problem and shown[: column - 1].rstrip().endswith(("'", '"')):
        return "text stands behind the closing quotation mark: quote the whole text"
    return _CHECK


def _unclosed(quoted: _Quoted, source: list[str], name: str) -> Fault:
    """Return the fault of a quotation mark that is closed too late, or never."""
    related: tuple[Related, ...] = ()
    if quoted.end_line <= len(source) and source[quoted.end_line - 1].strip():
        related = (
            Related(
                "the text ends only here", "", quoted.end_line,
                max(1, quoted.end_column - 1), name,
            ),
        )  # fmt: skip
    return Fault(
        quoted.line,
        quoted.column,
        # Never the text itself: it may be a credential.
        f"not well-formed YAML: the quotation mark {quoted.quote} that opens here is"
        " not closed in its line",
        f"close it with {quoted.quote} at the end of the text",
        related,
    )


def _quoted_before(text: str, line: int, column: int) -> _Quoted | None:
    """Return the last text in quotation marks that ends in a line, before a column.

    It may have begun in an earlier line, or end at the column itself.
    """
    last: _Quoted | None = None
    for quoted in _quoted(text, line):
        if (quoted.end_line, quoted.end_column) > (line, column):
            break
        last = quoted
    return last if last is not None and last.end_line == line else None


def _quoted(text: str, last: int) -> Iterator[_Quoted]:
    """Yield the texts in quotation marks that begin in the lines up to one."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    with suppress(YAMLError, RecursionError):
        for token in YAML(typ="safe", pure=True).scan(text):
            if token.start_mark.line >= last:
                return
            style = getattr(token, "style", None)
            if style in ("'", '"'):
                begin, end = token.start_mark, token.end_mark
                yield _Quoted(
                    style,
                    begin.line + 1,
                    begin.column + 1,
                    end.line + 1,
                    end.column + 1,
                )


def _opened(text: str) -> tuple[int, int] | None:
    """Return line and column of the last bracket that nothing closes, if any."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    opened: list[tuple[int, int]] = []
    with suppress(YAMLError, RecursionError):
        for token in YAML(typ="safe", pure=True).scan(text):
            kind = type(token).__name__
            if kind in ("FlowSequenceStartToken", "FlowMappingStartToken"):
                opened.append((token.start_mark.line + 1, token.start_mark.column + 1))
            elif kind in ("FlowSequenceEndToken", "FlowMappingEndToken") and opened:
                opened.pop()
    return opened[-1] if opened else None


def _begins_another(text: str, offset: int) -> bool:
    """Tell whether a second document follows the end of the first one."""
    before = text[:offset].rstrip().rpartition("\n")[2]
    return before.startswith("...") or text[offset : offset + 1] in ("{", "[")
