"""Keep the plain data of a document with the line and column of every path in it.

    ("capability", "consumes", 0)   →  Location(file, line, column)

A mark (line, column) per node is kept as two integers in an array, in the order of the
text; which mark belongs to a path is counted only when a place is asked for. What every
document must keep to, such as its depth, stands here too.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from naftiko.errors import DocumentSyntaxError, Location
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from naftiko.document.rules import Rule
    from naftiko.errors import Related
    from naftiko.plain import JSON, DocumentPath, Key

MAX_DEPTH = 100
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
BRACKETS_HINT = "look for brackets that are not closed"
#: Digits of a number; Python refuses to convert longer ones, and nothing needs them.
MAX_DIGITS = 3000


class Truncation:
    """The notice that a publisher puts at the end of a truncated text.

    Attributes:
        kept_kb: The size of the text, in kilobytes.
        total_kb: The size of the whole text, in kilobytes.
        source: Where the whole text is; may be empty.
    """

    __slots__ = ("kept_kb", "source", "total_kb")

    def __init__(self, kept_kb: int, total_kb: int, source: str) -> None:
        self.kept_kb = kept_kb
        self.total_kb = total_kb
        self.source = source


class ForeignPart(NamedTuple):
    """A part of one document that another document imports.

    Attributes:
        document: The document that holds the part.
        path: The place of the part in that document.
        keys: Keys of the part that the importing document gives, such as `namespace`.
    """

    document: Document
    path: DocumentPath
    keys: frozenset[str] = frozenset()


class Document:
    """One read document.

    Attributes:
        data: The plain data: mappings with text keys, lists, scalars.
        name: The name of the file in messages.
        directory: The folder that relative locations start from, or `None`.
        file: The file that it was read from, or `None`.
        truncation: The publisher's notice, or `None` for a whole document.
        parts: Place in this document → the part of another document that is imported
            there.
    """

    __slots__ = (
        "_aliases",
        "_index",
        "_marked",
        "_marks",
        "_sizes",
        "_starts",
        "data",
        "directory",
        "file",
        "name",
        "parts",
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
        self.parts: Mapping[DocumentPath, ForeignPart] = {}
        self._marks = marks
        #: The data whose nodes the marks belong to; a copy may have changed its own.
        self._marked = data
        self._aliases = frozenset(aliases)
        self._index: dict[tuple[Key, ...], int] | None = None
        #: `id` of a mapping or a list → how many marks it has.
        self._sizes: dict[int, int] = {}
        #: `id` of a mapping or a list → key or index → the mark of that member, and
        #: whether that is known of all members.
        self._starts: dict[int, tuple[dict[Key, int] | None, bool]] = {}

    def copied(self) -> Document:
        """Return a copy whose data can be changed; it keeps the places of this one."""
        import marshal  # copies plain data faster than anything else
        from copy import copy

        other = copy(self)
        other.data = marshal.loads(marshal.dumps(self.data))  # noqa: S302 - own data
        return other

    def with_parts(self, parts: Mapping[DocumentPath, ForeignPart]) -> Document:
        """Return this document with parts of other documents imported into it."""
        from copy import copy

        other = copy(self)
        other.parts = parts
        return other

    def origin_of(self, path: DocumentPath) -> tuple[Document, DocumentPath]:
        """Return the document that holds a place, and the place in that document.

        A place in an imported part is in another document; any other is in this one.
        """
        if self.parts:
            for length in range(1, len(path) + 1):
                part = self.parts.get(path[:length])
                if part is None:
                    continue
                if path[length : length + 1] and path[length] in part.keys:
                    return self, path[:length]
                return part.document, (*part.path, *path[length:])
        return self, path

    def node_at(self, path: DocumentPath) -> JSON:
        """Return the node at a place, imported parts included; `None` for no node."""
        document, at = self.origin_of(path) if self.parts else (self, path)
        node = document.data
        for key in at:
            try:
                node = node[key]
            except (LookupError, TypeError):
                return None
        return node

    def locate(self, path: Sequence[Key], *, key: bool = False) -> Location:
        """Return the place of a path, or of its nearest ancestor that is there.

        Args:
            path: Keys and list indexes from the root.
            key: Point at the key of the last member, not at its value.
        """
        if self.parts:
            document, at = self.origin_of(tuple(path))
            if document is not self:
                return document.locate(at, key=key)
            path = at
        if not self._marks:  # plain data, or nothing
            return Location(self.name, 1, 1)
        number, at = self._nearest(tuple(path))
        key = key and len(at) == len(path)
        if key and at and isinstance(at[-1], str):
            number -= 1  # a key stands right before its value
        # Marks of a cache may be too few; those of a text never are.
        line, column = self._marks[2 * number : 2 * number + 2] or (0, 0)
        return Location(self.name, line + 1, column + 1)

    def _nearest(self, path: tuple[Key, ...]) -> tuple[int, tuple[Key, ...]]:
        """Return the number of the mark of a place, or of its nearest ancestor."""
        if self._aliases:
            if self._index is None:
                self._index = dict(self._positions())
            while path and path not in self._index:
                path = path[:-1]
            return self._index.get(path, 0), path
        number, node = 0, self._marked
        for depth, step in enumerate(path):
            start = self._start_in(node, step)
            if start is None:
                return number, path[:depth]
            number += start
            node = node[step]
        return number, path

    def _start_in(self, node: JSON, step: Key) -> int | None:
        """Return how many marks stand between a member and its mapping or list.

        Most are asked for one member. Those behind it are counted for the second: a
        document may have thousands of findings in one list.
        """
        starts, is_whole = self._starts.get(id(node), (None, False))
        if starts is None or not (is_whole or step in starts):
            is_first, starts, number = starts is None, {}, 1
            is_mapping = isinstance(node, dict)
            if is_mapping or isinstance(node, list):
                for key, member in node.items() if is_mapping else enumerate(node):
                    number += is_mapping
                    starts[key] = number
                    if is_first and key == step:
                        break
                    number += self._size(member)
                else:
                    is_whole = True
                self._starts[id(node)] = starts, is_whole
        return starts.get(step)

    def _size(self, node: JSON) -> int:
        """Return how many marks a node without aliases has, those below it included."""
        if node.__class__ is not dict and node.__class__ is not list:
            return 1
        known = self._sizes.get(id(node))
        if known is not None:
            return known
        size = 1 + len(node)
        members: Iterable[JSON] = node
        if node.__class__ is dict:
            size += len(node)  # the keys
            members = node.values()
        for member in members:
            if member.__class__ is dict or member.__class__ is list:
                size += self._size(member) - 1
        self._sizes[id(node)] = size
        return size

    def merges(self) -> Iterator[tuple[Key, ...]]:
        """Yield the places of `<<` keys that were meant to merge an alias."""
        if self._aliases:
            for path, _ in self._positions():
                if path and path[-1] == "<<":
                    yield path

    def stored(self) -> tuple[JSON, bytes, list[int], tuple[int, int, str] | None]:
        """Return the arguments of the constructor as plain data, for a cache."""
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
        stack: list[tuple[tuple[Key, ...], JSON]] = [((), self._marked)]
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


def refuse(
    name: str,
    line: int,
    column: int,
    rule: Rule,
    message: str,
    hint: str = "",
    related: tuple[Related, ...] = (),
) -> NoReturn:
    """Raise the syntax error for a place in a text; line and column count from 1."""
    raise DocumentSyntaxError(
        message,
        hint=hint,
        code=rule.code,
        location=Location(name, line, column),
        related=related,
    ) from None


def line_column(text: str, offset: int) -> tuple[int, int]:
    """Return the line and column of an offset; both count from 1."""
    begin = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - begin + 1
