"""CSRF and DNS rebinding: requests that a web page sends without its reader's will.

CSRF (cross-site request forgery): a page of any origin can send simple requests to this
machine, and the browser adds the credentials that it knows. Such requests are refused
by `Origin` and `Sec-Fetch-Site`.

DNS rebinding: the owner of a page lets its host name point at this machine, and the
browser then takes this server for the origin of the page. Such requests are refused by
`Host`.

This module must not know what is served.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from naftiko.exposes.http.problems import HttpProblem
from naftiko.exposes.http.scope import header
from naftiko.http import is_loopback as is_loopback
from naftiko.transport.wire.hosts import ascii_host

if TYPE_CHECKING:
    from naftiko.exposes.http.scope import ASGIScope
    from naftiko.exposes.options import Options
    from naftiko.spec.model import Exposes

#: Methods that only read (RFC 9110, 9.2.1).
_SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
#: Addresses that listen on every interface; they are the name of no host.
_EVERYWHERE = frozenset(("0.0.0.0", "::"))  # noqa: S104 - nothing is bound

OTHER_ORIGIN = HttpProblem(
    "other-origin",
    "only pages that this server knows may send it",
    "`cors` (--cors ORIGIN) lets others",
)
UNKNOWN_HOST = HttpProblem(
    "unknown-host",
    "the `Host` of the request is none of its names",
    "`allowed_hosts` (--allowed-host NAME) adds one",
)


class HostNames:
    """The host names of a server.

    They are the names of the loopback, the address in the document, and those in
    `options.allowed_hosts` (`*` for any). Ports and upper case are ignored.
    """

    def __init__(self, options: Options) -> None:
        # Browsers send an international name in ASCII.
        names = [_ascii_name(name) for name in options.allowed_hosts]
        self._added = frozenset(map(_name_in, names))

    def know(self, host: str, exposes: Exposes) -> bool:
        """Tell whether a `Host` is one of them; no browser sends an empty one."""
        name = _name_in(host)
        if not name or name in self._added or "*" in self._added or is_loopback(name):
            return True
        return name not in _EVERYWHERE and name == _name_in(exposes.address)


class Origins:
    """Refuses CSRF and DNS rebinding.

    Requests with a safe method of other origins pass: their pages cannot read the
    answer unless `options.cors` names the origin. `Host` is only checked where it
    matters: on a loopback address, for an adapter without authentication.

    Args:
        options: Origins that may call, and host names of the server.
        exposes: The adapter in the document.
    """

    def __init__(self, options: Options, exposes: Exposes) -> None:
        self._trusted = frozenset(options.cors)
        self._is_host_checked = exposes.authentication is None
        names = HostNames(options)
        # Clients send the same few hosts with all of their requests.
        self._knows = lru_cache(64)(lambda host: names.know(host, exposes))

    def refusal(self, scope: ASGIScope) -> HttpProblem | None:
        """Return why a request is refused, or `None` to let it pass."""
        if scope["method"] not in _SAFE and self._is_cross_origin(scope):
            return OTHER_ORIGIN
        if self._is_host_checked and _is_local(scope.get("server")):
            return None if self._knows(header(scope, b"host")) else UNKNOWN_HOST
        return None

    def _is_cross_origin(self, scope: ASGIScope) -> bool:
        """Tell whether a page of an untrusted origin sends a request.

        Browsers send `Sec-Fetch-Site`; older ones only `Origin`. Other clients send
        neither.
        """
        origin = header(scope, b"origin")
        if origin and ("*" in self._trusted or origin in self._trusted):
            return False
        site = header(scope, b"sec-fetch-site")
        if site:
            return site not in ("same-origin", "none")
        return bool(origin) and origin.partition("://")[2] != header(scope, b"host")


@lru_cache(256)
def _name_in(host: str) -> str:
    """Return the name in a `Host`: without its port, and in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name = host.partition(":")[0] if host.count(":") == 1 else host
    return name.removesuffix(".")


def _ascii_name(name: str) -> str:
    try:
        return name if name.isascii() else ascii_host(name)
    except ValueError:
        return name  # it is the name of no host


def _is_local(server: tuple[str, int | None] | None) -> bool:
    """Tell whether a connection can only have come from this machine.

    Args:
        server: Host and port at which it was taken.
    """
    return server is not None and _is_loopback(server[0])


@lru_cache(64)
def _is_loopback(host: object) -> bool:
    return is_loopback(str(host).lower())
