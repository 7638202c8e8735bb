"""The connections to one place: how many, who gets the next, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from naftiko.transport.failures import NotInTime, Refused
from naftiko.transport.sockets import pool
from naftiko.transport.sockets.connection import IncomingResponse, PooledConnection
from naftiko.transport.sockets.peers import Peer
from naftiko.transport.sockets.pool import Connections
from naftiko.transport.wire.request_heads import RequestHead

HEAD = RequestHead(b"x", True)
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Wire:
    """A transport without a network."""

    def __init__(self, connection: PooledConnection) -> None:
        self.connection = connection
        self.is_ending = False

    def write(self, _: bytes) -> None:
        """Send nothing."""

    def is_closing(self) -> bool:
        """Tell whether it is closed, or about to be."""
        return self.is_ending

    def abort(self) -> None:
        """Be closed, and tell it a little later."""
        self.is_ending = True
        loop = asyncio.get_running_loop()
        loop.call_soon(self.connection.connection_lost, None)


class Network:
    """Replace the opening of connections; each takes a moment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[PooledConnection] = []
        self.error: Exception | None = None
        self.takes = 0.01
        monkeypatch.setattr(pool, "connect", self.connect)

    async def connect(
        self, _: Any, __: Any, new: Callable[[], PooledConnection]
    ) -> Any:
        """Open one."""
        await asyncio.sleep(self.takes)
        if self.error is not None:
            raise self.error
        connection = new()
        connection.connection_made(Wire(connection))
        self.made.append(connection)
        return connection


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Replace the network."""
    return Network(monkeypatch)


def running(act: Callable[[Connections], Awaitable[Any]], most: int = 2) -> None:
    """Run something with connections, and close them."""

    async def main() -> None:
        connections = Connections(Peer("h", 1), most)
        await act(connections)
        await connections.close()
        assert not connections._open
        assert connections._reserved == 0

    asyncio.run(asyncio.wait_for(main(), 10))


def use(connection: PooledConnection) -> None:
    """Begin an exchange and end it: the connection goes back."""
    connection.begin(IncomingResponse(asyncio.get_running_loop()), HEAD)
    connection.data_received(PLAIN)


def test_connection_that_rests_is_used_again(network: Network) -> None:
    """The one that was used last is taken first; one that is closing is not."""

    async def act(connections: Connections) -> None:
        assert connections.take() is None
        first, second = [await connections.opened(1) for _ in range(2)]
        use(first)
        use(second)
        assert connections.take() is second
        assert connections.take() is first
        assert connections.take() is None
        use(first)
        first._transport.is_ending = True  # type: ignore[attr-defined]
        assert connections.take() is None

    running(act)


def test_calls_wait_in_a_line(network: Network) -> None:
    """No more are opened than allowed; who waited longest gets the next one."""

    async def act(connections: Connections) -> None:
        served: list[int] = []

        async def call(number: int) -> None:
            connection = connections.take() or await connections.opened(5)
            served.append(number)
            await asyncio.sleep(0.01)
            use(connection)

        await asyncio.gather(*map(call, range(9)))
        assert served == list(range(9))
        assert len(network.made) == 2

    running(act)


def test_line_is_not_passed_by_a_newcomer(network: Network) -> None:
    """A connection that is free again goes to who waits, not to who comes."""

    async def act(connections: Connections) -> None:
        connection = await connections.opened(1)
        waiting = asyncio.create_task(connections.opened(1))
        await asyncio.sleep(0)
        use(connection)
        assert connections.take() is None
        assert await waiting is connection

    running(act, most=1)


def test_closed_connection_makes_room(network: Network) -> None:
    """Who waits for a place opens a connection when another one is closed."""

    async def act(connections: Connections) -> None:
        connection = await connections.opened(1)
        waiting = [asyncio.create_task(connections.opened(5)) for _ in range(2)]
        await asyncio.sleep(0)
        connection.abort()
        second = await waiting[0]
        assert second is not connection
        use(second)
        assert await waiting[1] is second

    running(act, most=1)


def test_failure_lets_the_next_one_try(network: Network) -> None:
    """An error is for one call; the place in their number is free again."""

    async def act(connections: Connections) -> None:
        network.error = ConnectionRefusedError("no")
        calls = [asyncio.create_task(connections.opened(5)) for _ in range(3)]
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(error) for error in done] == [Refused] * 3
        assert all(error.__cause__ is network.error for error in done)  # type: ignore[union-attr]
        network.error = None
        await connections.opened(1)

    running(act, most=1)


@pytest.mark.parametrize("error", [TimeoutError(110, "x"), UnicodeError("x")])
def test_error_of_the_system_is_no_timeout_of_ours(
    network: Network, error: Exception
) -> None:
    """`ETIMEDOUT` tells of a server that does not answer."""

    async def act(connections: Connections) -> None:
        network.error = error
        with pytest.raises(Refused) as caught:
            await connections.opened(1)
        assert caught.value.__cause__ is error

    running(act)


def test_waiting_has_its_time(network: Network) -> None:
    """It limits opening, and the wait for others."""

    async def act(connections: Connections) -> None:
        network.takes = 1
        with pytest.raises(NotInTime):
            await connections.opened(0.02)
        network.takes = 0
        await connections.opened(1)
        with pytest.raises(NotInTime):
            await connections.opened(0.02)
        assert not connections._waiting

    running(act, most=1)


@pytest.mark.parametrize("is_closed", [False, True])
def test_cancelled_call_hands_on_what_it_got(network: Network, is_closed: bool) -> None:
    """A connection, or a place in their number, is never lost with a call."""

    async def act(connections: Connections) -> None:
        connection = await connections.opened(1)
        first, second = [asyncio.create_task(connections.opened(1)) for _ in range(2)]
        await asyncio.sleep(0)
        if is_closed:
            connection.abort()
        else:
            use(connection)
        first.cancel()
        found = await second
        assert (found is connection) is not is_closed
        assert first.cancelled()

    running(act, most=1)


def test_dead_connection_that_is_handed_on_is_not_used(network: Network) -> None:
    """It was closed between the end of one call and the beginning of the next."""

    async def act(connections: Connections) -> None:
        connection = await connections.opened(1)
        waiting = asyncio.create_task(connections.opened(1))
        await asyncio.sleep(0)
        use(connection)
        connection.abort()
        assert await waiting is not connection

    running(act, most=1)


def test_cancelled_call_is_passed_over(network: Network) -> None:
    """A call that was cancelled in the line gets nothing."""

    async def act(connections: Connections) -> None:
        connection = await connections.opened(1)
        first, second = [asyncio.create_task(connections.opened(1)) for _ in range(2)]
        await asyncio.sleep(0)
        first.cancel()
        use(connection)
        assert await second is connection
        third = asyncio.create_task(connections.opened(1))
        await asyncio.sleep(0)
        third.cancel()
        await asyncio.sleep(0)
        connection.abort()
        assert not connections._waiting

    running(act, most=1)


def test_connections_that_rest_are_dropped(network: Network) -> None:
    """Those in use stay."""

    async def act(connections: Connections) -> None:
        first, second = [await connections.opened(1) for _ in range(2)]
        use(first)
        connections.drop_resting()
        assert not first.is_usable
        assert second.is_usable
        assert connections.take() is None

    running(act)


def test_closing_ends_everything(network: Network) -> None:
    """A response under way ends with an error; nothing is opened afterwards."""

    async def act(connections: Connections) -> None:
        connection = await connections.opened(1)
        reply = IncomingResponse(asyncio.get_running_loop())
        connection.begin(reply, HEAD)
        late = asyncio.create_task(connections.opened(1))
        await asyncio.sleep(0)
        await connections.close()
        with pytest.raises(ConnectionAbortedError):
            await reply.news()
        with pytest.raises(Refused):
            await late
        assert not network.made[-1].is_usable

    running(act)
