"""Errors become problem documents (RFC 9457) that show no secrets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from naftiko import errors
from naftiko.errors import (
    ArgumentError,
    CallError,
    OutputError,
    RequestTimeout,
    StatusError,
    TransportError,
    UnboundVariable,
    UnresolvedCall,
    UnusableOperation,
)
from naftiko.exposes.http.problems import (
    KIND_OF,
    KINDS,
    TYPE_PREFIX,
    HttpProblem,
    missing_header,
    one_line,
    problem_of,
    status_answer,
    wrong_arguments,
)
from naftiko.functions.arguments import WrongArgument
from naftiko.hints import Hint
from naftiko.masking import Secret
from naftiko.transport.messages import Request, Response

SECRET = "s3cret-t0ken"
REQUEST = Request(
    "GET",
    f"http://inside.test/x?key={SECRET}",
    {"Authorization": f"Bearer {SECRET}"},
    secrets=(Secret("TOKEN", SECRET), Secret("REGION", "eu")),
)


def _every_call_error() -> list[type[CallError]]:
    found = [CallError]
    for kind in found:
        found += [k for k in kind.__subclasses__() if k not in found]
    return [
        k for k in found if k.__module__ == "naftiko.errors" and k.__name__[0] != "_"
    ]


@pytest.mark.parametrize("kind", _every_call_error(), ids=lambda kind: kind.__name__)
def test_every_call_error_has_a_problem_document(kind: type[CallError]) -> None:
    """`KIND_OF` maps each subclass of `CallError` by name."""
    assert kind in KIND_OF
    problem = problem_of(kind("what went wrong")).document("id-1")
    assert problem["type"].removeprefix(TYPE_PREFIX) in KINDS
    assert 400 <= problem["status"] <= 599
    assert problem["title"]
    assert problem["requestId"] == "id-1"


def test_every_kind_of_problem_is_documented() -> None:
    """`docs/serve.md` has one table row for each kind of problem, with its status."""
    text = (Path(__file__).parents[3] / "docs" / "serve.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d{3}|4xx) \|", text, re.MULTILINE))
    statuses = {kind: str(status) for kind, (status, _) in KINDS.items()}
    statuses["refused"] = "4xx"
    assert rows == statuses


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (ArgumentError("x", missing=["a"]), 400, "arguments"),
        (UnboundVariable("x", name="TOKEN"), 500, "configuration"),
        (UnresolvedCall("x"), 501, "unresolved-call"),
        (UnusableOperation("x"), 501, "unusable-operation"),
        (TransportError("x"), 502, "unreachable"),
        (RequestTimeout("x"), 504, "timeout"),
        (StatusError("a.b: 500", status=500), 502, "upstream"),
        (OutputError("x"), 500, "output"),
        (CallError("x"), 500, "failed"),
        (CallError("x", code="U-base-uri-unresolved"), 500, "configuration"),
        (ArgumentError("x", code="U-base-uri-unresolved"), 500, "configuration"),
    ],
)
def test_status_tells_whose_fault_an_error_is(
    error: CallError, status: int, kind: str
) -> None:
    """The status blames the caller, the document, the operator or the upstream API."""
    problem = problem_of(error).document()
    assert (problem["status"], problem["type"]) == (status, TYPE_PREFIX + kind)


def test_error_of_the_document_is_501() -> None:
    """An error found while the document was compiled has status 501."""
    for error in (CallError("x"), ArgumentError("x"), OutputError("x")):
        assert problem_of(error, is_compiled=True).code == 501


def test_every_wrong_argument_is_named() -> None:
    """`errors` of a problem lists each wrong argument; `detail` names all of them."""
    wrong = [
        WrongArgument("id", "path", "is not a number"),
        WrongArgument("who", "", "is missing"),
    ]
    document = wrong_arguments(wrong).document()
    assert document["errors"] == [
        {"name": "id", "in": "path", "detail": "is not a number"},
        {"name": "who", "detail": "is missing"},
    ]
    assert document["detail"] == "'id' is not a number; 'who' is missing"
    named = problem_of(ArgumentError("x", missing=["a"], unknown=["b"])).document()
    assert [error["name"] for error in named["errors"]] == ["a", "b"]


def test_problem_is_answered_in_its_own_media_type() -> None:
    """A problem is sent as `application/problem+json`, with its own headers."""
    answer = missing_header("X-Token").answer("id-1")
    assert (answer.status, answer.content_type) == (401, "application/problem+json")
    assert dict(answer.headers) == {"WWW-Authenticate": 'Header name="X-Token"'}
    assert HttpProblem("not-found").document() == {
        "type": "urn:naftiko:problem:not-found",
        "title": "Nothing is served at this path",
        "status": 404,
    }


@pytest.mark.parametrize(
    "error",
    [
        TransportError(
            f"GET {REQUEST.shown_url}: no connection (refused {SECRET})",
            reason=f"no connection (refused {SECRET})",
            request=REQUEST,
        ),
        RequestTimeout(f"GET {REQUEST.shown_url}: timed out", request=REQUEST),
        TransportError(
            f"step 's': GET {REQUEST.shown_url}, redirected to http://inside.test:1/:"
            " no connection",
            reason="no connection",
            is_redirected=True,
            request=REQUEST,
        ),
        UnboundVariable(f"the variable 'TOKEN' in /etc/{SECRET} has no value", name="TOKEN"),
        StatusError(
            f"a.b: 500 Oops: {SECRET}",
            status=500,
            request=REQUEST,
            response=Response(500, {}, SECRET.encode(), reason="Oops"),
        ),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_problem_shows_no_secrets_hosts_or_variables(error: CallError) -> None:
    """Secrets, internal hosts and variable names never reach a caller."""
    text = problem_of(error).answer("id").body.decode()
    assert SECRET not in text
    assert "inside.test" not in text
    assert "TOKEN' " not in text


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (TransportError("no connection"), "no connection"),
        (TransportError("GET x: y", request=REQUEST), ""),
        (TransportError("GET x: y", reason="y", request=REQUEST), "y"),
        (
            TransportError("GET x, redirected to z: y", reason="y", is_redirected=True,
                           request=REQUEST),
            "after a redirect: y",
        ),
        (StatusError("a.b: 500 Oops", operation="a.b", status=500), "a.b answered 500"),
        (StatusError("500", status=302),
         "the upstream API answered 302, a redirect that is not followed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", ["", "s"])
def test_detail_names_the_step_and_the_reason(
    error: CallError, detail: str, step: str
) -> None:
    """`detail` is made of the attributes of an error; its message is not parsed."""
    had_request = isinstance(error, StatusError) or error.request is not None  # type: ignore[attr-defined]
    error.step = step
    prefix = f"step '{step}': " if step and had_request and detail else ""
    assert problem_of(error).detail == prefix + detail


def _failed(status: int, body: bytes, value: Any = None, **more: Any) -> StatusError:
    error = StatusError(
        f"a.b: {status}: said",
        status=status,
        request=REQUEST,
        response=Response(status, {"Content-Type": "text/plain", **more}, body),
    )
    error.value = value
    return error


def test_credential_echoed_by_an_upstream_error_is_masked() -> None:
    """A secret in a passed-on error body is masked; a short value is kept."""
    answer = status_answer(_failed(403, f"eu: {SECRET} denied".encode()))
    assert answer.body == b"eu: $TOKEN denied"
    answer = status_answer(_failed(403, b"", value={"said": SECRET}))
    assert answer.body == b'{"said":"$TOKEN"}'


def test_binary_error_body_survives_masking() -> None:
    """A binary error body is passed on byte for byte."""
    content = bytes(range(256))
    assert status_answer(_failed(400, content)).body == content


@pytest.mark.parametrize("value", ["7", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_retry_after_is_passed_on(value: str) -> None:
    """`Retry-After` of an upstream 429 or 503 reaches the caller."""
    for status in (429, 503):
        answer = status_answer(_failed(status, b"x", **{"Retry-After": value}))
        assert dict(answer.headers)["Retry-After"] == value


@pytest.mark.parametrize("value", ["", "x" * 99, "a\r\nb"])
def test_malformed_retry_after_is_dropped(value: str) -> None:
    """An empty, overlong or multi-line `Retry-After` is not passed on."""
    answer = status_answer(_failed(503, b"x", **{"Retry-After": value}))
    assert "Retry-After" not in dict(answer.headers)


def test_document_errors_have_no_problem_document() -> None:
    """A `DocumentError` ends the start of a server; no call can raise it."""
    assert not any(issubclass(kind, errors.DocumentError) for kind in KIND_OF)


def test_log_line_speaks_the_language_of_a_server() -> None:
    """A hint for Python has other words in the log, on the same line."""
    error = CallError("no value", hint=Hint("give variables={…}", "set it"))
    assert one_line(error) == "no value hint: set it"
