"""Colour, control characters and errors in a terminal."""

from __future__ import annotations

import io

import pytest

from naftiko.cli.console import (
    clean,
    fail,
    has_colour,
    paint,
    paint_json,
    show_error,
)
from naftiko.errors import ArgumentError, DocumentError, Location


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_only_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour needs a terminal, and `NO_COLOR` turns it off."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert not has_colour(io.StringIO())
    assert paint("x", "error", _Terminal()) == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("x", "error", _Terminal()) == "x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\r\x00", "a\\r\\x00"),
        ("a\u202eb\u2028", "a\\u202eb\\u2028"),
        ("é\t\n日", "é\t\n日"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    """Characters that steer a terminal are escaped; line breaks and tabs stay."""
    assert clean(text) == shown


def test_error_shows_place_message_code_and_hint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An error is printed with position, message, code and a hint on its own line."""
    error = DocumentError(
        "no\n  hint: yes",
        hint="fix it",
        code="X-y",
        location=Location("a.yaml", 1, 2),
    )
    show_error(error)
    assert capsys.readouterr().err == (
        "error: a.yaml:1:2: no\\n  hint: yes [X-y]\n  hint: fix it\n"
    )
    fail("\x07")
    assert capsys.readouterr().err == "error: \\x07\n"


def test_json_is_coloured_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, texts, numbers and words of JSON have colours of their own."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    text = '{"a\\"b": ["x: 1", -2.5e3, null]}'
    assert paint_json(text, io.StringIO()) == text
    assert paint_json(text, _Terminal()) == (
        '{\x1b[34m"a\\"b"\x1b[0m: [\x1b[32m"x: 1"\x1b[0m, \x1b[36m-2.5e3\x1b[0m,'
        " \x1b[35mnull\x1b[0m]}"
    )


def test_missing_arguments_are_shown_as_they_are_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The hint writes each missing argument; of many, the first five."""
    show_error(ArgumentError("a.b: missing", missing=("x", "y"), hint="It takes: x."))
    assert "hint: write x=VALUE y=VALUE. It takes: x.\n" in capsys.readouterr().err
    show_error(ArgumentError("a.b: missing", missing=tuple("abcdefg")))
    assert "write a=VALUE b=VALUE c=VALUE d=VALUE e=VALUE …" in capsys.readouterr().err
