"""Templates that are none: a brace too few, as in `{{plate}`.

path: "/cars/{{plate}"   →  W-template: did you mean '{{plate}}'?
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import shorten

if TYPE_CHECKING:
    from naftiko.document.findings import Findings
    from naftiko.lint.vocabulary import Placed
    from naftiko.plain import JSON, DocumentPath

#: A reference that lacks a brace at one end.
_HALF = re.compile(
    r"(?<!\{)(?:\{\{\s*([A-Za-z_][\w.-]*)\s*\}(?!\})|\{\s*([A-Za-z_][\w.-]*)\s*\}\}(?!\}))"
)
#: The keys whose texts are for people, or have braces of their own.
NO_TEMPLATES = frozenset(("description", "label", "title", "name", "pattern"))


def note_template(placed: Placed, key: str, findings: Findings) -> None:
    """Note half a reference in the value of a key."""
    _note((*placed.path, key), placed.data[key], findings)


def _note(path: DocumentPath, value: JSON, findings: Findings) -> None:
    if value.__class__ is str:
        if "{" in value and (half := _HALF.search(value)):
            name = half[1] or half[2]
            missing = "closing" if half[1] else "opening"
            findings.add(
                rules.TEMPLATE_HALF,
                path,
                f"'{shorten(half[0])}' lacks one {missing} brace",
                f"did you mean '{{{{{name}}}}}'?",
            )
    elif value.__class__ is dict:
        for key, entry in value.items():
            _note((*path, key), entry, findings)
    elif value.__class__ is list:
        for index, entry in enumerate(value):
            _note((*path, index), entry, findings)
