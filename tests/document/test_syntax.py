"""Faults of YAML texts: the place where each began, and its mend."""

from __future__ import annotations

import pytest

import naftiko
from naftiko.document.source import read_text


def _error(text: str) -> naftiko.DocumentSyntaxError:
    with pytest.raises(naftiko.DocumentSyntaxError) as caught:
        read_text(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('a: "x\nb: 1\nc: "y"\n', 1, 4),
        ("a: 'x\nb: 1\nc: 'y'\n", 1, 4),
        ('a: 1\nb: "x\nc: 2\n', 2, 4),
        ('a: {b: "x, c: 1}\nd: "y"\n', 1, 8),
        ('- a\n- "b\n- c\n', 2, 3),
        ('a: "x: y"\nb: "never\n', 2, 4),
    ],
)
def test_unclosed_quotation_mark_is_told_where_it_opened(
    text: str, line: int, column: int
) -> None:
    """The place of the error is the opening mark, however far below it is noticed."""
    error = _error(text)
    assert error.location is not None
    assert error.location[1:] == (line, column)
    assert "that opens here is not closed in its line" in error.message


def test_unclosed_quotation_mark_shows_no_text() -> None:
    """The message about a quotation mark does not hold the text: it may be a secret."""
    error = _error('token: "s3cr3t\nb: "x"\n')
    assert "s3cr3t" not in str(error) + str(error.related)
    assert error.related[0].line == 2


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a: 'it's'\n", "write an apostrophe inside single quotes twice ('')"),
        ('a: "the "best" one"\n', 'write \\" inside double quotes'),
        ('a: "C:\\path"\n', "write a backslash inside double quotes twice"),
        ("a: one: two\n", "quote a text that holds a colon and a blank"),
        ("a: @x\n", "quote a text that begins with `@`"),
        ("a:\n\tb: 1\n", "indent with blanks, not with tabs"),
        ("a: {{X}} b\n", 'quote a template: "{{NAME}}"'),
        ("a: [1\nb: 2\n", "close the [ of line 1, or add a comma"),
        ("a:\n- {b: 1\n- {b: 2}\n", "close the { of line 2, or add a comma"),
        ("a: 1\n b: 2\n", "indent this line as the one above it"),
        ("a:\n  - {b: 1}\n  -{c: d}\n", "write a blank behind the dash"),
        ("a: {b: \u201c{{X}}\u201d}\n", "use straight quotation marks"),
        ("a:1\nb: 2\n", "write a blank behind the colon"),
        ("a:\n- type:http\n  b: 2\n", "write a blank behind the colon"),
        ("c: 1\na 1\nb: 2\n", "write a colon and a blank between key and value"),
    ],
)
def test_fault_has_the_hint_of_its_kind(text: str, hint: str) -> None:
    """The hint names the mend where the kind of the fault is known."""
    assert hint in _error(text).hint


def test_line_without_a_colon_is_told_where_it_stands() -> None:
    """The parser notices it in the line below; the error names the line itself."""
    error = _error("a: 1\nmethod:GET\nb: 2\n")
    assert error.location is not None
    assert error.location[1:] == (2, 1)


def test_fault_inside_brackets_names_where_they_open() -> None:
    """A bracket that is not closed is found lines below; a note tells its place."""
    error = _error("a: 1\nb: {c: 1\nd: 2\n")
    assert [(place.line, place.column) for place in error.related] == [(2, 4)]


def test_quoted_text_of_several_lines_is_no_fault() -> None:
    """A quoted text may span lines where YAML allows it."""
    assert read_text('a: "x\n  y"\nb: 1\n').data == {"a": "x y", "b": 1}


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("a: 1\nb: [\n", (2, 4), "close it with ]"),
        ("a: {b: [1], c:\n", (1, 4), "close it with }"),
        ('{"a": [{"b": 1}]', (1, 1), "close it with }"),
        ("a: [{b: 1]\n", (1, 10), "close the { of line 1, column 5 with } before this ]"),
        ('a: {b: "{{x}}"]\n', (1, 15),
         "close the { of line 1, column 4 with } before this ]"),
        ("a: - b\n", (1, 4),
         "quote a text that begins with `-`, or write the list below its key"),
        ('a: "b" c\n', (1, 8),
         "text stands behind the closing quotation mark: quote the whole text"),
        ("a: *b\n", (1, 4), "quote a text that begins with `*`"),
    ],
)  # fmt: skip
def test_hint_mends_the_fault(text: str, place: tuple[int, int], hint: str) -> None:
    """An open bracket is told where it opened; other faults have a hint of their own."""
    with pytest.raises(naftiko.DocumentError) as caught:
        read_text(text)
    assert caught.value.location is not None
    assert caught.value.location[1:] == place
    assert caught.value.hint == hint
