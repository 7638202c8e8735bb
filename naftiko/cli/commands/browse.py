"""`naftiko list` and `naftiko describe`: the operations of a capability.

    naftiko list shop.yaml
        → shop.get-book  GET  /books/{isbn}  Show one book.
    naftiko describe shop.yaml shop.get-book
        → its arguments, body, authentication and result

Neither sends anything.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from naftiko.cli.cache import read_cached
from naftiko.cli.console import clean, note, paint
from naftiko.cli.tables import columns, json_text, width
from naftiko.document import rules
from naftiko.loader import load

if TYPE_CHECKING:
    from argparse import Namespace

    from naftiko.capability import Capability
    from naftiko.consumes.operation import Operation


def run_list(arguments: Namespace) -> int:
    """Print the operations of a capability."""
    capability = load(read_cached(arguments.file), schema=None)
    operations = capability.operations
    chosen = list(operations.values())
    if arguments.search:
        chosen = list(operations.search(arguments.search))
    _note_losses(capability, arguments.file)
    if arguments.format == "json":
        print(json_text([operation.as_dict() for operation in chosen]))
        return 0
    rows = [
        [op.ref, op.method, op.path, " ".join(op.description.split())] for op in chosen
    ]
    for line in columns(rows, width()):
        print(line)
    if not chosen:
        note(
            f"no operation matches '{clean(arguments.search)}'"
            if arguments.search
            else "no operation is declared"
        )
    return 0


def _note_losses(capability: Capability, file: str) -> None:
    """Note how many operations are not listed, and how many cannot be called."""
    lost = [p for p in capability.problems if p.code == rules.INCOMPLETE_DROPPED.code]
    unusable = [op for op in capability if op.problems]
    counts = ((len(lost), "incomplete and left out"), (len(unusable), "not callable"))
    parts = [f"{count} {nature}" for count, nature in counts if count]
    if parts:
        note(f"{', '.join(parts)}: see `naftiko validate {clean(file)}`")


def run_describe(arguments: Namespace) -> int:
    """Print what an operation takes and gives."""
    operation = load(read_cached(arguments.file), schema=None).operations.find(
        arguments.ref
    )
    if arguments.format == "json":
        print(json_text(_as_dict(operation)))
    else:
        print("\n".join(_describe(operation)))
    return 0


def _as_dict(operation: Operation) -> dict[str, Any]:
    return {
        **operation.as_dict(),
        "auth": operation.auth,
        "body": operation.body,
        "base_uri": operation.base_uri,
        "output_raw_format": operation.output_raw_format,
        "output_parameters": [
            {"name": o.name, "type": o.type, "value": o.value}
            for o in operation.output_parameters
        ],
        "safe": operation.is_safe,
        "idempotent": operation.is_idempotent,
        "problems": [problem.as_dict() for problem in operation.problems],
    }


def _describe(operation: Operation) -> list[str]:
    nature = "safe" if operation.is_safe else "changes something"
    if operation.is_idempotent and not operation.is_safe:
        nature += ", can be repeated"
    outputs = [[f"  {o.name}", o.type, o.value] for o in operation.output_parameters]
    lines = [
        paint(operation.ref, "strong", sys.stdout),
        f"  {operation.method} {operation.base_uri}{operation.path}  ({nature})",
        *_wrapped(operation.description),
        *_section("arguments", _arguments(operation) or ["  none"]),
        *_section("body", [f"  {operation.body or 'none'}"]),
        *_section("authentication", [f"  {operation.auth or 'none'}"]),
        *_section(
            f"result ({operation.output_raw_format})",
            list(columns(outputs, width())) or ["  the whole body"],
        ),
    ]
    if operation.problems:
        reasons = [clean(str(problem)) for problem in operation.problems]
        indented = [f"  {reason}".replace("\n", "\n  ") for reason in reasons]
        lines += _section("cannot be called", indented)
    return lines


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", paint(title, "strong", sys.stdout), *lines]


def _arguments(operation: Operation) -> list[str]:
    rows = [
        [
            f"  {p.name}",
            p.in_,
            p.type or "string",
            "required" if p.required else "",
            " ".join(p.description.split()),
        ]
        for p in operation.parameters
    ]
    return list(columns(rows, width()))


def _wrapped(text: str) -> list[str]:
    """Return a text as lines that fit the terminal; as one line elsewhere."""
    text = " ".join(clean(text).split())
    if not text:
        return []
    limit = width()
    if limit is None:
        return [f"  {text}"]
    from textwrap import wrap

    return wrap(text, max(limit, 20), initial_indent="  ", subsequent_indent="  ")
