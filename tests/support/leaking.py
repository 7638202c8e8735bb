"""Secrets in each place of a document, servers that repeat them, and shown texts.

`PLACES` are parts of documents with the variable `TOKEN` in some place. `ENDINGS` are
answers of a server that repeats its request. `texts_of` yields each text that a user
can see of a capability and its call. `leaks` finds a part of a secret in a text.
"""

from __future__ import annotations

import base64
import html
import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import naftiko
from support.recorder import Received, response

#: Core of each secret: no notation but base64 changes it, so its first three letters
#: in a text are a leak.
CORE = "Kq7Z"
#: Secret with each character that some notation escapes, in ASCII for use in headers.
ASCII = CORE * 3 + " \"'<&%+=?#/\\;," + CORE
SECRET = ASCII + "äß€😀" + CORE
USER = CORE + "user"
_BASE64 = [
    base64.b64encode(b"\0" * shift + (CORE * 3).encode())[4:12].decode()
    for shift in range(3)
]


def leaks(text: str) -> bool:
    """Tell whether a text holds a part of a secret, in any notation."""
    return CORE[:3].lower() in text.lower() or any(part in text for part in _BASE64)


def _input(in_: str, **more: str) -> dict[str, Any]:
    parameter = {"name": "p", "in": in_, "value": "{{TOKEN}}", **more}
    return {"operation": {"inputParameters": [parameter]}}


def _body(type_: str, data: Any) -> dict[str, Any]:
    return {"operation": {"method": "POST", "body": {"type": type_, "data": data}}}


def auth(**fields: Any) -> dict[str, Any]:
    return {"consumes": {"authentication": fields}}


_LOGIN = {"username": "{{USER}}", "password": "{{TOKEN}}"}
_MULTIPART = [{"name": "a", "value": "{{TOKEN}}"}]
#: Place of a variable → parts of a document with the variable at that place.
PLACES: dict[str, dict[str, Any]] = {
    "path": {"operation": {"resourcePath": "/a/{{TOKEN}}/b"}},
    "query": _input("query"),
    "constant query": {"operation": {"resourcePath": "/a?k={{TOKEN}}"}},
    "header": _input("header", name="X-Key"),
    "text in a header": _input("header", name="X-Key", value="Key {{TOKEN}}!"),
    "cookie": _input("cookie"),
    "environment": {"operation": {
        "method": "POST",
        "inputParameters": [{"name": "TOKEN", "in": "environment"}],
        "body": {"type": "json", "data": {"a": "{{rest.TOKEN}}"}},
    }},
    "JSON body": _body("json", {"a": [{"b": "{{TOKEN}}", "c": "is {{TOKEN}}"}]}),
    "JSON text body": _body("json", '{"a": "{{TOKEN}}"}'),
    "text body": _body("text", "a {{TOKEN}} b"),
    "form body": _body("formUrlEncoded", {"a": "{{TOKEN}}"}),
    "multipart body": _body("multipartForm", _MULTIPART),
    "body parameter": {"operation": {
        "method": "POST",
        "inputParameters": [{"name": "a", "in": "body", "value": "{{TOKEN}}"}],
    }},
    "adapter parameter": {"consumes": _input("query")["operation"]},
    "bearer": auth(type="bearer", token="{{TOKEN}}"),
    "basic": auth(type="basic", **_LOGIN),
    "digest": auth(type="digest", **_LOGIN),
    "apikey header": auth(type="apikey", key="X-Key", value="{{TOKEN}}", placement="header"),
    "apikey query": auth(type="apikey", key="key", value="{{TOKEN}}", placement="query"),
    "apikey cookie": auth(type="apikey", key="key", value="{{TOKEN}}", placement="cookie"),
}  # fmt: skip

Endings = Mapping[str, Callable[[Received], bytes | None]]


def said_by(received: Received) -> str:
    """Return head, body and decoded Basic login of a request as one text."""
    login = received.headers.get("authorization", "").partition("Basic ")[2]
    text = (
        f"{received.head.decode('latin-1')}\n{received.body.decode('utf-8', 'replace')}"
    )
    return f"{text}\n{base64.b64decode(login).decode()}"


def json_error(received: Received) -> bytes:
    body = json.dumps({"error": {"message": said_by(received)}})
    return response(body, "401 Unauthorized")


def _json_detail(received: Received) -> bytes:
    body = json.dumps({"detail": [{"msg": said_by(received)}]}, ensure_ascii=False)
    return response(body, "422 Unprocessable", "application/problem+json")


def _page(received: Received) -> bytes:
    body = f"<html><pre>{html.escape(said_by(received))}</pre></html>"
    return response(body, "500 Internal Server Error", "text/html")


def _cut(received: Received) -> bytes:
    """Repeat the request so that an excerpt of the body ends inside a secret."""
    said = said_by(received)
    at = said.find(CORE)
    return response("." * (500 - 6 - max(at, 0)) + said, "400 Bad", "text/plain")


def _not_json(received: Received) -> bytes:
    return response('{"a": ' + said_by(received))


def _not_json_later(received: Received) -> bytes:
    """Answer JSON that is broken after a secret, so that an error could quote it."""
    said = said_by(received).replace("\n", " ").replace('"', "'").replace("\\", "/")
    return response('{"a": "' + said + '" "b"}')


def _reason(received: Received) -> bytes:
    line = received.line.replace(" ", "")
    return response("", f"400 {line}", "text/plain")


def _redirect_away(received: Received) -> bytes:
    location = f"http://127.0.0.1:9{received.target}"
    return response("", "307 Temporary Redirect", Location=location)


def _redirect_nowhere(received: Received) -> bytes:
    filler = "/" + "x" * 60
    return response("", "302 Found", Location=f"ftp://h{filler}{received.target}")


def _redirect_for_ever(received: Received) -> bytes:
    return response("", "307 Temporary Redirect", Location=received.target)


def _challenge(received: Received) -> bytes:
    return response(
        said_by(received),
        "401 Unauthorized",
        "text/plain",
        WWW_Authenticate='Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256',
    )


def _silence(_: Received) -> None:
    return None


def _half(_: Received) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"


def _success(received: Received) -> bytes:
    return response(json.dumps({"said": said_by(received)}))


ENDINGS: Endings = {
    "error in JSON": json_error,
    "error in a problem": _json_detail,
    "error in a page": _page,
    "error cut in a secret": _cut,
    "no JSON": _not_json,
    "no JSON after a secret": _not_json_later,
    "error in the reason": _reason,
    "redirect to another origin": _redirect_away,
    "redirect to nowhere": _redirect_nowhere,
    "redirects for ever": _redirect_for_ever,
    "challenge": _challenge,
    "no answer": _silence,
    "half an answer": _half,
    "success": _success,
}


def error_texts(error: BaseException) -> Iterator[str]:
    """Yield all texts of an error and of the errors chained to it."""
    yield from (str(error), repr(error))
    yield from traceback.format_exception(error)
    for name in ("message", "hint", "detail", "request", "response", "location"):
        yield repr(getattr(error, name, None))
    yield repr(error.args)
    if error.__cause__ is not None or not error.__suppress_context__:
        for other in (error.__cause__, error.__context__):
            if other is not None:
                yield from error_texts(other)


def request_texts(request: naftiko.Request) -> Iterator[str]:
    yield from (str(request), repr(request), request.as_curl(), request.shown_url)
    yield from (repr(request.as_dict()), request.shown_body(), repr(request.headers))
    yield from (repr(request.secrets), repr(request.auth), f"{request.auth}")
    yield from (repr(request.credentials), repr(request.preview))


def texts_of(api: naftiko.Capability) -> Iterator[str]:
    """Yield all texts that are shown of a capability and one call of its operation."""
    operation = api.operations["api.op"]
    yield from (repr(api), api._repr_html_(), repr(api.problems), repr(api._variables))
    yield from (repr(operation), operation._repr_html_(), repr(operation.as_dict()))
    yield from request_texts(api.request("api.op"))
    try:
        exchange = api.exchange("api.op")
    except naftiko.NaftikoError as error:
        yield from error_texts(error)
        sent = getattr(error, "request", None)
    else:
        # The body of the response is the caller's result and may contain the secret.
        yield from (repr(exchange), exchange._repr_html_(), repr(exchange.response))
        yield exchange.response.url
        sent = exchange.request
    if sent is not None:
        yield from request_texts(sent)
    try:
        with api.stream("api.op") as stream:
            yield from (repr(stream), repr(stream.request))
            yield from ("" for _ in stream.values())
    except naftiko.NaftikoError as error:
        yield from error_texts(error)


VALUES = {"TOKEN": SECRET, "USER": USER}


def parts_of(place: str) -> dict[str, Any]:
    """Return the parts of a document for a place, with values of its variables."""
    token = ASCII if place in ("bearer", "apikey header") else SECRET
    values = {} if place == "environment" else {"TOKEN": token, "USER": USER}
    return {**PLACES[place], "variables": values}
