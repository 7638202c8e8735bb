"""A request -> the arguments of a REST operation.

Spec 3.3 and dialect 7.4. The place of each argument is decided when the document is
read, so a request only walks a list of getters::

    GET /ships/7?deep=true    {"id": "7", "deep": "true"}
    POST /ships {"name": "a"} {"name": "a"}

The query, the cookies and the body are parsed when an argument is first read from them.
This module must not know whether an argument has the right type.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.consumes.placing import RawPath
from naftiko.errors import CallError, OutputError
from naftiko.exposes.http.payload import Payload, pairs_of
from naftiko.exposes.http.routes import Tail
from naftiko.jsonpath.compiling import compile_path
from naftiko.jsonpath.reading import is_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.functions.plan import Plan
    from naftiko.plain import JSON
    from naftiko.spec.model import InputParameter

    Getter = Callable[["Incoming"], JSON]


_NO_PAYLOAD = Payload()


class Incoming:
    """The parts of one request; each is parsed when it is first read."""

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
        self.payload = _NO_PAYLOAD
        self._query: dict[str, JSON] | None = None
        self._cookies: dict[str, str] | None = None

    @property
    def query(self) -> dict[str, JSON]:
        """Name → text, or a list of the texts of a repeated name.

        Raises:
            BadRequest: The query is not UTF-8, or has too many fields.
        """
        if self._query is None:
            self._query = (
                pairs_of(self.query_string, "query") if self.query_string else {}
            )
        return self._query

    @property
    def cookies(self) -> dict[str, str]:
        """Name → value; the first of a repeated name counts (RFC 6265, 5.4)."""
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
        reads_body: Whether any argument comes from the body.
        reads_fields: Whether any argument is a member or a field of the body.
        takes_any: Whether one argument is the whole body, of any media type.
        problem: Why an argument can never be read, or `None`.
    """

    def __init__(self, plan: Plan) -> None:
        declared = {p.name for p in plan.function.inputs if p.in_}
        in_body = [p for p in plan.arguments if place_of(p) == "body"]
        declared_in_body = [p for p in in_body if p.name in declared]
        lone = declared_in_body[0] if len(declared_in_body) == 1 else None
        self._getters: list[tuple[str, Getter]] = []
        self.reads_body = bool(in_body)
        self.reads_fields = self.takes_any = False
        self.problem: CallError | None = None
        for parameter in plan.arguments:
            place = place_of(parameter)
            if place != "body":
                getter = _GETTERS[place](parameter.name)
            elif is_whole(parameter):
                self.takes_any = True
                getter = _whole(parameter)
            else:
                self.reads_fields = True
                getter = self._field(parameter, is_lone=parameter is lone)
                if parameter.name not in declared:
                    # Dialect 7.4: a field of the body, then the query.
                    getter = _or_query(getter, parameter.name)
            self._getters.append((parameter.name, getter))

    def _field(self, parameter: InputParameter, *, is_lone: bool) -> Getter:
        try:
            return _field(parameter, is_lone=is_lone)
        except OutputError as error:
            self.problem = CallError(
                f"input '{parameter.name}': {error.message}",
                hint=error.hint,
                code=error.code,
            )
            return lambda incoming: None

    def given(self, incoming: Incoming) -> dict[str, JSON]:
        """Return argument → value, for the arguments that the request has.

        Raises:
            BadRequest: The query cannot be read.
        """
        values = {}
        for name, getter in self._getters:
            value = getter(incoming)
            if value is not None:
                values[name] = value
        return values


# --- places -------------------------------------------------------------------------


def place_of(parameter: InputParameter) -> str:
    """Return where an argument is read; the body, when `in` names no known place."""
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
        # The separators of the request stay separators in the upstream call.
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
    """Read a member of the body.

    The only declared body argument may be the body itself, when its type is `object` or
    `array`. In all other cases an absent member is absent; the whole body never takes
    its place.
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
        # A declared input may be a member of the body that is called `body`.
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


def text_of(value: bytes) -> str:
    """Return a header value as text: UTF-8, or Latin-1 when it is not UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
