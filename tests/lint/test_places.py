"""Texts that name a place on the network, and those that name none."""

from __future__ import annotations

import pytest

from naftiko.document.findings import Finding, Findings
from naftiko.document.source import read_text
from naftiko.lint.checking import lint


def _findings(exposed: str) -> list[Finding]:
    document = read_text(f"naftiko: 1\ncapability: {{exposes: [{{{exposed}}}]}}\n")
    findings = Findings(document)
    lint(document.data, findings)
    return findings.noted


def _resource(keys: str) -> str:
    return f"type: mcp, resources: [{{name: r, description: d, call: a.b, {keys}}}]"


@pytest.mark.parametrize(
    "address",
    ["localhost", "0.0.0.0", "'::1'", "'fe80::1'", "'[::1]'", "api.test", "'{{HOST}}'"],
)
def test_host_or_ip_address_has_no_finding(address: str) -> None:
    """Names, both kinds of IP addresses and references are addresses."""
    assert _findings(f"type: rest, address: {address}") == []


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("https://api.test/", "write the host alone, such as `localhost`"),
        ("'[::1]:80'", "write the port as `port:`"),
        ("10.0.0.256", "each of the four numbers is at most 255"),
        ("my host", "write a host name, such as `localhost`"),
    ],
)
def test_address_that_nothing_can_listen_at_is_told(address: str, hint: str) -> None:
    """The finding says what the address holds too much."""
    (finding,) = _findings(f"type: rest, address: {address}")
    assert (finding.rule.code, finding.hint) == ("W-address", hint)


@pytest.mark.parametrize(
    "uri", ["'docs://a/{id}'", "'urn:isbn:{{id}}'", "'mailto:a@b.test'", "'x:{?page}'"]
)
def test_uri_and_template_have_no_finding(uri: str) -> None:
    """Any scheme will do, and placeholders are written in either way."""
    assert (
        _findings(_resource(f"uri: {uri}, mimeType: text/plain; charset=utf-8")) == []
    )


@pytest.mark.parametrize(
    ("keys", "key", "hint"),
    [
        ("uri: /cars", "uri", "write one before it, such as `data://cars`"),
        ("uri: 'docs://my cars'", "uri", "remove it, or write `%20`"),
        ("uri: 'docs://{id'", "uri", "write `{name}`"),
        ("uri: docs://a, mimeType: json", "mimeType", "write a type and a subtype"),
    ],
)
def test_text_that_is_no_uri_or_media_type_is_told(
    keys: str, key: str, hint: str
) -> None:
    """The finding stands at the key, and says how to write it."""
    (finding,) = _findings(_resource(keys))
    assert (finding.rule.code, finding.path[-1]) == ("W-resource-uri", key)
    assert finding.hint.startswith(hint)


@pytest.mark.parametrize("path", ["/?Action=List", "/a/{id}?view={v}", "/b?c"])
def test_route_with_a_query_has_no_finding(path: str) -> None:
    """The query of the path is looked for in the query of the request."""
    unit = f"{{name: r, path: '{path}', operations: [{{method: GET, call: a.b}}]}}"
    assert _findings(f"type: rest, resources: [{unit}]") == []
