"""`Cookies`: what servers set, and get back (RFC 6265, 5).

    Set-Cookie: sid=a; Path=/x  of http://h/x/y  →  Cookie: sid=a  for http://h/x/z

There is a jar for each origin, since cookies know no port, and are credentials. This
module must not know how a request is sent.
"""

from __future__ import annotations

from calendar import timegm
from email.utils import parsedate_tz
from time import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from naftiko.records.tuples import NamedTuple
from naftiko.transport.messages import Headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from naftiko.transport.redirects import RedirectedRequest


#: Cookies of one origin that are kept; the oldest go.
_MOST = 150


class _Cookie(NamedTuple):
    """A cookie; `text` is name and value as they came, `until` when it ends."""

    text: str
    path: str
    is_secure: bool
    until: float | None


class Cookies:
    """The cookies that servers have set; threads may share them."""

    __slots__ = ("_jars",)

    def __init__(self) -> None:
        #: Origin → name and path → cookie.
        self._jars: dict[str, dict[tuple[str, str], _Cookie]] = {}

    def keep(self, hop: RedirectedRequest, lines: Iterable[str]) -> None:
        """Keep the cookies that a response sets.

        Args:
            hop: The request that it answers.
            lines: The values of its `Set-Cookie` headers.
        """
        # The URL of a socket file says `localhost`, which is another server.
        if hop.request.socket:
            return
        for line in lines:
            text, *attributes = (part.strip() for part in line.split(";"))
            name, sign, _ = text.partition("=")
            if not sign or not (name := name.strip()):
                continue
            cookie = _cookie(text, attributes, hop)
            if cookie is None:
                continue
            jar = self._jars.setdefault(hop.origin, {})
            if cookie.until is not None and cookie.until <= time():
                jar.pop((name, cookie.path), None)
            else:
                jar[name, cookie.path] = cookie
                while len(jar) > _MOST:
                    jar.pop(next(iter(tuple(jar))), None)

    def headers(self, hop: RedirectedRequest) -> Mapping[str, str]:
        """Return the headers of a request, with the cookies that are kept for it."""
        jar = self._jars.get(hop.origin)
        if jar is None or hop.request.socket:
            return hop.headers
        headers = Headers(hop.headers)
        path, is_secure, now = _path(hop), hop.origin.startswith("https:"), time()
        found = [
            cookie
            for cookie in tuple(jar.values())  # others may set some meanwhile
            if _leads_to(cookie.path, path)
            and (is_secure or not cookie.is_secure)
            and (cookie.until is None or cookie.until > now)
        ]
        found.sort(key=lambda cookie: -len(cookie.path))
        pairs = [cookie.text for cookie in found]
        if given := headers.get("Cookie"):
            pairs.insert(0, given)
        if pairs:
            headers["Cookie"] = "; ".join(pairs)
        return headers


def _cookie(
    text: str, attributes: Iterable[str], hop: RedirectedRequest
) -> _Cookie | None:
    """Return a cookie; `None` for one that is meant for another host."""
    given: dict[str, str] = {}
    for attribute in attributes:
        key, _, value = attribute.partition("=")
        given[key.strip().lower()] = value.strip()
    domain = given.get("domain", "").lower().lstrip(".")
    host = urlsplit(hop.origin).hostname or ""
    if domain and host != domain and not host.endswith(f".{domain}"):
        return None
    path = given.get("path", "")
    if not path.startswith("/"):
        path = _path(hop).rpartition("/")[0] or "/"
    return _Cookie(text, path, "secure" in given, _end(given))


def _end(given: Mapping[str, str]) -> float | None:
    """Return when a cookie ends; `None` for one of this session."""
    age = given.get("max-age", "")
    if age.removeprefix("-").isdecimal() and age.isascii():
        return time() + int(age[:12]) if age[0] != "-" else 0.0
    date = parsedate_tz(given.get("expires", ""))
    try:
        return timegm(date[:6] + (0, 0, 0)) if date else None
    except (ValueError, OverflowError):
        return None


def _path(hop: RedirectedRequest) -> str:
    path = hop.target.partition("?")[0]
    return path if path.startswith("/") else "/"


def _leads_to(kept: str, path: str) -> bool:
    """Tell whether a cookie with a path goes along to another path."""
    return path == kept or (
        path.startswith(kept) and (kept.endswith("/") or path[len(kept)] == "/")
    )
