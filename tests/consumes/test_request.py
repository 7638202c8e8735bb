"""The places of arguments in a request; the cases are in `tests/consumes/cases/`.

`tests/end_to_end/test_wire.py` sends the same cases and compares what arrives.
"""

from __future__ import annotations

import codecs
import io
import tempfile
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

import naftiko
from naftiko.transport.base import StubTransport
from support.building import capability
from support.casefiles import cases


def loaded(case: dict[str, Any], **more: Any) -> naftiko.Capability:
    """Load the document of a case."""
    parts = {key: case[key] for key in ("consumes", "resource", "binds") if key in case}
    return capability(
        case.get("operation"), **parts, variables=case.get("variables"), **more
    )


def check_raises(case: dict[str, Any], act: Any) -> None:
    """Expect the error of a case, its words, and no secret in it."""
    kind, *words = case["raises"]
    with pytest.raises(getattr(naftiko, kind)) as caught:
        act()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("case", cases("consumes/cases"))
def test_request(case: dict[str, Any]) -> None:
    """A call gives the request of its case, or the error with these words."""
    transport = StubTransport()
    api = loaded(case, transport=transport)
    arguments = case.get("arguments", {})
    if "raises" in case:
        check_raises(case, lambda: api.call("api.op", arguments))
        return
    api.exchange("api.op", arguments, raise_for_status=False)
    (request,) = transport.requests
    if "target" in case:
        assert request.url.removeprefix("http://127.0.0.1:9") == case["target"]
    for name, value in case.get("headers", {}).items():
        if name != "Content-Length":
            assert request.headers[name] == value
    for name in case.get("absent", ()):
        assert name not in request.headers
    if "body" in case:
        assert (request.body or b"") == case["body"].encode()


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


@pytest.mark.parametrize("place", ["path", "query", "header", "cookie", "body"])
@pytest.mark.parametrize("value", ["a\udcff", ["\ud800"], {"k": "\ud800"}])
def test_half_a_character_is_refused(place: str, value: object) -> None:
    """Text that UTF-8 cannot hold is refused by the name of its argument."""
    api = capability(
        {
            "method": "POST",
            "resourcePath": "/{x}" if place == "path" else "/",
            "inputParameters": [{"name": "x", "in": place}],
        }
    )
    with pytest.raises(naftiko.ArgumentError, match=r"api\.op: "):
        api.request("api.op", x=value)


def test_half_a_character_in_a_variable_is_refused_without_being_shown() -> None:
    """A credential that was no UTF-8 in the environment is named, not printed."""
    api = capability(
        consumes={"authentication": {"type": "basic", "username": "{{A}}"}},
        variables={"A": "s3cret\udcff"},
    )
    with pytest.raises(
        naftiko.CallError, match="the value of a variable is not text"
    ) as caught:
        api.call("api.op")
    assert "s3cret" not in str(caught.value)


def test_arguments_that_are_no_mapping() -> None:
    """A list of arguments is a mistake with a name."""
    api = capability()
    with pytest.raises(naftiko.ArgumentError, match="arguments are a list"):
        api.call("api.op", [1])  # type: ignore[arg-type]


def test_raw_path_keeps_slashes_and_nothing_else() -> None:
    """A `RawPath` holds slashes; query, fragment and dot segments stay out."""
    api = capability({"resourcePath": "/a/{x}"})
    request = api.request("api.op", x=naftiko.RawPath("b/c d?e#f"))
    assert request.url == "http://127.0.0.1:9/a/b/c%20d%3Fe%23f"
    with pytest.raises(naftiko.ArgumentError, match="path segment"):
        api.request("api.op", x=naftiko.RawPath("b/../c"))


def test_body_from_disk_is_not_read_into_memory(tmp_path: Path) -> None:
    """A path and an open file are handed on as they are."""
    file = tmp_path / "data.json"
    file.write_bytes(b"{}")
    api = capability({"method": "POST"})
    request = api.request("api.op", body=file)
    assert request.body == file
    assert request.headers["Content-Type"] == "application/json"
    stream = io.BytesIO(b"x")
    assert api.request("api.op", body=stream).body is stream
    typed = api.request("api.op", body=naftiko.Content(file, "text/x"))
    assert typed.headers["Content-Type"] == "text/x"


def test_bodies_that_cannot_be_sent(tmp_path: Path) -> None:
    """A missing, a closed and a text file are refused with the fix."""
    api = capability({"method": "POST"})
    file = tmp_path / "f"
    file.write_bytes(b"x")
    with (
        codecs.open(str(file), "r", "utf-8") as text,
        tempfile.NamedTemporaryFile("w+") as t,
    ):
        for stream in (text, t):
            with pytest.raises(naftiko.ArgumentError, match="mode 'rb'"):
                api.request("api.op", body=stream)
    with file.open("rb") as closed:
        pass
    with pytest.raises(naftiko.ArgumentError, match="closed already"):
        api.request("api.op", body=closed)
    with pytest.raises(naftiko.ArgumentError, match="not a file that can be read"):
        api.request("api.op", body=tmp_path / "none")
    with pytest.raises(naftiko.ArgumentError, match="mode 'rb'"):
        api.request("api.op", body=io.StringIO("x"))


def test_multipart_body() -> None:
    """Parts are named; a file has a name and a type of its own."""
    data = [
        {"name": "note", "value": "{{note}}"},
        {"name": "file", "value": "{{file}}"},
    ]
    api = capability(
        {"method": "POST", "body": {"type": "multipartForm", "data": data}}
    )
    request = api.request("api.op", note="é", file=b"\x00\xff")
    kind = request.headers["Content-Type"]
    assert kind.startswith("multipart/form-data; boundary=")
    boundary = kind.partition("boundary=")[2].encode()
    assert request.content is not None
    first, second = request.content.split(b"--" + boundary)[1:3]
    assert b'name="note"\r\n' in first
    assert first.endswith("\r\n\r\né\r\n".encode())
    assert b'name="file"; filename="file"\r\n' in second
    assert second.endswith(b"\r\n\r\n\x00\xff\r\n")
    without = api.request("api.op", note="a")
    assert without.content is not None
    assert b"filename" not in without.content


def test_names_and_types_of_parts_are_one_line(tmp_path: Path) -> None:
    """A quotation mark or a line break cannot leave the head of a part."""
    data = [
        {
            "name": 'a"b\r\nc',
            "value": "{{v}}",
            "filename": "{{f}}",
            "contentType": "{{t}}",
        }
    ]
    api = capability(
        {"method": "POST", "body": {"type": "multipartForm", "data": data}}
    )
    request = api.request("api.op", v="x", f='é"\r\nX: y', t="text/x")
    assert request.content is not None
    head, _, rest = request.content.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[1:] == [
        'Content-Disposition: form-data; name="a%22b%0D%0Ac"; filename="é%22%0D%0AX: y"'.encode(),
        b"Content-Type: text/x",
    ]
    assert rest.startswith(b"x\r\n--")
    with pytest.raises(naftiko.ArgumentError, match="is not one line"):
        api.request("api.op", v="x", t="text/x\r\nX-Evil: 1")


def test_a_declared_type_of_a_form_gets_its_boundary() -> None:
    """A document may say `multipart/form-data` alone; the boundary is added."""
    parameter = {"name": "Content-Type", "in": "header", "value": "multipart/form-data"}
    api = capability(
        {
            "method": "POST",
            "inputParameters": [parameter],
            "body": {"type": "multipart", "data": {"a": "1"}},
        }
    )
    request = api.request("api.op")
    kind, _, boundary = request.headers["Content-Type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    assert request.content is not None
    assert request.content.startswith(b"--" + boundary.encode() + b"\r\n")


def test_parts_of_many_kinds(tmp_path: Path) -> None:
    """A list is several parts; `Content` says a type; what is absent is left out."""
    api = capability(
        {
            "method": "POST",
            "body": {
                "type": "multipart",
                "data": {"l": "{{l}}", "c": "{{c}}", "n": "{{n}}", "b": True},
            },
        }
    )
    request = api.request("api.op", l=["1", 2], c=naftiko.Content(b"<a/>", "text/xml"))
    assert request.content is not None
    boundary = request.headers["Content-Type"].partition("boundary=")[2].encode()
    parts = request.content.split(b"--" + boundary)
    assert [part.split(b"\r\n")[1:-1] for part in parts[1:-1]] == [
        [b'Content-Disposition: form-data; name="l"', b"", b"1"],
        [b'Content-Disposition: form-data; name="l"', b"", b"2"],
        [
            b'Content-Disposition: form-data; name="c"; filename="file"',
            b"Content-Type: text/xml",
            b"",
            b"<a/>",
        ],
        [b'Content-Disposition: form-data; name="b"', b"", b"true"],
    ]


def test_a_value_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`in: environment` is filled, satisfies `required`, and is shown as its name."""
    parameter = {"name": "NAFTIKO_TEST_KEY", "in": "environment", "required": True}
    data = {"key": "{{NAFTIKO_TEST_KEY}}"}
    api = capability(
        {
            "method": "POST",
            "inputParameters": [parameter],
            "body": {"type": "json", "data": data},
        }
    )
    monkeypatch.setenv("NAFTIKO_TEST_KEY", "s3cret")
    request = api.request("api.op")
    assert request.body == b'{"key":"s3cret"}'
    assert "s3cret" not in repr(request) + request.as_curl()
    assert api.request("api.op", NAFTIKO_TEST_KEY="mine").body == b'{"key":"mine"}'


def test_a_base_uri_without_its_variable_does_not_stop_a_dry_run() -> None:
    """The name stands in the address, and a call says what is missing."""
    api = capability(
        consumes={"baseUri": "https://{{NAFTIKO_TEST_HOST}}.example.com/v1"}
    )
    request = api.request("api.op")
    assert request.url == "https://$NAFTIKO_TEST_HOST.example.com/v1/x"
    assert "${NAFTIKO_TEST_HOST}.example.com/v1/x" in request.as_curl()
    with pytest.raises(naftiko.UnboundVariable, match="needs a value") as caught:
        api.call("api.op")
    assert caught.value.code == "U-base-uri-unresolved"


@pytest.mark.parametrize(
    "uri",
    [
        "http://h:99999", "http://h:x", "http://h /x", "http://h?x=1", "http://h#f",
        "http://u:p@h", "http://[::1", "ftp://h", "h", "", "http://", "unix://",
        "http+unix://", 5, Path("/x"), {"api": 5},
    ],
)  # fmt: skip
def test_base_uris_that_are_none(uri: Any) -> None:
    """A malformed base URI is refused when it is given."""
    with pytest.raises(naftiko.ArgumentError, match="base URI"):
        capability(base_uri=uri)


@pytest.mark.parametrize(
    "value", ["https://evil#", "https://u@h", "https://h?", "junk", "a b"]
)
def test_values_for_a_whole_origin_are_checked(value: str) -> None:
    """A variable that stands for the origin is a URL and nothing more."""
    api = capability(consumes={"baseUri": "{{ORIGIN}}/v1"}, variables={"ORIGIN": value})
    with pytest.raises(naftiko.ArgumentError, match="whole origin") as caught:
        api.request("api.op")
    assert value not in str(caught.value)


@pytest.mark.parametrize("value", ["a/b", "a@b", "a#", "a?", "a:b", "[x]", "a b"])
def test_values_in_a_host_are_checked(value: str) -> None:
    """An argument in the host is a label or a port, so that it names no other host."""
    api = capability(consumes={"baseUri": "https://{host}.example.com"})
    with pytest.raises(naftiko.ArgumentError, match="no host name or port"):
        api.request("api.op", host=value)


def test_a_variable_may_name_a_socket() -> None:
    """The part after a socket in the base URI is the path on the server."""
    api = capability(
        consumes={"baseUri": "{{ORIGIN}}/v1"},
        variables={"ORIGIN": "unix:///run/x.sock"},
    )
    request = api.request("api.op")
    assert (request.socket, request.url) == ("/run/x.sock", "http://localhost/v1/x")


def test_unplaced_path_parameters_can_be_appended() -> None:
    """`append` puts a path parameter without a placeholder at the end."""
    api = capability(
        {"resourcePath": "/a", "inputParameters": [{"name": "id", "in": "path"}]},
        unplaced_path_parameters="append",
    )
    assert api.request("api.op", id="1/2").url.endswith("/a/1%2F2")


def test_paths_replace_those_of_the_document() -> None:
    """`paths` gives an operation another path."""
    api = capability(
        {"inputParameters": [{"name": "id", "in": "path"}]},
        paths={"api.op": "/b/{id}/c"},
    )
    assert api.request("api.op", id=1).url.endswith("/b/1/c")


def test_headers_of_the_caller_win() -> None:
    """`using(headers=…)` stands over everything else."""
    api = capability(consumes={"authentication": {"type": "bearer", "token": "a"}})
    view = api.using(headers={"authorization": "Bearer b", "X-Trace": "1"})
    headers = view.request("api.op").headers
    assert (headers["Authorization"], headers["X-Trace"]) == ("Bearer b", "1")
    with pytest.raises(naftiko.ArgumentError, match="line break"):
        api.using(headers={"X": "a\nb"}).request("api.op")


def test_headers_of_the_caller_are_written_like_others() -> None:
    """`None` is not given, a list is joined, `True` is `true`."""
    view = capability().using(headers={"A": None, "B": [1, 2], "C": True})  # type: ignore[dict-item]
    headers = view.request("api.op").headers
    assert "A" not in headers
    assert (headers["B"], headers["C"]) == ("1, 2", "true")
