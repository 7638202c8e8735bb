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
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_plus

from naftiko.errors import ArgumentError
from naftiko.expressions import (
    Ref,
    compact_json,
    is_json_like,
    lone,
    parse,
    refs,
    render,
    splice,
    to_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from naftiko.expressions import Scope, Template
    from naftiko.spec.model import Body, InputParameter

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
#: Beside JSON, where a text in quotation marks is escaped as it is in JSON.
_QUOTING = ("application/sparql-query", "application/yaml")
_BY_NAME = ("formUrlEncoded", "multipartForm")
_CONTROL = re.compile("[\x00-\x1f\x7f]")


class Content(NamedTuple):
    """A whole request body given by the caller, with its media type.

    Attributes:
        value: A JSON value, a text, bytes, an open binary file, a `Path`, or an
            iterator of bytes.
        content_type: The media type; empty to choose by the kind of value.
    """

    value: Any
    content_type: str = ""


class Encoded(NamedTuple):
    """A body ready to be sent: bytes, or what is read while it is sent."""

    data: bytes | IO[bytes] | Path | Joined | Iterator[bytes] | None
    content_type: str = ""


class Joined:
    """Bytes and files one after another, read as one file while they are sent.

    Attributes:
        pieces: Bytes, paths and open binary files.
    """

    def __init__(self, pieces: Sequence[bytes | Path | IO[bytes]]) -> None:
        self.pieces = tuple(pieces)
        self._begins = [
            piece.tell() if hasattr(piece, "tell") and _seekable(piece) else 0
            for piece in pieces
        ]
        self._next = 0
        self._position = 0
        self._current: IO[bytes] | None = None

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, at the end of the last piece none."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(1 << 16), b""))
        while size:
            if self._current is None:
                if self._next == len(self.pieces):
                    return b""
                self._current = self._opened(self._next)
                self._next += 1
            data = self._current.read(size)
            if data:
                self._position += len(data)
                return data
            self._leave()
        return b""

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go back to the beginning, or tell the size without moving.

        Raises:
            OSError: A piece can be read once only.
        """
        if not all(map(_seekable, self.pieces)):
            raise OSError("a part of the body can be read once only")
        if whence == os.SEEK_END:
            return sum(map(self._size, range(len(self.pieces))))
        if offset != self._position:
            self._leave()
            self._next = self._position = 0
        return self._position

    def release(self) -> None:
        """Close what was opened to be read."""
        self._leave()

    def _opened(self, number: int) -> IO[bytes]:
        piece = self.pieces[number]
        if isinstance(piece, bytes):
            return io.BytesIO(piece)
        if isinstance(piece, Path):
            return piece.open("rb")
        if _seekable(piece):
            piece.seek(self._begins[number])
        return piece

    def _size(self, number: int) -> int:
        piece = self.pieces[number]
        if isinstance(piece, bytes):
            return len(piece)
        if isinstance(piece, Path):
            return piece.stat().st_size
        here = piece.tell()
        end = piece.seek(0, os.SEEK_END)
        piece.seek(here)
        return end - self._begins[number]

    def _leave(self) -> None:
        # A file that the caller opened is the caller's to close.
        if self._current is not None and self._current not in self.pieces:
            self._current.close()
        self._current = None


def _seekable(piece: Any) -> bool:
    if isinstance(piece, (bytes, Path)):
        return True
    try:
        return bool(piece.seekable())
    except (AttributeError, ValueError):
        return False


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
    # In XML and plain text a quotation mark is a character like any other.
    quotes = True if body.kind == "json" or body.content_type in _QUOTING else None
    compiler = _Compiler(scope, declared, settings, quotes)
    if body.fields:
        node = compiler.fields(body.fields)
    elif body.kind == "multipartForm":
        node = compiler.parts(body.data)
    elif body.kind == "json" and isinstance(body.data, str):
        node = compiler.json_text(body.data)
    elif body.kind == "formUrlEncoded" and isinstance(body.data, str):
        node = compiler.form_text(body.data)
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
    """A text that is already encoded and is sent as it is."""

    __slots__ = ()


class _Compiler:
    """Turn a body template into closures, noting every reference."""

    def __init__(
        self,
        scope: Scope,
        declared: Container[str],
        settings: Settings,
        quotes: bool | None,
    ) -> None:
        self.quotes = quotes
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
        if ref := lone(self._parse(text.strip())):
            self._note(ref, needed=False)
            return _value_of(ref)
        if is_json_like(text) or text.lstrip()[:1] == '"':
            # A value outside quotes is a JSON value, so that it cannot leave its place.
            return self._whole(self._parse(text, literal=compact_json), compact_json)
        return self._whole(self._parse(text), to_text)

    def form_text(self, text: str) -> Node:
        """Compile a form that is written out: `a=1&b={{b}}`."""
        if ref := lone(self._parse(text.strip())):
            self._note(ref, needed=False)
            return _value_of(ref)
        return self._whole(
            self._parse(text, quotes=False, literal=quote_plus),
            lambda value: quote_plus(to_text(value)),
        )

    def _whole(self, template: Template, plain: Callable[[Any], str]) -> Node:
        for ref in refs(template):
            self._note(ref, needed=True)
        return lambda value_of: _Text(render(template, value_of, plain=plain))

    def fields(self, fields: tuple[InputParameter, ...]) -> Node:
        if len(fields) == 1 and _is_whole(fields[0]):
            node = self.field(fields[0])
            return lambda value_of: _written(node(value_of))
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
            data = _named(data)
        if isinstance(data, list):
            data = [part for part in data if isinstance(part, dict)]
        return self.tree(data)

    def _parse(
        self,
        text: str,
        *,
        quotes: bool | None = None,
        literal: Callable[[str], str] = str,
    ) -> Template:
        quotes = self.quotes if quotes is None else quotes
        template = parse(text, self.scope, self.declared, quotes=quotes)
        return splice(template, self.settings, literal=literal)

    def _note(self, ref: Ref, *, needed: bool) -> None:
        if ref.is_variable:
            self.variables[ref.name] = None
        else:
            self.arguments[ref.name] = needed or self.arguments.get(ref.name, False)


def _value_of(ref: Ref) -> Node:
    return lambda value_of: value_of(ref)


def _is_whole(field: InputParameter) -> bool:
    return field.name in ("body", "data") and field.type in ("object", "array")


def _written(value: Any) -> Any:
    """Return a text as the JSON that it holds: an object or a list was declared."""
    return _Text(value) if isinstance(value, str) else value


def _named(data: Mapping[Any, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in data.items()]


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
    if given is not ABSENT and not (
        plan.kind in _BY_NAME and isinstance(given, Mapping)
    ):
        return encode_content(given, plan.content_type)
    try:
        value = plan.build(value_of) if given is ABSENT else given
        if overrides and isinstance(value, dict):
            value = {**value, **overrides}
        if value is ABSENT:
            return Encoded(None)
        return _ENCODERS[plan.kind](value, plan.content_type)
    except ArgumentError:
        raise
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"the body cannot be written as {plan.content_type}: {error}"
        ) from None


def encode_content(value: Any, content_type: str = "") -> Encoded:
    """Return a whole body given by the caller.

    A mapping, a list, a number or a boolean is written as JSON; a text as it is;
    bytes, a path, an open binary file or an iterator of bytes are sent unchanged, all
    but the first without being read into memory.

    Raises:
        ArgumentError: The value is none of these.
    """
    if isinstance(value, Content):
        value, content_type = value.value, value.content_type or content_type
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Encoded(bytes(value), content_type or _BINARY_TYPE)
    if isinstance(value, str):
        try:
            text = value.encode()
        except UnicodeEncodeError:
            raise ArgumentError(
                "the body is not text that UTF-8 can hold", hint="give it as bytes"
            ) from None
        return Encoded(text, content_type or "text/plain; charset=utf-8")
    if isinstance(value, Path):
        _check_file(value)
        guessed = mimetypes.guess_type(value.name)[0]
        return Encoded(value, content_type or guessed or _BINARY_TYPE)
    if hasattr(value, "read"):
        _check_stream(value)
        return Encoded(value, content_type or _BINARY_TYPE)
    if isinstance(value, Iterator):
        return Encoded(value, content_type or _BINARY_TYPE)
    try:
        return Encoded(compact_json(value).encode(), content_type or _JSON_TYPE)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"the body cannot be written as JSON: {error}") from None


def _check_file(path: Path) -> None:
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ArgumentError(f"'{path}' is not a file that can be read")


def _check_stream(stream: Any) -> None:
    # Files of text have an encoding, also those that are no `io.TextIOBase`.
    if hasattr(stream, "encoding"):
        raise ArgumentError("the body is a text file", hint="open it with mode 'rb'")
    if getattr(stream, "closed", False) is True:
        raise ArgumentError("the body is a file that was closed already")


def _is_content(value: Any) -> bool:
    """Tell whether a value stands for bytes, rather than for a JSON value."""
    kinds = (bytes, bytearray, memoryview, Path, Content, Iterator)
    return isinstance(value, kinds) or hasattr(value, "read")


def _json(value: Any, content_type: str) -> Encoded:
    if isinstance(value, _Text):
        return Encoded(value.encode(), content_type)
    if _is_content(value):
        return encode_content(value, content_type)
    return Encoded(compact_json(value).encode(), content_type)


def _text(value: Any, content_type: str) -> Encoded:
    if _is_content(value):
        return encode_content(value, content_type)
    return Encoded(to_text(value).encode(), content_type)


def _binary(value: Any, content_type: str) -> Encoded:
    return encode_content(value, content_type)


def _form(value: Any, content_type: str) -> Encoded:
    if not isinstance(value, Mapping):
        return _text(value, content_type)
    pairs = [
        f"{quote_plus(str(name))}={quote_plus(text)}"
        for name, item in value.items()
        for text in texts_of(item)
    ]
    return Encoded("&".join(pairs).encode(), content_type)


def _multipart(value: Any, content_type: str) -> Encoded:
    """Write the parts; with a file among them they are read while they are sent."""
    # urllib3 comes with requests and writes part headers by the HTML standard.
    from urllib3.filepost import choose_boundary

    boundary = choose_boundary()
    pieces: list[bytes | Path | IO[bytes]] = []
    parts = _named(value) if isinstance(value, Mapping) else value
    if not isinstance(parts, list) or not all(isinstance(p, Mapping) for p in parts):
        raise ValueError("it is no mapping name → value")
    for part in parts:
        if part.get("value") is None:
            continue
        if not part.get("name"):
            raise ValueError("a part has no name")
        given = part["value"]
        for item in given if isinstance(given, list) else [given]:
            content, head = _part(part, item)
            pieces += [f"--{boundary}\r\n{head}".encode(), content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    content_type = f"multipart/form-data; boundary={boundary}"
    if all(isinstance(piece, bytes) for piece in pieces):
        return Encoded(b"".join(pieces), content_type)  # type: ignore[arg-type]
    return Encoded(Joined(pieces), content_type)


def _part(part: Mapping[str, Any], value: Any) -> tuple[bytes | Path | IO[bytes], str]:
    """Return what a part holds, and its headers."""
    from urllib3.fields import RequestField

    content, filename, media_type = _part_content(value)
    filename = to_text(part.get("filename")) or filename
    media_type = media_type or to_text(part.get("contentType"))
    if not media_type and filename:
        media_type = mimetypes.guess_type(filename)[0] or _BINARY_TYPE
    if _CONTROL.search(media_type):
        raise ValueError(f"the media type of '{part['name']}' is not one line")
    field = RequestField(to_text(part["name"]), b"", filename=filename or None)
    field.make_multipart(content_type=media_type or None)
    return content, field.render_headers()


def _part_content(value: Any) -> tuple[bytes | Path | IO[bytes], str, str]:
    """Return the content of a part; its file name and media type when it is a file."""
    media_type = ""
    if isinstance(value, Content):
        value, media_type = value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value), "file", media_type
    if isinstance(value, Path):
        _check_file(value)
        return value, value.name, media_type
    if hasattr(value, "read"):
        _check_stream(value)
        name = getattr(value, "name", None)
        named = os.path.basename(name) if isinstance(name, str) else ""
        return value, named or "file", media_type
    return to_text(value).encode(), "", media_type


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
        kind = f"{body.content_type}, " if body.content_type else ""
        return (
            f"{kind}not described: give a JSON value, text, bytes, a file or a path"
            f" as `{OPEN_ARGUMENT}`"
        )
    if body.fields:
        return f"{body.content_type}: fields {', '.join(f.name for f in body.fields)}"
    if isinstance(body.data, dict):
        return f"{body.content_type}: {', '.join(map(str, body.data)) or 'empty'}"
    shown = body.data if isinstance(body.data, str) else json.dumps(body.data)
    return f"{body.content_type}: {shown[:60]}"
