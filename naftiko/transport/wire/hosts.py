"""International host names → ASCII, as they are looked up and sent (RFC 5891).

    http://bücher.example/x       →  http://xn--bcher-kva.example/x
    http://b%C3%BCcher.example/x  →  http://xn--bcher-kva.example/x

One place decides, so that a base URI and a redirect, with and without a proxy, reach
the same host. This module must not know requests.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

# A text, which is compiled for the first host beyond ASCII.
_DELIMITER = r"[\x00-\x20/?#@:\[\]\\]"


def ascii_url(url: str) -> str:
    """Return a URL whose host is ASCII; its other parts stay as they are.

    Raises:
        ValueError: The host is no name.
    """
    if url.isascii() and "%" not in url:
        return url
    begin = url.find("//") + 2
    ends = (at for mark in "/?#" if (at := url.find(mark, begin)) >= 0)
    end = min(ends, default=len(url))
    authority = url[begin:end]
    if authority.isascii() and "%" not in authority:
        return url
    return url[:begin] + _ascii_authority(authority) + url[end:]


@lru_cache(256)
def _ascii_authority(authority: str) -> str:
    user, at, place = authority.rpartition("@")
    if place.startswith("["):
        return authority  # an IPv6 address; `%` stands before its zone
    host, colon, port = place.partition(":")
    return f"{user}{at}{ascii_host(host)}{colon}{port}"


def ascii_host(host: str) -> str:
    """Return a host name in ASCII: "bücher.example" is "xn--bcher-kva.example".

    Raises:
        ValueError: It is no name.
    """
    if "%" in host:
        raw = unquote_to_bytes(host)
        try:
            host = raw.decode()
        except UnicodeDecodeError:
            host = raw.decode("latin-1")
    host = host if host.isascii() else _encoded(host)
    if re.search(_DELIMITER, host):
        raise ValueError("a delimiter in a host name")
    return host


def _encoded(host: str) -> str:
    # Imported here: few hosts need it, and its tables are large.
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        # IDNA 2008 refuses some names that are registered, such as those of symbols.
        return host.encode("idna").decode("ascii")
