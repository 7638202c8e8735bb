r"""A pattern of `re` → the same for RE2, whose time is linear.

    ^\d{2,}$   →  \A[\p{Nd}]{2,}\n?\z

What `re` has parsed is written in the syntax of RE2, with the meaning that `re` gives
it: digits, letters and blanks are those of Unicode, and `$` stands before a last line
break, too. This module must not know what a pattern is run on.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# What `re` makes of a pattern; the modules have these names since Python 3.11.
_parser: Any = re._parser  # type: ignore[attr-defined]
_codes: Any = re._constants  # type: ignore[attr-defined]
_CHARACTERS = (_codes.LITERAL, _codes.NOT_LITERAL, _codes.ANY, _codes.IN)
#: Steps of RE2: characters times the size of its program, which are a second at worst.
_STEPS = 500_000_000


class _NotRegular(Exception):
    """RE2 has nothing like this."""


@cache
def _engine() -> Any:
    try:
        import re2
    except ImportError:
        return None
    return re2


def compile_linear(written: str | None) -> tuple[Callable[[bytes], object] | None, int]:
    """Return how RE2 runs a pattern on UTF-8, or `None`; and the most characters."""
    engine = _engine() if written is not None else None
    if engine is None or written is None:
        return None, 0
    options = engine.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        compiled = engine.compile(written.encode(), options)
    except engine.error:
        return None, 0
    return compiled.search, _STEPS // max(compiled.programsize, 1)


#: Category of `re` → the set of RE2, with the meaning that `re` gives it for texts.
_SETS = {
    _codes.CATEGORY_DIGIT: r"\p{Nd}",
    _codes.CATEGORY_NOT_DIGIT: r"\P{Nd}",
    _codes.CATEGORY_SPACE: (
        r"\x09-\x0d\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}"
        r"\x{202f}\x{205f}\x{3000}"
    ),
    _codes.CATEGORY_NOT_SPACE: (
        r"\x00-\x08\x0e-\x1b\x21-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}"
        r"\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}"
        r"\x{3001}-\x{10ffff}"
    ),
    _codes.CATEGORY_WORD: r"\p{L}\p{N}_",
}
_ASCII_SETS = {
    _codes.CATEGORY_DIGIT: "0-9",
    _codes.CATEGORY_NOT_DIGIT: r"\x00-\x2f\x3a-\x{10ffff}",
    _codes.CATEGORY_SPACE: r"\x09-\x0d\x20",
    _codes.CATEGORY_NOT_SPACE: r"\x00-\x08\x0e-\x1f\x21-\x{10ffff}",
    _codes.CATEGORY_WORD: "0-9A-Za-z_",
    _codes.CATEGORY_NOT_WORD: r"\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x{10ffff}",
}
_MOST_REPEATS = 1000


class LinearWriter:
    """Writes what `re` has read in the syntax of RE2."""

    def __init__(self, whole: bool) -> None:
        self._whole = whole
        #: The results are those of `re` for ASCII only.
        self.is_ascii_only = False

    def whole_pattern(self, pattern: re.Pattern[str]) -> str | None:
        """Return a pattern in the syntax of RE2; `None` if it has nothing like it."""
        try:
            tree = _parser.parse(pattern.pattern, pattern.flags)
            written = self._sequence(tree, tree.state.flags, is_last=True)
        except (_NotRegular, RecursionError):
            return None
        return rf"\A(?:{written})\z" if self._whole else written

    def _sequence(self, tree: Any, flags: int, *, is_last: bool) -> str:
        last = len(tree) - 1
        return "".join(
            self._node(node, flags, is_last=is_last and place == last)
            for place, node in enumerate(tree)
        )

    def _node(self, node: Any, flags: int, *, is_last: bool) -> str:
        code, value = node
        if code in _CHARACTERS:
            return self._character(code, value, flags)
        if code is _codes.SUBPATTERN:
            _, added, removed, inner = value
            flags = (flags | added) & ~removed
            return f"(?:{self._sequence(inner, flags, is_last=is_last)})"
        if code is _codes.BRANCH:
            branches = (self._sequence(b, flags, is_last=is_last) for b in value[1])
            return f"(?:{'|'.join(branches)})"
        if code in (_codes.MAX_REPEAT, _codes.MIN_REPEAT):
            least, most, inner = value
            is_endless = most == _codes.MAXREPEAT
            if max(least, 0 if is_endless else most) > _MOST_REPEATS:
                raise _NotRegular
            body = self._sequence(inner, flags, is_last=False)
            return f"(?:{body}){{{least},{'' if is_endless else most}}}"
        if code is _codes.AT:
            return self._place(value, flags, is_last)
        raise _NotRegular

    def _place(self, place: Any, flags: int, is_last: bool) -> str:
        if place is _codes.AT_BEGINNING_STRING:
            return r"\A"
        if place is _codes.AT_END_STRING:
            return r"\z"
        if place is _codes.AT_BEGINNING:
            return "(?m:^)" if flags & re.MULTILINE else r"\A"
        if place is _codes.AT_END:
            if flags & re.MULTILINE:
                return "(?m:$)"
            # Before a last line break, too; but nothing may follow it here.
            if not is_last:
                raise _NotRegular
            return r"\z" if self._whole else r"\n?\z"
        if place in (_codes.AT_BOUNDARY, _codes.AT_NON_BOUNDARY):
            # Letters are those of ASCII for RE2.
            self.is_ascii_only |= not flags & re.ASCII
            return r"\b" if place is _codes.AT_BOUNDARY else r"\B"
        raise _NotRegular

    def _character(self, code: Any, value: Any, flags: int) -> str:
        if code is _codes.ANY:
            return "(?s:.)" if flags & re.DOTALL else r"[^\n]"
        if code is _codes.LITERAL:
            written = f"[{_written(value)}]"
        elif code is _codes.NOT_LITERAL:
            written = f"[^{_written(value)}]"
        else:
            written = self._set(value, flags)
        if flags & re.IGNORECASE:
            # Beyond ASCII, each of them has pairs that the other one does not have.
            self.is_ascii_only = True
            return f"(?i:{written})"
        return written

    def _set(self, items: Any, flags: int) -> str:
        sets = _ASCII_SETS if flags & re.ASCII else _SETS
        is_negated = False
        pieces: list[str] = []
        apart = ""
        for kind, what in items:
            if kind is _codes.NEGATE:
                is_negated = True
            elif kind is _codes.LITERAL:
                pieces.append(_written(what))
            elif kind is _codes.RANGE:
                pieces.append(f"{_written(what[0])}-{_written(what[1])}")
            elif what in sets:
                pieces.append(sets[what])
            elif what is _codes.CATEGORY_NOT_WORD:
                # A set cannot hold the complement of another one.
                apart = f"[^{_SETS[_codes.CATEGORY_WORD]}]"
            else:
                raise _NotRegular
        if apart and (is_negated and pieces):
            raise _NotRegular
        if apart and is_negated:
            return f"[{_SETS[_codes.CATEGORY_WORD]}]"
        written = f"[{'^' * is_negated}{''.join(pieces)}]" if pieces else ""
        return f"(?:{written}|{apart})" if apart and written else apart or written


def _written(point: int) -> str:
    return f"\\x{{{point:x}}}"
