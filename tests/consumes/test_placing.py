"""Arguments are put into their places in a request, one place at a time.

For any value: `tests/properties/test_placing.py`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

import naftiko
from naftiko.bindings import Variables
from naftiko.consumes.layout import Layout, Slot
from naftiko.consumes.placing import (
    CallValues,
    PreviewValues,
    all_text,
    check_field_name,
    check_framing,
    cookie_pair,
    cookie_pairs,
    field_value,
    has_header,
    header_of,
    path_text,
    place_body,
    place_header,
    query_pairs,
    set_header,
    texts_for,
    unplaceable,
)
from naftiko.expressions import ABSENT, Ref
from naftiko.masking import marker
from naftiko.spec.model import Binding
from support.building import capability

API = capability({"method": "POST"})
OPERATION = API.operations["api.op"]
TOKEN = Ref("TOKEN", True, "{{TOKEN}}")
ID = Ref("id", False, "{id}")


def call(
    arguments: dict[str, Any] | None = None,
    kind: type[CallValues] = CallValues,
    **variables: str,
) -> CallValues:
    """Return the values of a call of `api.op`."""
    return kind(OPERATION, arguments or {}, Variables((), variables))


def layout_of(operation: dict[str, Any]) -> Layout:
    """Return the layout of an operation."""
    return capability(operation).operations["api.op"].layout


def test_values_of_a_call_note_their_secrets() -> None:
    """Each variable that is used is a secret of the call, an argument is none."""
    values = call({"id": 7}, TOKEN="t0k", region="eu")
    assert values.value_of(ID) == 7
    assert values.value_of(ID._replace(name="none")) is ABSENT
    assert values.secrets == {}
    assert values.value_of(TOKEN) == "t0k"
    assert values.find("region") == "eu"
    assert values.find("none") is None
    assert values.environment("KEY", "k") == "k"
    assert values.secrets == {"TOKEN": "t0k", "region": "eu", "KEY": "k"}


def test_secret_has_the_name_of_the_variable_that_was_found() -> None:
    """A name in a base URI may stand for a bound variable with a longer one."""
    bind = Binding("env", {"AWS_REGION": "X"})
    variables = Variables((bind,), {"AWS_REGION": "eu"})
    values = CallValues(OPERATION, {}, variables)
    assert values.find("region") == "eu"
    assert values.secrets == {"AWS_REGION": "eu"}
    preview = PreviewValues(OPERATION, {}, variables)
    assert preview.find("region") == marker("AWS_REGION")


def test_variable_without_a_value_has_the_place_of_its_operation() -> None:
    """The error of an unbound variable says which operation needs it."""
    with pytest.raises(naftiko.UnboundVariable) as caught:
        call().variable("NAFTIKO_TEST_NOWHERE")
    assert caught.value.location == OPERATION.location is not None


def test_preview_holds_no_value() -> None:
    """A variable is its name in a preview, whether it has a value or not."""
    preview = call({"id": 7}, PreviewValues, TOKEN="t0k")
    assert preview.value_of(TOKEN) == marker("TOKEN")
    assert preview.variable("none") == marker("none")
    assert preview.find("none") is None
    assert preview.environment("KEY", "k") == marker("KEY")
    assert preview.value_of(ID) == 7
    assert preview.secrets == {}


def test_error_of_an_argument_names_its_operation() -> None:
    """The message begins with the operation, and has its place."""
    error = unplaceable(call(), "id", "is wrong", "mend it")
    assert error.message == "api.op: argument 'id' is wrong"
    assert (error.hint, error.location) == ("mend it", OPERATION.location)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a/b", "/x/a%2Fb.json"),
        (b"\xff/", "/x/%FF%2F.json"),
        (bytearray(b" "), "/x/%20.json"),
        (naftiko.RawPath("a/b:@c d"), "/x/a/b:@c%20d.json"),
        (["a,b", None, 1], "/x/a%2Cb,1.json"),
        (0, "/x/0.json"),
        ("..", "/x/...json"),
    ],
)
def test_value_in_a_path(value: Any, path: str) -> None:
    """A value is encoded as one segment, and a `RawPath` as several."""
    template = ("/x/", ID, ".json")
    assert path_text(call({"id": value}), template) == path
    # A value that is told apart by its place stands before that of the name alone.
    told = {"id": "other", "id\0path": value, "id\0query": "none"}
    assert path_text(call(told), template) == path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "argument 'id' is missing"),
        ({"id\0query": 1}, "argument 'id' is missing"),
        ({"id": ""}, "argument 'id' is empty"),
        ({"id": []}, "argument 'id' is empty"),
        ({"id": naftiko.RawPath()}, "argument 'id' is empty"),
        ({"id": {"a": 1}}, "argument 'id' is a mapping and cannot stand in a path"),
        ({"id": [b"\xff"]}, "argument 'id' cannot be written: its bytes are not UTF-8"),
        ({"id": ".."}, "'..' cannot be a path segment (argument 'id')"),
        ({"id": naftiko.RawPath("a/./b")}, "'.' cannot be a path segment (argument 'id')"),
    ],
)  # fmt: skip
def test_value_without_a_place_in_a_path(
    arguments: dict[str, Any], message: str
) -> None:
    """A value that would name another resource is refused."""
    with pytest.raises(naftiko.ArgumentError) as caught:
        path_text(call(arguments), ("/x/", ID))
    assert caught.value.message == f"api.op: {message}"


def test_dots_of_the_document_stay_in_its_path() -> None:
    """A path without arguments is that of the document, dot segments included."""
    assert path_text(call(), ("/a/../b c",)) == "/a/../b%20c"
    with pytest.raises(naftiko.ArgumentError, match="'%2E' cannot be a path segment"):
        path_text(call({"id": "%"}), ("/%2E/", ID))


def test_variable_fills_a_placeholder_without_an_argument() -> None:
    """An argument of the same name comes first, in the path and its query."""
    template = ("/", TOKEN)
    assert path_text(call({}, TOKEN="t/0"), template) == "/t%2F0"
    assert path_text(call({"TOKEN": "a"}, TOKEN="t"), template) == "/a"
    layout = OPERATION.layout._replace(query_head=("k=", TOKEN))
    assert query_pairs(call({}, TOKEN="t 0"), layout) == ["k=t+0"]


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ("a b&c", ["p[q]=a+b%26c"]),
        (b"\xff ", ["p[q]=%FF+"]),
        (bytearray(b"\xff "), ["p[q]=%FF+"]),
        (["a", None, True, {"k": 1}], ["p[q]=a", "p[q]=true", "p[q]=%7B%22k%22%3A1%7D"]),
        ([], []),
        ("", ["p[q]="]),
    ],
)  # fmt: skip
def test_value_in_a_query(value: Any, pairs: list[str]) -> None:
    """A list is one pair for each item; bytes are encoded one by one."""
    layout = layout_of(
        {
            "resourcePath": "/x?a=1%202&b c",
            "inputParameters": [
                {"name": "p[q]", "in": "query"},
                {"name": "n", "in": "query"},
            ],
        }
    )
    assert query_pairs(call({"p[q]": value}), layout) == ["a=1%202&b%20c", *pairs]


def test_missing_value_of_the_constant_query_is_named() -> None:
    """An argument that is given for another place only is missing in this one."""
    parameters = [{"name": "id", "in": "path"}, {"name": "id", "in": "query"}]
    api = capability(
        {"resourcePath": "/x?fix={id}", "inputParameters": parameters},
    )
    with pytest.raises(naftiko.ArgumentError) as caught:
        api.request("api.op", query={"id": 1})
    assert caught.value.message == "api.op: argument 'id' is missing"
    assert api.request("api.op", path={"id": 1}, query={"id": 2}).url.endswith(
        "/x?fix=1&id=2"
    )


def test_default_stands_for_an_argument_that_is_not_given() -> None:
    """A default is sent as it is, and gives way to an empty text."""
    layout = OPERATION.layout._replace(query=(Slot("q", "q", default="a b"),))
    assert query_pairs(call(), layout) == ["q=a+b"]
    assert query_pairs(call({"q": ""}), layout) == ["q="]


def test_header_takes_the_place_of_one_in_another_spelling() -> None:
    """Names of headers compare without case; the last spelling stays."""
    items = {"accept": "a", "X": "y"}
    set_header(items, "Accept", "b")
    assert items == {"X": "y", "Accept": "b"}
    assert (has_header(items, "accept"), has_header(items, "z")) == (True, False)
    assert (header_of(items, "accept"), header_of(items, "z")) == ("b", "")


@pytest.mark.parametrize(
    ("slot", "arguments", "expected"),
    [
        (Slot("X-A", "a"), {"a": [1, None, "b"]}, {"x-a": "old", "X-A": "1, b"}),
        (Slot("X-A", "a"), {"a": []}, {"x-a": "old"}),
        (Slot("X-A", "a"), {}, {"x-a": "old"}),
        (Slot("X-A", "a", default="d"), {}, {"X-A": "d"}),
        (Slot("X-A", "a"), {"a\0header": 1, "a\0query": 2}, {"X-A": "1"}),
        (Slot("X-A", template=("<", ID, ">")), {"id": 7}, {"X-A": "<7>"}),
        (Slot("X-A", template=("<", ID, ">")), {}, {"x-a": "old"}),
        (Slot("X-A", template=(ID,)), {"id": [1, 2]}, {"X-A": "1, 2"}),
    ],
)
def test_argument_in_a_header(
    slot: Slot, arguments: dict[str, Any], expected: dict[str, str]
) -> None:
    """A list is joined; a template without its argument adds no header."""
    items = {"x-a": "old"}
    place_header(call(arguments), slot, items)
    expected = {name: text for name, text in expected.items() if text != "old"}
    assert items == (expected or {"x-a": "old"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" \ta\tb ", "a\tb"),
        ("", ""),
        ('a"b', 'a"b'),
        ("é/ü", "UTF-8''%C3%A9%2F%C3%BC"),
    ],
)
def test_header_value_is_one_line_of_ascii(text: str, expected: str) -> None:
    """Blanks around it go, and other characters make it an extended value."""
    assert field_value(call(), "X", text) == expected


@pytest.mark.parametrize("text", ["a\nb", "a\r", "\0", "\x7f", "\x0b"])
def test_control_character_in_a_header_is_refused(text: str) -> None:
    """Each control character but the tab would end the line, or be dropped."""
    with pytest.raises(naftiko.ArgumentError) as caught:
        field_value(call(), "X", text)
    assert caught.value.message == (
        "api.op: argument 'X' holds a line break or another control character"
    )
    assert caught.value.hint == "a header value is one line (RFC 9110, 5.5)"


def test_marker_in_a_header_is_one_of_a_preview() -> None:
    """A character like that of a marker is encoded in the header of a call."""
    text = f"Key {marker('TOKEN')}"
    assert field_value(call(kind=PreviewValues), "X", text) == text
    assert field_value(call(), "X", text).startswith("UTF-8''Key%20%EE%80%80TOKEN")


@pytest.mark.parametrize("name", ["", "a b", "a:b", "é", "a\r\nb"])
def test_name_that_is_no_token_is_refused(name: str) -> None:
    """A header and a cookie have names that HTTP can carry."""
    check_field_name(call(), "X-#~1")
    with pytest.raises(naftiko.ArgumentError) as caught:
        check_field_name(call(), name)
    assert caught.value.message == (
        f"api.op: argument '{name}' is not a header name (RFC 9110, 5.1)"
    )
    with pytest.raises(naftiko.ArgumentError) as caught:
        cookie_pairs(call({"c": 1}), Slot(name, "c"))
    assert caught.value.message == (
        f"api.op: argument '{name}' is not a cookie name (RFC 6265, 4.1.1)"
    )


def test_list_is_a_cookie_for_each_item() -> None:
    """A value that is not given makes no cookie, whatever its name."""
    slot = Slot("c", "c")
    assert cookie_pairs(call({"c": ["a b", 1]}), slot) == ["c=a%20b", "c=1"]
    assert cookie_pairs(call(), Slot("a b", "c")) == []
    assert cookie_pair("c", 'a;b,c"d\\e\n%20=é') == "c=a%3Bb%2Cc%22d%5Ce%0A%20=%C3%A9"


@pytest.mark.parametrize(
    ("length", "body"),
    [
        ("3", b"abc"),
        ("003", b"abc"),
        ("0", None),
        ("00", b""),
        ("5", iter([b"abc"])),
        ("", b"abc"),
    ],
)
def test_length_of_the_body_can_be_given(length: str, body: Any) -> None:
    """The length of a body in memory has to be right, that of a stream is believed."""
    check_framing(call(), {"CONTENT-length": length}, body)


@pytest.mark.parametrize(
    ("length", "body", "shown"),
    [
        ("4", b"abc", "4, and the body has 3 bytes"),
        ("1", None, "1, and the body has 0 bytes"),
        ("+3", b"abc", "+3, and the body has 3 bytes"),
        ("1, 1", iter([b"a"]), "1, 1, which is no number of bytes"),
        ("9" * 5000, b"abc", f"{'9' * 19}…, and the body has 3 bytes"),
    ],
)
def test_length_of_another_body_is_refused(length: str, body: Any, shown: str) -> None:
    """A wrong length would make a second request out of the rest of the body."""
    with pytest.raises(naftiko.ArgumentError) as caught:
        check_framing(call(), {"content-length": length}, body)
    assert caught.value.message == f"api.op: argument 'Content-Length' is {shown}"
    assert caught.value.hint == "leave it out: it is counted"


def test_transfer_encoding_cannot_be_given() -> None:
    """The end of the body is not for arguments."""
    with pytest.raises(naftiko.ArgumentError) as caught:
        check_framing(call(), {"Transfer-encoding": "chunked"}, None)
    assert caught.value.message == (
        "api.op: argument 'Transfer-Encoding' cannot be given"
    )


def test_error_of_a_body_names_its_operation() -> None:
    """A body that cannot be written has the place of its operation, and the hint."""
    items: dict[str, str] = {}
    with pytest.raises(naftiko.ArgumentError) as caught:
        place_body(call({"body": "\ud800"}), OPERATION.layout, items)
    assert caught.value.message == "api.op: the body is not text that UTF-8 can hold"
    assert caught.value.hint == "give it as bytes"
    assert caught.value.location == OPERATION.location
    assert items == {}


def test_content_type_of_the_caller_stands_before_that_of_the_body() -> None:
    """A header that is there stays; the argument `Content-Type` replaces it."""
    layout = OPERATION.layout
    items: dict[str, str] = {}
    assert place_body(call({"body": {"a": 1}}), layout, items) == b'{"a":1}'
    assert items == {"Content-Type": "application/json"}
    items = {"content-type": "a/b"}
    assert place_body(call({"body": "x"}), layout, items) == b"x"
    assert items == {"content-type": "a/b"}
    given = {"body": "x", "Content-Type": "c/d"}
    assert place_body(call(given), layout, items) == b"x"
    assert items == {"Content-Type": "c/d"}
    assert place_body(call(), layout, items) is None


def test_text_of_an_argument_that_has_none() -> None:
    """The error names the argument; all texts of a value are found for it."""
    with pytest.raises(naftiko.ArgumentError) as caught:
        texts_for(call(), "q", ["a", object()])
    assert caught.value.message == (
        "api.op: argument 'q' cannot be written:"
        " a value of type 'object' cannot be sent"
    )
    assert all_text({"a": ["b", ("c", {1: None})], "d": 2.5}) == "adbc1None2.5"


class _Colour(Enum):
    RED = "red"


class _Text(str, Enum):  # noqa: UP042 - the older form: str() gives the name of it
    RED = "red"


class _Level(int, Enum):
    HIGH = 3


class _Index:
    """An integer of a numerical library."""

    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03%3A04%3A00%2B00%3A00"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (_Colour.RED, "red"),
        (_Text.RED, "red"),
        (_Level.HIGH, "3"),
        (_Index(), "7"),
        (MappingProxyType({"a": _Level.HIGH, "b": {4}}), "%7B%22a%22%3A3%2C%22b%22%3A%5B4%5D%7D"),
        (b"bytes", "bytes"),
        (("a", "b"), "a&q=b"),
        (1.5, "1.5"),
    ],
)  # fmt: skip
def test_python_values(value: object, written: str) -> None:
    """Values of the standard library are written as servers read them."""
    api = capability({"inputParameters": [{"name": "q", "in": "query"}]})
    assert api.request("api.op", q=value).url.endswith(f"/x?q={written}")


def test_values_that_cannot_be_sent() -> None:
    """An object without a text form is refused by the name of its argument."""
    api = capability({"inputParameters": [{"name": "q", "in": "query"}]})
    with pytest.raises(naftiko.ArgumentError, match=r"'q' cannot be written.*object"):
        api.request("api.op", q=object())


def test_raw_path_keeps_slashes_and_nothing_else() -> None:
    """A `RawPath` holds slashes; query, fragment and dot segments stay out."""
    api = capability({"resourcePath": "/a/{x}"})
    request = api.request("api.op", x=naftiko.RawPath("b/c d?e#f"))
    assert request.url == "http://127.0.0.1:9/a/b/c%20d%3Fe%23f"
    with pytest.raises(naftiko.ArgumentError, match="path segment"):
        api.request("api.op", x=naftiko.RawPath("b/../c"))


@pytest.mark.parametrize("declared", ["multipart/form-data", "Multipart/Form-Data"])
def test_a_declared_type_of_a_form_gets_its_boundary(declared: str) -> None:
    """A document may say `multipart/form-data` alone; the boundary is added."""
    parameter = {"name": "Content-Type", "in": "header", "value": declared}
    api = capability(
        {
            "method": "POST",
            "inputParameters": [parameter],
            "body": {"type": "multipart", "data": {"a": "1"}},
        }
    )
    request = api.request("api.op")
    kind, _, boundary = request.headers["Content-Type"].partition("; boundary=")
    assert kind == declared
    assert request.content is not None
    assert request.content.startswith(b"--" + boundary.encode() + b"\r\n")
