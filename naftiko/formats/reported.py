r"""A failure that a body of a successful response reports, found in its last value.

    {"stream": "Step 1"}⏎{"error": "no such image"}   {"error": "no such image"}
    {"error": "x", "errorDetail": {"message": "x"}}    the same
    [{"id": 1}, {"error": "none"}]                     none: it is one JSON list
    {"id": 1, "error": null}⏎{"id": 2, "error": "e"}   none: it is a column of a table

The status of a response is sent before the work ends. An API that streams its progress
(build, pull and push of Docker, models of Ollama, watches of Kubernetes) can report a
failure in the stream only. An `error` counts where the value says nothing else, or
where Docker's `errorDetail` stands beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import OutputError
from naftiko.formats.json import decode_json
from naftiko.formats.media import MULTIPLEXED, format_of, promises_many
from naftiko.formats.multiplexed import FAILURE_STREAM, is_multiplexed, split_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from naftiko.plain import JSON

#: Members that a value which only reports an error has.
_OF_ERRORS = frozenset(
    (
        "error", "errordetail", "errors", "error_description", "errorcode",
        "error_code", "message", "code", "status", "statuscode", "status_code", "type",
        "detail", "details", "reason", "requestid", "request_id", "success", "ok",
        "title", "hint", "done", "stream", "progress", "progressdetail",
    )
)  # fmt: skip


def reported_in(body: bytes, content_type: str) -> JSON:
    """Return the value that reports a failure at the end of a body, or `None`.

    Only JSON, sequences of JSON and multiplexed streams are looked at.
    """
    named = format_of(content_type)
    if named == MULTIPLEXED:
        return _reported_in_frames(body)
    if named not in ("json", "") or not _may_report(body):
        return None
    if not named and is_multiplexed(body, content_type):
        return None
    try:
        value = decode_json(body, content_type)
    except OutputError:
        return None
    return reported_by(value, body, content_type)


def reported_by(value: JSON, body: bytes, content_type: str) -> JSON:
    """Return the value that reports a failure, of a JSON body that is decoded already.

    Args:
        value: The decoded body.
        body: The body.
        content_type: Its type.
    """
    if isinstance(value, dict):
        # One document alone can be any object, so only Docker's pair of members counts.
        return value if "errorDetail" in value and is_docker_error(value) else None
    if not isinstance(value, list) or not value:
        return None
    # Several documents are a list too; the text of a list begins with its bracket.
    is_list = body[:1] == b"[" or body.lstrip()[:1] == b"["
    if is_list and not promises_many(content_type):
        return None
    return reported_error(value)


def _may_report(body: bytes) -> bool:
    """Tell, at once, whether the last line of a JSON body can report a failure."""
    end = body.rstrip()
    if not end.endswith(b"}"):
        return False
    begin = end.rfind(b"\n") + 1
    line = end[begin:].lstrip(b" \x1e") if begin else end
    if line.startswith((b'{"error', b'{"type":"ERROR"', b'{"type": "ERROR"')):
        return True
    # `in` would first try to take the bytes for a number, and `find` takes longer.
    return line.rfind(b'"error' if begin else b'}{"error') >= 0


def reported_error(values: Sequence[JSON]) -> JSON:
    """Return the last value of a stream when it reports a failure, or else `None`.

    Args:
        values: All values of the stream, or the last ones.
    """
    if not values:
        return None
    *before, last = values
    if not isinstance(last, dict):
        return None
    if is_docker_error(last):
        return last
    if (status := _watch_error(last)) is not None:
        return status
    error = last.get("error")
    # A text or an object; `true` and numbers are flags and counters of ordinary data.
    if not error or not isinstance(error, (str, dict)):
        return None
    if any(isinstance(value, dict) and "error" in value for value in before):
        return None
    is_only_error = all(str(name).lower() in _OF_ERRORS for name in last)
    return last if is_only_error else None


class LastValues:
    """The values of a stream that tell whether it failed: an early error, the last."""

    def __init__(self) -> None:
        self._early: list[JSON] = []
        self._last: list[JSON] = []

    def add(self, value: JSON) -> None:
        """Take note of a value."""
        if any(isinstance(last, dict) and "error" in last for last in self._last):
            self._early = self._last
        self._last = [value]

    @property
    def failure(self) -> JSON:
        """The last value when it reports a failure, or else `None`."""
        return reported_error(self._early + self._last)


def is_docker_error(value: JSON) -> bool:
    """Tell whether a value is the message of a failure that a Docker Engine streams."""
    if not isinstance(value, dict):
        return False
    detail = value.get("errorDetail")
    return (
        isinstance(detail, dict)
        and bool(detail.get("message") or value.get("error"))
        and isinstance(value.get("error", ""), str)
    )


def _watch_error(value: dict[str, JSON]) -> JSON:
    """Return the `Status` with which a watch of Kubernetes fails, or `None`."""
    status = value.get("object")
    if value.get("type") != "ERROR" or not isinstance(status, dict):
        return None
    return status if status.get("kind") == "Status" else None


def _reported_in_frames(body: bytes) -> JSON:
    text = split_text(body).get(FAILURE_STREAM, "").strip()
    return {"error": text} if text else None
