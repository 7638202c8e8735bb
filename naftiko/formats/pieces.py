"""A long JSON text → plain data, piece by piece, so that other threads run between.

    decoder, '[{"id": 1}, {"id": 2}, … a million more]'   →   the list

The reader of the standard library, which is written in C, lets no other thread run
until it has read the whole text: 15 ms for each MB. Here it reads only what is complete
within a window; a container that is larger is taken apart. The data and the errors are
the same. This module must not know where a text came from.
"""

from __future__ import annotations

import json
from json.decoder import WHITESPACE, JSONArray, JSONObject  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naftiko.plain import JSON

#: Characters that are read at once: about a millisecond.
WINDOW = 64 * 1024


def decode(decoder: json.JSONDecoder, text: str) -> JSON:
    """Return the value of a JSON text, as `decoder.decode(text)` does.

    Args:
        decoder: The decoder; one without hooks for objects.
        text: The text.

    Raises:
        ValueError: The text is not JSON.
        RecursionError: It is nested too deeply.
    """
    if len(text) <= WINDOW:
        return decoder.decode(text)
    begin = WHITESPACE.match(text, 0).end()
    try:
        value, end = _scanner(decoder)(text, begin)
    except StopIteration as stop:
        raise json.JSONDecodeError("Expecting value", text, stop.value) from None
    end = WHITESPACE.match(text, end).end()
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


def _scanner(decoder: json.JSONDecoder) -> Any:
    """Return a function that reads the value at a place: (text, at) → (value, end)."""
    scan: Any = decoder.scan_once  # type: ignore[attr-defined]
    memo: dict[str, str] = {}
    window, window_at = "", 0

    def scan_piece(text: str, at: int) -> tuple[JSON, int]:
        nonlocal window, window_at
        char = text[at : at + 1]
        if char not in ("{", "["):
            found: tuple[JSON, int] = scan(text, at)
            return found
        while True:
            if window_at <= at < window_at + len(window):
                try:
                    value, end = scan(window, at - window_at)
                    return value, window_at + end
                except (StopIteration, ValueError):
                    if window_at == at:
                        break
            window, window_at = text[at : at + WINDOW], at
        if at + WINDOW >= len(text):
            scan(text, at)  # it raises the error with its place
        if char == "[":
            return JSONArray((text, at + 1), scan_piece)  # type: ignore[no-any-return]
        return JSONObject(  # type: ignore[no-any-return]
            (text, at + 1), decoder.strict, scan_piece, None, None, memo
        )

    return scan_piece
