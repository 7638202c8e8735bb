"""Run every check for likely mistakes over a document.

    data  →  each mapping with the part that it is  →  findings

Only `validate` asks for it: a document with such mistakes runs all the same.
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING

from naftiko.lint.keys import note_adapter_keys, note_call_beside_steps, note_keys
from naftiko.lint.limits import note_limits
from naftiko.lint.places import (
    note_address,
    note_base_uri,
    note_header,
    note_uri,
    note_url_path,
)
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
from naftiko.lint.vocabulary import walk

if TYPE_CHECKING:
    from collections.abc import Callable

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


def lint(data: JSON, findings: Findings) -> None:
    """Note the likely mistakes in a document."""
    parts = walk(data)
    # Most documents hold neither half a template nor a token; a search through all
    # their texts at once tells. In version 2 of this format, each text is plain UTF-8
    # between bytes that are no braces.
    texts = marshal.dumps(data, 2)
    has_half, has_token = may_hold_half(texts), may_hold_tokens(texts)
    for placed in parts:
        part = placed.part
        if not part.known.issuperset(placed.data):
            note_keys(placed, findings)
        for check in _CHECKS.get(part.name, ()):
            check(placed, findings)
        if has_half:
            _note_halves(placed, findings)
    if has_token:
        for placed in parts:
            note_tokens(placed, findings)


def _note_halves(placed: Placed, findings: Findings) -> None:
    """Note half references in the values of one mapping that are no parts."""
    children, members = placed.part.children, placed.part.members
    for key, value in placed.data.items():
        is_text = isinstance(value, str)
        if (is_text and key not in NO_TEMPLATES) or (
            not is_text and key not in children and key not in members
        ):
            note_template(placed, key, findings)
