"""What whoever serves a capability decides, beside the document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

MIB = 1024 * 1024


class Options(NamedTuple):
    """How adapters are served.

    Attributes:
        cors: Origins that browsers may call from; `("*",)` for any, empty for none.
        max_body_bytes: Larger request bodies are refused.
        max_concurrency: Requests of one adapter that are worked on at the same time.
        timeout: Seconds for each upstream call.
        variable_headers: Bind variable → request header that fills it for that request.
        tools: `"all"` to list every tool, `"search"` for three that find and call them.
        allowed_hosts: Names under which adapters are reached, beside the loopback and
            the address of the document; `("*",)` answers any.
        sessions: Keep sessions with MCP clients of the revisions that have them.
            Without, any replica answers any request, but such clients are not told of
            changed lists.
    """

    cors: tuple[str, ...] = ()
    max_body_bytes: int = 10 * MIB
    max_concurrency: int = 1000
    timeout: float = 30.0
    variable_headers: Mapping[str, str] = {}
    tools: str = "all"
    allowed_hosts: tuple[str, ...] = ()
    sessions: bool = True
