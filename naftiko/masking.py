"""Mask the secrets of a request wherever it is shown.

    "?key=s%2Bx", Secret("KEY", "s+x")   →  "?key=$KEY"

A request that was sent is masked by the values of its secrets, however the other side
repeats them: percent-encoded, in base64, in hexadecimal, in upper and lower case. A
preview never holds a value: it has a marker with the name of the variable instead. What
a traceback keeps is forgotten. This module must not know requests.
"""

from __future__ import annotations

import re
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from urllib.parse import quote, quote_plus

from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    #: A pattern, or `None` where nothing is secret, and the names of its groups.
    _Found = tuple[re.Pattern[str] | None, tuple[str, ...]]

P = ParamSpec("P")
T = TypeVar("T")

_MASK = "$"
#: Libraries that carry requests: their variables hold what is sent.
_CARRIERS = frozenset(
    "asyncio http idna requests selectors socket ssl urllib3".split()  # noqa: SIM905
)
_CLEARED = frozenset(("naftiko", *_CARRIERS))


class Secret(NamedTuple):
    """One value that must never be shown, and the variable that it came from."""

    name: str
    value: str

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _: object) -> Secret:
        return self

    def __reduce__(self) -> tuple[type[Secret], tuple[str, str]]:
        # A pickle goes to files and other processes.
        return Secret, (self.name, "")


def mask(text: str, secrets: tuple[Secret, ...]) -> str:
    """Return a text with every secret replaced by `$NAME`, however it is encoded.

    Mask before cutting: a part of a secret is not recognised.
    """
    return _replaced(text, _pattern(secrets, True), lambda name: _MASK + name)


def mask_own(text: str, secrets: tuple[Secret, ...]) -> str:
    """Return a text that this program wrote, such as a URL, with its secrets masked.

    It is faster than `mask`: the program writes a secret as it is, or as URLs, JSON and
    HTML escape it.
    """
    return _replaced(text, _pattern(secrets, False), lambda name: _MASK + name)


def mark(text: str, secrets: tuple[Secret, ...]) -> str:
    """Return a text with a marker for every secret; see `mask`."""
    return _replaced(text, _pattern(secrets, False), marker)


def _replaced(text: str, found: _Found, shown: Callable[[str], str]) -> str:
    pattern, names = found
    if pattern is None or not text:
        return text
    # In one pass: the value of a secret may be the name of another one.
    return pattern.sub(lambda match: shown(names[(match.lastindex or 1) - 1]), text)


@lru_cache(maxsize=256)
def _pattern(secrets: tuple[Secret, ...], is_repeated: bool) -> _Found:
    """Return the pattern that finds the secrets, and the names of its groups.

    Args:
        secrets: The secrets.
        is_repeated: The text is another's, who may have encoded them in any way.
    """
    # Blanks around a value are not sent. The longest first: one secret may be a part
    # of another.
    known = {secret.value.strip(): secret.name for secret in reversed(secrets)}
    known.pop("", None)
    values = sorted(known, key=len, reverse=True)
    if not values:
        return None, ()
    written = _repeated if is_repeated else _as_written
    groups = (f"({written(value)})" for value in values)
    return re.compile("|".join(groups)), tuple(known[value] for value in values)


def without_secrets(url: str) -> str:
    """Return a URL without its user, query and fragment, which may hold secrets.

    The user ends at the last `@`, because a password may hold any character:
    `https://u:p@a.test/x?k=v` → `https://…@a.test/x?…`.
    """
    if "@" in url:
        user, sign, rest = url.rpartition("@")
        scheme = re.match(r"[a-z][a-z0-9+.-]*:/+", user, re.IGNORECASE)
        url = f"{scheme[0] if scheme else ''}…{sign}{rest}"
    end = min((at for mark in "?#" if (at := url.find(mark)) >= 0), default=-1)
    return url if end < 0 else f"{url[: end + 1]}…"


def _as_written(value: str) -> str:
    """Return a pattern for a value in the notations that this program writes.

    The rest of a very long one is looked for in one notation at once: a pattern takes
    some ten microseconds a character to be made.
    """
    return "".join(map(_written, _CHARS.findall(value[:_LONGEST]))) + _rest(value)


def _rest(value: str) -> str:
    """Return a pattern for the rest of a very long value."""
    rest = value[_LONGEST:]
    if not rest:
        return ""
    notations = {rest, quote_plus(rest, errors="replace")}
    notations.add(quote(rest, errors="replace"))
    return f"(?:{'|'.join(map(re.escape, sorted(notations)))})?"


def _repeated(value: str) -> str:
    """Return a pattern for a value in every notation that a server may answer in."""
    any_case = "".join(map(_in_any_case, _CHARS.findall(value[:_LONGEST])))
    forms = [f"(?i:{any_case}{_rest(value)})"]
    data = value.encode("utf-8", "surrogatepass")
    if _SHORTEST <= len(data) <= _LONG:
        # The bytes may be joined by colons or blanks, as dumps join them.
        forms.append("[ :-]?".join(_hexadecimal(byte, 2) for byte in data))
        forms += [_base64(data, before) for before in range(3)]
    return "|".join(forms)


def _in_any_case(char: str) -> str:
    """Return a pattern for a character whose cases may have another length: `ß`."""
    cases = {char, char.upper(), char.lower()}
    if all(len(case) == len(char) for case in cases):
        return _written(char)
    return f"(?:{'|'.join(map(_as_written, sorted(cases)))})"


def _base64(data: bytes, before: int) -> str:
    """Return a pattern for bytes within a longer text in base64 (RFC 4648, 4 and 5).

    Three bytes are four characters, so there are three patterns: `before` bytes of a
    group stand before the data. A character that holds bits of its neighbours is one
    of several.
    """
    bits = "".join(f"{byte:08b}" for byte in data)
    first, last = (8 * before) % 6, -(8 * before + len(bits)) % 6
    bits = "?" * first + bits + "?" * last
    groups = (bits[at : at + 6] for at in range(0, len(bits), 6))
    return "".join(map(_base64_char, groups)) + "(?:=|%3[dD]){0,2}"


def _base64_char(bits: str) -> str:
    """Return a pattern for six bits, of which those at one end may be anything."""
    unknown = bits.count("?")
    known = int(bits.replace("?", ""), 2)
    step, count = (1, known << unknown) if bits[-1] == "?" else (64 >> unknown, known)
    chars = [_BASE64[count + step * number] for number in range(1 << unknown)]
    text = "".join(chars).replace("+", "+-").replace("/", "/_")
    escaped = r"|%2[bB]" * ("+" in chars) + r"|\\/|%2[fF]" * ("/" in chars)
    one = f"[{re.escape(text)}]" if len(text) > 1 else text
    return f"(?:{one}{escaped})" if escaped else one


#: Shorter secrets are looked for as they are only: their bytes are in any text.
_SHORTEST = 4
#: Bytes of a secret that is looked for in base64 too, and characters of one in any mix
#: of notations.
_LONG, _LONGEST = 2048, 1024
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_PLAIN = re.compile(r"[A-Za-z0-9_.-]")
#: A character, and the backslashes in front of it.
_CHARS = re.compile(r"\\+[^\\]?|[^\\]")
#: Character → the letter that a backslash stands before, in JSON and in a `repr`.
_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


def _written(unit: str) -> str:
    """Return a pattern for a character, as URLs, JSON, Python and HTML write it.

    Backslashes in front of it belong to it: each is written as one, two or four, and
    the character may be written with some of its own. Where one ends and the other
    begins cannot be told, and to try all ways takes exponential time.
    """
    char = unit.lstrip("\\")
    count = len(unit) - len(char)
    plain, escaped = _notations(char) if char else ([], [])
    if not count:
        forms = [*plain, *(_backslashes(*form) for form in escaped)]
        return f"(?:{'|'.join(forms)})" if len(forms) > 1 else forms[0]
    percent = rf"(?:%(?:25)*5[cC]){{{count}}}"
    if not char:
        return f"(?:{_backslashes(count, 4 * count, '')}|{percent})"
    forms = [
        _backslashes(count + least, 4 * count + most, rest)
        for least, most, rest in escaped
    ]
    literal = (1, 4, plain[0])
    if literal in escaped:
        # One form for both: it is the same text.
        forms[escaped.index(literal)] = _backslashes(count, 4 * count + 4, plain[0])
        del plain[0]
    if plain:
        forms.append(_backslashes(count, 4 * count, f"(?:{'|'.join(plain)})"))
    return f"(?:{'|'.join(forms)}|{percent}{_written(char)})"


def _backslashes(least: int, most: int, rest: str) -> str:
    return rf"\\{{{least},{most}}}{rest}"


def _notations(char: str) -> tuple[list[str], list[tuple[int, int, str]]]:
    """Return the notations of a character, as patterns: the first is the character.

    Then those behind backslashes: the least and the most of them, and the rest.
    """
    plain = [re.escape(char)]
    if _PLAIN.fullmatch(char):
        return plain, []
    code = ord(char)
    # A text that is encoded twice has `%25` for each `%`.
    bytes_ = char.encode("utf-8", "surrogatepass")
    plain.append("".join(f"%(?:25)*{_hexadecimal(byte, 2)}" for byte in bytes_))
    if char == " ":
        plain.append(r"\+")
    units = char.encode("utf-16-be", "surrogatepass")
    halves = [
        f"u{_hexadecimal(units[at] << 8 | units[at + 1], 4)}"
        for at in range(0, len(units), 2)
    ]
    entity = f"|{_ENTITIES[char]}" if char in _ENTITIES else ""
    hexadecimal = f"#[xX]0*{_hexadecimal(code, 1)}"
    escaped = [
        (1, 4, r"\\{1,4}".join(halves)),
        (1, 4, re.escape(_ESCAPES.get(char, char))),
        (0, 4, f"&(?:amp;)*(?:#0*{code}|{hexadecimal}{entity});"),
    ]
    if code < 0x100:
        escaped.append((1, 4, f"x{_hexadecimal(code, 2)}"))
    elif code > 0xFFFF:
        escaped.append((1, 4, f"U{_hexadecimal(code, 8)}"))
    return plain, escaped


def _hexadecimal(number: int, digits: int) -> str:
    return "".join(
        digit if digit.isdigit() else f"[{digit}{digit.upper()}]"
        for digit in f"{number:0{digits}x}"
    )


#: Begins the `Authorization` of a preview, where base64 would hide the variables.
LOGIN = "Basic:"
# A preview carries every variable as its name between two private characters, which
# survive percent-encoding recognisably and cannot stand in a document by accident.
_OPEN, _CLOSE = "\ue000", "\ue001"
# Texts, which are compiled when a preview is made.
_MARKER = (
    f"(?:{_OPEN}|{quote(_OPEN)}|\\\\ue000)([^{_OPEN}{_CLOSE}%\\\\]+)"
    f"(?:{_CLOSE}|{quote(_CLOSE)}|\\\\ue001)"
)
_ALONE = f"{_OPEN}[^{_OPEN}{_CLOSE}/?#@:\\\\]+{_CLOSE}"


def marker(name: str) -> str:
    """Return the marker that stands for a variable in a preview."""
    return f"{_OPEN}{name}{_CLOSE}"


def plain(text: str) -> str:
    """Return a text of a preview with `$NAME` for every marker."""
    return re.sub(_MARKER, rf"{_MASK}\1", text) if has_marker(text) else text


def split_markers(text: str) -> list[tuple[str, bool]]:
    """Return the parts of a text of a preview, and whether each is a variable."""
    parts = re.split(_MARKER, text)
    return [(part, index % 2 == 1) for index, part in enumerate(parts) if part]


def is_marker(text: str) -> bool:
    """Tell whether a text is one marker, with nothing around it.

    No marker holds a separator of URLs: such a text was made to look like one.
    """
    return re.fullmatch(_ALONE, text) is not None


def has_marker(text: str) -> bool:
    """Tell whether a text of a preview holds a marker."""
    return _OPEN in text or "%EE%80%80" in text or "\\ue000" in text


def forgetful(function: Callable[P, T]) -> Callable[P, T]:
    """Return a public function whose errors hold no credential in their traceback.

    A traceback keeps the local variables of each frame, and reports of errors show
    them. Files, lines and messages stay.
    """

    @wraps(function)
    def guarded(*arguments: P.args, **keywords: P.kwargs) -> T:
        try:
            return function(*arguments, **keywords)
        except BaseException as error:
            del arguments, keywords
            forget(error)
            raise

    return guarded


def forgetful_iterator(
    function: Callable[P, Iterator[T]],
) -> Callable[P, Iterator[T]]:
    """Return a public generator whose errors hold no credential; see `forgetful`."""

    @wraps(function)
    def guarded(*arguments: P.args, **keywords: P.kwargs) -> Iterator[T]:
        try:
            yield from function(*arguments, **keywords)
        except Exception as error:
            del arguments, keywords
            forget(error)
            raise

    return guarded


def forget(error: BaseException) -> None:
    """Clear the variables of this package's frames in the traceback of an error.

    Those of the libraries that it calls are cleared too, and those of the errors that
    led to this one. A suppressed context is dropped: nobody is shown it, and it holds
    what was sent. Frames of callers and of their functions keep their variables.
    """
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        known = pending.pop()
        if known is None or id(known) in seen:
            continue
        seen.add(id(known))
        at, is_inside = known.__traceback__, False
        while at is not None:
            is_inside = is_inside or _package_of(at.tb_frame) == "naftiko"
            if is_inside and _package_of(at.tb_frame) in _CLEARED:
                _clear(at.tb_frame)
            at = at.tb_next
        if not is_inside and known is not error:
            continue  # an error of the caller, who was handling it
        if known.__suppress_context__ and known.__cause__ is None:
            known.__context__ = None
        pending += [known.__cause__, known.__context__]


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _clear(frame: FrameType) -> None:
    try:
        frame.clear()
    except RuntimeError:
        return  # it is still running
