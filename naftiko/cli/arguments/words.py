"""Words of a command line → arguments and body of a call.

    call_arguments(["isbn=1", "quantity:=2"], None, operation)
        → {"isbn": "1", "quantity": 2}

A word that may hold a secret is not repeated in a message.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naftiko.cli.arguments.body import (
    IN_A_FILE,
    whole_argument,
    whole_value,
    with_body,
)
from naftiko.cli.arguments.filling import fill, place_in, template_of
from naftiko.cli.arguments.nested import Gathered, split_item, split_nested
from naftiko.cli.arguments.reading import decoded, file_argument, read_json
from naftiko.cli.arguments.typed import typed
from naftiko.cli.values import UsageError, text_of
from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.errors import names_of

if TYPE_CHECKING:
    from naftiko.consumes.operation import Operation

#: The part of a name that reaches into a value.
_REACHES = re.compile(r"\w(?:\.|\[)")
#: Body kinds that can carry a file as it is.
_FILE_KINDS = frozenset(("multipartForm", "binary"))


def call_arguments(
    items: list[str], body: str | None, operation: Operation
) -> dict[str, Any]:
    """Return argument → value; a name given several times has a list.

    `["id=1", "id=2", "n:=3"]` → `{"id": ["1", "2"], "n": 3}`, and with a name that
    reaches into a value, `["customer.name=Ann"]` → `{"customer": {"name": "Ann"}}`.

    Args:
        items: Words such as `name=value`, `name:=JSON`, `name=@file`, and `@file` for
            the whole body.
        body: The value of `--body`, or `None`.
        operation: The operation to call; the names of its arguments may hold `=`.

    Raises:
        UsageError: A word is no argument, or a file cannot be read.
    """
    names = [parameter.name for parameter in operation.parameters]
    gathered = Gathered()
    for number, item in enumerate(items, 1):
        if item.startswith("@") and split_item(item, names) is None:
            if body is not None:
                raise UsageError(
                    f"argument {number}: the body is given twice",
                    hint="leave out '@…' or --body",
                )
            body = item
            continue
        _add_item(gathered, number, item, names, operation)
    given = gathered.values()
    return given if body is None else with_body(body, given, operation)


def _add_item(
    gathered: Gathered, number: int, item: str, names: list[str], operation: Operation
) -> None:
    """Add the value of one word to the values of the others."""
    parts = split_item(item, names)
    steps: tuple[str | int | None, ...] = ()
    written = ""
    if parts is None or parts[0] not in names:
        template = template_of(operation)
        roots = [*names, *template, *([OPEN_ARGUMENT] * operation.takes_body)]
        nested = split_nested(item, roots)
        if nested is not None:
            name, steps, written = nested.root, nested.steps, nested.written
            if name not in names and name in template:
                place = place_in(template, name, steps, names)
                if place is None:
                    raise UsageError(
                        f"argument {number}: the body of {operation.ref} takes nothing"
                        f" at '{written}'",
                        hint=f"It takes: {names_of(names)}.",
                    )
                name, steps = place
            parts = name, nested.sign, nested.text
    if parts is None:
        # A word that is no name may be a value, and a secret: it is not shown.
        shown = f", '{item}'" if item in names else ""
        raise UsageError(
            f"argument {number}{shown}: expected name=value",
            hint="the whole body goes into --body"
            if (operation.takes_body or template)
            and item.lstrip().startswith(("{", "["))
            else "write name=value, name:=JSON or name=@file;"
            f" {operation.ref} takes: {names_of(names)}",
        )
    name, sign, text = parts
    if name not in names and _REACHES.search(name):
        whole = OPEN_ARGUMENT if operation.takes_body else whole_argument(operation)
        if whole:
            raise UsageError(
                f"argument {number}: {operation.ref} takes no '{name}'",
                hint=f"a member of the body is written '{whole}.{name}=…'",
            )
    text_of(name if sign == "=@" else item, "an argument", IN_A_FILE)
    if sign == "=" and text.startswith("="):
        text = _query_text(name, text, operation)
    # A type is that of the whole value, not of a part that the name reaches into.
    is_part = bool(steps) and sign == "="
    value = text if is_part else _argument_value(name, sign, text, operation)
    if name not in names and not steps and isinstance(value, dict):
        # An object of the body whose members are arguments: `customer:={"name": …}`.
        filling = fill(template_of(operation), {name: value}, names)
        if filling.is_whole:
            for argument, member in filling.arguments.items():
                gathered.add(argument, member)
            return
    gathered.add(name, value, steps, written)


def _query_text(name: str, text: str, operation: Operation) -> str:
    """Return the value of `name==value`, which other programs put into the query.

    Raises:
        UsageError: The argument goes elsewhere.
    """
    places = {p.name: p.in_ for p in operation.parameters}
    place = places.get(name)
    if place in ("query", None):
        return text[1:]
    raise UsageError(
        f"'{name}==…' is a value of the query, and '{name}' goes into the {place}",
        hint=f"write {name}=VALUE, or {name}:='\"=…\"' for a text that begins with '='",
    )


def _argument_value(name: str, sign: str, text: str, operation: Operation) -> Any:
    if sign == "=":
        return typed(name, text, operation)
    if sign == ":=":
        return _json_value(name, text)
    file = file_argument(text, f"{name}=@{text}")
    body = operation.spec.body
    as_it_is = name == OPEN_ARGUMENT and operation.takes_body
    if as_it_is or (body is not None and body.kind in _FILE_KINDS):
        return file
    with file.open("rb") if isinstance(file, Path) else file as opened:
        content = opened.read()
    try:
        read = content.decode("utf-8")
    except UnicodeDecodeError:
        return content
    if name == whole_argument(operation) and body is not None and body.kind == "json":
        return whole_value(read, name, operation)
    if name in _structured(operation):
        with suppress(ValueError, RecursionError):
            return read_json(read)
    return read


def _structured(operation: Operation) -> set[str]:
    """Return the arguments that are objects or lists: a file of one holds JSON."""
    return {p.name for p in operation.parameters if p.type in ("object", "array")}


def _json_value(name: str, text: str) -> Any:
    if text.startswith("@"):
        text = decoded(file_argument(text[1:], f"{name}:={text}"), f"'{name}'")
    try:
        return read_json(text)
    except RecursionError:
        raise UsageError(f"the value of '{name}' is nested too deeply") from None
    except ValueError as error:
        raise UsageError(
            f"the value of '{name}' is not JSON: {error}",
            hint=f"write {name}='…' to give a text",
        ) from None
