"""The arguments of a REST operation, read out of a request.

Spec 3.3 and dialect 7.4: each argument has its place, decided when the document is
read. A body is JSON, a form or anything else; it is only looked at where an argument
comes from it. This module must not know whether arguments fit.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from naftiko.consumes.body import OPEN_ARGUMENT, Content
from naftiko.consumes.request import RawPath
from naftiko.exposes.http.problems import HttpProblem
from naftiko.exposes.rest.routes import Tail
from naftiko.functions.arguments import WrongArgument
from naftiko.jsonpath.compiling import compile_path, is_root

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from naftiko.functions.compiler import Plan
    from naftiko.spec.model import InputParameter

    JSON = Any
    Getter = Callable[["Incoming"], JSON]

_JSON_BEGINS = re.compile(rb"\s*[{\[]")
_FORM_TYPE = "application/x-www-form-urlencoded"
_MULTIPART_TYPE = "multipart/form-data"
BODY_TYPES = ("application/json", _FORM_TYPE, _MULTIPART_TYPE)
#: More fields than any operation has; each costs memory.
_MAX_FIELDS = 1000


class BadRequest(Exception):
    """A request that cannot be read; `problem` says why."""

    def __init__(self, problem: HttpProblem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Payload(NamedTuple):
    """A request body, read.

    Attributes:
        kind: `json`, `form`, `raw`, or an empty text when there is none.
        value: The JSON value, or field → value of a form.
        body: The bytes.
        content_type: As the caller wrote it.
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
        """The body as one argument, its media type along unless it is plain JSON."""
        if not self.kind:
            return None
        media_type = _media_type(self.content_type)
        if self.kind == "json" and media_type in ("", "application/json", _FORM_TYPE):
            return self.value
        return Content(self.body, self.content_type)


class Incoming:
    """What one request carries; each part is read when it is first asked for."""

    __slots__ = ("_cookies", "_query", "captures", "headers", "payload", "query_string")

    def __init__(
        self,
        captures: Mapping[str, str],
        query_string: bytes,
        headers: Mapping[bytes, bytes],
    ) -> None:
        self.captures = captures
        self.query_string = query_string
        self.headers = headers
        self.payload = Payload()
        self._query: dict[str, JSON] | None = None
        self._cookies: dict[str, str] | None = None

    @property
    def query(self) -> dict[str, JSON]:
        """Name → text, or a list of the texts of a repeated name.

        Raises:
            BadRequest: It is not UTF-8, or has too many fields.
        """
        if self._query is None:
            self._query = (
                _pairs(self.query_string, "query") if self.query_string else {}
            )
        return self._query

    @property
    def cookies(self) -> dict[str, str]:
        """Name → value; of several, the first (RFC 6265, 5.4)."""
        if self._cookies is None:
            self._cookies = {}
            for pair in text_of(self.headers.get(b"cookie", b"")).split(";"):
                name, sign, value = pair.strip().partition("=")
                if sign:
                    value = value.strip()
                    if len(value) > 1 and value[0] == value[-1] == '"':
                        value = value[1:-1]
                    self._cookies.setdefault(name.strip(), value)
        return self._cookies


class ArgumentReader:
    """Read the arguments of one operation.

    Attributes:
        reads_body: Whether any of them comes out of the body.
        reads_fields: Whether any is a part of the body.
        takes_any: Whether one is the whole body, of any media type.
    """

    def __init__(self, plan: Plan) -> None:
        declared = {p.name for p in plan.function.inputs if p.in_}
        bodied = [p for p in plan.arguments if place_of(p) == "body"]
        told = [p for p in bodied if p.name in declared]
        lone = told[0] if len(told) == 1 else None
        self._getters: list[tuple[str, Getter]] = []
        self.reads_body = bool(bodied)
        self.reads_fields = self.takes_any = False
        for parameter in plan.arguments:
            place = place_of(parameter)
            if place != "body":
                getter = _GETTERS[place](parameter.name)
            elif is_whole(parameter):
                self.takes_any = True
                getter = _whole(parameter)
            else:
                self.reads_fields = True
                getter = _field(parameter, is_lone=parameter is lone)
                if parameter.name not in declared:
                    # Dialect 7.4: a field of the body, then the query.
                    getter = _or_query(getter, parameter.name)
            self._getters.append((parameter.name, getter))

    def given(self, incoming: Incoming) -> dict[str, JSON]:
        """Return argument → value, for those that the request has.

        Raises:
            BadRequest: The query cannot be read.
        """
        found = {}
        for name, getter in self._getters:
            value = getter(incoming)
            if value is not None:
                found[name] = value
        return found


# --- places -------------------------------------------------------------------------


def place_of(parameter: InputParameter) -> str:
    """Return where an argument is read: what no place is called is in the body."""
    return parameter.in_ if parameter.in_ in _GETTERS else "body"


def is_whole(parameter: InputParameter) -> bool:
    """Tell whether an argument is the whole request body."""
    if parameter.value is not None:
        return is_root(str(parameter.value))
    return parameter.name == OPEN_ARGUMENT


def _captured(name: str) -> Getter:
    def get(incoming: Incoming) -> JSON:
        value = incoming.captures.get(name)
        if not isinstance(value, Tail):
            return value
        # The slashes that the caller wrote stay slashes in the path of the call.
        segments = value.segments
        text = "/".join(segments)
        return RawPath(text) if len(segments) > 1 else text

    return get


def _queried(name: str) -> Getter:
    return lambda incoming: incoming.query.get(name)


def _headed(name: str) -> Getter:
    folded = name.lower().encode("latin-1", "replace")

    def get(incoming: Incoming) -> JSON:
        value = incoming.headers.get(folded)
        return None if value is None else text_of(value)

    return get


def _cookied(name: str) -> Getter:
    return lambda incoming: incoming.cookies.get(name)


def _environment(name: str) -> Getter:
    return lambda incoming: os.environ.get(name)


_GETTERS: dict[str, Callable[[str], Getter]] = {
    "path": _captured,
    "query": _queried,
    "header": _headed,
    "cookie": _cookied,
    "environment": _environment,
}


def _field(parameter: InputParameter, *, is_lone: bool) -> Getter:
    """Read a part of the body.

    The only body argument, when it is an object or a list, may be the body itself:
    that is what such a declaration evidently means. Elsewhere a missing part is
    missing; the whole body never stands in for it.
    """
    name = parameter.name
    if parameter.value is not None:
        path = compile_path(str(parameter.value))
        return lambda incoming: path(incoming.payload.value)
    if not is_lone or parameter.type not in ("array", "object"):
        return lambda incoming: incoming.payload.fields.get(name)
    kind = list if parameter.type == "array" else dict

    def get(incoming: Incoming) -> JSON:
        payload = incoming.payload
        value = payload.fields.get(name)
        if value is None and payload.kind == "json" and isinstance(payload.value, kind):
            return payload.value
        return value

    return get


def _whole(parameter: InputParameter) -> Getter:
    name = parameter.name

    def get(incoming: Incoming) -> JSON:
        # A declared input may be a part that happens to be called `body`.
        if not parameter.inferred and parameter.value is None:
            part = incoming.payload.fields.get(name)
            if part is not None:
                return part
        return incoming.payload.whole

    return get


def _or_query(getter: Getter, name: str) -> Getter:
    def get(incoming: Incoming) -> JSON:
        value = getter(incoming)
        return incoming.query.get(name) if value is None else value

    return get


# --- bodies -------------------------------------------------------------------------


async def read_payload(
    body: bytes, content_type: str, *, reads_fields: bool, takes_any: bool
) -> Payload:
    """Return a request body, read by its media type.

    A form that begins as JSON is read as JSON: `curl -d '{…}'` calls everything a form.
    So is any text where only JSON would make sense.

    Args:
        body: The bytes.
        content_type: As the caller wrote it.
        reads_fields: Whether parts of it are wanted.
        takes_any: Whether it may be anything, as a whole.

    Raises:
        BadRequest: It is malformed, or in a media type that has no parts.
    """
    if not body:
        return Payload(content_type=content_type)
    media_type = _media_type(content_type)
    if media_type == _MULTIPART_TYPE:
        if takes_any or not reads_fields:
            return Payload("raw", None, body, content_type)
        fields = await _multipart(body, content_type)
        return Payload("form", fields, body, content_type)
    if media_type in ("", "application/json") or media_type.endswith("+json"):
        try:
            return Payload("json", _json(body), body, content_type)
        except ValueError as error:
            if media_type:
                raise BadRequest(_malformed("JSON", str(error))) from None
    elif (media_type == _FORM_TYPE or not takes_any) and _JSON_BEGINS.match(body):
        try:
            return Payload("json", _json(body), body, content_type)
        except ValueError:
            pass
    if media_type == _FORM_TYPE and reads_fields:
        return Payload("form", _pairs(body, "form"), body, content_type)
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


def _malformed(what: str, why: str) -> HttpProblem:
    reason = f"is not well-formed {what}: {why}"
    return HttpProblem(
        "malformed-request",
        f"the request body {reason}",
        errors=(WrongArgument("", "body", reason),),
    )


def _json(body: bytes) -> JSON:
    def refuse(name: str) -> JSON:
        raise ValueError(f"{name} is not JSON")

    try:
        return json.loads(body, parse_constant=refuse)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _pairs(raw: bytes, what: str) -> dict[str, JSON]:
    """Return name → text, or a list of texts, of a query or a form."""
    try:
        text = raw.decode()
        if "%" not in text and "+" not in text and text.count("&") < _MAX_FIELDS:
            # Nothing is encoded: a fifth of the time.
            split = [part.partition("=") for part in text.split("&") if part]
            return _collected([(name, value) for name, _, value in split])
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except UnicodeDecodeError:
        raise BadRequest(_unreadable(what, "is not UTF-8")) from None
    except ValueError:
        why = f"has more than {_MAX_FIELDS} fields"
        raise BadRequest(_unreadable(what, why)) from None
    return _collected(pairs)


def _unreadable(what: str, why: str) -> HttpProblem:
    place = "query" if what == "query" else "body"
    return HttpProblem(
        "malformed-request",
        f"the {what} {why}",
        errors=(WrongArgument("", place, why),),
    )


def _collected(pairs: Sequence[tuple[str, JSON]]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


async def _multipart(body: bytes, content_type: str) -> dict[str, JSON]:
    """Return field → text, or bytes for a file, or a list of them."""
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


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def text_of(value: bytes) -> str:
    """Return a header value as text: UTF-8, which most send, or else Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
