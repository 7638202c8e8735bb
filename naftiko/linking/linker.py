"""Link a read document: every call, `with`, placeholder, variable and namespace.

    CapabilitySpec, Scope   →  Linked: the operations by ref, the variables in use
                               and findings about every name that does not fit

Linking never refuses a document: a unit with an error is listed and does not run, the
rest of the document works. This module must not know values or requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import shorten
from naftiko.linking.exposed import ExposedLinker
from naftiko.linking.names import DocumentNames
from naftiko.linking.operations import OperationLinker
from naftiko.linking.placeholders import aligned, relaxed
from naftiko.linking.unsupported import note_inert_keys
from naftiko.masking import without_secrets
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.consumes.registry import Registry
    from naftiko.document.findings import Findings
    from naftiko.expressions import Scope
    from naftiko.plain import DocumentPath
    from naftiko.spec.model import CapabilitySpec, Function, Import


class Linked(NamedTuple):
    """A linked document.

    Attributes:
        registry: Its consumed operations, by ref.
        variables: Names of the variables that its templates refer to, bound or not.
        spelled: Place of an exposed function → it as its path spells its inputs, where
            that is another way; see `placeholders`.
    """

    registry: Registry
    variables: frozenset[str]
    spelled: Mapping[DocumentPath, Function]


def link(
    spec: CapabilitySpec,
    scope: Scope,
    findings: Findings,
    *,
    paths: Mapping[str, str] | None = None,
    append_unplaced: bool = False,
) -> Linked:
    """Return the operations of a document, and note every name that does not fit.

    Args:
        spec: The document, read.
        scope: The variables that it binds.
        findings: Where findings go.
        paths: Ref → path that replaces the document's.
        append_unplaced: See `compile_layout`.
    """
    names = DocumentNames(spec, scope, findings)
    operations = OperationLinker(names, paths=paths, append_unplaced=append_unplaced)
    registry = operations.registry()
    for entry in spec.imports:
        _note_import(entry, findings)
    exposed = ExposedLinker(names, registry)
    for exposes in spec.exposes:
        exposed.adapter(exposes)
    exposed.aggregates()
    note_inert_keys(spec, registry, names)
    _note_undeclared(names)
    _note_unused(names)
    return Linked(registry, frozenset(names.used), exposed.spelled)


def fitted(spec: CapabilitySpec, linked: Linked) -> CapabilitySpec:
    """Return a linked document whose exposed functions fit what they call.

    `validate` has no use for it; see `placeholders`.
    """
    return relaxed(aligned(spec, linked.spelled), linked.registry)


def _note_import(entry: Import, findings: Findings) -> None:
    location = shorten(without_secrets(entry.location))
    where = f" ({location})" if location else ""
    name = f" '{shorten(entry.namespace)}'" if entry.namespace else ""
    why = f": {entry.reason}" if entry.reason else ""
    findings.add(
        rules.IMPORT_UNRESOLVED,
        entry.path,
        f"the import{name}{where} is not available{why}",
        entry.hint or "put the file there, or copy the adapter into this document",
    )


def _note_undeclared(names: DocumentNames) -> None:
    """Note variables that no bind declares."""
    if names.findings.document.truncation is not None:
        return  # the missing part may hold the binds
    for name, path in names.used.items():
        if name not in names.scope.variables:
            names.findings.add(
                rules.VARIABLE_UNDECLARED,
                path,
                f"the variable '{shorten(name)}' is in no bind",
                names.how_to_bind(
                    name, "the environment is asked all the same; add it: "
                ),
            )


def _note_unused(names: DocumentNames) -> None:
    """Note binds that no template uses."""
    parts = names.findings.document.parts
    for bind in names.spec.binds:
        if bind.path in parts:
            continue  # the imported file may use it for other adapters
        for name in bind.keys:
            if name not in names.used:
                names.findings.add(
                    rules.VARIABLE_UNUSED,
                    (*bind.path, "keys", name),
                    f"the variable '{name}' is used nowhere",
                    "remove it",
                )
