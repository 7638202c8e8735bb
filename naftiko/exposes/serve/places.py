"""Hosts and ports: which ones adapters want, and the sockets bound to them."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.errors import ServeError
from naftiko.exposes.access.origins import is_loopback
from naftiko.exposes.serve.prefixes import Prefixes
from naftiko.exposes.serve.sites import RunningAdapter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naftiko.spec.model import Exposes

BACKLOG = 2048


class Place(NamedTuple):
    """Where adapters are to be served.

    Attributes:
        warnings: What the operator should know of it.
    """

    host: str
    port: int
    warnings: tuple[str, ...] = ()


def place_of(
    exposes: Exposes,
    *,
    host: str = "",
    port: int | None = None,
    allow_public: bool = False,
) -> Place:
    """Decide where to serve an adapter.

    Without `--allow-public` an open adapter is only served to this machine: an address
    of the document is replaced, one that was asked for is refused.

    Args:
        exposes: The adapter.
        host: What the operator asks for; empty for the document's.
        port: The same.
        allow_public: The operator means it.

    Raises:
        ServeError: It has no port, or must not be open to everyone.
    """
    name = exposes.namespace or exposes.type
    wanted = host or exposes.address or "localhost"
    warnings: tuple[str, ...] = ()
    if not is_loopback(wanted) and exposes.authentication is None:
        if allow_public:
            warnings = (
                f"'{name}' is open to everyone who reaches {wanted}: it has no"
                " authentication",
            )
        elif host:
            raise ServeError(
                f"'{name}' has no authentication and would be open at {wanted}",
                hint="declare `authentication`, or confirm it with --allow-public",
            )
        else:
            warnings = (
                f"'{name}' has no authentication, so it is not served at {wanted} but"
                " to this machine only; --allow-public confirms it [W-address-public]",
            )
            wanted = "localhost"
    chosen = exposes.port if port is None else port
    if chosen is None:
        raise ServeError(
            f"'{name}' has no port",
            hint=f"add `port:`, or give --port {name}=8080",
        )
    return Place(wanted, chosen, warnings)


class Listener(NamedTuple):
    """One socket and what is served on it."""

    socket: socket.socket
    served: tuple[RunningAdapter, ...]
    prefixes: tuple[str, ...] = ()

    @property
    def app(self) -> Any:
        """The ASGI application."""
        if not self.prefixes:
            return self.served[0].front
        below = dict(zip(self.prefixes, self.served, strict=True))
        return Prefixes(
            {prefix: served.front for prefix, served in below.items()},
            {prefix: served.state.type for prefix, served in below.items()},
            # Asked for anew each time: reloading may change them.
            lambda: {p: served.guarded.documents for p, served in below.items()},
        )


def bind(place: Place, served: Sequence[RunningAdapter]) -> socket.socket:
    """Return a socket that is bound to a place."""
    host = "127.0.0.1" if place.host == "localhost" else place.host
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Without a protocol asyncio leaves Nagle's algorithm on: 40 ms for each answer.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise _unbound(error, host, place.port, served) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, place.port))
        bound.listen(BACKLOG)
        bound.set_inheritable(True)
        return bound
    except OSError as error:
        bound.close()
        raise _unbound(error, host, place.port, served) from None


def _unbound(
    error: OSError, host: str, port: int, served: Sequence[RunningAdapter]
) -> ServeError:
    names = ", ".join(f"'{entry.name}'" for entry in served)
    option = f"--port {served[0].name}=PORT" if len(served) == 1 else "--single-port"
    if error.errno == errno.EADDRINUSE:
        hint = f"give {option}, or stop what listens there"
    elif error.errno in (errno.EACCES, errno.EPERM):
        hint = f"give {option} with a port above 1023, or the right to use this one"
    else:
        hint = "give another --host: this machine has no such address"
    return ServeError(
        f"{names}: {shown_host(host)}:{port} cannot be had: {error.strerror or error}",
        hint=hint,
    )


def shown_host(host: str) -> str:
    """Return a host as it stands in a URL: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host
