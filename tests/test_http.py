"""Methods, charsets and media types, as the standards have them."""

from __future__ import annotations

import codecs
from encodings.aliases import aliases

import pytest

from naftiko.http import (
    BODY_METHODS,
    IDEMPOTENT_METHODS,
    SAFE_METHODS,
    ArrivingText,
    charset_of,
    header_text,
    media_type_of,
    text_of,
)


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("", "utf-8"),
        ("text/plain", "utf-8"),
        ("text/plain; charset=UTF-8", "utf-8"),
        ("text/plain;charset=latin1", "iso8859-1"),
        ("text/plain; Charset = 'windows-1252' ; x=y", "cp1252"),
        ('text/plain; charset="utf-16"', "utf-16"),
        ("text/plain; charset=ascii, text/html", "ascii"),
        ("text/plain; charset=", "utf-8"),
        ("text/plain; charset=;x=y", "utf-8"),
    ],
)
def test_charset_is_that_of_the_parameter(content_type: str, charset: str) -> None:
    """The name is one that Python knows, quoted or not, in any case."""
    assert charset_of(content_type) == charset


@pytest.mark.parametrize(
    "name",
    [
        "none-such",
        "base64",
        "zlib",
        "rot13",
        "idna",
        "punycode",
        "undefined",
        "unicode_escape",
        "raw-unicode-escape",
        "é",
        "a\0b",
        "x" * 10_000,
    ],
)
def test_charset_that_is_no_encoding_of_text_is_utf_8(name: str) -> None:
    """An unknown name, and a codec that is none of text, break no response."""
    assert charset_of(f"text/plain; charset={name}") == "utf-8"


def test_charset_of_a_response_decodes_any_bytes() -> None:
    """Every name that Python knows leads to a codec of text, for streams as well."""
    charsets = {charset_of(f"text/plain; charset={name}") for name in aliases}
    assert len(charsets) > 50
    for charset in charsets:
        assert isinstance(bytes(range(256)).decode(charset, "replace"), str)
        assert codecs.getincrementaldecoder(charset)


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        ("", ""),
        ("application/json", "application/json"),
        ("Application/JSON ; charset=utf-8", "application/json"),
        (" text/html;", "text/html"),
        ("; charset=utf-8", ""),
    ],
)
def test_media_type_has_no_parameters(content_type: str, media_type: str) -> None:
    """Media types are compared in lower case, without blanks around them."""
    assert media_type_of(content_type) == media_type


def test_methods_are_those_of_the_standard() -> None:
    """What is safe is idempotent, and `POST` and `PATCH` are neither (RFC 9110, 9.2)."""
    assert {"GET", "HEAD", "OPTIONS", "TRACE"} == SAFE_METHODS
    assert {"PUT", "DELETE"} == IDEMPOTENT_METHODS - SAFE_METHODS
    assert set() == BODY_METHODS & SAFE_METHODS
    assert {"POST", "PATCH"} == BODY_METHODS - IDEMPOTENT_METHODS


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("\xe9".encode(), "iso-8859-1", "\xe9"),
        (b"\xe9", "iso-8859-1", "\xe9"),
        (b"\xe9", "utf-8", "\N{REPLACEMENT CHARACTER}"),
        ("a".encode("utf-16-le"), "utf-16-le", "a"),
        (b"a", "utf-16", "a"),
        ("\u65e5".encode("iso-2022-jp"), "iso-2022-jp", "\u65e5"),
    ],
)
def test_text_is_utf8_wherever_it_can_be(body: bytes, charset: str, text: str) -> None:
    """A charset counts for bytes that are not UTF-8, or that have its marks."""
    assert text_of(body, f"text/plain; charset={charset}") == text


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("gr\xfc\xdf\n".encode(), "iso-8859-1", "gr\xfc\xdf\n"),
        (b"gr\xfc\xdf\n", "iso-8859-1", "gr\xfc\xdf\n"),
        (b"gr\xfc\xdf", "utf-8", "gr\ufffd\ufffd"),
        (b"plain", "utf-16", "plain"),
        ("\xe9a".encode("utf-16"), "utf-16", "\xe9a"),
        ("a\u65e5".encode("iso-2022-jp"), "iso-2022-jp", "a\u65e5"),
        (b"\xef\xbb\xbfa", "iso-8859-1", "a"),
    ],
)
def test_arriving_text_is_utf8_wherever_it_can_be(
    body: bytes, charset: str, text: str, size: int
) -> None:
    """Pieces give the text of the whole, wherever they are cut."""
    arriving = ArrivingText(f"text/plain; charset={charset}")
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    found = "".join(map(arriving.decode, pieces)) + arriving.decode(b"", final=True)
    assert found == text


@pytest.mark.parametrize("charset", ["utf-16", "utf-32"])
def test_arriving_text_needs_no_byte_order_mark(charset: str) -> None:
    """Without one it has the order of the machine, as `bytes.decode` reads it."""
    body = "héllo".encode(charset)[4 if charset == "utf-32" else 2 :]
    arriving = ArrivingText(f"text/plain; charset={charset}")
    pieces = (body[:7], body[7:])
    text = "".join(map(arriving.decode, pieces)) + arriving.decode(b"", final=True)
    assert text == "héllo"


def test_header_is_utf8_or_latin_1() -> None:
    """Any bytes give a text without surrogates."""
    for value in ("Non trouv\xe9", "Non trouv\xc3\xa9", "Non trouv\u00e9"):
        assert header_text(value) == "Non trouv\xe9"
    assert header_text("plain") == "plain"
    header_text(bytes(range(256)).decode("latin-1")).encode()
    assert header_text("\u65e5") == "\u65e5"
