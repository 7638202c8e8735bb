"""`DocumentIndex`: the names in a document that shells complete.

    index_of("api.yaml")  →  index.operations, index.clear, index.takes("api.get") …

Loading a document takes longer than a press of a key may, so what was found once is
kept in the cache beside the document. What an import could change is not kept.
This module must not know what is completed where.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from naftiko.cli.entries import CacheEntry
from naftiko.errors import NaftikoError
from naftiko.records.tuples import NamedTuple
from naftiko.settings import APPEND_PATH_PARAMETERS

if TYPE_CHECKING:
    from naftiko.capability import Capability

#: Bytes of a document; a larger one is refused when it is read. It is the limit of
#: `document.source`, which is slow to import.
_LARGEST = 16 * 1024 * 1024


class Takes(NamedTuple):
    """What an operation or exposed function takes.

    Attributes:
        types: Name of an argument → its type, in their order.
        choices: Name → the values that it may have, where the document lists them.
    """

    types: dict[str, str]
    choices: dict[str, list[str]]


class DocumentIndex:
    """The names in one document.

    Attributes:
        operations: The references of its operations.
        exposed: The names of its exposed functions.
        clear: Bare names of both that mean one of them alone.
        variables: The names of its variables.
        adapters: The namespaces of its exposed adapters.
    """

    def __init__(self, path: str, raw: bytes) -> None:
        self._path = path
        self._raw = raw
        self._capability: Capability | None = None
        kept = self._kept()
        self._names = kept or self._found()
        if kept is None:
            self._keep()
        self.operations: list[str] = self._names["operations"]
        self.exposed: list[str] = self._names["exposed"]
        self.clear: list[str] = self._names["clear"]
        self.variables: list[str] = self._names["variables"]
        self.adapters: list[str] = self._names["adapters"]

    def takes(self, name: str) -> Takes | None:
        """Return what a name takes; `None` for a name that means nothing."""
        known = self._names["takes"]
        if name not in known:
            found = self._takes(name)
            if found is None:
                return None
            known[name] = list(found)
            self._keep()
        return Takes(*known[name])

    def _takes(self, name: str) -> Takes | None:
        # Imported here: names that are kept need nothing of it.
        from naftiko.cli.arguments.typed import takes_of

        try:
            found = takes_of(self._loaded().find(name), name)
        except NaftikoError:
            return None
        types = {parameter.name: parameter.type for parameter in found.inputs}
        if found.takes_body:
            types.setdefault("body", "")
        choices = {
            parameter.name: [f"{c}" for c in values if not isinstance(c, (dict, list))]
            for parameter in found.inputs
            if isinstance(values := parameter.keywords.get("enum"), list)
        }
        return Takes(types, choices)

    def _loaded(self) -> Capability:
        if self._capability is None:
            from naftiko.cli.cache import cached
            from naftiko.loader import load

            self._capability = load(cached(self._raw, self._path), schema=None)
        return self._capability

    def _found(self) -> dict[str, Any]:
        capability = self._loaded()
        operations, exposed = list(capability.operations), capability.functions.names()
        return {
            "operations": operations,
            "exposed": list(exposed),
            "clear": _clear(capability, [*operations, *exposed]),
            "variables": list(capability.variables.names),
            "adapters": [e.namespace for e in capability.exposes if e.namespace],
            "takes": {},
        }

    def _kept(self) -> dict[str, Any] | None:
        entry = self._entry()
        if entry is None:
            return None
        with entry:
            body = entry.read()
        try:
            names = json.loads(body) if body else None
        except (ValueError, RecursionError):
            return None
        return names if _is_index(names) else None

    def _keep(self) -> None:
        own = os.path.realpath(self._path)
        files = self._loaded().files
        if any(os.path.realpath(file) != own for file in files):
            return  # another file would change without a sign of it
        entry = self._entry()
        if entry is not None:
            with entry:
                entry.read()
                entry.write(json.dumps(self._names, separators=(",", ":")).encode())

    def _entry(self) -> CacheEntry | None:
        appends = os.environ.get(APPEND_PATH_PARAMETERS, "")
        return CacheEntry.of(self._raw, f"index {appends[:8]}")


def index_of(path: str) -> DocumentIndex | None:
    """Return the names in a file; `None` for one that is no document.

    Args:
        path: Its path. Reading a pipe or a device would wait, or take what another
            command needs, so only a file is read.
    """
    try:
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            raw = file.read(_LARGEST + 1)
        return DocumentIndex(path, raw)
    except (NaftikoError, OSError, ValueError):
        return None


def _clear(capability: Capability, names: list[str]) -> list[str]:
    """Return the bare names, without namespaces, that mean one thing alone."""
    clear = []
    for short in dict.fromkeys(name.rpartition(".")[2] for name in names):
        try:
            capability.find(short)
        except NaftikoError:
            continue
        clear.append(short)
    return clear


def _is_index(names: Any) -> bool:
    """Tell whether what was read back is what was kept: a checksum is no proof."""
    if not isinstance(names, dict) or not isinstance(names.get("takes"), dict):
        return False
    lists = ("operations", "exposed", "clear", "variables", "adapters")
    return all(_are_texts(names.get(key)) for key in lists) and all(
        isinstance(takes, list)
        and len(takes) == 2
        and all(isinstance(part, dict) for part in takes)
        and _are_texts(list(takes[0].values()))
        and all(_are_texts(values) for values in takes[1].values())
        for takes in names["takes"].values()
    )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
