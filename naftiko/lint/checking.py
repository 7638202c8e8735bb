"""Run every check for likely mistakes over a document.

    data  →  each mapping with the part that it is  →  findings

Only `validate` asks for it: a document with such mistakes runs all the same.
"""

from __future__ import annotations

import marshal
from functools import lru_cache
from typing import TYPE_CHECKING

from naftiko.lint.keys import note_adapter_keys, note_call_beside_steps, note_keys
from naftiko.lint.limits import TELLING, note_limits
from naftiko.lint.places import (
    note_address,
    note_base_uri,
    note_header,
    note_uri,
    note_url_path,
)
from naftiko.lint.references import note_namespaces, note_path_inputs, note_sources
from naftiko.lint.secrets import (
    SECRETS,
    may_hold_tokens,
    note_body_secrets,
    note_credentials,
    note_path_secrets,
    note_secret_input,
    note_tokens,
)
from naftiko.lint.steps import note_steps
from naftiko.lint.templates import (
    NO_TEMPLATES,
    may_hold_half,
    note_singles,
    note_template,
)
from naftiko.lint.units import (
    note_adapter_names,
    note_description,
    note_json_text,
    note_listed_twice,
    note_output_names,
    note_prompt,
    note_tool_name,
)
from naftiko.lint.values import (
    note_duplicates,
    note_empty_path,
    note_mapping,
    note_method,
    note_place,
    note_type,
    note_value,
)
from naftiko.lint.vocabulary import PartShape, document_of, parts, parts_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from naftiko.document.findings import Findings
    from naftiko.lint.vocabulary import Placed
    from naftiko.plain import JSON

    _Check = Callable[[Placed, Findings], None]

#: Checks of whatever has inputs and calls something.
_OF_UNIT: tuple[_Check, ...] = (
    note_duplicates,
    note_output_names,
    note_listed_twice,
    note_steps,
    note_singles,
)
_OF_CALLER: tuple[_Check, ...] = (note_sources, note_call_beside_steps, *_OF_UNIT)
#: Part → the checks of it.
_CHECKS: dict[str, tuple[_Check, ...]] = {
    "capability": (note_namespaces,),
    "consumed-adapter": (note_duplicates, note_base_uri),
    "consumed-resource": (note_duplicates, note_path_secrets, note_url_path),
    "consumed-operation": (
        note_method,
        note_duplicates,
        note_path_secrets,
        note_url_path,
        note_output_names,
        note_json_text,
    ),
    "body": (note_body_secrets, note_singles),
    "consumed-input": (note_type, note_secret_input, note_limits, note_header),
    "consumed-output": (note_type, note_mapping, note_limits, note_empty_path),
    "authentication": (note_credentials,),
    "exposed-adapter": (note_adapter_keys, note_address, note_adapter_names),
    "exposed-resource": (
        note_path_inputs,
        note_url_path,
        note_uri,
        note_description,
        *_OF_UNIT,
    ),
    "exposed-operation": (note_method, *_OF_CALLER),
    "exposed-input": (note_type, note_place, note_secret_input, note_limits),
    "exposed-output": (note_type, note_value, note_limits, note_empty_path),
    "tool": (note_description, note_tool_name, *_OF_CALLER),
    "tool-input": (note_type, note_secret_input, note_limits),
    "nested-input": (note_type,),
    "prompt": (note_description, note_prompt),
    "skill": (note_description, note_listed_twice),
    "function": (note_description, *_OF_CALLER),
    "step": (note_singles,),
}


#: Check → the keys of which a mapping has one where there is anything to note. A check
#: that is not named here also notes what is missing.
_NEEDS: dict[_Check, frozenset[str]] = {
    note_adapter_keys: frozenset(("type",)),
    note_adapter_names: frozenset(("resources",)),
    note_address: frozenset(("address",)),
    note_base_uri: frozenset(("baseUri",)),
    note_body_secrets: frozenset(("data",)),
    note_call_beside_steps: frozenset(("steps", "ref")),
    note_credentials: SECRETS | {"headers", "parameters"},
    note_duplicates: frozenset(("inputParameters",)),
    note_empty_path: frozenset(("value", "mapping")),
    note_header: frozenset(("in",)),
    note_json_text: frozenset(("body",)),
    note_limits: TELLING,
    note_listed_twice: frozenset(("mappings", "tools")),
    note_mapping: frozenset(("mapping",)),
    note_method: frozenset(("method",)),
    note_namespaces: frozenset(("exposes",)),
    note_output_names: frozenset(("outputParameters",)),
    note_path_inputs: frozenset(("path",)),
    note_path_secrets: frozenset(("path",)),
    note_place: frozenset(("in",)),
    note_prompt: frozenset(("template",)),
    note_secret_input: frozenset(("value", "default")),
    note_singles: frozenset(("data", "with", "lookupValue")),
    note_sources: frozenset(("with",)),
    note_steps: frozenset(("steps",)),
    note_tool_name: frozenset(("name",)),
    note_type: frozenset(("type",)),
    note_uri: frozenset(("uri", "mimeType")),
    note_url_path: frozenset(("path",)),
    note_value: frozenset(("value", "const")),
}


def lint(data: JSON, findings: Findings) -> None:
    """Note the likely mistakes in a document."""
    # Most documents hold neither half a template nor a token; a search through all
    # their texts at once tells. In version 2 of this format, each text is plain UTF-8
    # between bytes that are no braces.
    texts = marshal.dumps(data, 2)
    has_half, has_token = may_hold_half(texts), may_hold_tokens(texts)
    for placed, checks in walk(data):
        for check in checks:
            check(placed, findings)
        if has_half:
            _note_halves(placed, findings)
    if has_token:
        for placed, _ in walk(data):
            note_tokens(placed, findings)


def walk(data: JSON) -> Iterator[tuple[Placed, tuple[_Check, ...]]]:
    """Yield the mappings of a document that are parts, holders first, and their checks.

    A document has many mappings, and few sets of keys. What these ask for is decided
    once for all mappings that have them.
    """
    shapes: dict[tuple[str, ...], tuple[PartShape, tuple[_Check, ...]]] = {}
    found = document_of(data)
    for placed in found:  # which grows
        part, node, _, _ = placed
        key = (part.name, *node)
        known = shapes.get(key)
        if known is None:
            plan = _planned if len(key) < _MOST_KEYS else _plan
            known = shapes[key] = plan(key)
        shape, checks = known
        if shape.inner:
            found += parts_in(placed, shape)
        yield placed, checks


def _plan(key: tuple[str, ...]) -> tuple[PartShape, tuple[_Check, ...]]:
    """Return what is looked for in mappings that are a part and have some keys."""
    shape = PartShape(parts()[key[0]], key[1:])
    return shape, _checks_of(shape)


#: Documents have much the same sets of keys.
_planned = lru_cache(maxsize=256)(_plan)
#: Larger sets of keys are planned anew for each document.
_MOST_KEYS = 32


def _checks_of(shape: PartShape) -> tuple[_Check, ...]:
    """Return the checks that may find something in mappings with some keys."""
    checks = tuple(
        check
        for check in _CHECKS.get(shape.part.name, ())
        if check not in _NEEDS or not _NEEDS[check].isdisjoint(shape.keys)
    )
    return checks if shape.is_known else (note_keys, *checks)


def _note_halves(placed: Placed, findings: Findings) -> None:
    """Note half references in the values of one mapping that are no parts."""
    children, members = placed.part.children, placed.part.members
    for key, value in placed.data.items():
        is_text = isinstance(value, str)
        if (is_text and key not in NO_TEMPLATES) or (
            not is_text and key not in children and key not in members
        ):
            note_template(placed, key, findings)
