"""Secrets of an `authentication`: resolved from binds, compared in constant time.

    {token: "{{TOKEN}}"} and TOKEN=t1  →  Secrets(…).get("token")  →  "t1"

Spec 3.7. This module must not know any scheme of authentication.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from naftiko.errors import ServeError
from naftiko.exposes.http.scope import header
from naftiko.expressions import Scope, TemplateError, parse_credential, refs, render
from naftiko.http import header_text
from naftiko.spec.access import flaw_of

if TYPE_CHECKING:
    from naftiko.bindings import Variables
    from naftiko.exposes.http.scope import ASGIScope
    from naftiko.spec.adapters import ServerAuthentication
    from naftiko.spec.model import Exposes


class Secrets:
    """The values of an `authentication`, resolved from the binds of the document.

    Args:
        data: The `authentication` as the document has it.
        exposes: The adapter, for messages.
        variables: The binds of the document.

    Attributes:
        where: The adapter in words, for messages.
    """

    def __init__(
        self, asked: ServerAuthentication, exposes: Exposes, variables: Variables
    ) -> None:
        self._asked = asked
        self._variables = variables
        self.where = f"the {exposes.type} adapter '{exposes.namespace}'"

    def get(self, key: str, *, empty: bool = False) -> str:
        """Return the value of a key, its variables resolved.

        Args:
            key: A key of the `authentication`.
            empty: The value may be missing or empty.

        Raises:
            ServeError: The value is missing or empty, is no text, or needs a variable
                that no bind declares or that has no value.
        """
        text = self._asked.texts.get(key, "")
        scope = Scope(self._variables.declared)
        try:
            template = parse_credential(text, scope)
        except TemplateError as error:
            raise self.error(f"`{key}`: {error}") from None
        for ref in refs(template):
            if ref.name not in self._variables.declared:
                raise self.error(
                    f"`{key}` needs '{ref.name}', which no bind declares",
                    f"binds: [{{namespace: env, keys: {{{ref.name}: {ref.name}}}}}]",
                )
            if not self._variables.lookup(ref.name):
                raise self.error(
                    f"`{key}` needs the variable '{ref.name}', which has no value",
                    f"set {ref.name} before serving",
                )
        value = render(template, lambda ref: self._variables.get(ref.name))
        if flaw := flaw_of(value, may_be_empty=empty):
            raise self.error(f"`{key}` {flaw.message}", flaw.hint)
        return value

    def error(self, mistake: str, hint: str = "") -> ServeError:
        """Return the error for a part of the `authentication` that is wrong."""
        return ServeError(
            f"{self.where} cannot be served: its authentication: {mistake}",
            hint=hint or "write `{{NAME}}` for a bound variable",
        )


def bearer_token(scope: ASGIScope) -> str:
    """Return the token of a request (RFC 6750, 2.1), or an empty text."""
    scheme, _, token = header(scope, b"authorization").partition(" ")
    return header_text(token.strip()) if scheme.lower() == "bearer" else ""


def equal(given: str, expected: str) -> bool:
    """Compare two texts in constant time: it does not tell where they differ."""
    return hmac.compare_digest(
        hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest(),
        hashlib.sha256(expected.encode("utf-8", "surrogatepass")).digest(),
    )
