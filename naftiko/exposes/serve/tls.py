"""TLS of a server: a certificate and its key → a context that can be renewed.

    Certificate("server.pem", "server.key").context   →  ssl.SSLContext

The files are read again on a reload: connections that are open keep their session, new
ones get the new certificate.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from naftiko.errors import ServeError


class Certificate:
    """The certificate chain and the private key that a server shows.

    Args:
        certificate: A PEM file: the certificate of the server, then its chain; it may
            hold the key as well.
        key: A PEM file with the private key, not encrypted; empty if it stands in the
            other file.

    Raises:
        ServeError: A file cannot be read or is no PEM, or the two do not belong
            together.
    """

    def __init__(self, certificate: str, key: str = "") -> None:
        self.certificate = certificate
        self.key = key
        self.context = self._fresh()

    def renew(self) -> None:
        """Read the files again, for connections to come.

        Raises:
            ServeError: As above; the earlier certificate stays in use.
        """
        self._fresh()  # a fault must not leave half a pair in the context that is used
        self._load(self.context)

    def _fresh(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        for option, file in self._files():
            try:
                Path(file).read_bytes()
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise ServeError(
                    f"{option}: '{file}' cannot be read: {reason}"
                ) from None
        try:
            context.load_cert_chain(
                self.certificate, self.key or None, self._refuse_password
            )
        except ssl.SSLError as error:
            raise self._explained(error) from None

    def _files(self) -> list[tuple[str, str]]:
        files = [("--tls-certificate", self.certificate)]
        return [*files, ("--tls-key", self.key)] if self.key else files

    def _refuse_password(self) -> str:
        # Without this, OpenSSL would ask for it on the terminal.
        option, file = self._files()[-1]
        raise ServeError(
            f"{option}: the private key in '{file}' is encrypted",
            hint=f"decrypt it for the server: openssl pkey -in {file} -out server.key",
        )

    def _explained(self, error: ssl.SSLError) -> ServeError:
        if error.reason == "KEY_VALUES_MISMATCH":
            return ServeError(
                f"the key in '{self.key or self.certificate}' does not belong to the"
                f" certificate in '{self.certificate}'",
                hint="give the key that the certificate was issued for",
            )
        lacking = "" if self.key else " and its private key"
        return ServeError(
            f"--tls-certificate: '{self.certificate}' holds no PEM certificate{lacking}"
            if not self.key or _is_no_certificate(self.certificate)
            else f"--tls-key: '{self.key}' holds no PEM private key",
            hint="write the certificate first, then its chain, as"
            " -----BEGIN CERTIFICATE----- blocks"
            if self.key
            else "give the key in a file of its own: --tls-key FILE",
        )


def _is_no_certificate(file: str) -> bool:
    """Tell whether a file that can be read is no PEM certificate."""
    try:
        ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        return True
    return False
