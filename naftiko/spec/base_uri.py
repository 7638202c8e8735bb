"""Read the base URI of a consumed adapter (spec 2.1).

    "https://shop.test/v1/"  →  "https://shop.test/v1"
    "/v1"                    →  "" and a finding: it names no host

This module must not know how a template in a base URI gets its value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.document import rules
from naftiko.document.findings import SET, pointer
from naftiko.errors import Edit, did_you_mean, names_of, shorten
from naftiko.hints import Hint
from naftiko.masking import without_secrets

if TYPE_CHECKING:
    from naftiko.document.findings import Findings
    from naftiko.plain import DocumentPath

#: A whole origin, and a path; no user, query or fragment (RFC 3986, 3).
_WEB = re.compile(
    r"https?://(?:[^/?#\s@:\[\]\\]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/[^?#\x00-\x1f]*)?",
    re.IGNORECASE,
)
# Texts, which are compiled for a URI that may be wrong.
_SCHEME = r"([A-Za-z][A-Za-z0-9+.-]*):"
_PLACEHOLDER_HOST = (
    r"(?i)https?://(?:[^/]*\.)?(?:example\.(?:com|org|net)|your-[^/]*)(?:[:/]|$)"
)
#: A path, or a scheme before one: there is no host to send a request to.
_HOSTLESS = r"(?s)/(?!/).*|(?:https?:)?/{2,3}(?:[?#].*|/.*)?|https?:"
_SCHEMES = ("http", "https", "unix", "http+unix")
_TOO_MUCH = {"@": "credentials", "?": "a query", "#": "a fragment"}


def read_base_uri(
    value: Any, at: DocumentPath, findings: Findings, *, written: bool = True
) -> str:
    """Return a base URI as it will be used, without its trailing slash.

    The text is empty, and a finding is noted, where no request can be sent to it.

    Args:
        value: The value of `baseUri`.
        at: The place of the adapter.
        findings: Where findings go.
        written: Whether the adapter has the key `baseUri` at all.
    """
    text = "" if value is None else str(value).strip()
    path = (*at, "baseUri")
    if not is_web(text):
        text = _mended(text, path if written else at, path, findings)
    is_odd = "example" in text.lower() or "your-" in text.lower()
    if is_odd and re.match(_PLACEHOLDER_HOST, text):
        findings.add(
            rules.BASE_URI_PLACEHOLDER,
            path,
            f"the base URI '{shorten(without_secrets(text))}' is a placeholder",
            give_base_uri("give the real one: "),
        )
    return text.removesuffix("/")


def _mended(
    text: str, where: DocumentPath, path: DocumentPath, findings: Findings
) -> str:
    """Return a base URI that is no plain one with what it lacks, or an empty text."""
    shown = shorten(without_secrets(text))
    if not text or re.fullmatch(_HOSTLESS, text):
        findings.add(
            rules.BASE_URI_MISSING,
            where,
            f"the base URI '{shown}' names no host" if text else "there is no base URI",
            give_base_uri("give one: "),
        )
        return ""
    if text.startswith("//"):
        findings.add(
            rules.BASE_URI_SCHEME,
            path,
            f"the base URI '{shown}' has no scheme; https is used",
            f"write `https:{shown}`",
            # A shortened or masked text is not the one to write.
            fix=Edit(SET, pointer(path), f"https:{text}") if shown == text else None,
        )
        text = "https:" + text
    scheme = re.match(_SCHEME, text)
    if scheme and re.match(r"\d+(?:/|$)", text[scheme.end() :]):
        scheme = None  # a host and its port
    if text[0] not in "{$[" and (not scheme or scheme[1].lower() not in _SCHEMES):
        what = f"scheme '{scheme[1]}'" if scheme else "no scheme"
        findings.add(
            rules.BASE_URI_NOT_HTTP,
            path,
            f"the base URI '{shown}' has {what}: not an HTTP API",
            (scheme and did_you_mean(scheme[1], _SCHEMES[:2]))
            or give_base_uri("write `https://…`, or give one: "),
        )
        return ""
    if not re.search(r"[{}\[\]]", text) and "unix:" not in text and not is_web(text):
        more = [what for mark, what in _TOO_MUCH.items() if mark in text]
        is_short = re.match(r"https?:/(?!/)", text, re.IGNORECASE)
        findings.add(
            rules.BASE_URI_NOT_HTTP,
            path,
            f"the base URI '{shown}' is not a host, a port and a"
            f" path{' alone: it holds ' + names_of(more) if more else ''}",
            "write two slashes behind the scheme: `https://…`"
            if is_short
            else "credentials go to `authentication`, a constant query to the paths",
        )
        return ""
    return text


def give_base_uri(text: str) -> Hint:
    """Return a hint that ends in the option which gives a base URI."""
    return Hint("base_uri='https://…'", "--base-uri https://…").after(text)


def is_web(text: str) -> bool:
    """Tell whether a base URI is an http or https URI: a host, a port and a path."""
    match = _WEB.fullmatch(text)
    return match is not None and int(match["port"] or 1) in range(1, 65536)
