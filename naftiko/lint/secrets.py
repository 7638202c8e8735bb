"""Credentials in clear: literal values of authentication, tokens of known shapes.

    authentication: {type: bearer, token: "s3cr3t"}   →  W-secret-literal
    description: "try ghp_0123…"                      →  W-secret-literal

No message holds any part of such a value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naftiko.document.findings import Findings
    from naftiko.lint.vocabulary import Placed
    from naftiko.plain import JSON, DocumentPath

#: The keys of an authentication that hold a secret.
SECRETS = frozenset(
    (
        "token", "password", "value", "clientSecret", "consumerSecret", "tokenSecret",
        "secretAccessKey", "secretKey", "sessionToken", "refreshToken", "signingKey",
        "apiKey",
    )
)  # fmt: skip
#: Name of a header or query parameter → its value is a credential.
_SECRET_NAME = re.compile(
    r"(proxy-)?authorization|(x-)?(api|auth|access|secret)[-_]?(key|token)"
    r"|(x-)?auth|client[-_]?secret|password|passwd|secret",
    re.IGNORECASE,
)
#: A text in which none of these is found holds no token. Each begins with a character
#: that is rare and quick to find; what stands before it is looked at only there.
_BEGINNINGS = tuple(
    map(
        re.compile,
        (
            rb"_(?:(?<=gh[pousr]_)|(?<=github_pat_)|(?<=_live_)|(?<=_test_)|(?<=npm_)"
            rb"|(?<=dop_v1_)|(?<=hf_)|(?<=ntn_)|(?<=shpat_))",
            rb"-(?:(?<=glpat-)|(?<=xox[abprs]-)|(?<=xapp-)|(?<=sk-)|(?<=pypi-)"
            rb"|(?<=key-)|----BEGIN )",
            rb"A(?:KIA|SIA|Iza)",
            rb"SG\.",
            rb"J(?<=eyJ)",
        ),
    )
)
#: Beginnings of tokens whose issuers publish their shape; linear, no nested repeats.
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{30}|github_pat_[A-Za-z0-9_]{30}|glpat-[A-Za-z0-9_-]{20}"
    r"|AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|AIza[A-Za-z0-9_-]{35}"
    r"|xox[abprs]-[A-Za-z0-9-]{10}|xapp-[A-Za-z0-9-]{10}"
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16}|sk-(?:proj-|ant-)?[A-Za-z0-9_-]{20}"
    r"|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16}|npm_[A-Za-z0-9]{36}"
    r"|pypi-[A-Za-z0-9_-]{16}|dop_v1_[a-f0-9]{64}|hf_[A-Za-z0-9]{30}"
    r"|ntn_[A-Za-z0-9]{30}|shpat_[a-fA-F0-9]{32}|key-[a-f0-9]{32}"
    # Not behind what it may hold itself: each place of a text is looked at once.
    r"|(?<![_-])eyJ[A-Za-z0-9_-]{10,4000}\.eyJ[A-Za-z0-9_-]{10}"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)"
)
#: Other ways to write a variable: `${TOKEN}`, `$TOKEN`, `%TOKEN%`, `<TOKEN>`,
#: `{TOKEN}`, `API_TOKEN`.
_OTHER_VARIABLE = re.compile(
    r"\$\{(?:env[.:])?(\w+)\}|\$(?:env[.:])?([A-Za-z_]\w*)|%([A-Za-z_]\w*)%"
    r"|<([A-Za-z][\w -]*)>|\{([A-Za-z_]\w*)\}|\[([A-Za-z][\w -]*)\]"
    r"|([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"
)
_HINT = (
    "write a variable, such as `{{{{{name}}}}}`, bind it, and change the credential:"
    " whoever has the file has it"
)


def note_credentials(placed: Placed, findings: Findings) -> None:
    """Note the literals of an authentication that are credentials."""
    for path, key, value in _literals(placed):
        _note(path, f"the credential `{key}` is in clear", value, findings)


def note_secret_input(placed: Placed, findings: Findings) -> None:
    """Note the constant of an input that is named after a credential."""
    data = placed.data
    for key in ("value", "default"):
        given = data.get(key)
        if given is not None and _is_literal(given) and _is_secret_input(data):
            shown = f"the credential of '{shorten(data['name'])}' is in clear"
            _note((*placed.path, key), shown, str(given), findings)


def note_body_secrets(placed: Placed, findings: Findings) -> None:
    """Note the literals of a request body whose keys name credentials."""
    data = placed.data.get("data")
    for steps, key, value in _named_secrets(data, ("data",)):
        path = (*placed.path, *steps)
        _note(path, f"the credential of '{shorten(key)}' is in clear", value, findings)


def note_path_secrets(placed: Placed, findings: Findings) -> None:
    """Note the literal credentials in the constant query of a path."""
    path = placed.data.get("path")
    if not isinstance(path, str) or "?" not in path:
        return
    for pair in path.partition("?")[2].split("&"):
        name, _, value = pair.partition("=")
        if _SECRET_NAME.fullmatch(name) and value and "{" not in value:
            at = (*placed.path, "path")
            shown = f"the credential of '{shorten(name)}' is in clear"
            _note(at, shown, value, findings)


def may_hold_tokens(texts: bytes) -> bool:
    """Tell whether a beginning of a token stands in any of many texts, as UTF-8."""
    return any(beginning.search(texts) for beginning in _BEGINNINGS)


def note_tokens(placed: Placed, findings: Findings) -> None:
    """Note the texts of one mapping that hold a token of a known shape."""
    noted = {finding.path for finding in findings.noted}
    for key, value in placed.data.items():
        if key not in placed.part.children:
            for steps in _tokens(value, (key,)):
                path = (*placed.path, *steps)
                if path not in noted:
                    _note(path, f"`{key}` holds a token in clear", "", findings)


def _tokens(value: JSON, path: DocumentPath) -> Iterator[DocumentPath]:
    """Yield the places of the texts in a value that hold a token of a known shape."""
    kind = value.__class__
    if kind is str:
        if _TOKEN.search(value):
            yield path
    elif kind is dict:
        for key, entry in value.items():
            yield from _tokens(entry, (*path, key))
    elif kind is list:
        for index, entry in enumerate(value):
            yield from _tokens(entry, (*path, index))


def _named_secrets(
    value: JSON, path: DocumentPath
) -> Iterator[tuple[DocumentPath, str, str]]:
    """Yield steps, key and value of each literal that is named as a credential.

    The steps lead to it from the body that it stands in.
    """
    if value.__class__ is dict:
        for key, entry in value.items():
            is_named = isinstance(key, str) and _SECRET_NAME.fullmatch(key)
            if is_named and isinstance(entry, str) and _is_literal(entry):
                yield (*path, key), key, entry
            else:
                yield from _named_secrets(entry, (*path, key))
    elif value.__class__ is list:
        for index, entry in enumerate(value):
            yield from _named_secrets(entry, (*path, index))


def _literals(placed: Placed) -> Iterator[tuple[DocumentPath, str, str]]:
    """Yield the place, the key and the value of each literal credential."""
    for key, value in placed.data.items():
        if key in SECRETS and _is_literal(value):
            yield (*placed.path, key), key, str(value)
        elif key in ("headers", "parameters"):
            path = (*placed.path, key)
            entries = (
                value.items()
                if isinstance(value, dict)
                else enumerate(value if isinstance(value, list) else ())
            )
            for name, entry in entries:
                held = entry.get("value") if isinstance(entry, dict) else entry
                if _is_literal(held):
                    inner = (*path, name)
                    at = (*inner, "value") if isinstance(entry, dict) else inner
                    yield at, key, str(held)


def _is_secret_input(data: JSON) -> bool:
    name = data.get("name")
    return isinstance(name, str) and _SECRET_NAME.fullmatch(name.strip()) is not None


def _is_literal(value: JSON) -> bool:
    """Tell whether a value is there and holds no variable."""
    if isinstance(value, bool) or value is None:
        return False
    text = str(value).strip()
    scheme = text.lower() in ("bearer", "basic", "token", "apikey")
    return bool(text) and not scheme and "{{" not in text


def _note(path: DocumentPath, message: str, value: str, findings: Findings) -> None:
    variable = _OTHER_VARIABLE.fullmatch(value.strip())
    if variable:
        written = next(filter(None, variable.groups()))
        name = re.sub(r"\W+", "_", written).upper()
        findings.add(
            rules.VARIABLE_SPELLING,
            path,
            "the value is sent as it is; it is no variable",
            f"write `{{{{{name}}}}}` in quotes, and bind it",
        )
        return
    findings.add(rules.SECRET_LITERAL, path, message, _HINT.format(name="API_TOKEN"))
