"""JSON → plain data, of one document or of several in one body.

    body                  Content-Type           value
    --------------------  ---------------------  ----------------------------
    {"id": 7}             any                    {id: 7}
    (empty)               any                    null
    {"n": 1}{"n": 2}      any                    [{n: 1}, {n: 2}]
    1⏎2                   any                    [1, 2]
    {"n": 1}              application/x-ndjson   [{n: 1}]
    404 page              any                    a fault, and not 404

JSON Lines, JSON text sequences (RFC 7464) and concatenated documents are read alike.
A server reads and writes with `msgspec` what comes out as with the standard library,
which does all the rest; so does a program that has read some megabytes.
"""

from __future__ import annotations

import json
import marshal
import re
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.errors import shorten
from naftiko.formats.faults import refuse_body, refuse_depth
from naftiko.formats.media import promises_many
from naftiko.formats.text import declared_charset, text_in
from naftiko.http import codec_of
from naftiko.plain import valid_text
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from naftiko.plain import JSON

_NDJSON = "application/x-ndjson"
#: One that does not end takes the rest, so that none is read twice.
_JSON_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+("?)')
#: RFC 7464 puts a record separator before each document.
_GAP = re.compile("[ \t\r\n\x1e]*")
#: One of these between two documents says that they are two.
_BREAKS = frozenset("\r\n\x1e")
_scan = json.JSONDecoder().raw_decode


def decode_json(
    body: bytes, content_type: str, _schema: str = "", *, most: int = 0
) -> JSON:
    """Return the document in a body, `None` for an empty body, or a list of many.

    Raises:
        BodyError: The body is not JSON.
        OutputError: It is nested too deeply.
    """
    many = bool(content_type) and promises_many(content_type)
    # json.loads tells UTF-8, 16 and 32 apart by itself; a text would be a copy more.
    # A declared charset counts only for bytes that are none of them (RFC 8259, 11).
    if not many:
        if _quick is None:
            _count(len(body))
        value = quickly_read(body)
        if value is not UNREAD:
            return value
        try:
            return json.loads(body)
        except RecursionError:
            refuse_depth("json")
        except ValueError:
            pass
    charset = (
        declared_charset(body, content_type)
        if "charset" in content_type.lower()
        else ""
    )
    text = _json_text(body, charset)
    try:
        documents = list(_documents(text, promised=many))
    except RecursionError:
        refuse_depth("json")
    except json.JSONDecodeError as error:
        refuse_body("json", error.msg, text, error.pos)
    except ValueError as error:
        # A number of thousands of digits.
        refuse_body("json", shorten(error), text)
    if many or len(documents) > 1:
        return documents
    return documents[0] if documents else None


def strict_json(body: bytes, content_type: str = "") -> JSON:
    """Return the value of a body that is exactly one JSON document in UTF-8.

    Such a body can be passed on as it came. `NaN` and `Infinity` are no JSON.

    Raises:
        ValueError: The body is something else, which `decode_json` may still read.
    """
    if content_type and promises_many(content_type):
        raise ValueError("promises several documents")
    value = quickly_read(body)
    if value is not UNREAD:
        return value
    try:
        return _STRICT.decode(body.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant)


# --- a faster library ---------------------------------------------------------------


class _Quick(NamedTuple):
    """What reads and writes JSON faster than the standard library."""

    read: Callable[[bytes], JSON]
    write: Callable[[JSON], bytes]
    raw: Callable[[bytes], Any]
    pass_over: Callable[[bytes], Any]


#: A number, whose exponent Python writes with a sign and two digits.
_exponent = re.compile(rb'e(?<=\de)-?\d+(?=[,\]}]|":|$)').search
#: Python reads no integer of more digits.
_MOST_DIGITS = 4300
_long_number = re.compile(rb"[0-9]{%d}" % _MOST_DIGITS).search
#: Each digit is a zero.
_ZEROS = bytes(ord("0") if chr(n) in "123456789" else n for n in range(256))
_quick: _Quick | None = None
#: Bytes that the standard library reads in the time that importing `msgspec` takes.
_WORTH = 3_000_000
#: Bytes that it has read; below zero once `msgspec` was looked for.
_counted = 0
#: What `quickly_read` returns for a body that the standard library has to read.
UNREAD: Any = object()


def _count(size: int) -> None:
    """Look for `msgspec` as soon as so many bytes were read that it is worth it."""
    global _counted
    if _counted >= 0:
        _counted += size
        if _counted > _WORTH:
            accelerate()


def accelerate() -> None:
    """Read and write with `msgspec` from now on, if it is installed.

    Importing it takes 20 ms, for which a command reads thousands of small bodies.
    """
    global _counted, _quick
    _counted = -1
    if _quick is not None:
        return
    try:
        from msgspec import Raw
        from msgspec.json import Decoder, Encoder
    except ImportError:
        return
    _quick = _Quick(Decoder().decode, Encoder().encode, Raw, Decoder(Raw).decode)


def quickly_read(body: bytes) -> JSON:
    """Return the value of a body as `json.loads` does, or `UNREAD`.

    It is not read when it is no strict JSON in UTF-8: `NaN`, half a surrogate pair, a
    byte order mark. The last of two members of a name counts, and integers are whole.
    """
    if _quick is None:
        return UNREAD
    try:
        return _quick.read(body)
    except Exception:  # noqa: BLE001 - the standard library tells what is wrong
        return UNREAD


def is_strict_object(body: bytes) -> bool:
    """Tell whether a body surely is one JSON object, without making its value.

    That takes a quarter of the time. `False` is for what only reading it tells, too.
    """
    if _quick is None or body[:1] != b"{":
        return False
    try:
        check_passed_over(body)
        _quick.pass_over(body)
    except Exception:  # noqa: BLE001 - whoever reads it tells what is wrong
        return False
    return True


def check_passed_over(body: bytes) -> None:
    """Look at what `msgspec` does not look at in values that it passes over.

    Raises:
        ValueError: The body is not UTF-8, or may have a number too long for Python.
    """
    if len(body) > _MOST_DIGITS and _long_number(body):
        raise ValueError("a number is too long")
    if not body.isascii():
        body.decode()


def quickly_written(value: JSON) -> bytes | None:
    """Return compact JSON in the characters of the standard library, or `None`.

    A number that JSON has no form for is null. Not written are values of types that
    JSON lacks, and floats that Python writes otherwise: `1e-05`, `1e+16`.
    """
    if _quick is None:
        return None
    try:
        marshal.dumps(value, 2)  # refuses other types, such as dates
        text = _quick.write(value)
    except Exception:  # noqa: BLE001 - the standard library tells what is wrong
        return None
    return None if is_written_otherwise(text) else text


def is_written_otherwise(text: bytes) -> bool:
    """Tell whether `msgspec` wrote a number that Python writes in other characters."""
    if text.find(b"0.0000") >= 0:
        return True
    # Most texts have no digit before an `e`, which a pattern would look for at each.
    return text.translate(_ZEROS).find(b"0e") >= 0 and bool(_exponent(text))


def raw_json(encoded: bytes) -> Any:
    """Return a value for `write_json` that is JSON already."""
    return json.loads(encoded) if _quick is None else _quick.raw(encoded)


def write_json(value: JSON) -> bytes:
    """Return a value as compact JSON; half a surrogate pair becomes U+FFFD.

    Numbers mean the same, but need not have the characters of the standard library.
    """
    if _quick is not None:
        try:
            return _quick.write(value)
        except (TypeError, ValueError, RecursionError):
            pass
    return valid_text(_write(value)).encode()


def _held(value: object) -> JSON:
    """Return the value of what `raw_json` made."""
    if _quick is None or type(value) is not _quick.raw:
        raise TypeError(f"no JSON: {type(value).__name__}")
    return json.loads(bytes(value))  # type: ignore[call-overload]


_write = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_held
).encode


# --- sequences ----------------------------------------------------------------------


def documents(lines: Iterable[str]) -> Iterator[JSON]:
    """Yield the JSON documents in lines of text, each as soon as it is complete.

    There may be one to a line, several on a line, or one on many lines: the lines
    `{"n":`, `1}` and `2` give `{"n": 1}` after the second, and `2` after the third.

    Raises:
        OutputError: A document is not JSON.
    """
    open_lines: list[str] = []
    depth = 0
    for line in lines:
        if not open_lines:
            try:
                yield from list(_documents(line, promised=True))
                continue
            except (ValueError, RecursionError):
                pass
        open_lines.append(line)
        depth += _opened(line)
        if depth <= 0:
            yield from _joined(open_lines)
            open_lines, depth = [], 0
    if open_lines:
        yield from _joined(open_lines)


def _json_text(body: bytes, charset: str) -> str:
    """Return a body as text; without a charset, as JSON tells the UTFs apart."""
    charset = charset or json.detect_encoding(body)
    codec = codec_of(charset)
    if not codec:
        return text_in(body, "")
    try:
        return body.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        fault = f"byte {error.start + 1} is not {charset}"
        offset = len(text_in(body[: error.start], charset))
        refuse_body("json", fault, text_in(body, charset), offset)


def _documents(text: str, *, promised: bool) -> Iterator[JSON]:
    """Yield the JSON documents of a text; `promised` as a sequence, or found as one."""
    at = _after_gap(text, 0)
    while at < len(text):
        value, end = _scan(text, at)
        yield value
        at = _after_gap(text, end)
        # Otherwise '555 1234' would be a list of two numbers, and not a fault.
        apart = promised or text[end - 1] in "}]" or _BREAKS & set(text[end:at])
        if at < len(text) and not apart:
            raise json.JSONDecodeError("Extra data", text, at)


def _joined(lines: list[str]) -> list[JSON]:
    """Return the documents in lines that belong together, or raise their fault."""
    body = "\n".join(lines).encode("utf-8", "replace")
    values: list[JSON] = decode_json(body, _NDJSON)
    return values


def _opened(line: str) -> int:
    """Return how many more brackets a line opens than it closes, outside of strings."""
    plain = _JSON_STRING.sub(lambda string: "" if string[1] else string[0], line)
    opened = plain.count("{") + plain.count("[")
    return opened - plain.count("}") - plain.count("]")


def _after_gap(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return gap.end() if gap else at
