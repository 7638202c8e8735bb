"""Base URIs as documents write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.document import rules
from naftiko.errors import names_of, shorten
from naftiko.masking import without_secrets

if TYPE_CHECKING:
    from naftiko.document.findings import Findings
    from naftiko.plain import DocumentPath

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
#: A whole origin, and a path; no user, query or fragment (RFC 3986, 3).
_WEB = re.compile(
    r"https?://(?:[^/?#\s@:\[\]\\]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/[^?#\x00-\x1f]*)?",
    re.IGNORECASE,
)
_PLACEHOLDER_HOST = re.compile(
    r"https?://(?:[^/]*\.)?(?:example\.(?:com|org|net)|your-[^/]*)(?:[:/]|$)",
    re.IGNORECASE,
)
#: A path, or a scheme before one: what nothing can be sent to.
_HOSTLESS = re.compile(r"/(?!/).*|(?:https?:)?/{2,3}(?:[?#].*|/.*)?|https?:", re.DOTALL)
_SCHEMES = ("http", "https", "unix", "http+unix")
_TOO_MUCH = {"@": "credentials", "?": "a query", "#": "a fragment"}


def read_base_uri(
    value: Any, at: DocumentPath, found: Findings, *, written: bool = True
) -> str:
    """Return a base URI as it will be used, without its trailing slash.

    An empty text is returned for one that nothing can be sent to, with a finding.

    Args:
        value: What the document says.
        at: The place of the adapter.
        found: Where findings go.
        written: Whether the document says anything at all.
    """
    text = "" if value is None else str(value).strip()
    path = (*at, "baseUri")
    shown = shorten(without_secrets(text))
    if not text or _HOSTLESS.fullmatch(text):
        found.add(
            rules.BASE_URI_MISSING,
            path if written else at,
            f"the base URI '{shown}' names no host" if text else "there is no base URI",
            "give one: base_uri='https://…' or --base-uri https://…",
        )
        return ""
    if text.startswith("//"):
        found.add(
            rules.BASE_URI_SCHEME,
            path,
            f"the base URI '{shown}' has no scheme; https is used",
            f"write `https:{shown}`",
        )
        text = "https:" + text
    scheme = _SCHEME.match(text)
    if scheme and re.match(r"\d+(?:/|$)", text[scheme.end() :]):
        scheme = None  # a host and its port
    if text[0] not in "{$[" and (not scheme or scheme[1].lower() not in _SCHEMES):
        what = f"scheme '{scheme[1]}'" if scheme else "no scheme"
        found.add(
            rules.BASE_URI_NOT_HTTP,
            path,
            f"the base URI '{shown}' has {what}: not an HTTP API",
            "write `https://…`, or give one: base_uri='https://…'",
        )
        return ""
    if not re.search(r"[{}\[\]]", text) and "unix:" not in text and not is_web(text):
        more = [what for mark, what in _TOO_MUCH.items() if mark in text]
        found.add(
            rules.BASE_URI_NOT_HTTP,
            path,
            f"the base URI '{shown}' is not a host, a port and a"
            f" path{' alone: it holds ' + names_of(more) if more else ''}",
            "credentials go to `authentication`, a constant query to the paths",
        )
        return ""
    if _PLACEHOLDER_HOST.match(text):
        found.add(
            rules.BASE_URI_PLACEHOLDER,
            path,
            f"the base URI '{shown}' is a placeholder",
            "give the real one: base_uri='https://…' or --base-uri https://…",
        )
    return text.removesuffix("/")


def is_web(text: str) -> bool:
    """Tell whether a base URI is one of HTTP."""
    found = _WEB.fullmatch(text)
    return found is not None and int(found["port"] or 1) in range(1, 65536)
