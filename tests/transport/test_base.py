"""The seam toward the network: its protocols, lazy transports, and the stub."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from naftiko import Request, Response
from naftiko.transport.aio import AioTransport
from naftiko.transport.base import (
    AsyncStreamingTransport,
    LazyTransport,
    ShareableTransport,
    StreamingTransport,
    StubTransport,
)
from naftiko.transport.http import HttpTransport

REQUEST = Request("POST", "http://h.test/a")


class Shareable(StubTransport):
    """A transport that counts its views, and notes that it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.views: list[StubTransport] = []
        self.closed = 0

    def view(self) -> StubTransport:
        """Return another transport."""
        self.views.append(StubTransport())
        return self.views[-1]

    def close(self) -> None:
        """Count."""
        self.closed += 1


@pytest.mark.parametrize(
    ("kind", "fits"),
    [
        (HttpTransport, (True, True)),
        (StubTransport, (True, False)),
        (Shareable, (True, True)),
        (LazyTransport, (False, False)),
    ],
)
def test_protocols_tell_transports_apart(kind: Any, fits: tuple[bool, bool]) -> None:
    """Some transports can stream, and some have views of their own."""
    made = object.__new__(kind)
    found = isinstance(made, StreamingTransport), isinstance(made, ShareableTransport)
    assert found == fits


def test_asynchronous_transport_can_stream() -> None:
    """`AioTransport` streams, and keeps no state of its caller."""
    made: Any = object.__new__(AioTransport)
    assert isinstance(made, AsyncStreamingTransport)
    assert not isinstance(made, ShareableTransport)


def test_transport_is_made_when_it_is_needed() -> None:
    """The first `get` makes the transport, and later ones give the same."""
    made: list[Shareable] = []

    def make() -> Shareable:
        made.append(Shareable())
        return made[-1]

    lazy = LazyTransport(make)
    lazy.close()
    view = lazy.view()
    assert made == []
    assert lazy.get() is lazy.get() is made[0]
    view.get()
    assert len(made) == 1


def test_threads_get_one_transport() -> None:
    """A transport that is being made is waited for."""
    entered, gate = threading.Event(), threading.Event()
    made: list[Shareable] = []

    def make() -> Shareable:
        entered.set()
        gate.wait(5)
        made.append(Shareable())
        return made[-1]

    lazy = LazyTransport(make)
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(lazy.get())) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    entered.wait(5)
    gate.set()
    for thread in threads:
        thread.join(5)
    assert found == made * 3
    assert len(made) == 1


def test_failed_transport_is_tried_again() -> None:
    """An error of making it reaches the caller, and the next `get` makes it anew."""
    answers = iter([OSError("no"), StubTransport()])

    def make() -> StubTransport:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    lazy = LazyTransport(make)
    with pytest.raises(OSError, match="no"):
        lazy.get()
    assert isinstance(lazy.get(), StubTransport)


def test_view_has_state_of_its_own() -> None:
    """Each view, a view of a view too, is one of the capability's own transport."""
    owner = Shareable()
    lazy = LazyTransport(lambda: owner)
    one = lazy.view()
    two = one.view()
    assert [one.get(), one.get(), two.get()] == [owner.views[0]] * 2 + [owner.views[1]]
    assert len(owner.views) == 2


def test_view_of_a_stateless_transport_is_the_transport() -> None:
    """A transport without `view` serves all views."""
    stub = StubTransport()
    assert LazyTransport(lambda: stub).view().get() is stub


def test_view_closes_nothing() -> None:
    """Closing is left to the capability."""
    owner = Shareable()
    lazy = LazyTransport(lambda: owner)
    view = lazy.view()
    view.get()
    view.close()
    assert owner.closed == 0
    lazy.close()
    assert owner.closed == 1


def test_the_stub() -> None:
    """The stub keeps requests and answers with a value, or with what a function says."""
    stub = StubTransport(lambda sent: Response(200, {}, sent.method.encode()))
    assert stub.send(REQUEST, timeout=1).body == b"POST"
    with stub.stream(REQUEST, timeout=1) as streamed:
        assert list(streamed.bytes()) == [b"POST"]
    assert [sent.method for sent in stub.requests] == ["POST", "POST"]
    default = StubTransport().send(REQUEST, timeout=1)
    assert (default.status, default.body) == (200, b"")
    with StubTransport(Response(204)).stream(REQUEST, timeout=1) as streamed:
        assert list(streamed.bytes()) == []


def test_the_stub_streams_the_whole_head() -> None:
    """Status, reason and headers of a streamed answer are those of the answer."""
    answer = Response(404, {"Content-Type": "text/plain"}, b"no", reason="Not Found")
    with StubTransport(answer).stream(REQUEST, timeout=1) as streamed:
        assert (streamed.status, streamed.reason) == (404, "Not Found")
        assert streamed.request is REQUEST
        assert list(streamed) == ["no"]
