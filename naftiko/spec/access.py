"""Read the `authentication` of an exposed adapter: the check of its callers (spec 3.7).

    {type: bearer, token: "{{TOKEN}}"}
        →  ServerAuthentication("bearer", {"token": "{{TOKEN}}"})
    {type: hmac}
        →  ServerAuthentication("hmac", problems=(Finding(...),))

A mistake that no value of a variable could mend is noted here, so that `validate` sees
it. The value of a variable is checked when the adapter is served. This module must not
know how a request is checked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from naftiko.document import rules
from naftiko.errors import shorten
from naftiko.expressions import TemplateError, parse_credential, refs, render
from naftiko.plain import text_of
from naftiko.records.tuples import NamedTuple
from naftiko.spec.adapters import ServerAuthentication

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.document.findings import Finding, Findings
    from naftiko.document.rules import Rule
    from naftiko.plain import JSON, DocumentPath

PLACEMENTS = ("header", "query", "cookie")
_WRITE_VARIABLE = "write `{{NAME}}` for a bound variable"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: A template that was never filled in, here or where a variable is set.
_TEMPLATE = re.compile(r"\{\{.*|.*\}\}|\$?\{\s*[\w.-]+\s*\}", re.DOTALL)


class Flaw(NamedTuple):
    """Why a value cannot be used: the end of a sentence, and how to mend it."""

    message: str
    hint: str = _WRITE_VARIABLE


def flaw_of(value: str, *, may_be_empty: bool = False) -> Flaw | None:
    """Return why a value is no credential, `None` for one that is.

    ""         →  is missing or empty
    "{{TOKEN"  →  is still a template
    "s3cret"   →  None
    """
    if not value:
        return None if may_be_empty else Flaw("is missing or empty", "give it a value")
    if not value.strip():
        return Flaw("is blank")
    if _CONTROL.search(value):
        return Flaw(
            "holds a line break or another control character",
            "check the value of its variable for a trailing line break",
        )
    if _TEMPLATE.fullmatch(value):
        # The text of a template is public, so it must never become the secret.
        return Flaw("is still a template")
    return None


def is_http_uri(text: str) -> bool:
    """Tell whether a text is a URI of the scheme http or https, with a host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def read_server_authentication(
    data: JSON, adapter: str, path: DocumentPath, findings: Findings
) -> ServerAuthentication | None:
    """Read the `authentication` of an exposed adapter; `None` when it has none.

    Args:
        data: The value of `authentication`.
        adapter: Names the adapter in messages, as `the rest adapter 'orders'`.
        path: The place of the value.
        findings: Where findings go.
    """
    if data is None:
        return None
    given = data if isinstance(data, dict) else {}
    return _AccessReader(given, adapter, path, findings).read()


class _AccessReader:
    """One `authentication` being read."""

    def __init__(
        self,
        data: Mapping[str, JSON],
        adapter: str,
        path: DocumentPath,
        findings: Findings,
    ) -> None:
        self._data = data
        self._adapter = adapter
        self._path = path
        self._findings = findings
        self._problems: list[Finding] = []
        self._texts: dict[str, str] = {}

    def read(self) -> ServerAuthentication:
        """Return the record; its problems are noted as well."""
        kind = text_of(self._data.get("type")).lower()
        placement, introspects = "header", False
        scopes: tuple[str, ...] = ()
        if kind == "bearer":
            self._text("token" if "token" in self._data else "value", "token")
        elif kind == "apikey":
            # The published spelling, and that of OpenAPI: `name` and `in`.
            self._text("key" if "key" in self._data else "name", "key")
            self._text("value")
            placement = self._placement()
        elif kind in ("basic", "digest"):
            self._text("username", may_be_empty=True)
            self._text("password")
        elif kind == "oauth2":
            self._uri("authorizationServerUri")
            self._uri("resource")
            self._text("audience", may_be_empty=True)
            scopes = self._scopes()
            introspects = self._introspects()
        else:
            self._refuse(
                rules.AUTH_UNSUPPORTED,
                "type" if "type" in self._data else "",
                f"{self._adapter} cannot be served: authentication of type"
                f" '{shorten(kind)}' is not known",
                "use bearer, apikey, basic, digest or oauth2",
            )
        return ServerAuthentication(
            kind,
            self._texts,
            placement,
            scopes,
            introspects,
            tuple(self._problems),
            self._path,
        )

    def _text(self, key: str, called: str = "", *, may_be_empty: bool = False) -> str:
        """Read one value; return it as text, empty when nothing can be said of it."""
        value = self._data.get(key)
        if isinstance(value, (bool, list, dict)):
            self._wrong(key, Flaw("is no text"))
            return ""
        text = text_of(value)
        if key in self._data:
            self._texts[key] = text
        try:
            template = parse_credential(text)
        except TemplateError as error:
            self._wrong(key, Flaw(f"is no template: {error}"))
            return ""
        if refs(template):
            return ""
        constant = render(template, lambda ref: ref.name)
        flaw = flaw_of(constant, may_be_empty=may_be_empty)
        if flaw is None:
            return constant
        if constant:
            self._wrong(key, flaw)
        else:
            name = key if key in self._data else called or key
            hint = f"write `{name}:`"
            self._wrong(name, flaw._replace(hint=hint), rules.AUTH_INCOMPLETE)
        return ""

    def _uri(self, key: str) -> None:
        text = self._text(key)
        if text and not is_http_uri(text):
            self._wrong(key, Flaw("is no http or https URI"))

    def _placement(self) -> str:
        key = "placement" if self._data.get("placement") else "in"
        placement = str(self._data.get(key) or "header").lower()
        if placement not in PLACEMENTS:
            self._refuse(
                rules.AUTH_PLACEMENT,
                key,
                f"{self._adapter} cannot be served: an API key cannot stand in"
                f" '{shorten(placement)}'",
                "use placement: header, or query",
            )
        return placement

    def _scopes(self) -> tuple[str, ...]:
        """Return the scopes: a list, or a text as in a token."""
        written = self._data.get("scopes")
        listed = written.split() if isinstance(written, str) else written or []
        if isinstance(listed, list) and all(
            isinstance(item, str) and item and "{{" not in item for item in listed
        ):
            return tuple(listed)
        self._wrong(
            "scopes",
            Flaw(
                "has to be a list of texts without variables",
                "write `scopes: [read, write]`",
            ),
        )
        return ()

    def _introspects(self) -> bool:
        validation = self._data.get("tokenValidation") or "jwks"
        if validation not in ("jwks", "introspection"):
            self._wrong(
                "tokenValidation",
                Flaw(
                    f"is not known: '{shorten(validation)}'",
                    "use jwks or introspection",
                ),
            )
        return bool(validation == "introspection")

    def _wrong(self, key: str, flaw: Flaw, rule: Rule = rules.AUTH_VALUE) -> None:
        message = f"{self._adapter} cannot be served: its authentication: `{key}`"
        self._refuse(rule, key, f"{message} {flaw.message}", flaw.hint)

    def _refuse(self, rule: Rule, key: str, message: str, hint: str) -> None:
        path = (*self._path, key) if key in self._data else self._path
        self._problems.append(self._findings.add(rule, path, message, hint))
