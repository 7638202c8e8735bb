"""`naftiko serve` over TLS: HTTPS for every adapter, certificates renewed by SIGHUP."""

from __future__ import annotations

import signal
import socket
import ssl
from pathlib import Path

import pytest
import requests
import trustme

from naftiko.cli import main
from support.recorder import Recorder
from support.serving_process import Server, write
from support.shop import CONTROL, document, mcp, rest

AUTHORITY = trustme.CA()


def _issue(folder: Path) -> None:
    """Write a new certificate for `localhost` and its key."""
    issued = AUTHORITY.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "server.key")
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(folder / "server.pem", append=bool(number))


def _shown(port: int, authority: Path) -> bytes:
    """Return the certificate that a server shows, in DER."""
    context = ssl.create_default_context(cafile=str(authority))
    with (
        socket.create_connection(("127.0.0.1", port), 5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_certificate_is_renewed_by_sighup(
    tmp_path: Path, upstream: Recorder, workers: str
) -> None:
    """New connections get the new certificate; one that is open goes on."""
    _issue(tmp_path)
    authority = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(authority)
    file = write(tmp_path / "shop.yaml", document(rest(), mcp()))
    words = [file, "--base-uri", upstream.url, "--workers", workers]
    words += ["--tls-certificate", tmp_path / "server.pem"]
    words += ["--tls-key", tmp_path / "server.key"]
    with (
        Server(*words, ready=2) as server,
        requests.Session() as session,
    ):
        session.verify = str(authority)
        base = server.urls["shop"]
        assert base.startswith("https://")
        assert session.get(f"{base}/things", timeout=5).status_code == 200
        port = int(base.rpartition(":")[2])
        before = _shown(port, authority)
        _issue(tmp_path)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("^reloaded")  # told when every process has reloaded
        assert before not in {_shown(port, authority) for _ in range(8)}
        assert session.get(f"{base}/things", timeout=5).status_code == 200
        (tmp_path / "server.key").write_text("broken", "utf-8")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("--tls-key")
        assert _shown(port, authority) != before


def test_control_port_is_asked_over_tls(
    tmp_path: Path,
    upstream: Recorder,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`health --tls` asks a server with a certificate, and plain HTTP is explained."""
    _issue(tmp_path)
    authority = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(authority)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    file = write(tmp_path / "shop.yaml", document(rest(), CONTROL))
    words = [file, "--base-uri", upstream.url]
    words += ["--tls-certificate", tmp_path / "server.pem"]
    with Server(*words, "--tls-key", tmp_path / "server.key", ready=2) as server:
        port = server.urls["control"].rpartition(":")[2]
        assert main(["health", "--tls", "--port", port]) == 0
        assert main(["health", "--port", port]) == 1
        assert "--tls" in capsys.readouterr().err


def test_faults_of_the_files_are_told_before_anything_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file, and a key without a certificate, are errors of the command."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    assert main(["serve", str(file), "--tls-certificate", "none.pem"]) == 4
    assert "'none.pem' cannot be read" in capsys.readouterr().err
    assert main(["serve", str(file), "--tls-key", "x"]) == 2
    assert "--tls-key needs --tls-certificate" in capsys.readouterr().err
