"""The credentials that callers need -> OpenAPI security schemes and requirements.

Two kinds of credentials are described: the authentication of the adapter, and the
headers with which callers fill bind variables of their own::

    authentication: {type: bearer}    {"bearer": {"type": "http", "scheme": "bearer"}}
    variable TOKEN from X-Token       {"variable-TOKEN": {"type": "apiKey", …}}

This module must not know how credentials are checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.capability import Capability
    from naftiko.exposes.rest.forward import Forward
    from naftiko.functions.plan import Plan
    from naftiko.plain import JSON
    from naftiko.spec.adapters import ServerAuthentication
    from naftiko.spec.model import Exposes


class Security:
    """The security of one adapter.

    Args:
        capability: The capability that the adapter belongs to.
        exposes: The adapter.
        variables: Bind variable → the header with which callers fill it.

    Attributes:
        schemes: The security schemes, by name; those of variables when they are used.
        requirement: The requirement that the authentication of the adapter makes.
    """

    def __init__(
        self, capability: Capability, exposes: Exposes, variables: dict[str, str]
    ) -> None:
        self._capability = capability
        self._variables = variables
        self.schemes: dict[str, JSON] = {}
        self.requirement = self._authentication(exposes.authentication)

    def of(self, plan: Plan) -> dict[str, JSON]:
        """Return the security requirement of an operation; empty for none."""
        return self._requirement(self._used_by(plan))

    def of_forward(self, forward: Forward) -> dict[str, JSON]:
        """Return the security requirement of a forwarded resource; empty for none."""
        target = self._capability.operations.adapters.get(forward.namespace)
        if target is None:
            return self._requirement(())
        used = {*target.layout.variables, *target.base_names}
        return self._requirement(name for name in self._variables if name in used)

    def needs_credentials(self, plan: Plan) -> bool:
        """Tell whether a request for an operation can be refused with 401."""
        return bool(self.requirement or self._used_by(plan))

    def _authentication(self, asked: ServerAuthentication | None) -> dict[str, JSON]:
        """Return the requirement of an `authentication`, and note its scheme."""
        if asked is None:
            return {}
        scopes: list[str] = []
        if asked.type in ("bearer", "basic", "digest"):
            scheme: dict[str, JSON] = {"type": "http", "scheme": asked.type}
        elif asked.type == "apikey":
            name = asked.texts.get(asked.written("key", "name"), "")
            scheme = {"type": "apiKey", "in": asked.placement, "name": name}
        elif asked.type == "oauth2":
            server = asked.texts.get("authorizationServerUri", "").rstrip("/")
            scheme = {
                "type": "openIdConnect",
                "openIdConnectUrl": f"{server}/.well-known/openid-configuration",
            }
            scopes = list(asked.scopes)
        else:
            return {}
        self.schemes[asked.type] = scheme
        return {asked.type: scopes}

    def _used_by(self, plan: Plan) -> list[str]:
        """Return the variables of callers that an operation uses."""
        if not self._variables:
            return []
        used = self._capability.functions.variables_of(plan)
        return [name for name in self._variables if name in used]

    def _requirement(self, variables: Iterable[str]) -> dict[str, JSON]:
        requirement = dict(self.requirement)
        for variable in variables:
            name = f"variable-{variable}"
            self.schemes[name] = {
                "type": "apiKey",
                "in": "header",
                "name": self._variables[variable],
                "description": f"Your own value of `{variable}`, for this request"
                " only.",
            }
            requirement[name] = []
        return requirement
