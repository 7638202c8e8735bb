"""What stands for a secret wherever a request is shown.

A secret that was placed is masked by its value; a preview never holds it, but a marker
with the name of its variable. This module must not know requests.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple
from urllib.parse import quote, quote_plus

_MASK = "$"


class Secret(NamedTuple):
    """One value that must never be shown, and the variable that it came from."""

    name: str
    value: str


def mask(text: str, secrets: tuple[Secret, ...]) -> str:
    """Return a text with every secret replaced by `$NAME`, however it is encoded."""
    # The longest first: one secret may be a part of another.
    for secret in sorted(secrets, key=lambda s: -len(s.value)):
        for form in _forms(secret.value):
            if form and form in text:
                text = text.replace(form, _MASK + secret.name)
    return text


def _forms(value: str) -> tuple[str, ...]:
    escaped = json.dumps(value)[1:-1]
    return tuple(
        dict.fromkeys(
            (
                value,
                quote(value, safe=""),
                quote_plus(value),
                escaped,
                json.dumps(value, ensure_ascii=False)[1:-1],
                repr(value)[1:-1],
            )
        )
    )


#: Begins the `Authorization` of a preview, where base64 would hide the variables.
LOGIN = "Basic:"
# A preview carries every variable as its name between two private characters, which
# survive percent-encoding recognisably and cannot stand in a document by accident.
_OPEN, _CLOSE = "\ue000", "\ue001"
_MARKER = re.compile(
    f"(?:{_OPEN}|{quote(_OPEN)}|\\\\ue000)([^{_OPEN}{_CLOSE}%\\\\]+)"
    f"(?:{_CLOSE}|{quote(_CLOSE)}|\\\\ue001)"
)


def marker(name: str) -> str:
    """Return what stands for a variable in a preview."""
    return f"{_OPEN}{name}{_CLOSE}"


def plain(text: str) -> str:
    """Return a text of a preview with `$NAME` for every marker."""
    return _MARKER.sub(rf"{_MASK}\1", text) if has_marker(text) else text


def split_markers(text: str) -> list[tuple[str, bool]]:
    """Return the parts of a text of a preview, and whether each is a variable."""
    parts = _MARKER.split(text)
    return [(part, index % 2 == 1) for index, part in enumerate(parts) if part]


def has_marker(text: str) -> bool:
    """Tell whether a text of a preview holds a marker."""
    return _OPEN in text or "%EE%80%80" in text or "\\ue000" in text
