"""A long JSON text ⇄ plain data, piece by piece, so that other threads run between.

    decoder, '[{"id": 1}, {"id": 2}, … a million more]'   →   the list
    encoder, the list                                     →   the text

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
    from collections.abc import Callable

    JSON = Any

#: Characters that are read at once: about a millisecond.
WINDOW = 64 * 1024
#: Values that are written at once, and characters of texts that count as one value.
_VALUES, _OF_TEXT = 4000, 16


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


def is_small(value: JSON) -> bool:
    """Tell whether a value is written within about a millisecond."""
    left = _VALUES
    pending: list[Any] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            left -= len(item)
            inner: Any = item.values()
        elif isinstance(item, (list, tuple)):
            left -= len(item)
            inner = item
        else:
            inner = ()
            left -= len(item) // _OF_TEXT if isinstance(item, (str, bytes)) else 0
        if left < 0:
            return False
        pending += inner
    return True


def encode(encoder: json.JSONEncoder, value: JSON) -> str:
    """Return the JSON text of a value, as `encoder.encode(value)` does.

    Args:
        encoder: The encoder; one that neither sorts nor indents.
        value: Plain data, and what the encoder has a `default` for.

    Raises:
        ValueError, TypeError: See `encoder.encode`.
        RecursionError: It is nested too deeply, or holds itself.
    """
    parts: list[str] = []
    _write(encoder, value, parts.append)
    return "".join(parts)


def _write(encoder: json.JSONEncoder, value: Any, put: Callable[[str], None]) -> None:
    if is_small(value):
        put(encoder.encode(value))
    elif isinstance(value, dict) and all(isinstance(name, str) for name in value):
        gap = "{"
        for name, inner in value.items():
            put(f"{gap}{encoder.encode(name)}{encoder.key_separator}")
            _write(encoder, inner, put)
            gap = encoder.item_separator
        put("}")
    elif isinstance(value, (list, tuple)):
        gap = "["
        for inner in value:
            put(gap)
            _write(encoder, inner, put)
            gap = encoder.item_separator
        put("]")
    elif isinstance(value, str):
        texts = (value[at : at + WINDOW] for at in range(0, len(value), WINDOW))
        put(f'"{"".join(encoder.encode(text)[1:-1] for text in texts)}"')
    else:
        put(encoder.encode(value))
