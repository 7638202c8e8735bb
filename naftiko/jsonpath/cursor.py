"""A reader that goes through the text of a JSONPath from left to right.

It knows the grammar of segments and selectors (RFC 9535, 2.3 and 2.5), and the
spellings that documents use besides. How a test is read, it is told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.errors import did_you_mean
from naftiko.jsonpath.functions import FUNCTIONS
from naftiko.jsonpath.segments import (
    DESCEND,
    EVERY,
    FUNCTION,
    INDEX,
    LIBRARY,
    MEMBER,
    SELECT,
    SLICE,
    TEST,
    Segment,
    Selector,
    member_segment,
    refuse_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    #: A reader at the beginning of a test → the test; the reader is at its end.
    ReadTest = Callable[["PathReader"], Any]

_QUOTED = r"""'(?:[^'\\]++|\\.)*+'|"(?:[^"\\]++|\\.)*+\""""
#: A comparison with a pattern; brackets and quotes in it are its own.
_PATTERN = re.compile(r"=~\s*/(?:[^/\\]|\\.)+/", re.DOTALL)
_STRING = re.compile(_QUOTED, re.DOTALL)
_NAME = re.compile(r"[^.\[\]()*`]+")
#: In a filter a name ends before a blank or an operator. RFC 9535 has it without `$`,
#: `@` and `-`.
#: The sets are those of the other ASCII characters, which compile in no time.
_FILTER_NAME = re.compile(
    r"(?:[^\x00-@\[-^`{-\x7f]|[$@](?=[\w$@-]))[^\x00-#%-,./:-?\[-^`{-\x7f]*"
)
_BLANKS = re.compile(r"\s*")
_OPERATOR = re.compile(r"`(?:[^`\\]++|\\.)*+`", re.DOTALL)
#: Without leading zeros, and exact in every reader of JSON (RFC 9535, 2.1).
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,15}")
_MOST = 2**53 - 1
#: Tests and filters in each other; more of them are a mistake, or an attack.
MAX_DEPTH = 100
#: Two of them may be the halves of one character.
_UNICODE = (
    r"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
)
_ESCAPE = re.compile(rf"\\({_UNICODE}|[bfnrt/\\'\"]|)", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_CONTROL = re.compile(r"[\x00-\x1f]")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_IN_BRACKETS = "brackets hold a quoted name, an index, '*', a slice or '?' and a test"
_ESCAPES = "escapes are those of JSON, and the quote that encloses the text"
_NEXT = "write '.name', '[0]', '[*]' or \"['a name']\""


class PathReader:
    """Read the segments of one path from left to right.

    Attributes:
        text: The path.
        at: Where the next character is read.
        depth: How many tests are open around it.
    """

    def __init__(self, text: str, read_test: ReadTest) -> None:
        self.text = text
        self._read_test = read_test
        self.at = 0
        self.depth = 0

    def read(self) -> list[Segment]:
        """Read the whole path."""
        segments = self._first_segments()
        while self.skip_blanks() < len(self.text):
            if segments and segments[-1].kind == FUNCTION:
                self.refuse("nothing can follow a function", self.at)
            if self.text[self.at] == ".":
                self.at += 1
                segments.append(self._dotted())
            elif self.text[self.at] == "[":
                segments.append(self._bracketed())
            else:
                self.refuse(
                    f"'{self.text[self.at]}' is not expected here", self.at, _NEXT
                )
        return segments

    def _first_segments(self) -> list[Segment]:
        follows = self.text[1:2]
        if self.text[0] == "$" or (self.text[0] == "@" and follows in ("", ".", "[")):
            self.at = 1
            return []
        return [] if self.text[0] == "[" else [self._dotted()]

    def read_in_filter(self) -> list[Segment]:
        """Read the segments that follow `@` or `$` in a filter."""
        segments: list[Segment] = []
        while not segments or segments[-1].kind != FUNCTION:
            start = self.at
            at = self.skip_blanks()
            sign = self.text[at : at + 1]
            if sign == "[":
                segments.append(self._bracketed())
            elif sign == ".":
                self.at += 1
                segments.append(self._dotted(in_filter=True))
            else:
                self.at = start
                break
        return segments

    def skip_blanks(self) -> int:
        """Go to the next character that is no blank; return where it is."""
        blanks = _BLANKS.match(self.text, self.at)
        self.at = blanks.end() if blanks else self.at
        return self.at

    def _dotted(self, *, in_filter: bool = False) -> Segment:
        """Read what follows a dot."""
        start = self.at
        head = self.text[start : start + 1]
        if head == ".":
            self.at += 1
            return self._descent(start, in_filter=in_filter)
        if head == "[":
            return self._bracketed()
        if head == "*":
            self.at += 1
            return Segment(EVERY, None, ".*", start, single=False)
        if head and head in "'\"":
            return member_segment(self.string(), start)
        if head == "`":
            operator = self._match(_OPERATOR, "the '`' is not closed")
            if in_filter:
                self.refuse(f"{operator} cannot stand in a test", start, _NEXT)
            is_single = operator != "`keys`"
            return Segment(LIBRARY, None, f".{operator}", start, is_single)
        return self._name(_FILTER_NAME if in_filter else _NAME)

    def _name(self, pattern: re.Pattern[str]) -> Segment:
        start = self.at
        word = pattern.match(self.text, start)
        name = word.group().strip() if word else ""
        if not word or not name:
            self.refuse("a name is missing here", start, _NEXT)
        self.at = word.end()
        if self.text[self.at : self.at + 1] != "(":
            return member_segment(name, start)
        if name not in FUNCTIONS:
            self.refuse(
                f"'{name}(' is no function of a path", start, _known_functions(name)
            )
        self.at += 1
        if not self.text.startswith(")", self.skip_blanks()):
            self.refuse(
                f"'{name}(' is no function with arguments", start, _known_functions("")
            )
        self.at += 1
        return Segment(FUNCTION, name, "", start)

    def _descent(self, start: int, *, in_filter: bool) -> Segment:
        """Read what follows two dots."""
        head = self.text[self.at : self.at + 1]
        if head in ("", ".", "`"):
            self.refuse("a name is missing after '..'", self.at, _NEXT)
        inner = self._dotted(in_filter=in_filter)
        if inner.kind == FUNCTION:
            self.refuse("a function cannot follow '..'", inner.at, _NEXT)
        kind = LIBRARY if inner.kind == LIBRARY else DESCEND
        key = inner if kind == DESCEND else None
        text = f"..{inner.text.removeprefix('.')}"
        return Segment(kind, key, text, max(0, start - 1), single=False)

    def _bracketed(self) -> Segment:
        """Read the selectors in brackets."""
        start = self.at
        end = self._closing(start)
        self.at = start + 1
        if self.text[self.skip_blanks()] in "/\\":
            self.at = end + 1
            return Segment(LIBRARY, None, self.text[start : end + 1], start)
        selectors = [self._selector()]
        while self.text[self.skip_blanks()] == ",":
            self.at += 1
            self.skip_blanks()
            selectors.append(self._selector())
        if self.text[self.at] != "]":
            self.refuse("this cannot stand in brackets", self.at, _IN_BRACKETS)
        self.at += 1
        text = self.text[start : self.at]
        (kind, key), *others = selectors
        if others or kind in (SLICE, TEST):
            return Segment(SELECT, tuple(selectors), text, start, single=False)
        if kind == MEMBER:
            return member_segment(key, start)
        if kind == INDEX:
            return Segment(INDEX, key, f"[{key}]", start)
        return Segment(EVERY, None, "[*]", start, single=False)

    def _selector(self) -> Selector:
        start = self.at
        head = self.text[start]
        if head == "*":
            self.at += 1
            return Selector(EVERY)
        if head in "'\"":
            return Selector(MEMBER, self.string())
        if head == "?":
            self.at += 1
            return Selector(TEST, self._read_test(self))
        first = self._integer()
        if self.text[self.skip_blanks()] != ":":
            if first is None:
                self._refuse_selector(start)
            return Selector(INDEX, first)
        bounds = [first]
        while self.text[self.at] == ":" and len(bounds) < 3:
            self.at += 1
            self.skip_blanks()
            bounds.append(self._integer())
            self.skip_blanks()
        return Selector(SLICE, tuple(bounds))

    def _integer(self) -> int | None:
        """Read an integer, if there is one."""
        start = self.at
        number = _INTEGER.match(self.text, start)
        if not number:
            return None
        self.at = number.end()
        value = int(number.group())
        if abs(value) > _MOST or self.text[self.at].isdigit():
            self._refuse_selector(start)
        return value

    def _refuse_selector(self, start: int) -> NoReturn:
        word = self.text[start : self._closing_from(start)].strip()
        hint = f"quote a name: ['{word}']" if _IDENTIFIER.fullmatch(word) else ""
        if word.startswith("(@.length"):
            hint = "count from the end: [-1] is the last item"
        self.refuse("this cannot stand in brackets", start, hint or _IN_BRACKETS)

    def _closing_from(self, at: int) -> int:
        found = re.compile(r"[],]").search(self.text, at)
        return found.start() if found else len(self.text)

    def string(self) -> str:
        """Read a text in quotes (RFC 9535, 2.3.1)."""
        start = self.at
        quoted = self._match(_STRING, "the quote is not closed")
        inner = quoted[1:-1]
        if control := _CONTROL.search(inner):
            at = start + 1 + control.start()
            self.refuse(
                "a control character stands in quotes", at, "write \\n or \\u000a"
            )
        if "\\" not in inner:
            return inner
        other = '"' if quoted[0] == "'" else "'"
        for escape in _ESCAPE.finditer(inner):
            if escape.group(1) in ("", other):
                at = start + 1 + escape.start()
                self.refuse("this is no escape in such quotes", at, _ESCAPES)
        return _ESCAPE.sub(_unescape, inner)

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
        return self.refuse("this '[' is not closed", start, "add the missing ']'")

    def _match(self, pattern: re.Pattern[str], fault: str) -> str:
        match = pattern.match(self.text, self.at)
        if not match:
            self.refuse(fault, self.at, "close it with the same character")
        self.at = match.end()
        return match.group()

    def refuse(self, fault: str, at: int, hint: str = "") -> NoReturn:
        """Raise the error for the path, with a caret under a character."""
        refuse_path(self.text, fault, at, hint)


def _unescape(escape: re.Match[str]) -> str:
    mark = escape.group(1)
    if len(mark) == 1:
        return _ESCAPED.get(mark, mark)
    units = bytes.fromhex(mark.replace("\\", "").replace("u", ""))
    return units.decode("utf-16-be")


def _known_functions(name: str) -> str:
    known = ", ".join(f"{known}()" for known in FUNCTIONS)
    return f"{did_you_mean(name, FUNCTIONS)} At the end can stand: {known}".strip()
