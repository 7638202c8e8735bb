"""International host names, in ASCII as they are sent."""

from __future__ import annotations

import pytest

from naftiko.transport.wire.hosts import ascii_host, ascii_url


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://h.test/\xe9", "http://h.test/\xe9"),
        ("http://b\xfccher.test", "http://xn--bcher-kva.test"),
        ("http://B\xdcCHER.test:8080/x?y", "http://xn--bcher-kva.test:8080/x?y"),
        ("http://b%C3%BCcher.test/x", "http://xn--bcher-kva.test/x"),
        ("http://b%FCcher.test/x", "http://xn--bcher-kva.test/x"),
        ("https://ann:\xe9@stra\xdfe.test", "https://ann:\xe9@xn--strae-oqa.test"),
        ("http://\u65e5\u672c\u3002test?q", "http://xn--wgv71a.test?q"),
        ("http://\u2603.test/", "http://xn--n3h.test/"),
        ("http://[fe80::1%25lo]:80/x", "http://[fe80::1%25lo]:80/x"),
    ],
)
def test_host_is_sent_in_ascii(url: str, sent: str) -> None:
    """The host is encoded by IDNA; user, port, path and query stay as they are."""
    assert ascii_url(url) == sent


@pytest.mark.parametrize(
    "host", ["\u2603" * 80, "a%2Fb", "a%40b", "a%3A1", "\xfc..test", "%C3%BC%2Fx"]
)
def test_host_that_is_no_name_is_refused(host: str) -> None:
    """A label that is too long, an empty one, or a delimiter is no host name."""
    with pytest.raises(ValueError, match=r"delimiter|label"):
        ascii_host(host)
