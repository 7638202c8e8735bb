"""References in templates: their meaning, allowed places, and values as text."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from ipaddress import ip_address
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from naftiko.expressions import (
    Ref,
    Scope,
    TemplateError,
    compact_json,
    folded,
    is_known,
    is_upper,
    lone,
    parse,
    parse_base_uri,
    parse_credential,
    parse_path,
    parts_of,
    refs,
    render,
    splice,
    to_text,
)

SCOPE = Scope(frozenset(["TOKEN", "region"]), (("vault.TOKEN", "TOKEN"),))


@pytest.mark.parametrize(
    ("written", "name", "is_variable"),
    [
        ("{{TOKEN}}", "TOKEN", True),
        ("{{ TOKEN }}", "TOKEN", True),
        ("{{{TOKEN}}}", "TOKEN", True),
        ("{{& TOKEN}}", "TOKEN", True),
        ("{{vault.TOKEN}}", "TOKEN", True),
        ("{{env.OTHER}}", "OTHER", True),
        ("{{OTHER}}", "OTHER", True),
        ("{{region}}", "region", True),
        ("{{other}}", "other", False),
        ("{{tools.TOKEN}}", "TOKEN", False),
        ("{{rest.x}}", "x", False),
        ("{{tools.filter.status}}", "filter.status", False),
        ("{{tools.ids[]}}", "ids[]", False),
        ("{{vault.OTHER}}", "vault.OTHER", False),
        ("{{DECLARED}}", "DECLARED", False),
        ("{{env.declared}}", "env.declared", False),
        ("{{größe}}", "größe", False),
    ],
)
def test_reference_names_a_variable_or_an_argument(
    written: str, name: str, is_variable: bool
) -> None:
    """A bound name is a variable; `tools.` and `rest.` always name an argument."""
    declared = ("DECLARED", "env.declared")
    (ref,) = refs(parse(f"a {written} b", SCOPE, declared))
    assert (ref.name, ref.is_variable, ref.written) == (name, is_variable, written)
    assert lone(parse(written, SCOPE, declared)) == ref
    assert lone(parse(f"{written} ", SCOPE, declared)) is None


def test_argument_does_not_shadow_a_bound_variable() -> None:
    """A bound name is a variable, even if an argument has the same name."""
    (ref,) = refs(parse("{{TOKEN}}", SCOPE, ("TOKEN",)))
    assert ref.is_variable


@pytest.mark.parametrize(
    "text", ["{{#x}}a{{/x}}", "{{^x}}", "{{>part}}", "{{!note}}", "{{=<% %>=}}", "{{}}", "{{ }}"]
)  # fmt: skip
def test_mustache_sections_and_partials_are_refused(text: str) -> None:
    """Sections, partials, comments and empty references are errors, not texts."""
    for split in (parse, parse_path, parse_base_uri, parse_credential):
        with pytest.raises(TemplateError, match="is not a reference"):
            split(text)


@pytest.mark.parametrize(
    "text", ["", "plain", "{x}", "{ {x} }", "}}{{", '{"a": {"b": 1}}', "{{x}", "${x}"]
)
def test_text_without_references_is_unchanged(text: str) -> None:
    """Single or unbalanced braces are text."""
    assert refs(parse(text)) == []
    assert "".join(map(str, parse(text))) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/a/{x}/b", ["/a/", "x", "/b"]),
        ("/{x}{{y}}", ["/", "x", "y"]),
        ("/{a}.{b},{c}", ["/", "a", ".", "b", ",", "c"]),
        ("/v('{id}'):verb", ["/v('", "id", "'):verb"]),
        ("/{id.version}", ["/", "id.version"]),
        ("/{x-y z}", ["/", "x-y z"]),
        ("/{TOKEN}", ["/", "TOKEN"]),
        ("/{}/{a/b}", ["/{}/{a/b}"]),
        ("plain", ["plain"]),
        ("", []),
    ],
)
def test_path_has_two_kinds_of_placeholders(text: str, parts: list[str]) -> None:
    """A path has placeholders in single and in double braces."""
    found = parse_path(text, SCOPE)
    assert [p if isinstance(p, str) else p.name for p in found] == parts


def test_placeholder_in_single_braces_is_a_variable_only_if_bound() -> None:
    """`{TOKEN}` in a path is a variable if a bind declares it and no argument does."""
    assert [r.is_variable for r in refs(parse_path("/{TOKEN}/{OTHER}", SCOPE))] == [True, False]  # fmt: skip
    assert [r.is_variable for r in refs(parse_path("/{TOKEN}", SCOPE, ("TOKEN",)))] == [False]  # fmt: skip


def test_base_uri_has_four_notations_of_references() -> None:
    """A base URI may have `{a}`, `[b]`, `${c}` and `{{d}}`."""
    found = parse_base_uri("https://{a}.[b].${c}.x:{{d}}/e[1]")
    assert [r.name for r in refs(found)] == ["a", "b", "c", "d"]


def test_every_reference_in_a_credential_is_a_variable() -> None:
    """An argument of a call never becomes a credential."""
    (ref,) = refs(parse_credential("Key {{lower}}", SCOPE))
    assert ref.is_variable


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ('{"a": "{{x}}"}', '{"a": "say \\"hi\\"\\n"}'),
        ('{"a": "is {{x}}!"}', '{"a": "is say \\"hi\\"\\n!"}'),
        ('{"a": "\\"{{x}}"}', '{"a": "\\"say \\"hi\\"\\n"}'),
        ('{"\\\\": "{{x}}"}', '{"\\\\": "say \\"hi\\"\\n"}'),
        ('["{{x}}", {{n}}]', '["say \\"hi\\"\\n", 5]'),
        ('say "{{x}}"', 'say "say "hi"\n"'),
    ],
)
def test_value_cannot_end_a_json_string(template: str, written: str) -> None:
    """JSON injection: a value inside quotes of a JSON template is escaped."""
    values = {"x": 'say "hi"\n', "n": 5}
    text = render(parse(template), lambda ref: values[ref.name])
    assert text == written
    if template[0] in "[{":
        assert json.loads(text)


def test_braces_in_a_value_are_not_rendered() -> None:
    """Template injection: `{{b}}` in a value is text."""
    values = {"a": "{{b}}", "b": "no"}
    assert render(parse("{{a}} {{b}}"), lambda ref: values[ref.name]) == "{{b}} no"


def test_caller_chooses_how_values_outside_quotes_are_written() -> None:
    """`render` applies its argument `plain` to values outside quotes."""
    text = render(parse("<{{a}}>"), lambda _: "&", plain=lambda value: f"[{value}]")
    assert text == "<[&]>"


def test_splice_escapes_inside_quotes() -> None:
    """A template that replaces a reference is escaped if the reference is quoted."""
    outer = parse('{"a": "{{p}}", "b": {{p}}, "c": "{{q}}"}')
    inner = parse('"{{TOKEN}}"', quotes=False)
    filled = splice(outer, {"p": inner}, literal=lambda text: f"<{text}>")
    assert "".join(p if isinstance(p, str) else p.written for p in filled) == (
        '{"a": "\\"{{TOKEN}}\\"", "b": <">{{TOKEN}}<">, "c": "{{q}}"}'
    )
    assert [(r.name, r.quoted) for r in refs(filled)] == [
        ("TOKEN", True),
        ("TOKEN", False),
        ("q", True),
    ]
    assert splice(outer, {"p": inner}, own="p") == outer


class _Colour(Enum):
    RED = "red"
    FIRST = 1


class _Level(IntEnum):
    LOW = 3


class _Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "wrong"


class _Number:
    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (_Text("x"), "x"),
        (True, "true"),
        (False, "false"),
        (None, ""),
        (0, "0"),
        (12345678901234567890, "12345678901234567890"),
        (0.1, "0.1"),
        (1e22, "1e+22"),
        (_Level.LOW, "3"),
        (_Colour.RED, "red"),
        (_Colour.FIRST, "1"),
        (b"caf\xc3\xa9", "café"),
        (bytearray(b"x"), "x"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (Decimal("1.50"), "1.50"),
        (Fraction(1, 2), "1/2"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (PurePosixPath("/a/b"), "/a/b"),
        (ip_address("::1"), "::1"),
        (_Number(), "7"),
        ({"a": [1, None, "é"]}, '{"a":[1,null,"é"]}'),
        (MappingProxyType({"a": 1}), '{"a":1}'),
        ([{"d": date(2026, 1, 2)}], '[{"d":"2026-01-02"}]'),
        ((1, 2), "[1,2]"),
        ({"a": {1, 2}}, '{"a":[1,2]}'),
    ],
)  # fmt: skip
def test_python_value_has_a_text(value: Any, text: str) -> None:
    """Booleans are lower case, `None` is empty, dates are ISO 8601; lists are JSON."""
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (object(), TypeError),
        (b"\xff", ValueError),
        ([float("nan")], ValueError),
        ({"a": object()}, TypeError),
    ],
)
def test_value_without_a_text_is_refused(value: Any, error: type[Exception]) -> None:
    """Unknown objects, invalid UTF-8 and NaN have no text."""
    with pytest.raises(error):
        to_text(value)


def test_circular_or_deep_json_is_refused() -> None:
    """A circular list and 100,000 nested lists are errors, not a hang."""
    loop: list[Any] = []
    loop.append(loop)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (loop, deep):
        with pytest.raises(ValueError, match=r"ircular|deeply"):
            compact_json(value)


def test_variable_name_has_capitals_digits_and_underscores() -> None:
    """`TOKEN` and `A1_B` are names of variables; `Token` and `_A` are not."""
    names = ("TOKEN", "A1_B", "A", "token", "Token", "1A", "_A", "A-B", "")
    assert [name for name in names if is_upper(name)] == ["TOKEN", "A1_B", "A"]
    assert Ref("x", False, "{{x}}").quoted is False


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("one", ("one",)),
        ("one.a.0", ("one", "a", "0")),
        ("one[0].a", ("one", 0, "a")),
        ("one[ -1 ]['a.b'][\"c d\"]", ("one", -1, "a.b", "c d")),
        ("filter[status]", ("filter", "status")),
        ("ids[]", ("ids[]",)),
        ("a[0", ("a[0",)),
        ("a..b", ("a", "", "b")),
        ("", ("",)),
    ],
)
def test_name_is_split_into_members_and_indexes(
    name: str, parts: tuple[str | int, ...]
) -> None:
    """Dots and brackets mean the same; brackets that hold nothing are a text."""
    assert parts_of(name) == parts


@pytest.mark.parametrize(
    ("name", "is_closed", "found"),
    [
        ("ship.crew[0]", True, True),
        ("ships", True, False),
        ("ships", False, True),
        ("ships.crew", False, False),
        ("ships[0]", False, False),
    ],
)
def test_placeholder_of_a_step_has_a_value_or_none(
    name: str, is_closed: bool, found: bool
) -> None:
    """Only a plain name is an argument that nothing declares."""
    assert is_known(name, ["ship"], is_closed=is_closed) is found


def test_name_is_folded() -> None:
    """Case, `-` and `_` go; other characters are part of the name."""
    assert folded("Application-Uuid_2.x") == "applicationuuid2.x"
