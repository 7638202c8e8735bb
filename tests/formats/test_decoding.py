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


FRAMES = b"\x01\0\0\0\0\0\0\x03up\n"


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (b"up\n", "text/plain", "up\n"),
        (b'{"a": 1}', "text/plain", '{"a": 1}'),
        (b"123", "text/plain", "123"),
        (b"<p>", "text/html", "<p>"),
        (b'{"a": 1}', "text/javascript", {"a": 1}),
        (b"a();", "application/javascript", "a();"),
        (b"\0\1", "application/octet-stream", b"\0\1"),
        (b"PK", "application/zip", b"PK"),
        (b"%PDF", "application/pdf", b"%PDF"),
        (b'{"a": 1}\n', "application/x-ndjson", [{"a": 1}]),
        (b'{"a": 1}', "application/stream+json", [{"a": 1}]),
        (b"<a><b>1</b></a>", "application/atom+xml", {"b": "1"}),
        (b"a: 1", "application/yaml", {"a": 1}),
        (b"a,b\n1,2", "text/csv", [{"a": "1", "b": "2"}]),
        (b"a\tb\n1\t2", "text/tab-separated-values", [{"a": "1", "b": "2"}]),
        (FRAMES, "application/vnd.docker.multiplexed-stream", "up\n"),
        (FRAMES, "application/octet-stream", "up\n"),
        (FRAMES, "", "up\n"),
        (b"up\r\n", "application/vnd.docker.raw-stream", "up\r\n"),
        (b"up\n", "", "up\n"),
        (b"\xff\xfe\0", "", b"\xff\xfe\0"),
        (b"", "", None),
        (b"[1]", "application/x-unknown", [1]),
    ],
)
def test_type_decides_where_no_format_is_declared(
    body: bytes, content_type: str, value: Any
) -> None:
    """The `Content-Type` gives the format; JSON is for all that names none."""
    found = decoding.decode_received("", body, content_type)
    assert (found.value, found.is_other) == (value, False)


@pytest.mark.parametrize("body", [b'{"a": 1}', b"\xef\xbb\xbf[1]"])
@pytest.mark.parametrize(
    "kind", ["text/plain", "text/html", "application/octet-stream"]
)
def test_json_under_another_type_counts_where_it_is_looked_into(
    body: bytes, kind: str
) -> None:
    """Many APIs call their JSON a text: an object or a list is one where it is needed."""
    found = decoding.decode_received("", body, kind, is_structured=True)
    assert isinstance(found.value, (dict, list))
    assert (
        decoding.decode_received("", b"12", "text/plain", is_structured=True)[0] == "12"
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"no", "application/json"), (b"no", "application/x-unknown"), (b'{"a"', "")],
)
def test_damaged_json_stays_a_fault(body: bytes, content_type: str) -> None:
    """What should be JSON by its type, or begins like it, is not taken for a text."""
    with pytest.raises(OutputError, match="not json"):
        decoding.decode_received("", body, content_type)


@pytest.mark.parametrize(
    ("declared", "body", "content_type", "value", "read_as"),
    [
        ("json", b"up", "text/plain", "up", "text"),
        ("json", b"\0\xff", "application/octet-stream", b"\0\xff", "binary"),
        ("json", FRAMES, "application/octet-stream", "up\n", "multiplexed"),
        ("json", b"<a>1</a>", "application/xml", "1", "xml"),
        ("xml", b'{"a": 1}', "application/json", {"a": 1}, "json"),
        ("csv", b'{"a": 1}', "application/json", {"a": 1}, "json"),
        ("csv", b"<!doctype html><p>", "text/html", "<!doctype html><p>", "text"),
        ("html", b"[1]", "application/json", [1], "json"),
        ("tsv", b"PK\0", "application/zip", b"PK\0", "binary"),
        ("psv", b"<?xml version='1.0'?><a>1</a>", "text/xml", "1", "xml"),
    ],
)
def test_body_of_another_format_is_what_came(
    declared: str, body: bytes, content_type: str, value: Any, read_as: str
) -> None:
    """The type contradicts the document, and the body is not in the declared format."""
    found = decoding.decode_received(declared, body, content_type)
    assert found == (value, read_as, True)


@pytest.mark.parametrize(
    ("declared", "body", "content_type"),
    [
        ("json", b"up", "text/plain"),
        ("xml", b"up", "text/plain"),
    ],
)
def test_strict_refuses_a_body_of_another_format(
    declared: str, body: bytes, content_type: str
) -> None:
    """A strict caller gets the fault, and so does a body in neither format."""
    with pytest.raises(OutputError, match=f"not {declared}"):
        decoding.decode_received(declared, body, content_type, is_strict=True)
    with pytest.raises(OutputError, match=f"not {declared}"):
        decoding.decode_received(declared, b"<", "application/json")


@pytest.mark.parametrize(
    ("declared", "body", "content_type", "value"),
    [
        ("json", b'{"a": 1}', "text/html", {"a": 1}),
        ("csv", b"a\n1", "application/octet-stream", [{"a": "1"}]),
        ("csv", b"a\n1", "application/json", [{"a": "1"}]),
        ("text", b'{"a": 1}', "application/json", '{"a": 1}'),
        ("text", FRAMES, "", "up\n"),
        ("binary", FRAMES, "application/octet-stream", FRAMES),
    ],
)
def test_declared_format_wins_where_the_body_is_in_it(
    declared: str, body: bytes, content_type: str, value: Any
) -> None:
    """A wrong type alone contradicts nothing."""
    found = decoding.decode_received(declared, body, content_type)
    assert (found.value, found.is_other) == (value, False)


@pytest.mark.parametrize(
    "charset", ["iso-8859-1", "windows-1252", "us-ascii", "utf-16"]
)
@pytest.mark.parametrize(
    ("format", "body", "value"),
    [
        ("json", '{"v":"\xe9"}', {"v": "\xe9"}),
        ("json", '{"v":"\xe9"}\n{"v":1}', [{"v": "\xe9"}, {"v": 1}]),
        ("text", "\xe9", "\xe9"),
        ("csv", "v\n\xe9", [{"v": "\xe9"}]),
        ("yaml", "v: \xe9", {"v": "\xe9"}),
        ("markdown", "---\nv: \xe9\n---\n", {"v": "\xe9"}),
        ("xml", "<a><v>\xe9</v></a>", {"v": "\xe9"}),
        ("html", "<table><tr><th>v<tr><td>\xe9</table>", [{"v": "\xe9"}]),
    ],
)
def test_valid_utf8_is_utf8_whatever_the_label_says(
    format: str, body: str, value: Any, charset: str
) -> None:
    """Bytes come before labels (RFC 8259, 11); nobody writes UTF-8 by chance."""
    found: Any = decoding.decode(
        format, body.encode(), content_type=f"x/y; charset={charset}"
    )
    if format == "html":
        found = found["tables"][0]
    elif format == "markdown":
        found = found["frontMatter"]
    assert found == value


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("iso-8859-1", b'{"v":"\xe9"}'),
        ("utf-16-le", '{"v":"\xe9"}'.encode("utf-16-le")),
        ("utf-32", '{"v":"\xe9"}'.encode("utf-32")),
        ("iso-2022-jp", '{"v":"\u65e5"}'.encode("iso-2022-jp")),
    ],
)
def test_other_bytes_are_read_by_their_label(charset: str, body: bytes) -> None:
    """A charset counts for bytes that are not UTF-8, or that have its marks."""
    for format in ("json", "yaml", "text"):
        found: Any = decoding.decode(
            format, body, content_type=f"application/x; charset={charset}"
        )
        value = found if format == "text" else found["v"]
        if format == "json" and charset == "iso-2022-jp":
            continue  # JSON is UTF-8, and these bytes are valid JSON
        assert ("\xe9" in value) or ("\u65e5" in value)
