"""XML: the root is dropped, leaves are text, and declared entities are refused.

The cases are in `tests/formats/cases/xml.yaml`. To run one, give its name:
`pytest tests/formats/test_xml.py -k "CDATA is text"`.
"""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.errors import OutputError
from naftiko.formats import decoding
from naftiko.formats.faults import BodyError
from naftiko.formats.xml import MAX_DEPTH, decode_xml, is_xml
from support.casefiles import cases
from support.decoding import check_decoding


@pytest.mark.parametrize("case", cases("formats/cases", "xml"))
def test_xml_gives_its_value(case: dict[str, Any]) -> None:
    """A body gives the value of its case, or the error with these words."""
    check_decoding(case)


def test_elements_are_refused_beyond_a_depth() -> None:
    """The deepest allowed element is given; the next one is an error of ours."""
    value: Any = decode_xml(b"<a>" * MAX_DEPTH + b"7" + b"</a>" * MAX_DEPTH, "")
    for _ in range(MAX_DEPTH - 1):
        value = value["a"]
    assert value == "7"
    with pytest.raises(OutputError) as caught:
        decode_xml(b"<a>" * (MAX_DEPTH + 1), "")
    assert caught.value.message == (
        "the body is not usable xml: it is nested too deeply"
    )


@pytest.mark.parametrize(
    ("declaration", "reason"),
    [
        ('<!ENTITY a "x">', "it declares the entity 'a'"),
        ('<!ENTITY a SYSTEM "file:///etc/passwd">', "it declares the entity 'a'"),
        ('<!ENTITY % p "x">', "it declares the entity 'p'"),
        ('<!ENTITY a "&a;&a;">', "it declares the entity 'a'"),
    ],
)
def test_entity_declaration_is_refused(declaration: str, reason: str) -> None:
    """A declared entity is refused where it is declared, used or not."""
    with pytest.raises(OutputError) as caught:
        decode_xml(f"<!DOCTYPE v [{declaration}]><v/>".encode(), "")
    assert caught.value.message == f"the body is not usable xml: {reason}"
    assert caught.value.hint == (
        "declared entities are refused: they can fill the memory"
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<a>\n<b></a>", "mismatched tag at line 2, column 6"),
        (b"<a/><b/>", "junk after document element at line 1, column 5"),
        (b"<a>", "no element found at line 1, column 4"),
        (b"<a>\x00</a>", "not well-formed (invalid token) at line 1, column 4"),
        ("<é>&</é>".encode(), "not well-formed (invalid token) at line 1, column 5"),
    ],
)
def test_fault_has_its_place(body: bytes, words: str) -> None:
    """Lines and columns count from 1, and columns are characters, not bytes."""
    with pytest.raises(BodyError) as caught:
        decode_xml(body, "")
    assert caught.value.message.startswith(f"the body is not xml: {words}: '")


@pytest.mark.parametrize("order", ["<", ">"])
def test_utf_16_needs_a_mark_or_a_declaration(order: str) -> None:
    """Either byte order is read; the charset of the header does not get in the way."""
    encoding = {"<": "utf-16-le", ">": "utf-16-be"}[order]
    body = "\ufeff<a>é</a>".encode(encoding)
    for content_type in ("", "text/xml; charset=utf-16", "text/xml; charset=latin1"):
        assert decode_xml(body, content_type) == "é"


def test_declared_encoding_counts_before_the_header() -> None:
    """The document knows its encoding better than a server that passes it on."""
    body = '<?xml version="1.0" encoding="iso-8859-1"?><a>é</a>'.encode("latin-1")
    assert decode_xml(body, "text/xml; charset=utf-8") == "é"


@pytest.mark.parametrize(
    ("format", "content_type", "expected"),
    [
        ("xml", "application/json", True),
        (" XML ", "", True),
        ("json", "application/xml", False),
        ("", "text/xml; charset=utf-8", True),
        ("", "application/atom+XML", True),
        ("", "application/xml-dtd", False),
        ("", "", False),
    ],
)
def test_xml_is_declared_or_told_by_the_type(
    format: str, content_type: str, expected: bool
) -> None:
    """The media type counts where the document declares no format."""
    assert is_xml(format, content_type) is expected


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (b"<a>\xe9</a>", "iso-8859-1"),
        (b"<?xml version='1.0' encoding='utf-8'?><a>\xe9</a>", "iso-8859-1"),
        (b"<?xml version='1.0' encoding='koi8-r'?><a>\xe9</a>", "iso-8859-1"),
        (b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xc3\xa9</a>", "utf-8"),
        (b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", "utf-8"),
        (b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", "no-such"),
        (b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", "a\0b"),
        (b"<a>\xc3\xa9</a>", "a\0b"),
        (b"\xef\xbb\xbf<a>\xc3\xa9</a>", "iso-8859-1"),
        ("<a>\xe9</a>".encode("utf-16"), "iso-8859-1"),
    ],
)
def test_charset_of_the_header_comes_before_the_declaration(
    body: bytes, charset: str
) -> None:
    """RFC 7303, 3: byte order mark, then header, then declaration."""
    found = decoding.decode("xml", body, content_type=f"text/xml; charset={charset}")
    assert found == "\xe9"
