"""What came of a call, as MCP clients get it: content, structured content, errors.

Results are in the form of the wire, which the SDK checks against the revision that a
client speaks. An error is short, names what to change, and holds no secret: a model
reads it. This module must not know which tool or resource was asked for.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from naftiko.errors import (
    CallError,
    OutputError,
    StatusError,
    UnboundVariable,
    shorten,
    with_stop,
)
from naftiko.exposes.files import UNKNOWN_TYPE, as_text
from naftiko.exposes.http.problems import problem_of
from naftiko.expressions import to_scalar
from naftiko.functions.output_schema import RESULT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.exposes.http.callers import CallerVariables
    from naftiko.functions.arguments import WrongArgument
    from naftiko.functions.output_schema import ToolOutput
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Outcome
    from naftiko.plain import JSON
    from naftiko.spec.model import InputParameter
    from naftiko.transport.messages import Response

#: An error carries at most this much of what the upstream said.
_EXCERPT = 2000


def _plain(value: object) -> str:
    """Return what JSON cannot hold, as something that it can."""
    if isinstance(value, (bytes, bytearray)):
        return b64encode(value).decode("ascii")
    return to_scalar(value)


_json: dict[str, Any] = {
    "ensure_ascii": False,
    "separators": (",", ":"),
    "allow_nan": False,
}
_encode = json.JSONEncoder(**_json).encode
_encode_any = json.JSONEncoder(**_json, default=_plain).encode


def to_json(value: JSON) -> str:
    """Return a value as compact JSON text that can be sent."""
    return sendable(value)[0]


def sendable(value: JSON) -> tuple[str, JSON]:
    """Return a value as compact JSON text, and as what that text says."""
    try:
        text = _encode(value)
        if not text.isascii():
            text.encode()
        if not isinstance(value, dict) or all(type(name) is str for name in value):
            return text, value
    except (TypeError, ValueError):
        pass
    text = _encode_any(_sendable(value))
    return text, json.loads(text)


def _sendable(value: JSON) -> JSON:
    """Return a value without what JSON out there holds and JSON must not.

    That is infinities, and halves of surrogate pairs.
    """
    if isinstance(value, dict):
        return {_sendable(name): _sendable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_sendable(inner) for inner in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return None if isinstance(value, float) and value - value != 0 else value


# --- results ------------------------------------------------------------------------


def result_of(
    outcome: Outcome, plan: Plan, outputs: ToolOutput | None
) -> dict[str, JSON]:
    """Return the result of a tool.

    A value that the document shapes is compact JSON; a response that is passed on
    stays as it came: text, image, audio or, for other bytes, an embedded file. What is
    JSON is structured content too: an object itself, a list as the member `result`.

    Raises:
        OutputError: The body is not what the document says it is.
    """
    value: JSON = None
    response = outcome.reply.response if outcome.reply is not None else None
    if outcome.is_shaped:
        value = outcome.value
        as_it_came = isinstance(value, bytes) or (
            isinstance(value, str) and plan.shape is not None and plan.shape.is_identity
        )
        if as_it_came and response is not None:
            content = _as_it_came(response, plan)
        elif outcome.is_verbatim and response is not None and _is_compact(response):
            content = [{"type": "text", "text": response.body.decode()}]
        else:
            text, value = sendable(value)
            content = [{"type": "text", "text": text}]
    else:
        assert response is not None  # only a response is passed on
        content = _as_it_came(response, plan)
        value = _decoded(outcome, content)
    result: dict[str, JSON] = {"content": content, "isError": False}
    if outputs is not None:
        shaped = outcome.is_shaped and not isinstance(value, bytes)
        result["structuredContent"] = outputs.conform(value if shaped else None)
    elif isinstance(value, dict):
        result["structuredContent"] = value
    elif isinstance(value, list):
        result["structuredContent"] = {RESULT: value}
    # The oldest revisions drop it, the newest asks for it.
    result["resultType"] = "complete"
    return result


def _is_compact(response: Response) -> bool:
    """Tell whether a JSON text may stay as it is: nothing laid out or escaped."""
    return b"\n" not in response.body and b"\\u" not in response.body


def _decoded(outcome: Outcome, content: list[dict[str, JSON]]) -> JSON:
    """Return the value of a response that is passed on as a text, if it is JSON."""
    if not content or content[0]["type"] != "text":
        return None
    if not content[0]["text"].lstrip().startswith(("{", "[")):
        return None
    try:
        return sendable(outcome.value)[1]
    except OutputError:
        return None


def _as_it_came(response: Response, plan: Plan) -> list[dict[str, JSON]]:
    if not response.body:
        return []
    kind = media_type_of(response)
    family = kind.partition("/")[0]
    if family in ("image", "audio") and not kind.endswith("+xml"):
        data = b64encode(response.body).decode("ascii")
        return [{"type": family, "data": data, "mimeType": kind}]
    text = body_text(response)
    if text is not None:
        return [{"type": "text", "text": text}]
    namespace = plan.exposes.namespace if plan.exposes else "naftiko"
    uri = f"{namespace or 'naftiko'}://{plan.name}/result"
    return [{"type": "resource", "resource": blob(uri, response.body, kind)}]


def media_type_of(response: Response) -> str:
    """Return the media type of a response, without parameters."""
    return response.content_type.partition(";")[0].strip().lower() or UNKNOWN_TYPE


def body_text(response: Response) -> str | None:
    """Return the body as text, or `None` when it is none."""
    if "charset" in response.content_type.lower():
        return response.text
    return as_text(response.body)


def blob(uri: str, data: bytes, media_type: str) -> dict[str, JSON]:
    """Return bytes as the content of a resource."""
    encoded = b64encode(data).decode("ascii")
    return {"uri": uri, "mimeType": media_type, "blob": encoded}


# --- errors -------------------------------------------------------------------------


def failure(text: str) -> dict[str, JSON]:
    """Return the result of a tool that failed."""
    return {
        "content": [{"type": "text", "text": text}],
        "isError": True,
        "resultType": "complete",
    }


def wrong_arguments(plan: Plan, wrong: Iterable[WrongArgument]) -> str:
    """Return what a model has to change in its arguments, all of it."""
    # What it takes is said once, for all of them.
    said = "; ".join(f"'{w.name}' {w.brief}" for w in wrong)
    return f"{plan.name}: {with_stop(said)} Nothing was sent. {takes(plan.arguments)}"


def takes(parameters: Iterable[InputParameter]) -> str:
    """Return which arguments there are, in words."""
    said = []
    for parameter in parameters:
        notes = [parameter.type or "any value"]
        if parameter.required:
            notes.append("required")
        said.append(f"{parameter.name} ({', '.join(notes)})")
    if len(said) > 30:
        said[30:] = [f"and {len(said) - 30} more"]
    return f"It takes: {', '.join(said) or 'nothing'}."


def explain(error: CallError, plan: Plan, callers: CallerVariables) -> str:
    """Return what went wrong and what to do about it, for a model.

    What only the operator of the server can change is for the log.
    """
    if isinstance(error, StatusError):
        message, hint = _status_message(error), _status_hint(error, plan)
    elif isinstance(error, UnboundVariable) and (header := callers.missing(error)):
        message = f"the header '{header}' is missing"
        hint = "the user has to give it to the client; calling again does not help"
    else:
        problem = problem_of(error)
        message = problem.detail or problem.document()["title"]
        hint = problem.hint or _HINTS.get(problem.kind, "")
        if problem.kind in ("arguments", "malformed-request"):
            hint = " ".join(filter(None, (hint, takes(plan.arguments))))
    message = f"{plan.name}: {with_stop(message)}"
    return f"{message}\nhint: {hint}" if hint else message


#: Kind of a problem → what a model can do, where the problem itself does not say.
_HINTS = {
    "configuration": "calling again does not help; tell the user",
    "timeout": "call again later, or ask for less",
    "unreachable": "call again later",
    "unresolved-call": "calling again does not help; use another tool",
    "unusable-operation": "calling again does not help; use another tool",
}


def _status_message(error: StatusError) -> str:
    """Return what the upstream said, in short.

    The body of a failure that no argument changes is a page for its developers.
    """
    message = error.message
    if error.status >= 500 or error.status < 400:
        step = f"step '{error.step}': " if error.step else ""
        reason = getattr(error.response, "reason", "")
        message = f"{step}{error.operation}: {error.status} {reason}".strip()
        if error.detail:
            message = f"{message}: {shorten(error.detail, 500)}"
    if error.value is not None and not isinstance(error.value, bytes):
        # What the outputs of the tool find in the body of an error.
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
    return error.hint
