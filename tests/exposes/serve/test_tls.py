"""The certificate of a server: pairs that fit, faults with the option, renewal."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from naftiko import ServeError
from naftiko.exposes.serve.tls import Certificate

AUTHORITY = trustme.CA()


class Pair(NamedTuple):
    """The files of a certificate and its key."""

    certificate: Path
    key: Path


def _pair(folder: Path, name: str) -> Pair:
    issued = AUTHORITY.issue_cert(f"{name}.test")
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    issued.private_key_pem.write_to_path(pair.key)
    for blob in issued.cert_chain_pems:
        blob.write_to_path(pair.certificate, append=True)
    return pair


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """Return a certificate and its key."""
    return _pair(tmp_path, "one")


def test_key_may_stand_in_the_file_of_the_certificate(pair: Pair) -> None:
    """One file with both does without `--tls-key`."""
    both = pair.certificate.with_suffix(".both")
    both.write_text(pair.key.read_text("utf-8") + pair.certificate.read_text("utf-8"))
    assert Certificate(str(both)).context
    assert Certificate(str(pair.certificate), str(pair.key)).context


def test_fault_names_the_option_and_the_file(pair: Pair, tmp_path: Path) -> None:
    """A file that is missing, or no PEM, or of another pair is told as such."""
    other = _pair(tmp_path, "two")
    text = tmp_path / "text"
    text.write_text("no PEM")
    certificate, key = str(pair.certificate), str(pair.key)
    for files, message in (
        (
            ("none.pem", key),
            "--tls-certificate: 'none.pem' cannot be read: No such file",
        ),
        (
            (certificate, "none.key"),
            "--tls-key: 'none.key' cannot be read: No such file",
        ),
        ((certificate, str(other.key)), "does not belong to the certificate"),
        ((str(text), key), f"--tls-certificate: '{text}' holds no PEM certificate"),
        ((certificate, str(text)), f"--tls-key: '{text}' holds no PEM private key"),
        ((certificate, ""), "holds no PEM certificate and its private key"),
    ):
        with pytest.raises(ServeError) as caught:
            Certificate(*files)
        assert message in caught.value.message


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_encrypted_key_is_refused_without_a_prompt(pair: Pair) -> None:
    """A key with a password is told, and OpenSSL asks for nothing."""
    locked = pair.key.with_suffix(".locked")
    subprocess.run(
        ["openssl", "pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret",
         "-out", locked], check=True,
    )  # fmt: skip
    with pytest.raises(ServeError, match="is encrypted") as caught:
        Certificate(str(pair.certificate), str(locked))
    assert "openssl pkey" in caught.value.hint


def test_renewal_that_fails_keeps_the_certificate(pair: Pair, tmp_path: Path) -> None:
    """A broken file on renewal is an error, and the context works on."""
    certificate = Certificate(str(pair.certificate), str(pair.key))
    context = certificate.context
    pair.key.write_text("no PEM")
    with pytest.raises(ServeError):
        certificate.renew()
    new = _pair(tmp_path, "new")
    shutil.copy(new.certificate, pair.certificate)
    shutil.copy(new.key, pair.key)
    certificate.renew()
    assert certificate.context is context
