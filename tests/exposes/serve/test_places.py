"""Hosts and ports: the address of an adapter, and the error of a failed bind."""

from __future__ import annotations

import errno
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from naftiko.errors import ServeError
from naftiko.exposes.options import Options
from naftiko.exposes.serve.places import (
    Place,
    bind,
    place_of,
    places_of,
    prefixes_of,
    shown_host,
)
from naftiko.exposes.serve.plan import ServePlan
from naftiko.spec.model import Exposes

OPEN = Exposes("rest", "shop", port=8081)
GUARDED = OPEN._replace(authentication={"type": "bearer"})


@pytest.mark.parametrize(
    ("exposes", "asked", "place"),
    [
        (OPEN, {}, ("localhost", 8081)),
        (OPEN, {"port": 0}, ("localhost", 0)),
        (OPEN._replace(address="0.0.0.0"), {}, ("localhost", 8081)),
        (OPEN, {"host": "0.0.0.0", "allow_public": True}, ("0.0.0.0", 8081)),
        (OPEN._replace(address="::1"), {}, ("::1", 8081)),
        (GUARDED._replace(address="0.0.0.0"), {}, ("0.0.0.0", 8081)),
        (GUARDED, {"host": "shop.test"}, ("shop.test", 8081)),
    ],
)
def test_adapter_without_authentication_listens_on_localhost_only(
    exposes: Exposes, asked: Any, place: tuple[str, int]
) -> None:
    """A public address needs authentication, or the option `allow_public`."""
    found = place_of(exposes, **asked)
    assert (found.host, found.port) == place
    is_risky = exposes.authentication is None and (
        "0.0.0.0" in (exposes.address, asked.get("host"))
    )
    assert bool(found.warnings) == is_risky


def test_public_host_is_refused_for_an_adapter_without_authentication() -> None:
    """A `--host` of the operator is refused and not silently replaced."""
    with pytest.raises(ServeError, match=r"would be open at 0\.0\.0\.0"):
        place_of(OPEN, host="0.0.0.0")
    with pytest.raises(ServeError, match="'shop' has no port"):
        place_of(OPEN._replace(port=None))


def running(name: str, file: str = "shop", **more: Any) -> Any:
    """Return a stand-in for a running adapter of a document."""
    site = SimpleNamespace(source=SimpleNamespace(name=file))
    exposes = OPEN._replace(namespace=name, **more)
    return SimpleNamespace(name=name, site=site, exposes=exposes)


def test_prefix_has_the_document_if_a_name_is_ambiguous() -> None:
    """An adapter name that two documents use is preceded by its document."""
    served = [running("rest", "a"), running("mcp", "a"), running("rest", "b")]
    assert prefixes_of(served) == ["/a/rest", "/mcp", "/b/rest"]


def test_two_adapters_at_one_port_are_refused() -> None:
    """Two adapters cannot share a port, except port 0, which means any free one."""
    served = [running("a"), running("b")]
    plan = ServePlan([], Options())
    with pytest.raises(ServeError, match="'b' and 'a' both want port 8081") as caught:
        places_of(plan, served)
    assert caught.value.hint == "give --port b=PORT, or --single-port PORT"
    any_port = plan._replace(ports={"": 0})
    assert [place.port for place, _ in places_of(any_port, served)] == [0, 0]


def test_bind_failure_names_the_address_in_use() -> None:
    """Bind failed: the message names adapter, reason and address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError) as caught:
            bind(Place("localhost", port), [running("shop")])
    assert caught.value.message == (
        f"'shop': bind failed: address already in use (127.0.0.1:{port})"
    )
    assert caught.value.hint == (
        "give --port shop=PORT, or stop the process that listens there"
    )


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EACCES, "give --single-port with a port above 1023"),
        (errno.EADDRNOTAVAIL, "give another --host: this machine has no such address"),
    ],
)
def test_bind_failure_has_a_hint_for_its_cause(
    number: int, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bind failed: the port needs privileges, or the address is not available."""

    def fail(*_: Any) -> Any:
        raise OSError(number, "Not so")

    monkeypatch.setattr(socket, "socket", fail)
    with pytest.raises(
        ServeError, match=r"bind failed: not so \(\[::1\]:1\)"
    ) as caught:
        bind(Place("::1", 1), [running("a"), running("b")])
    assert caught.value.hint.startswith(hint)


def test_ipv6_host_is_shown_in_brackets() -> None:
    """RFC 3986, 3.2.2: a URL has the brackets around an IPv6 address."""
    assert [shown_host(host) for host in ("::1", "shop.test")] == ["[::1]", "shop.test"]
