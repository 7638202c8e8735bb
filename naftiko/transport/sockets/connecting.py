"""How a connection is opened: a name → its addresses → the first one that answers.

    Peer("h.test", 443, tls=…)  →  HostAddresses.addresses()  →  connect()

Addresses are asked for once in ten seconds. Those of both families are tried, each a
quarter of a second after the one before it (RFC 8305). This module must not know what
is sent.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, zip_longest
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from naftiko.transport.sockets.peers import Peer

_P = TypeVar("_P", bound=asyncio.Protocol)
#: Family, type, protocol, canonical name and address, as `getaddrinfo` gives them.
Address = tuple[Any, Any, int, str, Any]

#: Seconds for which the addresses of a name are known.
_KNOWN = 10.0
#: Seconds after which the next address is tried beside the ones before it.
_HEAD_START = 0.25
# Some systems refuse bits of it that are not in the mask.
_FLAGS = getattr(socket, "AI_ADDRCONFIG", 0) & getattr(socket, "AI_MASK", -1)


class HostAddresses:
    """The addresses of one host; calls at the same time wait for one look-up."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._addresses = _numeric(host, port)
        self._until = inf if self._addresses else 0.0
        self._asking: asyncio.Task[list[Address]] | None = None

    async def addresses(self) -> list[Address]:
        """Return the addresses; each call begins with another one.

        Raises:
            OSError: There is none.
            UnicodeError: The host cannot be a name.
        """
        loop = asyncio.get_running_loop()
        if loop.time() >= self._until:
            if self._asking is None:
                self._asking = loop.create_task(self._ask())
                self._asking.add_done_callback(self._asked)
            # Another call may wait for it when this one is cancelled.
            await asyncio.shield(self._asking)
        found = _mixed(self._addresses)
        self._addresses.append(self._addresses.pop(0))
        return found

    async def _ask(self) -> list[Address]:
        loop = asyncio.get_running_loop()
        self._addresses = await loop.getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM, flags=_FLAGS
        )
        self._until = loop.time() + _KNOWN
        return self._addresses

    def _asked(self, task: asyncio.Task[list[Address]]) -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # every call that waited raises it


def _numeric(host: str, port: int) -> list[Address]:
    """Return the address of a host that is one already."""
    try:
        return socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    except (OSError, UnicodeError):
        return []


def _mixed(addresses: list[Address]) -> list[Address]:
    """Return addresses with the families in turn."""
    families: dict[Any, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    if len(families) < 2:
        return addresses[:]
    in_turn = chain.from_iterable(zip_longest(*families.values()))
    return [address for address in in_turn if address is not None]


async def connect(place: Peer, lookup: HostAddresses, new: Callable[[], _P]) -> _P:
    """Open a connection.

    Args:
        place: Where it leads.
        lookup: The addresses of its host.
        new: Makes the protocol.

    Raises:
        OSError: Nobody answers, or the handshake of TLS fails.
        UnicodeError: The host cannot be a name.
    """
    loop = asyncio.get_running_loop()
    if place.path:
        _, protocol = await loop.create_unix_connection(new, place.path)
        return protocol
    addresses = await lookup.addresses()
    if len(addresses) == 1:
        sock = await _connected(addresses[0])
    else:
        sock = await _first_connected(addresses)
    try:
        _, protocol = await loop.create_connection(
            new,
            sock=sock,
            ssl=place.tls,
            server_hostname=place.server_name if place.tls else None,
        )
    except BaseException:
        # The loop may not have taken it.
        with suppress(OSError):
            sock.close()
        raise
    return protocol


async def _connected(address: Address) -> socket.socket:
    family, kind, number, _, where = address
    sock = socket.socket(family, kind, number)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


async def _first_connected(addresses: list[Address]) -> socket.socket:
    """Return the first connection of several attempts, each with a head start."""
    loop = asyncio.get_running_loop()
    waiting = addresses[::-1]
    under_way: set[asyncio.Task[socket.socket]] = set()
    errors: list[BaseException] = []
    try:
        while waiting or under_way:
            if waiting:
                under_way.add(loop.create_task(_connected(waiting.pop())))
            done, under_way = await asyncio.wait(
                under_way,
                timeout=_HEAD_START if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            found = [task for task in done if task.exception() is None]
            errors += [e for task in done if (e := task.exception()) is not None]
            if found:
                under_way.update(found[1:])
                return found[0].result()
    finally:
        for task in under_way:
            task.add_done_callback(_close)
            task.cancel()
    raise errors[0]


def _close(task: asyncio.Task[socket.socket]) -> None:
    """Close a connection that came too late."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
