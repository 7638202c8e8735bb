"""The members of a body that a document describes → the arguments that fill them.

    {"customer": {"name": "{{customer_name}}"}}, {"customer": {"name": "Ann"}}
        → {"customer_name": "Ann"}

So a file that holds a whole body gives the arguments of an operation, and
`customer.name` leads to the argument `customer_name`. This module must not know words
of a command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.consumes.content import FORM_KINDS
from naftiko.expressions import Scope, TemplateError, lone, parse
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    from naftiko.consumes.operation import Operation
    from naftiko.plain import JSON

    Steps = tuple[str | int | None, ...]


class Filling(NamedTuple):
    """The arguments that a body gives, and what no argument can give.

    Attributes:
        arguments: Argument → value.
        unknown: Members at the top that the document does not describe.
        is_whole: Every member of the body is in `arguments`.
    """

    arguments: dict[str, Any]
    unknown: tuple[str, ...]
    is_whole: bool


def template_of(operation: Operation) -> dict[str, JSON]:
    """Return the members of the body that a document describes; empty for no object.

    A form that is a list of parts is returned as name → value.
    """
    body = operation.spec.body
    if body is None:
        return {}
    if body.fields:
        return {field.name: f"{{{{{field.name}}}}}" for field in body.fields}
    if isinstance(body.data, list) and body.kind in FORM_KINDS:
        parts = [part for part in body.data if isinstance(part, dict)]
        return {str(part.get("name")): part.get("value") for part in parts}
    if not isinstance(body.data, dict):
        return {}
    return {str(name): value for name, value in body.data.items()}


def fill(
    template: dict[str, JSON], value: dict[str, Any], names: Collection[str]
) -> Filling:
    """Return the arguments that a whole body gives; see the module.

    Args:
        template: The members that the document describes.
        value: The body.
        names: The arguments of the body. A member at the top with such a name is that
            argument.
    """
    arguments: dict[str, Any] = {}
    unknown = []
    is_whole = True
    for name, member in value.items():
        if name in template:
            is_whole &= _fill(template[name], member, names, arguments)
        elif name in names and member is not None:
            arguments[name] = member
        else:
            unknown.append(name)
    return Filling(arguments, tuple(unknown), is_whole and not unknown)


def _fill(
    node: JSON, value: Any, names: Collection[str], arguments: dict[str, Any]
) -> bool:
    """Add the arguments of one member; tell whether they give all of it."""
    argument = argument_of(node, names)
    if argument:
        # An argument that is `None` is left out, and a null of the body is sent.
        if value is None or arguments.get(argument, value) != value:
            return False
        arguments[argument] = value
        return True
    if isinstance(node, dict) and isinstance(value, dict):
        known = {str(key): inner for key, inner in node.items()}
        return all(
            key in known and _fill(known[key], inner, names, arguments)
            for key, inner in value.items()
        )
    return type(node) is type(value) and node == value


def argument_of(node: JSON, names: Collection[str]) -> str:
    """Return the argument that a text consists of: `{{a}}` → `a`; empty for none."""
    if not isinstance(node, str) or "{{" not in node:
        return ""
    try:
        ref = lone(parse(node.strip(), Scope(), names))
    except TemplateError:
        return ""
    return ref.name if ref and ref.name in names else ""


def place_in(
    template: dict[str, JSON], root: str, steps: Steps, names: Collection[str]
) -> tuple[str, Steps] | None:
    """Return the argument at a place of the body, and the steps into its value.

    `customer`, `("name",)` → `("customer_name", ())`; `None` where there is none.
    """
    node = template.get(root)
    for number, step in enumerate(steps):
        argument = argument_of(node, names)
        if argument:
            return argument, steps[number:]
        if isinstance(node, dict):
            node = node.get(step)
        elif isinstance(node, list) and isinstance(step, int):
            node = node[step] if step < len(node) else None
    argument = argument_of(node, names)
    return (argument, ()) if argument else None
