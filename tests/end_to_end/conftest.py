"""The tests of what travels run twice: with each of the two senders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support import building
from support.aio import server
from support.docker_engine import archive, docker, docker_socket, image
from support.recorder import Recorder, response
from support.waiting import WaitingTransport

__all__ = ["archive", "docker", "docker_socket", "image", "sender", "server"]

#: Modules whose tests run with both senders.
BOTH = (
    "test_connections", "test_limits", "test_redirects", "test_request_bodies",
    "test_signing_in", "test_streams", "test_tls_and_proxies", "test_wire",
)  # fmt: skip
#: What `HttpTransport` does for its one user, and a server must not do.
ONLY_REQUESTS = (
    "test_close_and_go_on",
    "test_cookies_of_the_server_are_kept_for_it",
    "test_cookies_stay_with_their_origin",
    "test_views_share_connections_but_not_credentials_or_cookies",
    # These responses are malformed, and `aiohttp` gives nothing of such a one.
    "test_a_limit_below_one_chunk[aiohttp-no length]",
    "test_a_limit_below_one_chunk[aiohttp-two lengths]",
    "test_a_stream_that_breaks_off_is_told",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the senders of a test."""
    module = metafunc.module.__name__.rpartition(".")[2]
    if module in BOTH and metafunc.function.__name__ not in ONLY_REQUESTS:
        metafunc.parametrize("sender", ["requests", "aiohttp"], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what one sender is not asked for."""
    items[:] = [i for i in items if "[" not in i.name or i.name not in ONLY_REQUESTS]


@pytest.fixture(autouse=True)
def sender(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Let `capability` and `HttpTransport` of a test be those of a sender."""
    chosen = getattr(request, "param", "requests")
    made: list[WaitingTransport] = []

    def make(**settings: Any) -> WaitingTransport:
        made.append(WaitingTransport(**settings))
        return made[-1]

    if chosen == "aiohttp":
        monkeypatch.setattr(building, "default_transport", make)
        monkeypatch.setattr(request.module, "HttpTransport", make, raising=False)
    yield chosen
    for transport in made:
        transport.close()


@pytest.fixture
def upstream() -> Iterator[Recorder]:
    """Serve the upstream API of the shop."""
    with Recorder(response('[{"id": 1}]')) as server:
        yield server
