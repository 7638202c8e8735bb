"""The caller of a request: bind variables out of its headers, its trace, its progress.

`Options.variable_headers` says which header fills which variable:

    {"API_TOKEN": "X-Token"}  and the header  X-Token: t1
        → Caller(variables={"API_TOKEN": "t1"}, trace={}, progress=None)

The value of a caller serves the request that brought it and no other. It is not stored
and not logged.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from naftiko.errors import ServeError, UnboundVariable, did_you_mean, names_of
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.capability import Capability

#: Called after each stage of a run: stages done, stages in all, names of its steps.
Progress = Callable[[int, int, str], Awaitable[None]]

#: W3C Trace Context, 3.2: version, trace, parent, flags; neither id is all zeros.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    r"(-[ -~]*)?"
)
_TRACESTATE_LENGTH = 512


class Caller(NamedTuple):
    """The variables, the trace and the progress of one caller, for one run.

    Attributes:
        variables: Bind variable → value of this caller, `None` for a variable whose
            header is missing. `None` instead of a mapping: callers fill no variables.
        trace: Headers of the caller's trace, sent with every upstream call unless the
            document sets them.
        progress: Told after each stage of an orchestrated function.
        sends_much: The arguments are large, so that encoding them takes long.
        takes_json: The value is wanted as JSON, and its parts are not looked at.
    """

    variables: Mapping[str, str | None] | None = None
    trace: Mapping[str, str] = {}
    progress: Progress | None = None
    sends_much: bool = False
    takes_json: bool = False


#: A caller without variables, trace and progress.
ANONYMOUS = Caller()


def trace_of(parent: str, state: str = "") -> dict[str, str]:
    """Return the headers that continue a caller's trace, or none if it is malformed.

        "00-0af7…319c-b7ad…3331-01"  →  {"traceparent": "00-0af7…319c-b7ad…3331-01"}

    Args:
        parent: The `traceparent` of the caller.
        state: The `tracestate` of the caller.
    """
    if not _TRACEPARENT.fullmatch(parent):
        return {}
    if parent[:2] == "00" and len(parent) != 55:
        return {}
    trace = {"traceparent": parent}
    if state and len(state) <= _TRACESTATE_LENGTH and state.isascii():
        trace["tracestate"] = state
    return trace


class CallerVariables:
    """Read bind variables out of the headers of a request.

    It is false where no variable is filled by callers.

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

    def of(
        self, headers: Iterable[tuple[bytes, bytes]]
    ) -> dict[str, str | None] | None:
        """Return variable → value for one request, `None` if callers fill none.

            [(b"x-token", b"t1")]  →  {"API_TOKEN": "t1"}

        A variable whose header is missing or empty has the value `None`: the value of
        the server must not stand in for that of a caller.

        Args:
            headers: The raw headers of the request.
        """
        if not self._by_name:
            return None
        values: dict[str, str | None] = dict.fromkeys(self._headers)
        for name, value in headers:
            for variable in self._by_name.get(name.lower(), ()):
                # The first one counts, as it does wherever a header may not repeat.
                if values[variable] is None:
                    values[variable] = value.decode("latin-1").strip() or None
        return values

    def missing(self, error: UnboundVariable) -> str:
        """Return the header that fills an unbound variable, or an empty text."""
        return self._headers.get(error.name, "")


def check_variables(names: Iterable[str], served: Iterable[Capability]) -> None:
    """Refuse a variable of callers that no document binds.

    Its header would fill nothing, and the value of the server would serve every caller
    in silence.

    Raises:
        ServeError: A name is bound in no document.
    """
    capabilities = tuple(served)
    for name in names:
        if not any(c.variables.knows(name) for c in capabilities):
            known = {n for c in capabilities for n in c.variables.declared}
            raise ServeError(
                f"no document has a variable '{name}' that callers could fill",
                hint=did_you_mean(name, known) or f"bound: {names_of(sorted(known))}",
            )
