"""References: their meaning, the places they may stand in, and values as text."""

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
    is_upper,
    lone,
    parse,
    parse_base_uri,
    parse_credential,
    parse_path,
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
def test_references(written: str, name: str, is_variable: bool) -> None:
    """A bound name is a variable, `tools.` and `rest.` name an argument, always."""
    declared = ("DECLARED", "env.declared")
    (ref,) = refs(parse(f"a {written} b", SCOPE, declared))
    assert (ref.name, ref.is_variable, ref.written) == (name, is_variable, written)
    assert lone(parse(written, SCOPE, declared)) == ref
    assert lone(parse(f"{written} ", SCOPE, declared)) is None


def test_a_bound_variable_is_one_even_if_an_argument_is_called_so() -> None:
    """No argument can take the place of a variable that a document binds."""
    (ref,) = refs(parse("{{TOKEN}}", SCOPE, ("TOKEN",)))
    assert ref.is_variable


@pytest.mark.parametrize(
    "text", ["{{#x}}a{{/x}}", "{{^x}}", "{{>part}}", "{{!note}}", "{{=<% %>=}}", "{{}}", "{{ }}"]
)  # fmt: skip
def test_other_forms_are_refused(text: str) -> None:
    """Sections, partials, comments and empty references are errors, not texts."""
    for split in (parse, parse_path, parse_base_uri, parse_credential):
        with pytest.raises(TemplateError, match="is not a reference"):
            split(text)


@pytest.mark.parametrize(
    "text", ["", "plain", "{x}", "{ {x} }", "}}{{", '{"a": {"b": 1}}', "{{x}", "${x}"]
)
def test_texts_without_references(text: str) -> None:
    """A text without a reference stays as it is."""
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
    """A path has placeholders of one and of two braces."""
    found = parse_path(text, SCOPE)
    assert [p if isinstance(p, str) else p.name for p in found] == parts


def test_a_single_brace_names_a_variable_only_if_it_is_bound() -> None:
    """`{TOKEN}` in a path is a variable when it is bound and no argument."""
    assert [r.is_variable for r in refs(parse_path("/{TOKEN}/{OTHER}", SCOPE))] == [True, False]  # fmt: skip
    assert [r.is_variable for r in refs(parse_path("/{TOKEN}", SCOPE, ("TOKEN",)))] == [False]  # fmt: skip


def test_base_uri_has_four_notations() -> None:
    """A base URI has four notations for a reference."""
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
def test_a_value_cannot_end_the_text_it_stands_in(template: str, written: str) -> None:
    """Inside the quotes of a JSON template a value is escaped; elsewhere it is not."""
    values = {"x": 'say "hi"\n', "n": 5}
    text = render(parse(template), lambda ref: values[ref.name])
    assert text == written
    if template[0] in "[{":
        assert json.loads(text)


def test_a_value_is_not_rendered_again() -> None:
    """Braces in a value are text."""
    values = {"a": "{{b}}", "b": "no"}
    assert render(parse("{{a}} {{b}}"), lambda ref: values[ref.name]) == "{{b}} no"


def test_other_writers() -> None:
    """Outside quotes the caller says how a value is written."""
    text = render(parse("<{{a}}>"), lambda _: "&", plain=lambda value: f"[{value}]")
    assert text == "<[&]>"


def test_splice_escapes_as_the_place_asks_for() -> None:
    """A template stands for a name in another one, escaped as its place asks for."""
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
    ],
)  # fmt: skip
def test_values_as_text(value: Any, text: str) -> None:
    """Python's values become what servers read."""
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (object(), TypeError),
        (b"\xff", ValueError),
        ([float("nan")], ValueError),
        ({"a": object()}, TypeError),
        ({"a": {1, 2}}, None),
    ],
)
def test_values_without_a_text(value: Any, error: type[Exception] | None) -> None:
    """A value that no server could read is refused in a few words."""
    if error is None:
        assert to_text(value) == '{"a":[1,2]}'
        return
    with pytest.raises(error):
        to_text(value)


def test_json_that_holds_itself() -> None:
    """A loop is an error, not a hang."""
    loop: list[Any] = []
    loop.append(loop)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (loop, deep):
        with pytest.raises(ValueError, match=r"ircular|deeply"):
            compact_json(value)


def test_names_of_variables() -> None:
    """A variable is written in capitals."""
    names = ("TOKEN", "A1_B", "A", "token", "Token", "1A", "_A", "A-B", "")
    assert [name for name in names if is_upper(name)] == ["TOKEN", "A1_B", "A"]
    assert Ref("x", False, "{{x}}").quoted is False
