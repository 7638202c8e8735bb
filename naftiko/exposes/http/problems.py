"""Errors and refusals → problem documents (RFC 9457): status, type, title, detail.

    RequestTimeout("GET http://…: no response …")  →  problem_of  →
        504 {"type": "urn:naftiko:problem:timeout", "title": …, "detail": …}

Only this module decides which error is which status, for REST adapters, for skills and
for the checks in front of every adapter. A problem tells callers what they can change.
What only the operator can change (URLs, variables, files) goes to the log instead. This
module must not know requests or routes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.consumes.placing import all_text
from naftiko.document import rules
from naftiko.document.findings import settled_by
from naftiko.errors import (
    ArgumentError,
    CallError,
    OutputError,
    ReportedError,
    RequestTimeout,
    StatusError,
    TransportError,
    UnboundVariable,
    UnknownFunction,
    UnknownOperation,
    UnresolvedCall,
    UnusableOperation,
    shorten,
)
from naftiko.exposes.http.answers import (
    Answer,
    failed_answer,
    json_answer,
    json_bytes,
)
from naftiko.functions.arguments import WrongArgument, code_of
from naftiko.functions.scripting.scripts import ScriptBusy
from naftiko.hints import SERVER, worded
from naftiko.masking import mask
from naftiko.plain import visible
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from naftiko.masking import Secret
    from naftiko.plain import JSON
    from naftiko.transport.messages import Request, Response

PROBLEM_TYPE = "application/problem+json"
#: Stands before the kind of a problem in its `type`.
TYPE_PREFIX = "urn:naftiko:problem:"
#: `Retry-After` of a server that has too many requests under way, in seconds.
RETRY_AFTER = 1

#: Kind → status and title; `docs/serve.md` says what to do about each.
KINDS: dict[str, tuple[int, str]] = {
    "arguments": (400, "Arguments are missing or wrong"),
    "malformed-request": (400, "The request is malformed"),
    "caller-variable": (401, "A header with a credential of yours is missing"),
    "unauthorized": (401, "The credentials are missing or wrong"),
    "forbidden": (403, "The credentials do not allow this"),
    "other-origin": (403, "A page of another origin may not do this"),
    "not-found": (404, "Nothing is served at this path"),
    "method-not-allowed": (405, "The path does not take this method"),
    "not-acceptable": (406, "None of the media types of the value is acceptable"),
    "too-slow": (408, "The request took too long to come"),
    "too-large": (413, "The request body is too large"),
    "uri-too-long": (414, "The URL is too long"),
    "unknown-host": (421, "The server is not known by this name"),
    "head-too-large": (431, "The headers are too large"),
    "unsupported-media-type": (415, "The media type of the request is not read here"),
    "configuration": (500, "The server is not set up for this operation"),
    "failed": (500, "The operation failed"),
    "output": (500, "The upstream response is not what the document says"),
    "unresolved-call": (501, "The operation calls what the document does not declare"),
    "unusable-operation": (501, "The document describes the operation unusably"),
    # With the status of the upstream response, 400 to 499.
    "refused": (400, "The upstream API refused the request"),
    "upstream": (502, "The upstream API failed"),
    "unreachable": (502, "The upstream API gave no response"),
    "busy": (503, "Too many requests at the same time"),
    "quarantined": (503, "This request may have ended a process of the server"),
    "stopping": (503, "The server stops"),
    "unverified": (503, "The credentials cannot be checked at the moment"),
    "timeout": (504, "The upstream API took too long"),
}


class Busy(CallError):
    """Too much work waits for this server to begin it."""


#: Error → kind; the nearest class in its line of ancestors counts.
KIND_OF: dict[type[CallError], str] = {
    CallError: "failed",
    Busy: "busy",
    UnknownOperation: "unresolved-call",
    UnknownFunction: "unresolved-call",
    UnresolvedCall: "unresolved-call",
    ArgumentError: "arguments",
    UnboundVariable: "configuration",
    UnusableOperation: "unusable-operation",
    TransportError: "unreachable",
    RequestTimeout: "timeout",
    StatusError: "upstream",
    ReportedError: "upstream",
    OutputError: "output",
    ScriptBusy: "busy",
}

#: Errors that only the operator can mend, whatever their class.
_OF_OPERATOR = (rules.BASE_URI, rules.VARIABLES)
_SETUP = "a variable that this operation needs has no usable value; the log names it"
#: Shorter values of variables (a region, a version) stay in the errors of an API that
#: are passed on: replacing them would tear words and numbers apart.
_SECRET_LENGTH = 8


class HttpProblem(NamedTuple):
    """One problem, ready to be sent.

    Attributes:
        kind: A key of `KINDS`.
        detail: The mistake in this request.
        hint: The way to correct it.
        errors: Every argument that is wrong.
        headers: Further headers of the answer.
        status: The HTTP status; 0 for that of the kind.
        members: Further members of the document.
    """

    kind: str
    detail: str = ""
    hint: str = ""
    errors: tuple[WrongArgument, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 0
    members: Mapping[str, JSON] = {}

    @property
    def code(self) -> int:
        """The HTTP status."""
        return self.status or KINDS[self.kind][0]

    def document(self, request_id: str = "") -> dict[str, JSON]:
        """Return the problem document."""
        document: dict[str, JSON] = {
            "type": TYPE_PREFIX + self.kind,
            "title": KINDS[self.kind][1],
            "status": self.code,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.hint:
            document["hint"] = worded(self.hint, SERVER)
        if self.errors:
            document["errors"] = [
                {
                    "name": wrong.name,
                    **({"in": wrong.in_} if wrong.in_ else {}),
                    "detail": wrong.reason,
                }
                for wrong in self.errors
            ]
        document.update(self.members)
        if request_id:
            document["requestId"] = request_id
        return document

    def answer(self, request_id: str = "") -> Answer:
        """Return the response that carries it."""
        body = json_bytes(self.document(request_id))
        return Answer(self.code, PROBLEM_TYPE, body, self.headers)


#: Answers the requests that are still under way when a server ends.
CUT_OFF = HttpProblem(
    "stopping",
    "it was cut off; whether the upstream API has done its part is not known",
    headers=(("Retry-After", str(RETRY_AFTER)), ("Connection", "close")),
)


def wrong_arguments(wrong: Iterable[WrongArgument]) -> HttpProblem:
    """Return the problem that names every wrong argument."""
    wrong = tuple(wrong)
    detail = "; ".join(f"'{shorten(w.name)}' {w.reason}" for w in wrong)
    code = code_of(wrong)
    members = {"code": code} if code else {}
    return HttpProblem("arguments", detail, errors=wrong, members=members)


def unauthorized(detail: str, *challenges: str) -> HttpProblem:
    """Return the problem of a caller whose credentials are missing or wrong."""
    headers = tuple(("WWW-Authenticate", challenge) for challenge in challenges)
    return HttpProblem("unauthorized", detail, headers=headers)


def missing_header(header: str) -> HttpProblem:
    """Return the problem of a caller who does not send a credential in a header."""
    return HttpProblem(
        "caller-variable",
        f"the header '{header}' is missing",
        f"send the credential that this operation needs as `{header}: …`",
        headers=(("WWW-Authenticate", f'Header name="{header}"'),),
    )


def one_line(error: CallError) -> str:
    """Return an error as one log line; queries of URLs are left out."""
    return visible(" ".join(map(_without_query, error.text_for(SERVER).split())))


def _without_query(word: str) -> str:
    """Return a word without the query of a URL in it: `http://h/x?k=1:` → `http://h/x:`."""
    scheme = word.find("://")
    query = word.find("?", scheme) if scheme >= 0 else -1
    if query < 0:
        return word
    return word[:query] + (":" if word.endswith(":") else "")


def problem_of(error: CallError, *, is_compiled: bool = False) -> HttpProblem:
    """Return the problem for an error of a run.

    Args:
        error: The error. A `StatusError` is taken for an upstream failure; see
            `status_answer` for those that are passed on.
        is_compiled: The error was found when the document was read, so it is the same
            for every request.
    """
    kind = next(KIND_OF[c] for c in type(error).__mro__ if c in KIND_OF)
    if settled_by(error) in _OF_OPERATOR and kind in (
        "arguments",
        "failed",
        "configuration",
    ):
        return HttpProblem("configuration", _SETUP)
    if kind == "configuration":
        return HttpProblem(kind, _SETUP)
    if is_compiled and kind in ("failed", "arguments", "output"):
        kind = "unusable-operation"
    if isinstance(error, StatusError):
        return _upstream(error)
    if isinstance(error, Busy):
        later = (("Retry-After", str(RETRY_AFTER)),)
        return HttpProblem(kind, error.message, error.hint, headers=later)
    if isinstance(error, ReportedError):
        return HttpProblem(kind, error.message)
    if isinstance(error, TransportError):
        if error.is_full:
            later = (("Retry-After", str(RETRY_AFTER)),)
            return HttpProblem("busy", _transport_detail(error), headers=later)
        return HttpProblem(kind, _transport_detail(error))
    if isinstance(error, OutputError):
        detail = f"Failed to map output parameters: {error.message}"
        return HttpProblem(kind, detail, error.hint, members=_code(error))
    errors: tuple[WrongArgument, ...] = ()
    if isinstance(error, ArgumentError):
        errors = (
            *(WrongArgument(name, "", "is missing") for name in error.missing),
            *(WrongArgument(name, "", "is not known") for name in error.unknown),
        )
    headers = (("Retry-After", str(RETRY_AFTER)),) if kind == "busy" else ()
    return HttpProblem(
        kind, error.message, error.hint, errors, headers, members=_code(error)
    )


def _code(error: CallError) -> dict[str, JSON]:
    return {"code": error.code} if error.code else {}


def _step(error: CallError) -> str:
    """Return the beginning of a sentence about an error: the step that failed."""
    return f"step '{error.step}': " if error.step else ""


def _transport_detail(error: TransportError) -> str:
    """Return the reason of a failure without the URL, which only the operator may know.

    A message may hold the URL, so it is shown only where there was no request.
    """
    request: Request | None = error.request
    if request is None:
        return error.message
    if not error.reason:
        return ""
    redirect = "after a redirect: " if error.is_redirected else ""
    return request.mask(f"{_step(error)}{redirect}{error.reason}")


def _upstream(error: StatusError) -> HttpProblem:
    """Return the problem of an upstream failure, which names the upstream status.

    The message of the upstream API is a member of its own: masked, and at most 300
    characters of it.
    """
    status = error.status
    response: Response | None = error.response
    members: dict[str, JSON] = {"upstreamStatus": status}
    if said := _said(error):
        members["upstreamMessage"] = said
    if 400 <= status < 500 and status != 407:
        return HttpProblem(
            "refused",
            error.message,
            error.public_hint,
            headers=_retry(response),
            status=status,
            members=members,
        )
    reason = f" {response.reason}" if response is not None and response.reason else ""
    operation = error.operation or "the upstream API"
    detail = f"{_step(error)}{operation} answered {status}{reason}"
    if 300 <= status < 400:
        detail += ", a redirect that is not followed"
    return HttpProblem(
        "upstream",
        detail,
        headers=_retry(response),
        members=members,
    )


def _said(error: StatusError) -> str:
    """Return the message in an upstream body, or an empty text.

    A plain text of several lines is a dump for the operator of that API.
    """
    response: Response | None = error.response
    text = response.text.strip() if response is not None else ""
    is_dump = "\n" in text and text[:1] not in "{[<"
    return "" if is_dump else error.detail


def _loses_message(error: StatusError) -> bool:
    """Tell whether the value of a failure lacks the message in its body."""
    if error.value is None:
        return False
    # The message may be cut; its beginning is enough to find it.
    begin = error.detail[:100].rstrip("…")
    return begin not in all_text(error.value)


def _retry(response: Response | None) -> tuple[tuple[str, str], ...]:
    value = response.headers.get("Retry-After") if response is not None else None
    fits = value and len(value) < 64 and value.isascii() and value.isprintable()
    return (("Retry-After", str(value)),) if fits else ()


def status_answer(error: StatusError, request_id: str = "") -> Answer:
    """Return the answer for an upstream status outside 200 to 299.

    An upstream 4xx is passed on with its status. Its body is the value that the outputs
    of the function extract from the upstream body, or else the upstream body itself.
    Where the outputs would lose the message of the body, a problem document has it.
    A failed step has to be named, so it is answered with a problem document. Any other
    status is a failure of the upstream API.
    """
    status = error.status
    response: Response | None = error.response
    if status == 304:
        return Answer(304)
    passed_on = 400 <= status < 500 and status != 407 and not error.step
    if not passed_on or response is None or _loses_message(error):
        return problem_of(error).answer(request_id)
    if error.value is not None:
        answer = json_answer(error.value, status)
    else:
        answer = failed_answer(response, status)
    if not answer.body:
        # Instead of an empty body: a problem names the upstream operation.
        return problem_of(error).answer(request_id)
    body = _masked(answer.body, error.request)
    return answer._replace(body=body, headers=_retry(response))


def secrets_of(request: Request | None) -> tuple[Secret, ...]:
    """Return the secrets of a request that an upstream error must not show."""
    secrets = request.secrets if request is not None else ()
    return tuple(s for s in secrets if len(s.value) >= _SECRET_LENGTH)


def _masked(body: bytes, request: Request | None) -> bytes:
    """Return a body in which the secrets that the upstream API repeats are masked."""
    secrets = secrets_of(request)
    if not secrets:
        return body
    text = body.decode("utf-8", "surrogateescape")
    return mask(text, secrets).encode("utf-8", "surrogateescape")


class BadRequest(Exception):
    """A request that cannot be read; `problem` says why."""

    def __init__(self, problem: HttpProblem) -> None:
        super().__init__(problem.detail)
        self.problem = problem
