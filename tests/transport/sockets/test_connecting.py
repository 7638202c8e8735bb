"""How a connection is opened: addresses, their order, and the first that answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from naftiko.transport.sockets import connecting
from naftiko.transport.sockets.connecting import HostAddresses, connect
from naftiko.transport.sockets.peers import Peer

V4, V6 = socket.AF_INET, socket.AF_INET6
STREAM = socket.SOCK_STREAM


def running(act: Callable[[], Awaitable[Any]]) -> Any:
    """Run something in an event loop."""
    return asyncio.run(asyncio.wait_for(act(), 10))  # type: ignore[arg-type]


def address(where: str, port: int = 1, family: int = V4) -> Any:
    """Return an address as `getaddrinfo` gives it."""
    return family, STREAM, 6, "", (where, port)


def listening() -> socket.socket:
    """Return a socket that takes connections."""
    return socket.create_server(("127.0.0.1", 0))


class Naming:
    """Replace the look-up of names; each takes a moment."""

    def __init__(self, found: Any) -> None:
        self.found, self.asked = found, 0

    async def __call__(self, *_: Any, **__: Any) -> Any:
        """Answer."""
        self.asked += 1
        await asyncio.sleep(0.01)
        if isinstance(self.found, Exception):
            raise self.found
        return list(self.found)


def use(naming: Naming, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop that runs ask for names there."""
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", naming)


# --- addresses ------------------------------------------------------------------------


def test_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls at the same time share one look-up; its result is known for a while."""
    naming = Naming([address("a"), address("b")])

    async def act() -> None:
        use(naming, monkeypatch)
        lookup = HostAddresses("h.test", 1)
        found = await asyncio.gather(*(lookup.addresses() for _ in range(3)))
        assert [where[0][4][0] for where in found] == ["a", "b", "a"]
        await lookup.addresses()
        assert naming.asked == 1
        lookup._until = 0
        await lookup.addresses()
        assert naming.asked == 2

    running(act)


def test_cancelled_call_does_not_end_the_look_up_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever waits with it gets the addresses."""
    naming = Naming([address("a")])

    async def act() -> None:
        use(naming, monkeypatch)
        lookup = HostAddresses("h.test", 1)
        first, second = (asyncio.create_task(lookup.addresses()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == [address("a")]
        with pytest.raises(asyncio.CancelledError):
            await first

    running(act)


def test_failed_look_up_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call that waits gets the error; the next one asks again."""
    naming = Naming(socket.gaierror(-2, "Name or service not known"))

    async def act() -> None:
        use(naming, monkeypatch)
        lookup = HostAddresses("h.test", 1)
        found = await asyncio.gather(
            *(lookup.addresses() for _ in range(2)), return_exceptions=True
        )
        assert [type(error) for error in found] == [socket.gaierror] * 2
        naming.found = [address("a")]
        assert await lookup.addresses() == [address("a")]

    running(act)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_address_needs_no_look_up(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address is one already."""
    naming = Naming(OSError("asked"))

    async def act() -> None:
        use(naming, monkeypatch)
        (found,) = await HostAddresses(host, 80).addresses()
        assert found[4][:2] == (host, 80)

    running(act)


def test_families_are_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A family that cannot be reached does not hold up the other."""
    naming = Naming([address(name, family=V6) for name in "abc"] + [address("d")])

    async def act() -> None:
        use(naming, monkeypatch)
        found = await HostAddresses("h.test", 1).addresses()
        assert [where[4][0] for where in found] == ["a", "d", "b", "c"]

    running(act)


# --- connections ----------------------------------------------------------------------


async def opened(place: Peer, naming: Naming, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Open a connection and close it; return the address of its peer."""
    use(naming, monkeypatch)
    lookup = HostAddresses(place.host, place.port)
    made: list[Any] = []

    class Kept(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)

    await connect(place, lookup, Kept)
    peer = made[0].get_extra_info("peername")
    made[0].close()
    await asyncio.sleep(0)
    return peer


def test_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that refuses is passed over at once; the first error is raised at the end."""
    monkeypatch.setattr(connecting, "_HEAD_START", 5)

    async def act() -> None:
        with listening() as server, listening() as gone:
            port, dead = (s.getsockname()[1] for s in (server, gone))
            gone.close()
            names = [("127.0.0.1", dead), ("127.0.0.1", port)]
            found = Naming([address(*name) for name in names])
            place = Peer("h.test", port)
            begun = asyncio.get_running_loop().time()
            assert (await opened(place, found, monkeypatch))[1] == port
            assert asyncio.get_running_loop().time() - begun < 4
            naming = Naming([address("127.0.0.1", dead)] * 2)
            with pytest.raises(ConnectionRefusedError):
                await opened(place, naming, monkeypatch)

    running(act)


def test_silent_address_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is tried beside it, and what comes too late is closed."""
    monkeypatch.setattr(connecting, "_HEAD_START", 0.02)
    made: list[socket.socket] = []
    late = asyncio.Event()

    async def connected(where: Any) -> socket.socket:
        sock = socket.socket()
        made.append(sock)
        if where[4][0] == "silent":
            try:
                await late.wait()
            except asyncio.CancelledError:
                sock.close()
                raise
        else:
            await asyncio.sleep(0.02)
            sock.close()
            sock = socket.create_connection(where[4])
            sock.setblocking(False)
        return sock

    monkeypatch.setattr(connecting, "_connected", connected)

    async def act() -> None:
        with listening() as server:
            port = server.getsockname()[1]
            naming = Naming([address("silent"), address("127.0.0.1", port)])
            peer = await opened(Peer("h.test", port), naming, monkeypatch)
            assert peer[1] == port
        await asyncio.sleep(0)
        assert made[0].fileno() == -1

    running(act)


def test_two_that_answer_leave_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """When two attempts succeed at the same time, one of them is closed."""
    monkeypatch.setattr(connecting, "_HEAD_START", 0)
    made: list[socket.socket] = []

    async def connected(where: Any) -> socket.socket:
        await answering.wait()
        made.append(socket.create_connection(where[4]))
        made[-1].setblocking(False)
        return made[-1]

    monkeypatch.setattr(connecting, "_connected", connected)
    answering = asyncio.Event()

    async def act() -> None:
        with listening() as server:
            port = server.getsockname()[1]
            asyncio.get_running_loop().call_later(0.05, answering.set)
            naming = Naming([address("127.0.0.1", port)] * 2)
            await opened(Peer("h.test", port), naming, monkeypatch)
        await asyncio.sleep(0.01)
        assert [sock.fileno() for sock in made] == [-1, -1]

    running(act)


def test_cancelled_attempt_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was under way is closed with it."""
    monkeypatch.setattr(connecting, "_HEAD_START", 0.02)
    made: list[socket.socket] = []
    new = socket.socket

    class Kept(new):  # type: ignore[valid-type, misc]
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            made.append(self)

    async def act() -> None:
        async def never(*_: Any) -> None:
            await asyncio.sleep(60)

        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)
        monkeypatch.setattr(connecting.socket, "socket", Kept)
        naming = Naming([address("127.0.0.1")] * 3)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.6):
                await opened(Peer("h.test", 1), naming, monkeypatch)
        await asyncio.sleep(0)
        assert [sock.fileno() for sock in made] == [-1] * 3

    running(act)


def test_socket_file_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path leads to a socket file; one that is not there is an error."""
    path = str(tmp_path / "s")

    async def act() -> None:
        place = Peer("", 0, path)
        with pytest.raises(FileNotFoundError):
            await opened(place, Naming([]), monkeypatch)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            assert await opened(place, Naming([]), monkeypatch) == path

    running(act)


def test_failed_handshake_closes_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket is closed when nothing comes of the connection."""
    made: list[socket.socket] = []

    async def failed(*_: Any, sock: socket.socket, **__: Any) -> None:
        made.append(sock)
        raise ConnectionResetError

    async def act() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "create_connection", failed)
        with listening() as server:
            place = Peer("127.0.0.1", server.getsockname()[1])
            with pytest.raises(ConnectionResetError):
                await opened(place, Naming([]), monkeypatch)
        assert made[0].fileno() == -1

    running(act)
