"""YAML or JSON text → plain data, and the line and column of every path in it.

One walk over the parser's events builds the data and notes where each node stands.
Scalars follow the YAML 1.2 core schema by our own resolver: ruamel's turns dates into
objects, reads `1_000` as a number and refuses `=` as a value. This module must not
know what a capability is.
"""

from __future__ import annotations

import codecs
import re
import sys
from array import array
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.errors import DocumentError, DocumentSyntaxError, Location, shorten
from naftiko.masking import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    JSON = Any
    Key = str | int
    Events = Callable[[str], Iterator[Any]]

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 100
#: Nodes that aliases may stand for, all together: a bomb has billions.
MAX_ALIASED = 100_000

#: What is said of a URL where a file is wanted.
NO_FILE = "a URL is no file"
FETCH_IT = "fetch it first: curl -o FILE URL"

_SPLIT = "put adapters into files of their own: `consumes: [{import: …, location: …}]`"
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_BRACKETS = "look for brackets that are not closed"
_CORE = "tag:yaml.org,2002:"
_SCALAR_TAGS = {"null": type(None), "bool": bool, "int": int, "float": float}
_CONSTANTS: dict[str, JSON] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMERIC_START = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = frozenset((".nan", ".NaN", ".NAN"))

_NOTICE_BEGIN = "# --- truncated at "
_NOTICE = re.compile(
    _NOTICE_BEGIN + r"(\d+) KB \((\d+) KB total\) ---[ \t]*"
    r"(?:\r?\n#[ \t]*([^\r\n]*))?\s*"
)
_JSON_TOKEN = re.compile(
    r'[ \t\r\n]+|("(?:[^"\\]|\\.)*")|([{}\[\],:])|([^\s{}\[\],:"]+)', re.DOTALL
)
# What YAML 1.2 does not call printable (section 5.1). Its complement, which the
# specification gives, takes ten times as long to compile.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
)
_ODD_BREAK = re.compile("[\r\x85\u2028\u2029\ufeff]")
# Line breaks of YAML 1.1 that are none in YAML 1.2 (5.4); both parsers are of 1.1.
_OLD_BREAKS = "\x85\u2028\u2029"
_OLD_BREAK = re.compile(f"[{_OLD_BREAKS}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
#: Digits of a number; Python refuses to convert longer ones, and nothing needs them.
_MAX_DIGITS = 3000


class Truncation:
    """What the publisher's notice at the end of a cut-off text says."""

    __slots__ = ("kept_kb", "source", "total_kb")

    def __init__(self, kept_kb: int, total_kb: int, source: str) -> None:
        self.kept_kb = kept_kb
        self.total_kb = total_kb
        self.source = source


class Document:
    """One read document.

    Attributes:
        data: The plain data: mappings with text keys, lists, scalars.
        name: The file as it is to be shown in messages.
        directory: What relative locations in the document refer to, or `None`.
        file: Where it was read from, or `None`.
        truncation: The publisher's notice, or `None` for a whole document.
    """

    __slots__ = (
        "_aliases",
        "_index",
        "_marks",
        "data",
        "directory",
        "file",
        "name",
        "truncation",
    )

    def __init__(
        self,
        data: JSON,
        name: str = "<data>",
        *,
        marks: array[int] | None = None,
        aliases: Sequence[int] = (),
        directory: Path | None = None,
        truncation: Truncation | None = None,
    ) -> None:
        self.data = data
        self.name = name
        self.directory = directory
        self.file: Path | None = None
        self.truncation = truncation
        self._marks = marks
        self._aliases = frozenset(aliases)
        self._index: dict[tuple[Key, ...], int] | None = None

    def locate(self, path: Sequence[Key], *, key: bool = False) -> Location:
        """Return where a path stands, or its nearest ancestor that is there.

        Args:
            path: Keys and list indexes from the root.
            key: Point at the key of the last member, not at its value.
        """
        if not self._marks:  # plain data, or nothing
            return Location(self.name, 1, 1)
        if self._index is None:
            self._index = dict(self._positions())
        at = tuple(path)
        while at and at not in self._index:
            at, key = at[:-1], False
        number = self._index.get(at, 0)
        if key and at and isinstance(at[-1], str):
            number -= 1  # a key stands right before its value
        line, column = self._marks[2 * number], self._marks[2 * number + 1]
        return Location(self.name, line + 1, column + 1)

    def merges(self) -> Iterator[tuple[Key, ...]]:
        """Yield the places of `<<` keys that were meant to merge an alias."""
        if self._aliases:
            for path, _ in self._positions():
                if path and path[-1] == "<<":
                    yield path

    def stored(self) -> tuple[JSON, bytes, list[int], tuple[int, int, str] | None]:
        """Return, as plain data, what the constructor needs to make this again."""
        cut = self.truncation
        return (
            self.data,
            self._marks.tobytes() if self._marks is not None else b"",
            sorted(self._aliases),
            (cut.kept_kb, cut.total_kb, cut.source) if cut else None,
        )

    def _positions(self) -> Iterator[tuple[tuple[Key, ...], int]]:
        """Yield every path with the number of its mark, in the order of the text."""
        number = 0
        stack: list[tuple[tuple[Key, ...], JSON]] = [((), self.data)]
        while stack:
            path, node = stack.pop()
            if path and isinstance(path[-1], str):
                number += 1
            yield path, number
            if number not in self._aliases:
                if isinstance(node, dict):
                    stack += [((*path, k), v) for k, v in reversed(node.items())]
                elif isinstance(node, list):
                    last = len(node) - 1
                    stack += [((*path, last - i), v) for i, v in enumerate(node[::-1])]
            number += 1


def read(source: str | Path | bytes | JSON, *, name: str = "") -> Document:
    """Read a capability document.

    Args:
        source: A path, `-` for standard input, bytes, a text that holds a line
            break (taken as the document itself), data that is already plain, or a
            document, which is returned.
        name: What messages call it; by default the path.

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
        return _read_path(source, name)
    return Document(_plain(source, name or "<data>"), name or "<data>")


def _plain(value: Any, name: str, depth: int = 0) -> JSON:
    """Return Python data as a reader of its text would have given it."""
    if isinstance(value, int) and value.bit_length() > 3 * _MAX_DIGITS:
        _refuse(name, 1, 1, "E-yaml-syntax", "a number has too many digits")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if depth > MAX_DEPTH:
        _refuse(name, 1, 1, "E-yaml-depth", _TOO_DEEP, _BRACKETS)
    if isinstance(value, Mapping):
        data = {str(k): _plain(v, name, depth + 1) for k, v in value.items()}
        if len(data) < len(value):
            text = "two keys of a mapping are the same as text"
            _refuse(name, 1, 1, "E-yaml-duplicate-key", text, "keep one of them")
        return data
    if isinstance(value, (list, tuple)):
        return [_plain(item, name, depth + 1) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    kind = type(value).__name__
    _refuse(name, 1, 1, "E-yaml-syntax", f"a {kind} is not plain data")


def _read_path(source: str | Path, name: str) -> Document:
    if str(source) == "-":
        shown, directory = name or "<stdin>", Path()
        raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        path = Path(source)
        # An odd name still makes a message of one line.
        shown, directory = (name or str(source)).replace("\n", "\\n"), path.parent
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            if is_url(shown):
                raise DocumentError(
                    f"{without_secrets(shown)}: {NO_FILE}",
                    code="E-unreadable",
                    hint=FETCH_IT,
                ) from None
            reason = getattr(error, "strerror", None) or str(error)
            is_folder = isinstance(error, IsADirectoryError)
            raise DocumentError(
                f"{shown}: cannot be read: {reason}",
                code="E-unreadable",
                hint="name a file in it" if is_folder else "",
            ) from None
    document = read_text(_decode(raw, shown), shown)
    document.directory = directory
    document.file = None if str(source) == "-" else Path(source)
    return document


def is_url(text: str) -> bool:
    """Tell a URL from a path, the one of a drive too."""
    return re.match(r"[a-z][a-z0-9+.-]+:/", text, re.IGNORECASE) is not None


def _decode(raw: bytes, name: str) -> str:
    if len(raw) > MAX_BYTES:
        _refuse(name, 1, 1, "E-yaml-size", f"larger than {MAX_BYTES >> 20} MiB", _SPLIT)
    # Without a mark at its start, wide text still has zeros there (YAML 1.2, 5.2).
    if raw.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)) or 0 in raw[:2]:
        what = "UTF-16 or UTF-32, not UTF-8"
        _refuse(name, 1, 1, "E-yaml-encoding", what, "save the file as UTF-8")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        line, column = _line_column(before, len(before))
        text = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        _refuse(name, line, column, "E-yaml-encoding", text, "save the file as UTF-8")


def read_text(text: str, name: str = "<text>") -> Document:
    """Read a document from its text; see `read`."""
    if len(text) > MAX_BYTES:
        _refuse(name, 1, 1, "E-yaml-size", f"larger than {MAX_BYTES >> 20} MiB", _SPLIT)
    text = text.removeprefix("\ufeff")
    text, truncation = _without_notice(text)
    builder = _Builder(name)
    data = builder.build_json(text) if text.lstrip()[:1] in ("{", "[") else _ABSENT
    if data is _ABSENT:
        if found := _UNPRINTABLE.search(text):
            line, column = _line_column(text, found.start())
            code = f"U+{ord(found[0]):04X}"
            _refuse(
                name,
                line,
                column,
                "E-yaml-syntax",
                f"control character {code}",
                "write it as an escape in a double-quoted text",
            )
        data = builder.build_yaml(text)
    return Document(
        data,
        name,
        marks=builder.marks,
        aliases=builder.aliases,
        truncation=truncation,
    )


def _without_notice(text: str) -> tuple[str, Truncation | None]:
    """Return a text without its publisher's notice, and what the notice says."""
    begin = text.rfind(_NOTICE_BEGIN)
    found = _NOTICE.fullmatch(text, begin) if begin >= 0 else None
    if found is None or text[begin - 1 : begin] != "\n":
        return text, None
    # The publisher puts two line breaks before it; others belong to the text. What is
    # before them may be cut in the middle of a key or a value, and may be blank.
    end = begin
    for _ in range(2):
        if text[end - 1 : end] == "\n":
            end -= 2 if text[end - 2 : end] == "\r\n" else 1
    kept = text[: text.rfind("\n", 0, end) + 1]
    return kept, Truncation(int(found[1]), int(found[2]), (found[3] or "").strip())


def parse_value(text: str, *, as_written: bool = False) -> JSON:
    """Return the data of the first document in a YAML text.

    Args:
        text: The document.
        as_written: Leave every scalar but a null the text that it is: `0123`, `1.50`.

    Raises:
        DocumentSyntaxError: The text is not well-formed.
    """
    builder = _Builder("<yaml>")
    if as_written:
        nothing = [text for text, value in _CONSTANTS.items() if value is None]
        builder.constants, builder.numeric = dict.fromkeys(nothing), frozenset()
    return builder.build_yaml(text.removeprefix("\ufeff"), first_only=True)


def write_yaml(value: JSON) -> str:
    """Return plain data as block-style YAML, without a line break at the end."""
    from io import StringIO

    from ruamel.yaml import YAML
    from ruamel.yaml.representer import SafeRepresenter

    class Plain(SafeRepresenter):
        """Ours alone: a representer is registered for a class, whoever uses it."""

        def ignore_aliases(self, data: Any) -> bool:
            return True  # what stands twice is written twice

        def represent_dict(self, data: Any) -> Any:
            # As pairs: mappings are sorted, and not every version can be told not to.
            return self.represent_mapping(f"{_CORE}map", list(data.items()))

    Plain.add_representer(str, _represent_text)
    Plain.add_representer(dict, Plain.represent_dict)
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = Plain
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    out = StringIO()
    yaml.dump(value, out)
    return out.getvalue().removesuffix("...\n").rstrip("\n")


def _represent_text(representer: Any, text: str) -> Any:
    # Only double quotes hold control characters, and line breaks of other kinds.
    odd = _ODD_BREAK.search(text) or _UNPRINTABLE.search(text)
    style = '"' if odd else "|" if "\n" in text.strip("\n") else None
    return representer.represent_scalar(f"{_CORE}str", text, style=style)


def has_c_parser() -> bool:
    """Tell whether ruamel's C parser is installed."""
    return _c_parser() is not None


def resolve_plain(text: str) -> JSON:
    """Return the value of a plain scalar by the YAML 1.2 core schema (10.3.2)."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in _NUMERIC_START:
        return _number(text)
    return text


def _number(text: str) -> JSON:
    if _INTEGER.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            return text
        if text.startswith("0x"):
            return int(text[2:], 16)
        if text.startswith("0o"):
            return int(text[2:], 8)
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if found := _INFINITE.fullmatch(text):
        return float(f"{found[1]}inf")
    return float("nan") if text in _NAN else text


def _c_parser() -> Any:
    # ruamel.yaml 0.19 imports only the module of `ruamel.yaml.clib`; its own
    # `libyaml` extra installs `clibz`, which nothing picks up.
    try:
        from _ruamel_yaml import CParser
    except ImportError:
        return None
    return CParser


def _c_events(text: str) -> Iterator[Any]:
    return iter(_c_parser()(text).get_event, None)


def _pure_events(text: str) -> Iterator[Any]:
    """Yield the events of the pure parser, which is made to read as the other does."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.scanner import Scanner

    class TabScanner(Scanner):
        """Takes tabs between tokens and between words for blanks (YAML 1.2, 6.2)."""

        def scan_to_next_token(self) -> None:
            while True:
                Scanner.scan_to_next_token(self)
                inside_line = self.flow_level or not self.allow_simple_key
                if self.reader.peek() != "\t" or not inside_line:
                    return
                self.reader.forward()

        def scan_plain_spaces(self, indent: Any, start_mark: Any) -> Any:
            length = 0
            while self.reader.peek(length) in " \t":
                length += 1
            blanks = self.reader.prefix(length)
            self.reader.forward(length)
            if self.reader.peek() in "\r\n":
                return Scanner.scan_plain_spaces(self, indent, start_mark)
            return [blanks] if blanks else []

    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = TabScanner
    for event in yaml.parse(text):
        value = getattr(event, "value", "")
        if value and _SURROGATE.search(value):
            what = "found invalid Unicode character escape code"
            raise MarkedYAMLError(problem=what, problem_mark=event.start_mark)
        yield event


def _around_old_breaks(events: Events, text: str) -> Iterator[Any]:
    """Yield the events of a text whose old line breaks the parser does not see."""
    private = (chr(code) for code in range(0xE000, 0xF900))
    stand_ins = "".join(islice((c for c in private if c not in text), 3))
    back = str.maketrans(stand_ins, _OLD_BREAKS)
    for event in events(text.translate(str.maketrans(_OLD_BREAKS, stand_ins))):
        if getattr(event, "value", None):
            event.value = event.value.translate(back)
        yield event


_ABSENT: Any = object()


class _Builder:
    """Build data from events, and one mark (line, column from 0) per node."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.constants: dict[str, JSON] = _CONSTANTS
        self.numeric = _NUMERIC_START
        self._reset()

    def _reset(self) -> None:
        self.marks: array[int] = array("I")
        self.aliases: list[int] = []
        self._sizes: dict[str, int] = {}
        self._aliased = 0

    def build_yaml(self, text: str, *, first_only: bool = False) -> JSON:
        from ruamel.yaml.error import YAMLError

        if _c_parser():
            # What the C parser does not understand may still be YAML 1.2, such as a
            # plain URL in a flow mapping; and if not, the other words are better.
            with suppress(YAMLError):
                return self._walk(_c_events, text, first_only=first_only)
            self._reset()
        try:
            return self._walk(_pure_events, text, first_only=first_only)
        except YAMLError as error:
            self._syntax_error(error, text)
        except RecursionError:
            self._too_deep(1, 1)

    def _walk(self, events: Events, text: str, *, first_only: bool) -> JSON:
        """Walk the events once; long, because every call would cost per node."""
        from ruamel.yaml import events as kinds

        scalar, alias = kinds.ScalarEvent, kinds.AliasEvent
        mapping, sequence = kinds.MappingStartEvent, kinds.SequenceStartEvent
        ends = (kinds.MappingEndEvent, kinds.SequenceEndEvent)
        mark = self.marks.extend
        constants, numeric = self.constants, self.numeric
        anchors: dict[str, JSON] = {}
        root: JSON = _ABSENT
        container: JSON = None
        key: JSON = _ABSENT
        stack: list[tuple[JSON, JSON, str | None, int]] = []
        stream = (
            _around_old_breaks(events, text)
            if _OLD_BREAK.search(text)
            else events(text)
        )
        for event in stream:
            kind = event.__class__
            if kind is scalar:
                start = event.start_mark
                at = start.line, start.column
                mark(at)
                value = event.value
                if container.__class__ is dict and key is _ABSENT:
                    if event.tag is not None:
                        self._tagged(event, value)
                    if event.anchor:
                        anchors[event.anchor] = value
                    if value in container:
                        self._duplicate(value, container, stack[-1][3], at)
                    key = value
                    continue
                if event.tag is not None:
                    value = self._tagged(event, value)
                elif event.implicit[0]:
                    if value in constants:
                        if not value and key is not _ABSENT:
                            # The parsers disagree on where nothing stands: at its key.
                            self.marks[-2:] = self.marks[-4:-2]
                        value = constants[value]
                    elif value[0] in numeric:
                        value = _number(value)
                if event.anchor:
                    anchors[event.anchor] = value
                    self._sizes[event.anchor] = 1
            elif kind is mapping or kind is sequence:
                start = event.start_mark
                at = start.line, start.column
                if container.__class__ is dict and key is _ABSENT:
                    self._bad_key(at)
                if event.tag is not None:
                    self._tagged(event, None)
                if len(stack) >= MAX_DEPTH:
                    self._too_deep(at[0] + 1, at[1] + 1)
                if event.anchor:
                    anchors[event.anchor] = _ABSENT
                    self._sizes[event.anchor] = 0
                stack.append((container, key, event.anchor, len(self.marks)))
                mark(at)
                container, key = ({} if kind is mapping else []), _ABSENT
                continue
            elif kind in ends:
                value = container
                container, key, anchor, begin = stack.pop()
                if anchor:
                    anchors[anchor] = value
                    self._sizes[anchor] += (len(self.marks) - begin) // 2
            elif kind is alias:
                start = event.start_mark
                at = start.line, start.column
                value = self._alias(event.anchor, anchors, at, stack)
                mark(at)
                if container.__class__ is dict and key is _ABSENT:
                    if isinstance(value, (dict, list)):
                        self._bad_key(at)
                    key = value if isinstance(value, str) else str(value)
                    if key in container:
                        self._duplicate(key, container, stack[-1][3], at)
                    continue
            else:
                if kind is kinds.DocumentStartEvent and root is not _ABSENT:
                    if first_only:
                        return root
                    where = event.start_mark
                    self._second_document(where.line + 1, where.column + 1)
                continue
            if container is None:
                root = value
            elif key is _ABSENT:
                container.append(value)
            else:
                container[key] = value
                key = _ABSENT
        return None if root is _ABSENT else root

    def build_json(self, text: str) -> JSON:
        """Return the data of a JSON text, or `_ABSENT` when it is not JSON.

        JSON is nearly YAML, but tabs, escapes and surrogates differ, so valid JSON is
        read by its own rules (RFC 8259) and scanned once more for the positions.
        """
        import json

        try:
            # Python also takes NaN and Infinity, which JSON does not have.
            data = json.loads(text, object_pairs_hook=list, parse_constant=int)
        except ValueError:
            return _ABSENT
        except RecursionError:
            self._too_deep(1, 1)
        del data
        line, begin = 0, 0
        stack: list[JSON] = []
        keys: list[JSON] = []
        begins: list[int] = []
        root: JSON = None
        for token in _JSON_TOKEN.finditer(text):
            string, sign, word = token.groups()
            if string is sign is word is None:
                if breaks := token[0].count("\n"):
                    line += breaks
                    begin = token.start() + token[0].rfind("\n") + 1
                continue
            at = line, token.start() - begin
            if sign in (",", ":"):
                continue
            if sign in ("}", "]"):
                value = stack.pop()
                keys.pop()
                begins.pop()
            elif sign in ("{", "["):
                if len(stack) >= MAX_DEPTH:
                    self._too_deep(at[0] + 1, at[1] + 1)
                begins.append(len(self.marks))
                self.marks.extend(at)
                stack.append({} if sign == "{" else [])
                keys.append(_ABSENT)
                continue
            else:
                self.marks.extend(at)
                value = json.loads(string or word)
                if string and "\\u" in string and _SURROGATE.search(value):
                    self._refuse(
                        at[0] + 1,
                        at[1] + 1,
                        "E-yaml-encoding",
                        "half of a surrogate pair is no character",
                        "write the character itself, or both halves",
                    )
                if stack and isinstance(stack[-1], dict) and keys[-1] is _ABSENT:
                    if value in stack[-1]:
                        self._duplicate(value, stack[-1], begins[-1], at)
                    keys[-1] = value
                    continue
            if not stack:
                root = value
            elif isinstance(stack[-1], dict):
                stack[-1][keys[-1]] = value
                keys[-1] = _ABSENT
            else:
                stack[-1].append(value)
        return root

    def _tagged(self, event: Any, value: JSON) -> JSON:
        """Return a scalar read by its explicit core tag, or refuse the tag."""
        tag, where = str(event.tag), event.start_mark
        short = tag.removeprefix(_CORE)
        if tag == "!" or (value is None and short in ("map", "seq")) or short == "str":
            return value
        if value is not None and tag.startswith(_CORE):
            found = resolve_plain(value)
            if short == "float" and type(found) is int:
                found = float(found)
            if type(found) is _SCALAR_TAGS.get(short):
                return found
        shown = shorten(tag.replace(_CORE, "!!"))
        self._refuse(
            where.line + 1,
            where.column + 1,
            "E-yaml-tag",
            f"the tag '{shown}' does not fit '{shorten(value)}'"
            if value is not None and tag.startswith(_CORE) and short in _SCALAR_TAGS
            else f"the tag '{shown}' has no meaning here",
            "write the value plainly, or quote it to make it a text",
        )

    def _alias(
        self,
        anchor: str,
        anchors: dict[str, JSON],
        at: tuple[int, int],
        stack: list[tuple[JSON, JSON, str | None, int]],
    ) -> JSON:
        value = anchors.get(anchor, _ABSENT)
        line, column = at[0] + 1, at[1] + 1
        if value is _ABSENT:
            why = "stands inside itself" if anchor in anchors else "is not defined"
            self._refuse(line, column, "E-yaml-alias", f"the alias '*{anchor}' {why}")
        size = self._sizes.get(anchor, 1)
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            self._refuse(
                line,
                column,
                "E-yaml-alias",
                f"aliases stand for more than {MAX_ALIASED:,} nodes",
                "write the values out",
            )
        # What is nested in an anchored node counts again where that node is used.
        for _, _, name, _ in stack:
            if name:
                self._sizes[name] += size
        self.aliases.append(len(self.marks) // 2)
        return value

    def _duplicate(
        self, key: str, container: JSON, begin: int, at: tuple[int, int]
    ) -> NoReturn:
        aliases = [number - begin // 2 for number in self.aliases]
        part = Document(container, marks=self.marks[begin:], aliases=aliases)
        first = part.locate([key], key=True)
        self._refuse(
            at[0] + 1,
            at[1] + 1,
            "E-yaml-duplicate-key",
            f"the key '{shorten(key)}' stands here and in line {first.line}",
            "keep one of them",
        )

    def _bad_key(self, at: tuple[int, int]) -> NoReturn:
        self._refuse(
            at[0] + 1,
            at[1] + 1,
            "E-yaml-key",
            "a mapping or a list is used as a key",
            'quote a template: "{{NAME}}"',
        )

    def _second_document(self, line: int, column: int) -> NoReturn:
        self._refuse(
            line,
            column,
            "E-yaml-multiple",
            "a second document begins here",
            "keep one capability per file",
        )

    def _too_deep(self, line: int, column: int) -> NoReturn:
        self._refuse(line, column, "E-yaml-depth", _TOO_DEEP, _BRACKETS)

    def _syntax_error(self, error: Any, text: str) -> NoReturn:
        mark = getattr(error, "problem_mark", None) or getattr(
            error, "context_mark", None
        )
        what = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
        context = getattr(error, "context", None)
        message = f"not well-formed YAML: {what}"
        if context:
            message += f" {context}"
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if mark and "<document start>" in what and _begins_another(text, mark.index):
            self._second_document(line, column)
        source = text.split("\n")
        shown = source[line - 1] if line <= len(source) else ""
        if "\t" in shown[: len(shown) - len(shown.lstrip())]:
            hint = "indent with blanks, not with tabs"
        elif "{{" in shown:
            hint = 'quote a template: "{{NAME}}"'
        else:
            hint = "check the indentation and the quotes here and in the line above"
        self._refuse(line, column, "E-yaml-syntax", message, hint)

    def _refuse(
        self, line: int, column: int, code: str, message: str, hint: str = ""
    ) -> NoReturn:
        _refuse(self.name, line, column, code, message, hint)


def _refuse(
    name: str, line: int, column: int, code: str, message: str, hint: str = ""
) -> NoReturn:
    raise DocumentSyntaxError(
        message, hint=hint, code=code, location=Location(name, line, column)
    ) from None


def _begins_another(text: str, offset: int) -> bool:
    """Tell whether what follows the end of a document is a document, not a mistake."""
    before = text[:offset].rstrip().rpartition("\n")[2]
    return before.startswith("...") or text[offset : offset + 1] in ("{", "[")


def _line_column(text: str, offset: int) -> tuple[int, int]:
    begin = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - begin + 1
