"""The template of a body: compiled once, filled with the values of a call."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.consumes.body import BodyPlan, compile_body, describe, encode
from naftiko.consumes.content import Content, Encoded
from naftiko.expressions import ABSENT, Ref, Scope, TemplateError, parse
from naftiko.spec.model import Body, InputParameter

SCOPE = Scope(frozenset({"KEY"}), (("env.KEY", "KEY"),))
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def plan_of(
    data: Any = None, kind: str = "json", content_type: str = "", **more: Any
) -> BodyPlan:
    """Return the plan of a body with this template."""
    settings = more.pop("settings", {})
    body = Body(kind, content_type or JSON, data, **more)
    return compile_body(body, SCOPE, frozenset({"DECLARED"}), settings)


def built(plan: BodyPlan, **values: Any) -> Any:
    """Fill a plan; a variable has its name in angle brackets as its value."""

    def value_of(ref: Ref) -> Any:
        return f"<{ref.name}>" if ref.is_variable else values.get(ref.name, ABSENT)

    return plan.build(value_of)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("{{a}}", 5),
        (" {{a}} ", 5),
        ({"k": "{{a}}", "n": None, "e": "", "t": "{{a}} of {{a}}"}, {"k": 5, "n": None, "e": "", "t": "5 of 5"}),
        ({"k": "{{none}}", "l": ["{{none}}", {"m": "{{none}}"}]}, {"l": [None, {}]}),
        ([1, True, ["{{a}}"]], [1, True, [5]]),
        ({"{{a}}": 1}, {"{{a}}": 1}),
        ({"k": "{{env.KEY}}", "t": "{{KEY}}!", "d": "{{DECLARED}}"}, {"k": "<KEY>", "t": "<KEY>!"}),
        ('{"a": {{a}}, "{{none}}": 1, "x-{{none}}": 2}', {"a": 5}),
        ("{{none}}", ABSENT),
        (None, ABSENT),
    ],
)  # fmt: skip
def test_template_is_filled(data: Any, expected: Any) -> None:
    """A lone placeholder keeps the type of its value, and what is absent is left out."""
    assert built(plan_of(data), a=5) == expected


@pytest.mark.parametrize(
    ("data", "arguments", "variables"),
    [
        ({"a": "{{a}}"}, {"a": False}, ()),
        ({"t": "x{{a}}"}, {"a": True}, ()),
        (["{{a}}", "{{a}}!", "{{a}}"], {"a": True}, ()),
        (["{{tools.a}}", "{{KEY}}", "{{env.OTHER}}"], {"a": False}, ("KEY", "OTHER")),
        ("{{a}}", {"a": False}, ()),
        ('{"a": {{a}}}', {"a": False}, ()),
        ('{"a": "{{a}}", "b": [{{b}}]}', {"a": False, "b": False}, ()),
        ('{"a": "{{a}}!", "{{k}}": 1}', {"a": True, "k": True}, ()),
        # No value of it makes this text JSON.
        ('{"a": {{a}}b}', {"a": True}, ()),
        (None, {}, ()),
    ],
)
def test_body_needs_what_stands_in_its_texts(
    data: Any, arguments: dict[str, bool], variables: tuple[str, ...]
) -> None:
    """An argument is needed where a text would have a hole without it."""
    plan = plan_of(data)
    assert (plan.arguments, plan.variables) == (arguments, variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"s": "{{a}}", "v": {{a}}}', '{"s": "x\\"y", "v": "x\\"y"}'),
        ('["{{a}}"]', '["x\\"y"]'),
        ('"<{{a}}>"', '"<x\\"y>"'),
        ('{"l": {{l}}, "t": "{{l}}"}', '{"l": [1,null], "t": "[1,null]"}'),
        ("a={{a}}", 'a=x"y'),
    ],
)
def test_value_stays_inside_a_json_text(text: str, expected: str) -> None:
    """A value in quotes is escaped, one outside is JSON, and plain text is neither."""
    assert built(plan_of(text), a='x"y', l=[1, None]) == expected


@pytest.mark.parametrize(
    ("kind", "content_type", "data", "expected"),
    [
        ("formUrlEncoded", FORM, "a={{a}}&b=1", "a=x%22+%26y&b=1"),
        ("formUrlEncoded", FORM, "{{a}}", 'x" &y'),
        ("text", "text/plain", 'Say "{{a}}"', 'Say "x" &y"'),
        ("text", "application/xml", '<a b="{{a}}"/>', '<a b="x&quot; &amp;y"/>'),
        ("text", "application/xml", '<a b="{{{a}}}"/>', '<a b="x" &y"/>'),
        ("text", "application/yaml", 'a: "{{a}}"', 'a: "x\\" &y"'),
        ("text", "application/sparql-query", '?s "{{a}}"', '?s "x\\" &y"'),
    ],
)
def test_value_is_escaped_as_its_media_type_wants(
    kind: str, content_type: str, data: str, expected: str
) -> None:
    """Quotation marks hold a value in where the media type has such texts."""
    assert built(plan_of(data, kind, content_type), a='x" &y') == expected


@pytest.mark.parametrize(
    ("data", "kind", "expected"),
    [
        ({"v": "{{v}}"}, "json", {"v": 'a"7'}),
        ('{"q": "{{v}}", "w": {{w}}}', "json", '{"q": "a\\"7", "w": "1\\""}'),
        ("v={{v}}", "formUrlEncoded", "v=a%227"),
    ],
)
def test_value_of_another_parameter_is_put_in(
    data: Any, kind: str, expected: Any
) -> None:
    """A parameter with a `value` stands for that value, escaped like any other."""
    plan = plan_of(data, kind, settings={"v": parse('a"{{x}}'), "w": ('1"',)})
    assert plan.arguments == {"x": True}
    assert built(plan, x=7) == expected


def test_fields_make_an_object() -> None:
    """An `in: body` parameter is a member, and its `value` a template."""
    fields = (
        InputParameter("a", "body", required=True),
        InputParameter("b", "body"),
        InputParameter("c", "body", value={"k": "{{x}}"}),
        InputParameter("KEY", "body"),
    )
    plan = plan_of(fields=fields)
    assert plan.arguments == {"a": True, "b": False, "x": False, "KEY": False}
    assert plan.variables == ()
    assert built(plan, a=1, x=[2]) == {"a": 1, "c": {"k": [2]}}
    assert built(plan, b=None, KEY="k") == {"b": None, "c": {}, "KEY": "k"}


@pytest.mark.parametrize(
    ("name", "type_name", "expected"),
    [
        ("body", "object", [1]),
        ("body", "string", [1]),
        ("data", "array", [1]),
        ("data", "string", {"data": [1]}),
        ("items", "array", {"items": [1]}),
    ],
)
def test_only_field_may_be_the_whole_body(
    name: str, type_name: str, expected: Any
) -> None:
    """A lone `body` is the whole body, and so is an object or list called `data`."""
    plan = plan_of(fields=(InputParameter(name, "body", type_name),))
    assert built(plan, **{name: [1]}) == expected
    two = plan_of(
        fields=(InputParameter(name, "body", type_name), InputParameter("z", "body"))
    )
    assert built(two, **{name: [1]}) == {name: [1]}


def test_parts_of_a_form_are_templates() -> None:
    """A mapping is a list of named parts; an entry that is no part is none."""
    plan = plan_of({"a": "{{a}}", "b": 1}, "multipartForm")
    assert built(plan) == [{"name": "a"}, {"name": "b", "value": 1}]
    plan = plan_of([{"name": "{{n}}", "value": "x"}, "y", 5], "multipartForm")
    assert built(plan, n="é") == [{"name": "é", "value": "x"}]


def test_section_in_a_body_is_refused() -> None:
    """A form of template beyond plain references is an error of the document."""
    with pytest.raises(TemplateError, match=r"'\{\{#a\}\}' is not a reference"):
        plan_of({"k": ["{{#a}}"]})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"b": 2}, Encoded(b'{"b":2}', "a/b")),
        ("text", Encoded(b"text", "a/b")),
        (Content(b"x", "c/d"), Encoded(b"x", "c/d")),
        (None, Encoded(b"null", "a/b")),
        (ABSENT, Encoded(b'{"a":1}', "a/b")),
    ],
)
def test_body_of_the_caller_replaces_the_template(
    given: Any, expected: Encoded
) -> None:
    """A whole body is sent as it is, and nothing of the template with it."""
    plan = plan_of({"a": 1}, content_type="a/b", is_open=True)
    assert encode(plan, given, lambda ref: ABSENT) == expected


def test_mapping_of_the_caller_is_a_form() -> None:
    """A mapping for a form is its fields; a text is the form as it is written."""
    plan = plan_of(None, "formUrlEncoded", FORM, is_open=True)
    for given, data in (({"a": ["1", "&"]}, b"a=1&a=%26"), ("a=1&b", b"a=1&b")):
        assert encode(plan, given, lambda ref: ABSENT) == Encoded(data, FORM)


def test_override_replaces_a_fixed_field() -> None:
    """An override stands before the template, also before what is left out."""
    plan = plan_of({"a": 1, "b": "{{b}}", "c": 3})
    encoded = encode(plan, ABSENT, lambda ref: ABSENT, {"a": [2], "b": None})
    assert encoded.data == b'{"a":[2],"c":3,"b":null}'
    text = plan_of('{"a": 1}')
    encoded = encode(text, ABSENT, lambda ref: ABSENT, {"a": 2})
    assert encoded.data == b'{"a": 1}'


def test_absent_body_is_none() -> None:
    """Without a value for the whole body there is neither body nor media type."""
    assert encode(plan_of("{{a}}"), ABSENT, lambda ref: ABSENT) == Encoded(None)


@pytest.mark.parametrize(
    ("kind", "content_type", "value", "reason"),
    [
        ("json", JSON, object(), "a value of type 'object' cannot be sent"),
        ("text", "a/xml", b"\xff", "its bytes are not UTF-8"),
        ("multipartForm", "multipart/form-data", 5, "it is no mapping name → value"),
    ],
)
def test_value_outside_its_kind_of_body_is_refused(
    kind: str, content_type: str, value: Any, reason: str
) -> None:
    """The error names the media type, and why the value is not written in it."""
    data = "<{{a}}>" if kind == "text" else "{{a}}"
    with pytest.raises(naftiko.ArgumentError) as caught:
        encode(plan_of(data, kind, content_type), ABSENT, lambda ref: value)
    assert caught.value.message == (
        f"the body cannot be written as {content_type}: {reason}"
    )


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (None, ""),
        (
            Body("json", "", is_open=True),
            "not described: give a JSON value, text, bytes, a file or a path as `body`",
        ),
        (
            Body("json", JSON, {}, is_open=True),
            "application/json, not described: give a JSON value, text, bytes, a file or"
            " a path as `body`",
        ),
        (
            Body("json", JSON, fields=(InputParameter("a", "body"), InputParameter("b", "body"))),
            "application/json: fields a, b",
        ),
        (Body("json", JSON, {"a": 1, "b": []}), "application/json: a, b"),
        (Body("formUrlEncoded", FORM, {}), f"{FORM}: empty"),
        (Body("json", JSON, [1, {"a": None}]), 'application/json: [1, {"a": null}]'),
        (Body("text", "a/b", "x" * 99), "a/b: " + "x" * 60),
    ],
)  # fmt: skip
def test_body_is_described_in_one_line(body: Body | None, line: str) -> None:
    """The line has the media type, and the names or the beginning of the template."""
    assert describe(body) == line
