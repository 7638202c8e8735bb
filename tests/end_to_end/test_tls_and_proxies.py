"""TLS certificates and proxies over real sockets."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

import naftiko
from naftiko import HttpTransport
from support.building import capability
from support.recorder import Recorder, response


@pytest.fixture
def authority() -> trustme.CA:
    """Return a certificate authority for one test."""
    return trustme.CA()


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return the TLS context of a server for `localhost`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_certificate_of_an_unknown_ca_is_refused(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of an unknown CA is refused.

    `verify=` and `REQUESTS_CA_BUNDLE` add a CA.
    """
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Recorder(response("[1]"), tls=server_context(authority)) as server:
        with capability(base_uri=server.url) as api:
            with pytest.raises(naftiko.TransportError, match="TLS") as caught:
                api.call("api.op")
            assert "REQUESTS_CA_BUNDLE" in str(caught.value)
        transport = HttpTransport(verify=str(bundle))
        with capability(base_uri=server.url, transport=transport) as api:
            assert api.call("api.op") == [1]
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        with capability(base_uri=server.url) as api:
            assert api.call("api.op") == [1]


@pytest.mark.parametrize("option", ["verify", "cert"])
def test_missing_certificate_file_is_named(option: str, tmp_path: Path) -> None:
    """A missing certificate file is an error that names the file."""
    transport = HttpTransport(**{option: str(tmp_path / "nowhere.pem")})  # type: ignore[arg-type]
    with capability(base_uri="https://localhost:9", transport=transport) as api:
        with pytest.raises(naftiko.TransportError) as caught:
            api.call("api.op")
    assert "there is no file" in str(caught.value)
    assert "nowhere.pem" in str(caught.value)
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


def test_client_certificate_is_sent(authority: trustme.CA, tmp_path: Path) -> None:
    """`cert=` sends a client certificate, which the server requires."""
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    bundle, own = tmp_path / "ca.pem", tmp_path / "client.pem"
    authority.cert_pem.write_to_path(str(bundle))
    authority.issue_cert(
        "client@test.invalid"
    ).private_key_and_cert_chain_pem.write_to_path(str(own))
    with Recorder(response("[1]"), tls=context) as server:
        transport = HttpTransport(verify=str(bundle), cert=str(own))
        with capability(base_uri=server.url, transport=transport) as api:
            assert api.call("api.op") == [1]
        with capability(
            base_uri=server.url, transport=HttpTransport(verify=str(bundle))
        ) as api:
            with pytest.raises(naftiko.TransportError):
                api.call("api.op")


def test_proxy_gets_the_absolute_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy gets the absolute URL unchanged; `NO_PROXY` bypasses the proxy."""
    operation = {"inputParameters": [{"name": "page[size]", "in": "query"}]}
    with Recorder(response('"proxy"')) as proxy, Recorder(response('"own"')) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        with capability(operation, base_uri="http://api.invalid") as api:
            assert api.call("api.op", {"page[size]": 5}) == "proxy"
        assert proxy.last.target == "http://api.invalid/x?page[size]=5"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with capability(base_uri=server.url) as api:
            assert api.call("api.op") == "own"
        transport = HttpTransport(proxies={"http": proxy.url}, trust_env=False)
        with capability(base_uri=server.url, transport=transport) as api:
            assert api.call("api.op") == "proxy"


def test_dead_proxy_is_named() -> None:
    """The error about an unreachable proxy names the proxy, not the server."""
    with Recorder() as gone:
        url = gone.url
    transport = HttpTransport(proxies={"http": url})
    with capability(base_uri="http://api.invalid", transport=transport) as api:
        with pytest.raises(naftiko.TransportError, match="proxy"):
            api.call("api.op")
