"""The base URI of a consumed adapter; the cases are in `tests/spec/cases/base-uri.yaml`."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.errors import Edit
from naftiko.spec.base_uri import is_web, read_base_uri
from support.casefiles import cases
from support.reading import check
from support.records import findings, said


@pytest.mark.parametrize("case", cases("spec/cases", "base-uri"))
def test_base_uri_in_a_document(case: dict[str, Any]) -> None:
    """A base URI gets the findings that its case lists, at the listed places."""
    check(case)


def _read(value: Any, **more: Any) -> tuple[str, list[tuple[str, str, str]]]:
    found = findings(value)
    return read_base_uri(value, ("part",), found, **more), said(found)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://shop.test/v1/", "https://shop.test/v1"),
        ("https://shop.test/v1//", "https://shop.test/v1/"),
        ("https://shop.test/", "https://shop.test"),
        ("  https://shop.test\n", "https://shop.test"),
        ("HTTPS://Shop.Test/V1", "HTTPS://Shop.Test/V1"),
        ("{{ORIGIN}}/v1/", "{{ORIGIN}}/v1"),
        ("${ORIGIN}", "${ORIGIN}"),
        ("[origin]/v1", "[origin]/v1"),
        ("https://{tenant}.test?x={y}", "https://{tenant}.test?x={y}"),
        ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
        ("http+unix://%2Fvar%2Frun%2Fd.sock/v1", "http+unix://%2Fvar%2Frun%2Fd.sock/v1"),
    ],
)  # fmt: skip
def test_usable_base_uri_loses_blanks_and_one_slash(written: str, read: str) -> None:
    """A usable base URI is kept as written, without blanks and its last slash."""
    assert _read(written) == (read, [])


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (None, "there is no base URI"),
        ("", "there is no base URI"),
        (" \n", "there is no base URI"),
        ("/v1", "the base URI '/v1' names no host"),
        ("/", "the base URI '/' names no host"),
        ("//", "the base URI '//' names no host"),
        ("///v1", "the base URI '///v1' names no host"),
        ("https:", "the base URI 'https:' names no host"),
        ("http:///v1", "the base URI 'http:///v1' names no host"),
        ("https://?a=1", "the base URI 'https://?…' names no host"),
    ],
)
def test_base_uri_without_a_host_is_empty(written: Any, message: str) -> None:
    """A base URI without a host reads as an empty text and is noted."""
    expected = [("U-base-uri-missing", "/part/baseUri", message)]
    assert _read(written) == ("", expected)


def test_absent_base_uri_is_noted_at_the_adapter() -> None:
    """A finding about an absent key points at the adapter around it."""
    _, noted = _read(None, written=False)
    assert noted == [("U-base-uri-missing", "/part", "there is no base URI")]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("ftp://a.test", "the base URI 'ftp://a.test' has scheme 'ftp': not an HTTP API"),
        ("a.test:80/v1", "the base URI 'a.test:80/v1' has no scheme: not an HTTP API"),
        ("localhost:80", "the base URI 'localhost:80' has no scheme: not an HTTP API"),
        ("a.test", "the base URI 'a.test' has no scheme: not an HTTP API"),
        (7, "the base URI '7' has no scheme: not an HTTP API"),
        ("https://a.test:0", "the base URI 'https://a.test:0' is not a host, a port and a path"),
        ("https://a.test:65536", "the base URI 'https://a.test:65536' is not a host, a port and a path"),
        ("https://a b.test", "the base URI 'https://a b.test' is not a host, a port and a path"),
        (
            "https://a.test/v1?x#y",
            "the base URI 'https://a.test/v1?…' is not a host, a port and a path alone:"
            " it holds a query, a fragment",
        ),
    ],
)  # fmt: skip
def test_base_uri_of_no_http_api_is_empty(written: Any, message: str) -> None:
    """A base URI that HTTP cannot use reads as an empty text; the message says why."""
    expected = [("U-base-uri-not-http", "/part/baseUri", message)]
    assert _read(written) == ("", expected)


def test_credentials_in_a_base_uri_are_not_shown() -> None:
    """A message about credentials in a base URI does not hold them."""
    read, [(code, _, message)] = _read("https://me:pa55@a.test")
    assert (read, code) == ("", "U-base-uri-not-http")
    assert "it holds credentials" in message
    assert "pa55" not in message


@pytest.mark.parametrize(
    ("written", "read", "fix"),
    [
        (
            "//a.test/v1/",
            "https://a.test/v1",
            Edit("set", "/part/baseUri", "https://a.test/v1/"),
        ),
        # A shortened or masked text must not be written back.
        (f"//a.test/{'x' * 300}", f"https://a.test/{'x' * 300}", None),
        ("//u:p@a.test", "", None),
    ],
)
def test_forgotten_scheme_is_https(written: str, read: str, fix: Edit | None) -> None:
    """A base URI without its scheme is read as https; the edit is offered if whole."""
    found = findings()
    assert read_base_uri(written, ("part",), found) == read
    assert found.noted[0].rule.code == "W-base-uri-scheme"
    assert found.noted[0].fix == fix


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a", True),
        ("https://a.test:443/v1/", True),
        ("HTTP://[::1]:8080", True),
        ("http://a:65535", True),
        ("http://a:65536", False),
        ("http://a:0", False),
        ("http://a:", False),
        ("http://a:x", False),
        ("http://[::1", False),
        ("http://[x]", False),
        ("http://a\\b", False),
        ("http://a/\n", False),
        ("http://a/x y", True),
        ("http://", False),
        ("http:a", False),
        ("ws://a", False),
        ("", False),
    ],
)
def test_web_uri_is_a_host_a_port_and_a_path(text: str, expected: bool) -> None:
    """Only an http or https URI of a host, a port and a path is one of the web."""
    assert is_web(text) is expected
