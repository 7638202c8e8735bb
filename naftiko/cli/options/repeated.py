"""Options that are given several times → one mapping.

    base_uris(["shop=http://h.test"], ["shop"])  → {"shop": "http://h.test"}
    headers([("X-Who", "me")])                   → {"X-Who": "me"}

A word that may hold a secret is not repeated in a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.cli.values import UsageError, text_of
from naftiko.consumes.base_uri import checked_uri
from naftiko.errors import ArgumentError, did_you_mean, names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Characters that a URI has before its first `=`, and a namespace never.
_OF_A_URI = frozenset("/:@?#")


def base_uris(
    given: Sequence[str], namespaces: Sequence[str] | None = None
) -> dict[str, str]:
    """Return namespace → URI: `["a=http://h.test"]` → `{"a": "http://h.test"}`.

    Args:
        given: The values of `--base-uri`. One without a namespace is for all others.
        namespaces: Those that there are. Without them no namespace is checked, and the
            URI for all others has the empty namespace.

    Raises:
        UsageError: A URI is none, or its namespace is unknown or given twice.
    """
    uris: dict[str, str] = {}
    for text in given:
        name, sign, uri = text_of(text, "--base-uri").partition("=")
        if not sign or not _OF_A_URI.isdisjoint(name):
            name, uri = "", text
        if name in uris:
            shown = f" for '{name}'" if name else ""
            raise UsageError(
                f"--base-uri is given twice{shown}",
                hint="write --base-uri NAMESPACE=URI for each namespace",
            )
        try:
            uris[name] = checked_uri(uri)
        except ArgumentError as error:
            raise UsageError(f"--base-uri: {error.message}", hint=error.hint) from None
    if namespaces is None:
        return uris
    for name in filter(None, uris):
        if name not in namespaces:
            raise UsageError(
                f"--base-uri: no namespace is called '{name}'",
                hint=did_you_mean(name, namespaces)
                or f"the document consumes: {names_of(namespaces)}",
            )
    if "" in uris:
        uris = {**dict.fromkeys(namespaces, uris.pop("")), **uris}
    return uris


def headers(given: list[tuple[str, str]]) -> dict[str, str]:
    """Return header name → value: `[("X-Who", "me")]` → `{"X-Who": "me"}`.

    Raises:
        UsageError: A header is given twice, in any case of letters.
    """
    named: dict[str, str] = {}
    for name, value in given:
        if name.lower() in map(str.lower, named):
            raise UsageError(
                f"--header: '{name}' is given twice",
                hint="write its values in one, with a comma between them",
            )
        named[name] = value
    return named
