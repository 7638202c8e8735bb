"""YAML and JSON text -> plain data, by the events of a parser."""

from __future__ import annotations

import re
from array import array
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.document import rules
from naftiko.document.document import Document
from naftiko.errors import DocumentSyntaxError, Location, Related, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from naftiko.document.rules import Rule
    from naftiko.plain import JSON

    Events = Callable[[str], Iterator[Any]]

MAX_DEPTH = 100
#: Nodes that aliases may stand for, all together: a bomb has billions.
MAX_ALIASED = 100_000
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
BRACKETS_HINT = "look for brackets that are not closed"
CORE_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {"null": type(None), "bool": bool, "int": int, "float": float}
_CONSTANTS: dict[str, JSON] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMERIC_START = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = frozenset((".nan", ".NaN", ".NAN"))
_JSON_TOKEN = re.compile(
    r'[ \t\r\n]+|("(?:[^"\\]|\\.)*")|([{}\[\],:])|([^\s{}\[\],:"]+)', re.DOTALL
)
# What YAML 1.2 does not call printable (section 5.1). Its complement, which the
# specification gives, takes ten times as long to compile.
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
)
# Line breaks of YAML 1.1 that are none in YAML 1.2 (5.4); both parsers are of 1.1.
_OLD_BREAKS = "\x85\u2028\u2029"
_OLD_BREAK = re.compile(f"[{_OLD_BREAKS}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
#: Digits of a number; Python refuses to convert longer ones, and nothing needs them.
MAX_DIGITS = 3000
NO_VALUE: Any = object()


def parse_value(text: str, *, as_written: bool = False) -> JSON:
    """Return the data of the first document in a YAML text.

    Args:
        text: The document.
        as_written: Leave every scalar but a null the text that it is: `0123`, `1.50`.

    Raises:
        DocumentSyntaxError: The text is not well-formed.
    """
    builder = Builder("<yaml>")
    if as_written:
        nothing = [text for text, value in _CONSTANTS.items() if value is None]
        builder.constants, builder.numeric = dict.fromkeys(nothing), frozenset()
    return builder.build_yaml(text.removeprefix("\ufeff"), first_only=True)


def has_c_parser() -> bool:
    """Tell whether ruamel's C parser is installed."""
    return _c_parser() is not None


def resolve_plain(text: str) -> JSON:
    """Return the value of a plain scalar by the YAML 1.2 core schema (10.3.2)."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in _NUMERIC_START:
        return _number(text)
    return text


def _number(text: str) -> JSON:
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            return text
        if text.startswith("0x"):
            return int(text[2:], 16)
        if text.startswith("0o"):
            return int(text[2:], 8)
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if found := _INFINITE.fullmatch(text):
        return float(f"{found[1]}inf")
    return float("nan") if text in _NAN else text


def _c_parser() -> Any:
    # ruamel.yaml 0.19 imports only the module of `ruamel.yaml.clib`; its own
    # `libyaml` extra installs `clibz`, which nothing picks up.
    try:
        from _ruamel_yaml import CParser
    except ImportError:
        return None
    return CParser


def _c_events(text: str) -> Iterator[Any]:
    return iter(_c_parser()(text).get_event, None)


def _pure_events(text: str) -> Iterator[Any]:
    """Yield the events of the pure parser, which is made to read as the other does."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.scanner import Scanner

    class TabScanner(Scanner):
        """Takes tabs between tokens and between words for blanks (YAML 1.2, 6.2)."""

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
        if value and _SURROGATE.search(value):
            what = "found invalid Unicode character escape code"
            raise MarkedYAMLError(problem=what, problem_mark=event.start_mark)
        yield event


def _around_old_breaks(events: Events, text: str) -> Iterator[Any]:
    """Yield the events of a text whose old line breaks the parser does not see."""
    private = (chr(code) for code in range(0xE000, 0xF900))
    stand_ins = "".join(islice((c for c in private if c not in text), 3))
    back = str.maketrans(stand_ins, _OLD_BREAKS)
    for event in events(text.translate(str.maketrans(_OLD_BREAKS, stand_ins))):
        if getattr(event, "value", None):
            event.value = event.value.translate(back)
        yield event


class Builder:
    """Build data from events, and one mark (line, column from 0) per node."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.constants: dict[str, JSON] = _CONSTANTS
        self.numeric = _NUMERIC_START
        self._reset()

    def _reset(self) -> None:
        self.marks: array[int] = array("I")
        self.aliases: list[int] = []
        self._sizes: dict[str, int] = {}
        self._aliased = 0

    def build_yaml(self, text: str, *, first_only: bool = False) -> JSON:
        """Return the data of a YAML text, and note the place of every node."""
        from ruamel.yaml.error import YAMLError

        if _c_parser():
            # What the C parser does not understand may still be YAML 1.2, such as a
            # plain URL in a flow mapping; and if not, the other words are better.
            with suppress(YAMLError):
                return self._walk(_c_events, text, first_only=first_only)
            self._reset()
        try:
            return self._walk(_pure_events, text, first_only=first_only)
        except YAMLError as error:
            self._syntax_error(error, text)
        except RecursionError:
            self._too_deep(1, 1)

    def _walk(self, events: Events, text: str, *, first_only: bool) -> JSON:
        """Walk the events once; long, because every call would cost per node."""
        from ruamel.yaml import events as kinds

        scalar, alias = kinds.ScalarEvent, kinds.AliasEvent
        mapping, sequence = kinds.MappingStartEvent, kinds.SequenceStartEvent
        ends = (kinds.MappingEndEvent, kinds.SequenceEndEvent)
        mark = self.marks.extend
        constants, numeric = self.constants, self.numeric
        anchors: dict[str, JSON] = {}
        root: JSON = NO_VALUE
        container: JSON = None
        key: JSON = NO_VALUE
        stack: list[tuple[JSON, JSON, str | None, int]] = []
        stream = (
            _around_old_breaks(events, text)
            if _OLD_BREAK.search(text)
            else events(text)
        )
        for event in stream:
            kind = event.__class__
            if kind is scalar:
                start = event.start_mark
                at = start.line, start.column
                mark(at)
                value = event.value
                if container.__class__ is dict and key is NO_VALUE:
                    if event.tag is not None:
                        self._tagged(event, value)
                    if event.anchor:
                        anchors[event.anchor] = value
                    if value in container:
                        self._duplicate(value, container, stack[-1][3], at)
                    key = value
                    continue
                if event.tag is not None:
                    value = self._tagged(event, value)
                elif event.implicit[0]:
                    if value in constants:
                        if not value and key is not NO_VALUE:
                            # The parsers disagree on where nothing stands: at its key.
                            self.marks[-2:] = self.marks[-4:-2]
                        value = constants[value]
                    elif value[0] in numeric:
                        value = _number(value)
                if event.anchor:
                    anchors[event.anchor] = value
                    self._sizes[event.anchor] = 1
            elif kind is mapping or kind is sequence:
                start = event.start_mark
                at = start.line, start.column
                if container.__class__ is dict and key is NO_VALUE:
                    self._bad_key(at)
                if event.tag is not None:
                    self._tagged(event, None)
                if len(stack) >= MAX_DEPTH:
                    self._too_deep(at[0] + 1, at[1] + 1)
                if event.anchor:
                    anchors[event.anchor] = NO_VALUE
                    self._sizes[event.anchor] = 0
                stack.append((container, key, event.anchor, len(self.marks)))
                mark(at)
                container, key = ({} if kind is mapping else []), NO_VALUE
                continue
            elif kind in ends:
                value = container
                container, key, anchor, begin = stack.pop()
                if anchor:
                    anchors[anchor] = value
                    self._sizes[anchor] += (len(self.marks) - begin) // 2
            elif kind is alias:
                start = event.start_mark
                at = start.line, start.column
                value = self._alias(event.anchor, anchors, at, stack)
                mark(at)
                if container.__class__ is dict and key is NO_VALUE:
                    if isinstance(value, (dict, list)):
                        self._bad_key(at)
                    key = value if isinstance(value, str) else str(value)
                    if key in container:
                        self._duplicate(key, container, stack[-1][3], at)
                    continue
            else:
                if kind is kinds.DocumentStartEvent and root is not NO_VALUE:
                    if first_only:
                        return root
                    where = event.start_mark
                    self._second_document(where.line + 1, where.column + 1)
                continue
            if container is None:
                root = value
            elif key is NO_VALUE:
                container.append(value)
            else:
                container[key] = value
                key = NO_VALUE
        return None if root is NO_VALUE else root

    def build_json(self, text: str) -> JSON:
        """Return the data of a JSON text, or `_ABSENT` when it is not JSON.

        JSON is nearly YAML, but tabs, escapes and surrogates differ, so valid JSON is
        read by its own rules (RFC 8259) and scanned once more for the positions.
        """
        import json

        try:
            # Python also takes NaN and Infinity, which JSON does not have.
            data = json.loads(text, object_pairs_hook=list, parse_constant=int)
        except ValueError:
            return NO_VALUE
        except RecursionError:
            self._too_deep(1, 1)
        del data
        line, begin = 0, 0
        stack: list[JSON] = []
        keys: list[JSON] = []
        begins: list[int] = []
        root: JSON = None
        for token in _JSON_TOKEN.finditer(text):
            string, sign, word = token.groups()
            if string is sign is word is None:
                if breaks := token[0].count("\n"):
                    line += breaks
                    begin = token.start() + token[0].rfind("\n") + 1
                continue
            at = line, token.start() - begin
            if sign in (",", ":"):
                continue
            if sign in ("}", "]"):
                value = stack.pop()
                keys.pop()
                begins.pop()
            elif sign in ("{", "["):
                if len(stack) >= MAX_DEPTH:
                    self._too_deep(at[0] + 1, at[1] + 1)
                begins.append(len(self.marks))
                self.marks.extend(at)
                stack.append({} if sign == "{" else [])
                keys.append(NO_VALUE)
                continue
            else:
                self.marks.extend(at)
                value = json.loads(string or word)
                if string and "\\u" in string and _SURROGATE.search(value):
                    self._refuse(
                        at[0] + 1,
                        at[1] + 1,
                        rules.YAML_ENCODING,
                        "half of a surrogate pair is no character",
                        "write the character itself, or both halves",
                    )
                if stack and isinstance(stack[-1], dict) and keys[-1] is NO_VALUE:
                    if value in stack[-1]:
                        self._duplicate(value, stack[-1], begins[-1], at)
                    keys[-1] = value
                    continue
            if not stack:
                root = value
            elif isinstance(stack[-1], dict):
                stack[-1][keys[-1]] = value
                keys[-1] = NO_VALUE
            else:
                stack[-1].append(value)
        return root

    def _tagged(self, event: Any, value: JSON) -> JSON:
        """Return a scalar read by its explicit core tag, or refuse the tag."""
        tag, where = str(event.tag), event.start_mark
        short = tag.removeprefix(CORE_TAG)
        if tag == "!" or (value is None and short in ("map", "seq")) or short == "str":
            return value
        if value is not None and tag.startswith(CORE_TAG):
            found = resolve_plain(value)
            if short == "float" and type(found) is int:
                found = float(found)
            if type(found) is _SCALAR_TAGS.get(short):
                return found
        shown = shorten(tag.replace(CORE_TAG, "!!"))
        self._refuse(
            where.line + 1,
            where.column + 1,
            rules.YAML_TAG,
            f"the tag '{shown}' does not fit '{shorten(value)}'"
            if value is not None and tag.startswith(CORE_TAG) and short in _SCALAR_TAGS
            else f"the tag '{shown}' has no meaning here",
            "write the value plainly, or quote it to make it a text",
        )

    def _alias(
        self,
        anchor: str,
        anchors: dict[str, JSON],
        at: tuple[int, int],
        stack: list[tuple[JSON, JSON, str | None, int]],
    ) -> JSON:
        value = anchors.get(anchor, NO_VALUE)
        line, column = at[0] + 1, at[1] + 1
        if value is NO_VALUE:
            why = "stands inside itself" if anchor in anchors else "is not defined"
            self._refuse(line, column, rules.YAML_ALIAS, f"the alias '*{anchor}' {why}")
        size = self._sizes.get(anchor, 1)
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            self._refuse(
                line,
                column,
                rules.YAML_ALIAS,
                f"aliases stand for more than {MAX_ALIASED:,} nodes",
                "write the values out",
            )
        # What is nested in an anchored node counts again where that node is used.
        for _, _, name, _ in stack:
            if name:
                self._sizes[name] += size
        self.aliases.append(len(self.marks) // 2)
        return value

    def _duplicate(
        self, key: str, container: JSON, begin: int, at: tuple[int, int]
    ) -> NoReturn:
        aliases = [number - begin // 2 for number in self.aliases]
        part = Document(container, marks=self.marks[begin:], aliases=aliases)
        first = part.locate([key], key=True)
        self._refuse(
            at[0] + 1,
            at[1] + 1,
            rules.YAML_DUPLICATE_KEY,
            f"duplicate key '{shorten(key)}': first defined in line {first.line}",
            "keep one of them",
            (Related("first defined here", "", first.line, first.column, self.name),),
        )

    def _bad_key(self, at: tuple[int, int]) -> NoReturn:
        self._refuse(
            at[0] + 1,
            at[1] + 1,
            rules.YAML_KEY,
            "a mapping or a list is used as a key",
            'quote a template: "{{NAME}}"',
        )

    def _second_document(self, line: int, column: int) -> NoReturn:
        self._refuse(
            line,
            column,
            rules.YAML_MULTIPLE,
            "a second document begins here",
            "keep one capability per file",
        )

    def _too_deep(self, line: int, column: int) -> NoReturn:
        self._refuse(line, column, rules.YAML_DEPTH, TOO_DEEP, BRACKETS_HINT)

    def _syntax_error(self, error: Any, text: str) -> NoReturn:
        mark = getattr(error, "problem_mark", None) or getattr(
            error, "context_mark", None
        )
        what = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
        context = getattr(error, "context", None)
        message = f"not well-formed YAML: {what}"
        if context:
            message += f" {context}"
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if mark and "<document start>" in what and _begins_another(text, mark.index):
            self._second_document(line, column)
        source = text.split("\n")
        shown = source[line - 1] if line <= len(source) else ""
        if "\t" in shown[: len(shown) - len(shown.lstrip())]:
            hint = "indent with blanks, not with tabs"
        elif "{{" in shown:
            hint = 'quote a template: "{{NAME}}"'
        else:
            hint = "check the indentation and the quotes here and in the line above"
        self._refuse(line, column, rules.YAML_SYNTAX, message, hint)

    def _refuse(
        self,
        line: int,
        column: int,
        rule: Rule,
        message: str,
        hint: str = "",
        related: tuple[Related, ...] = (),
    ) -> NoReturn:
        refuse(self.name, line, column, rule, message, hint, related)


def refuse(
    name: str,
    line: int,
    column: int,
    rule: Rule,
    message: str,
    hint: str = "",
    related: tuple[Related, ...] = (),
) -> NoReturn:
    """Raise the syntax error for a place in a text; line and column count from 1."""
    raise DocumentSyntaxError(
        message,
        hint=hint,
        code=rule.code,
        location=Location(name, line, column),
        related=related,
    ) from None


def _begins_another(text: str, offset: int) -> bool:
    """Tell whether what follows the end of a document is a document, not a mistake."""
    before = text[:offset].rstrip().rpartition("\n")[2]
    return before.startswith("...") or text[offset : offset + 1] in ("{", "[")


def line_column(text: str, offset: int) -> tuple[int, int]:
    """Return the line and column of an offset; both count from 1."""
    begin = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - begin + 1
