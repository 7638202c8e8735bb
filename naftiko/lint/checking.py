"""Run every check for likely mistakes over a document.

    data  →  each mapping with the part that it is  →  findings

Only `validate` asks for it: a document with such mistakes runs all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.lint.keys import note_adapter_keys, note_call_beside_steps, note_keys
from naftiko.lint.references import note_namespaces, note_path_inputs, note_sources
from naftiko.lint.secrets import (
    may_hold_tokens,
    note_body_secrets,
    note_credentials,
    note_path_secrets,
    note_secret_input,
    note_tokens,
)
from naftiko.lint.steps import note_steps
from naftiko.lint.templates import NO_TEMPLATES, note_template
from naftiko.lint.values import (
    note_duplicates,
    note_mapping,
    note_method,
    note_place,
    note_type,
    note_value,
)
from naftiko.lint.vocabulary import walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.document.findings import Findings
    from naftiko.lint.vocabulary import Placed
    from naftiko.plain import JSON

    _Check = Callable[[Placed, Findings], None]

#: Part → the checks of it.
_CHECKS: dict[str, tuple[_Check, ...]] = {
    "capability": (note_namespaces,),
    "consumed-adapter": (note_duplicates,),
    "consumed-resource": (note_duplicates, note_path_secrets),
    "consumed-operation": (note_method, note_duplicates, note_path_secrets),
    "body": (note_body_secrets,),
    "consumed-input": (note_type, note_secret_input),
    "consumed-output": (note_type, note_mapping),
    "authentication": (note_credentials,),
    "exposed-adapter": (note_adapter_keys,),
    "exposed-resource": (note_path_inputs, note_duplicates, note_steps),
    "exposed-operation": (
        note_method,
        note_sources,
        note_duplicates,
        note_steps,
        note_call_beside_steps,
    ),
    "exposed-input": (note_type, note_place, note_secret_input),
    "exposed-output": (note_type, note_value),
    "tool": (note_sources, note_duplicates, note_steps, note_call_beside_steps),
    "tool-input": (note_type, note_secret_input),
    "function": (note_sources, note_duplicates, note_steps, note_call_beside_steps),
}
#: No token of a known shape is shorter.
_SHORTEST_TOKEN = 14


def lint(data: JSON, findings: Findings) -> None:
    """Note the likely mistakes in a document."""
    texts: list[str] = []
    parts = walk(data)
    for placed in parts:
        part = placed.part
        if not part.known.issuperset(placed.data):
            note_keys(placed, findings)
        for check in _CHECKS.get(part.name, ()):
            check(placed, findings)
        _note_texts(placed, texts, findings)
    if may_hold_tokens(texts):
        for placed in parts:
            note_tokens(placed, findings)


def _note_texts(placed: Placed, texts: list[str], findings: Findings) -> None:
    """Note half references in one mapping, and collect its longer texts."""
    children, members = placed.part.children, placed.part.members
    for key, value in placed.data.items():
        if value.__class__ is str:
            if len(value) >= _SHORTEST_TOKEN:
                texts.append(value)
            if "{" in value and key not in NO_TEMPLATES:
                note_template(placed, key, findings)
        elif (value.__class__ is dict or value.__class__ is list) and (
            key not in children and key not in members
        ):
            note_template(placed, key, findings)
            _collect(value, texts)


def _collect(value: JSON, texts: list[str]) -> None:
    """Collect the longer texts of a value."""
    if value.__class__ is str:
        if len(value) >= _SHORTEST_TOKEN:
            texts.append(value)
    elif value.__class__ in (dict, list):
        for entry in value.values() if value.__class__ is dict else value:
            _collect(entry, texts)
