"""`BlockingConnections`: those of threads to one place, each used by one at a time.

    take(9.0)  →  BlockingConnection  →  …  →  give_back(connection)

Whoever finds none that rests opens one; of those that come back, so many are kept.
`pool` is the same for an event loop. This module must not know what is sent over a
connection.
"""

from __future__ import annotations

import select
import socket
from _thread import allocate_lock  # `threading` takes a millisecond to import
from typing import TYPE_CHECKING

from naftiko.transport.failures import NotInTime, Refused

if TYPE_CHECKING:
    from naftiko.transport.sockets.peers import Peer


class BlockingConnection:
    """A connection over TCP, TLS or a socket file.

    Attributes:
        sock: Its socket.
    """

    __slots__ = ("_poll", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._poll = _poll_of(sock)

    def is_quiet(self) -> bool:
        """Tell whether nothing has come: neither bytes nor the end."""
        if self._poll is not None:
            return not self._poll.poll(0)
        return not select.select([self.sock], [], [], 0)[0]

    def close(self) -> None:
        """Close it."""
        self.sock.close()

    # Whoever forgets to close a transport leaves no socket open.
    __del__ = close


class BlockingConnections:
    """The connections to one place.

    Args:
        place: Where they lead.
        most: How many are kept.
    """

    def __init__(self, place: Peer, most: int) -> None:
        self._place = place
        self._most = most
        #: Those that are in use come back to the end, and are used again first.
        self._resting: list[BlockingConnection] = []
        self._lock = allocate_lock()

    def take(self, patience: float | None) -> BlockingConnection:
        """Return a connection that rests, or a new one.

        Args:
            patience: Seconds that a new one may take.

        Raises:
            NotInTime: It took longer.
            Refused: It cannot be opened.
        """
        while (connection := self._rested()) is not None:
            if connection.is_quiet():
                return connection
            connection.close()
        try:
            return BlockingConnection(_connected(self._place, patience))
        except TimeoutError as error:
            # That of the system has a number, and ended before ours.
            if error.errno is None:
                raise NotInTime from None
            raise Refused from error
        except (OSError, UnicodeError) as error:
            raise Refused from error

    def _rested(self) -> BlockingConnection | None:
        try:
            return self._resting.pop()
        except IndexError:
            return None

    def give_back(self, connection: BlockingConnection) -> None:
        """Take back a connection that can be used again."""
        with self._lock:
            is_kept = len(self._resting) < self._most
            if is_kept:
                self._resting.append(connection)
        if not is_kept:
            connection.close()

    def drop_resting(self) -> None:
        """Close the connections that rest: one of them was dead."""
        while (connection := self._rested()) is not None:
            connection.close()

    def close(self) -> None:
        """Close each connection, those in use when they come back."""
        with self._lock:  # one that is coming back rests before, or not at all
            self._most = 0
        self.drop_resting()


def _poll_of(sock: socket.socket) -> select.poll | None:
    if not hasattr(select, "poll"):  # Windows
        return None
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return poll


def _connected(place: Peer, patience: float | None) -> socket.socket:
    if place.path:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    else:
        sock = socket.create_connection((place.host, place.port), patience)
    try:
        if place.path:
            sock.settimeout(patience)
            sock.connect(place.path)
            return sock
        # A request is written at once: nothing is gained by waiting for more.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if place.tls is None:
            return sock
        return place.tls.wrap_socket(sock, server_hostname=place.server_name)
    except BaseException:
        sock.close()
        raise
