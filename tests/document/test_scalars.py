"""The value of a plain scalar; the cases are in `tests/document/cases/scalars.yaml`."""

from __future__ import annotations

import math
from typing import Any

import pytest

from naftiko.document.document import MAX_DIGITS
from naftiko.document.scalars import (
    CORE_TAG,
    is_scalar_tag,
    resolve_number,
    resolve_plain,
    resolve_tagged,
)
from naftiko.document.source import read, read_text
from support.casefiles import cases


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("case", cases("document/cases", "scalars"))
def test_scalar_has_its_core_schema_value(case: dict[str, Any]) -> None:
    """A scalar has the value that YAML 1.2 gives it, and its Python type."""
    data = read_text(f"v: {case['text']}\n").data
    assert data == {"v": case["expect"]}
    assert type(data["v"]) is type(case["expect"])


@pytest.mark.usefixtures("parser")
def test_nan_is_a_number() -> None:
    """`.nan` is a float."""
    assert math.isnan(read_text("v: .nan\n").data["v"])


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", ["9" * 5000, "0x" + "f" * 5000, "-" + "7" * 5000])
def test_number_with_too_many_digits_stays_text(text: str) -> None:
    """More digits than Python converts stay text, in YAML and in JSON."""
    assert read(f"a: {text}\n").data == {"a": text}
    assert read(f'{{"a": {text}}}').data == {"a": text}


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in cases("document/cases", "scalars")
        if not case.values[0]["text"].startswith(("'", '"', "|", ">", "!"))
    ],
)
def test_plain_text_resolves_without_a_parser(case: dict[str, Any]) -> None:
    """A plain scalar has the same value without any YAML around it."""
    value = resolve_plain(case["text"])
    assert (type(value), value) == (type(case["expect"]), case["expect"])


@pytest.mark.parametrize(
    "text",
    ["+", "-", ".", "..", "1.2.3", "+.inf.", "0x", "0o", "0xg", "1e", "١", "1 2"],
)
def test_text_that_begins_like_a_number_stays_text(text: str) -> None:
    """Half a number is none."""
    assert resolve_number(text) == text


@pytest.mark.parametrize(("text", "sign"), [(".inf", 1), ("+.Inf", 1), ("-.INF", -1)])
def test_infinity_has_its_sign(text: str, sign: int) -> None:
    """Infinity is written in three ways, each with or without a sign."""
    assert resolve_number(text) == sign * math.inf


@pytest.mark.parametrize("text", ["9", "0x"])
def test_digits_are_counted_up_to_the_limit(text: str) -> None:
    """The longest number is read, and one digit more makes it a text."""
    longest = text.ljust(MAX_DIGITS, "1")
    assert isinstance(resolve_number(longest), int)
    assert resolve_number(longest + "1") == longest + "1"


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("12", "int", (True, 12)),
        ("12", "float", (True, 12.0)),
        ("1.5", "int", (False, 1.5)),
        ("true", "bool", (True, True)),
        ("true", "int", (False, True)),
        ("1", "bool", (False, 1)),
        ("~", "null", (True, None)),
        ("x", "null", (False, "x")),
        ("", "int", (False, None)),
        ("5", "str", (True, "5")),
        ("2001-12-14", "timestamp", (True, "2001-12-14")),
        (
            "2001-12-14t21:59:43.10 -05:00",
            "timestamp",
            (True, "2001-12-14t21:59:43.10 -05:00"),
        ),
        ("noon", "timestamp", (False, "noon")),
        ("aGVs bG8=", "binary", (True, "aGVsbG8=")),
        ("aGVsbG8", "binary", (False, "aGVsbG8")),
    ],
)
def test_tagged_text_fits_its_tag_or_not(text: str, name: str, expected: Any) -> None:
    """A tag asks for one type, and only a whole number is a float as well."""
    fits, value = resolve_tagged(text, CORE_TAG + name)
    assert (fits, value) == expected
    assert type(value) is type(expected[1])


@pytest.mark.parametrize(
    "tag", ["!int", "!!int", "tag:example.org,2002:int", "int", ""]
)
def test_tag_of_others_fits_nothing(tag: str) -> None:
    """A tag outside the core schema has no scalar, whatever its last word is."""
    assert resolve_tagged("12", tag) == (False, None)
    assert not is_scalar_tag(tag)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("int", True),
        ("null", True),
        ("binary", True),
        ("timestamp", True),
        ("str", False),
        ("map", False),
        ("value", False),
    ],
)
def test_yaml_has_six_scalar_tags_beside_text(name: str, known: bool) -> None:
    """Texts, mappings and lists need no resolving, and other tags are not known."""
    assert is_scalar_tag(CORE_TAG + name) is known
