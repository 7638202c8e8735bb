"""Blocking connections to one place: kept, checked, and dropped."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme

from naftiko.transport.failures import NotInTime, Refused
from naftiko.transport.sockets.blocking import BlockingConnections
from naftiko.transport.sockets.peers import Peer
from support.recorder import Recorder, response


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Give a socket that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def to(listener: socket.socket, most: int = 2) -> BlockingConnections:
    """Return the connections to a listener."""
    return BlockingConnections(Peer(*listener.getsockname()), most)


def test_connection_that_came_back_is_taken_first(listener: socket.socket) -> None:
    """The last one: it is the least likely to be closed."""
    connections = to(listener)
    one, two = connections.take(5), connections.take(5)
    connections.give_back(one)
    connections.give_back(two)
    assert connections.take(5) is two
    assert connections.take(5) is one
    assert connections.take(5) not in (one, two)


def test_so_many_are_kept(listener: socket.socket) -> None:
    """A further one is closed when it comes back."""
    connections = to(listener, most=1)
    one, two = connections.take(5), connections.take(5)
    connections.give_back(one)
    connections.give_back(two)
    assert one.sock.fileno() >= 0
    assert two.sock.fileno() < 0


@pytest.mark.parametrize("has_poll", [True, False])
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 408 Too Late\r\n\r\n"])
def test_connection_with_news_is_not_used(
    listener: socket.socket, sent: bytes, has_poll: bool, monkeypatch: Any
) -> None:
    """The server closed it, or said something that nobody asked for."""
    if not has_poll:
        monkeypatch.delattr(select, "poll")
    connections = to(listener)
    first = connections.take(5)
    accepted, _ = listener.accept()
    connections.give_back(first)
    assert connections.take(5) is first
    connections.give_back(first)
    accepted.sendall(sent)
    if not sent:
        accepted.close()
    select.select([first.sock], [], [], 5)
    assert connections.take(5) is not first
    assert first.sock.fileno() < 0
    accepted.close()


def test_closed_connections_are_opened_no_more(listener: socket.socket) -> None:
    """Those that rest are closed at once, one in use when it comes back."""
    connections = to(listener)
    resting, used = connections.take(5), connections.take(5)
    connections.give_back(resting)
    connections.drop_resting()
    assert resting.sock.fileno() < 0
    connections.close()
    assert used.sock.fileno() >= 0
    connections.give_back(used)
    assert used.sock.fileno() < 0


def test_connection_that_comes_back_while_others_close_is_closed(
    listener: socket.socket,
) -> None:
    """Nothing rests behind `close`, at whatever moment it comes."""

    class Most(int):
        """A number that is compared while another thread closes."""

        def __gt__(self, _: object) -> bool:
            closing.start()
            closing.join(0.1)
            return True

    connections = to(listener, Most(2))
    closing = Thread(target=connections.close)
    used = connections.take(5)
    connections.give_back(used)
    closing.join()
    assert used.sock.fileno() < 0


def test_nobody_answers() -> None:
    """A refused connection, a name that is none, and a socket file that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = Peer(*listener.getsockname())
    for peer, cause in (
        (place, ConnectionRefusedError),
        (Peer("h..test", 80), UnicodeError),
        (Peer("", 0, "/nowhere/x.sock"), FileNotFoundError),
    ):
        with pytest.raises(Refused) as caught:
            BlockingConnections(peer, 1).take(5)
        assert isinstance(caught.value.__cause__, cause)


def test_handshake_that_takes_too_long_is_no_connection(
    listener: socket.socket,
) -> None:
    """The time to connect counts until TLS is spoken."""
    host, port = listener.getsockname()
    peer = Peer(host, port, "", ssl.create_default_context())
    with pytest.raises(NotInTime):
        BlockingConnections(peer, 1).take(0.05)


def test_system_may_give_up_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own error tells of it, with a number."""

    def late(*_: Any) -> Any:
        raise TimeoutError(110, "Connection timed out")

    monkeypatch.setattr(socket, "create_connection", late)
    with pytest.raises(Refused):
        BlockingConnections(Peer("h.test", 80), 1).take(5)


def test_tls_checks_the_name() -> None:
    """A certificate for another host is refused."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    with Recorder(response("{}"), tls=context) as server:
        port = int(server.url.rpartition(":")[2])
        connection = BlockingConnections(Peer("localhost", port, "", client), 1).take(5)
        assert isinstance(connection.sock, ssl.SSLSocket)
        connection.close()
        with pytest.raises(Refused) as caught:
            BlockingConnections(Peer("127.0.0.1", port, "", client), 1).take(5)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


def test_socket_file_is_connected_to(tmp_path: Path) -> None:
    """Its path stands for host and port."""
    path = str(tmp_path / "s.sock")
    with Recorder(response("{}"), path=path):
        connection = BlockingConnections(Peer("", 0, path), 1).take(5)
        assert connection.sock.getpeername() == path
        connection.close()
