"""Where connections lead, as an origin says it."""

from __future__ import annotations

import pytest

from naftiko.transport.sockets.peers import Peer, authority_of, peer_of


@pytest.mark.parametrize(
    ("origin", "peer", "authority"),
    [
        ("http://h.test:80", Peer("h.test", 80), "h.test"),
        ("http://h.test:443", Peer("h.test", 443), "h.test:443"),
        ("https://h.test:443", Peer("h.test", 443), "h.test"),
        ("https://h.test:80", Peer("h.test", 80), "h.test:80"),
        ("http://[::1]:8080", Peer("::1", 8080), "[::1]:8080"),
        ("http://[fe80::1%25eth0]:80", Peer("fe80::1%eth0", 80), "[fe80::1%25eth0]"),
    ],
)
def test_origin_names_host_and_port(origin: str, peer: Peer, authority: str) -> None:
    """The default port is left out of the authority."""
    assert peer_of(origin, None) == peer
    assert authority_of(origin) == authority


@pytest.mark.parametrize("scheme", ["ftp", "htps", "wss", "file"])
def test_other_schemes_lead_nowhere(scheme: str) -> None:
    """What was meant for another protocol is not sent without TLS."""
    with pytest.raises(ValueError, match="no scheme of HTTP"):
        peer_of(f"{scheme}://h.test:80", None)


@pytest.mark.parametrize("host", ["", "a b", 'a"b', "a<b", "a\\b"])
def test_host_that_cannot_be_one_is_refused(host: str) -> None:
    """Not even looked up."""
    with pytest.raises(ValueError, match="must not have"):
        peer_of(f"http://{host}:80", None)


def test_name_in_a_certificate_has_no_dot_at_its_end() -> None:
    """The dot of an absolute name belongs to the look-up alone."""
    assert Peer("h.test.", 443).server_name == "h.test"


def test_name_in_a_certificate_has_no_zone() -> None:
    """The zone of an address is known on this host alone (RFC 6874, 4)."""
    assert Peer("fe80::1%eth0", 443).server_name == "fe80::1"
