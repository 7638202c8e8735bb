"""What a caller brings along: bind variables out of headers, and a trace.

`Options.variable_headers` says which header fills which variable. A value serves the
request that brought it and no other; it is kept nowhere and written nowhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.errors import ServeError, UnboundVariable, did_you_mean, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from naftiko.capability import Capability

#: W3C Trace Context, 3.2: version, trace, parent, flags; neither id is all zeros.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    r"(-[ -~]*)?"
)
_TRACESTATE_LENGTH = 512


def trace_of(parent: str, state: str = "") -> dict[str, str]:
    """Return the headers of a caller's trace, for the calls that it leads to.

    Args:
        parent: What the caller gave as `traceparent`.
        state: What it gave as `tracestate`.
    """
    if not _TRACEPARENT.fullmatch(parent):
        return {}
    if parent[:2] == "00" and len(parent) != 55:
        return {}
    found = {"traceparent": parent}
    if state and len(state) <= _TRACESTATE_LENGTH and state.isascii():
        found["tracestate"] = state
    return found


class CallerVariables:
    """Read the variables of callers.

    Args:
        headers: Bind variable → name of the header that fills it.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)
        self._by_name: dict[bytes, list[str]] = {}
        for variable, header in headers.items():
            name = header.lower().encode("latin-1")
            self._by_name.setdefault(name, []).append(variable)

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def of(self, headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str | None]:
        """Return variable → value for one request, given its raw headers.

        A variable whose header is absent or empty has no value: the server's own value
        must not stand in for that of a caller.
        """
        values: dict[str, str | None] = dict.fromkeys(self._headers)
        for name, value in headers:
            for variable in self._by_name.get(name.lower(), ()):
                # The first one counts, as it does wherever a header may not repeat.
                if values[variable] is None:
                    values[variable] = value.decode("latin-1").strip() or None
        return values

    def missing(self, error: UnboundVariable) -> str:
        """Return the header that would have filled a variable, or an empty text."""
        return self._headers.get(error.name, "")


def check_variables(names: Iterable[str], served: Iterable[Capability]) -> None:
    """Refuse a variable of callers that no document has.

    Nothing would be filled by its header, and the value of the server would serve every
    caller in silence.

    Raises:
        ServeError: There is one.
    """
    capabilities = tuple(served)
    for name in names:
        if not any(c.knows_variable(name) for c in capabilities):
            known = {n for c in capabilities for n in c.variables.declared}
            raise ServeError(
                f"no document has a variable '{name}' that callers could fill",
                hint=did_you_mean(name, known) or f"bound: {names_of(sorted(known))}",
            )
