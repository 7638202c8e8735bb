"""Settings of an origin from the environment: CA bundle, proxy, login in `.netrc`.

Looked up once per origin, for every sender alike. This module must not know requests
of ours or how one is sent.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from errno import ENOENT
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from naftiko.records.tuples import NamedTuple


class OriginSettings(NamedTuple):
    """The settings of one origin.

    Attributes:
        verify: Whether certificates are checked; a path names the CA bundle.
        cert: The client certificate: a path, or (certificate, key).
        proxies: Scheme → proxy URL, as `requests` reads them.
        proxy: The one of them that leads to this origin, or an empty text.
        login: User and password that `.netrc` has for it.
    """

    verify: bool | str
    cert: str | tuple[str, str] | None
    proxies: dict[str, str]
    proxy: str
    login: tuple[str, str] | None


class ConnectionSettings(NamedTuple):
    """The options of a transport that concern connections; see `HttpTransport`."""

    verify: bool | str = True
    cert: str | tuple[str, str] | None = None
    proxies: Mapping[str, str] = {}
    trust_env: bool = True

    def look_up(self, origin: str, *, is_first_origin: bool) -> OriginSettings:
        """Look up the settings of an origin; reads files.

        Args:
            origin: Scheme, host and port.
            is_first_origin: Whether the user chose it. One that a redirect led to gets
                neither a login nor a client certificate.

        Raises:
            FileNotFoundError: A certificate file is not there.
        """
        verify = self.verify
        proxies = dict(self.proxies)
        login = None
        if self.trust_env:
            if verify is True:
                bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get(
                    "CURL_CA_BUNDLE"
                )
                verify = bundle or True
            proxies = {**_environment_proxies(origin), **proxies}
            login = _netrc_login(origin) if is_first_origin else None
        cert = self.cert if is_first_origin else None
        for path in (verify, *((cert,) if isinstance(cert, str) else cert or ())):
            if isinstance(path, str) and not os.path.exists(path):
                raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path)
        return OriginSettings(verify, cert, proxies, _proxy(origin, proxies), login)


def tls_context(
    verify: bool | str, cert: str | tuple[str, str] | None
) -> ssl.SSLContext:
    """Return the TLS settings of an origin; reads files."""
    bundle = _ca_bundle() if verify is True else verify or None
    if bundle and os.path.isdir(bundle):
        context = ssl.create_default_context(capath=bundle)
    else:
        context = ssl.create_default_context(cafile=bundle)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    if cert:
        certificate, key = (cert, None) if isinstance(cert, str) else cert
        # Without `password`, OpenSSL would ask for one in the terminal.
        context.load_cert_chain(certificate, key, password="")
    return context


# `requests` is slow to import: a server without such settings does without it.


def _environment_proxies(origin: str) -> dict[str, str]:
    if not getproxies():
        return {}
    from requests.utils import get_environ_proxies

    return dict(get_environ_proxies(origin))


def _proxy(origin: str, proxies: dict[str, str]) -> str:
    if not proxies:
        return ""
    from requests.utils import select_proxy

    return select_proxy(origin, proxies) or ""


def _netrc_login(origin: str) -> tuple[str, str] | None:
    named = os.environ.get("NETRC")
    files = ("~/.netrc", "~/_netrc") if named is None else (named,)
    if not urlsplit(origin).hostname or not any(_exists(file) for file in files):
        return None
    from requests.utils import get_netrc_auth

    return get_netrc_auth(origin)


def _exists(file: str) -> bool:
    return Path(os.path.expanduser(file)).exists()


def _ca_bundle() -> str:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    return str(DEFAULT_CA_BUNDLE_PATH)
