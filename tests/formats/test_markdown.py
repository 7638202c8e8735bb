"""Markdown: its front matter, tables and sections.

The cases are in `tests/formats/cases/markdown.yaml`. To run one, give its name:
`pytest tests/formats/test_markdown.py -k "sections are cut at every heading"`.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

from naftiko.errors import OutputError
from naftiko.formats.faults import BodyError
from naftiko.formats.markdown import decode_markdown
from support.casefiles import cases
from support.decoding import check_decoding


@pytest.mark.parametrize("case", cases("formats/cases", "markdown"))
def test_markdown_gives_its_parts(case: dict[str, Any]) -> None:
    """A text gives the parts of its case, or the error with these words."""
    check_decoding(case)


@pytest.mark.parametrize(
    ("text", "front"),
    [
        ("---\na: 1\n---\nb", {"a": 1}),
        ("---  \r\na: 1\r\n---\t\r\nb", {"a": 1}),
        ("---\ra: 1\r---\rb", {"a": 1}),
        ("---\na: 1\n---", {"a": 1}),
        ("\ufeff---\na: 1\n---\n", {"a": 1}),
        ("---\na: x\n ---\nb: 2\n---\n", {"a": "x ---", "b": 2}),
        ("---\nday: 2024-01-15\n---\n", {"day": "2024-01-15"}),
        ("---\na: 1\n", {}),
        ("\n---\na: 1\n---\n", {}),
        ("----\na: 1\n---\n", {}),
        ("# A\n---\na: 1\n---\n", {}),
    ],
)
def test_front_matter_stands_at_the_beginning(text: str, front: Any) -> None:
    """Front matter is between two lines of `---`, the first of them line one."""
    found = decode_markdown(text.encode(), "")
    assert isinstance(found, dict)
    assert found["frontMatter"] == front


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("---\na: }\n---\n# A\n", "at line 2, column 4"),
        ("---\na: 1\n\n b: 2\n---\n", "at line 4, column 3"),
        ("---\r\na: 1\r\nb: }\r\n---\r\n", "at line 3, column 4"),
    ],
)
def test_fault_in_front_matter_has_its_line_in_the_body(text: str, place: str) -> None:
    """A fault in front matter is one of the body; the line of its mark counts."""
    with pytest.raises(BodyError, match=place) as caught:
        decode_markdown(text.encode(), "")
    assert caught.value.message.startswith("the body is not markdown: ")


@pytest.mark.parametrize(
    ("schema", "headings"),
    [
        ("", ["API one", "api two", "Other"]),
        ("API", ["API one"]),
        (" ###  API ", ["API one"]),
        ("#", ["API one", "api two", "Other"]),
        ("one", []),
    ],
)
def test_schema_is_the_beginning_of_headings(schema: str, headings: list[str]) -> None:
    """Case counts; the marks of a heading and blanks around it do not."""
    text = b"# API one\n## *api* two ##\nOther\n=====\n"
    found: Any = decode_markdown(text, "", schema)
    assert [section["heading"] for section in found["sections"]] == headings


def test_content_follows_the_charset() -> None:
    """The characters of a text are those of the declared charset."""
    found: Any = decode_markdown(b"# \xe9", "text/markdown; charset=iso-8859-1")
    assert found["sections"][0]["heading"] == "é"


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text without its library is refused; the hint names the extra to install."""
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    with pytest.raises(OutputError) as caught:
        decode_markdown(b"# A", "")
    assert "markdown_it" in caught.value.message
    assert caught.value.hint == 'pip install "naftiko[formats]"'


@pytest.mark.parametrize(
    "body",
    [b"> " * 5_000 + b"a", b"[" * 5_000, b"*a " * 5_000],
    ids=["quotes", "brackets", "stars"],
)
def test_hostile_text_ends(body: bytes) -> None:
    """A text nested without end gives its parts, or an `OutputError`."""
    try:
        assert "tables" in decode_markdown(body, "")  # type: ignore[operator]
    except OutputError as error:
        assert "nested too deeply" in error.message
