"""Authentication types that are not built in, found through installed packages.

A package offers one as an entry point of the group `naftiko.signers`, named like the
authentication type in the document: a factory that takes the fields which the document
declares, variables filled in, and returns a `requests.auth.AuthBase`. This module must
not know requests or responses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.document import rules
from naftiko.errors import CallError
from naftiko.expressions import Scope, parse_credential, render
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests.auth import AuthBase

    from naftiko.spec.model import Authentication

GROUP = "naftiko.signers"


class RegisteredSigner(NamedTuple):
    """A signer that is made anew for each call, from the values of that call.

    Attributes:
        type: The authentication type it was registered for.
        factory: Takes field → value, returns the signer.
        fields: The fields that the document declares; texts are templates.
    """

    type: str
    factory: Callable[[Mapping[str, Any]], AuthBase]
    fields: Mapping[str, Any]

    def signer(self, value_of: Callable[[Any], Any]) -> AuthBase:
        """Return the signer of one call.

        Raises:
            CallError: The factory refuses the fields.
        """
        values = _filled(self.fields, value_of)
        try:
            return self.factory(values)
        except Exception:  # noqa: BLE001 - code of another package
            # Its text may quote a secret.
            raise CallError(
                f"the signer registered for '{self.type}' refuses what the document"
                " declares",
                code=rules.AUTH_INCOMPLETE.code,
                hint=f"declared: {', '.join(self.fields)}",
            ) from None


def find_signer(
    authentication: Authentication, scope: Scope
) -> RegisteredSigner | None:
    """Return the installed signer for a type of authentication, if there is one."""
    # Costs some 50 ms, so it is asked only for a type that is not built in.
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP):
        if entry.name.lower() == authentication.type.lower():
            try:
                factory = entry.load()
            except Exception as error:
                raise CallError(
                    f"the signer for '{entry.name}' cannot be loaded:"
                    f" {type(error).__name__}",
                    code=rules.AUTH_UNSUPPORTED.code,
                    hint=f"it is the entry point {entry.value}",
                ) from error
            fields = _compiled(dict(authentication.fields), scope)
            return RegisteredSigner(authentication.type, factory, fields)
    return None


def _compiled(value: Any, scope: Scope) -> Any:
    """Return a value with a template for every text in it."""
    if isinstance(value, str):
        return parse_credential(value, scope)
    if isinstance(value, dict):
        return {name: _compiled(item, scope) for name, item in value.items()}
    if isinstance(value, list):
        return [_compiled(item, scope) for item in value]
    return value


def _filled(value: Any, value_of: Callable[[Any], Any]) -> Any:
    if isinstance(value, tuple):
        return render(value, value_of)
    if isinstance(value, dict):
        return {name: _filled(item, value_of) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, value_of) for item in value]
    return value
