"""A value becomes the bytes of a body: JSON, text, binary, forms, multipart.

    {"a": 1}, "json"  ->  b'{"a":1}', "application/json"

This module must not know templates or where a body goes.
"""

from __future__ import annotations

import io
import mimetypes
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote_plus

from naftiko.errors import ArgumentError
from naftiko.expressions import compact_json, to_text
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_JSON_TYPE = "application/json"
_FORM_TYPE = "application/x-www-form-urlencoded"
_BINARY_TYPE = "application/octet-stream"
FORM_KINDS = ("formUrlEncoded", "multipartForm")
#: Types whose items are sent one by one, under the same name.
_SEVERAL = (list, tuple, set, frozenset)
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
    """A body ready to be sent: bytes, or a file that is read while it is sent."""

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
        """Close the files that were opened here."""
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


class EncodedText(str):
    """A text that is already encoded and is sent as it is."""

    __slots__ = ()


def named_fields(data: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """Return the fields of a form given as a mapping, as a list of name and value."""
    return [{"name": name, "value": value} for name, value in data.items()]


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
    """Tell whether a value is a file or bytes, not a JSON value."""
    kinds = (bytes, bytearray, memoryview, Path, Content, Iterator)
    return isinstance(value, kinds) or hasattr(value, "read")


def _json_body(value: Any, content_type: str) -> Encoded:
    if isinstance(value, EncodedText):
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
    parts = named_fields(value) if isinstance(value, Mapping) else value
    if not isinstance(parts, list) or not all(isinstance(p, Mapping) for p in parts):
        raise ValueError("it is no mapping name → value")
    for part in parts:
        if part.get("value") is None:
            continue
        if not part.get("name"):
            raise ValueError("a part has no name")
        for item in _items(part["value"]):
            content, head = _part(part, item)
            pieces += [f"--{boundary}\r\n{head}".encode(), content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    content_type = f"multipart/form-data; boundary={boundary}"
    if all(isinstance(piece, bytes) for piece in pieces):
        return Encoded(b"".join(pieces), content_type)  # type: ignore[arg-type]
    return Encoded(Joined(pieces), content_type)


def _items(value: Any) -> Iterator[Any]:
    """Yield what a part holds: the items of a list, but those that are not there."""
    # A `Content` is a tuple, and one value all the same.
    if isinstance(value, _SEVERAL) and not isinstance(value, Content):
        yield from (item for item in value if item is not None)
    else:
        yield value


def _part(part: Mapping[str, Any], value: Any) -> tuple[bytes | Path | IO[bytes], str]:
    """Return the content of a part, and its headers."""
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


def texts_of(value: Any) -> Iterator[str]:
    """Yield the texts of a value that may be repeated: one for each item of a list.

    Raises:
        TypeError: A value has no text. A `Content` has none.
        ValueError: Bytes that are not UTF-8, or a number that JSON lacks.
    """
    for item in _items(value):
        if isinstance(item, Content):
            raise TypeError(
                "a 'Content' can only be a body or a part of a multipart form"
            )
        if item is not None:
            yield to_text(item)


ENCODERS = {
    "json": _json_body,
    "text": _text,
    "binary": _binary,
    "formUrlEncoded": _form,
    "multipartForm": _multipart,
}
