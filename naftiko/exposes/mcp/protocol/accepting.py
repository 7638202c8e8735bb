"""`Accept` of MCP clients: the answer comes in a media type that the client takes.

RFC 9110, 12.5.1; MCP, "Transports", streamable HTTP. The specification wants clients to
accept JSON and event streams. Many clients and proxies send less::

    Accept: (none), */*, both            both
    Accept: application/json             JSON; notifications before it are left out
    Accept: text/event-stream            a stream, of one event if there is one answer
    Accept: text/html                    406

This module must not know what a message means.
"""

from __future__ import annotations

import re
from functools import lru_cache

from naftiko.records.tuples import NamedTuple

_JSON = frozenset({"application/json", "application/*", "*/*"})
_STREAM = frozenset({"text/event-stream", "text/*", "*/*"})
_WEIGHT_NOTHING = re.compile(r";\s*q\s*=\s*0(\.0*)?\s*(;|$)", re.IGNORECASE)
#: A longer header is not cached.
_LONGEST = 500


class Accepted(NamedTuple):
    """The media types that a client takes, of the two that there are.

    Attributes:
        json: It takes `application/json`.
        stream: It takes `text/event-stream`.
    """

    json: bool
    stream: bool


def accepted(header: bytes) -> Accepted:
    """Return the media types that a request accepts; without `Accept`, both.

    Args:
        header: The header, several lines joined; empty when there is none.
    """
    return _cached(header) if len(header) < _LONGEST else _read(header)


def _read(header: bytes) -> Accepted:
    types = {
        entry.partition(";")[0].strip().lower()
        for entry in header.decode("latin-1").split(",")
        if entry.strip() and not _WEIGHT_NOTHING.search(entry)
    }
    if not header.strip():
        return Accepted(True, True)
    return Accepted(not types.isdisjoint(_JSON), not types.isdisjoint(_STREAM))


_cached = lru_cache(maxsize=64)(_read)
