"""Run every check for likely mistakes over a document.

    data  →  each mapping with the part that it is  →  findings

Only `validate` asks for it: a document with such mistakes runs all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.lint.keys import note_keys
from naftiko.lint.references import note_references
from naftiko.lint.secrets import note_secrets
from naftiko.lint.steps import note_steps
from naftiko.lint.templates import note_templates
from naftiko.lint.values import note_values
from naftiko.lint.vocabulary import walk

if TYPE_CHECKING:
    from naftiko.document.findings import Findings
    from naftiko.plain import JSON


def lint(data: JSON, findings: Findings) -> None:
    """Note the likely mistakes in a document."""
    for placed in walk(data):
        note_keys(placed, findings)
        note_values(placed, findings)
        note_references(placed, findings)
        note_steps(placed, findings)
        note_secrets(placed, findings)
        note_templates(placed, findings)
