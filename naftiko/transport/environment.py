"""Settings of an origin from the environment: CA bundle, proxy, login in `.netrc`.

Looked up once per origin, for every sender alike. This module must not know requests
of ours or how one is sent.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from errno import ENOENT
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from ssl import SSLContext


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

    @property
    def authorization(self) -> str:
        """The `Authorization` for the login, or an empty text."""
        if self.login is None:
            return ""
        from binascii import b2a_base64

        login = ":".join(self.login).encode("latin-1", "replace")
        return f"Basic {b2a_base64(login, newline=False).decode()}"


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


def with_login(headers: Mapping[str, str], authorization: str) -> Mapping[str, str]:
    """Return headers with a login of `.netrc`, unless the caller has given another."""
    if any(name.lower() == "authorization" for name in headers):
        return headers
    return {**headers, "Authorization": authorization}


def tls_context(verify: bool | str, cert: str | tuple[str, str] | None) -> SSLContext:
    """Return the TLS settings of an origin; reads files."""
    import ssl  # slow to import, and plain HTTP does without it

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
    if not _names_proxies():
        return {}
    from requests.utils import get_environ_proxies

    return dict(get_environ_proxies(origin))


def _names_proxies() -> bool:
    """Tell whether there are proxies, as `urllib.request.getproxies` finds them."""
    if sys.platform in ("darwin", "win32"):  # the settings of the system count too
        from urllib.request import getproxies

        return bool(getproxies())
    names = {name.lower() for name, value in os.environ.items() if value}
    return any(name.endswith("_proxy") for name in names - {"no_proxy"})


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
    return os.path.exists(os.path.expanduser(file))


def _ca_bundle() -> str:
    import certifi  # comes with `requests`, which takes its bundle

    return certifi.where()
