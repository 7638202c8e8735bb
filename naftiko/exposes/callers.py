"""What a caller brings along: bind variables out of the headers of one request.

`Options.variable_headers` says which header fills which variable. A value serves the
request that brought it and no other; it is kept nowhere and written nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import UnboundVariable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


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
