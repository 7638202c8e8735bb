"""Hosts and ports: where each adapter listens, and the sockets bound there.

    ServePlan, adapters → places_of → [(Place, adapters)] → listen → [Listener]

This module must not know how requests are answered.
"""

from __future__ import annotations

import errno
import logging
import socket
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import ServeError
from naftiko.exposes.access.origins import is_loopback
from naftiko.exposes.serve.connections import AT_ONCE_ALONE, AT_ONCE_SHARED, Paced
from naftiko.exposes.serve.prefixes import Prefixes
from naftiko.exposes.serve.sites import RunningAdapter
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naftiko.exposes.http.scope import ASGIApp
    from naftiko.exposes.serve.plan import ServePlan
    from naftiko.spec.model import Exposes

_log = logging.getLogger("naftiko.serve")

#: Connections that the system keeps until they are accepted.
BACKLOG = 2048


class Place(NamedTuple):
    """A host and a port at which adapters are to be served.

    Attributes:
        warnings: Sentences for the operator, to be logged.
    """

    host: str
    port: int
    warnings: tuple[str, ...] = ()


class Listener(NamedTuple):
    """One bound socket and the adapters that are served on it.

    Attributes:
        prefixes: Path prefix of each adapter; empty if there is one, at the root.
    """

    socket: socket.socket
    served: tuple[RunningAdapter, ...]
    prefixes: tuple[str, ...] = ()

    @property
    def app(self) -> ASGIApp:
        """The ASGI application for the socket."""
        if not self.prefixes:
            return self.served[0].serve
        below = dict(zip(self.prefixes, self.served, strict=True))
        return Prefixes(
            {prefix: served.serve for prefix, served in below.items()},
            {prefix: served.state.type for prefix, served in below.items()},
            # Looked up for each request: a reload may change the documents.
            lambda: {p: served.guarded.documents for p, served in below.items()},
        )


# --- which place --------------------------------------------------------------------


def place_of(
    exposes: Exposes,
    *,
    host: str = "",
    port: int | None = None,
    allow_public: bool = False,
) -> Place:
    """Decide where to serve an adapter.

        address 0.0.0.0, port 8080, no authentication  →  localhost:8080, a warning

    An adapter without authentication is served to this machine only, unless the
    operator allows more. A public address in the document is then replaced; a public
    `host` is refused.

    Args:
        exposes: The adapter in the document.
        host: The host that the operator asks for; empty for the one in the document.
        port: The port that the operator asks for; `None` for the one in the document.
        allow_public: The operator allows an adapter without authentication to be
            served beyond this machine.

    Raises:
        ServeError: The adapter has no port, or would be open to everyone.
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
                " to this machine only; --allow-public confirms it"
                f" [{rules.ADDRESS_PUBLIC.code}]",
            )
            wanted = "localhost"
    chosen = exposes.port if port is None else port
    if chosen is None:
        raise ServeError(
            f"'{name}' has no port",
            hint=f"add `port:`, or give --port {name}=8080",
        )
    return Place(wanted, chosen, warnings)


def places_of(
    plan: ServePlan, served: Sequence[RunningAdapter]
) -> list[tuple[Place, tuple[RunningAdapter, ...]]]:
    """Return each place and the adapters that are served there.

    Raises:
        ServeError: An adapter has no place, or two adapters want the same place.
    """
    # Port 0 means any free port, which does for several adapters.
    if plan.ports.get("") and len(served) != 1:
        raise ServeError(
            f"--port {plan.ports['']} does for one adapter, but there are"
            f" {len(served)}",
            hint="give --port NAME=PORT, --adapter NAME, or --single-port PORT",
        )
    if plan.single_port is not None:
        return [_single_place(plan, served)]
    places: list[tuple[Place, tuple[RunningAdapter, ...]]] = []
    taken: dict[int, str] = {}
    for entry in served:
        port = plan.ports.get(entry.name, plan.ports.get(""))
        place = place_of(
            entry.exposes, host=plan.host, port=port, allow_public=plan.allow_public
        )
        if place.port and place.port in taken:
            # `--port NAME=` cannot tell two adapters of the same name apart.
            own = f"--port {entry.name}=PORT, or "
            raise ServeError(
                f"'{entry.name}' and '{taken[place.port]}' both want port {place.port}",
                hint=f"give {own if entry.name != taken[place.port] else ''}"
                "--single-port PORT",
            )
        taken[place.port] = entry.name
        places.append((place, (entry,)))
    return places


def _single_place(
    plan: ServePlan, served: Sequence[RunningAdapter]
) -> tuple[Place, tuple[RunningAdapter, ...]]:
    places = [
        place_of(
            entry.exposes,
            host=plan.host or "localhost",
            port=plan.single_port,
            allow_public=plan.allow_public,
        )
        for entry in served
    ]
    _check_prefixes(served)
    warnings = tuple(w for place in places for w in place.warnings)
    return places[0]._replace(warnings=warnings), tuple(served)


def _check_prefixes(served: Sequence[RunningAdapter]) -> None:
    """Refuse two adapters with the same path prefix: one would not be reachable."""
    taken: dict[str, RunningAdapter] = {}
    for prefix, entry in zip(prefixes_of(served), served, strict=True):
        before = taken.setdefault(prefix, entry)
        if before is not entry:
            raise ServeError(
                f"two adapters called '{entry.name}' both want {prefix}",
                hint="give each a `namespace` of its own"
                if before.site is entry.site
                else "documents of one file name need different namespaces",
            )


def prefixes_of(served: Sequence[RunningAdapter]) -> list[str]:
    """Return the path prefix of each adapter under a single port.

        adapters `rest` and `mcp` of a.yaml, `rest` of b.yaml
            →  ["/a/rest", "/mcp", "/b/rest"]

    An adapter whose name is unique has its name as prefix. The file name of its
    document comes before a name that several adapters have.
    """
    names = [entry.name for entry in served]
    return [
        f"/{entry.name}"
        if names.count(entry.name) == 1
        else f"/{entry.site.source.name}/{entry.name}"
        for entry in served
    ]


# --- sockets ------------------------------------------------------------------------


def listen(
    plan: ServePlan,
    places: Sequence[tuple[Place, tuple[RunningAdapter, ...]]],
    sockets: Sequence[socket.socket] = (),
) -> list[Listener]:
    """Bind a socket for each place, and set the URL of each adapter.

    Args:
        plan: The wishes of the operator.
        places: The result of `places_of`.
        sockets: Sockets bound by another process, in the order of the places; empty
            to bind them here.

    Raises:
        ServeError: A bind failed; no socket is left open.
    """
    given = iter(sockets)
    at_once = AT_ONCE_SHARED if sockets else AT_ONCE_ALONE
    scheme = "https" if plan.certificate else "http"
    listeners: list[Listener] = []
    try:
        for place, served in places:
            bound = next(given, None) or bind(place, served)
            prefixes = prefixes_of(served) if plan.single_port is not None else ()
            port = bound.getsockname()[1]
            for number, entry in enumerate(served):
                entry.state.port = port
                entry.must_authenticate = not (
                    plan.allow_public or is_loopback(place.host)
                )
                below = prefixes[number] if prefixes else ""
                entry.state.url = f"{scheme}://{shown_host(place.host)}:{port}{below}"
            paced = Paced(bound, at_once)
            listeners.append(Listener(paced, served, tuple(prefixes)))
    except ServeError:
        for listener in listeners:
            listener.socket.close()
        raise
    return listeners


def bind(place: Place, served: Sequence[RunningAdapter]) -> socket.socket:
    """Return a listening socket at a place.

    Args:
        place: The host and the port.
        served: The adapters there, for the message.

    Raises:
        ServeError: The bind failed.
    """
    host = "127.0.0.1" if place.host == "localhost" else place.host
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio turns Nagle's algorithm off only for sockets with this protocol; it
        # would delay each answer by 40 ms.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise _bind_failed(error, host, place.port, served) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, place.port))
        bound.listen(BACKLOG)
        bound.set_inheritable(True)
        return bound
    except OSError as error:
        bound.close()
        raise _bind_failed(error, host, place.port, served) from None


def _bind_failed(
    error: OSError, host: str, port: int, served: Sequence[RunningAdapter]
) -> ServeError:
    names = ", ".join(f"'{entry.name}'" for entry in served)
    option = f"--port {served[0].name}=PORT" if len(served) == 1 else "--single-port"
    if error.errno == errno.EADDRINUSE:
        hint = f"give {option}, or stop the process that listens there"
    elif error.errno in (errno.EACCES, errno.EPERM):
        hint = f"give {option} with a port above 1023, or the right to use this one"
    else:
        hint = "give another --host: this machine has no such address"
    reason = error.strerror or str(error)
    reason = reason[:1].lower() + reason[1:]
    return ServeError(
        f"{names}: bind failed: {reason} ({shown_host(host)}:{port})", hint=hint
    )


def shown_host(host: str) -> str:
    """Return a host as it is written in a URL: `::1` → `[::1]`."""
    return f"[{host}]" if ":" in host else host
