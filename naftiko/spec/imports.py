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
from typing import TYPE_CHECKING, NamedTuple

from naftiko.document import source as documents
from naftiko.errors import DocumentError, did_you_mean, names_of, shorten
from naftiko.locations import is_file_uri, path_of
from naftiko.plain import text_of
from naftiko.spec.model import Import

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.document import Document
    from naftiko.plain import JSON, DocumentPath
    from naftiko.spec.model import Import

#: Imports of imports of …; more is a mistake.
MAX_DEPTH = 20


class Resolved(NamedTuple):
    """A document with its imports in place.

    Attributes:
        data: The data; the document itself is unchanged.
        binds: Entries of `binds` of the files that adapters came from; their locations
            are absolute.
        reasons: Place of an import that is not available → why.
        files: The files that were asked for, whether they could be read or not.
    """

    data: JSON
    binds: tuple[Mapping[str, JSON], ...] = ()
    reasons: Mapping[DocumentPath, str] = {}
    files: tuple[Path, ...] = ()


class _Unavailable(Exception):
    """Why an import is not available."""


def resolve_imports(document: Document) -> Resolved:
    """Return the data of a document, each import replaced by the adapter it names."""
    data = document.data
    at: DocumentPath = ("capability",) if "capability" in data else ()
    holder = data["capability"] if at else data
    entries = holder.get("consumes")
    listed = list(entries) if isinstance(entries, list) else []
    beside = list(_beside(data, holder, at))
    if not beside and not any(is_import(entry) for entry in listed):
        return Resolved(data)
    resolver = _Resolver()
    reasons: dict[DocumentPath, str] = {}
    own = str(Path(document.name).resolve())
    origin = _Origin(document.directory or Path(), (own,))
    consumes: list[JSON] = []
    more: list[JSON] = []
    for index, entry in enumerate(listed):
        adapters = resolver.entry(entry, (*at, "consumes", index), origin, reasons)
        # One for one, so that every adapter keeps its place in the text.
        consumes.append(adapters[0])
        more += adapters[1:]
    for where, entry in beside:
        adapters = resolver.entry(entry, where, origin, reasons)
        more += [adapter for adapter in adapters if not is_import(adapter)]
    consumes += more
    resolved = {**holder, "consumes": consumes} if consumes else holder
    return Resolved(
        {**data, "capability": resolved} if at else resolved,
        tuple(resolver.binds),
        reasons,
        tuple(resolver.wanted),
    )


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
    """Where an import is written: the folder, and the files on the way there."""

    folder: Path
    chain: tuple[str, ...]


class _Resolver:
    """Read files once, and pick adapters out of them."""

    def __init__(self) -> None:
        self.binds: list[Mapping[str, JSON]] = []
        self.files: dict[Path, Document] = {}
        # In order, like a set: a file that is missing now is watched too.
        self.wanted: dict[Path, None] = {}
        self._used: set[Path] = set()

    def entry(
        self,
        entry: JSON,
        at: DocumentPath,
        origin: _Origin,
        reasons: dict[DocumentPath, str],
    ) -> list[JSON]:
        """Return what stands for one entry: itself, or what it imports."""
        if not is_import(entry):
            return [entry]
        wanted = read_import(entry, at)
        try:
            return self._adapters(wanted, origin)
        except _Unavailable as error:
            reasons[at] = str(error)
            return [entry]

    def _adapters(self, wanted: Import, origin: _Origin) -> list[JSON]:
        if wanted.kind == "openapi":
            raise _Unavailable("adapters made from an OpenAPI file are not supported")
        if not wanted.location:
            raise _Unavailable("it names no file")
        path = _path(wanted.location, origin.folder)
        name = str(path)
        shown = shorten(wanted.location)
        if name in origin.chain or len(origin.chain) > MAX_DEPTH:
            files = " → ".join(Path(file).name for file in (*origin.chain, name))
            raise _Unavailable(f"the files import each other: {files}")
        source = self._read(path, shown)
        data = source.data
        if not isinstance(data, dict):
            data = {}
        holder = data.get("capability")
        listed = (holder if isinstance(holder, dict) else data).get("consumes")
        inner = _Origin(path.parent, (*origin.chain, name))
        known: dict[str, JSON] = {}
        for index, entry in enumerate(listed if isinstance(listed, list) else ()):
            for adapter in self._inner(entry, index, inner, wanted.import_):
                known.setdefault(str(adapter.get("namespace")), adapter)
        if not known:
            raise _Unavailable(f"{shown} holds no consumed adapter")
        self._keep_binds(path, data)
        if not wanted.import_:
            return list(known.values())
        if wanted.import_ not in known:
            guess = did_you_mean(wanted.import_, known)
            raise _Unavailable(
                f"the namespace '{shorten(wanted.import_)}' is not found in {shown};"
                f" {guess or f'it holds {names_of(known)}'}"
            )
        return [{**known[wanted.import_], "namespace": wanted.namespace}]

    def _inner(
        self, entry: JSON, index: int, origin: _Origin, only: str
    ) -> Iterator[Mapping[str, JSON]]:
        if not isinstance(entry, dict):
            return
        if not is_import(entry):
            yield entry
            return
        wanted = read_import(entry, ("consumes", index))
        if not only or wanted.namespace == only:
            yield from self._adapters(wanted, origin)

    def _read(self, path: Path, shown: str) -> Document:
        self.wanted[path] = None
        if path not in self.files:
            try:
                self.files[path] = documents.read(path)
            except DocumentError as error:
                missing = f"there is no file {shown}"
                raise _Unavailable(
                    f"{shown}: {error.message}" if os.path.isfile(path) else missing
                ) from None
        return self.files[path]

    def _keep_binds(self, path: Path, data: JSON) -> None:
        """Keep the variables of a file: its adapters refer to them."""
        if path in self._used:
            return
        self._used.add(path)
        binds = data.get("binds")
        for entry in binds if isinstance(binds, list) else ():
            if isinstance(entry, dict):
                self.binds.append({**entry, **_located(entry, path.parent)})


def _located(entry: Mapping[str, JSON], folder: Path) -> dict[str, JSON]:
    location = entry.get("location")
    if not isinstance(location, str) or not is_file_uri(location):
        return {}
    path = path_of(location, folder)
    return {} if path is None else {"location": path.absolute().as_uri()}


def _path(location: str, folder: Path) -> Path:
    """Return the file that a location names, the same for all ways that lead to it."""
    path = path_of(location, folder)
    if path is None:
        if "://" in location and not is_file_uri(location):
            raise _Unavailable(f"{shorten(location)} is not fetched; copy it beside")
        raise _Unavailable(f"{shorten(location)} cannot be the name of a file")
    return Path(os.path.realpath(path))


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
