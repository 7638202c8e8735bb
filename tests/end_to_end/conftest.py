"""Fixtures of the end-to-end tests; tests of the wire run with each of two senders.

The senders are `HttpTransport` (`requests`) and `AioTransport` (`asyncio`).
"""

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
#: Tests of `HttpTransport` alone: features for one user that a server must not have.
ONLY_REQUESTS = (
    "test_closed_capability_opens_a_new_connection",
    "test_cookie_of_the_server_is_sent_back",
    "test_cookies_stay_with_their_origin",
    "test_views_share_connections_but_not_credentials_or_cookies",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the modules in `BOTH` with both senders."""
    module = metafunc.module.__name__.rpartition(".")[2]
    if module in BOTH and metafunc.function.__name__ not in ONLY_REQUESTS:
        metafunc.parametrize("sender", ["requests", "asyncio"], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Remove the parametrized tests that are listed in `ONLY_REQUESTS`."""
    items[:] = [i for i in items if "[" not in i.name or i.name not in ONLY_REQUESTS]


@pytest.fixture(autouse=True)
def sender(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Replace the transport of a test by that of the chosen sender."""
    chosen = getattr(request, "param", "requests")
    made: list[WaitingTransport] = []

    def make(**settings: Any) -> WaitingTransport:
        made.append(WaitingTransport(**settings))
        return made[-1]

    if chosen == "asyncio":
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
