"""`{{NAME}}` templates, `{name}` placeholders, and what a name in them refers to.

Spec 8.1 and 8.4; how published files write references: `tools.x` and `rest.x` are
fixed words for an argument, `env.X` for a variable. This module must not know where
a value comes from or where it is placed.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

#: Inner blanks are allowed; `{{{x}}}` and `{{&x}}` mean the same (spec 8.1).
#: A third brace belongs to the reference only on both sides: `{"n": {{n}}}` is JSON.
_MUSTACHE = (
    r"\{\{\{\s*(?P<triple>[^{}]*?)\s*\}\}\}|\{\{\s*&?\s*(?P<mustache>[^{}]*?)\s*\}\}"
)
_TEMPLATE = re.compile(_MUSTACHE)
_PATH_TEMPLATE = re.compile(_MUSTACHE + r"|\{(?P<single>[^{}/]+)\}")
_BASE_TEMPLATE = re.compile(
    _MUSTACHE
    + r"|\$\{(?P<shell>[^{}]+)\}|\{(?P<single>[^{}]+)\}|\[(?P<square>[A-Za-z_]\w*)\]"
)
_UPPER = re.compile(r"[A-Z][A-Z0-9_]*")

#: Fixed words for the arguments of a unit in published files; not namespaces.
ARGUMENT_WORDS = ("tools.", "rest.")


class Ref(NamedTuple):
    """One reference in a template.

    Attributes:
        name: The name of the argument or variable.
        is_variable: Whether it is a variable; otherwise it is an argument.
        written: The reference as the document writes it, braces included.
        quoted: Whether it stands inside a double-quoted text of the template.
    """

    name: str
    is_variable: bool
    written: str
    quoted: bool = False


class TemplateError(ValueError):
    """The template uses a form outside the strict subset (spec 8.1)."""


Template = tuple["str | Ref", ...]


def is_upper(name: str) -> bool:
    """Tell whether a name has the form of a variable (spec 0.3)."""
    return _UPPER.fullmatch(name) is not None


class Scope(NamedTuple):
    """The names a document declares, which decide what a reference means.

    Attributes:
        variables: Names of bound variables.
        qualified: `namespace.NAME` → variable, for every bind.
    """

    variables: frozenset[str] = frozenset()
    qualified: tuple[tuple[str, str], ...] = ()

    def resolve(self, name: str, declared: Container[str] = ()) -> tuple[str, bool]:
        """Return the bare name and whether it is a variable.

        Args:
            name: What stands between the braces.
            declared: Argument names that the operation declares.
        """
        for word in ARGUMENT_WORDS:
            if name.startswith(word):
                return name.removeprefix(word), False
        if name in self.variables:
            return name, True
        for written, variable in self.qualified:
            if name == written:
                return variable, True
        if name.startswith("env.") and name not in declared:
            return name.removeprefix("env."), True
        return name, is_upper(name) and name not in declared


def source_of(value: Any, namespace: str) -> str:
    """Return the argument that a `with` value refers to, or an empty text.

    `tools.` and `rest.` are fixed words; `<own namespace>.` is the published form.
    Everything after the first dot is the name, dots and brackets included.
    """
    if isinstance(value, str):
        text = value.removeprefix("$this.")
        for word in (*ARGUMENT_WORDS, f"{namespace}." if namespace else "tools."):
            if text.startswith(word) and len(text) > len(word):
                return text.removeprefix(word)
    return ""


_STEP_PATH = re.compile(r"\$(\.[^\s.$\[\]{}*?()]+)+")
STEP_PATH_HINT = "write $.<step>, or $.<step>.<field>; no brackets or wildcards"


def is_step_path(text: str) -> bool:
    """Tell whether a text is `$.step` or `$.step.field`, names only (spec 3.5)."""
    return _STEP_PATH.fullmatch(text.strip()) is not None


def parse(text: str, scope: Scope = Scope(), declared: Container[str] = ()) -> Template:
    """Split a template into its texts and references.

    Raises:
        TemplateError: It holds a section, a partial or a comment.
    """
    if "{{" not in text:
        return (text,) if text else ()
    return tuple(_split(text, _TEMPLATE, scope, declared))


def parse_path(
    text: str, scope: Scope = Scope(), declared: Container[str] = ()
) -> Template:
    """Split a path at `{name}` and `{{name}}`; see `parse`."""
    if "{" not in text:
        return (text,) if text else ()
    return tuple(_split(text, _PATH_TEMPLATE, scope, declared))


def parse_base_uri(text: str, scope: Scope = Scope()) -> Template:
    """Split a base URI at `{{X}}`, `${X}`, `{x}` and `[x]`; see `parse`."""
    return tuple(_split(text, _BASE_TEMPLATE, scope, ()))


def parse_credential(text: str, scope: Scope = Scope()) -> Template:
    """Split a credential, where every reference is a variable; see `parse`."""
    return tuple(
        part if isinstance(part, str) else part._replace(is_variable=True)
        for part in parse(text, scope)
    )


def _split(
    text: str, pattern: re.Pattern[str], scope: Scope, declared: Container[str]
) -> Iterator[str | Ref]:
    end = 0
    quoted = False
    for found in pattern.finditer(text):
        before = text[end : found.start()]
        if before:
            yield before
        quoted ^= before.replace('\\"', "").count('"') % 2 == 1
        end = found.end()
        name = found[found.lastgroup or "mustache"].strip()
        mustache = found.lastgroup in ("mustache", "triple")
        if not name or (mustache and name[0] in "#^/>!="):
            raise TemplateError(
                f"'{found[0]}' is not a reference: only '{{{{name}}}}' is supported"
            )
        if mustache:
            name, is_variable = scope.resolve(name, declared)
        else:
            is_variable = name in scope.variables and name not in declared
        yield Ref(name, is_variable, found[0], quoted)
    if text[end:]:
        yield text[end:]


def refs(template: Template) -> list[Ref]:
    """Return the references of a template, in order."""
    return [part for part in template if not isinstance(part, str)]


def lone(template: Template) -> Ref | None:
    """Return the reference when the template is nothing else."""
    if len(template) == 1 and not isinstance(template[0], str):
        return template[0]
    return None


def render(
    template: Template,
    value_of: Callable[[Ref], Any],
    *,
    plain: Callable[[Any], str] | None = None,
) -> str:
    """Return the text with every reference replaced, in one pass.

    A reference inside double quotes is escaped as JSON string content, so that a value
    cannot end the text it stands in. A value that holds braces is not rendered again.

    Args:
        template: The parsed template.
        value_of: Gives the value of a reference.
        plain: Writes a value outside quotes; by default `to_text`.
    """
    written: list[str] = []
    for part in template:
        if isinstance(part, str):
            written.append(part)
        elif part.quoted:
            written.append(
                json.dumps(to_text(value_of(part)), ensure_ascii=False)[1:-1]
            )
        else:
            written.append((plain or to_text)(value_of(part)))
    return "".join(written)


def to_text(value: Any) -> str:
    """Return a value as text: `true`, `42`, compact JSON for what is structured.

    Raises:
        TypeError: The value has no text form that a server could read.
    """
    if value.__class__ is str:
        return str(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8")
    if isinstance(value, (dict, list, tuple)):
        return compact_json(value)
    return to_scalar(value)


def to_scalar(value: Any) -> str:
    """Return dates as ISO 8601, and enumerations, decimals, UUIDs and paths as text."""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if hasattr(value, "value") and hasattr(value, "name"):
        return to_text(value.value)
    if type(value).__module__ in (
        "decimal",
        "uuid",
        "fractions",
        "pathlib",
        "ipaddress",
    ):
        return str(value)
    if value is None:
        return ""
    raise TypeError(f"a {type(value).__name__} cannot be sent")


def compact_json(value: Any) -> str:
    """Return compact JSON text; dates and the like are written as `to_scalar` does."""
    return json.dumps(
        value,
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
        default=to_scalar,
    )


def unquoted_refs(template: Sequence[str | Ref]) -> list[Ref]:
    """Return the references outside double quotes."""
    return [part for part in template if isinstance(part, Ref) and not part.quoted]
