"""`AioTransport`: failing upstream servers, TLS errors and secrets in errors."""

from __future__ import annotations

import ssl
import struct
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

import naftiko
from naftiko.masking import Secret
from naftiko.transport.aio import AioTransport
from naftiko.transport.messages import Request
from support.aio import HEAD, SECRET, descriptors, held, send, sending
from support.recorder import Received, Recorder, response


@pytest.mark.parametrize("parts", [(), (HEAD, b"x" * 50)])
def test_reset_connection_is_a_transport_error(
    server: Recorder, parts: tuple[bytes, ...]
) -> None:
    """Connection reset: the call raises `TransportError` and leaks no descriptor."""

    def reset(_: Received) -> None:
        connection = server._open[-1]
        for part in parts:
            connection.sendall(part)
        time.sleep(0.05)
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(1, 13, linger)  # SOL_SOCKET, SO_LINGER
        connection.close()

    server.answer = reset
    before = descriptors()
    words = "broke off" if parts else "closed the connection without a response"
    with pytest.raises(naftiko.TransportError, match=words):
        send(server.url, "POST", body=b"x")
    assert len(server.received) == 1
    assert descriptors() <= before + 1


def test_slow_upstream_is_waited_for_while_it_sends(server: Recorder) -> None:
    """The read timeout limits the wait between two parts, not the whole response."""

    def trickle(_: Received) -> bytes:
        server._open[-1].sendall(HEAD.replace(b"100", b"6"))
        for _ in range(5):
            time.sleep(0.1)
            server._open[-1].sendall(b"x")
        return b"y"

    server.answer = trickle
    assert send(server.url, timeout=(5, 0.35)).body == b"xxxxxy"
    server.answer, gate = held(HEAD, b"x")
    with pytest.raises(naftiko.RequestTimeout, match="no response within the timeout"):
        send(server.url, timeout=(5, 0.2))
    gate.set()


def test_upstream_that_does_not_read_times_out(server: Recorder) -> None:
    """Write timeout: a server that does not read the request body raises an error."""
    listener = server._listener
    listener.setsockopt(1, 8, 4096)  # SOL_SOCKET, SO_RCVBUF
    gate = threading.Event()

    def idle(connection: Any) -> None:
        gate.wait(10)
        connection.close()

    server._serve = idle  # type: ignore[method-assign]
    before = descriptors()
    begun = time.monotonic()
    with pytest.raises(naftiko.RequestTimeout):
        send(server.url, "PUT", body=b"x" * 20_000_000, timeout=(5, 0.3))
    assert time.monotonic() - begun < 5
    assert descriptors() <= before + 1
    gate.set()


@pytest.mark.parametrize("host", ["a b", "\N{SNOWMAN}" * 80, "x" * 70 + ".invalid"])
def test_impossible_host_is_refused(host: str) -> None:
    """An invalid host name raises `TransportError`."""
    for _ in range(2):
        with pytest.raises(naftiko.TransportError):
            send(f"http://{host}/")


def test_host_outside_ascii_is_looked_up() -> None:
    """A host outside ASCII is looked up; an unknown host is a `TransportError`."""
    with pytest.raises(naftiko.TransportError, match="no connection"):
        send("http://b\xfccher.invalid/")


def test_log_masks_secrets(server: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """The log has one line for each call, with secrets masked."""
    secrets = (Secret("TOKEN", SECRET),)
    with caplog.at_level("DEBUG", "naftiko"):
        send(f"{server.url}/x?key={SECRET}", secrets=secrets)
    assert f"GET {server.url}/x?key=$TOKEN 200 " in caplog.text
    assert SECRET not in caplog.text


def test_transport_error_masks_secrets() -> None:
    """A `TransportError` and the errors chained to it contain no secret."""
    with Recorder() as gone:
        url = gone.url
    secrets = (Secret("TOKEN", SECRET),)
    with pytest.raises(naftiko.TransportError, match="Connection refused") as caught:
        send(f"{url}/x?key={SECRET}", secrets=secrets)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error} {error!r}"
        error = error.__cause__ or (
            None if error.__suppress_context__ else error.__context__
        )


def test_certificate_check_can_be_turned_off(tmp_path: Path) -> None:
    """`verify=False` accepts any certificate; a folder without the CA refuses it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Recorder(response("[1]"), tls=context) as server:
        assert send(server.url, verify=False).body == b"[1]"
        with pytest.raises(naftiko.TransportError, match="TLS certificate"):
            send(server.url, verify=str(tmp_path))

        async def act(transport: AioTransport) -> None:
            # Two origins share one TLS context.
            for url in (server.url, server.url.replace("localhost", "127.0.0.1")):
                answer = await transport.send(Request("GET", url), timeout=5)
                assert answer.body == b"[1]"

        sending(act, verify=False)


def test_refused_certificate_leaves_no_open_socket(tmp_path: Path) -> None:
    """A failed TLS handshake raises `TransportError` and leaks no socket."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Recorder(tls=context) as server:
        before = descriptors()
        for _ in range(3):
            with pytest.raises(naftiko.TransportError, match="TLS certificate"):
                send(server.url)
        with pytest.raises(naftiko.TransportError) as caught:
            send(server.url, verify=str(bundle))
        assert "Operation not permitted" not in str(caught.value)
        time.sleep(0.1)
        assert descriptors() <= before + 4


def test_encrypted_client_key_is_refused(tmp_path: Path) -> None:
    """An encrypted client key is an error; there is no prompt for its password."""
    key = trustme.CA().issue_cert("me@test.invalid")
    private = serialization.load_pem_private_key(key.private_key_pem.bytes(), None)
    path = tmp_path / "client.pem"
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
        + b"".join(pem.bytes() for pem in key.cert_chain_pems)
    )
    with pytest.raises(naftiko.TransportError, match="TLS"):
        send("https://localhost:9", cert=str(path))
