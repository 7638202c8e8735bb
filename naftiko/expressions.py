"""Templates: `{{NAME}}` and `{name}`, the names in them, and values as text.

Spec 8.1 and 8.4, and the references of published files: `tools.x` and `rest.x` are
fixed words for an argument, `env.X` for a variable.

    template                  parsed, where TOKEN is bound
    ------------------------  ----------------------------------------------
    Bearer {{TOKEN}}          "Bearer ", variable TOKEN
    /ships/{{tools.id}}       "/ships/", argument id
    {"q": "{{q}}"}            '{"q": "', argument q in quotes, '"}'

A template is parsed once and rendered for each call. This module must not know where a
value comes from or where it is placed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

_FOLDED = str.maketrans("", "", "-_")


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


#: Stands for a value that is not there. `None` is a value: the null of JSON.
ABSENT: Any = _Absent()
#: Inner blanks are allowed; `{{{x}}}` and `{{&x}}` mean the same (spec 8.1).
#: A third brace belongs to the reference only on both sides: `{"n": {{n}}}` is JSON.
#: Possessive, and the blanks are stripped from the name later: no two repeats compete
#: for the blanks of a reference that nothing closes.
_MUSTACHE = r"\{\{\{(?P<triple>[^{}]*+)\}\}\}|\{\{\s*+&?(?P<mustache>[^{}]*+)\}\}"
_TEMPLATE = re.compile(_MUSTACHE)
_PATH_TEMPLATE = re.compile(_MUSTACHE + r"|\{(?P<single>[^{}/]+)\}")
_BASE_TEMPLATE = (
    _MUSTACHE
    + r"|\$\{(?P<shell>[^{}]+)\}|\{(?P<single>[^{}]+)\}|\[(?P<square>[A-Za-z_]\w*)\]"
)
_UPPER = re.compile(r"[A-Z][A-Z0-9_]*")
_JSON_LIKE = re.compile(r"\s*(?:\[|\{(?!\{)|\{\{\{\{)")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_STEP_PATH = r"\$(\.[^\s.$\[\]{}*?()]+)+"
STEP_PATH_HINT = (
    "write $.<step>, $.<step>.<field> or $.<step>.<index>; no brackets or wildcards"
)

#: One part of a dotted name: `[1]`, `['a b']`, or a name after a dot.
_PART = (
    r"""\[\s*(?:(?P<index>-?[0-9]{1,9})|'(?P<one>[^']*)'|"(?P<two>[^"]*)"|"""
    # It begins and ends with no blank, so that no two parts compete for blanks.
    r"""(?P<bare>[^\[\]'"\s](?:[^\[\]'"]*[^\[\]'"\s])?))\s*\]|"""
    r"""(?:^|\.)(?P<name>[^.\[\]]+)"""
)

#: How many dots and brackets of a name are looked at: none is that deep.
_MOST_PARTS = 64
#: Fixed words for the arguments of a unit in published files; not namespaces.
ARGUMENT_WORDS = ("tools.", "rest.")


class Ref(NamedTuple):
    """One reference in a template.

    Attributes:
        name: The name of the argument or variable.
        is_variable: Whether it is a variable; otherwise it is an argument.
        written: The reference as the document writes it, braces included.
        quoted: Whether it stands inside the double quotes of a JSON-like template.
    """

    name: str
    is_variable: bool
    written: str
    quoted: bool = False

    @property
    def is_said_argument(self) -> bool:
        """Whether it begins with a fixed word for arguments: `{{tools.id}}`."""
        return self.written.strip("{}& ").startswith(ARGUMENT_WORDS)


class TemplateError(ValueError):
    """The template uses a form outside the strict subset (spec 8.1)."""


#: The texts and the references of a template, in order.
Template = tuple["str | Ref", ...]


def is_upper(name: str) -> bool:
    """Tell whether a name has the form of a variable (spec 0.3)."""
    return _UPPER.fullmatch(name) is not None


class Scope:
    """The names a document declares, which decide what a reference means.

    Two of them are never equal: a comparison would look at thousands of names.

    Attributes:
        variables: Names of bound variables.
        qualified: `namespace.NAME` → variable, for every bind.
    """

    __slots__ = ("qualified", "variables")

    def __init__(
        self,
        variables: frozenset[str] = frozenset(),
        qualified: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> None:
        self.variables = variables
        self.qualified = dict(qualified)

    def resolve(self, name: str, declared: Container[str] = ()) -> tuple[str, bool]:
        """Return the bare name and whether it is a variable.

        `tools.id` is the argument `id`, and `env.KEY` the variable `KEY`.

        Args:
            name: The text between the braces.
            declared: Argument names that the operation declares.
        """
        for word in ARGUMENT_WORDS:
            if name.startswith(word):
                return name.removeprefix(word), False
        if name in self.variables:
            return name, True
        if name in self.qualified:
            return self.qualified[name], True
        if name.startswith("env.") and name not in declared:
            return name.removeprefix("env."), True
        return name, is_upper(name) and name not in declared


def source_of(value: Any, namespace: str) -> str:
    """Return the argument that a `with` value refers to, or an empty text.

    `tools.id` and `rest.id` are `id`, and so is `ships.id` in an adapter with the
    namespace `ships`. Everything after the first dot is the name, dots and brackets
    included.
    """
    if isinstance(value, str) and "." in value:
        text = value.removeprefix("$this.")
        for word in (*ARGUMENT_WORDS, f"{namespace}." if namespace else "tools."):
            if text.startswith(word) and len(text) > len(word):
                return text.removeprefix(word)
    return ""


@lru_cache(maxsize=1024)
def parts_of(name: str) -> tuple[str | int, ...]:
    """Split a name into those of members and the indexes of items.

    `parts_of("one.items[-1]['a b'].0")` is `("one", "items", -1, "a b", "0")`. A name
    whose brackets hold nothing, such as `ids[]`, is split at its dots.
    """
    parts: list[str | int] = []
    end = 0
    pattern = re.compile(_PART)
    while part := pattern.match(name, end):
        end = part.end()
        index, *texts = part.groups()
        parts.append(int(index) if index else next(t for t in texts if t is not None))
    return tuple(parts) if end == len(name) and parts else tuple(name.split("."))


def is_part(name: str, whole: str) -> bool:
    """Tell whether a name is another one, or that of something inside of it.

    `ship.crew` and `ship[0]` are parts of `ship`; the name `ship[]` is one of its own.
    """
    return name == whole or (
        name.startswith((f"{whole}.", f"{whole}["))
        and not name.startswith(f"{whole}[]")
    )


def is_part_of_any(name: str, *known: Container[str]) -> bool:
    """Tell whether a name is a known one, or that of something inside of it.

    What begins the name is looked up: there may be thousands of known names.
    """
    if any(name in names for names in known):
        return True
    for end in islice(re.finditer(r"\.|\[(?!\])", name), _MOST_PARTS):
        whole = name[: end.start()]
        if any(whole in names for names in known):
            return True
    return False


def is_known(name: str, *known: Container[str], is_closed: bool) -> bool:
    """Tell whether the name in a placeholder of a step can have a value.

    Args:
        name: The name, such as `ship.crew[0]`.
        known: The arguments, and the steps that come before.
        is_closed: The unit declares its inputs. Where it does not, a name without dots
            and brackets is an argument of its own.
    """
    if not is_closed and len(parts_of(name)) == 1:
        return True
    return is_part_of_any(name, *known)


def is_step_path(text: str) -> bool:
    """Tell whether a text is `$.step` or `$.step.field`, names only (spec 3.5)."""
    return re.fullmatch(_STEP_PATH, text.strip()) is not None


def parse(
    text: str,
    scope: Scope = Scope(),
    declared: Container[str] = (),
    *,
    quotes: bool | None = None,
) -> Template:
    """Split a template into its texts and references.

    `parse("Hi {{name}}!")` is `("Hi ", Ref("name", …), "!")`.

    Args:
        text: The template.
        scope: The names that the document declares.
        declared: Argument names that the operation declares.
        quotes: Whether `"` and a backslash mean what they mean in JSON; by default
            where the template is an object or a list.

    Raises:
        TemplateError: It holds a section, a partial or a comment.
    """
    if "{{" not in text:
        return (text,) if text else ()
    if quotes is None:
        quotes = is_json_like(text)
    return tuple(_split(text, _TEMPLATE, scope, declared, quotes))


def is_json_like(template: str) -> bool:
    """Tell whether a template will be a JSON object or list, and no reference."""
    return _JSON_LIKE.match(template) is not None


def parse_path(
    text: str, scope: Scope = Scope(), declared: Container[str] = ()
) -> Template:
    """Split a path at `{name}` and `{{name}}`; see `parse`.

    `parse_path("/ships/{id}")` is `("/ships/", Ref("id", …))`.
    """
    if "{" not in text:
        return (text,) if text else ()
    return tuple(_split(text, _PATH_TEMPLATE, scope, declared, False))


@lru_cache(maxsize=256)
def names_in_path(text: str) -> tuple[str, ...]:
    """Return the names of the placeholders of a path; the last results are kept.

    `names_in_path("/ships/{id}")` is `("id",)`.

    Raises:
        TemplateError: See `parse`.
    """
    return tuple(ref.name for ref in refs(parse_path(text)))


def parse_base_uri(text: str, scope: Scope = Scope()) -> Template:
    """Split a base URI at `{{X}}`, `${X}`, `{x}` and `[x]`; see `parse`.

    `parse_base_uri("https://${HOST}/v1")` is `("https://", Ref("HOST", …), "/v1")`.
    """
    if "{" not in text and "[" not in text:
        return (text,) if text else ()
    return tuple(_split(text, re.compile(_BASE_TEMPLATE), scope, (), False))


@lru_cache(maxsize=64)
def parse_credential(text: str, scope: Scope = Scope()) -> Template:
    """Split a credential, where every reference is a variable; see `parse`.

    All operations of an adapter have the same ones, so the last results are kept.

    `parse_credential("Key {{key}}")` is `("Key ", Ref("key", is_variable=True, …))`.
    """
    return tuple(
        part if isinstance(part, str) else part._replace(is_variable=True)
        for part in parse(text, scope, quotes=False)
    )


def _split(
    text: str,
    pattern: re.Pattern[str],
    scope: Scope,
    declared: Container[str],
    quotes: bool,
) -> Iterator[str | Ref]:
    end = 0
    quoted = False
    for reference in pattern.finditer(text):
        before = text[end : reference.start()]
        if before:
            yield before
        if quotes:
            quoted ^= _ESCAPED.sub("", before).count('"') % 2 == 1
        end = reference.end()
        written = reference[0]
        name = reference[reference.lastgroup or "mustache"].strip()
        mustache = reference.lastgroup in ("mustache", "triple")
        if not name or (mustache and name[0] in "#^/>!="):
            raise TemplateError(
                f"'{written}' is not a reference: only '{{{{name}}}}' is supported"
            )
        if mustache:
            name, is_variable = scope.resolve(name, declared)
        else:
            is_variable = name in scope.variables and name not in declared
        yield Ref(name, is_variable, written, quoted)
    if text[end:]:
        yield text[end:]


def refs(template: Template) -> list[Ref]:
    """Return the references of a template, in order."""
    return [part for part in template if not isinstance(part, str)]


def lone(template: Template) -> Ref | None:
    """Return the reference that a template consists of, or `None`."""
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

    A value inside double quotes is escaped as JSON string content, so that it cannot
    end the string it stands in. A value that holds braces is not rendered again.

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


def splice(
    template: Template,
    settings: Mapping[str, Template],
    *,
    own: str = "",
    literal: Callable[[str], str] = str,
) -> Template:
    """Return a template whose references to other templates are replaced by these.

    `splice(parse("/{{a}}"), {"a": parse("x-{{b}}")})` is `parse("/x-{{b}}")`.

    Args:
        template: The template.
        settings: Name → the template that replaces a reference of that name.
        own: A name that is not replaced: that of the parameter the template is for.
        literal: Writes the texts of the templates that are put in.
    """
    filled: list[str | Ref] = []
    for part in template:
        if isinstance(part, str) or part.name == own or part.name not in settings:
            filled.append(part)
            continue
        for inner in settings[part.name]:
            if not isinstance(inner, str):
                filled.append(inner._replace(quoted=part.quoted or inner.quoted))
            elif part.quoted:
                filled.append(json.dumps(inner, ensure_ascii=False)[1:-1])
            else:
                filled.append(literal(inner))
    return tuple(filled)


def to_text(value: Any) -> str:
    """Return a value as text: `true`, `42`, compact JSON for a mapping or a list.

    Raises:
        TypeError: The value has no text form that a server could read.
        ValueError: Bytes that are not UTF-8, or a number that JSON lacks.
    """
    if value is True:
        return "true"
    if value is False:
        return "false"
    # `str()` of an enumeration's member is its name; the base type gives its value.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, (bytes, bytearray)):
        try:
            return bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError("its bytes are not UTF-8") from None
    if isinstance(value, (Mapping, list, tuple)):
        return compact_json(value)
    return to_scalar(value)


def to_scalar(value: Any) -> str:
    """Return a date, enumeration, decimal, UUID, path or address as text.

    Dates are written as in ISO 8601.

    Raises:
        TypeError: The value is of another type.
    """
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, Enum):
        return to_text(value.value)
    if type(value).__module__.partition(".")[0] in (
        "decimal",
        "uuid",
        "fractions",
        "pathlib",
        "ipaddress",
    ):
        return str(value)
    if hasattr(value, "__index__"):  # the integers of numerical libraries
        return str(value.__index__())
    if value is None:
        return ""
    raise TypeError(f"a value of type '{type(value).__name__}' cannot be sent")


def folded(name: str) -> str:
    """Return a name without case, `-` and `_`: `App_Uuid` → `appuuid`."""
    return name.lower().translate(_FOLDED)


def compact_json(value: Any) -> str:
    """Return compact JSON text; dates and the like are written as `to_scalar` does.

    Raises:
        TypeError: Something in it has no JSON form.
        ValueError: It holds itself, is nested too deeply, or has no number in JSON.
    """
    try:
        return json.dumps(
            value,
            ensure_ascii=False,
            separators=(",", ":"),
            allow_nan=False,
            default=_writable_as_json,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _writable_as_json(value: Any) -> Any:
    """Return a value that `json` cannot write as one that it can."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return list(value)
    if hasattr(value, "__index__"):
        return value.__index__()
    return to_scalar(value)
