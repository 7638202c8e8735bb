"""Texts of a command line → values of the types that the document tells.

    typed("quantity", "2", operation)   → 2        where the document says `integer`
    with_lists({"tags": typed("tags", "new", operation)})
                                        → {"tags": ["new"]}  where it says `array`
    typed("quantity", "two", operation) → "two"

Only JSON tells a number from a text: in a path, a query, a header or a form the text
stays as it was typed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.consumes.operation import Operation
from naftiko.expressions import ABSENT
from naftiko.functions.types import read_as, type_of
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.errors import StatusError
    from naftiko.functions.plan import Plan
    from naftiko.spec.model import InputParameter

#: Statuses that tell about credentials and limits, never about arguments.
_NOT_ABOUT_ARGUMENTS = frozenset((401, 403, 407, 429))
_MOST_NAMES = 5


class ListText(str):
    """A text that was typed for an argument of type `array`."""

    __slots__ = ()


class _NoBody(NamedTuple):
    """The declaration of an exposed function, as far as words need it: no body."""

    body: None = None


class FunctionTakes(NamedTuple):
    """What an exposed function takes, with the attributes of an operation for that."""

    ref: str
    parameters: tuple[InputParameter, ...]
    inputs: tuple[InputParameter, ...]
    takes_body: bool
    body: str = ""
    spec: _NoBody = _NoBody()


def typed(name: str, text: str, operation: Operation) -> Any:
    """Return the value that a text stands for as an argument.

    A text that writes no value of the type stays a text: the API decides about it.
    """
    known = next((p for p in operation.inputs if p.name == name), None)
    value_type = type_of(known.type) if known is not None else None
    if known is None or value_type is None or value_type.name == "string":
        return text
    if value_type.name == "array":
        return ListText(text)  # another word may give the next item
    if not _is_json(operation) or known.in_ not in ("body", ""):
        return text
    value = value_type.read(text)
    return text if value is ABSENT else value


def with_lists(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with a list for each text of an array: `["new"]` for `new`.

    A text that writes a list in JSON is that list.
    """
    return {
        name: _listed(value) if isinstance(value, ListText) else value
        for name, value in given.items()
    }


def _listed(text: str) -> list[Any]:
    value = read_as("array", str(text))
    return [str(text)] if value is ABSENT else list(value)


def takes_of(found: Operation | Plan, name: str) -> Operation:
    """Return what a found name takes, as words of a command line are read for it.

    Args:
        found: An operation is returned as it is; an exposed function is shown as one
            whose body is JSON.
        name: The name that messages call it by.
    """
    if isinstance(found, Operation):
        return found
    body = next((p for p in found.arguments if p.name == OPEN_ARGUMENT), None)
    # The document may describe what the argument `body` holds.
    is_open = found.operation is None or found.operation.takes_body
    takes_body = body is not None and body.type == "" and is_open
    takes = FunctionTakes(name, found.arguments, found.arguments, takes_body)
    return cast("Operation", takes)


def _is_json(operation: Operation) -> bool:
    """Tell whether values are sent as JSON, where a number is no text."""
    body = operation.spec.body
    return isinstance(operation, FunctionTakes) or (
        body is not None and body.kind == "json"
    )


def text_hint(
    error: StatusError, given: Mapping[str, Any], operation: Operation
) -> str:
    """Return what to try when an API refuses values that were sent as texts.

    Returns:
        A hint, or an empty text when no text could have been meant as another value.
    """
    if error.status < 400 or error.status in _NOT_ABOUT_ARGUMENTS:
        return ""
    if not _is_json(operation):
        return ""
    # An inferred argument of a tool is called a string where nothing is known of it.
    is_function = isinstance(operation, FunctionTakes)
    texts = [
        parameter.name
        for parameter in operation.inputs
        if parameter.in_ in ("body", "")
        and (parameter.type != "string" or (is_function and parameter.inferred))
        and isinstance(given.get(parameter.name), str)
    ]
    if not texts:
        return ""
    names = ", ".join(f"'{name}'" for name in texts[:_MOST_NAMES])
    verb = "was sent as a text" if len(texts) == 1 else "were sent as texts"
    return (
        f"{names} {verb}: write {texts[0]}:=JSON for a number, true, false, null,"
        " a list or an object"
    )
