"""Browsers as callers without their users' knowledge: other origins, borrowed names.

A page of anywhere can send a request that needs no preflight to this machine, with what
the browser knows of credentials; and its own name can be made to point here, so that
the browser takes it for a page of ours (DNS rebinding). This module must not know what
is served.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from naftiko.exposes.http.inbound import Inbound
from naftiko.exposes.http.problems import HttpProblem
from naftiko.exposes.http.scope import header

if TYPE_CHECKING:
    from naftiko.exposes.options import Options
    from naftiko.spec.model import Exposes

_SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
#: Of a host (RFC 1035, 2.3.4); nothing longer is kept in memory.
_LONGEST_NAME = 253
#: Addresses to listen at that name no host.
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


class Names:
    """The names under which a server is known to be reached.

    Those of the loopback, the address that the document gives, and what
    `options.allowed_hosts` adds (`*` for any). Upper case and ports count nowhere.
    """

    def __init__(self, options: Options) -> None:
        self._added = frozenset(map(_name_in, options.allowed_hosts))

    def know(self, host: str, exposes: Exposes) -> bool:
        """Tell whether a `Host` is one of them; without one it comes from no page."""
        name = _name_in(host)
        if not name or name in self._added or "*" in self._added or is_loopback(name):
            return True
        return name not in _EVERYWHERE and name == _name_in(exposes.address)


class Origins:
    """An ASGI application that keeps away what pages of other origins send.

    What only reads passes: a page cannot see the answer unless `options.cors` names its
    origin. Where nothing asks for credentials and only this machine can connect, a
    name is refused that is not known to be ours.

    Args:
        app: What is protected.
        options: Origins that may call, and names under which it is reached.
        exposes: Gives the adapter as it is served now.
    """

    def __init__(
        self, app: Any, options: Options, exposes: Callable[[], Exposes]
    ) -> None:
        self._app = app
        self._exposes = exposes
        self._trusted = frozenset(options.cors)
        self._names = Names(options)

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is not None:
                await Inbound(scope, receive, send).refuse(refusal)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Any) -> HttpProblem | None:
        if scope["method"] not in _SAFE and self._is_of_another(scope):
            return OTHER_ORIGIN
        exposes = self._exposes()
        if exposes.authentication is None and _is_local(scope):
            host = header(scope, b"host")
            return None if self._names.know(host, exposes) else UNKNOWN_HOST
        return None

    def _is_of_another(self, scope: Any) -> bool:
        """Tell whether a page of an origin that is not trusted sends a request.

        Browsers say so themselves; older ones name the origin only. What is no browser
        says neither.
        """
        origin = header(scope, b"origin")
        if origin and ("*" in self._trusted or origin in self._trusted):
            return False
        site = header(scope, b"sec-fetch-site")
        if site:
            return site not in ("same-origin", "none")
        return bool(origin) and origin.partition("://")[2] != header(scope, b"host")


def _name_in(host: str) -> str:
    """Return the name in a `Host`: without its port, and in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name = host.partition(":")[0] if host.count(":") == 1 else host
    return name.removesuffix(".")


def _is_local(scope: Any) -> bool:
    """Tell whether a connection can only have come from this machine."""
    server = scope.get("server")
    return bool(server) and is_loopback(str(server[0]).lower())


def is_loopback(name: str) -> bool:
    """Tell whether a name or an address can only mean this machine."""
    name = name.lower()
    return len(name) <= _LONGEST_NAME and _names_loopback(name)


@lru_cache(256)
def _names_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
