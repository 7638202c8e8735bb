"""Whether a response is a success; if not, the error with the message of its body.

404 {"message": "no such ship"}          StatusError
200 {"status": "…"}⏎{"error": "denied"}  ReportedError
304 to a request without conditions      a success without content
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from naftiko.errors import (
    OutputError,
    ReportedError,
    StatusError,
    names_of,
    shorten,
)
from naftiko.formats import decoding
from naftiko.formats.faults import message_without
from naftiko.http import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.consumes.operation import Operation
    from naftiko.plain import JSON
    from naftiko.transport.messages import Request, Response

# The most readable keys first: OAuth's `error` is a code.
_MESSAGES = (
    "message",
    "error_description",
    "errormessage",
    "error_message",
    "detail",
    "error",
    "errordetail",
    "title",
    "description",
    "msg",
    "reason",
    "errors",
    "fault",
    "faultstring",
)
_MESSAGE = 300
_MESSAGE_DEPTH = 6
_EXCERPT = 500
#: Bytes of a body that an excerpt is taken from: masked first, then cut.
ERROR_BODY_BYTES = 64 * 1024
#: Bytes of a failed response in which a message is looked for.
_MOST_DECODED = 256 * 1024
#: Status → its most frequent meaning for the caller.
_HINTS = {
    401: "the credentials are missing or wrong; the document declares: {auth}",
    403: "the credentials do not allow this; the document declares: {auth}",
    407: "the proxy wants credentials: see HTTP_PROXY and HTTPS_PROXY",
    429: "too many requests; wait as long as the Retry-After header says",
}


#: Headers with which a request asks for a change only (RFC 9110, 13.1).
_CONDITIONS = frozenset(
    (
        "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
        "if-range",
    )
)  # fmt: skip


def is_success(request: Request, status: int) -> bool:
    """Tell whether a status says that the operation did what was asked for.

    These are 200 to 299, and 304 to a request without conditions: such an answer says
    that everything is already as asked for, as with a container that runs already.
    """
    if 200 <= status < 300:
        return True
    return status == 304 and _CONDITIONS.isdisjoint(map(str.lower, request.headers))


def message_of(value: JSON) -> str:
    """Return the message for people in a decoded error body, or an empty text.

    {"error": {"message": "no such thing"}}  ->  "no such thing"
    """
    return _message(value, _MESSAGE_DEPTH)


def _message(value: JSON, depth: int) -> str:
    if isinstance(value, str):
        # An HTML page is not a message.
        text = value[: 10 * _MESSAGE]
        return "" if text.lstrip().startswith("<") else shorten(text, _MESSAGE)
    if not depth:
        return ""
    if isinstance(value, list):
        messages = (_message(item, depth - 1) for item in value[:_MESSAGE_DEPTH])
        return next(filter(None, messages), "")
    if isinstance(value, dict):
        members = {str(key).lower(): member for key, member in value.items()}
        messages = (_message(members.get(key), depth - 1) for key in _MESSAGES)
        return next(filter(None, messages), "") or _field_message(members, depth)
    return ""


def _field_message(members: dict[str, JSON], depth: int) -> str:
    """Return the first of `{"errors": {"<field>": ["<message>"]}}`."""
    fields = members.get("errors")
    if not isinstance(fields, dict):
        return ""
    messages = (
        f"{field}: {text}"
        for field, told in fields.items()
        if (text := _message(told, depth - 1))
    )
    return next(messages, "")


def status_error(
    operation: Operation, request: Request, response: Response
) -> StatusError:
    """Return the error for a response outside 200 to 299.

    Its text holds the error message that the body carries, or else the beginning of
    the body; secrets that the server repeats are masked.
    """
    is_read = len(response.body) <= _MOST_DECODED
    body = _masked(error_body(operation, response), request) if is_read else None
    detail = request.mask(message_of(body))
    reason = f" {shorten(request.mask(response.reason))}" if response.reason else ""
    text = response.text if is_read else _beginning(response)
    excerpt = detail or _readable(request.mask(text[:ERROR_BODY_BYTES]))
    # The page of a proxy begins with the status line once more.
    excerpt = excerpt.removeprefix(f"{response.status}{reason}").strip()
    excerpt = shorten(excerpt, _EXCERPT)
    said = f": {excerpt}" if excerpt else ""
    hint = _HINTS.get(response.status, "")
    error = StatusError(
        f"{operation.ref}: {response.status}{reason}{said}",
        operation=operation.ref,
        status=response.status,
        detail=detail,
        hint=hint.format(auth=_declared_auth(operation)),
        request=request,
        response=response,
    )
    error.public_hint = hint.format(auth=operation.auth or "none")
    return error


def _beginning(response: Response) -> str:
    """Return the beginning of a large body as text."""
    return text_of(response.body[: 2 * ERROR_BODY_BYTES], response.content_type)


def _declared_auth(operation: Operation) -> str:
    """Return type and variables: `bearer, with the variable 'SHOP_TOKEN'`.

    Without a type, every variable counts: a header may be the credential.
    """
    auth = operation.auth
    used = operation.credential_variables if auth else operation.layout.variables
    if not used:
        return auth or "none"
    names = names_of(f"'{name}'" for name in used)
    many = "s" if len(used) > 1 else ""
    if not auth:
        return f"none, and sends the variable{many} {names}"
    return f"{auth}, with the variable{many} {names}"


@cache
def _reader() -> Callable[[bytes, str], JSON]:
    """Return `reported_in`, imported when the first response has come."""
    from naftiko.formats.reported import reported_in

    return reported_in


def reported_failure(
    operation: Operation, request: Request, response: Response
) -> ReportedError | None:
    """Return the error that the body of a successful response reports, or `None`."""
    found = _reader()(response.body, response.content_type)
    if found is None:
        return None
    return reported_failure_of(operation, request, response, found)


def reported_failure_of(
    operation: Operation, request: Request, response: Response | None, found: JSON
) -> ReportedError:
    """Return the error for a value that reports a failure; its secrets are masked."""
    detail = request.mask(message_of(_masked(found, request)))
    said = shorten(detail, _EXCERPT) or "the response reports an error"
    return ReportedError(
        f"{operation.ref}: {said}",
        operation=operation.ref,
        detail=detail,
        request=request,
        response=response,
    )


def unreadable_value(
    operation: Operation, request: Request, error: OutputError
) -> OutputError:
    """Return the error for a value of a stream that cannot be read."""
    return OutputError(
        f"{operation.ref}: {message_without(request.mask, error)}",
        hint=request.mask(error.hint),
        request=request,
    )


# Patterns of HTML pages, compiled when an error comes as one.
#: Parts of a page that nobody reads.
_UNREAD = r"(?is)<!--.*?(?:-->|$)|<(script|style|head|svg)\b.*?(?:</\1\s*>|$)"
#: One that is never closed ends with the page, so that none is looked for twice.
_TITLE = r"(?is)<title\b[^<>]*>(.*?)(?:</title|$)"
_TAG = r"<[!/?a-zA-Z][^>]*>?"
_PAGE = r"(?i)\s*<(?:!doctype\s+html|html|head|body|title|center|h1)\b"


def _readable(text: str) -> str:
    """Return the text of an HTML page, such as one of a proxy; other text unchanged.

    `<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>` → `502 Bad Gateway
    nginx`. A page without text in its body gives its title.
    """
    if not re.match(_PAGE, text):
        return text
    from html import unescape

    title = re.search(_TITLE, text)
    for part in (re.sub(_UNREAD, " ", text), title[1] if title else ""):
        words = unescape(re.sub(_TAG, " ", part)).split()
        if words:
            return " ".join(words)
    return ""


def _masked(value: JSON, request: Request) -> JSON:
    """Return a decoded body with every secret in its texts masked."""
    if not request.secrets:
        return value
    if isinstance(value, str):
        return request.mask(value)
    if isinstance(value, list):
        return [_masked(item, request) for item in value]
    if isinstance(value, dict):
        return {key: _masked(item, request) for key, item in value.items()}
    return value


def error_body(operation: Operation, response: Response) -> JSON:
    """Return the decoded body of a failed response, or its text."""
    kind = response.content_type.partition(";")[0].strip().lower()
    names = [operation.output_raw_format]
    # Errors may come in another format: the `Content-Type` is tried first.
    if kind.endswith(("/json", "+json")):
        names.insert(0, "json")
    elif kind.endswith(("/xml", "+xml")):
        names.insert(0, "xml")
    elif kind.startswith("text/"):
        return response.text
    if not response.body:
        return None
    for name in names:
        try:
            return decoding.decode(
                name,
                response.body,
                content_type=response.content_type,
                most=response.limit,
            )
        except OutputError:
            continue
    return response.text
