"""Results, outputs and errors of a response, and how they are shown."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import naftiko
from naftiko import Response, StubTransport
from support.building import capability, document

DATA = (
    b'{"a": {"b c": [1, 2, 3]}, "items": [{"id": 1, "n": "x"}, {"id": 2, "n": "y"}],'
    b' "length": 9}'
)


def answered(
    body: bytes = b"{}",
    status: int = 200,
    kind: str = "application/json",
    reason: str = "",
    **operation: Any,
) -> naftiko.Capability:
    """Return a capability whose one operation gets this response."""
    headers = {"Content-Type": kind} if kind else {}
    stub = StubTransport(Response(status, headers, body, reason=reason))
    return capability(operation, transport=stub, variables={"KEY": "S3CR3T  t0ken"})


def outputs(*paths: str) -> list[dict[str, str]]:
    """Return output parameters `a`, `b`, … with these paths."""
    names = "abcdef"
    return [
        {"name": names[n], "type": "object", "value": path}
        for n, path in enumerate(paths)
    ]


@pytest.mark.parametrize(
    ("paths", "result"),
    [
        (["$.a"], {"a": {"b c": [1, 2, 3]}}),
        (["$.a.b c"], {"a": [1, 2, 3]}),
        (["$.items.length"], {"a": 2}),
        (["$.length"], {"a": 9}),
        (["$.items[?(@.id>1)].n"], {"a": ["y"]}),
        (["$.none.at all"], {"a": None}),
        (["$.items[*].id", "$['a']['b c'][-1]"], {"a": [1, 2], "b": 3}),
    ],
)
def test_outputs(paths: list[str], result: Any) -> None:
    """Outputs that are not the whole body are the result, by their names."""
    exchange = answered(DATA, outputParameters=outputs(*paths)).exchange("api.op")
    assert exchange.result == exchange.outputs == result


@pytest.mark.parametrize("path", ["$.a[", "$.a[?(@.b = 1)]", "$.a[?nope(@)]"])
def test_broken_path_is_refused_before_sending(path: str) -> None:
    """The error says where the path stands, and no request is made."""
    api = answered(outputParameters=outputs(path))
    with pytest.raises(naftiko.UnusableOperation, match="cannot be called") as caught:
        api.call("api.op")
    assert caught.value.code == "U-output-path"
    assert not api._transport.get().requests


FLEETS = [
    (b"<f><s i='1'><c>A</c></s><s i='2'><c>B</c><c>C</c></s></f>", ["1", "2"], ["A", "B", "C"], "1", "1"),
    (b"<f><s i='1'><c>A</c></s></f>", ["1"], ["A"], "1", None),
    (b"<f><s i='1'/></f>", ["1"], [], "1", None),
    (b"<f/>", [], [], None, None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "ids", "crew", "first", "last_but_one"), FLEETS)
def test_array_of_xml_may_have_any_number_of_elements(
    body: bytes, ids: Any, crew: Any, first: Any, last_but_one: Any
) -> None:
    """One element is a list of one, and none an empty list, where an array is declared."""
    paths = {
        "ids": ("array", "$.s[*].i"),
        "crew": ("array", "$.s[*].c[*]"),
        "ones": ("array", "$.s[?@.i == '1'].i"),
        "first": ("string", "$.s[0].i"),
        "last_but_one": ("string", "$.s[-2].i"),
        "all": ("array", "$.s"),
        "count": ("number", "$.s.length()"),
    }
    declared = [{"name": n, "type": t, "value": p} for n, (t, p) in paths.items()]
    operation = {"outputRawFormat": "XML", "outputParameters": declared}
    result = answered(body, kind="text/plain", **operation).call("api.op")
    assert result.pop("count") == (len(ids) or 0)
    assert len(result.pop("all")) == len(ids)
    assert result == {
        "ids": ids,
        "crew": crew,
        "ones": ids[:1],
        "first": first,
        "last_but_one": last_but_one,
    }


def test_array_of_json_is_what_the_path_finds() -> None:
    """In JSON one object is no list, whatever the document declares."""
    declared = [{"name": "a", "type": "array", "value": "$.o"}]
    operation = {
        "outputParameters": [
            *declared,
            {"name": "b", "type": "array", "value": "$.o[*].i"},
        ]
    }
    result = answered(b'{"o": {"i": 1}}', **operation).call("api.op")
    assert result == {"a": {"i": 1}, "b": []}


@pytest.mark.parametrize("path", ["$", "$.", " $. ", None])
def test_the_whole_body_is_the_result(path: str | None) -> None:
    """Without outputs, or with one that is the whole body, the body is the result."""
    declared = outputs(path) if path else []
    exchange = answered(b"[1, 2]", outputParameters=declared).exchange("api.op")
    assert exchange.result == exchange.data == [1, 2]
    assert exchange.outputs == ({"a": [1, 2]} if path else {})


def test_two_outputs_of_which_one_is_the_whole() -> None:
    """With several outputs the result is a mapping."""
    api = answered(b'{"x": 1}', outputParameters=outputs("$.", "$.x"))
    assert api.call("api.op") == {"a": {"x": 1}, "b": 1}


@pytest.mark.parametrize(
    ("format", "body", "kind", "result"),
    [
        ("json", b"", "application/json", None),
        ("json", b"", "application/x-ndjson", []),
        ("json", b'{"a":1}\n', "application/x-ndjson", [{"a": 1}]),
        ("json", b'{"a":1}\r\n{"a":2}\r\n', "application/json", [{"a": 1}, {"a": 2}]),
        ("JSON", b"[1]", "", [1]),
        ("text", b"", "text/plain", ""),
        ("binary", b"", "", b""),
        ("csv", b"", "", []),
        ("xml", b"<r><a>1</a></r>", "", {"a": "1"}),
    ],
)
def test_formats(format: str, body: bytes, kind: str, result: Any) -> None:
    """The declared format decides; an empty body is what it is in that format."""
    api = answered(body, kind=kind, outputRawFormat=format)
    assert api.call("api.op") == result


@pytest.mark.parametrize("format", ["json", "text", "binary", "csv"])
def test_no_content(format: str) -> None:
    """A response that has no body gives nothing, whatever the format."""
    assert answered(b"", 204, "", outputRawFormat=format).call("api.op") is None
    api = answered(b"", 204, "", outputParameters=outputs("$.a"))
    assert api.call("api.op") == {"a": None}


@pytest.mark.parametrize("format", ["avro", "protobuf"])
def test_a_format_that_is_not_built_yet_is_refused_before_sending(format: str) -> None:
    """The error names the format, and nothing has happened yet."""
    stub = StubTransport(Response(200, {}, b"\x00"))
    api = capability({"outputRawFormat": format, "method": "POST"}, transport=stub)
    for act in (api.call, api.exchange):
        with pytest.raises(
            naftiko.OutputError, match=f"'{format}' is not supported yet"
        ):
            act("api.op")
    assert stub.requests == []
    with api.stream("api.op") as stream:
        assert list(stream.bytes()) == [b"\x00"]


@pytest.mark.parametrize("format", ["html", "markdown"])
def test_a_missing_library_is_named_before_sending(
    format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra the error says what to install, and nothing is sent."""
    for name in ("bs4", "soupsieve", "markdown_it"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it was not installed
    stub = StubTransport(Response(200, {}, b"x"))
    api = capability({"outputRawFormat": format}, transport=stub)
    with pytest.raises(naftiko.OutputError, match=r"naftiko\[formats\]"):
        api.call("api.op")
    assert stub.requests == []


@pytest.mark.parametrize(
    ("body", "kind", "detail"),
    [
        (b'{"message": "boom"}', "application/json", "boom"),
        (b'{"error": {"message": "boom"}}', "application/json", "boom"),
        (b'{"errors": [{"detail": "boom"}]}', "application/vnd.api+json", "boom"),
        (b'{"title": "T", "detail": "boom"}', "application/problem+json", "boom"),
        (b'{"error": "code", "error_description": "boom"}', "application/json", "boom"),
        (b'{"errors": {"name": ["is short"]}}', "application/json", "name: is short"),
        (b"<e><message>boom</message></e>", "application/xml", "boom"),
        (b'"boom"', "application/json", "boom"),
        (b"boom", "text/plain", "boom"),
        (
            b'{"message": "a\\nb \\u001b[31mred"}',
            "application/json",
            "a b \\x1b[31mred",
        ),
        (b"<html>page</html>", "text/html", ""),
        (b"", "", ""),
    ],
)
def test_the_message_of_a_failure(body: bytes, kind: str, detail: str) -> None:
    """The message of the server is in the error, on one line, without control characters."""
    with pytest.raises(naftiko.StatusError) as caught:
        answered(body, 500, kind, "Oops\x1b[1m").call("api.op")
    error = caught.value
    assert (error.status, error.detail) == (500, detail)
    assert str(error).startswith(
        f"api.op: 500 Oops\\x1b[1m{': ' if body else ''}{detail}"
    )
    assert error.response.body == body
    assert error.request.method == "GET"


def test_an_excerpt_is_bounded() -> None:
    """A large page is cut; the response has it whole."""
    with pytest.raises(naftiko.StatusError) as caught:
        answered(b"<html>" + b"x" * 100_000, 502, "text/html").call("api.op")
    assert len(str(caught.value)) < 700
    assert len(caught.value.response.body) == 100_006


@pytest.mark.parametrize("before", [0, 280, 295, 485, 495])
@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_a_secret_that_comes_back_is_masked_before_it_is_cut(
    before: int, kind: str
) -> None:
    """Neither a whole secret nor the half at the end of an excerpt is shown."""
    said = "x" * before + "S3CR3T  t0ken"
    body = f'{{"message": "{said}"}}' if kind.endswith("json") else said
    parameter = {"name": "k", "in": "query", "value": "{{KEY}}"}
    with pytest.raises(naftiko.StatusError) as caught:
        answered(body.encode(), 401, kind, inputParameters=[parameter]).call("api.op")
    assert "S3C" not in str(caught.value) + caught.value.detail


def test_a_failure_can_be_given_back() -> None:
    """With `raise_for_status=False` a failed response is an exchange like any other."""
    api = answered(b'{"message": "no"}', 404, outputParameters=outputs("$.message"))
    exchange = api.exchange("api.op", raise_for_status=False)
    assert (exchange.status, exchange.data) == (404, {"message": "no"})
    assert exchange.outputs == exchange.result == {"a": "no"}
    assert not exchange.response.is_success
    page = answered(b"<p>no", 404, "text/html").exchange(
        "api.op", raise_for_status=False
    )
    assert page.data == "<p>no"


def test_representations() -> None:
    """They are short, escaped, and hold no secret."""
    parameter = {"name": "k", "in": "query", "value": "{{KEY}}"}
    api = answered(
        b'{"a": "<script>", "k": "S3CR3T  t0ken"}',
        description="<b>bold</b>",
        inputParameters=[parameter],
    )
    exchange = api.exchange("api.op")
    assert repr(exchange).startswith("<Exchange api.op: 200, ")
    assert len(repr(exchange)) < 80
    html = exchange._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "S3CR3T" not in html
    large = answered(b'["' + b"x" * 2_000_000 + b'"]').exchange("api.op")
    assert len(large._repr_html_()) < 6000
    assert repr(api) == "<Capability 'Test' from <data>: 1 operations>"
    page = api._repr_html_()
    assert "&lt;b&gt;bold" in page
    assert "<b>bold" not in page


# --- a response that is not what the document declares ------------------------------


def test_body_of_another_format_is_the_result_with_a_warning() -> None:
    """The declared format is contradicted: the result is what came."""
    api = answered(b"up", kind="text/plain", outputRawFormat="json")
    with pytest.warns(UserWarning, match="declares outputRawFormat: json"):
        assert api.call("api.op") == "up"
    with pytest.warns(UserWarning, match="what came"):
        exchange = api.exchange("api.op")
    assert "text/plain" in exchange.warnings[0]


@pytest.mark.parametrize("way", ["call", "exchange", "using"])
def test_warning_names_the_line_that_asked(way: str) -> None:
    """Users look for a warning in their own code, not in this package."""
    api = answered(b"up", kind="text/plain", outputRawFormat="json")
    asks = {
        "call": lambda: api.call("api.op"),
        "exchange": lambda: api.exchange("api.op"),
        "using": lambda: api.using().call("api.op"),
    }
    with pytest.warns(UserWarning, match="the result is what came") as told:
        asks[way]()
    assert [warning.filename for warning in told] == [__file__]


def test_code_without_a_name_is_warned() -> None:
    """The globals of code that `exec` runs may lack `__name__`."""
    api = answered(b"up", kind="text/plain", outputRawFormat="json")
    with pytest.warns(UserWarning, match="the result is what came") as told:
        exec('api.call("api.op")', {"api": api})
    assert [warning.filename for warning in told] == ["<string>"]


def test_strict_capability_refuses_a_body_of_another_format() -> None:
    """`load(strict=True)` makes the contradiction an error."""
    stub = StubTransport(Response(200, {"Content-Type": "text/plain"}, b"up"))
    api = naftiko.load(
        document({"outputRawFormat": "json"}), schema=None, transport=stub, strict=True
    )
    with pytest.raises(naftiko.OutputError, match="not json"):
        api.call("api.op")


@pytest.mark.parametrize("body", [b"up", b"12"])
def test_text_in_place_of_outputs_is_the_result_with_a_warning(body: bytes) -> None:
    """Outputs find nothing in a text, so the text is not lost."""
    api = answered(body, kind="text/plain", outputParameters=outputs("$.a"))
    with pytest.warns(UserWarning, match="the response is a text"):
        assert api.call("api.op") == body.decode()
    api = answered(b'{"a": 1}', kind="text/plain", outputParameters=outputs("$.a"))
    assert api.call("api.op") == {"a": 1}


def test_streams_of_a_container_are_told_apart() -> None:
    """`streams` splits a multiplexed response, and is empty for any other."""
    frames = b"\x01\0\0\0\0\0\0\x01a\x02\0\0\0\0\0\0\x01b"
    exchange = answered(frames, kind="application/octet-stream").exchange("api.op")
    assert exchange.result == "ab"
    assert exchange.streams == {"stdout": "a", "stderr": "b"}
    assert answered().exchange("api.op").streams == {}


# --- failures in a successful response, and successes without content ---------------

PULL = (
    b'{"status": "pulling"}\r\n{"errorDetail": {"message": "no t0ken"}, "error": "x"}'
)


def test_failure_at_the_end_of_a_stream_is_an_error() -> None:
    """The error has the message, and the values that came before it."""
    api = answered(PULL)
    with pytest.raises(naftiko.ReportedError, match=r"^api\.op: x$") as caught:
        api.call("api.op")
    assert (caught.value.detail, len(caught.value.value)) == ("x", 2)
    assert caught.value.response.status == 200
    assert api.exchange("api.op", raise_for_status=False).status == 200


def test_secret_in_a_reported_failure_is_masked() -> None:
    """The message never shows the value of a variable."""
    body = b'{"a": 1}\n{"error": "bad S3CR3T  t0ken"}'
    parameter = {"name": "key", "in": "header", "value": "{{KEY}}"}
    api = answered(body, inputParameters=[parameter])
    with pytest.raises(naftiko.ReportedError, match=r"bad \$KEY"):
        api.call("api.op")


def test_304_without_conditions_is_a_success_without_content() -> None:
    """Everything is as asked for already; with a condition it is a cache's answer."""
    assert answered(b"", status=304, method="POST").call("api.op") is None
    with answered(b"", status=304, method="POST").stream("api.op") as stream:
        assert stream.status == 304
    condition = {"name": "If-None-Match", "in": "header", "value": "x"}
    with pytest.raises(naftiko.StatusError):
        answered(b"", status=304, inputParameters=[condition]).call("api.op")
