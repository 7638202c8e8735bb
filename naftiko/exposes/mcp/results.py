"""The outcome of a call -> the result of an MCP tool, or the text of its error.

::

    {"name": "Ark"}   {"content": [{"type": "text", "text": "…"}], "isError": false,
                       "structuredContent": {"name": "Ark"}, "resultType": "complete"}
    404 Not Found     ship: fleet.get: 404 Not Found.
                      hint: check names and ids in the arguments; …

A model reads the text of an error, so it is short, says what to change, and holds no
secret. This module must not know which tool or resource was asked for.
"""

from __future__ import annotations

import json
from base64 import b64encode
from http.client import responses as phrases
from typing import TYPE_CHECKING, Any

from naftiko.errors import (
    CallError,
    OutputError,
    StatusError,
    TransportError,
    UnboundVariable,
    shorten,
    with_stop,
)
from naftiko.exposes.files import UNKNOWN_TYPE, as_text
from naftiko.exposes.http.answers import text_for_json
from naftiko.exposes.http.problems import problem_of
from naftiko.exposes.offload import TooLarge
from naftiko.formats.json import quickly_written, raw_json, strict_json
from naftiko.formats.media import format_of
from naftiko.formats.multiplexed import is_multiplexed, text_of_frames
from naftiko.functions.schemas.outputs import RESULT
from naftiko.hints import SERVER, worded
from naftiko.http import IDEMPOTENT_METHODS
from naftiko.plain import valid_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from naftiko.exposes.http.callers import CallerVariables
    from naftiko.functions.arguments import WrongArgument
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Outcome
    from naftiko.functions.schemas.outputs import ToolOutput
    from naftiko.plain import JSON
    from naftiko.spec.model import InputParameter
    from naftiko.transport.messages import Response

#: Characters of the upstream value that the text of an error repeats.
_EXCERPT = 2000
#: Bytes of a binary result that are written as base64; a larger one is described.
MAX_BINARY = 256 * 1024
#: Characters of a text that takes long to encode.
LONG = 64 * 1024


_JSON: dict[str, Any] = {
    "ensure_ascii": False,
    "separators": (",", ":"),
    "allow_nan": False,
}
_encode = json.JSONEncoder(**_JSON).encode
_encode_any = json.JSONEncoder(**_JSON, default=text_for_json).encode


def to_json(value: JSON) -> str:
    """Return a value as compact JSON text that can be sent."""
    return sendable(value)[0]


def sendable(value: JSON) -> tuple[str, JSON]:
    """Return a value as compact JSON text, and as the value of that text.

    They differ where a value holds what JSON cannot: a date, bytes, an infinity.
    """
    quick = quickly_written(value)
    if quick is not None:
        return quick.decode(), value
    try:
        text = _encode(value)
        if not text.isascii():
            text.encode()
        if not isinstance(value, dict) or all(type(name) is str for name in value):
            return text, value
    except (TypeError, ValueError):
        pass
    text = _encode_any(_cleaned(value))
    return text, json.loads(text)


def _cleaned(value: JSON) -> JSON:
    """Return a value without infinities and lone surrogates.

    Python's JSON reader accepts both, but JSON does not have them.
    """
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value]
    if isinstance(value, str):
        return valid_text(value)
    return None if isinstance(value, float) and value - value != 0 else value


# --- results ------------------------------------------------------------------------


def result_of(
    outcome: Outcome, plan: Plan, outputs: ToolOutput | None, most: int
) -> dict[str, JSON]:
    """Return the result of a tool.

    A value that the outputs of the document shape is compact JSON. A response that is
    passed on is a text, an image, an audio or, for other bytes, an embedded resource.
    A JSON value is structured content too: an object itself, a list as the member
    `result`.

    Args:
        outcome: The outcome of the function.
        plan: The function.
        outputs: What the tool declares of its result.
        most: Bytes of a value that is given.

    Raises:
        OutputError: The body is not what the document says it is.
        TooLarge: The value has more bytes than that.
    """
    value: JSON = None
    is_encoded = False
    response = outcome.reply.response if outcome.reply is not None else None
    if (
        outcome.is_verbatim and not outcome.is_decoded and outputs is None
        and response is not None and response.body[:1] == b"{"
        and _is_compact(response)
    ):  # fmt: skip
        # An object whose value nobody has to know.
        return {
            "content": [{"type": "text", "text": response.body.decode()}],
            "isError": False,
            "structuredContent": raw_json(response.body),
            "resultType": "complete",
        }
    if outcome.is_shaped:
        value = outcome.value
        is_passed_on = isinstance(value, bytes) or (
            isinstance(value, str) and plan.shape is not None and plan.shape.is_identity
        )
        if is_passed_on and response is not None:
            content = _passed_on(response, plan)
        elif outcome.is_verbatim and response is not None and _is_compact(response):
            content = [{"type": "text", "text": response.body.decode()}]
        elif outcome.encoded and (
            outcome.encoded.find(b"\\") < 0 or b"\\ud" not in outcome.encoded
        ):
            content = [{"type": "text", "text": outcome.encoded.decode()}]
        else:
            text, value = sendable(value)
            if len(text) > most:
                raise TooLarge(len(text), most)
            content = [{"type": "text", "text": text}]
            is_encoded = True
    else:
        assert response is not None  # only a response is passed on
        content = _passed_on(response, plan)
        value = _decoded(outcome, content)
    result: dict[str, JSON] = {"content": content, "isError": False}
    if outputs is not None and outcome.is_sequence:
        result["structuredContent"] = outputs.conform_all(value)
    elif outputs is not None:
        is_value = outcome.is_shaped and not isinstance(value, bytes)
        conforming = outputs.conform(value if is_value else None)
        # What is in the text already needs not be encoded once more.
        is_text = conforming is value and is_encoded
        result["structuredContent"] = (
            raw_json(content[0]["text"].encode()) if is_text else conforming
        )
    elif isinstance(value, dict):
        result["structuredContent"] = value
    elif isinstance(value, list):
        result["structuredContent"] = {RESULT: value}
    # The newest revision requires it; for the older ones it is removed again.
    result["resultType"] = "complete"
    return result


def _is_compact(response: Response) -> bool:
    """Tell whether a JSON text is sent unchanged: it has no line breaks or escapes."""
    body = response.body
    # `in` takes ten times as long to find two bytes as `find` to find one.
    has_escapes = body.find(b"\\") >= 0 and b"\\u" in body
    return body.find(b"\n") < 0 and not has_escapes


def _decoded(outcome: Outcome, content: list[dict[str, JSON]]) -> JSON:
    """Return the value of a text content that is JSON; `None` for other content."""
    if not content or content[0]["type"] != "text":
        return None
    text = content[0]["text"]
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        cleaned, value = sendable(outcome.value)
    except OutputError:
        return None
    if isinstance(value, (dict, list)) and _has_no_json_number(text):
        content[0]["text"] = cleaned
    return value


def _has_no_json_number(text: str) -> bool:
    """Tell whether a text has `NaN` or `Infinity` where JSON has a number."""
    if "NaN" not in text and "Infinity" not in text:
        return False
    try:
        strict_json(text.encode())
    except ValueError:
        return True
    return False


def _passed_on(response: Response, plan: Plan) -> list[dict[str, JSON]]:
    """Return the body of a response as content, by its media type.

    Without a body, a text says that the call is done: models take a result without
    content for a failure.
    """
    if not response.body:
        status = f"{response.status} {phrases.get(response.status, '')}".strip()
        return [{"type": "text", "text": f"done ({status})"}]
    kind = media_type_of(response)
    family = kind.partition("/")[0]
    text = body_text(response)
    is_media = family in ("image", "audio") and not kind.endswith("+xml")
    if (is_media or text is None) and len(response.body) > MAX_BINARY:
        return [{"type": "text", "text": _described(response, kind)}]
    if is_media:
        data = b64encode(response.body).decode("ascii")
        return [{"type": family, "data": data, "mimeType": kind}]
    if text is not None:
        return [{"type": "text", "text": text}]
    namespace = plan.exposes.namespace if plan.exposes else "naftiko"
    uri = f"{namespace or 'naftiko'}://{plan.name}/result"
    return [{"type": "resource", "resource": blob(uri, response.body, kind)}]


def _described(response: Response, kind: str) -> str:
    """Return a description of bytes that are too many for a model to read."""
    from hashlib import sha256

    digest = sha256(response.body).hexdigest()
    return (
        f"The response is {len(response.body):,} bytes of {kind} (SHA-256 {digest})."
        " It is not repeated here: it is binary, and larger than"
        f" {MAX_BINARY:,} bytes. The call itself succeeded."
    )


def media_type_of(response: Response) -> str:
    """Return the media type of a response, without parameters."""
    return response.content_type.partition(";")[0].strip().lower() or UNKNOWN_TYPE


def body_text(response: Response) -> str | None:
    """Return the body as text, or `None` when it is binary.

    The frames of a container's log are text.
    """
    if is_multiplexed(response.body, response.content_type):
        return text_of_frames(response.body)
    if "charset" in response.content_type.lower():
        return response.text
    text = as_text(response.body)
    if text is None and format_of(response.content_type) == "json":
        encoding = json.detect_encoding(response.body)  # JSON may be UTF-16 and UTF-32
        return response.body.decode(encoding, "replace")
    return text


def blob(uri: str, data: bytes, media_type: str) -> dict[str, JSON]:
    """Return bytes as the content of a resource."""
    encoded = b64encode(data).decode("ascii")
    return {"uri": uri, "mimeType": media_type, "blob": encoded}


def is_long(content: Mapping[str, JSON]) -> bool:
    """Tell whether a content has a long text, or many bytes in base64."""
    held = content.get("text") or content.get("data") or content.get("blob")
    return isinstance(held, str) and len(held) > LONG


# --- errors -------------------------------------------------------------------------


def failure(text: str) -> dict[str, JSON]:
    """Return the result of a tool that failed."""
    return {
        "content": [{"type": "text", "text": valid_text(text)}],
        "isError": True,
        "resultType": "complete",
    }


def wrong_arguments(plan: Plan, wrong: Iterable[WrongArgument]) -> str:
    """Return the text that names every wrong argument, and then the known ones.

    `ship: 'idd' is not known; did you mean 'id'? Nothing was sent. It takes: id (…).`
    """
    faults = "; ".join(f"'{w.name}' {w.brief}" for w in wrong)
    return f"{plan.name}: {with_stop(faults)} Nothing was sent. {takes(plan.arguments)}"


def takes(parameters: Iterable[InputParameter]) -> str:
    """Return the arguments in words, such as `It takes: id (string, required).`."""
    entries = []
    for parameter in parameters:
        notes = [parameter.type or "any value"]
        if parameter.required:
            notes.append("required")
        entries.append(f"{parameter.name} ({', '.join(notes)})")
    if len(entries) > 30:
        entries[30:] = [f"and {len(entries) - 30} more"]
    return f"It takes: {', '.join(entries) or 'nothing'}."


def explain(error: CallError, plan: Plan, callers: CallerVariables) -> str:
    """Return an error in words for a model: the message, and a hint to act on.

    Details that only the operator of the server can change are left out.
    """
    if isinstance(error, StatusError):
        message, hint = _status_message(error), _status_hint(error, plan)
    elif isinstance(error, UnboundVariable) and (header := callers.missing(error)):
        message = f"the header '{header}' is missing"
        hint = "the user has to give it to the client; calling again does not help"
    else:
        problem = problem_of(error)
        message = problem.detail or problem.document()["title"]
        hint = worded(problem.hint, SERVER) or _HINTS.get(problem.kind, "")
        if isinstance(error, TransportError) and _may_have_effect(error):
            hint = _MAY_HAVE_EFFECT
        if problem.kind in ("arguments", "malformed-request"):
            hint = " ".join(filter(None, (hint, takes(plan.arguments))))
    message = f"{plan.name}: {with_stop(message)}"
    return f"{message}\nhint: {hint}" if hint else message


_MAY_HAVE_EFFECT = (
    "the request was sent, and may have taken effect: read the state before calling"
    " again"
)
#: Kind of a problem → what a model can do, for problems without a hint of their own.
_HINTS = {
    "configuration": "calling again does not help; tell the user",
    "timeout": "call again later, or ask for less",
    "unreachable": "call again later",
    "unresolved-call": "calling again does not help; use another tool",
    "upstream": "the call was made, and may have changed something before it failed",
    "unusable-operation": "calling again does not help; use another tool",
}


def _may_have_effect(error: TransportError) -> bool:
    """Tell whether calling again could do a second time what was done already."""
    request = error.request
    return (
        error.was_sent
        and request is not None
        and request.method.upper() not in IDEMPOTENT_METHODS
    )


def _status_message(error: StatusError) -> str:
    """Return the operation, the status, and what the upstream API said about it.

    The body of a failure of the API itself (5xx) is left out: no argument changes it.
    """
    message = error.message
    if error.status >= 500 or error.status < 400:
        step = f"step '{error.step}': " if error.step else ""
        reason = getattr(error.response, "reason", "")
        message = f"{step}{error.operation}: {error.status} {reason}".strip()
        if error.detail:
            message = f"{message}: {shorten(error.detail, 500)}"
    if error.value is not None and not isinstance(error.value, bytes):
        # The outputs of the tool, applied to the body of the error.
        message = f"{message}\n{shorten(to_json(error.value), _EXCERPT)}"
    return str(error.request.mask(message)) if error.request else message


def _status_hint(error: StatusError, plan: Plan) -> str:
    status = error.status
    if status in (400, 422):
        return f"change the arguments. {takes(plan.arguments)}"
    if status in (401, 403, 407):
        return "the credentials do not allow this; tell the user, do not call again"
    if status in (404, 410):
        return "check names and ids in the arguments; list what exists first"
    if status == 409:
        return "it conflicts with how things are now; read the state, then decide"
    if status == 429:
        wait = error.response.headers.get("Retry-After") if error.response else None
        return (
            f"wait first (Retry-After: {shorten(wait, 40)})" if wait else "wait first"
        )
    if status >= 500:
        return "the API failed; the same call may work later"
    return worded(error.hint, SERVER)
