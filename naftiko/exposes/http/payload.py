"""The body of a request → values: JSON, forms, multipart.

    b"a=1&b=2", "application/x-www-form-urlencoded"
        →  read_payload  →  Payload("form", {"a": "1", "b": "2"}, …)

This module must not know which arguments an operation takes.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from naftiko.consumes.content import Content
from naftiko.exposes.http.inbound import hold_values
from naftiko.exposes.http.problems import BadRequest, HttpProblem
from naftiko.formats.budget import is_slow
from naftiko.formats.json import UNREAD, quickly_read
from naftiko.functions.arguments import WrongArgument
from naftiko.http import media_type_of
from naftiko.records.tuples import NamedTuple
from naftiko.transport.wire.totals import SMALL
from naftiko.workers import pieces

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from naftiko.functions.runs import Aside
    from naftiko.plain import JSON
    from naftiko.transport.wire.totals import Holder

_JSON_BEGINS = re.compile(rb"\s*[{\[]")
_FORM_TYPE = "application/x-www-form-urlencoded"
_MULTIPART_TYPE = "multipart/form-data"
BODY_TYPES = ("application/json", _FORM_TYPE, _MULTIPART_TYPE)
#: Fields of one form; each costs memory, and no operation has as many arguments.
_MAX_FIELDS = 1000


class Payload(NamedTuple):
    """A request body that has been read.

    Attributes:
        kind: `json`, `form` or `raw`; an empty text when there is no body.
        value: The JSON value, or field → value of a form.
        body: The bytes.
        content_type: The `Content-Type` header.
    """

    kind: str = ""
    value: JSON = None
    body: bytes = b""
    content_type: str = ""

    @property
    def fields(self) -> Mapping[str, JSON]:
        """The named parts of the body; none unless it is an object or a form."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def whole(self) -> JSON:
        """The body as one argument: a JSON value, or bytes with their media type."""
        if not self.kind:
            return None
        media_type = media_type_of(self.content_type)
        if self.kind == "json" and media_type in ("", "application/json", _FORM_TYPE):
            return self.value
        return Content(self.body, self.content_type)


async def read_payload(
    body: bytes,
    content_type: str,
    *,
    reads_fields: bool,
    takes_any: bool,
    aside: Aside | None = None,
    held: Holder | None = None,
) -> Payload:
    """Return a request body, read by its media type.

    A form that begins like JSON is read as JSON: `curl -d '{…}'` labels every body as
    a form. Any other text is read as JSON too, if the operation takes only fields.

    Args:
        body: The bytes.
        content_type: The `Content-Type` header.
        reads_fields: The operation takes single fields of the body.
        takes_any: The operation takes the whole body, in any media type.
        aside: Runs a function that takes long, which reading a large body does.
        held: Counts its bytes, and the memory of its values.

    Raises:
        BadRequest: The body is malformed or too large, or its media type has no fields.
    """
    if held is not None and _may_be_json(body, content_type):
        await hold_values(body, held, aside)
    if aside is not None and is_long(body):
        arguments = (body, content_type, reads_fields, takes_any)
        payload: Payload = await aside(_payload, *arguments)
        return payload
    return _payload(body, content_type, reads_fields, takes_any)


def _may_be_json(body: bytes, content_type: str) -> bool:
    """Tell whether a body is read as JSON, or may be; see `read_payload`."""
    if len(body) <= SMALL:
        return False
    media_type = media_type_of(content_type)
    is_json = media_type in ("", "application/json") or media_type.endswith("+json")
    return is_json or (media_type != _MULTIPART_TYPE and bool(_JSON_BEGINS.match(body)))


def is_long(body: bytes) -> bool:
    """Tell whether reading a request body takes longer than a few milliseconds."""
    return is_slow("json", len(body))


def _payload(
    body: bytes, content_type: str, reads_fields: bool, takes_any: bool
) -> Payload:
    if not body:
        return Payload(content_type=content_type)
    media_type = media_type_of(content_type)
    if media_type == _MULTIPART_TYPE:
        if takes_any or not reads_fields:
            return Payload("raw", None, body, content_type)
        fields = _multipart(body, content_type)
        return Payload("form", fields, body, content_type)
    if media_type in ("", "application/json") or media_type.endswith("+json"):
        try:
            return Payload("json", _parsed_json(body), body, content_type)
        except ValueError as error:
            if media_type:
                raise BadRequest(_malformed("JSON", str(error))) from None
    elif (media_type == _FORM_TYPE or not takes_any) and _JSON_BEGINS.match(body):
        try:
            return Payload("json", _parsed_json(body), body, content_type)
        except ValueError:
            pass
    if media_type == _FORM_TYPE and reads_fields:
        return Payload("form", pairs_of(body, "form"), body, content_type)
    if reads_fields and not takes_any:
        if not media_type:
            raise BadRequest(_malformed("JSON", "it has no media type, and is no JSON"))
        raise BadRequest(
            HttpProblem(
                "unsupported-media-type",
                f"the body is {media_type}, which has no fields",
                f"send one of {', '.join(BODY_TYPES)}",
                headers=(("Accept", ", ".join(BODY_TYPES)),),
            )
        )
    return Payload("raw", None, body, content_type)


def _malformed(format: str, why: str) -> HttpProblem:
    reason = f"is not well-formed {format}: {why}"
    return HttpProblem(
        "malformed-request",
        f"the request body {reason}",
        errors=(WrongArgument("", "body", reason),),
    )


def _parsed_json(body: bytes) -> JSON:
    def refuse(name: str) -> JSON:
        raise ValueError(f"{name} is not JSON")

    if len(body) <= pieces.WINDOW:  # a longer one lets other threads run meanwhile
        value = quickly_read(body)
        if value is not UNREAD:
            return value
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        return pieces.decode(json.JSONDecoder(parse_constant=refuse), text)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def pairs_of(raw: bytes, part: str) -> dict[str, JSON]:
    """Return name → text, or a list of texts, of a query or a form.

        b"a=1&b=2&b=3"  →  {"a": "1", "b": ["2", "3"]}

    Args:
        raw: The encoded query or form.
        part: `query` or `form`, for messages.

    Raises:
        BadRequest: The bytes are not UTF-8, or there are too many fields.
    """
    try:
        text = raw.decode()
        if "%" not in text and "+" not in text and text.count("&") < _MAX_FIELDS:
            # Nothing is encoded: splitting takes a fifth of the time of `parse_qsl`.
            split = [part.partition("=") for part in text.split("&") if part]
            return _collected([(name, value) for name, _, value in split])
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except UnicodeDecodeError:
        raise BadRequest(_unreadable(part, "is not UTF-8")) from None
    except ValueError:
        why = f"has more than {_MAX_FIELDS} fields"
        raise BadRequest(_unreadable(part, why)) from None
    return _collected(pairs)


def _unreadable(part: str, why: str) -> HttpProblem:
    place = "query" if part == "query" else "body"
    return HttpProblem(
        "malformed-request",
        f"the {part} {why}",
        errors=(WrongArgument("", place, why),),
    )


def _collected(pairs: Sequence[tuple[str, JSON]]) -> dict[str, JSON]:
    fields: dict[str, JSON] = {}
    for name, value in pairs:
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return fields


def _multipart(body: bytes, content_type: str) -> dict[str, JSON]:
    """Return field → text, or bytes for a file, or a list of them."""
    reading = _read_multipart(body, content_type)
    try:
        # Nothing in it waits.
        reading.send(None)
    except StopIteration as stop:
        fields: dict[str, JSON] = stop.value
        return fields
    raise AssertionError("a part that is kept in memory is there at once")


async def _read_multipart(body: bytes, content_type: str) -> dict[str, JSON]:
    from starlette.datastructures import Headers, UploadFile
    from starlette.formparsers import MultiPartException, MultiPartParser

    async def stream() -> AsyncIterator[bytes]:
        yield body

    headers = Headers({"content-type": content_type})
    parser = MultiPartParser(
        headers,
        stream(),  # type: ignore[arg-type]
        max_files=_MAX_FIELDS,
        max_fields=_MAX_FIELDS,
        max_part_size=len(body),
    )
    # Every part stays in memory, as the body does. The name differs by version.
    parser.spool_max_size = parser.max_file_size = len(body) + 1  # type: ignore[attr-defined]
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        why = getattr(error, "message", "") or "it has no boundary"
        raise BadRequest(_malformed("multipart/form-data", why)) from None
    pairs = [
        (name, await value.read() if isinstance(value, UploadFile) else value)
        for name, value in form.multi_items()
    ]
    await form.close()
    return _collected(pairs)
