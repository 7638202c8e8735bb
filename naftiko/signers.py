"""Ways to sign in that are not built in, found through installed packages.

A package offers one as an entry point of the group `naftiko.signers`, named like the
authentication type in the document: a factory that takes the fields which the document
declares, variables filled in, and returns a `requests.auth.AuthBase`. This module must
not know requests or responses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.errors import CallError
from naftiko.expressions import Scope, Template, parse_credential, render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests.auth import AuthBase

    from naftiko.model import Authentication

GROUP = "naftiko.signers"


class RegisteredSigner(NamedTuple):
    """A signer that is made anew for each call, from the values of that call.

    Attributes:
        type: The authentication type it was registered for.
        factory: Takes field → value, returns what signs.
        fields: What the document declares; texts are templates.
    """

    type: str
    factory: Callable[[Mapping[str, Any]], AuthBase]
    fields: Mapping[str, Template | Any]

    def signer(self, value_of: Callable[[Any], Any]) -> AuthBase:
        """Return what signs one call.

        Raises:
            CallError: The factory refuses the fields.
        """
        values = {
            name: render(field, value_of) if isinstance(field, tuple) else field
            for name, field in self.fields.items()
        }
        try:
            return self.factory(values)
        except (TypeError, ValueError, KeyError, LookupError):
            # Its text may quote a secret.
            raise CallError(
                f"the signer registered for '{self.type}' refuses what the document"
                " declares",
                code="U-auth-incomplete",
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
            fields = {
                name: parse_credential(value, scope)
                if isinstance(value, str)
                else value
                for name, value in authentication.fields.items()
            }
            return RegisteredSigner(authentication.type, entry.load(), fields)
    return None
