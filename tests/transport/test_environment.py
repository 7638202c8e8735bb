"""The settings of an origin: from the options of a transport, or the environment."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from naftiko.transport.environment import (
    ConnectionSettings,
    OriginSettings,
    tls_context,
)

ORIGIN = "http://h.test:80"
MISSING = "/none/x.pem"


def look_up(
    origin: str = ORIGIN, *, is_first_origin: bool = True, **options: Any
) -> OriginSettings:
    """Look up the settings of an origin."""
    settings = ConnectionSettings(**options)
    return settings.look_up(origin, is_first_origin=is_first_origin)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Give the paths of some files, which are there and empty."""
    paths = {name: tmp_path / f"{name}.pem" for name in ("own", "requests", "curl")}
    for path in paths.values():
        path.touch()
    return {name: str(path) for name, path in paths.items()}


def test_plain_environment_sets_nothing() -> None:
    """Without options and variables certificates are checked, and that is all."""
    assert look_up() == OriginSettings(True, None, {}, "", None)


@pytest.mark.parametrize(
    ("variables", "options", "verify"),
    [
        (("requests", "curl"), {}, "requests"),
        (("curl",), {}, "curl"),
        (("requests",), {"verify": False}, False),
        (("requests",), {"verify": "own"}, "own"),
        (("requests",), {"trust_env": False}, True),
    ],
)
def test_bundle_of_the_environment(
    variables: tuple[str, ...],
    options: dict[str, Any],
    verify: Any,
    files: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`REQUESTS_CA_BUNDLE` counts before `CURL_CA_BUNDLE`, an option before both."""
    for name in variables:
        monkeypatch.setenv(f"{name.upper()}_CA_BUNDLE", files[name])
    if "verify" in options:
        options = {"verify": files.get(options["verify"], options["verify"])}
    assert look_up(**options).verify == files.get(verify, verify)


def test_empty_bundle_variable_says_nothing(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty variable is as good as none."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    assert look_up().verify is True
    monkeypatch.setenv("CURL_CA_BUNDLE", files["curl"])
    assert look_up().verify == files["curl"]


@pytest.mark.parametrize("cert", [__file__, (__file__, __file__)], ids=["one", "two"])
def test_client_certificate_is_for_the_chosen_origin(cert: Any) -> None:
    """An origin that a redirect led to gets no client certificate."""
    assert look_up(cert=cert).cert == cert
    assert look_up(cert=cert, is_first_origin=False).cert is None


@pytest.mark.parametrize(
    ("option", "value"),
    [("verify", MISSING), ("cert", MISSING), ("cert", (__file__, MISSING))],
    ids=["bundle", "certificate", "key"],
)
def test_missing_certificate_file_is_named(option: str, value: Any) -> None:
    """A wrong path is told before anything is sent; an unused one does not matter."""
    with pytest.raises(FileNotFoundError, match="No such file") as caught:
        look_up(**{option: value})
    assert caught.value.filename == MISSING
    if option == "cert":
        assert look_up(is_first_origin=False, cert=value).cert is None


@pytest.mark.parametrize(
    ("variables", "options", "origin", "proxy"),
    [
        ({"http_proxy": "http://p:1"}, {}, ORIGIN, "http://p:1"),
        ({"http_proxy": "http://p:1"}, {}, "https://h.test:443", ""),
        ({"all_proxy": "http://p:2"}, {}, "https://h.test:443", "http://p:2"),
        ({"http_proxy": "http://p:1", "no_proxy": "h.test"}, {}, ORIGIN, ""),
        ({"http_proxy": "http://p:1", "no_proxy": "other"}, {}, ORIGIN, "http://p:1"),
        ({"http_proxy": "http://p:1"}, {"trust_env": False}, ORIGIN, ""),
        (
            {"http_proxy": "http://p:1"},
            {"proxies": {"http": "http://q:3"}},
            ORIGIN,
            "http://q:3",
        ),
        (
            {},
            {"proxies": {"http://h.test": "http://q:4", "http": "http://q:3"}},
            ORIGIN,
            "http://q:4",
        ),
        ({}, {"proxies": {"https": "http://q:3"}}, ORIGIN, ""),
        (
            {"no_proxy": "h.test"},
            {"proxies": {"http": "http://q:3"}},
            ORIGIN,
            "http://q:3",
        ),
    ],
)
def test_proxy_of_an_origin(
    variables: dict[str, str],
    options: dict[str, Any],
    origin: str,
    proxy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An option counts before the environment, whose `NO_PROXY` is for its own."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert look_up(origin, **options).proxy == proxy


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("machine h.test login joe password pw\n", ("joe", "pw")),
        ("machine other.test login joe password pw\n", None),
        ("default login ann password any\n", ("ann", "any")),
        ("machine h.test login joe\n", ("joe", "")),
        ("machine h.test nonsense\n", None),
        ("", None),
    ],
)
def test_login_of_netrc(
    text: str,
    login: tuple[str, str] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A login is for the origin that the user chose, and for a trusting transport."""
    file = tmp_path / "netrc"
    file.write_text(text)
    monkeypatch.setenv("NETRC", str(file))
    assert look_up().login == login
    assert look_up(is_first_origin=False).login is None
    assert look_up(trust_env=False).login is None


def test_netrc_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `NETRC` the usual file is read."""
    monkeypatch.delenv("NETRC")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert look_up().login is None
    (tmp_path / ".netrc").write_text("machine h.test login joe password pw\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert look_up().login == ("joe", "pw")


def names_in(context: ssl.SSLContext) -> set[str]:
    """Return the organizations of the authorities that a context trusts."""
    return {
        value
        for authority in context.get_ca_certs()
        for ((name, value),) in authority["subject"]  # type: ignore[misc]
        if name == "organizationName"
    }


def test_bundle_replaces_the_usual_authorities(tmp_path: Path) -> None:
    """Certificates are checked by the named bundle alone, or by certifi's."""
    bundle = tmp_path / "ca.pem"
    trustme.CA(organization_name="Own").cert_pem.write_to_path(str(bundle))
    own = tls_context(str(bundle), None)
    assert names_in(own) == {"Own"}
    usual = tls_context(True, None)
    assert len(names_in(usual)) > 20
    for context in (own, usual, tls_context(str(tmp_path), None)):
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname


def test_certificates_can_go_unchecked() -> None:
    """Without checks no name and no authority counts."""
    context = tls_context(False, None)
    assert context.verify_mode == ssl.CERT_NONE
    assert not context.check_hostname


def test_key_stands_in_the_certificate_or_beside_it(tmp_path: Path) -> None:
    """A path holds both; of a pair the second is the key."""
    made = trustme.CA().issue_cert("h.test")
    both, certificate, key = (str(tmp_path / name) for name in ("b", "c", "k"))
    made.private_key_and_cert_chain_pem.write_to_path(both)
    made.cert_chain_pems[0].write_to_path(certificate)
    made.private_key_pem.write_to_path(key)
    tls_context(False, both)
    tls_context(False, (certificate, key))
    with pytest.raises(ssl.SSLError):
        tls_context(False, certificate)
