"""YAML and JSON text -> the events of a parser.

    {"a": 1}   →  object, scalar "a", scalar "1", end

Three sources give events of one shape: ruamel's C parser, its pure parser, and the
tokens of a JSON text. This module must not know what is built from them.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Events = Callable[[str], Iterator[Any]]

_JSON_TOKEN = re.compile(
    r'[ \t\r\n]+|("(?:[^"\\]++|\\.)*+"?)|([{}\[\],:])|([^\s{}\[\],:"]+)', re.DOTALL
)
# Line breaks of YAML 1.1 that are none in YAML 1.2 (5.4); both parsers are of 1.1.
_OLD_BREAKS = "\x85\u2028\u2029"
# A text, which is compiled for the first text beyond ASCII.
_SURROGATE = "[\ud800-\udfff]"
#: The attributes of the events of ruamel that `shorten_constructors` knows.
_OF_EVENTS = ("start_mark", "end_mark", "comment")
_OF_NODES = ("anchor",)
_OF_SCALARS = ("ctag", "implicit", "value", "style")
_OF_COLLECTIONS = ("ctag", "implicit", "flow_style", "nr_items")


class Kinds(NamedTuple):
    """The classes of the events of one source, which the builder tells apart.

    Attributes:
        scalar: A key or a value without parts.
        mapping: The start of a mapping.
        sequence: The start of a list.
        ends: The ends of either.
        alias: A reference to an anchor, where the source has them.
        document: The start of a document, where a text can hold several.
    """

    scalar: type
    mapping: type
    sequence: type
    ends: tuple[type, ...]
    alias: type | None = None
    document: type | None = None


def yaml_kinds() -> Kinds:
    """Return the classes of the events of both YAML parsers."""
    from ruamel.yaml import events

    shorten_constructors()
    ends = (events.MappingEndEvent, events.SequenceEndEvent)
    return Kinds(
        events.ScalarEvent,
        events.MappingStartEvent,
        events.SequenceStartEvent,
        ends,
        events.AliasEvent,
        events.DocumentStartEvent,
    )


@cache
def shorten_constructors() -> None:
    """Give ruamel's events constructors of one step, once for the whole process.

    ruamel builds each event by a chain of constructors, one per base class: a third of
    the time in which its C parser reads a document. These set the same attributes, and
    are put in place only where the classes have exactly the attributes known here.
    """
    from ruamel.yaml import events

    bases: tuple[Any, Any] = events.Event, events.NodeEvent
    if [base.__slots__ for base in bases] != [_OF_EVENTS, _OF_NODES]:
        return
    scalar: Any = events.ScalarEvent
    if scalar.__slots__ == _OF_SCALARS:
        scalar.__init__ = _build_scalar
    collection: Any = events.CollectionStartEvent
    if collection.__slots__ == _OF_COLLECTIONS:
        collection.__init__ = _build_collection


def _build_scalar(
    self: Any,
    anchor: Any,
    tag: Any,
    implicit: Any,
    value: Any,
    start_mark: Any = None,
    end_mark: Any = None,
    style: Any = None,
    comment: Any = None,
) -> None:
    self.start_mark = start_mark
    self.end_mark = end_mark
    self.comment = comment
    self.anchor = anchor
    self.ctag = tag
    self.implicit = implicit
    self.value = value
    self.style = style


def _build_collection(
    self: Any,
    anchor: Any,
    tag: Any,
    implicit: Any,
    start_mark: Any = None,
    end_mark: Any = None,
    flow_style: Any = None,
    comment: Any = None,
    nr_items: Any = None,
) -> None:
    self.start_mark = start_mark
    self.end_mark = end_mark
    self.comment = comment
    self.anchor = anchor
    self.ctag = tag
    self.implicit = implicit
    self.flow_style = flow_style
    self.nr_items = nr_items


def pure_events(text: str) -> Iterator[Any]:
    """Yield the events of ruamel's pure parser.

    It is changed in two ways, to agree with the C parser: tabs separate tokens, and an
    escape that gives half of a surrogate pair is an error.

    Raises:
        MarkedYAMLError: The text is not well-formed.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.scanner import Scanner

    class TabScanner(Scanner):
        """Reads tabs between tokens and words as white space (YAML 1.2, 6.2)."""

        def scan_to_next_token(self) -> None:
            while True:
                Scanner.scan_to_next_token(self)
                inside_line = self.flow_level or not self.allow_simple_key
                if self.reader.peek() != "\t" or not inside_line:
                    return
                self.reader.forward()

        def scan_plain_spaces(self, indent: Any, start_mark: Any) -> Any:
            length = 0
            while self.reader.peek(length) in " \t":
                length += 1
            blanks = self.reader.prefix(length)
            self.reader.forward(length)
            if self.reader.peek() in "\r\n":
                return Scanner.scan_plain_spaces(self, indent, start_mark)
            return [blanks] if blanks else []

    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = TabScanner
    for event in yaml.parse(text):
        value = getattr(event, "value", "")
        if not value.isascii() and re.search(_SURROGATE, value):
            problem = "found invalid Unicode character escape code"
            raise MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        yield event


def with_old_breaks(events: Events, text: str) -> Iterator[Any]:
    """Return the events of a text, its old line breaks read as plain characters."""
    if text.isascii() or not any(character in text for character in _OLD_BREAKS):
        return events(text)
    return _around_old_breaks(events, text)


def _around_old_breaks(events: Events, text: str) -> Iterator[Any]:
    """Yield the events of a text whose old line breaks the parser does not see.

    Characters for private use that the text does not hold stand in for them.
    """
    used = set(text)
    codes = chain(range(0xE000, 0xF900), range(0xF0000, 0xFFFFE))
    private = (chr(code) for code in codes)
    stand_ins = "".join(islice((c for c in private if c not in used), 3))
    back = str.maketrans(stand_ins, _OLD_BREAKS)
    for event in events(text.translate(str.maketrans(_OLD_BREAKS, stand_ins))):
        if getattr(event, "value", None):
            event.value = event.value.translate(back)
        yield event


# --- JSON --------------------------------------------------------------------------


class _JsonEvent:
    """One token of a JSON text, shaped as an event of ruamel; it is its own mark.

    There is one object of each kind, used again and again: an object for every token
    doubled the time (measured on 190 KB).
    """

    __slots__ = ("anchor", "column", "ctag", "implicit", "line", "start_mark", "value")

    def __init__(self) -> None:
        self.start_mark = self
        self.ctag = self.anchor = None
        self.implicit = (True, False)
        self.value = ""
        self.line = self.column = 0


class _JsonScalar(_JsonEvent):
    """A string, a number or a word such as `true`."""

    __slots__ = ()


class _JsonObject(_JsonEvent):
    """The `{` of an object."""

    __slots__ = ()


class _JsonArray(_JsonEvent):
    """The `[` of an array."""

    __slots__ = ()


class _JsonEnd(_JsonEvent):
    """The `}` or `]` of either."""

    __slots__ = ()


JSON_KINDS = Kinds(_JsonScalar, _JsonObject, _JsonArray, (_JsonEnd,))


def json_events(
    text: str, refuse_half: Callable[[int, int], None]
) -> Iterator[_JsonEvent]:
    """Yield the events of a text that is known to be JSON.

    Args:
        text: The text.
        refuse_half: Called with line and column of half a surrogate pair, from 1.

    Hot loop: it runs once per token (measured on 190 KB: 20 ms of 45).
    """
    from json import loads

    scalar, end = _JsonScalar(), _JsonEnd()
    starts: dict[str, _JsonEvent] = {"{": _JsonObject(), "[": _JsonArray()}
    line, begin = 0, 0
    quoted, plain = (False, True), (True, False)
    for token in _JSON_TOKEN.finditer(text):
        group = token.lastindex
        if group is None:
            blanks = token[0]
            if breaks := blanks.count("\n"):
                line += breaks
                begin = token.start() + blanks.rfind("\n") + 1
        elif group == 2:
            sign = token[2]
            if sign in starts:
                start = starts[sign]
                start.line, start.column = line, token.start() - begin
                yield start
            elif sign in "}]":
                yield end
        else:
            scalar.line, scalar.column = line, token.start() - begin
            written = token[0]
            if group == 3:
                scalar.value, scalar.implicit = written, plain
            else:
                is_escaped = "\\" in written
                value = loads(written) if is_escaped else written[1:-1]
                if not value.isascii() and re.search(_SURROGATE, value):
                    refuse_half(line + 1, scalar.column + 1)
                scalar.value, scalar.implicit = value, quoted
            yield scalar
