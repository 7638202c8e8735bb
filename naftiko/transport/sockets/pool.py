"""`Connections`: those to one place, a limited number of them.

    take()  →  a connection that rests, or None  →  opened()  →  one of one's own

Whoever finds all of them in use waits in a line. This module must not know what is sent
over a connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from naftiko.transport.failures import NotInTime, Refused
from naftiko.transport.sockets.connecting import HostAddresses, connect
from naftiko.transport.sockets.connection import PooledConnection

if TYPE_CHECKING:
    from naftiko.transport.sockets.peers import Peer


class Connections:
    """The connections to one place.

    Args:
        place: Where they lead.
        most: How many may be open.

    Attributes:
        is_closed: No more can be opened.
    """

    def __init__(self, place: Peer, most: int) -> None:
        self._place = place
        self._most = most
        self._lookup = HostAddresses(place.host, place.port)
        #: Those that are in use come back to the end, and are used again first.
        self._resting: list[PooledConnection] = []
        self._open: set[PooledConnection] = set()
        #: Places in the number of connections that are given away, not used yet.
        self._reserved = 0
        self._waiting: deque[asyncio.Future[PooledConnection | None]] = deque()
        self.is_closed = False

    def take(self) -> PooledConnection | None:
        """Return a connection that rests, if there is one."""
        resting = self._resting
        while resting:
            connection = resting.pop()
            if connection.can_begin():
                return connection
        return None

    async def opened(self, patience: float | None) -> PooledConnection:
        """Return a connection: a new one, or one that others do not need any more.

        Args:
            patience: Seconds that it may take.

        Raises:
            NotInTime: It took longer.
            Refused: It cannot be opened.
        """
        limit = asyncio.timeout(patience)
        try:
            async with limit:
                return await self._opened()
        except TimeoutError as error:
            if limit.expired():
                raise NotInTime from None
            raise Refused from error
        except (OSError, UnicodeError) as error:
            raise Refused from error

    async def _opened(self) -> PooledConnection:
        if self._waiting or len(self._open) + self._reserved >= self._most:
            connection = await self._handed_on()
            if connection is not None:
                return connection
        else:
            self._reserved += 1
        try:
            loop = asyncio.get_running_loop()
            connection = await connect(
                self._place, self._lookup, lambda: PooledConnection(loop, self)
            )
            if connection.is_usable:
                self._open.add(connection)
        finally:
            self._reserved -= 1
            self._let_in()
        if self.is_closed:
            connection.abort()
        if not connection.is_usable:
            raise ConnectionAbortedError
        return connection

    async def _handed_on(self) -> PooledConnection | None:
        """Wait in the line for a connection, or for a place in their number: `None`."""
        while True:
            turn: asyncio.Future[PooledConnection | None]
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            self._let_in()
            try:
                connection = await turn
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self._pass_on(turn.result())
                else:
                    with suppress(ValueError):  # it may have been passed over
                        self._waiting.remove(turn)
                raise
            if connection is None or connection.is_usable:
                return connection

    def _pass_on(self, connection: PooledConnection | None) -> None:
        """Give away what was handed to somebody who does not need it any more."""
        if connection is None:
            self._reserved -= 1
            self._let_in()
        elif connection.is_usable:
            self.give_back(connection)

    def give_back(self, connection: PooledConnection) -> None:
        """Take back a connection that can be used again."""
        waiting = self._waiting
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        self._resting.append(connection)

    def lose(self, connection: PooledConnection) -> None:
        """Take note that a connection is closed."""
        if connection in self._open:
            self._open.discard(connection)
            if connection in self._resting:
                self._resting.remove(connection)
            self._let_in()

    def _let_in(self) -> None:
        """Let those who wait open connections, as long as there may be more."""
        while self._waiting and len(self._open) + self._reserved < self._most:
            turn = self._waiting.popleft()
            if not turn.done():
                self._reserved += 1
                turn.set_result(None)

    def drop_resting(self) -> None:
        """Close the connections that rest: one of them was dead."""
        for connection in self._resting[::-1]:
            connection.abort()

    async def close(self) -> None:
        """Close every connection; a response that is coming in ends with an error."""
        self.is_closed = True
        closing = list(self._open)
        for connection in closing:
            connection.fail(ConnectionAbortedError())
        for connection in closing:
            await connection.closed()
