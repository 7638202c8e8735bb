"""`RequestLine`: what is logged of one request, formatted apart from the request.

    RequestLine(…)  →  shop GET /things 200 1.3 ms 7f0c9a…

A request makes one and goes on; the handlers of `logs` format many of them together.
A line reads as if `logging` had formatted it.
"""

from __future__ import annotations

import json
import time
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import TYPE_CHECKING, Any

from naftiko.plain import visible, visible_json
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The logger of the lines of requests.
LOGGER = "naftiko.access"
#: As `json.dumps` writes it, without making an encoder for each line.
_written = json.JSONEncoder(ensure_ascii=False, default=str).encode


class RequestLine(NamedTuple):
    """What is logged of one request that was answered.

    Attributes:
        created: When it was answered, in seconds since the epoch.
        adapter: The name of the adapter.
        status: The status of the answer; 0 when none began.
        milliseconds: How long it took.
        request_id: The id in its answer.
        more: Further fields: the ids of its trace.
    """

    created: float
    adapter: str
    method: str
    path: str
    status: int
    milliseconds: float
    request_id: str
    more: Mapping[str, Any] | None = None

    @property
    def message(self) -> str:
        """The message, its control characters escaped."""
        _, adapter, method, path, status, took, request_id, _ = self
        return (
            f"{adapter} {visible(method)} {visible(path)} {status or '-'} {took:.1f} ms"
            f" {request_id}"
        )

    @property
    def extra(self) -> dict[str, Any]:
        """The fields beside the message."""
        return {
            "adapter": self.adapter,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "duration_ms": round(self.milliseconds, 1),
            "request_id": self.request_id,
            **(self.more or {}),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the line as plain data; see `logs.as_dict`."""
        return {
            "time": utc(self.created),
            "level": "info",
            "logger": LOGGER,
            "message": self.message,
            **self.extra,
        }

    def as_json(self) -> str:
        """Return the line as one JSON object, as `json.dumps` writes `as_dict`."""
        if self.more:
            return visible_json(_written(self.as_dict()))
        created, adapter, method, path, status, took, request_id, _ = self
        text = (
            f'{{"time": "{utc(created)}", "level": "info", "logger": "{LOGGER}",'
            f' "message": {_quoted(self.message)}, "adapter": {_quoted(adapter)},'
            f' "method": {_quoted(method)}, "path": {_quoted(path)},'
            f' "status": {status}, "duration_ms": {round(took, 1)},'
            f' "request_id": {_quoted(request_id)}}}'
        )
        return text if text.isprintable() else visible_json(text)

    def as_text(self) -> str:
        """Return the line for people."""
        created, adapter, method, path, status, took, request_id, _ = self
        second = int(created)
        text = (
            f"{_local(second)},{int((created - second) * 1000):03d} INFO    {LOGGER}:"
            f" {adapter} {method} {path} {status or '-'} {took:.1f} ms {request_id}"
        )
        return text if text.isprintable() else visible(text)


def utc(moment: float) -> str:
    """Return a moment as text: 2026-01-31T12:00:00.000Z."""
    second = int(moment)
    return f"{_utc(second)}.{int((moment - second) * 1000):03d}Z"


@lru_cache(2)
def _utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


@lru_cache(2)
def _local(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
