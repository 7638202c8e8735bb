"""Response bodies are decoded by their declared format.

The cases are in `tests/formats/cases/`. To run one, give its name:
`pytest tests/formats/test_decoding.py -k "objects may touch"`.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.errors import OutputError
from naftiko.formats import decoding
from support.casefiles import cases
from support.decoding import check_decoding


@pytest.mark.parametrize("case", cases("formats/cases", "json", "rows", "plain"))
def test_decode(case: dict[str, Any]) -> None:
    """A body gives the value of its case, or the error with these words."""
    check_decoding(case)


@pytest.mark.parametrize("format", [*decoding.FORMATS, "", " Csv", "JSON"])
def test_known_format_is_checked_before_a_request(format: str) -> None:
    """All formats but two are decoded, in any case; `check` refuses what `decode` does."""
    if format in ("avro", "protobuf"):
        with pytest.raises(OutputError, match=f"'{format}' is not supported yet"):
            decoding.check(format)
        with pytest.raises(OutputError, match=f"'{format}' is not supported yet"):
            decoding.decode(format, b"")
    else:
        decoding.check(format)


@pytest.mark.parametrize("format", ["INI", "json2", "é"])
def test_unknown_format_is_refused(format: str) -> None:
    """An unknown format is named; the hint lists those that there are."""
    for refuse in (decoding.check, lambda format: decoding.decode(format, b"")):
        with pytest.raises(OutputError, match=f'Unsupported "{format}"') as caught:
            refuse(format)
        assert "Known formats: json, xml" in caught.value.hint


DEEP = 200_000


@pytest.mark.parametrize(
    ("format", "body", "content_type"),
    [
        ("json", b"[" * DEEP, ""),
        ("json", b"[" * DEEP + b"]" * DEEP, ""),
        ("json", b"[" * DEEP, "application/x-ndjson"),
        ("json", b"9" * 10_000, ""),
        ("json", b"1\n" + b"9" * 10_000, ""),
        ("json", b"\x00\x00\x00", ""),
        ("json", b"[1]", "application/json; charset=utf-16"),
        ("xml", b"<a>" * DEEP, ""),
        ("xml", b"\xff\xfe<", ""),
        ("xml", b"<a>&#0;</a>", ""),
        ("xml", b"+2AA-<a/>", "text/xml; charset=utf-7"),
        ("yaml", b"[" * DEEP, ""),
        ("yaml", b"a: &a [*a", ""),
        ("csv", b'a\n"' + b"x" * 200_000, ""),
    ],
    ids=str,
)
def test_hostile_bodies_are_refused(
    format: str, body: bytes, content_type: str
) -> None:
    """A body made to do harm ends in an `OutputError` like any other mistake."""
    with pytest.raises(OutputError) as caught:
        decoding.decode(format, body, content_type=content_type)
    assert len(str(caught.value)) < 500


MARKUP = st.lists(
    st.sampled_from(
        [*"<>&!?-=\"'/#|*[]`\n {}:,%", "<table>", "<tr>", "</tr>", "<th>", "<td>"]
        + ["</table>", "<?xml ", "<!DOCTYPE ", "<![CDATA[", "<![n", "---\n", "]]>"]
        + ["a", "1", "é", "\x00", "\r", "<script>", "| - |\n", "&a;", "\x1e"]
    )
).map("".join)


@given(
    st.sampled_from(decoding.FORMATS),
    st.binary() | MARKUP.map(str.encode),
    st.sampled_from(["", "application/x-ndjson"])
    | st.sampled_from(
        ["utf-16", "utf-7", "idna", "punycode", "rot13", "unicode_escape", "x\x00"]
        + ["undefined", "iso2022_jp", "raw_unicode_escape", "cp1252", ""]
    ).map("text/plain; charset={}".format)
    | st.text(),
    st.sampled_from(["", "table", "[", ":is(", "a:nth-child(x)", "##", "é", "::x"])
    | st.text(),
)
def test_any_body_gives_a_value_or_an_output_error(
    format: str, body: bytes, content_type: str, schema: str
) -> None:
    """Any body, header and schema give a value, or an `OutputError` with a hint."""
    try:
        decoding.decode(format, body, content_type=content_type, schema=schema)
    except OutputError as error:
        assert error.message
        assert error.hint


@pytest.mark.parametrize("name", ["avro", "Protobuf"])
def test_format_that_is_not_decoded_is_known_beforehand(name: str) -> None:
    """`refused` says before any call what `decode` would say after it."""
    refused = decoding.refused(name)
    assert refused is not None
    with pytest.raises(OutputError) as caught:
        decoding.decode(name.lower(), b"")
    assert refused == (caught.value.message, caught.value.hint)
    assert decoding.refused("") is decoding.refused("csv") is None


def test_format_without_its_library_is_known_beforehand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A format whose library is missing names the extra that has it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert decoding.refused("html") == (
        "outputRawFormat 'html' needs the library 'bs4'",
        'pip install "naftiko[formats]"',
    )
    assert decoding.refused("json") is None
