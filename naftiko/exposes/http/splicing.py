"""Long texts in results: encoded once, by a thread, and put in when the answer is sent.

    {"text": "… 1 MB …"}   →  splice  →  {"text": "naftiko:5f0c…"}  →  the SDK
    b'…{"text":"naftiko:5f0c…"}…'  →  splicing(send)  →  b'…{"text":"… 1 MB …"}…'

The SDK copies and encodes a result several times on the event loop, 50 ms for each MB.
So it gets a mark, which nobody can guess, and this module puts the JSON of the value
where the mark stands. It must not know tools.
"""

from __future__ import annotations

import json
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from naftiko.exposes.http.answers import json_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.exposes.http.scope import ASGIScope, Send
    from naftiko.plain import JSON

#: Characters of a text above which it is put in when the answer is sent.
LONG = 64 * 1024
_LENGTH = b"content-length"
#: Key of the scope of a request: mark as JSON → JSON of the value.
_MARKS = "naftiko.mcp.marks"


def is_long(content: Mapping[str, JSON]) -> bool:
    """Tell whether a content has a long text, or many bytes in base64."""
    held = content.get("text") or content.get("data") or content.get("blob")
    return isinstance(held, str) and len(held) > LONG


def splice(scope: ASGIScope, result: dict[str, JSON]) -> None:
    """Replace the long texts of a result, and what repeats them, by marks.

    Args:
        scope: The scope of the HTTP request that the result answers.
        result: The result of a tool, or that of reading a resource; it is changed.
    """
    marks: dict[bytes, bytes] = {}
    for content in (*result.get("content", ()), *result.get("contents", ())):
        if is_long(content):
            (name,) = {"text", "data", "blob"} & content.keys()
            text = json.dumps(content[name], ensure_ascii=False)
            content[name] = _marked(marks, text.encode())
    if "structuredContent" in result:
        encoded = json_bytes(result["structuredContent"])
        result["structuredContent"] = _marked(marks, encoded)
    scope.setdefault(_MARKS, {}).update(marks)


def _marked(marks: dict[bytes, bytes], encoded: bytes) -> str:
    mark = f"naftiko:{token_hex(16)}"
    marks[json.dumps(mark).encode()] = encoded
    return mark


def splicing(scope: ASGIScope, send: Send) -> Send:
    """Return a `send` that puts in what `splice` took out of the results."""
    start: Any = None

    async def put_in(message: Any) -> None:
        nonlocal start
        if message["type"] == "http.response.start" and _LENGTH in dict(
            message["headers"]
        ):
            start = message  # the length may grow
            return
        marks = scope.get(_MARKS)
        if marks and message["type"] == "http.response.body":
            message = _filled(message, marks, start)
        if start is not None:
            first, start = start, None
            await send(first)
        await send(message)

    return put_in


def _filled(message: Any, marks: dict[bytes, bytes], start: Any) -> Any:
    """Return a part of a body with the values in the place of their marks."""
    body = message.get("body", b"")
    filled = body
    for mark in tuple(marks):
        if mark in filled:
            filled = filled.replace(mark, marks.pop(mark))
    if start is not None and len(filled) != len(body):
        grown = len(filled) - len(body)
        start["headers"] = [
            (name, b"%d" % (int(value) + grown) if name == _LENGTH else value)
            for name, value in start["headers"]
        ]
    return {**message, "body": filled}
