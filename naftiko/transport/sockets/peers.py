"""`Peer`: where connections lead, as an origin or a socket file says it.

    "https://h.test:8443"  →  Peer("h.test", 8443, tls=…), and "h.test:8443"

This module must not know how a connection is opened.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from ssl import SSLContext

#: What a host name may hold (RFC 3986, 3.2.2).
_HOST = r"[A-Za-z0-9._~!$&'()*+,;=%-]+"


class Peer(NamedTuple):
    """Where connections lead.

    Attributes:
        host: The host name or address, or an empty text for a socket file.
        port: The port.
        path: The path of a socket file, or an empty text.
        tls: The TLS settings, or `None` for a connection without TLS.
    """

    host: str
    port: int
    path: str = ""
    tls: SSLContext | None = None

    @property
    def server_name(self) -> str:
        """The name that its certificate must have."""
        # A zone is known on this host alone (RFC 6874, 4).
        host = self.host.partition("%")[0] if ":" in self.host else self.host
        return host.rstrip(".")


def peer_of(origin: str, tls: SSLContext | None) -> Peer:
    """Return where the connections to an origin lead.

    Args:
        origin: Scheme, host and port.
        tls: The TLS settings, for an origin of `https`.

    Raises:
        ValueError: Its scheme is not that of HTTP, or its host has a character that a
            host must not have.
    """
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https"):
        raise ValueError("no scheme of HTTP")
    host = parts.hostname or ""
    if ":" not in host and re.fullmatch(_HOST, host) is None:
        raise ValueError("a character that a host must not have")
    # In a URL, a percent sign is written `%25` (RFC 6874).
    return Peer(host.replace("%25", "%"), parts.port or 0, "", tls)


def authority_of(origin: str) -> str:
    """Return host and port of an origin, without the port that goes without saying."""
    scheme, _, place = origin.partition("://")
    return place.removesuffix(":443" if scheme == "https" else ":80")
