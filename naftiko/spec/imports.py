"""Put consumed adapters of other files where a document imports them.

    {import: shop, location: ./shop.yaml, as: s}  →  the adapter `shop` of that file

Spec 2.11; dialect 2 and 3.1. An import is replaced by a copy of the adapter that it
names. An import that names nothing stays as it is, with the reason, and is a unit
error. Files are read relative to the document that names them; nothing is fetched.
This module must not know what an adapter says.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from naftiko.document import source as documents
from naftiko.document.document import ForeignPart
from naftiko.document.findings import Findings
from naftiko.document.truncation import drop_incomplete, note_truncation
from naftiko.errors import DocumentError, did_you_mean, names_of, shorten
from naftiko.locations import is_file_uri, path_of
from naftiko.plain import mappings_of, text_of
from naftiko.records.tuples import NamedTuple
from naftiko.spec.model import Import

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.document import Document
    from naftiko.document.findings import Finding
    from naftiko.plain import JSON, DocumentPath
    from naftiko.spec.model import Import

#: Imports of imports of …; more is a mistake.
MAX_DEPTH = 20
_SUFFIXES = (".yaml", ".yml", ".json")
#: The first key of the places that binds of imported files get in a document.
_IMPORTED_BINDS = "binds of imports"


class Resolved(NamedTuple):
    """A document with its imports in place.

    Attributes:
        data: The data; the document itself is unchanged.
        binds: Entries of `binds` of the files that adapters came from, with their
            places; their locations are absolute.
        lacks: Place of an import that is not available → why.
        files: The files that were asked for, whether they could be read or not.
        parts: Place of an imported adapter → where it stands in its own file.
        findings: What was found while the imported files were read.
    """

    data: JSON
    binds: tuple[tuple[DocumentPath, Mapping[str, JSON]], ...] = ()
    lacks: Mapping[DocumentPath, Lack] = {}
    files: tuple[Path, ...] = ()
    parts: Mapping[DocumentPath, ForeignPart] = {}
    findings: tuple[Finding, ...] = ()


class Lack(NamedTuple):
    """Why an import is not available, and what would help."""

    reason: str
    hint: str = "put the file there, or copy the adapter into this document"


class _Unavailable(Exception):
    """An import is not available."""

    def __init__(self, reason: str, hint: str = Lack._field_defaults["hint"]) -> None:
        super().__init__(reason)
        self.lack = Lack(reason, hint)


class _Adapter(NamedTuple):
    """An entry of `consumes`, and where it stands.

    Attributes:
        entry: An adapter, or an import that is not available.
        part: Its place in another file; `None` for an entry of the document itself.
        lack: Why an import is not available.
    """

    entry: JSON
    part: ForeignPart | None = None
    lack: Lack | None = None


def resolve_imports(document: Document, *, reads_files: bool = True) -> Resolved:
    """Return the data of a document, each import replaced by the adapter it names.

    Without `reads_files` no import is available, and no file is looked for.
    """
    data = document.data
    at: DocumentPath = ("capability",) if "capability" in data else ()
    holder = data["capability"] if at else data
    entries = holder.get("consumes")
    listed = list(entries) if isinstance(entries, list) else []
    beside = list(_beside(data, holder, at))
    if not beside and not any(is_import(entry) for entry in listed):
        return Resolved(data)
    resolver = _Resolver(reads_files=reads_files)
    lacks: dict[DocumentPath, Lack] = {}
    folder = document.directory or Path()
    own = (os.path.realpath(document.file or document.name),) if reads_files else ()
    origin = _Origin(folder, folder, own)
    # One for one, so that every adapter keeps its place in the text.
    placed: list[_Adapter] = []
    more: list[_Adapter] = []
    for index, entry in enumerate(listed):
        adapters = resolver.entry(entry, (*at, "consumes", index), origin)
        placed.append(adapters[0])
        more += adapters[1:]
    for where, entry in beside:
        adapters = resolver.entry(entry, where, origin)
        if adapters[0].lack and adapters[0].part is None:
            lacks[where] = adapters[0].lack
        else:
            more += adapters
    placed += more
    parts: dict[DocumentPath, ForeignPart] = {}
    for index, adapter in enumerate(placed):
        place: DocumentPath = (*at, "consumes", index)
        if adapter.part is not None:
            parts[place] = adapter.part
        if adapter.lack:
            lacks[place] = adapter.lack
    findings = tuple(_losses(parts))
    binds = []
    for index, (part, bind) in enumerate(resolver.binds):
        parts[_IMPORTED_BINDS, index] = part
        binds.append(((_IMPORTED_BINDS, index), bind))
    consumes = [adapter.entry for adapter in placed]
    resolved = {**holder, "consumes": consumes} if consumes else holder
    return Resolved(
        {**data, "capability": resolved} if at else resolved,
        tuple(binds),
        lacks,
        tuple(resolver.wanted),
        parts,
        findings,
    )


def _losses(parts: Mapping[DocumentPath, ForeignPart]) -> Iterator[Finding]:
    """Yield a finding for each imported file that its publisher cut off."""
    told: set[str] = set()
    for place, part in parts.items():
        findings = Findings(part.document)
        if part.document.truncation is not None and part.document.name not in told:
            told.add(part.document.name)
            note_truncation(findings)
        yield from (finding._replace(path=place) for finding in findings.noted)


def _beside(
    data: JSON, holder: JSON, at: DocumentPath
) -> Iterator[tuple[DocumentPath, Mapping[str, JSON]]]:
    """Yield imports written outside `consumes`, as some published files do."""
    places = [((), data), (at, holder)] if at else [((), data)]
    for where, owner in places:
        for key in ("import", "imports"):
            entries = owner.get(key)
            for index, entry in enumerate(entries if isinstance(entries, list) else ()):
                given = entry if isinstance(entry, dict) else {"location": entry}
                yield (*where, key, index), given


class _Origin(NamedTuple):
    """Where an import is written.

    Attributes:
        folder: The folder that its location starts from.
        shown: The same folder, as messages name it.
        chain: The files on the way there.
    """

    folder: Path
    shown: Path
    chain: tuple[str, ...]


class _Resolver:
    """Read files once, and pick adapters out of them."""

    def __init__(self, *, reads_files: bool) -> None:
        self._reads_files = reads_files
        self.binds: list[tuple[ForeignPart, Mapping[str, JSON]]] = []
        self.files: dict[Path, Document] = {}
        # In order, like a set: a file that is missing now is watched too.
        self.wanted: dict[Path, None] = {}
        self._used: set[Path] = set()

    def entry(self, entry: JSON, at: DocumentPath, origin: _Origin) -> list[_Adapter]:
        """Return what stands for one entry: itself, or what it imports."""
        if not is_import(entry):
            return [_Adapter(entry)]
        try:
            return self._adapters(read_import(entry, at), origin)
        except _Unavailable as error:
            return [_Adapter(entry, lack=error.lack)]

    def _adapters(self, wanted: Import, origin: _Origin) -> list[_Adapter]:
        if wanted.kind == "openapi":
            raise _Unavailable(
                "adapters made from an OpenAPI file are not supported",
                "write the adapter out, with its resources and operations",
            )
        if not wanted.location:
            raise _Unavailable("it names no file", "add `location:`")
        if not self._reads_files:
            raise _Unavailable(
                "no file is read here",
                "validate it where its files are: naftiko validate FILE",
            )
        path, named = _path(wanted.location, origin)
        name = str(path)
        shown = shorten(wanted.location)
        if name in origin.chain or len(origin.chain) > MAX_DEPTH:
            files = " → ".join(Path(file).name for file in (*origin.chain, name))
            raise _Unavailable(
                f"the files import each other: {files}", "remove one of these imports"
            )
        document = self._read(path, named, shown)
        is_moved = Path(os.path.realpath(named.parent)) != path.parent
        known, lost = self._known(
            document,
            _Origin(
                path.parent,
                path.parent if is_moved else named.parent,
                (*origin.chain, name),
            ),
            wanted.import_,
        )
        if not known:
            for adapter in lost:
                if adapter.lack:
                    raise _Unavailable(
                        f"{shown}: {adapter.lack.reason}", adapter.lack.hint
                    )
            raise _Unavailable(
                f"{shown} holds no consumed adapter",
                "name a file with a `consumes` list",
            )
        self._keep_binds(path, document)
        if not wanted.import_:
            return [*known.values(), *lost]
        if wanted.import_ not in known:
            raise _Unavailable(
                f"the namespace '{shorten(wanted.import_)}' is not found in {shown}",
                did_you_mean(wanted.import_, known) or f"it holds {names_of(known)}",
            )
        found = known[wanted.import_]
        if wanted.namespace == wanted.import_:
            return [found]
        entry = {**found.entry, "namespace": wanted.namespace}
        part = found.part
        given = part and part._replace(keys=frozenset(("namespace",)))
        return [_Adapter(entry, given)]

    def _known(
        self, document: Document, origin: _Origin, only: str
    ) -> tuple[dict[str, _Adapter], list[_Adapter]]:
        """Return the adapters of a file by namespace, and imports that it lacks."""
        data = document.data if isinstance(document.data, dict) else {}
        holder = data.get("capability")
        at: DocumentPath = ("capability",) if isinstance(holder, dict) else ()
        listed = (holder if isinstance(holder, dict) else data).get("consumes")
        known: dict[str, _Adapter] = {}
        lost: list[_Adapter] = []
        entries = [
            *mappings_of(listed, (*at, "consumes")),
            *_beside(data, holder if at else data, at),
        ]
        for place, entry in entries:
            for adapter in self._inner(entry, place, document, origin, only):
                if adapter.lack:
                    lost.append(adapter)
                else:
                    name = text_of(adapter.entry.get("namespace"))
                    known.setdefault(name, adapter)
        return known, lost

    def _inner(
        self,
        entry: Mapping[str, JSON],
        place: DocumentPath,
        document: Document,
        origin: _Origin,
        only: str,
    ) -> list[_Adapter]:
        part = ForeignPart(document, place)
        if not is_import(entry):
            return [_Adapter(entry, part)]
        wanted = read_import(entry, place)
        if only and wanted.namespace not in (only, ""):
            return []
        try:
            return self._adapters(wanted, origin)
        except _Unavailable as error:
            return [_Adapter(entry, part, error.lack)]

    def _read(self, path: Path, named: Path, shown: str) -> Document:
        self.wanted[path] = None
        if path in self.files:
            return self.files[path]
        try:
            document = documents.read(path, name=str(named), is_named=True)
        except DocumentError as error:
            if not os.path.exists(path):
                raise _missing(path, named, shown) from None
            where = error.location
            line = f", line {where.line}, column {where.column}" if where else ""
            raise _Unavailable(
                f"{shown}{line}: {error.message}", error.hint or "mend that file"
            ) from None
        if document.truncation is not None:
            document = document.copied()
            drop_incomplete(document.data, Findings(document))
        self.files[path] = document
        return document

    def _keep_binds(self, path: Path, document: Document) -> None:
        """Keep the variables of a file: its adapters refer to them."""
        if path in self._used:
            return
        self._used.add(path)
        data = document.data
        holder = data.get("capability")
        places: list[tuple[DocumentPath, JSON]] = [(("binds",), data.get("binds"))]
        if isinstance(holder, dict):
            places.append((("capability", "binds"), holder.get("binds")))
        for at, binds in places:
            for where, entry in mappings_of(binds, at):
                located = {**entry, **_located(entry, path.parent)}
                self.binds.append((ForeignPart(document, where), located))


def _located(entry: Mapping[str, JSON], folder: Path) -> dict[str, JSON]:
    location = entry.get("location")
    if not isinstance(location, str) or not is_file_uri(location):
        return {}
    path = path_of(location, folder)
    return {} if path is None else {"location": path.absolute().as_uri()}


def _path(location: str, origin: _Origin) -> tuple[Path, Path]:
    """Return the file that a location names, and how messages name that file.

    The first is the same for all ways that lead to the file.
    """
    path = path_of(location, origin.folder)
    named = path_of(location, origin.shown)
    if path is None or named is None:
        if "://" in location and not is_file_uri(location):
            raise _Unavailable(
                "a URL is not fetched",
                "save it as a file beside this one, and name that file",
            )
        raise _Unavailable(
            f"{shorten(location)} cannot be the name of a file", "name a file"
        )
    begin = location.partition("/")[0]
    if not os.path.exists(path) and begin == origin.folder.resolve().name:
        # Written from the top of a repository: `capabilities/shared/x.yaml`.
        from_top = origin.folder.resolve().parent / location
        if os.path.exists(from_top):
            path, named = from_top, origin.shown / ".." / location
    return Path(os.path.realpath(path)), Path(os.path.normpath(named))


def _missing(path: Path, named: Path, shown: str) -> _Unavailable:
    """Return that there is no such file, and the file that may be meant."""
    try:
        beside = [p.name for p in path.parent.iterdir() if p.suffix in _SUFFIXES]
    except OSError:
        beside = []
    looked = "" if os.path.normpath(shown) == str(named) else f" ({named})"
    reason = f"there is no file {shown}{looked}"
    guess = did_you_mean(path.name, beside)
    return _Unavailable(reason, guess) if guess else _Unavailable(reason)


def is_import(entry: JSON) -> bool:
    """Tell whether an entry of `consumes` names an adapter of another file."""
    return (
        isinstance(entry, dict)
        and bool(entry.keys() & {"location", "import", "ref", "openapi", "url"})
        and not entry.keys() & {"resources", "baseUri"}
    )


def read_import(entry: Mapping[str, JSON], at: DocumentPath) -> Import:
    """Read an import, in every spelling of published files."""
    location = entry.get("location") or entry.get("ref") or entry.get("url")
    name = entry.get("import") or entry.get("name") or entry.get("namespace")
    kind = ""
    if "openapi" in entry:
        kind, name = "openapi", entry["openapi"]
    local = entry.get("as") or entry.get("namespace") or name
    return Import(text_of(local or name), text_of(location), text_of(name), at, kind)
