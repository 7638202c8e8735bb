"""Texts that name a place on the network, and name none: paths, addresses, headers.

path: https://api.test/v1/cars   →  W-path: the path is a whole URL
address: localhost:8080          →  W-address: the port belongs in `port`
uri: cars/all                    →  W-resource-uri: it has no scheme
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import shorten
from naftiko.masking import without_secrets

if TYPE_CHECKING:
    from naftiko.document.findings import Findings
    from naftiko.lint.vocabulary import Placed

_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}|\{[^{}]*\}")
#: What most paths are, so that most are looked at once.
_USUAL = re.compile(r"/\S*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]")
_MEDIA_TYPE = re.compile(r"[\w.+*-]+/[\w.+*-]+\s*(;.*)?")
#: A field name (RFC 9110, 5.1).
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_WITH_PORT = re.compile(r"(?:[^\s:/\[\]]+|\[[0-9A-Fa-f:.]+\]):[0-9]+")
_IPV4 = re.compile(r"[0-9]+(?:\.[0-9]+){3}")


def note_url_path(placed: Placed, findings: Findings) -> None:
    """Note a path that no request can have, or that nobody means."""
    path = placed.data.get("path")
    if not isinstance(path, str) or not path or _USUAL.fullmatch(path):
        return
    at = (*placed.path, "path")
    is_route = placed.part.name.startswith("exposed")
    if _URL.match(path):
        findings.add(
            rules.PATH,
            at,
            "the path is a whole URL, and is appended to the base URI"
            if not is_route
            else "the path of a route is a whole URL, which no request asks for",
            "write what follows the base URI, such as `/items`"
            if not is_route
            else "write the path alone, such as `/items`",
        )
        return
    plain = _PLACEHOLDER.sub("", path) if "{" in path else path
    if plain.strip() != plain or "\n" in plain:
        findings.add(
            rules.PATH,
            at,
            "the path begins or ends with a blank, which is sent as `%20`",
            "remove the blank",
        )


def note_base_uri(placed: Placed, findings: Findings) -> None:
    """Note a base URI that ends in several slashes."""
    written = placed.data.get("baseUri")
    # More slashes than those of `https://`.
    if isinstance(written, str) and written.endswith("//") and written.count("/") > 3:
        findings.add(
            rules.PATH,
            (*placed.path, "baseUri"),
            "the base URI ends in several slashes; one is sent",
            f"write `{shorten(without_secrets(written.rstrip('/')))}`",
        )


def note_address(placed: Placed, findings: Findings) -> None:
    """Note an address that is neither a host name nor an IP address."""
    address = placed.data.get("address")
    if not isinstance(address, str) or not address or "{{" in address:
        return
    if "/" in address:
        what, mend = "is a URL or a path", "write the host alone, such as `localhost`"
    elif _WITH_PORT.fullmatch(address):
        what, mend = "holds a port", "write the port as `port:`"
    elif _IPV4.fullmatch(address) and any(int(n) > 255 for n in address.split(".")):
        what, mend = "is no IP address", "each of the four numbers is at most 255"
    elif any(letter.isspace() for letter in address):
        what, mend = "holds a blank", "write a host name, such as `localhost`"
    else:
        return
    findings.add(
        rules.ADDRESS,
        (*placed.path, "address"),
        f"the address '{shorten(without_secrets(address))}' {what}, so nothing can"
        " listen there",
        mend,
    )


def note_uri(placed: Placed, findings: Findings) -> None:
    """Note the `uri` of an MCP resource that is none, and a media type without `/`."""
    uri, media_type = placed.data.get("uri"), placed.data.get("mimeType")
    if isinstance(uri, str) and uri and "{{" not in uri:
        plain = _PLACEHOLDER.sub("x", uri)
        mend = ""
        if not _SCHEME.match(plain):
            what = "has no scheme"
            mend = f"write one before it, such as `data://{uri.strip('/ ')}`"
        elif any(letter.isspace() for letter in plain):
            what, mend = "holds a blank", "remove it, or write `%20`"
        elif "{" in plain or "}" in plain:
            what, mend = "has a brace without its partner", "write `{name}`"
        if mend:
            findings.add(
                rules.RESOURCE_URI,
                (*placed.path, "uri"),
                f"the URI '{shorten(uri)}' {what}",
                shorten(mend),
            )
    is_text = isinstance(media_type, str) and media_type
    if is_text and not _MEDIA_TYPE.fullmatch(str(media_type)):
        findings.add(
            rules.RESOURCE_URI,
            (*placed.path, "mimeType"),
            f"'{shorten(media_type)}' is no media type",
            "write a type and a subtype, such as `application/json`",
        )


def note_header(placed: Placed, findings: Findings) -> None:
    """Note a name that no header can have: every call with it is refused."""
    data = placed.data
    name = data.get("name")
    if data.get("in") != "header" or not isinstance(name, str) or not name:
        return
    if not _FIELD_NAME.fullmatch(name):
        meant = re.sub(r"\s+", "-", name.strip().rstrip(":").strip())
        findings.add(
            rules.HEADER_NAME,
            (*placed.path, "name"),
            f"'{shorten(name)}' is not a header name: it has letters, digits and"
            " `-` only",
            f"did you mean '{shorten(meant)}'?" if _FIELD_NAME.fullmatch(meant) else "",
        )
