"""`--body` and `@file` for a body that the document describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from naftiko.cli.arguments.typed import FunctionTakes
from naftiko.cli.arguments.words import call_arguments
from naftiko.cli.values import UsageError
from naftiko.errors import ArgumentError
from naftiko.spec.model import InputParameter
from support.building import capability

_ORDER = {
    "name": "op",
    "method": "POST",
    "inputParameters": [{"name": "page", "in": "query"}],
    "body": {
        "type": "json",
        "data": {
            "isbn": "{{isbn}}",
            "kind": "order",
            "customer": {"name": "{{customer_name}}"},
        },
    },
}


@pytest.mark.parametrize(
    ("items", "body", "sent"),
    [
        (["customer.name=Ann"], None, {"kind": "order", "customer": {"name": "Ann"}}),
        (["customer[name]=Ann"], None, {"kind": "order", "customer": {"name": "Ann"}}),
        (['customer:={"name": 1}'], None, {"kind": "order", "customer": {"name": 1}}),
        (["isbn[]=A=1"], None, {"isbn": ["A=1"], "kind": "order", "customer": {}}),
        ([], '{"isbn": 1}', {"isbn": 1, "kind": "order", "customer": {}}),
        (["isbn=2"], '{"isbn": 1}', {"isbn": "2", "kind": "order", "customer": {}}),
        ([], '{"isbn": null}', {"isbn": None}),
        ([], '{"colour": 1, "size": 2}', {"colour": 1, "size": 2}),
        ([], "[1, 2]", [1, 2]),
    ],
)
def test_described_body_is_sent_as_given(
    items: list[str], body: str | None, sent: object
) -> None:
    """Members of a body become arguments; a body that none can give is sent whole."""
    with capability(_ORDER) as loaded:
        operation = loaded.operations.find("api.op")
        given = call_arguments(items, body, operation)
        assert json.loads(loaded.request("api.op", given).body or b"") == sent


@pytest.mark.parametrize(
    ("items", "body", "message"),
    [
        (["customer.nam=Ann"], None, "takes nothing at 'customer.nam'"),
        ([], '{"isbm": 1}', "has no member 'isbm'"),
        (["isbn=1"], '{"colour": 1}', "as a whole, and in parts by 'isbn'"),
        ([], "{", "the body of api.op is not JSON"),
        (["@/no/such/file"], None, "cannot be read"),
        (["@a"], "{}", "the body is given twice"),
        (["isbn==1"], None, "'isbn' goes into the body"),
    ],
)
def test_wrong_described_body_is_refused(
    items: list[str], body: str | None, message: str
) -> None:
    """A body that contradicts the document or the arguments is refused."""
    with capability(_ORDER) as loaded, pytest.raises(UsageError) as caught:
        call_arguments(items, body, loaded.operations.find("api.op"))
    assert message in caught.value.message


def test_two_equal_signs_give_a_value_of_the_query() -> None:
    """`page==2` is the query parameter `page`, as in other programs."""
    with capability(_ORDER) as loaded:
        operation = loaded.operations.find("api.op")
        assert call_arguments(["page==2"], None, operation) == {"page": "2"}


@pytest.mark.parametrize(
    ("kind", "word", "sent"),
    [
        ("text", "not {JSON", b"not {JSON"),
        ("formUrlEncoded", "a=1&b=2", b"a=1&b=2"),
        ("formUrlEncoded", '{"a": "1 2"}', b"a=1+2"),
    ],
)
def test_body_of_another_kind_is_sent_as_it_is(
    kind: str, word: str, sent: bytes
) -> None:
    """A text goes as it is written; a form may be written as an object too."""
    data = "{{a}}" if kind == "text" else {"a": "{{a}}"}
    body = {"type": kind, "data": data}
    with capability({"method": "POST", "body": body}) as loaded:
        given = call_arguments([], word, loaded.operations.find("api.op"))
        assert loaded.request("api.op", given).body == sent


def test_form_has_no_other_field() -> None:
    """A member that is no field of a described form is refused."""
    body = {"type": "formUrlEncoded", "data": {"a": "{{a}}"}}
    with (
        capability({"method": "POST", "body": body}) as loaded,
        pytest.raises(UsageError, match="has no member 'colour'"),
    ):
        call_arguments([], '{"colour": 1}', loaded.operations.find("api.op"))


def test_whole_body_needs_no_argument_of_the_body() -> None:
    """Required members are no longer missing, and other arguments still are."""
    operation = {
        "method": "POST",
        "inputParameters": [
            {"name": "id", "in": "query", "required": True},
            {"name": "a", "in": "body", "required": True},
        ],
    }
    with capability(operation) as loaded:
        found = loaded.operations.find("api.op")
        given = call_arguments(["id=1"], "[1]", found)
        assert loaded.request("api.op", given).body == b"[1]"


@pytest.mark.parametrize(
    "operation",
    [
        {"inputParameters": [{"name": "body", "in": "body", "type": "object"}]},
        {"inputParameters": [{"name": "data", "in": "body", "type": "object"}]},
        {"body": {"type": "json", "data": "{{payload}}"}},
        {"body": {"type": "json"}},
    ],
)
def test_argument_that_is_the_whole_body_takes_it(operation: dict[str, Any]) -> None:
    """Members of the body are no arguments then, and are sent as they are written."""
    with capability({"method": "POST", **operation}) as loaded:
        found = loaded.operations.find("api.op")
        given = call_arguments([], '{"a":  1, "bodi": 2}', found)
        assert loaded.request("api.op", given).body == b'{"a":  1, "bodi": 2}'
        with pytest.raises(UsageError, match="the body is given twice"):
            call_arguments([f"{next(iter(given))}=1"], "{}", found)


_STRING = {"inputParameters": [{"name": "body", "in": "body", "type": "string"}]}
_OBJECT = {"inputParameters": [{"name": "body", "in": "body", "type": "object"}]}
_UNTYPED = {"body": {"type": "json", "data": "{{body}}"}}


@pytest.mark.parametrize("way", ["body=", "--body", "body=@", "--body @", "@"])
@pytest.mark.parametrize(
    ("operation", "text", "sent"),
    [
        (_STRING, "hello", b'"hello"'),
        (_STRING, '"hello"', b'"hello"'),
        (_STRING, '{"a":1}', b'{"a":1}'),
        (_OBJECT, '{"a":1}', b'{"a":1}'),
        (_OBJECT, "hello", b'"hello"'),
        (_OBJECT, '{"a": 1', None),
        (_UNTYPED, "hello", b'"hello"'),
    ],
)
def test_whole_body_is_json_in_every_way_to_give_it(
    operation: dict[str, Any], text: str, sent: bytes | None, way: str, tmp_path: Path
) -> None:
    """JSON goes as it is written, other text as a JSON string, or it is refused."""
    file = tmp_path / "body"
    file.write_text(text)
    word = str(file) if way.endswith("@") else text
    items = [f"{way}{word}"] if way in ("body=", "body=@", "@") else []
    body = None if items else way.removeprefix("--body").strip() + word
    with capability({"method": "POST", **operation}) as loaded:
        found = loaded.operations.find("api.op")
        if sent is None:
            with pytest.raises((UsageError, ArgumentError), match="JSON"):
                loaded.request("api.op", call_arguments(items, body, found))
            return
        request = loaded.request("api.op", call_arguments(items, body, found))
    assert (request.body, request.headers["Content-Type"]) == (sent, "application/json")


def test_whole_body_that_begins_like_an_object_must_be_one() -> None:
    """A mistake in JSON is told, where the document calls the body no string."""
    with capability({"method": "POST", **_UNTYPED}) as loaded:
        found = loaded.operations.find("api.op")
        with pytest.raises(UsageError, match="is not JSON: Expecting"):
            call_arguments([], '{"a": }', found)


@pytest.mark.parametrize(
    ("kind", "sent"), [("text", b'{"a": "1 2"}'), ("formUrlEncoded", b"a=1+2")]
)
def test_whole_body_called_body_may_be_of_another_kind(kind: str, sent: bytes) -> None:
    """A text goes as it is, and an object as a form, though the argument is `body`."""
    described = {"method": "POST", "body": {"type": kind, "data": "{{body}}"}}
    with capability(described) as loaded:
        found = loaded.operations.find("api.op")
        given = call_arguments([], '{"a": "1 2"}', found)
        assert loaded.request("api.op", given).body == sent


@pytest.mark.parametrize(
    ("types", "items", "body", "expected"),
    [
        ({"a": "", "b": "object"}, [], '{"a": 1, "b": {"x": 1}}', {"a": 1, "b": {"x": 1}}),
        ({"a": "", "b": "object"}, ["b.y:=2"], '{"b": {"x": 1}}', {"b": {"x": 1, "y": 2}}),
        ({"body": ""}, [], "text", {"body": "text"}),
        ({"body": "string"}, [], "text", {"body": "text"}),
        ({"body": "object"}, [], '{"x": 1}', {"body": {"x": 1}}),
        ({"a": ""}, [], '{"aa": 1}', "has no member 'aa'"),
        ({"a": ""}, [], "[1]", "is no JSON object"),
        ({"body": "object"}, [], "text", "is not JSON"),
        ({"body": ""}, ["body=1"], "text", "given twice"),
    ],
)  # fmt: skip
def test_body_gives_the_arguments_of_an_exposed_function(
    types: dict[str, str], items: list[str], body: str, expected: Any
) -> None:
    """Its members are arguments, where no argument is called `body`."""
    parameters = tuple(InputParameter(name, "body", t) for name, t in types.items())
    takes: Any = FunctionTakes("m.t", parameters, parameters, types.get("body") == "")
    if isinstance(expected, str):
        with pytest.raises(UsageError) as caught:
            call_arguments(items, body, takes)
        assert expected in caught.value.message
    else:
        assert call_arguments(items, body, takes) == expected


def test_member_of_a_whole_body_begins_with_its_name() -> None:
    """The hint says how a member of a body is written that is one argument."""
    with capability({"method": "POST", **_OBJECT}) as loaded:
        found = loaded.operations.find("api.op")
        with pytest.raises(UsageError) as caught:
            call_arguments(["customer.name=Ann"], None, found)
        given = call_arguments(["body.customer.name=Ann"], None, found)
    assert caught.value.hint.endswith("written 'body.customer.name=…'")
    assert given == {"body": {"customer": {"name": "Ann"}}}


def test_file_of_an_object_is_read_as_json(tmp_path: Path) -> None:
    """A file gives a value where the document declares an object, else a text."""
    file = tmp_path / "a.json"
    file.write_text('{"x": 1}')
    fields = [
        {"name": "a", "in": "body", "type": "object"},
        {"name": "b", "in": "body", "type": "string"},
    ]
    with capability({"method": "POST", "inputParameters": fields}) as loaded:
        words = [f"a=@{file}", f"b=@{file}"]
        given = call_arguments(words, None, loaded.operations.find("api.op"))
    assert given == {"a": {"x": 1}, "b": '{"x": 1}'}


def test_member_of_an_open_body_begins_with_body() -> None:
    """Where nothing is described, `body.a` is a member, and the hint says so."""
    with capability({"method": "POST", "body": {"type": "json"}}) as loaded:
        found = loaded.operations.find("api.op")
        given = call_arguments(["body.a[]=1"], None, found)
        assert loaded.request("api.op", given).body == b'{"a":["1"]}'
        with pytest.raises(UsageError) as caught:
            call_arguments(["a.b=1"], None, found)
    assert "'body.a.b=…'" in caught.value.hint
