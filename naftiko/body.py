"""What an operation sends as its body: templates filled with typed values, encoded.

Spec 2.4. A text that is nothing but one placeholder is replaced by the value itself,
with its JSON type; a key whose argument is absent is left out. This module must not
know where else arguments go.
"""

from __future__ import annotations

import io
import json
import mimetypes
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_plus

from naftiko.errors import ArgumentError
from naftiko.expressions import Ref, compact_json, lone, parse, refs, render, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

    from naftiko.expressions import Scope, Template
    from naftiko.model import Body, InputParameter

    JSON = Any
    Settings = dict[str, Template]
    #: Gives the value of a reference, or `ABSENT`.
    ValueOf = Callable[[Ref], Any]
    Node = Callable[[ValueOf], Any]

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()
OPEN_ARGUMENT = "body"
_JSON_TYPE = "application/json"
_FORM_TYPE = "application/x-www-form-urlencoded"
_BINARY_TYPE = "application/octet-stream"


class Content(NamedTuple):
    """A whole request body given by the caller, with its media type.

    Attributes:
        value: A JSON value, a text, bytes, an open binary file or a `Path`.
        content_type: The media type; empty to choose by the kind of value.
    """

    value: Any
    content_type: str = ""


class Encoded(NamedTuple):
    """A body ready to be sent: bytes, or a binary file read while it is sent."""

    data: bytes | IO[bytes] | Path | None
    content_type: str = ""


class BodyPlan(NamedTuple):
    """A compiled body.

    Attributes:
        arguments: Names that the body refers to → whether the body needs them.
        variables: Names of the variables that it refers to.
        build: Fills the template; returns `ABSENT` when there is nothing to send.
    """

    kind: str
    content_type: str
    arguments: dict[str, bool]
    variables: tuple[str, ...]
    build: Node
    is_open: bool


def compile_body(
    body: Body, scope: Scope, declared: Container[str], settings: Settings
) -> BodyPlan:
    """Compile a body; see `BodyPlan`.

    Args:
        body: What the document declares.
        scope: The variables of the document.
        declared: Names of the declared parameters.
        settings: Names of parameters that carry a `value` → its compiled template.

    Raises:
        TemplateError: A text in it is outside the template subset.
    """
    compiler = _Compiler(scope, declared, settings)
    if body.fields:
        node = compiler.fields(body.fields)
    elif body.kind == "multipartForm":
        node = compiler.parts(body.data)
    elif body.kind == "json" and isinstance(body.data, str):
        node = compiler.json_text(body.data)
    elif body.data is None:
        node = _absent
    else:
        node = compiler.tree(body.data)
    return BodyPlan(
        body.kind,
        body.content_type,
        compiler.arguments,
        tuple(compiler.variables),
        node,
        body.is_open,
    )


class _Text(str):
    """A text that is already JSON and is sent as it is."""

    __slots__ = ()


class _Compiler:
    """Turn a body template into closures, noting every reference."""

    def __init__(
        self, scope: Scope, declared: Container[str], settings: Settings
    ) -> None:
        self.scope = scope
        self.declared = declared
        self.settings = settings
        self.arguments: dict[str, bool] = {}
        self.variables: dict[str, None] = {}

    def tree(self, data: JSON) -> Node:
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, dict):
            members = [(key, self.tree(value)) for key, value in data.items()]
            return lambda value_of: {
                key: value
                for key, node in members
                if (value := node(value_of)) is not ABSENT
            }
        if isinstance(data, list):
            items = [self.tree(item) for item in data]
            return lambda value_of: [
                value for node in items if (value := node(value_of)) is not ABSENT
            ]
        return lambda value_of: data

    def text(self, text: str) -> Node:
        template = self._parse(text)
        if not template:
            return lambda value_of: ""
        if ref := lone(template):
            self._note(ref, needed=False)
            return _value_of(ref)
        for ref in refs(template):
            self._note(ref, needed=True)
        return lambda value_of: render(template, value_of)

    def json_text(self, text: str) -> Node:
        """Compile a text that is the whole JSON body, sent as it is written."""
        template = self._parse(text)
        if ref := lone(self._parse(text.strip())):
            self._note(ref, needed=False)
            return _value_of(ref)
        for ref in refs(template):
            self._note(ref, needed=True)
        return lambda value_of: _Text(render(template, value_of, plain=compact_json))

    def fields(self, fields: tuple[InputParameter, ...]) -> Node:
        if len(fields) == 1 and _is_whole(fields[0]):
            return self.field(fields[0])
        members = [(field.name, self.field(field)) for field in fields]
        return lambda value_of: {
            name: value
            for name, node in members
            if (value := node(value_of)) is not ABSENT
        }

    def field(self, field: InputParameter) -> Node:
        if field.value is not None:
            return self.tree(field.value)
        ref = Ref(field.name, False, field.name)
        self._note(ref, needed=field.required)
        return _value_of(ref)

    def parts(self, data: JSON) -> Node:
        """Compile multipart data: a list of parts, or a mapping name → value."""
        if isinstance(data, dict):
            data = [{"name": name, "value": value} for name, value in data.items()]
        entries = [part for part in data or () if isinstance(part, dict)]
        return self.tree([{"name": "", **part} for part in entries])

    def _parse(self, text: str) -> Template:
        template = parse(text, self.scope, self.declared)
        if not self.settings:
            return template
        filled: list[str | Ref] = []
        for part in template:
            if isinstance(part, Ref) and part.name in self.settings:
                filled += self.settings[part.name]
            else:
                filled.append(part)
        return tuple(filled)

    def _note(self, ref: Ref, *, needed: bool) -> None:
        if ref.is_variable:
            self.variables[ref.name] = None
        else:
            self.arguments[ref.name] = needed or self.arguments.get(ref.name, False)


def _value_of(ref: Ref) -> Node:
    return lambda value_of: value_of(ref)


def _is_whole(field: InputParameter) -> bool:
    return field.name in ("body", "data") and field.type in ("object", "array")


def _absent(value_of: ValueOf) -> Any:
    return ABSENT


def encode(
    plan: BodyPlan,
    given: Any,
    value_of: ValueOf,
    overrides: Mapping[str, Any] = {},
) -> Encoded:
    """Return the body of one call.

    Args:
        plan: The compiled body.
        given: The reserved argument `body`, or `ABSENT`.
        value_of: Gives the value of a reference, or `ABSENT`.
        overrides: Fixed fields of the template → value that replaces it.

    Raises:
        ArgumentError: A value cannot be written in this kind of body.
    """
    if given is not ABSENT:
        return encode_content(given, plan.content_type if plan.kind != "json" else "")
    value = plan.build(value_of)
    if overrides and isinstance(value, dict):
        value = {**value, **overrides}
    if value is ABSENT:
        return Encoded(None)
    try:
        return _ENCODERS[plan.kind](value, plan.content_type)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"the body cannot be written as {plan.content_type}: {error}"
        ) from None


def encode_content(value: Any, content_type: str = "") -> Encoded:
    """Return a whole body given by the caller.

    A mapping, a list, a number or a boolean is written as JSON; a text as it is;
    bytes, a path or an open binary file are sent unchanged, the last two from disk.

    Raises:
        ArgumentError: The value is none of these.
    """
    if isinstance(value, Content):
        value, content_type = value.value, value.content_type or content_type
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Encoded(bytes(value), content_type or _BINARY_TYPE)
    if isinstance(value, str):
        return Encoded(
            value.encode("utf-8", "surrogatepass"),
            content_type or "text/plain; charset=utf-8",
        )
    if isinstance(value, Path):
        if not value.is_file():
            raise ArgumentError(f"the body '{value}' is not a file that can be read")
        guessed = mimetypes.guess_type(value.name)[0]
        return Encoded(value, content_type or guessed or _BINARY_TYPE)
    if isinstance(value, io.TextIOBase):
        raise ArgumentError("the body is a text file", hint="open it with mode 'rb'")
    if hasattr(value, "read"):
        return Encoded(value, content_type or _BINARY_TYPE)
    try:
        return Encoded(compact_json(value).encode(), content_type or _JSON_TYPE)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"the body cannot be written as JSON: {error}") from None


def _json(value: Any, content_type: str) -> Encoded:
    if isinstance(value, _Text):
        return Encoded(value.encode(), content_type)
    if isinstance(value, (bytes, bytearray, Path, Content)) or hasattr(value, "read"):
        return encode_content(value)
    return Encoded(compact_json(value).encode(), content_type)


def _text(value: Any, content_type: str) -> Encoded:
    return Encoded(to_text(value).encode(), content_type)


def _binary(value: Any, content_type: str) -> Encoded:
    return encode_content(value, content_type)


def _form(value: Any, content_type: str) -> Encoded:
    if not isinstance(value, dict):
        return Encoded(to_text(value).encode(), content_type)
    pairs = [
        f"{quote_plus(name)}={quote_plus(text)}"
        for name, item in value.items()
        for text in texts_of(item)
    ]
    return Encoded("&".join(pairs).encode(), content_type)


def _multipart(value: Any, content_type: str) -> Encoded:
    # urllib3 comes with requests and writes multipart by the HTML standard.
    from urllib3 import encode_multipart_formdata
    from urllib3.fields import RequestField

    fields = []
    for part in value:
        if "value" not in part:
            continue
        content, filename = _part_content(part["value"])
        filename = part.get("filename") or filename
        field = RequestField(str(part["name"]), content, filename=filename)
        media_type = part.get("contentType")
        if not media_type and filename:
            media_type = mimetypes.guess_type(filename)[0] or _BINARY_TYPE
        field.make_multipart(content_type=media_type)
        fields.append(field)
    data, content_type = encode_multipart_formdata(fields)
    return Encoded(data, content_type)


def _part_content(value: Any) -> tuple[bytes | str, str | None]:
    """Return the content of a part, and its file name when it is a file."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value), "file"
    if isinstance(value, Path):
        return value.read_bytes(), value.name
    if hasattr(value, "read"):
        data = value.read()
        name = getattr(value, "name", None)
        return data, os.path.basename(name) if isinstance(name, str) else "file"
    return to_text(value), None


_ENCODERS = {
    "json": _json,
    "text": _text,
    "binary": _binary,
    "formUrlEncoded": _form,
    "multipartForm": _multipart,
}


def texts_of(value: Any) -> Iterator[str]:
    """Yield the texts of a value that may be repeated: one for each item of a list."""
    if isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            if item is not None:
                yield to_text(item)
    elif value is not None:
        yield to_text(value)


def describe(body: Body | None) -> str:
    """Return one line on what the body is made of, or an empty text."""
    if body is None:
        return ""
    if body.is_open:
        return (
            "not described: give a JSON value, text, bytes, a file or a path"
            f" as `{OPEN_ARGUMENT}`"
        )
    if body.fields:
        return f"{body.content_type}: fields {', '.join(f.name for f in body.fields)}"
    if isinstance(body.data, dict):
        return f"{body.content_type}: {', '.join(map(str, body.data)) or 'empty'}"
    shown = body.data if isinstance(body.data, str) else json.dumps(body.data)
    return f"{body.content_type}: {shown[:60]}"
