"""`Answer`: an HTTP response to a caller, and the media type of its body.

    Outcome, `Accept`  →  chosen  →  outcome_answer  →  Answer  →  send_answer

Spec 3.6 and RFC 9110. A value that the document shapes is sent as JSON, or as YAML if
the caller prefers it. A response that the document does not shape is passed on as it
came. This module must not know how a value was made.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from json import JSONEncoder
from typing import TYPE_CHECKING, Any

from naftiko.document.writing import write_yaml
from naftiko.errors import OutputError
from naftiko.exposes.http.scope import BODY_FOLLOWS, noted_headers
from naftiko.expressions import to_scalar
from naftiko.formats.json import decode_json, quickly_written, strict_json
from naftiko.formats.media import format_of
from naftiko.functions.outcomes import MAX_CHECKED
from naftiko.http import charset_of, is_utf8
from naftiko.plain import finite
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.exposes.http.scope import ASGIScope, Send
    from naftiko.functions.runs import Outcome
    from naftiko.plain import JSON
    from naftiko.transport.messages import Response

JSON_TYPE = "application/json"
#: The registered media type of YAML (RFC 9512), and older spellings.
_YAML_TYPES = (
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "text/vnd.yaml",
)
MEDIA_TYPES = (JSON_TYPE, _YAML_TYPES[0])
#: Statuses whose responses have no body (RFC 9110, 15).
_BODILESS = frozenset((204, 205, 304))
_CHARSET = re.compile(r"charset\s*=\s*(?:\"[^\"]*\"|[^\s;,]+)", re.IGNORECASE)
#: Browsers must not guess a media type: upstream text could be taken for a page.
FIXED_HEADERS = ((b"x-content-type-options", b"nosniff"),)

#: Media types in which a browser runs nothing; it must not guess another one.
_INERT = frozenset(
    (
        JSON_TYPE, *_YAML_TYPES, "application/x-ndjson", "application/jsonl",
        "image/avif", "image/gif", "image/jpeg", "image/png", "image/webp", "text/csv",
        "text/event-stream", "text/markdown", "text/plain",
    )
)  # fmt: skip
_POLICY = "content-security-policy"
#: For what others wrote: HTML, SVG, XML, PDF and types that are not known. A page of it
#: runs no script, sends no form, and is of no origin.
_SANDBOX = ((_POLICY.encode(), b"sandbox"),)
#: A longer media type is not cached.
_LONGEST_TYPE = 200


def policy_for(content_type: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header that lets a body of a media type run nothing in a browser.

    "image/svg+xml"  →  ((b"content-security-policy", b"sandbox"),)
    "application/json"  →  ()
    """
    if content_type == JSON_TYPE:
        return ()
    is_short = len(content_type) <= _LONGEST_TYPE
    return () if is_short and _is_inert(content_type) else _SANDBOX


@lru_cache(maxsize=256)
def _is_inert(content_type: str) -> bool:
    # Of several types, as of two headers, browsers take the last one.
    kind = content_type.partition(";")[0].strip().lower()
    if "," in content_type or not content_type.isascii():
        return False
    return kind in _INERT or (kind.endswith("+json") and kind.count("/") == 1)


def text_for_json(value: object) -> str:
    """Return a value that JSON cannot hold as text: bytes as base64, dates as ISO."""
    if isinstance(value, (bytes, bytearray)):
        return b64encode(value).decode("ascii")
    return to_scalar(value)


#: Items of a list that are written at once.
_MOST_AT_ONCE = 1000
_JSON: dict[str, Any] = {
    "separators": (",", ":"),
    "allow_nan": False,
    "default": text_for_json,
}
_encode = JSONEncoder(ensure_ascii=False, **_JSON).encode
_encode_ascii = JSONEncoder(**_JSON).encode


class Answer(NamedTuple):
    """One HTTP response."""

    status: int
    content_type: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


async def send_answer(
    send: Send,
    answer: Answer,
    *,
    is_head: bool = False,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Send an answer over ASGI.

    Args:
        send: The `send` of the request.
        answer: The answer.
        is_head: Send the headers only.
        headers: Further headers.
    """
    status, content_type, body, more = answer
    pairs = [*FIXED_HEADERS, *headers]
    if content_type:
        pairs.append((b"content-type", content_type.encode("latin-1", "replace")))
    for name, value in more:
        pairs.append(written(name, value))
    # Our own pages have policies of their own.
    if body and content_type != JSON_TYPE and not _has_policy(more):
        pairs += policy_for(content_type)
    if status in _BODILESS:
        body = b""
    else:
        pairs.append((b"content-length", b"%d" % len(body)))
    start = {"type": "http.response.start", "status": status, "headers": pairs}
    start[BODY_FOLLOWS] = True
    await send(start)
    await send({"type": "http.response.body", "body": b"" if is_head else body})


def _has_policy(headers: Iterable[tuple[str, str]]) -> bool:
    return any(name.lower() == _POLICY for name, _ in headers)


def written(name: str, value: str) -> tuple[bytes, bytes]:
    """Return a header as ASGI has it: `Vary`, `Accept` → `b"vary"`, `b"Accept"`."""
    return name.lower().encode("latin-1"), value.encode("latin-1", "replace")


def json_bytes(value: JSON) -> bytes:
    """Return compact JSON; a number that JSON has no form for, such as NaN, is null."""
    if type(value) is list and len(value) > _MOST_AT_ONCE:
        # One by one, so that a thread which writes a long list lets others run.
        starts = range(0, len(value), _MOST_AT_ONCE)
        parts = (json_bytes(value[at : at + _MOST_AT_ONCE])[1:-1] for at in starts)
        return b"[%b]" % b",".join(parts)
    quick = quickly_written(value)
    if quick is not None:
        return quick
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        # A lone surrogate, which UTF-8 cannot encode but a JSON escape can.
        return _encode_ascii(finite(value)).encode()
    except ValueError:
        return json_bytes(finite(value))


def json_answer(
    value: JSON, status: int = 200, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """Return a value as an answer in JSON."""
    return Answer(status, JSON_TYPE, json_bytes(value), headers)


# --- content negotiation (RFC 9110, 12.5.1) -----------------------------------------


@lru_cache(maxsize=256)
def chosen(accept: str) -> str:
    """Return the media type for a value, or an empty text if none is acceptable.

        "application/yaml, */*;q=0.5"  →  "application/yaml"
        "text/html"                    →  ""

    It is JSON, unless the caller prefers YAML: YAML has the higher quality, or the same
    quality and is named while JSON is only covered by a wildcard.

    Args:
        accept: The `Accept` header.
    """
    ranges = list(_ranges(accept))
    if not ranges:
        return JSON_TYPE
    best = (0.0, 0, "")
    # Of equals the first stays: JSON.
    for media_type in (JSON_TYPE, *_YAML_TYPES):
        quality, exactness = _preference(media_type, ranges)
        if quality and (quality, exactness) > best[:2]:
            best = (quality, exactness, media_type)
    return best[2]


def _ranges(accept: str) -> Iterable[tuple[str, float]]:
    for part in accept.split(","):
        media_range, *parameters = (word.strip().lower() for word in part.split(";"))
        if not media_range:
            continue
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                quality = _quality(parameter[2:])
        yield media_range, quality


def _quality(text: str) -> float:
    """Return a quality value (RFC 9110, 12.4.2); 1 for a malformed one."""
    try:
        number = float(text)
    except ValueError:
        return 1.0
    return min(max(number, 0.0), 1.0) if number == number else 1.0


def _preference(media_type: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """Return the quality of a media type, and how exactly its range names it."""
    preference = (0.0, -1)
    kind = media_type.partition("/")[0] + "/*"
    for media_range, quality in ranges:
        exactness = {media_type: 2, kind: 1, "*/*": 0}.get(media_range, -1)
        if exactness > preference[1]:
            preference = (quality, exactness)
    return preference[0], max(preference[1], 0)


def value_answer(value: JSON, media_type: str, status: int = 200) -> Answer:
    """Return the answer for a value."""
    if media_type == JSON_TYPE:
        return json_answer(value, status)
    text = write_yaml(value) + "\n"
    body = text.encode("utf-8", "replace")
    charset = "; charset=utf-8" if media_type.startswith("text/") else ""
    return Answer(status, media_type + charset, body)


# --- outcomes -----------------------------------------------------------------------


def outcome_answer(outcome: Outcome, media_type: str) -> Answer:
    """Return the answer for the outcome of a function.

    Args:
        outcome: The outcome.
        media_type: The result of `chosen`; JSON if that is empty.

    Raises:
        OutputError: The upstream body is not in the format that the document declares.
    """
    if outcome.is_shaped:
        reply = outcome.reply
        if reply is not None and outcome.is_verbatim and media_type == JSON_TYPE:
            return Answer(outcome.status, JSON_TYPE, reply.response.body)
        if outcome.encoded and media_type == JSON_TYPE:
            return Answer(outcome.status, JSON_TYPE, outcome.encoded)
        value = outcome.value
        if reply is not None and isinstance(value, bytes):
            # `outputRawFormat: binary` as a whole; its upstream media type is kept.
            return Answer(outcome.status, reply.response.content_type, value)
        return value_answer(value, media_type, outcome.status)
    assert outcome.reply is not None
    response = outcome.reply.response
    if outcome.is_mislabelled:
        return Answer(outcome.status, _plain_type(response.body), response.body)
    if media_type != JSON_TYPE and response.body and _is_json(response.content_type):
        return value_answer(outcome.value, media_type, outcome.status)
    if may_be_no_json(response):
        try:
            value = outcome.value
        except OutputError:
            value = None  # it is no JSON at all, and passed on as it came
        if finite(value) is not value:
            return json_answer(value, outcome.status)
    return raw_answer(response, outcome.status)


def may_be_no_json(response: Response) -> bool:
    """Tell whether a body that calls itself JSON has words that JSON does not have."""
    body = response.body
    # `find` of one byte, and then of the word: `in` takes ten times as long.
    is_named = (body.find(b"N") >= 0 and body.find(b"NaN") >= 0) or (
        body.find(b"I") >= 0 and body.find(b"Infinity") >= 0
    )
    return is_named and _is_json(response.content_type)


def raw_answer(response: Response, status: int) -> Answer:
    """Return the answer that passes an upstream body and its media type on.

    A charset that the body contradicts is replaced: valid UTF-8 is UTF-8.
    """
    body, content_type = response.body, response.content_type
    if not body:
        return Answer(status)
    if "charset" in content_type.lower() and not body.isascii():
        charset = charset_of(content_type)
        is_wrong = charset != "utf-8" and is_utf8(body, charset)
        # The charset of XML stands in the header, even if the body is valid UTF-8.
        if is_wrong and format_of(content_type) != "xml":
            content_type = _CHARSET.sub("charset=utf-8", content_type)
    return Answer(status, content_type, body)


def failed_answer(response: Response, status: int) -> Answer:
    """Return the answer that passes the body of a failure on; see `raw_answer`.

    A small body that calls itself JSON and is none becomes a plain text.
    """
    answer = raw_answer(response, status)
    if not _is_json(answer.content_type) or len(answer.body) > MAX_CHECKED:
        return answer
    try:
        strict_json(answer.body, answer.content_type)
    except ValueError:
        try:
            value = decode_json(answer.body, answer.content_type)
        except OutputError:
            return answer._replace(content_type=_plain_type(answer.body))
        if finite(value) is not value:
            return json_answer(value, status)
    return answer


def _plain_type(body: bytes) -> str:
    """Return the media type of a body that is not what its own one says."""
    if b"\0" in body:
        return "application/octet-stream"
    return "text/plain; charset=utf-8" if is_utf8(body) else "text/plain"


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == JSON_TYPE or kind.endswith("+json")


def headers_of(scope: ASGIScope) -> dict[bytes, bytes]:
    """Return name → value of the headers of a request, repeated ones joined.

    [(b"accept", b"a"), (b"accept", b"b")]  →  {b"accept": b"a, b"}
    """
    noted = noted_headers(scope)
    if noted is not None:
        return noted
    pairs = scope["headers"]
    headers = dict(pairs)
    if len(headers) != len(pairs):
        headers = {}
        for name, value in pairs:
            known = headers.get(name)
            joint = b"; " if name == b"cookie" else b", "
            headers[name] = value if known is None else known + joint + value
    return headers


#: Content Security Policy of our pages: inline script and requests to this server only.
SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
    " connect-src 'self'; img-src 'self' blob: data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
