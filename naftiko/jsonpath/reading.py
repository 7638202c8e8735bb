"""A JSONPath text → its segments, or an error with a caret under the fault.

path                   segments
---------------------  ----------------------------------------------
$ or $.                none: the root
$.ship['home port']    MEMBER ship, MEMBER home port
crew[0].name           MEMBER crew, INDEX 0, MEMBER name
$.crew[*].name         MEMBER crew, EVERY, MEMBER name
$..name                LIBRARY ..['name']
$.crew[?(@.age > 40)]  MEMBER crew, LIBRARY [?(@.age > 40)]
$.prices.sum()         MEMBER prices, FUNCTION sum
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from naftiko.document import rules
from naftiko.errors import OutputError, did_you_mean, shorten
from naftiko.jsonpath.functions import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOTS = frozenset(("$", "$."))
#: Characters of a path that are shown left and right of a fault.
_LEFT, _RIGHT = 50, 25
#: Kinds of segments. What `jsonpath-ng` walks for us is `LIBRARY`.
MEMBER, INDEX, EVERY, LIBRARY, FUNCTION = range(5)
QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
#: A comparison with a pattern; brackets and quotes in it are its own.
_PATTERN = re.compile(r"=~\s*/(?:[^/\\]|\\.)+/", re.DOTALL)
#: At most 18 digits: Python refuses to read very long numbers, and no list is longer.
_NUMBER = r"-?[0-9]{1,18}"
_STRING = re.compile(QUOTED, re.DOTALL)
_NAME = re.compile(r"[^.\[\]()*`]+")
_BLANKS = re.compile(r"\s*")
_OPERATOR = re.compile(r"`(?:[^`\\]|\\.)*`", re.DOTALL)
_INDEX_TEXT = re.compile(_NUMBER)
_SLICE_TEXT = re.compile(
    rf"(?:{_NUMBER})?\s*:\s*(?:{_NUMBER})?(?:\s*:\s*(?:{_NUMBER})?)?"
)
_UNION_TEXT = re.compile(
    rf"(?:{QUOTED})(?:\s*,\s*(?:{QUOTED}))+|{_NUMBER}(?:\s*,\s*{_NUMBER})+",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NEXT = "write '.name', '[0]', '[*]' or \"['a name']\""


class Segment(NamedTuple):
    """One step of a path.

    Attributes:
        kind: `MEMBER`, `INDEX`, `EVERY`, `LIBRARY` or `FUNCTION`.
        key: The name or the index; `None` for other kinds.
        text: How the library writes it.
        at: Where it begins in the path, in characters.
        single: It leads to one value at most.
    """

    kind: int
    key: Any
    text: str
    at: int
    single: bool = True


def is_root(expression: str | None) -> bool:
    """Tell whether a path is the root: `$` or `$.`."""
    return bool(expression) and str(expression).strip() in _ROOTS


def is_plain(expression: str | None) -> bool:
    """Tell whether a path is well-formed and needs no JSONPath library to be walked."""
    try:
        segments = segments_of(expression or "")
    except OutputError:
        return False
    return all(segment.kind != LIBRARY for segment in segments)


def needs_length(expression: str | None) -> bool:
    """Tell whether a path ends in a member named `length`."""
    if not expression or "length" not in expression:
        return False
    try:
        return ends_in_length(segments_of(expression))
    except OutputError:
        return False


def segments_of(expression: str) -> tuple[Segment, ...]:
    """Return the segments of a JSONPath; the root has none.

    `segments_of("$.crew[0]")` is a `MEMBER` segment with the key `crew` and an `INDEX`
    segment with the key `0`.

    Raises:
        OutputError: The text is not a JSONPath.
    """
    text = expression.strip()
    if not text or text in _ROOTS:
        return ()
    return tuple(_Reader(text).read())


class _Reader:
    """Read the segments of one path from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def read(self) -> list[Segment]:
        segments = self._first_segments()
        while self._skip_blanks() < len(self.text):
            if segments and segments[-1].kind == FUNCTION:
                self._refuse("nothing can follow a function", self.at)
            if self.text[self.at] == ".":
                self.at += 1
                segments.append(self._dotted())
            elif self.text[self.at] == "[":
                segments.append(self._bracketed())
            else:
                self._refuse(
                    f"'{self.text[self.at]}' is not expected here", self.at, _NEXT
                )
        return segments

    def _first_segments(self) -> list[Segment]:
        follows = self.text[1:2]
        if self.text[0] == "$" or (self.text[0] == "@" and follows in ("", ".", "[")):
            self.at = 1
            return []
        return [] if self.text[0] == "[" else [self._dotted()]

    def _skip_blanks(self) -> int:
        blanks = _BLANKS.match(self.text, self.at)
        self.at = blanks.end() if blanks else self.at
        return self.at

    def _dotted(self) -> Segment:
        """Read what follows a dot."""
        start = self.at
        head = self.text[start : start + 1]
        if head == ".":
            self.at += 1
            return self._descent(start)
        if head == "[":
            return self._bracketed()
        if head == "*":
            self.at += 1
            return Segment(EVERY, None, "[*]", start, single=False)
        if head and head in "'\"":
            quoted = self._match(_STRING, "the quote is not closed")
            return member_segment(_unquote(quoted), start)
        if head == "`":
            operator = self._match(_OPERATOR, "the '`' is not closed")
            is_single = operator != "`keys`"
            return Segment(LIBRARY, None, f".{operator}", start, is_single)
        return self._name()

    def _name(self) -> Segment:
        start = self.at
        word = _NAME.match(self.text, start)
        name = word.group().strip() if word else ""
        if not word or not name:
            self._refuse("a name is missing here", start, _NEXT)
        self.at = word.end()
        if self.text[self.at : self.at + 1] != "(":
            return member_segment(name, start)
        if self.text[self.at : self.at + 2] != "()" or name not in FUNCTIONS:
            self._refuse(
                f"'{name}(' is no function of a path", start, _known_functions(name)
            )
        self.at += 2
        return Segment(FUNCTION, name, "", start)

    def _descent(self, start: int) -> Segment:
        """Read what follows two dots."""
        head = self.text[self.at : self.at + 1]
        if head in ("", ".", "`"):
            self._refuse("a name is missing after '..'", self.at, _NEXT)
        inner = self._dotted()
        if inner.kind == FUNCTION:
            self._refuse("a function cannot follow '..'", inner.at, _NEXT)
        text, at = f"..{inner.text}", max(0, start - 1)
        return Segment(LIBRARY, None, text, at, single=False)

    def _bracketed(self) -> Segment:
        """Read what stands in brackets."""
        start = self.at
        end = self._closing(start)
        inner = self.text[start + 1 : end]
        content = inner.strip()
        self.at = end + 1
        if content == "*":
            return Segment(EVERY, None, "[*]", start, single=False)
        if _STRING.fullmatch(content):
            return member_segment(_unquote(content), start)
        if _INDEX_TEXT.fullmatch(content):
            return Segment(INDEX, int(content), f"[{content}]", start)
        if content.startswith(("/", "\\")):
            return Segment(LIBRARY, None, f"[{inner}]", start)
        if (
            content.startswith("?")
            or _SLICE_TEXT.fullmatch(content)
            or _UNION_TEXT.fullmatch(content)
        ):
            return Segment(LIBRARY, None, f"[{inner}]", start, single=False)
        hint = (
            f"quote a name: ['{content}']"
            if IDENTIFIER.fullmatch(content)
            else "brackets hold a quoted name, an index, '*', a slice or '?' and a test"
        )
        return self._refuse("this cannot stand in brackets", start + 1, hint)

    def _closing(self, start: int) -> int:
        """Return where the bracket that opens at `start` closes."""
        depth, at = 0, start
        while at < len(self.text):
            char = self.text[at]
            if char in "'\"":
                self.at = at
                self._match(_STRING, "the quote is not closed")
                at = self.at
                continue
            if char == "=" and (pattern := _PATTERN.match(self.text, at)):
                at = pattern.end()
                continue
            depth += {"[": 1, "]": -1}.get(char, 0)
            if not depth:
                return at
            at += 1
        return self._refuse("this '[' is not closed", start, "add the missing ']'")

    def _match(self, pattern: re.Pattern[str], fault: str) -> str:
        match = pattern.match(self.text, self.at)
        if not match:
            self._refuse(fault, self.at, "close it with the same character")
        self.at = match.end()
        return match.group()

    def _refuse(self, fault: str, at: int, hint: str = "") -> NoReturn:
        refuse_path(self.text, fault, at, hint)


def member_segment(name: str, at: int) -> Segment:
    """Return the segment of a member; its text has the name in quotes."""
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return Segment(MEMBER, name, f"['{escaped}']", at)


def _unquote(quoted: str) -> str:
    inner = quoted[1:-1]
    if "\\" not in inner:
        return inner
    text = _ESCAPE.sub(_unescape, inner)
    # Two \u escapes may be the halves of one character.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescape(escape: re.Match[str]) -> str:
    mark = escape.group(1)
    return chr(int(mark[1:], 16)) if len(mark) > 1 else _ESCAPED.get(mark, mark)


def ends_in_length(segments: Sequence[Segment]) -> bool:
    """Tell whether a path ends in `.length`, the number of items of a list."""
    return bool(segments) and segments[-1][:2] == (MEMBER, "length")


def refuse_path(text: str, fault: str, at: int, hint: str = "") -> NoReturn:
    """Raise the error for a path, with a caret under the offending character.

    Args:
        text: The path.
        fault: What is wrong, as a sentence without a stop.
        at: Where, in characters from the beginning.
        hint: What to write instead.

    Raises:
        OutputError: Always; its code is that of `rules.OUTPUT_PATH`.
    """
    first = max(0, at - _LEFT)
    # Every blank becomes one space, or the caret would not stand where it should.
    shown = re.sub(r"\s", " ", text[first : at + _RIGHT])
    caret = f"{shown}\n    {' ' * (at - first)}^"
    raise OutputError(
        f"'{shorten(text)}' is not a JSONPath: {fault} (character {at + 1})",
        hint=f"{hint}\n    {caret}" if hint else f"look here\n    {caret}",
        code=rules.OUTPUT_PATH.code,
    )


def _known_functions(name: str) -> str:
    known = ", ".join(f"{known}()" for known in FUNCTIONS)
    return f"{did_you_mean(name, FUNCTIONS)} At the end can stand: {known}".strip()
