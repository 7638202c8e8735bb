"""Reading documents: any text or bytes give data or an error with a position."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naftiko
from naftiko.document import source, writing, yaml
from naftiko.errors import DocumentSyntaxError

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    SCALARS.map(
        lambda v: v.encode("utf-8", "replace").decode() if isinstance(v, str) else v
    ),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=20,
)
YAMLISH = st.text(
    st.sampled_from("ab:-?#&*!|>'\"%@`,[]{} \n\t~0123.é\ufeff\x85\u2028\\<="),
    max_size=60,
)


def offset_of(text: str, line: int, column: int) -> int:
    """Return the index of a position in a text."""
    lines = text.split("\n")
    return sum(len(before) + 1 for before in lines[: line - 1]) + column - 1


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """Return every path inside a value, each with the value at that path."""
    found = [(path, value)]
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, inner in members:
        found += paths(inner, (*path, key))
    return found


@given(st.dictionaries(KEYS, VALUES), st.sampled_from([None, 0, 2]), st.booleans())
def test_json_reads_as_json(value: Any, indent: int | None, ascii_: bool) -> None:
    """JSON text is read as the module `json` reads it, and each value is located."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_)
    got = source.read_text(text)
    assert got.data == value
    decoder = json.JSONDecoder()
    for path, expected in paths(value):
        at = got.locate(path)
        assert (
            decoder.raw_decode(text, offset_of(text, at.line, at.column))[0] == expected
        )


@settings(max_examples=settings.default.max_examples // 3)  # writing YAML is slow
@given(st.dictionaries(KEYS, VALUES))
def test_written_yaml_reads_back(value: Any) -> None:
    """Data written as YAML is read back unchanged."""
    text = writing.write_yaml(value)
    expected = json.loads(json.dumps(value))
    assert yaml.parse_value(text) == expected


def outcome(text: str) -> Any:
    """Return the data and positions of a text, or `"refused"`."""
    try:
        got = source.read_text(text)
    except DocumentSyntaxError as error:
        assert error.location is not None
        assert error.code.startswith("E-yaml-")
        return "refused"
    return repr(got.data), got.stored()[1]


@given(YAMLISH | st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text is read or raises `DocumentSyntaxError`; `validate` raises no error."""
    outcome(text)
    for problem in naftiko.validate(text + "\n"):
        assert problem.line >= 1
        assert problem.column >= 1
        str(problem)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Any bytes are read or raise `DocumentSyntaxError` with a position."""
    try:
        source.read(data)
    except DocumentSyntaxError as error:
        assert error.location is not None


@pytest.mark.skipif(not yaml.has_c_parser(), reason="needs ruamel.yaml.clib")
@given(
    st.lists(
        st.sampled_from(
            ["a: 1", "b:", "- x", "  - y: z", "  c: [1, {d: e}]", "e: &x v", "f: *x",
             "g: |", "   text", "h: 'q'", "i: \"r\\n\"", "# note", "", "---", "j: !!str 1"]
        ),
        max_size=8,
    )
)  # fmt: skip
def test_both_parsers_agree(lines: list[str]) -> None:
    """The C parser and the pure Python parser of YAML give the same result."""
    text = "\n".join(lines) + "\n"
    fast = outcome(text)
    parser = yaml._c_parser
    yaml._c_parser = lambda: None
    try:
        assert outcome(text) == fast
    finally:
        yaml._c_parser = parser
