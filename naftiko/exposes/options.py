"""`Options`: how adapters are served, as the operator decides; not in the document."""

from __future__ import annotations

from collections.abc import Mapping

from naftiko.records.tuples import NamedTuple

MIB = 1024 * 1024
#: Bytes of a value, as JSON, that is written in a slow form at most.
MAX_SLOW_ANSWER = 2 * MIB
#: Seconds that requests under way have to finish when serving ends.
GRACE = 7.0


class Options(NamedTuple):
    """How adapters are served.

    Attributes:
        cors: Origins whose pages may call from a browser; `("*",)` for any, empty for
            none.
        max_body_bytes: Larger request bodies are refused.
        max_slow_answer: Larger values, in bytes of JSON, are not written as YAML and
            are no result of an MCP tool.
        max_total_bytes: Bytes of all request bodies that are under way at the same
            time, and of all upstream responses that are held at the same time, each;
            further ones are refused.
        max_concurrency: Requests of one adapter that are worked on at the same time.
        timeout: Seconds for each upstream call.
        variable_headers: Bind variable → request header that fills it for that request.
        tools: `"all"` lists every tool of an MCP adapter, `"search"` only three tools
            that find, describe and call the others.
        allowed_hosts: Host names of the server, beside the loopback and the address in
            the document; `("*",)` allows any.
        sessions: Keep sessions with MCP clients whose revision has sessions. Without
            sessions any replica answers any request, but such clients are not notified
            when lists change.
        max_sessions: Sessions with MCP clients, and subscriptions of theirs, that one
            adapter keeps; further ones are refused.
        session_idle: Seconds without a request after which such a session ends.
    """

    cors: tuple[str, ...] = ()
    max_body_bytes: int = 10 * MIB
    max_slow_answer: int = MAX_SLOW_ANSWER
    max_total_bytes: int = 64 * MIB
    max_concurrency: int = 1000
    timeout: float = 30.0
    variable_headers: Mapping[str, str] = {}
    tools: str = "all"
    allowed_hosts: tuple[str, ...] = ()
    sessions: bool = True
    max_sessions: int = 1000
    session_idle: float = 1800.0
