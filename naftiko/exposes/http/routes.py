"""`Router`: the path and the method of a request -> the endpoint that answers it.

Spec 3.2 and dialect 7.2. The templates form a tree with one level for each segment of
a path. At every level the most specific branch is tried first::

    GET /ships/new        a literal segment
    GET /ships/{id}.json  a segment with text around a placeholder; more text goes first
    GET /ships/{id}       a placeholder alone
    GET /ships/{path}     the placeholder `path`, which takes every segment that is left

The order of the document decides nothing, except that the first of two equal routes is
kept. The cost of a lookup depends on the path and not on the number of routes. All
adapters use this router. This module must not know what an endpoint does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import parse_qs, quote, unquote

from naftiko.expressions import TemplateError, parse_path, refs
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from naftiko.exposes.http.scope import ASGIScope
    from naftiko.expressions import Template

T = TypeVar("T")

#: The placeholder that stands for several segments (spec 3.2).
CATCH_ALL = "path"
#: The method of an endpoint that takes every method.
ANY_METHOD = "*"
#: Characters that stay as they are in a path (RFC 3986, 3.3).
PATH_SAFE = "/:@!$&'()*+,;=~"


class BadPath(ValueError):
    """The path of a request is not percent-encoded UTF-8."""


class Tail(str):
    """The segments that the placeholder `path` stands for, still percent-encoded."""

    __slots__ = ()

    @property
    def segments(self) -> list[str]:
        """The segments, decoded; a `%2F` stays inside its segment."""
        return [_decoded(segment) for segment in self.split("/")]


class RouteMatch(NamedTuple, Generic[T]):
    """The endpoint of a request.

    Attributes:
        endpoint: The endpoint that was added with the route.
        captures: Placeholder → its decoded text; a `Tail` for `path`.
    """

    endpoint: T
    captures: dict[str, str]


class NoRoute(NamedTuple):
    """No endpoint answers the request.

    Attributes:
        allowed: The methods that the path has; empty when no route has the path.
    """

    allowed: frozenset[str]


class Router(Generic[T]):
    """The routes of one adapter."""

    def __init__(self) -> None:
        self._root: _RouteNode[T] = _RouteNode()

    def add(self, method: str, template: str, endpoint: T) -> bool:
        """Add a route; return whether it is the first of its method and shape.

        `add("GET", "/ships/{id}?view=full", e)` makes `e` the endpoint of
        `GET /ships/7?view=full`, with the captures `{"id": "7"}`.

        Args:
            method: Upper case, or `ANY_METHOD`.
            template: The path, with `{name}` or `{{name}}` as placeholders. A query in
                it must be in the query of the request.
            endpoint: The endpoint that `find` returns.
        """
        path, names, conditions = _compiled(template)
        node = self._root
        for part in path:
            node = node.child(part)
        for at, part in enumerate(path):
            if part is _REST:
                self._note_depth(path, at)
        entry = _Entry(endpoint, tuple(names), conditions)
        return node.add(method, entry)

    def _note_depth(self, path: list[_Part], at: int) -> None:
        """Note at the node of `path` how many segments this template has after it."""
        node = self._root
        for part in path[: at + 1]:
            node = node.child(part)
        left = len(path) - at - 1
        if left not in node.depths:
            node.depths = tuple(sorted((*node.depths, left), reverse=True))

    def find(self, path: str, method: str, query: str = "") -> RouteMatch[T] | NoRoute:
        """Return the endpoint of a request.

        When several templates match the path, the most specific one that has the method
        answers. A route for `GET` also answers `HEAD`.

        Args:
            path: The path of the request, still percent-encoded.
            method: The method of the request.
            query: The query of the request, still percent-encoded.

        Raises:
            BadPath: The path is not UTF-8.
        """
        raw = path.removeprefix("/").split("/")
        segments = [_decoded(text) for text in raw] if "%" in path else raw
        search: _Search[T] = _Search(raw, segments, method, query)
        leaf = search.walk(self._root, 0, ())
        if leaf is None:
            return NoRoute(frozenset(search.allowed))
        entry, captures = leaf
        return RouteMatch(entry.endpoint, dict(zip(entry.names, captures, strict=True)))


def encoded_path(scope: ASGIScope) -> str:
    """Return the percent-encoded path of a request, for `Router.find`.

    The path at which the application is mounted (`root_path`) is taken away. The path
    stays encoded, because a `%2F` is part of a segment and does not separate two.
    """
    raw = scope.get("raw_path")
    if raw and b"?" not in raw and raw.isascii() and not scope.get("root_path"):
        return str(raw.decode("ascii"))  # nearly every request
    if raw is None:
        path = quote(scope["path"], safe=PATH_SAFE)
    elif raw.isascii():
        path = raw.decode("ascii").partition("?")[0]
    else:
        path = quote(raw.partition(b"?")[0], safe=PATH_SAFE + "%")
    root = scope.get("root_path", "").rstrip("/")
    if root and f"{scope['path']}/".startswith(f"{root}/"):
        # The mount may be encoded in another way here, so segments are counted.
        path = "/" + "/".join(path.split("/")[root.count("/") + 1 :])
    return path or "/"


class _Search(Generic[T]):
    """One lookup: a depth-first search that tries the most specific branch first."""

    __slots__ = ("_query", "allowed", "method", "query", "raw", "segments")

    def __init__(
        self, raw: list[str], segments: list[str], method: str, query: str
    ) -> None:
        self.raw = raw
        self.segments = segments
        self.method = method
        self.query = query
        #: The methods of the routes that match all but the method.
        self.allowed: set[str] = set()
        self._query: dict[str, list[str]] | None = None

    def walk(
        self, node: _RouteNode[T], at: int, captures: tuple[str, ...]
    ) -> tuple[_Entry[T], tuple[str, ...]] | None:
        """Return the entry below a node that matches the segments from `at` on."""
        if at == len(self.segments):
            return self.choose(node, captures)
        segment = self.segments[at]
        child = node.literals.get(segment)
        if child is not None and (leaf := self.walk(child, at + 1, captures)):
            return leaf
        if segment:
            for mixed, child in node.mixed:
                inner = mixed.match(segment)
                if inner and (leaf := self.walk(child, at + 1, (*captures, *inner))):
                    return leaf
            if node.one is not None and (
                leaf := self.walk(node.one, at + 1, (*captures, segment))
            ):
                return leaf
        if node.rest is not None:
            for depth in node.rest.depths:
                end = len(self.segments) - depth
                # The last of several segments may be empty: `/files/a/`.
                if end > at and (segment or end > at + 1):
                    tail = Tail("/".join(self.raw[at:end]))
                    if leaf := self.walk(node.rest, end, (*captures, tail)):
                        return leaf
        return None

    def choose(
        self, node: _RouteNode[T], captures: tuple[str, ...]
    ) -> tuple[_Entry[T], tuple[str, ...]] | None:
        """Return the entry of a node for the method and the query of the request."""
        entries = node.entries
        if not entries:
            return None
        of_method = entries.get(self.method)
        if of_method is None and self.method == "HEAD":
            of_method = entries.get("GET")
        if of_method is None:
            of_method = entries.get(ANY_METHOD)
        for entry in of_method or ():
            if not entry.conditions:
                return entry, captures
            values = self.meets(entry)
            if values is not None:
                return entry, (*captures, *values)
        self.allowed |= {
            method
            for method, known in entries.items()
            if any(self.meets(entry) is not None for entry in known)
        }
        return None

    def meets(self, entry: _Entry[T]) -> list[str] | None:
        """Return the values of the placeholders in a query, `None` if it differs."""
        if self._query is None:
            self._query = (
                parse_qs(self.query, keep_blank_values=True) if self.query else {}
            )
        values = []
        for name, wanted in entry.conditions:
            given = self._query.get(name)
            if given is None or (wanted is not None and wanted not in given):
                return None
            if wanted is None:
                values.append(given[0])
        return values


class _Entry(NamedTuple, Generic[T]):
    """A route at the end of its path.

    Attributes:
        endpoint: The endpoint that answers.
        names: The placeholders, in the order of the template.
        conditions: Name and value that the query must have; `None` for any value.
    """

    endpoint: T
    names: tuple[str, ...]
    conditions: tuple[tuple[str, str | None], ...]


class MixedSegment(NamedTuple):
    """A segment of texts and placeholders: `{id}:verb`, `{a}.{b}`.

    Attributes:
        prefix: The text before the first placeholder.
        between: The texts between two placeholders.
        suffix: The text behind the last placeholder.
    """

    prefix: str
    between: tuple[str, ...]
    suffix: str

    def match(self, text: str) -> tuple[str, ...]:
        """Return the text of each placeholder; empty when the segment differs.

        No placeholder is empty. Where several splits are possible, the first
        placeholder takes as much as it can. The search goes from the right and takes
        time in proportion to the text.
        """
        if not (text.startswith(self.prefix) and text.endswith(self.suffix)):
            return ()
        begin, end = len(self.prefix), len(text) - len(self.suffix)
        values = []
        for literal in reversed(self.between):
            at = text.rfind(literal, begin, end - 1)
            if at <= begin:
                return ()
            values.append(text[at + len(literal) : end])
            end = at
        if end <= begin:
            return ()
        return (text[begin:end], *reversed(values))

    @property
    def length(self) -> int:
        """The number of characters of text that a segment must hold."""
        return len(self.prefix) + len(self.suffix) + sum(map(len, self.between))


class _Kind:
    """A part of a path that is neither a text nor mixed."""

    __slots__ = ()


#: One placeholder that is the whole segment, and the placeholder `path`.
_ONE, _REST = _Kind(), _Kind()
_Part = str | MixedSegment | _Kind


class _RouteNode(Generic[T]):
    """One place in the tree: the branches below it, and the routes that end here."""

    __slots__ = ("depths", "entries", "literals", "mixed", "one", "rest")

    def __init__(self) -> None:
        self.literals: dict[str, _RouteNode[T]] = {}
        self.mixed: list[tuple[MixedSegment, _RouteNode[T]]] = []
        self.one: _RouteNode[T] | None = None
        self.rest: _RouteNode[T] | None = None
        #: For the node of `path`: the numbers of segments that templates have after it.
        self.depths: tuple[int, ...] = ()
        self.entries: dict[str, list[_Entry[T]]] = {}

    def child(self, part: _Part) -> _RouteNode[T]:
        """Return the branch for the next part of a template; made when it is new."""
        if isinstance(part, str):
            return self.literals.setdefault(part, _RouteNode())
        if part is _ONE:
            self.one = self.one or _RouteNode()
            return self.one
        if part is _REST:
            self.rest = self.rest or _RouteNode()
            return self.rest
        assert isinstance(part, MixedSegment)
        for known, node in self.mixed:
            if known == part:
                return node
        node = _RouteNode()
        self.mixed.append((part, node))
        # The more text a segment must hold, the more specific it is.
        self.mixed.sort(key=lambda pair: -pair[0].length)
        return node

    def add(self, method: str, entry: _Entry[T]) -> bool:
        entries = self.entries.setdefault(method, [])
        if any(known.conditions == entry.conditions for known in entries):
            return False
        entries.append(entry)
        entries.sort(key=lambda known: -len(known.conditions))
        return True


def _compiled(
    template: str,
) -> tuple[list[_Part], list[str], tuple[tuple[str, str | None], ...]]:
    """Return the parts of a template, its placeholders, and the query it asks for.

    `"/a/{id}?x=1"` -> `["a", _ONE]`, `["id"]`, `(("x", "1"),)`.
    """
    text, _, query = template.partition("?")
    names: list[str] = []
    path: list[_Part] = []
    for segment in text.removeprefix("/").split("/"):
        parts = _template(segment)
        inside = [ref.name for ref in refs(parts)]
        names += inside
        if not inside:
            path.append(unquote(segment))
        elif len(parts) > 1:
            path.append(_mixed(parts))
        else:
            # A second `path` in one template is a placeholder like any other.
            is_rest = inside[0] == CATCH_ALL and _REST not in path
            path.append(_REST if is_rest else _ONE)
    conditions: list[tuple[str, str | None]] = []
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        inside = [ref.name for ref in refs(_template(value))]
        names += inside[:1]
        conditions.append((unquote(name), None if inside else unquote(value)))
    return path, names, tuple(conditions)


def _template(text: str) -> Template:
    try:
        return parse_path(text)
    except TemplateError:
        return (text,)


def _mixed(parts: Template) -> MixedSegment:
    texts = [""]
    for part in parts:
        if isinstance(part, str):
            texts[-1] += unquote(part)
        else:
            texts.append("")
    return MixedSegment(texts[0], tuple(texts[1:-1]), texts[-1])


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise BadPath(text) from None
