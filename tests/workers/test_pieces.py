"""Long JSON, piece by piece: the same data, texts and errors as in one piece."""

from __future__ import annotations

import json
from typing import Any

import pytest

from naftiko.workers.pieces import WINDOW, decode, encode, is_small

LONG: list[Any] = [
    [{"id": number, "name": "é", "tags": [None, True, 1.5]} for number in range(9000)],
    {f"key {number}": [number] for number in range(9000)},
    {"deep": {"deeper": [list(range(9000)), {}, []]}},
    'é\ud800\\"\n' * 50_000,
    {"a": "x" * 100_000, "b": ["y" * 100_000], "": {}},
    [[[]] * 9000, ()],
    {1: list(range(9000)), None: 1, False: 2},
]


class _Watched(json.JSONEncoder):
    """An encoder that notes the longest text that it writes at once."""

    longest = 0

    def encode(self, o: Any) -> str:
        text = super().encode(o)
        self.longest = max(self.longest, len(text))
        return text


@pytest.mark.parametrize("value", [*LONG, None, 1, "x", [], {}, [1, {"a": 2}]])
def test_text_is_the_same(value: Any) -> None:
    """A value that is written in pieces has the text that it has in one."""
    text = json.dumps(value)
    assert encode(json.JSONEncoder(), value) == text
    assert decode(json.JSONDecoder(), text) == json.loads(text)


@pytest.mark.parametrize("value", LONG[:-1])
def test_pieces_are_short(value: Any) -> None:
    """No call of the encoder, which lets no other thread run, writes much."""
    encoder = _Watched()
    text = encode(encoder, value)
    assert encoder.longest < len(text)
    assert encoder.longest <= 6 * WINDOW


@pytest.mark.parametrize(
    ("value", "small"),
    [
        ([1] * 4000, True),
        ([1] * 4001, False),
        ({"a": [[1] * 2000, [1] * 2000]}, False),
        ("x" * 64_000, True),
        (b"x" * 64_016, False),
        ({"a": "x" * 100_000}, False),
        (None, True),
    ],
)
def test_small_values_are_told(value: Any, small: bool) -> None:
    """Values and characters of texts count."""
    assert is_small(value) is small


@pytest.mark.parametrize(
    ("inner", "error"),
    [
        (float("inf"), ValueError),
        (object(), TypeError),
        ({(1, 2): 3}, TypeError),
    ],
)
def test_errors_are_the_same(inner: Any, error: type[Exception]) -> None:
    """What has no form in JSON is refused wherever it stands."""
    with pytest.raises(error):
        encode(json.JSONEncoder(allow_nan=False), [[1] * 9000, {"a": inner}])


def test_what_holds_itself_is_refused() -> None:
    """It would have no end."""
    value: list[Any] = ["x" * 70_000]  # a text counts as many values
    value.append(value)
    with pytest.raises(RecursionError):
        encode(json.JSONEncoder(), value)
