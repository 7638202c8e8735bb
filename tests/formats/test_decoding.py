"""Response bodies are decoded by their declared format.

The cases are in `tests/formats/cases/`. To run one, give its name:
`pytest tests/test_formats.py -k "objects may touch"`.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.consumes.status import message_of
from naftiko.errors import OutputError
from naftiko.formats import decoding, faults
from support.casefiles import cases


def decoded(case: dict[str, Any]) -> Any:
    """Decode the body of a case."""
    return decoding.decode(
        case["format"],
        case["body"].encode(case.get("encoding", "utf-8")),
        content_type=case.get("content_type", ""),
        schema=case.get("schema", ""),
    )


@pytest.mark.parametrize(
    "case", cases("formats/cases", "json", "xml", "rows", "plain", "html", "markdown")
)
def test_decode(case: dict[str, Any]) -> None:
    """A body gives the value of its case, or the error with these words."""
    if "raises" not in case:
        assert decoded(case) == case["expect"]
        return
    with pytest.raises(OutputError) as caught:
        decoded(case)
    for words in case["raises"]:
        assert words in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("case", cases("formats/cases", "messages"))
def test_message_of(case: dict[str, Any]) -> None:
    """The message in an error body is found under the usual names."""
    assert message_of(case["value"]) == case["expect"]


def test_message_is_short() -> None:
    """A message never fills the screen."""
    assert len(message_of({"message": "x" * 10**6})) == 300


def test_binary_is_unchanged() -> None:
    """A binary body is the very bytes that came."""
    body = b"\xff\xfe\x00"
    assert decoding.decode("binary", body, content_type="text/plain") is body


def test_formats_and_supported() -> None:
    """Every supported format is known, and two known ones are not supported."""
    assert set(decoding.FORMATS) - decoding.SUPPORTED == {"avro", "protobuf"}
    assert all(map(decoding.is_supported, decoding.SUPPORTED))
    assert decoding.is_supported("")
    assert decoding.is_supported(" Csv")
    assert not decoding.is_supported("avro")
    assert not decoding.is_supported("INI")


def test_missing_library_names_the_extra() -> None:
    """A library that is not installed is a matter of one pip command."""
    with pytest.raises(OutputError) as caught:
        faults.formats_library("no_such_library_anywhere", "html")
    assert caught.value.hint == 'pip install "naftiko[formats]"'


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


@pytest.mark.parametrize(
    ("format", "body"),
    [
        ("html", b"<table><tr><td>" * 3_000),
        ("html", b"<table><tr><th>a" + b"<tr><td>1" * 20_000),
        ("markdown", b"> " * 5_000 + b"a"),
        ("markdown", b"[" * 5_000),
        ("markdown", b"*a " * 5_000),
    ],
    ids=["tables in tables", "open rows", "quotes", "brackets", "stars"],
)
def test_hostile_pages_end(format: str, body: bytes) -> None:
    """A page nested without end gives its tables, or an `OutputError`."""
    try:
        assert "tables" in decoding.decode(format, body)
    except OutputError as error:
        assert "nested too deeply" in error.message


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES, st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "utf-32"]))
def test_json_round_trip(value: Any, encoding: str) -> None:
    """What json writes, decode reads."""
    body = json.dumps(value, ensure_ascii=encoding == "utf-8").encode(
        encoding, "surrogatepass"
    )
    assert decoding.decode("json", body) == value


@given(st.lists(VALUES))
def test_lines_round_trip(values: list[Any]) -> None:
    """One document a line gives the list of them, also of one and of none."""
    body = "".join(json.dumps(value) + "\n" for value in values).encode()
    assert decoding.decode("json", body, content_type="application/x-ndjson") == values
    if len(values) > 1:
        assert decoding.decode("json", body) == values


CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\x00")
)


@given(
    st.lists(CELLS.filter(bool), min_size=1, unique=True).flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names))),
        )
    ),
    st.sampled_from([("csv", ","), ("tsv", "\t"), ("psv", "|")]),
)
def test_rows_round_trip(
    table: tuple[list[str], list[list[str]]], kind: tuple[str, str]
) -> None:
    """What csv writes, decode reads: names from the first row, all cells text."""
    names, rows = table
    format, delimiter = kind
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([names, *rows])
    expected = [dict(zip(names, row, strict=True)) for row in rows]
    assert decoding.decode(format, target.getvalue().encode()) == expected


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
def test_only_output_errors(
    format: str, body: bytes, content_type: str, schema: str
) -> None:
    """Whatever the body, the header and the schema are: a value or an `OutputError`."""
    try:
        decoding.decode(format, body, content_type=content_type, schema=schema)
    except OutputError as error:
        assert error.message
        assert error.hint


@given(VALUES)
def test_message_of_anything(value: Any) -> None:
    """Any decoded body has a message, which may be empty, in one short line."""
    message = message_of(value)
    assert len(message) <= 400
    assert "\n" not in message
