"""JSON, and several JSON documents in one body."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NoReturn

from naftiko.errors import shorten
from naftiko.formats.faults import refuse, refuse_depth
from naftiko.formats.text import UTF8_NAMES, declared_charset, text_of_body

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from naftiko.plain import JSON

_NDJSON = "application/x-ndjson"
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_MANY = frozenset(
    (
        _NDJSON,
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/json-seq",
    )
)
# RFC 7464 puts a record separator before each document.
_GAP = re.compile("[ \t\r\n\x1e]*")
_BREAKS = frozenset("\r\n\x1e")
_scan = json.JSONDecoder().raw_decode


def decode_json(body: bytes, content_type: str, _schema: str = "") -> JSON:
    """Return the document in a body, `None` for an empty body, or a list of many."""
    many = bool(content_type) and _promises_many(content_type)
    charset = (
        declared_charset(body, content_type)
        if "charset" in content_type.lower()
        else ""
    )
    # json.loads tells the UTFs apart by itself; going by text first would cost a copy.
    if not many and (not charset or charset in UTF8_NAMES):
        try:
            return json.loads(body)
        except RecursionError:
            refuse_depth("json")
        except ValueError:
            pass
    text = _json_text(body, charset)
    try:
        documents = list(_documents(text, promised=many))
    except RecursionError:
        refuse_depth("json")
    except json.JSONDecodeError as error:
        refuse("json", error.msg, text, error.pos)
    except ValueError as error:
        # A number of thousands of digits.
        refuse("json", shorten(error), text)
    if many or len(documents) > 1:
        return documents
    return documents[0] if documents else None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant)


def strict_json(body: bytes, content_type: str = "") -> JSON:
    """Return the value of a body that is exactly one JSON document in UTF-8.

    Raises:
        ValueError: It is not, though `decode` may still read it.
    """
    if content_type and _promises_many(content_type):
        raise ValueError("promises several documents")
    try:
        return _STRICT.decode(body.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _promises_many(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind in _MANY or kind.endswith("+json-seq")


def _json_text(body: bytes, charset: str) -> str:
    charset = charset or json.detect_encoding(body)
    try:
        return body.decode(charset).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start + 1} is not {charset}"
        refuse(
            "json",
            wrong,
            text_of_body(body, charset),
            len(text_of_body(body[: error.start], charset)),
        )
    except (LookupError, ValueError):
        return text_of_body(body, "")


def _documents(text: str, *, promised: bool) -> Iterator[JSON]:
    """Yield JSON documents that stand one after another."""
    at = _after_gap(text, 0)
    while at < len(text):
        value, end = _scan(text, at)
        yield value
        at = _after_gap(text, end)
        # Without this, '404 page' would be a number and a fault further on, and
        # '555 1234' a list.
        apart = promised or text[end - 1] in "}]" or _BREAKS & set(text[end:at])
        if at < len(text) and not apart:
            raise json.JSONDecodeError("Extra data", text, at)


def documents(lines: Iterable[str]) -> Iterator[JSON]:
    """Yield the JSON documents in lines of text, each as soon as it is complete.

    There may be one to a line, several on a line, or one on many lines.

    Raises:
        OutputError: A document is not JSON.
    """
    held: list[str] = []
    depth = 0
    for line in lines:
        if not held:
            try:
                yield from list(_documents(line, promised=True))
                continue
            except (ValueError, RecursionError):
                pass
        held.append(line)
        depth += _depth(line)
        if depth <= 0:
            yield from _held(held)
            held, depth = [], 0
    if held:
        yield from _held(held)


def _held(lines: list[str]) -> list[JSON]:
    found: list[JSON] = decode_json(
        "\n".join(lines).encode("utf-8", "replace"), _NDJSON
    )
    return found


def _depth(line: str) -> int:
    """Return how many more brackets a line opens than it closes, outside of texts."""
    plain = _JSON_STRING.sub("", line)
    opened = plain.count("{") + plain.count("[")
    return opened - plain.count("}") - plain.count("]")


def _after_gap(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return found.end() if found else at
