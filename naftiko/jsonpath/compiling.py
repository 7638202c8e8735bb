r"""Value → output parameters: JSONPath, compiled once.

Nearly every path in published documents is the root or a few plain member names, so
those become closures here; `jsonpath-ng` is imported only for the rest. This module
must not know where a value came from or what becomes of it.

Rules (spec 2.8), and what this module decides where the spec leaves room:

- `$` and `$.` are the root. An empty path gives `None`.
- A path without a leading `$` reads as if it had `$.` before it.
- A definite path (names and indexes only) gives the value, or `None` where nothing is
  found. Any other path is indefinite and gives a list, possibly empty.
- A name in dot form may hold anything but ``. [ ] ( ) * ` ``: blanks, hyphens, `$`,
  `@` and non-ASCII letters included, as in `$.Participation Status.name`.
- `.length` at the end gives the number of items of a list.
- `length()`, `size()`, `min()`, `max()`, `sum()`, `avg()`, `keys()`, `first()` and
  `last()` at the end apply to what the path before them gives.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from naftiko.errors import OutputError, did_you_mean, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    JSON = Any
    Path = Callable[[JSON], JSON]

_CODE = "U-output-path"
_ROOTS = frozenset(("$", "$."))
_MISSING = object()
# Characters of a path shown left and right of a fault.
_LEFT, _RIGHT = 50, 25

_MEMBER, _INDEX, _EVERY, _LIBRARY, _FUNCTION = range(5)

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
# 18 digits: Python refuses to read very long numbers, and no list is longer.
_NUMBER = r"-?[0-9]{1,18}"
_STRING = re.compile(_QUOTED, re.DOTALL)
_NAME = re.compile(r"[^.\[\]()*`]+")
_BLANKS = re.compile(r"\s*")
_OPERATOR = re.compile(r"`(?:[^`\\]|\\.)*`", re.DOTALL)
_AN_INDEX = re.compile(_NUMBER)
_A_SLICE = re.compile(rf"(?:{_NUMBER})?\s*:\s*(?:{_NUMBER})?(?:\s*:\s*(?:{_NUMBER})?)?")
_A_UNION = re.compile(
    rf"(?:{_QUOTED})(?:\s*,\s*(?:{_QUOTED}))+|{_NUMBER}(?:\s*,\s*{_NUMBER})+",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

# What the library cannot read inside a filter, and strings, to leave them alone.
_IN_FILTER = re.compile(
    rf"(?P<string>{_QUOTED})"
    r"|(?P<match>=~\s*)/(?P<pattern>(?:[^/\\]|\\.)+)/(?P<flags>[imsx]*)"
    r"|(?P<length>\.(?:length|size)\(\s*\))"
    r"|\blength\(\s*(?P<of>[@$][^()'\"]*?)\s*\)"
    r"|(?P<dots>\.\.?)(?P<name>[^\W\d][\w$@-]*|[$@][\w$@-]+)"
    r"|(?P<and>(?<!&)&(?!&))"
    r"|(?P<blank>\s)",
    re.DOTALL,
)
_RESERVED = frozenset(("where", "wherenot"))
_LIBRARY_PLACE = re.compile(r"(?:at [0-9]+:|line [0-9]+, col )([0-9]+)")


class _Segment(NamedTuple):
    """One step of a path; `text` is how the library writes it."""

    kind: int
    key: Any
    text: str
    at: int
    single: bool = True


def is_root(expression: str | None) -> bool:
    """Tell whether a path is the root: `$` or `$.`."""
    return bool(expression) and str(expression).strip() in _ROOTS


def is_plain(expression: str | None) -> bool:
    """Tell whether a path is well-formed and needs no JSONPath library."""
    try:
        segments = _segments(expression or "")
    except OutputError:
        return False
    return all(segment.kind != _LIBRARY for segment in segments)


def needs_length(expression: str | None) -> bool:
    """Tell whether a path ends in a member named `length`."""
    if not expression or "length" not in expression:
        return False
    try:
        return _ends_in_length(_segments(expression))
    except OutputError:
        return False


def extract(outputs: Iterable[tuple[str, Path]], value: JSON) -> dict[str, JSON]:
    """Return output name → what its path finds in the value."""
    return {name: path(value) for name, path in outputs}


@lru_cache(maxsize=4096)
def compile_path(expression: str | None) -> Path:
    """Return a function that applies a JSONPath to a value.

    What stands inside the brackets of a filter is read by the library when the
    function first runs, so a fault there shows only then.

    Raises:
        OutputError: The text is not a JSONPath; its code is `U-output-path`.
    """
    if not expression or not expression.strip():
        return _nothing
    if is_root(expression):
        return _itself
    text = expression.strip()
    segments = _segments(text)
    if segments[-1:] and segments[-1].kind == _FUNCTION:
        return _apply_function(_FUNCTIONS[segments[-1].key], _path(text, segments[:-1]))
    return _path(text, segments)


def _path(text: str, segments: Sequence[_Segment]) -> Path:
    cut = max(
        (n for n, segment in enumerate(segments, 1) if segment.kind == _LIBRARY),
        default=0,
    )
    if cut:
        return _library_path(text, segments[:cut], segments[cut:])
    if all(segment.single for segment in segments):
        return _definite_path(segments)
    return _indefinite_path(segments)


def _nothing(_value: JSON) -> JSON:
    return None


def _itself(value: JSON) -> JSON:
    return value


# --- reading a path ---------------------------------------------------------------


def _segments(expression: str) -> tuple[_Segment, ...]:
    text = expression.strip()
    if not text or text in _ROOTS:
        return ()
    return tuple(_Reader(text).read())


class _Reader:
    """Read the segments of one path from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def read(self) -> list[_Segment]:
        segments = self._first()
        while self._skip_blanks() < len(self.text):
            if segments and segments[-1].kind == _FUNCTION:
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

    def _first(self) -> list[_Segment]:
        follows = self.text[1:2]
        if self.text[0] == "$" or (self.text[0] == "@" and follows in ("", ".", "[")):
            self.at = 1
            return []
        return [] if self.text[0] == "[" else [self._dotted()]

    def _skip_blanks(self) -> int:
        found = _BLANKS.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def _dotted(self) -> _Segment:
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
            return _Segment(_EVERY, None, "[*]", start, single=False)
        if head and head in "'\"":
            found = self._match(_STRING, "the quote is not closed")
            return _member(_unquote(found), start)
        if head == "`":
            found = self._match(_OPERATOR, "the '`' is not closed")
            return _Segment(_LIBRARY, None, f".{found}", start, found != "`keys`")
        return self._name()

    def _name(self) -> _Segment:
        start = self.at
        found = _NAME.match(self.text, start)
        name = found.group().strip() if found else ""
        if not found or not name:
            self._refuse("a name is missing here", start, _NEXT)
        self.at = found.end()
        if self.text[self.at : self.at + 1] != "(":
            return _member(name, start)
        if self.text[self.at : self.at + 2] != "()" or name not in _FUNCTIONS:
            self._refuse(f"'{name}(' is no function of a path", start, _functions(name))
        self.at += 2
        return _Segment(_FUNCTION, name, "", start)

    def _descent(self, start: int) -> _Segment:
        """Read what follows two dots."""
        head = self.text[self.at : self.at + 1]
        if head in ("", ".", "`"):
            self._refuse("a name is missing after '..'", self.at, _NEXT)
        inner = self._dotted()
        if inner.kind == _FUNCTION:
            self._refuse("a function cannot follow '..'", inner.at, _NEXT)
        text, at = f"..{inner.text}", max(0, start - 1)
        return _Segment(_LIBRARY, None, text, at, single=False)

    def _bracketed(self) -> _Segment:
        """Read what stands in brackets."""
        start = self.at
        end = self._closing(start)
        inner = self.text[start + 1 : end]
        content = inner.strip()
        self.at = end + 1
        if content == "*":
            return _Segment(_EVERY, None, "[*]", start, single=False)
        if _STRING.fullmatch(content):
            return _member(_unquote(content), start)
        if _AN_INDEX.fullmatch(content):
            return _Segment(_INDEX, int(content), f"[{content}]", start)
        if content.startswith(("/", "\\")):
            return _Segment(_LIBRARY, None, f"[{inner}]", start)
        if (
            content.startswith("?")
            or _A_SLICE.fullmatch(content)
            or _A_UNION.fullmatch(content)
        ):
            return _Segment(_LIBRARY, None, f"[{inner}]", start, single=False)
        hint = (
            f"quote a name: ['{content}']"
            if _IDENTIFIER.fullmatch(content)
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
            depth += {"[": 1, "]": -1}.get(char, 0)
            if not depth:
                return at
            at += 1
        return self._refuse("this '[' is not closed", start, "add the missing ']'")

    def _match(self, pattern: re.Pattern[str], wrong: str) -> str:
        found = pattern.match(self.text, self.at)
        if not found:
            self._refuse(wrong, self.at, "close it with the same character")
        self.at = found.end()
        return found.group()

    def _refuse(self, wrong: str, at: int, hint: str = "") -> NoReturn:
        _refuse(self.text, wrong, at, hint)


_NEXT = "write '.name', '[0]', '[*]' or \"['a name']\""


def _member(name: str, at: int) -> _Segment:
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return _Segment(_MEMBER, name, f"['{escaped}']", at)


def _unquote(quoted: str) -> str:
    inner = quoted[1:-1]
    if "\\" not in inner:
        return inner
    text = _ESCAPE.sub(_unescape, inner)
    # Two \u escapes may be the halves of one character.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescape(found: re.Match[str]) -> str:
    mark = found.group(1)
    return chr(int(mark[1:], 16)) if len(mark) > 1 else _ESCAPED.get(mark, mark)


def _ends_in_length(segments: Sequence[_Segment]) -> bool:
    return bool(segments) and segments[-1][:2] == (_MEMBER, "length")


def _refuse(text: str, wrong: str, at: int, hint: str = "") -> NoReturn:
    """Raise the error for a path, with a caret under the offending character."""
    first = max(0, at - _LEFT)
    # Every blank becomes one space, or the caret would not stand where it should.
    shown = re.sub(r"\s", " ", text[first : at + _RIGHT])
    caret = f"{shown}\n    {' ' * (at - first)}^"
    raise OutputError(
        f"'{shorten(text)}' is not a JSONPath: {wrong} (character {at + 1})",
        hint=f"{hint}\n    {caret}" if hint else f"look here\n    {caret}",
        code=_CODE,
    )


# --- plain paths ------------------------------------------------------------------


def _definite_path(segments: Sequence[_Segment]) -> Path:
    if not _ends_in_length(segments) and all(s.kind == _MEMBER for s in segments):
        return _members(tuple(segment.key for segment in segments))
    steps = _steps(segments)

    def path(value: JSON) -> JSON:
        for step in steps:
            value = step(value)
            if value is _MISSING:
                return None
        return value

    return path


def _members(names: tuple[str, ...]) -> Path:
    """Return a path of member names; those of up to three have no loop."""
    if len(names) == 1:
        (one,) = names

        def path_1(value: JSON) -> JSON:
            try:
                return value[one]
            except (KeyError, TypeError):
                return None

        return path_1
    if len(names) == 2:
        first, second = names

        def path_2(value: JSON) -> JSON:
            try:
                return value[first][second]
            except (KeyError, TypeError):
                return None

        return path_2
    if len(names) == 3:
        outer, middle, inner = names

        def path_3(value: JSON) -> JSON:
            try:
                return value[outer][middle][inner]
            except (KeyError, TypeError):
                return None

        return path_3

    def path_n(value: JSON) -> JSON:
        try:
            for name in names:
                value = value[name]
        except (KeyError, TypeError):
            return None
        return value

    return path_n


def _indefinite_path(segments: Sequence[_Segment]) -> Path:
    kinds = [segment.kind for segment in segments]
    one = kinds[-2:] == [_EVERY, _MEMBER] and kinds.count(_EVERY) == 1
    if one and not _ends_in_length(segments):
        before = segments[:-2]
        return _each(_definite_path(before) if before else _itself, segments[-1].key)
    steps = _steps(segments)
    return lambda value: _walk(steps, [value])


def _each(before: Path, name: str) -> Path:
    """Return the path `<before>[*].<name>`."""

    def path(value: JSON) -> JSON:
        return [
            item[name]
            for item in _children(before(value))
            if isinstance(item, dict) and name in item
        ]

    return path


def _walk(steps: Sequence[Path], nodes: list[JSON]) -> list[JSON]:
    for step in steps:
        if step is _children:
            nodes = [child for node in nodes for child in _children(node)]
        else:
            nodes = [found for n in nodes if (found := step(n)) is not _MISSING]
    return nodes


def _steps(segments: Sequence[_Segment]) -> list[Path]:
    steps = [_STEPS[segment.kind](segment.key) for segment in segments]
    if _ends_in_length(segments):
        steps[-1] = _length_step
    return steps


def _member_step(name: str) -> Path:
    def step(value: JSON) -> JSON:
        try:
            return value[name]
        except (KeyError, TypeError):
            return _MISSING

    return step


def _index_step(index: int) -> Path:
    def step(value: JSON) -> JSON:
        if isinstance(value, list) and -len(value) <= index < len(value):
            return value[index]
        return _MISSING

    return step


def _length_step(value: JSON) -> JSON:
    if isinstance(value, list):
        return len(value)
    return value.get("length", _MISSING) if isinstance(value, dict) else _MISSING


def _children(value: JSON) -> Iterable[JSON]:
    if isinstance(value, list):
        return value
    return value.values() if isinstance(value, dict) else ()


_STEPS: dict[int, Callable[[Any], Path]] = {
    _MEMBER: _member_step,
    _INDEX: _index_step,
    _EVERY: lambda _key: _children,
}


# --- functions at the end of a path -----------------------------------------------


def _numbers(value: list[JSON]) -> list[float]:
    return [
        item
        for item in value
        if isinstance(item, (int, float)) and not isinstance(item, bool)
    ]


def _average(value: list[JSON]) -> float:
    numbers = _numbers(value)
    return sum(numbers) / len(numbers)


_FUNCTIONS: dict[str, Callable[[Any], JSON]] = {
    "length": len,
    "size": len,
    "min": lambda value: min(_numbers(value)),
    "max": lambda value: max(_numbers(value)),
    "sum": lambda value: sum(_numbers(value)),
    "avg": _average,
    "keys": lambda value: list(value.keys()),
    "first": lambda value: value[0],
    "last": lambda value: value[-1],
}


def _functions(name: str) -> str:
    known = ", ".join(f"{known}()" for known in _FUNCTIONS)
    return f"{did_you_mean(name, _FUNCTIONS)} At the end can stand: {known}".strip()


def _apply_function(function: Callable[[Any], JSON], path: Path) -> Path:
    def apply(value: JSON) -> JSON:
        try:
            return function(path(value))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return None

    return apply


# --- everything else: jsonpath-ng -------------------------------------------------


def _library_path(
    text: str, segments: Sequence[_Segment], tail: Sequence[_Segment]
) -> Path:
    """Return a path whose first part the library walks, and whose tail we do."""
    definite = all(segment.single for segment in (*segments, *tail))
    steps = _steps(tail)
    # Filled on first use. Two threads may both fill it, with equal things.
    compiled: list[Callable[[JSON], Iterable[Any]]] = []

    def path(value: JSON) -> JSON:
        if not compiled:
            compiled.append(_compile(text, segments))
        try:
            nodes = [match.value for match in compiled[0](value)]
        except Exception:  # noqa: BLE001 - the library raises whatever Python raises
            return None
        nodes = _walk(steps, nodes)
        if definite:
            return nodes[0] if nodes else None
        return nodes

    return path


def _compile(
    text: str, segments: Sequence[_Segment]
) -> Callable[[JSON], Iterable[Any]]:
    from jsonpath_ng.ext.parser import parse

    pieces, origin = ["$"], [0]
    for segment in segments:
        piece, places = _reworded(segment)
        pieces.append(piece)
        origin.extend(places)
    try:
        return parse("".join(pieces)).find
    except Exception as error:  # noqa: BLE001 - its parser also raises re.error and more
        found = _LIBRARY_PLACE.search(str(error))
        place = int(found.group(1)) if found else len(origin)
        at = origin[place] if place < len(origin) else len(text)
    return _refuse(text, "this is not understood", at, _COMPARE)


_COMPARE = "compare with ==, !=, <, <=, >, >= or =~; join with && and ||"


def _reworded(segment: _Segment) -> tuple[str, list[int]]:
    """Return a segment in words the library knows, and where each character stood.

    The library lacks unquoted non-ASCII names, `/patterns/`, `length()`, and names
    that are words of its own grammar; it warns about a lone `&`.
    """
    text, start = segment.text, segment.at
    if "?" not in text:
        return text, [start] * len(text)
    pieces: list[str] = []
    places: list[int] = []
    done = 0
    for found in _IN_FILTER.finditer(text):
        piece = _reword(found)
        pieces += text[done : found.start()], piece
        places += range(start + done, start + found.start())
        places += [start + found.start()] * len(piece)
        done = found.end()
    pieces.append(text[done:])
    places += range(start + done, start + len(text))
    return "".join(pieces), places


def _reword(found: re.Match[str]) -> str:
    if found["length"] or found["of"]:
        return f"{found['of'] or ''}.`len`"
    if found["pattern"]:
        flags = f"(?{found['flags']})" if found["flags"] else ""
        pattern = found["pattern"].replace("\\/", "/")
        return found["match"] + _member(flags + pattern, 0).text[1:-1]
    name = found["name"]
    if name and (name in _RESERVED or not _IDENTIFIER.fullmatch(name)):
        return (".." if found["dots"] == ".." else "") + _member(name, 0).text
    if found["and"]:
        return "&&"
    return " " if found["blank"] else found.group()
