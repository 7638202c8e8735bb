"""Credentials in clear are found, and no message holds a part of them."""

from __future__ import annotations

import pytest

from naftiko.document.findings import Finding, Findings
from naftiko.document.source import read_text
from naftiko.lint.checking import lint

ADAPTER = "naftiko: 1\ncapability: {consumes: [{namespace: a, %s}]}\n"
SECRETS = (
    "github_pat_" + "11ABCDEFG0123456789abcdefghij0123456789",
    "glpat-" + "abcdefghijABCDEFGHIJ",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "AIza" + "SyA0123456789abcdefghijABCDEFGHIJklm",
    "xoxb-" + "123456789012-abcdefghijkl",
    "sk_live_" + "0123456789abcdefABCDEF",
    "sk-proj-" + "0123456789abcdefABCDEF",
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln",
    "-----BEGIN RSA " + "PRIVATE KEY-----",
)


def _findings(text: str) -> list[Finding]:
    document = read_text(text)
    findings = Findings(document)
    lint(document.data, findings)
    return findings.noted


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:8])
def test_token_of_a_known_shape_is_found_anywhere(secret: str) -> None:
    """A token in a description, a constant or a bind is told without showing it."""
    for text in (
        f"naftiko: 1\ninfo: {{description: 'Try {secret} once.'}}\n",
        f"naftiko: 1\nbinds: [{{namespace: env, keys: {{TOKEN: '{secret}'}}}}]\n",
        ADAPTER % f"inputParameters: [{{name: t, in: query, value: '{secret}'}}]",
    ):
        (finding,) = _findings(text)
        assert finding.rule.code == "W-secret-literal"
        assert secret[8:] not in finding.message + finding.hint


@pytest.mark.parametrize(
    "authentication",
    [
        "{type: basic, username: '{{USER}}', password: hunter2}",
        "{type: apikey, key: X-Key, value: 12345, placement: header}",
        "{type: apikey, headers: [{name: X-Key, value: hunter2}]}",
        "{type: apikey, headers: {X-Key: hunter2}}",
        "{type: oauth2, clientSecret: hunter2}",
    ],
)
def test_literal_of_an_authentication_is_found(authentication: str) -> None:
    """Each literal that an authentication holds as a secret is told."""
    (finding,) = _findings(ADAPTER % f"authentication: {authentication}")
    assert finding.rule.code == "W-secret-literal"
    assert "hunter2" not in finding.message + finding.hint


@pytest.mark.parametrize("value", ["hunter2", "12345"])
@pytest.mark.parametrize("name", ["Authorization", "X-API-Key", "api_key", "password"])
def test_constant_of_an_input_with_a_secret_name_is_found(
    name: str, value: str
) -> None:
    """A literal in a header or parameter that is named after a credential is told."""
    (finding,) = _findings(
        ADAPTER % f"inputParameters: [{{name: {name}, in: header, value: {value}}}]"
    )
    assert finding.rule.code == "W-secret-literal"


@pytest.mark.parametrize(
    "authentication",
    [
        "{type: bearer, token: '{{TOKEN}}'}",
        "{type: bearer, token: 'Token {{TOKEN}}'}",
        "{type: basic, username: admin, password: '{{PASSWORD}}'}",
        "{type: bearer, token: ''}",
        "{type: apikey, key: X-Key, value: '{{KEY}}'}",
        "{type: none}",
    ],
)
def test_variable_is_no_secret(authentication: str) -> None:
    """A variable, an empty text and a user name are no credentials in clear."""
    assert _findings(ADAPTER % f"authentication: {authentication}") == []


@pytest.mark.parametrize(
    "written", ["${TOKEN}", "$TOKEN", "${env:TOKEN}", "<TOKEN>", "%TOKEN%", "API_TOKEN"]
)
def test_variable_of_another_tool_is_told_with_ours(written: str) -> None:
    """A variable in a foreign spelling is shown as `{{NAME}}`."""
    (finding,) = _findings(
        ADAPTER % f"authentication: {{type: bearer, token: '{written}'}}"
    )
    assert finding.rule.code == "W-variable-spelling"
    assert "TOKEN}}`" in finding.hint
