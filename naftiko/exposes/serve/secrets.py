"""The secrets that consumed APIs want, looked up before anything is served.

    bearer token {{SHOP_TOKEN}}, not set   → ServeError, or a warning in the log

A server without them would start, and fail at its first call.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from naftiko.bindings import UNSET, first_unused
from naftiko.errors import ArgumentError, ServeError, names_of
from naftiko.expressions import refs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.capability import Capability
    from naftiko.consumes.operation import Operation
    from naftiko.exposes.serve.plan import ServePlan, Source
    from naftiko.expressions import Template
    from naftiko.spec.model import Exposes

_log = logging.getLogger("naftiko.serve")


def check_secrets(
    capability: Capability, file: str, served: Iterable[Exposes], plan: ServePlan
) -> None:
    """Refuse to serve functions whose secrets have no value, or log a warning.

    Args:
        capability: The document.
        file: Its name.
        served: The adapters that are served.
        plan: Says which variables the headers of callers fill, and whether a missing
            secret is only a warning.

    Raises:
        ServeError: A secret has no value.
    """
    missing = [
        name
        for name in missing_secrets(capability, served)
        if name not in plan.options.variable_headers
    ]
    if not missing:
        return
    what = "a secret has" if len(missing) == 1 else "secrets have"
    told = f"{file}: {what} no value: {names_of(missing)}"
    if plan.allow_missing_secrets:
        _log.warning("%s; calls that need it fail", told)
        return
    entries = names_of(
        dict.fromkeys(_place(capability, name) for name in missing), limit=5
    )
    raise ServeError(
        told,
        hint=f"set {entries}, or give --variable NAME=VALUE or --env-file FILE;"
        " --allow-missing-secrets starts without",
    )


def check_given(sources: Iterable[Source], served: Iterable[Capability]) -> None:
    """Refuse a value for a variable that no document uses.

    Raises:
        ArgumentError: No document binds or uses a variable.
    """
    given = [name for source in sources for name in source.variables]
    used = [capability.variables.names for capability in served]
    if unused := first_unused(given, *used):
        raise ArgumentError(f"--variable: {unused.message}", hint=unused.hint)


def missing_secrets(capability: Capability, served: Iterable[Exposes]) -> list[str]:
    """Return the variables without a value that calls of adapters cannot do without.

    They are those of credentials, and those of headers, cookies and query parameters
    that the document fills: each call sends them.
    """
    missing: dict[str, None] = {}
    for operation in _called(capability, served):
        layout = operation.layout
        for _, _, template in layout.credentials:
            for name in _variables(template):
                if not capability.variables.state(name).has_value:
                    missing[name] = None
        constants = (
            slot.template for slot in (*layout.headers, *layout.cookies, *layout.query)
        )
        # A login may have an empty password, and a header an empty value.
        for template in (*(layout.login or ()), *constants):
            for name in _variables(template):
                if capability.variables.state(name).state == UNSET:
                    missing[name] = None
    return list(missing)


def _variables(template: Template) -> list[str]:
    return [ref.name for ref in refs(template) if ref.is_variable]


def _called(capability: Capability, served: Iterable[Exposes]) -> dict[Operation, None]:
    """Return the operations that adapters call, and those that stand for adapters."""
    functions = capability.functions
    called: dict[Operation, None] = {}
    for exposes in served:
        for plan in functions.of(exposes):
            called |= dict.fromkeys(functions.operations_of(plan))
        for link in exposes.links:
            forwarded = capability.operations.adapters.get(link.namespace)
            if forwarded is not None:
                called[forwarded] = None
    return {operation: None for operation in called if not operation.problems}


def _place(capability: Capability, name: str) -> str:
    state = capability.variables.state(name)
    if state.location:
        return f"the key '{state.entry}' of {state.location}"
    return f"the environment variable '{state.entry}'"
