"""The names of one document, and the places that use them.

    the texts of a document   →  variable → the first place that refers to it
    a name that is not known  →  "did you mean 'docker.list'?"

This module must not know which names a document needs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.errors import nearest, shorten
from naftiko.expressions import TemplateError, is_upper, parse, refs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from naftiko.document.findings import Findings
    from naftiko.expressions import Scope
    from naftiko.plain import JSON, DocumentPath
    from naftiko.spec.model import CapabilitySpec, Function

#: A variable as some published files write it, without braces: `env.TOKEN`.
_BARE_VARIABLE = re.compile(r"env\.[A-Z][A-Z0-9_]*")

#: Kind of a function → how messages call it.
_KINDS = {
    "rest": "the REST operation",
    "tool": "the tool",
    "resource": "the MCP resource",
    "skill": "the skill tool",
    "aggregate": "the function",
}


class DocumentNames:
    """The names of one document, shared by all that check them.

    Attributes:
        spec: The document, read.
        scope: The variables that it binds.
        findings: Where findings go.
        namespaces: The namespaces of its consumed adapters.
        used: Variable → the first place that refers to it.
    """

    def __init__(self, spec: CapabilitySpec, scope: Scope, findings: Findings) -> None:
        self.spec = spec
        self.scope = scope
        self.findings = findings
        self.namespaces = {consumes.namespace for consumes in spec.consumes}
        self.used: dict[str, DocumentPath] = {}
        #: `namespace.function` → the first aggregate function of that name.
        self.aggregates: dict[str, Function] = {}
        for namespace, functions in spec.aggregates:
            for function in functions:
                self.aggregates.setdefault(f"{namespace}.{function.name}", function)

    def use(self, name: str, path: DocumentPath) -> None:
        """Note that a place refers to a variable."""
        self.used.setdefault(name, path)

    def use_all(self, data: JSON, path: DocumentPath) -> None:
        """Note the variables that the texts in a value refer to."""
        if isinstance(data, str) and "{{" not in data and not data.startswith("env."):
            return  # as most are
        for place, text in texts_of(data, path):
            if "{{" in text or text.startswith("env."):
                for name in variables_of(text, self.scope):
                    self.use(name, place)

    def node(self, path: DocumentPath) -> JSON:
        """Return the node at a place of the document, or of a file it imports."""
        return self.findings.document.node_at(path)

    def first_text(
        self, path: DocumentPath, is_wanted: Callable[[str], bool]
    ) -> DocumentPath:
        """Return the place of the first such text at or below a place, or `()`."""
        texts = texts_of(self.node(path), path)
        return next((place for place, text in texts if is_wanted(text)), ())

    def how_to_bind(self, name: str, begin: str = "") -> str:
        """Return the hint for a variable in no bind: one of nearly its name first.

        Args:
            name: The variable.
            begin: Stands before the bind where no other variable has nearly its name.
        """
        line = f"binds: [{{namespace: env, keys: {{{name}: {name}}}}}]"
        near = nearest(name, self.scope.variables, 1, cutoff=0.85)
        return (
            f"did you mean '{near[0]}'? Otherwise bind it: {line}"
            if near
            else begin + line
        )

    def suggest(self, name: str, known: Collection[str]) -> str:
        """Return `did you mean …?` for the nearest name, or an empty text.

        It is empty too when this document has used up its comparisons (`likeness`).
        """
        near = self.nearest(name, known)
        return f"did you mean '{near}'?" if near else ""

    def nearest(self, name: str, known: Collection[str]) -> str:
        """Return the known name most like one; see `suggest`."""
        near = nearest(name, known, 1)
        return near[0] if near else ""


def texts_of(value: JSON, path: DocumentPath) -> Iterator[tuple[DocumentPath, str]]:
    """Yield the texts in a value with their places."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            if isinstance(item, str):
                yield (*path, key), item
            elif isinstance(item, (dict, list)):
                yield from texts_of(item, (*path, key))


def variables_of(text: str, scope: Scope) -> list[str]:
    """Return the variables that a text refers to: `{{HOST}}/{{id}}` → `["HOST"]`."""
    if "{{" not in text:
        return [text.removeprefix("env.")] if is_bare_variable(text) else []
    try:
        references = refs(parse(text, scope))
    except TemplateError:
        return []
    return [
        ref.name
        for ref in references
        if ref.is_variable and (is_upper(ref.name) or ref.name in scope.variables)
    ]


def is_bare_variable(value: JSON) -> bool:
    """Tell whether a value is a variable without its braces: `env.TOKEN`."""
    return isinstance(value, str) and _BARE_VARIABLE.fullmatch(value) is not None


def is_no_template(text: str) -> bool:
    """Tell whether a text cannot be parsed as a template."""
    try:
        parse(text)
    except TemplateError:
        return True
    return False


def label_of(function: Function) -> str:
    """Return how messages call a function: `the tool 'list'`."""
    name = function.name or f"{function.method} {function.url_path}".strip()
    return f"{_KINDS[function.kind]} '{shorten(name)}'"
