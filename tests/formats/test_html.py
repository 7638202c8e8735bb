"""Tables of pages: the first row names the columns, and a selector chooses.

The cases are in `tests/formats/cases/html.yaml`. To run one, give its name:
`pytest tests/formats/test_html.py -k "end tags may be omitted"`.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

from naftiko.errors import OutputError
from naftiko.formats.html import decode_html
from support.casefiles import cases
from support.decoding import check_decoding

TWO = (
    b'<div id="in"><table class="a"><tr><th>A</th></tr><tr><td>1</td></tr></table></div>'
    b'<table class="b"><tr><th>B</th></tr><tr><td>2</td></tr></table>'
)


@pytest.mark.parametrize("case", cases("formats/cases", "html"))
def test_page_gives_its_tables(case: dict[str, Any]) -> None:
    """A page gives the tables of its case, or the error with these words."""
    check_decoding(case)


@pytest.mark.parametrize(
    ("selector", "tables"),
    [
        ("", "AB"),
        (" \n", "AB"),
        ("table", "AB"),
        (".b, .a", "AB"),
        ("#in", "A"),
        (" .b ", "B"),
        ("td", ""),
        (".none", ""),
    ],
)
def test_selector_chooses_tables(selector: str, tables: str) -> None:
    """Tables keep the order of the page; an element without a table gives none."""
    found = decode_html(TWO, "", selector)
    assert isinstance(found, dict)
    assert "".join(name for (row,) in found["tables"] for name in row) == tables


@pytest.mark.parametrize(
    ("selector", "reason"),
    [
        ("::x", "Pseudo-element found at position 0"),
        ("table[\n", "Malformed attribute selector at position 5"),
    ],
)
def test_selector_that_is_none_is_refused_in_one_line(
    selector: str, reason: str
) -> None:
    """The message holds the first line of the reason, and no picture of the place."""
    with pytest.raises(OutputError) as caught:
        decode_html(TWO, "", selector)
    assert caught.value.message == (
        f"outputSchema '{selector.strip()}' is not a CSS selector: {reason}"
    )
    assert caught.value.hint == "write one such as 'table.products'"


@pytest.mark.parametrize(
    ("declared", "content_type", "name"),
    [
        (b'<meta charset="iso-8859-1">', "", "é"),
        (b"<META content='text/html; CharSet=iso-8859-1'>", "", "é"),
        (b"<meta charset=klingon>", "", "\ufffd"),
        (b"<meta charset=utf-8>", "text/html; charset=iso-8859-1", "é"),
        (b" " * 2048 + b"<meta charset=iso-8859-1>", "", "\ufffd"),
        (b"", "", "\ufffd"),
    ],
    ids=["attribute", "content", "unknown", "header", "too late", "nothing"],
)
def test_charset_of_a_page(declared: bytes, content_type: str, name: str) -> None:
    """The header counts before a `meta` element near the beginning, then UTF-8."""
    body = declared + b"<table><tr><th>\xe9<tr><td>1</table>"
    assert decode_html(body, content_type) == {"tables": [[{name: "1"}]]}


@pytest.mark.parametrize("library", ["bs4", "soupsieve"])
def test_missing_library_names_the_extra(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page without its library is refused; the hint names the extra to install."""
    pytest.importorskip("bs4")  # it warns when it is imported without the other
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(OutputError) as caught:
        decode_html(TWO, "", "table")
    assert library in caught.value.message
    assert caught.value.hint == 'pip install "naftiko[formats]"'


@pytest.mark.parametrize(
    "body",
    [
        b"<table><tr><td>" * 3_000,
        b"<table><tr><th>a" + b"<tr><td>1" * 4_000,
        pytest.param(
            b"<table><tr><th>a" + b"<tr><td>1" * 20_000, marks=pytest.mark.slow
        ),
    ],
    ids=["tables in tables", "open rows", "many open rows"],
)
def test_hostile_page_ends(body: bytes) -> None:
    """A page nested without end gives its tables, or an `OutputError`."""
    try:
        assert "tables" in decode_html(body, "")  # type: ignore[operator]
    except OutputError as error:
        assert "nested too deeply" in error.message
