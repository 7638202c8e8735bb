"""The test of a filter → a function from a value and the root to whether it passes.

    test                               passes
    ---------------------------------  ------------------------------------
    @.price < 10                       {price: 8}
    'open' == @.state && !@.closed     {state: open}
    match(@.name, 'a.*')               {name: ada}
    count(@.tags[*]) > $.least         two tags, where `least` is 1
    @.state in ['open', 'new']         {state: new}      (Jayway)
    @.name =~ /^a/i                    {name: Ada}       (Jayway)
    @.tags.length() > 1                {tags: [a, b]}    (Jayway)

RFC 9535, 2.3.5 and 2.4. The whole test is read when the path is compiled, so a fault in
it is told before any value is there. This module must not know what is filtered.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.errors import OutputError, did_you_mean, names_of
from naftiko.jsonpath.comparing import SIGNS, WORDS
from naftiko.jsonpath.cursor import MAX_DEPTH
from naftiko.jsonpath.functions import FUNCTIONS
from naftiko.jsonpath.patterns import compile_pattern
from naftiko.jsonpath.segments import FUNCTION
from naftiko.jsonpath.steps import MISSING, finder, steps_of, walk
from naftiko.patterns.bounded import PatternLimit, bounded
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from naftiko.jsonpath.cursor import PathReader
    from naftiko.jsonpath.segments import Segment
    from naftiko.patterns.bounded import BoundedPattern
    from naftiko.plain import JSON

    #: The value that is tested and the root of the path → a value or `MISSING`.
    Evaluate = Callable[[JSON, JSON], Any]
    Passes = Callable[[JSON, JSON], bool]

#: What an operand is: a value that a comparison takes, the nodes of a query that may
#: find several, or the result of a test (RFC 9535, 2.4.1).
VALUE, NODES, LOGICAL = "a value", "a path to several values", "a test"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.])")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIGN = re.compile(r"==|!=|<=|>=|=~|<|>")
_JAYWAY = re.compile(rf"({'|'.join(WORDS)})(?![\w(])", re.IGNORECASE)
_SLASHED = re.compile(r"/((?:[^/\\]|\\.)+)/([imsx]*)", re.DOTALL)
_CONSTANTS = {"true": True, "false": False, "null": None}
_PATTERN_HINT = "a pattern is a regular expression, such as /^a.*b$/i"
_COMPARE = "compare with ==, !=, <, <=, >, >= or =~; join with && and ||"
_NOTHING_MORE = "this is not understood"


class Operand(NamedTuple):
    """One side of a comparison, or a test.

    Attributes:
        kind: `VALUE`, `NODES` or `LOGICAL`.
        of: Value and root → a value or `MISSING`, a list of nodes, or a truth value.
        at: Where it begins in the path.
        is_query: It is a path, so that it can be a test of existence.
        constant: The value of a literal, otherwise `MISSING`.
    """

    kind: str
    of: Evaluate
    at: int
    is_query: bool = False
    constant: Any = MISSING


def read_test(reader: PathReader) -> Passes:
    """Read the test that begins at the reader's place, and go to its end.

    Raises:
        OutputError: It is malformed; the code is that of `rules.OUTPUT_PATH`.
    """
    reader.depth += 1
    if reader.depth > MAX_DEPTH:
        reader.refuse("tests are nested too deeply", reader.at, "write a simpler test")
    passes = _joined(reader, "||", any)
    at = reader.skip_blanks()
    if reader.text[at : at + 1] not in ("]", ",", ")", ""):
        _refuse_rest(reader)
    reader.depth -= 1
    return passes


def _joined(reader: PathReader, sign: str, holds: Callable[[Any], bool]) -> Passes:
    """Read tests that are joined by `||`, or by `&&`, which binds closer."""
    tests: list[Passes] = []
    while True:
        one = _joined(reader, "&&", all) if sign == "||" else _basic(reader)
        tests.append(one)
        at = reader.skip_blanks()
        if reader.text.startswith(sign, at):
            reader.at += 2
        elif sign == "&&" and reader.text.startswith("&", at):
            reader.at += 1  # as jsonpath-ng reads it
        else:
            break
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        if sign == "||":
            return lambda node, root: first(node, root) or second(node, root)
        return lambda node, root: first(node, root) and second(node, root)
    return lambda node, root: holds(test(node, root) for test in tests)


def _basic(reader: PathReader) -> Passes:
    """Read a comparison, a test of existence, or either of them behind `!`."""
    at = reader.skip_blanks()
    if reader.text.startswith("!", at) and not reader.text.startswith("!=", at):
        reader.at += 1
        at = reader.skip_blanks()
        if reader.text.startswith("(", at):
            inner = _parenthesised(reader)
        else:
            operand = _operand(reader)
            if _SIGN.match(reader.text, reader.skip_blanks()):
                reader.refuse(
                    "'!' stands before a comparison",
                    reader.at,
                    "put the comparison in parentheses: !(…)",
                )
            inner = _as_test(reader, operand)
        return lambda node, root: not inner(node, root)
    if reader.text.startswith("(", at):
        return _parenthesised(reader)
    left = _operand(reader)
    at = reader.skip_blanks()
    if sign := _SIGN.match(reader.text, at):
        reader.at = sign.end()
        if sign.group() == "=~":
            return _matched(reader, left)
        return _compared(reader, left, sign.group())
    if word := _JAYWAY.match(reader.text, at):
        reader.at = word.end()
        return _in_words(reader, left, word.group().lower())
    return _as_test(reader, left)


def _parenthesised(reader: PathReader) -> Passes:
    start = reader.at
    reader.at += 1
    passes = read_test(reader)
    if not reader.text.startswith(")", reader.skip_blanks()):
        reader.refuse("this '(' is not closed", start, "add the missing ')'")
    reader.at += 1
    return passes


def _as_test(reader: PathReader, operand: Operand) -> Passes:
    of = operand.of
    if operand.kind == LOGICAL:
        return of
    if not operand.is_query:
        _refuse_unless_rest(reader)
        reader.refuse("a value alone is no test", operand.at, _COMPARE)
    if operand.kind == NODES:
        return lambda node, root: bool(of(node, root))
    return lambda node, root: of(node, root) is not MISSING


# --- comparisons --------------------------------------------------------------------


def _compared(reader: PathReader, left: Operand, sign: str) -> Passes:
    reader.skip_blanks()
    right = _operand(reader)
    for side in (left, right):
        if side.kind != VALUE:
            reader.refuse(
                f"'{sign}' compares values, and this is {side.kind}", side.at, _COMPARE
            )
    holds, a, b = SIGNS[sign], left.of, right.of
    if right.constant is not MISSING:
        constant = right.constant
        return lambda node, root: holds(a(node, root), constant)
    return lambda node, root: holds(a(node, root), b(node, root))


def _in_words(reader: PathReader, left: Operand, word: str) -> Passes:
    reader.skip_blanks()
    right = _list_or_operand(reader)
    for side in (left, right):
        if side.kind == LOGICAL:
            reader.refuse(f"'{word}' compares values, and this is a test", side.at, "")
    holds, a, b = WORDS[word], left.of, right.of
    return lambda node, root: holds(a(node, root), b(node, root))


def _list_or_operand(reader: PathReader) -> Operand:
    """Read an operand, which may be a list of literals."""
    start = reader.at
    if not reader.text.startswith("[", start):
        return _operand(reader)
    reader.at += 1
    values: list[JSON] = []
    while not reader.text.startswith("]", reader.skip_blanks()):
        if values:
            if reader.text[reader.at] != ",":
                _refuse_rest(reader)
            reader.at += 1
            reader.skip_blanks()
        item = _list_or_operand(reader)
        if item.constant is MISSING:
            reader.refuse("a list holds literals", item.at, "quote a text: ['a', 'b']")
        values.append(item.constant)
    reader.at += 1
    return _literal(values, start)


def _matched(reader: PathReader, left: Operand) -> Passes:
    """Read what follows `=~`: a pattern between slashes, or a text with one."""
    if left.kind != VALUE:
        reader.refuse("'=~' compares a value", left.at, _PATTERN_HINT)
    start = reader.skip_blanks()
    if slashed := _SLASHED.match(reader.text, start):
        reader.at = slashed.end()
        flags = f"(?{slashed[2]})" if slashed[2] else ""
        pattern, first = flags + slashed[1].replace("\\/", "/"), start + 1 - len(flags)
    elif reader.text[start : start + 1] in ("'", '"'):
        pattern, first = reader.string(), start + 1
    else:
        reader.refuse("a pattern is missing here", start, _PATTERN_HINT)
    compiled = bounded(pattern)
    if compiled is None:
        fault, at = _fault_of(pattern)
        reader.refuse(f"{fault} in the pattern", first + at, _PATTERN_HINT)
    of = left.of

    def passes(node: JSON, root: JSON) -> bool:
        value = of(node, root)
        return isinstance(value, str) and _finds(compiled, value)

    return passes


def _fault_of(pattern: str) -> tuple[str, int]:
    """Return what is wrong with a pattern, and at which character."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(getattr(error, "msg", error)), getattr(error, "pos", 0) or 0
    return "there are too many characters", 0


# --- operands -----------------------------------------------------------------------


def _operand(reader: PathReader) -> Operand:
    start = reader.at
    head = reader.text[start : start + 1]
    if head and head in "@$":
        reader.at += 1
        return _query(reader.read_in_filter(), head == "$", start)
    if head and head in "'\"":
        return _literal(reader.string(), start)
    if number := _NUMBER.match(reader.text, start):
        reader.at = number.end()
        return _literal(_number(number.group()), start)
    if word := _WORD.match(reader.text, start):
        reader.at = word.end()
        if reader.text.startswith("(", reader.at):
            return _function(reader, word.group(), start)
        if word.group() in _CONSTANTS:
            return _literal(_CONSTANTS[word.group()], start)
        hint = f"a member is '@.{word.group()}', a text is \"'{word.group()}'\""
        reader.refuse(_NOTHING_MORE, start, hint)
    return _refuse_rest(reader)


def _number(written: str) -> float:
    # Python refuses to read integers of thousands of digits.
    is_integer = written.lstrip("-").isdigit() and len(written) < 4000
    return int(written) if is_integer else float(written)


def _literal(value: JSON, at: int) -> Operand:
    return Operand(VALUE, lambda _node, _root: value, at, constant=value)


def _query(segments: Sequence[Segment], is_absolute: bool, at: int) -> Operand:
    """Return a path of a filter: from the value that is tested, or from the root."""
    if segments and segments[-1].kind == FUNCTION:
        function = FUNCTIONS[segments[-1].key]
        return _applied(function, _query(segments[:-1], is_absolute, at))
    if all(segment.single for segment in segments):
        find = finder(segments)
        if is_absolute:
            return Operand(VALUE, lambda _node, root: find(root), at, is_query=True)
        return Operand(VALUE, lambda node, _root: find(node), at, is_query=True)
    steps = steps_of(segments)
    if is_absolute:
        return Operand(
            NODES, lambda _node, root: walk(steps, [root], root), at, is_query=True
        )
    return Operand(
        NODES, lambda node, root: walk(steps, [node], root), at, is_query=True
    )


def _applied(function: Callable[[Any], JSON], query: Operand) -> Operand:
    of = query.of

    def apply(node: JSON, root: JSON) -> JSON:
        try:
            return function(of(node, root))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return MISSING

    return Operand(VALUE, apply, query.at)


# --- functions (RFC 9535, 2.4) --------------------------------------------------------


def _length(value: Any) -> Any:
    return len(value) if isinstance(value, (str, list, dict)) else MISSING


def _only(nodes: list[JSON]) -> JSON:
    return nodes[0] if len(nodes) == 1 else MISSING


#: Name → what its arguments are.
_ARGUMENTS = {
    "length": (VALUE,),
    "count": (NODES,),
    "value": (NODES,),
    "match": (VALUE, VALUE),
    "search": (VALUE, VALUE),
}


def _function(reader: PathReader, name: str, start: int) -> Operand:
    kinds = _ARGUMENTS.get(name)
    if kinds is None:
        hint = f"{did_you_mean(name, _ARGUMENTS)} Functions: {names_of(_ARGUMENTS)}"
        reader.refuse(f"'{name}(' is no function of a test", start, hint.strip())
    reader.at += 1
    reader.depth += 1
    if reader.depth > MAX_DEPTH:
        reader.refuse("tests are nested too deeply", reader.at, "write a simpler test")
    arguments: list[Operand] = []
    while not reader.text.startswith(")", reader.skip_blanks()):
        if arguments:
            if not reader.text.startswith(",", reader.at):
                _refuse_rest(reader)
            reader.at += 1
            reader.skip_blanks()
        arguments.append(_operand(reader))
    reader.at += 1
    reader.depth -= 1
    if len(arguments) != len(kinds):
        wanted = "one argument" if len(kinds) == 1 else f"{len(kinds)} arguments"
        reader.refuse(f"{name}() takes {wanted}", start, _TAKES[name])
    for argument, kind in zip(arguments, kinds, strict=True):
        fits = argument.is_query if kind == NODES else argument.kind == VALUE
        if not fits:
            fault = f"{name}() does not take {argument.kind}"
            reader.refuse(fault, argument.at, _TAKES[name])
    of = arguments[0].of
    if name == "length":
        return Operand(VALUE, lambda node, root: _length(of(node, root)), start)
    if name in ("count", "value"):
        nodes = _nodes_of(arguments[0])
        take: Callable[[list[JSON]], Any] = len if name == "count" else _only
        return Operand(VALUE, lambda node, root: take(nodes(node, root)), start)
    return Operand(LOGICAL, _tested(reader, name, *arguments), start)


_TAKES = {
    "length": "write length(@.a): the path of one value",
    "count": "write count(@.a[*]): a path",
    "value": "write value(@..a): a path",
    "match": "write match(@.a, 'a.*'): a value and a pattern for the whole of it",
    "search": "write search(@.a, 'a.*'): a value and a pattern for a part of it",
}


def _nodes_of(query: Operand) -> Evaluate:
    of = query.of
    if query.kind == NODES:
        return of

    def nodes(node: JSON, root: JSON) -> list[JSON]:
        found = of(node, root)
        return [] if found is MISSING else [found]

    return nodes


def _tested(reader: PathReader, name: str, value: Operand, pattern: Operand) -> Passes:
    """Return the test of `match` or `search`."""
    whole = name == "match"
    of, text_of = value.of, pattern.of
    known: BoundedPattern | None = None
    if isinstance(pattern.constant, str):
        known = compile_pattern(pattern.constant, whole=whole)
        if known is None:
            reader.refuse("this is no pattern", pattern.at, _PATTERN_HINT)

    def passes(node: JSON, root: JSON) -> bool:
        text, told = of(node, root), text_of(node, root)
        if not isinstance(text, str) or not isinstance(told, str):
            return False
        compiled = known or compile_pattern(told, whole=whole, is_data=True)
        return compiled is not None and _finds(compiled, text)

    return passes


def _finds(pattern: BoundedPattern, text: str) -> bool:
    """Tell whether a pattern is found.

    Raises:
        OutputError: The text is too long for the pattern, or takes too long.
    """
    try:
        return pattern.finds(text)
    except PatternLimit as error:
        message = f"a text cannot be matched in a filter: {error.message}"
        raise OutputError(message, hint=error.hint) from None


# --- faults ---------------------------------------------------------------------------


def _refuse_unless_rest(reader: PathReader) -> None:
    """Refuse what follows a value, if it is no end of a test."""
    at = reader.skip_blanks()
    if not reader.text.startswith(("]", ")", ",", "&&", "||"), at):
        _refuse_rest(reader)


def _refuse_rest(reader: PathReader) -> NoReturn:
    reader.refuse(_NOTHING_MORE, reader.at, _COMPARE)
