"""Source lines with a caret: the right column, cut lines, masked credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from naftiko.cli.excerpts import excerpt, remember


def _excerpt(text: str, line: int = 1, column: int = 1) -> str:
    remember("<test>", text.encode())
    return excerpt("<test>", line, column, indent="")


def test_caret_stands_below_its_column(tmp_path: Path) -> None:
    """The caret stands below the character of the place, in a file too."""
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\nbb: 2\r\n", "utf-8")
    assert excerpt(str(file), 2, 5) == "  2 | bb: 2\n    |     ^"


@pytest.mark.parametrize(
    ("text", "column", "pad"),
    [("\tx: 1", 2, 1), ("名: x", 4, 4), ("é: x", 4, 3), ("e\u0301: x", 5, 3)],
)
def test_caret_allows_for_tabs_and_wide_characters(
    text: str, column: int, pad: int
) -> None:
    """A tab takes one column, a wide character two, a combining one none."""
    assert _excerpt(text, 1, column).split("\n")[1] == f"  | {' ' * pad}^"


def test_long_line_is_cut_around_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line longer than the terminal shows the part around the place."""
    monkeypatch.setenv("COLUMNS", "60")
    shown, caret = _excerpt("a: " + "x " * 200 + "HERE" + " y" * 200, 1, 404).split(
        "\n"
    )
    assert len(shown) <= 60
    assert shown[caret.index("^") :].startswith("HERE")


@pytest.mark.parametrize(
    "line",
    [
        "token: hunter2",
        '{type: bearer, token: "hunter2"}',
        "password: 'hunter2",
        "api_key: hunter2",
        "clientSecret: hunter2",
        "note: use hunter2AbCdEfGh0123456789xyz",
    ],
)
def test_literal_credential_is_masked(line: str) -> None:
    """No line shows a literal of a key that holds credentials, or a long token."""
    assert "hunter2" not in _excerpt(line)


@pytest.mark.parametrize(
    "line",
    ['token: "{{TOKEN}}"', "value: $.items[*].id", "path: /a/b/c0/de/fghi/jklm/nop"],
)
def test_variables_and_paths_are_shown(line: str) -> None:
    """A variable, a JSONPath and a path are no credentials."""
    assert line in _excerpt(line)


@pytest.mark.parametrize(("file", "line"), [("no-such-file", 1), ("<test>", 99)])
def test_place_that_is_not_there_shows_nothing(file: str, line: int) -> None:
    """A file that is gone, or has fewer lines, gives no excerpt."""
    remember("<test>", b"a: 1")
    assert excerpt(file, line, 1) == ""


def test_control_characters_are_escaped() -> None:
    """A line cannot move the cursor or change a colour."""
    assert "\x1b" not in _excerpt("a: \x1b[31mred")
