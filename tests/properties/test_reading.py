"""Reading, for any text and any data."""

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
    """Return every path of a value with what stands there."""
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
    """A JSON text gives what `json` gives, every value located exactly."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_)
    got = source.read_text(text)
    assert got.data == value
    decoder = json.JSONDecoder()
    for path, expected in paths(value):
        at = got.locate(path)
        assert (
            decoder.raw_decode(text, offset_of(text, at.line, at.column))[0] == expected
        )


@settings(max_examples=settings.default.max_examples // 3)  # the writer is slow
@given(st.dictionaries(KEYS, VALUES))
def test_written_yaml_reads_back(value: Any) -> None:
    """Data that is written as YAML is read back the same."""
    text = writing.write_yaml(value)
    expected = json.loads(json.dumps(value))
    assert yaml.parse_value(text) == expected


def outcome(text: str) -> Any:
    """Return data and marks, or only that the text is refused."""
    try:
        got = source.read_text(text)
    except DocumentSyntaxError as error:
        assert error.location is not None
        assert error.code.startswith("E-yaml-")
        return "refused"
    return repr(got.data), got.stored()[1]


@given(YAMLISH | st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises anything else, and `validate` raises nothing at all."""
    outcome(text)
    for problem in naftiko.validate(text + "\n"):
        assert problem.line >= 1
        assert problem.column >= 1
        str(problem)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """The same for bytes."""
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
    """Where the C parser gives data, the pure one gives the same."""
    text = "\n".join(lines) + "\n"
    fast = outcome(text)
    parser = yaml._c_parser
    yaml._c_parser = lambda: None
    try:
        assert outcome(text) == fast
    finally:
        yaml._c_parser = parser
