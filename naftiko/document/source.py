"""Read a document: a path, standard input, bytes, a text, or plain data.

    bytes  →  text without its byte order mark and truncation notice  →  `Document`

`yaml` builds the data and `scalars` gives plain values their type; this module finds
the text and refuses what is no text. It must not know what a capability is.
"""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naftiko.document import rules
from naftiko.document.document import (
    BRACKETS_HINT,
    MAX_DEPTH,
    MAX_DIGITS,
    TOO_DEEP,
    Document,
    Truncation,
    line_column,
    refuse,
)
from naftiko.errors import DocumentError, nearest
from naftiko.locations import read_regular
from naftiko.masking import without_secrets

if TYPE_CHECKING:
    from array import array

    from naftiko.plain import JSON

MAX_BYTES = 16 * 1024 * 1024
#: Most files are shorter.
_MOST_FILES = 64 * 1024
#: The characters of ASCII that `blocks` reads.
_PRINTABLE = bytes((0x0A, *range(0x20, 0x7F)))


#: The message and the hint for a URL where a file is expected.
NO_FILE = "a URL is no file"
FETCH_IT = "fetch it first: curl -o FILE URL"

_SPLIT = "put adapters into files of their own: `consumes: [{import: …, location: …}]`"


_NOTICE_BEGIN = "# --- truncated at "
_NOTICE = (
    _NOTICE_BEGIN + r"([0-9]{1,12}) KB \(([0-9]{1,12}) KB total\) ---[ \t]*"
    r"(?:\r?\n#[ \t]*([^\r\n]*))?\s*"
)


def read(
    source: str | Path | bytes | JSON, *, name: str = "", is_named: bool = False
) -> Document:
    """Read a capability document.

    Args:
        source: A path, `-` for standard input, bytes, a text that holds a line
            break (taken as the document itself), data that is already plain, or a
            document, which is returned.
        name: What messages call it; by default the path.
        is_named: Another document names the file, which must be a regular one then. A
            person may give a pipe.

    Raises:
        DocumentSyntaxError: The text is not one well-formed document.
        DocumentError: The file cannot be read.
    """
    if isinstance(source, Document):
        return source
    if isinstance(source, bytes):
        return read_text(_decode(source, name or "<bytes>"), name or "<bytes>")
    if isinstance(source, str) and (
        "\n" in source or "\r" in source or source.lstrip()[:1] == "{"
    ):
        return read_text(source, name or "<text>")
    if isinstance(source, (str, Path)):
        return _read_path(source, name, is_named=is_named)
    return Document(_plain_data(source, name or "<data>"), name or "<data>")


def _plain_data(value: Any, name: str, depth: int = 0) -> JSON:
    """Return Python data as reading its text would have given it: dates as text."""
    if isinstance(value, int) and value.bit_length() > 3 * MAX_DIGITS:
        refuse(name, 1, 1, rules.YAML_SYNTAX, "a number has too many digits")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if depth > MAX_DEPTH:
        refuse(name, 1, 1, rules.YAML_DEPTH, TOO_DEEP, BRACKETS_HINT)
    if isinstance(value, Mapping):
        data = {str(k): _plain_data(v, name, depth + 1) for k, v in value.items()}
        if len(data) < len(value):
            text = "duplicate key: two keys of a mapping are the same as text"
            refuse(name, 1, 1, rules.YAML_DUPLICATE_KEY, text, "keep one of them")
        return data
    if isinstance(value, (list, tuple)):
        return [_plain_data(item, name, depth + 1) for item in value]
    # Imported here: no text is read as a date.
    from datetime import date

    if isinstance(value, date):
        return value.isoformat()
    kind = type(value).__name__
    refuse(name, 1, 1, rules.YAML_SYNTAX, f"a {kind} is not plain data")


def near_file(path: Path) -> str:
    """Return a hint for a file that is not there: one of nearly its name, if any."""
    try:
        names = sorted(entry.name for entry in path.parent.iterdir())
    except (OSError, ValueError):
        return ""
    # One of another kind is no guess; a name without an ending may lack one.
    endings = (path.name[-2:],) if path.suffix else (".yaml", ".yml", ".json")
    alike = [name for name in names if name.endswith(endings)]
    # A common ending makes short names look alike: `nope.yaml`, `p.yaml`.
    by_stem = {name.rpartition(".")[0] or name: name for name in alike}
    stem = path.name.rpartition(".")[0] or path.name
    if path.name in names or not (near := nearest(stem, by_stem, 1, cutoff=0.7)):
        return ""
    return f"did you mean '{path.with_name(by_stem[near[0]])}'?"


def _read_path(source: str | Path, name: str, *, is_named: bool) -> Document:
    path: Path | None = None
    if str(source) == "-":
        shown, directory = name or "<stdin>", Path()
        raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        path = Path(source)
        # A name with a line break still makes a message of one line.
        shown, directory = (name or str(source)).replace("\n", "\\n"), path.parent
        try:
            if is_named:
                raw = read_regular(path, MAX_BYTES)
            else:
                with path.open("rb") as file:
                    # Memory for all that is asked for is taken first.
                    raw = file.read(_MOST_FILES)
                    if len(raw) == _MOST_FILES:
                        raw += file.read(MAX_BYTES + 1 - _MOST_FILES)
        except (OSError, ValueError) as error:
            if is_url(shown):
                raise DocumentError(
                    NO_FILE,
                    file=without_secrets(shown),
                    code=rules.UNREADABLE.code,
                    hint=FETCH_IT,
                ) from None
            reason = getattr(error, "strerror", None) or str(error)
            is_folder = isinstance(error, IsADirectoryError)
            raise DocumentError(
                f"cannot be read: {reason}",
                file=shown,
                code=rules.UNREADABLE.code,
                hint="name a file in it" if is_folder else near_file(path),
            ) from None
    document = read_text(_decode(raw, shown), shown)
    document.directory = directory
    document.file = path
    return document


def is_url(text: str) -> bool:
    """Tell whether a text is a URL; a path such as `C:/x` is none."""
    return re.match(r"[a-z][a-z0-9+.-]+:/", text, re.IGNORECASE) is not None


def _decode(raw: bytes, name: str) -> str:
    if len(raw) > MAX_BYTES:
        refuse(
            name, 1, 1, rules.YAML_SIZE, f"larger than {MAX_BYTES >> 20} MiB", _SPLIT
        )
    # Without a byte order mark, UTF-16 and UTF-32 still begin with a zero byte in two
    # (YAML 1.2, 5.2).
    if raw.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)) or 0 in raw[:2]:
        text = "UTF-16 or UTF-32, not UTF-8"
        refuse(name, 1, 1, rules.YAML_ENCODING, text, "save the file as UTF-8")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        line, column = line_column(before, len(before))
        text = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        refuse(name, line, column, rules.YAML_ENCODING, text, "save the file as UTF-8")


def read_text(text: str, name: str = "<text>") -> Document:
    """Read a document from its text; see `read`."""
    if len(text) > MAX_BYTES:
        refuse(
            name, 1, 1, rules.YAML_SIZE, f"larger than {MAX_BYTES >> 20} MiB", _SPLIT
        )
    text = text.removeprefix("\ufeff")
    text, truncation = _without_notice(text)
    data, marks, aliases = _parsed(text, name)
    return Document(data, name, marks=marks, aliases=aliases, truncation=truncation)


def _parsed(text: str, name: str) -> tuple[JSON, array[int], list[int]]:
    """Return the data of a text, its marks, and which of them are aliases."""
    # Imported here: a document that is kept from an earlier run needs no parser.
    from naftiko.document.blocks import read_blocks

    is_flow = text.lstrip()[:1] in ("{", "[")
    is_plain = _is_plain(text)
    if is_plain and not is_flow and (read := read_blocks(text, _parse_part)):
        return *read, []
    from naftiko.document.yaml import NO_VALUE, UNPRINTABLE, Builder

    builder = Builder(name)
    data = builder.build_json(text) if is_flow else NO_VALUE
    if data is NO_VALUE:
        if not is_plain and (control := re.search(UNPRINTABLE, text)):
            line, column = line_column(text, control.start())
            character = f"U+{ord(control[0]):04X}"
            refuse(
                name,
                line,
                column,
                rules.YAML_SYNTAX,
                f"control character {character}",
                "write it as an escape in a double-quoted text",
            )
        data = builder.build_yaml(text)
    return data, builder.marks, builder.aliases


def _is_plain(text: str) -> bool:
    """Tell whether a text holds printable characters and line feeds only.

    Python refuses more than YAML does, and is quicker than a pattern.
    """
    if text.isascii():
        return not text.encode().translate(None, _PRINTABLE)
    return text.replace("\n", "").isprintable()


def _parse_part(text: str, most_deep: int) -> tuple[JSON, array[int]] | None:
    from naftiko.document.yaml import parse_part

    return parse_part(text, most_deep)


def _without_notice(text: str) -> tuple[str, Truncation | None]:
    """Return a text without its truncation notice, and what the notice says."""
    begin = text.rfind(_NOTICE_BEGIN)
    notice = re.compile(_NOTICE).fullmatch(text, begin) if begin >= 0 else None
    if notice is None or text[begin - 1 : begin] != "\n":
        return text, None
    # The publisher puts two line breaks before the notice; others belong to the text.
    # The line before them may end in the middle of a key or a value, and may be blank.
    end = begin
    for _ in range(2):
        if text[end - 1 : end] == "\n":
            end -= 2 if text[end - 2 : end] == "\r\n" else 1
    kept = text[: text.rfind("\n", 0, end) + 1]
    source = (notice[3] or "").strip()
    return kept, Truncation(int(notice[1]), int(notice[2]), source)
