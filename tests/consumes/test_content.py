"""A value becomes the bytes of a body: JSON, text, forms, parts, files."""

from __future__ import annotations

import codecs
import io
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.consumes.content import (
    ENCODERS,
    Content,
    Encoded,
    EncodedText,
    Joined,
    encode_content,
    named_fields,
    texts_of,
)
from support.building import capability
from support.exchanges import Pipe

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"


@pytest.mark.parametrize(
    ("value", "content_type", "expected"),
    [
        ({"a": "é"}, "", Encoded('{"a":"é"}'.encode(), JSON)),
        ([1, None], "", Encoded(b"[1,null]", JSON)),
        (0, "", Encoded(b"0", JSON)),
        (False, "application/vnd.x+json", Encoded(b"false", "application/vnd.x+json")),
        (None, "", Encoded(b"null", JSON)),
        (date(2026, 1, 2), "", Encoded(b'"2026-01-02"', JSON)),
        ("é", "", Encoded("é".encode(), TEXT)),
        ("", "a/b", Encoded(b"", "a/b")),
        (b"\xff", "", Encoded(b"\xff", BINARY)),
        (bytearray(b"\xff"), "image/png", Encoded(b"\xff", "image/png")),
        (memoryview(b"ab")[1:], "", Encoded(b"b", BINARY)),
        (Content("x", "text/x"), "a/b", Encoded(b"x", "text/x")),
        (Content({"a": 1}), "", Encoded(b'{"a":1}', JSON)),
        (Content(b"x"), "a/b", Encoded(b"x", "a/b")),
    ],
)
def test_whole_body_is_written_by_its_kind(
    value: Any, content_type: str, expected: Encoded
) -> None:
    """The media type is that of `Content`, of the document, or of the kind of value."""
    encoded = encode_content(value, content_type)
    assert encoded == expected
    assert type(encoded.data) is bytes


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        (
            object(),
            "the body cannot be written as JSON:"
            " a value of type 'object' cannot be sent",
            "",
        ),
        ("a\udcff", "the body is not text that UTF-8 can hold", "give it as bytes"),
        (
            io.StringIO("x"),
            "the body is a text file",
            "open it with mode 'rb'",
        ),
    ],
)
def test_whole_body_without_bytes_is_refused(
    value: Any, message: str, hint: str
) -> None:
    """The error says what cannot be sent, and what to give instead."""
    with pytest.raises(naftiko.ArgumentError) as caught:
        encode_content(value)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize("value", [float("nan"), {"a": [float("inf")]}, {(1, 2): 3}])
def test_value_outside_json_is_refused(value: Any) -> None:
    """A number or a key that JSON lacks is an error of the argument."""
    with pytest.raises(naftiko.ArgumentError, match="cannot be written as JSON: "):
        encode_content(value)


@pytest.mark.parametrize(
    ("name", "content_type", "expected"),
    [
        ("f.json", "", JSON),
        ("f.png", "", "image/png"),
        ("f", "", BINARY),
        ("f.json", "a/b", "a/b"),
    ],
)
def test_name_of_a_file_gives_its_media_type(
    name: str, content_type: str, expected: str, tmp_path: Path
) -> None:
    """A declared media type stands before the one that the name suggests."""
    file = tmp_path / name
    file.write_bytes(b"x")
    assert encode_content(file, content_type) == Encoded(file, expected)


def test_iterator_is_handed_on_unread() -> None:
    """An iterator of bytes is a body that is read while it is sent."""
    parts = iter([b"1", b"2"])
    assert encode_content(parts) == Encoded(parts, BINARY)
    assert list(parts) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("json", {"a": [1]}, b'{"a":[1]}'),
        ("json", "a", b'"a"'),
        ("json", EncodedText('{"a": 1}'), b'{"a": 1}'),
        ("json", b"\xff", b"\xff"),
        ("text", True, b"true"),
        ("text", {"a": 1}, b'{"a":1}'),
        ("text", b"\xff", b"\xff"),
        ("binary", b"\x00", b"\x00"),
        ("binary", "é", "é".encode()),
        ("formUrlEncoded", {"a b": "1&2=3", "c": [True, None, "é"]}, b"a+b=1%262%3D3&c=true&c=%C3%A9"),
        ("formUrlEncoded", {"a": ("x", "y"), "n": None, "o": {"k": 1}}, b"a=x&a=y&o=%7B%22k%22%3A1%7D"),
        ("formUrlEncoded", {}, b""),
        ("formUrlEncoded", EncodedText("a=1&b"), b"a=1&b"),
    ],
)  # fmt: skip
def test_kind_of_a_body_decides_its_bytes(
    kind: str, value: Any, expected: bytes
) -> None:
    """Each kind of body but a form of parts has the declared media type."""
    assert ENCODERS[kind](value, "a/b") == Encoded(expected, "a/b")


def parts_of(value: Any) -> list[bytes]:
    """Return the parts of a form without the lines between them."""
    encoded = ENCODERS["multipartForm"](value, "multipart/form-data")
    boundary = encoded.content_type.removeprefix("multipart/form-data; boundary=")
    data = encoded.data
    content = data.read() if isinstance(data, Joined) else data
    assert isinstance(content, bytes)
    between = f"--{boundary}\r\n".encode()
    end = f"--{boundary}--\r\n".encode()
    first, *parts = content.removesuffix(end).split(between)
    assert (first, content.endswith(end)) == (b"", True)
    return [part.removesuffix(b"\r\n") for part in parts]


HEAD = b'Content-Disposition: form-data; name="a"'


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ({}, []),
        ({"a": None}, []),
        ({"a": "x\r\ny"}, [HEAD + b"\r\n\r\nx\r\ny"]),
        ({"a": ["x", None, 2]}, [HEAD + b"\r\n\r\nx", HEAD + b"\r\n\r\n2"]),
        ({"a": ("x", "y")}, [HEAD + b"\r\n\r\nx", HEAD + b"\r\n\r\ny"]),
        ({"a": {"k": [1]}}, [HEAD + b'\r\n\r\n{"k":[1]}']),
        (
            {"a": Content("x", "text/x")},
            [HEAD + b"\r\nContent-Type: text/x\r\n\r\nx"],
        ),
        (
            [{"name": "a", "value": b"x", "filename": "f.csv"}],
            [HEAD + b'; filename="f.csv"\r\nContent-Type: text/csv\r\n\r\nx'],
        ),
        (
            [{"name": "a", "value": b"x", "contentType": "t/t"}],
            [HEAD + b'; filename="file"\r\nContent-Type: t/t\r\n\r\nx'],
        ),
    ],
)
def test_part_has_the_headers_of_its_value(value: Any, parts: list[bytes]) -> None:
    """A list is several parts, a file has a name, and nothing makes no part."""
    assert parts_of(value) == parts


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("text", "it is no mapping name → value"),
        ([{"name": "a", "value": 1}, "b"], "it is no mapping name → value"),
        ([{"value": 1}], "a part has no name"),
        (
            [{"name": "a", "value": 1, "contentType": "a/b\nX: y"}],
            "the media type of 'a' is not one line",
        ),
    ],
)
def test_form_without_parts_is_refused(value: Any, message: str) -> None:
    """The error says what is wrong with the form."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        ENCODERS["multipartForm"](value, "multipart/form-data")


def test_file_in_a_form_is_read_while_it_is_sent(tmp_path: Path) -> None:
    """A path and an open file are not read before, and each has its own name."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"one")
    with path.open("rb") as named, path.open("rb", buffering=0) as unnamed:
        unnamed.name = 5  # type: ignore[misc] # such as that of a descriptor
        form = {"p": path, "n": named, "u": unnamed, "s": io.BytesIO(b"two")}
        encoded = ENCODERS["multipartForm"](form, "")
        assert isinstance(encoded.data, Joined)
        assert (named.tell(), encoded.data.tell()) == (0, 0)
        parts = parts_of(form)
    names = [part.partition(b'filename="')[2].partition(b'"')[0] for part in parts]
    assert names == [b"a.txt", b"a.txt", b"file", b"file"]
    assert [part.rpartition(b"\r\n\r\n")[2] for part in parts] == [
        b"one", b"one", b"one", b"two",
    ]  # fmt: skip


@pytest.fixture
def joined(tmp_path: Path) -> Iterator[Joined]:
    """Yield bytes, a path and a file that was read a little: `[one][three]`."""
    path = tmp_path / "f"
    path.write_bytes(b"one")
    stream = io.BytesIO(b"..[three]")
    stream.seek(2)
    body = Joined([b"[", path, b"", b"]", stream])
    yield body
    body.release()


@pytest.mark.parametrize("size", [1, 3, 100])
def test_pieces_are_read_as_one(joined: Joined, size: int) -> None:
    """No read crosses its size, and an empty piece is not the end."""
    reads = list(iter(lambda: joined.read(size), b""))
    assert b"".join(reads) == b"[one][three]"
    assert max(map(len, reads)) <= size
    assert joined.tell() == 12


def test_joined_pieces_know_their_size_and_begin_again(joined: Joined) -> None:
    """A file begins where the caller had left it, each time the body is sent."""
    assert joined.read(1) + joined.read(2) == b"[on"
    assert (joined.seek(0, io.SEEK_END), joined.tell()) == (12, 3)
    assert joined.read(9) == b"e"
    for _ in range(2):
        assert joined.seek(0) == 0
        assert joined.read() == b"[one][three]"
    assert joined.read(5) == b""


def test_piece_that_is_read_once_cannot_begin_again() -> None:
    """A pipe in a body is sent, and refused where it would be sent again."""
    body = Joined([b"<", Pipe(), b">"])  # type: ignore[list-item]
    with pytest.raises(OSError, match=r"^a part of the body can be read once only$"):
        body.seek(0, io.SEEK_END)
    assert body.read() == b"<onetwo>"
    with pytest.raises(OSError, match="can be read once only"):
        body.seek(0)


def test_file_of_the_caller_stays_open(tmp_path: Path) -> None:
    """Only a file that was opened here is closed here."""
    path = tmp_path / "f"
    path.write_bytes(b"one")
    stream = io.BytesIO(b"two")
    body = Joined([stream, path])
    assert body.read(9) == b"two"
    body.release()
    assert not stream.closed
    body.seek(0)
    assert body.read(9) + body.read(9) == b"twoone"
    current = body._current
    assert current is not None
    body.release()
    assert current.closed


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, []),
        ("", [""]),
        (["a", None, 1, [2]], ["a", "1", "[2]"]),
        ((), []),
        (frozenset({True}), ["true"]),
        ({"a": None}, ['{"a":null}']),
    ],
)
def test_list_has_a_text_for_each_item(value: Any, texts: list[str]) -> None:
    """Nothing has no text, and a mapping has one."""
    assert list(texts_of(value)) == texts


@pytest.mark.parametrize("value", [Content("x", "text/x"), [Content(b"x")]])
def test_content_is_refused_outside_bodies(value: Any) -> None:
    """A `Content` in a path, query, header, cookie or URL-encoded form is refused."""
    for place in ("path", "query", "header", "cookie", "body"):
        operation = {
            "method": "POST",
            "resourcePath": "/{x}" if place == "path" else "/",
            "inputParameters": [{"name": "x", "in": place}],
            "body": {"type": "formUrlEncoded", "data": {"field": "{{x}}"}},
        }
        if place != "body":
            del operation["body"]
        with pytest.raises(naftiko.ArgumentError, match="a 'Content' can only be"):
            capability(operation).request("api.op", x=value)


def test_fields_of_a_mapping_have_name_and_value() -> None:
    """A mapping is a form in the order of its keys, its values unchanged."""
    assert named_fields({"b": None, "a": [1]}) == [
        {"name": "b", "value": None},
        {"name": "a", "value": [1]},
    ]


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
