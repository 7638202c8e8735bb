"""Requests, responses and streams as values, without any network."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from naftiko import Headers, OutputError, Request, Response, StreamedResponse
from naftiko.masking import Secret, marker
from naftiko.transport.base import StubTransport

SECRETS = (Secret("TOKEN", "s3cret&"),)


def test_headers() -> None:
    """Names compare without case and keep how they are written."""
    headers = Headers({"Content-Type": "a", "X-B": "b"})
    assert headers["content-TYPE"] == "a"
    assert "x-b" in headers
    assert list(headers) == ["Content-Type", "X-B"]
    headers["x-b"] = "c"
    headers["New"] = "n"
    assert dict(headers) == {"Content-Type": "a", "x-b": "c", "New": "n"}
    del headers["new"]
    assert len(headers) == 2
    assert headers.get("none", "d") == "d"
    with pytest.raises(KeyError):
        headers["none"]


def test_headers_show_no_secret() -> None:
    """A secret in a header is masked where the headers are printed, and only there."""
    headers = Headers({"Authorization": "Bearer s3cret&"}, SECRETS)
    assert repr(headers) == "Headers({'Authorization': 'Bearer $TOKEN'})"
    assert headers["authorization"] == "Bearer s3cret&"


def request(body: object = None, **more: object) -> Request:
    """Return a request with a secret in its URL."""
    return Request(
        "POST",
        "http://h.test/a?k=s3cret%26",
        {"X-Key": "s3cret&"},
        body,  # type: ignore[arg-type]
        secrets=SECRETS,
        **more,  # type: ignore[arg-type]
    )


def test_a_request_as_data() -> None:
    """`as_dict` gives plain data that holds no secret."""
    shown = request(b'{"a": "s3cret&"}', socket="/run/x.sock").as_dict()
    assert shown == {
        "method": "POST",
        "url": "http://h.test/a?k=$TOKEN",
        "headers": {"X-Key": "$TOKEN"},
        "body": '{"a": "$TOKEN"}',
        "unix_socket": "/run/x.sock",
    }
    assert request().as_dict()["body"] is None
    assert "unix_socket" not in request().as_dict()


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (None, ""),
        (b"", ""),
        (b"text", "text"),
        (b"\xff\xfe", "<2 bytes>"),
        (b"x" * 3000, "x" * 2000 + "…"),
        (Path("dir/archive.tar"), "<archive.tar>"),
        (io.BytesIO(b"x"), "<a stream>"),
    ],
)
def test_bodies_as_shown(body: object, shown: str) -> None:
    """A body is shown if it is text, and not too much of it."""
    assert request(body).shown_body() == shown
    assert shown[:20] in repr(request(body))
    assert request(body).content == (body if isinstance(body, bytes) else None)


def test_a_secret_is_masked_before_a_body_is_cut() -> None:
    """A body that is cut in the middle of a secret shows no part of it."""
    shown = request(b"." * 1997 + b"s3cret&").shown_body()
    assert shown == "." * 1997 + "$TO…"


def test_representations_show_the_preview() -> None:
    """A preview stands for the request in everything that a person sees."""
    preview = Request("POST", f"http://h.test/{marker('TOKEN')}", {}, b"{}")
    made = Request("POST", "http://h.test/s3cret", {}, b"{}", preview=preview)
    assert made.as_dict()["url"] == "http://h.test/$TOKEN"
    assert "s3cret" not in repr(made) + made.as_curl()
    assert "${TOKEN}" in made.as_curl()
    assert preview.without_markers().url == "http://h.test/$TOKEN"


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("", "é".encode(), "é"),
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ('text/plain; charset="utf-16"', "é".encode("utf-16"), "é"),
        ("text/plain; charset=none-such", "é".encode(), "é"),
        ("text/plain; charset=idna", "é".encode(), "é"),
        ("text/plain; charset=punycode", "é".encode(), "é"),
        ("text/plain; charset=undefined", "é".encode(), "é"),
        ("text/plain; charset=base64", "é".encode(), "é"),
        ("text/plain; charset=unicode_escape", "é\\n".encode(), "é\\n"),
        ("text/plain", b"\xff", "\ufffd"),
    ],
)
def test_texts(kind: str, body: bytes, text: str) -> None:
    """The text of a response follows its charset, and never fails."""
    assert Response(200, {"Content-Type": kind}, body).text == text


def test_responses() -> None:
    """A response gives status, headers, text and JSON."""
    response = Response(201, {"Content-Type": "application/json; x=y"}, b'{"a": 1}')
    assert response.is_success
    assert response.json() == {"a": 1}
    assert response.content_type == "application/json; x=y"
    assert repr(response) == "<Response 201 application/json, 8 bytes>"
    plain = Response(304)
    assert not plain.is_success
    assert plain.content_type == ""
    assert repr(plain) == "<Response 304 no content type, 0 bytes>"
    with pytest.raises(ValueError, match="Expecting value"):
        plain.json()


def stream(*chunks: bytes, kind: str = "") -> StreamedResponse:
    """Return a stream of these chunks."""
    return StreamedResponse(
        request(), 200, {"Content-Type": kind} if kind else {}, lambda _: iter(chunks)
    )


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("application/x-ndjson", {"a": 1}),
        ("application/json", {"a": 1}),
        ("application/vnd.x+json; charset=utf-8", {"a": 1}),
        ("text/plain", '{"a": 1}'),
        ("application/octet-stream", b'{"a"'),
        ("", b'{"a"'),
    ],
)
def test_a_stream_iterates_by_its_content_type(kind: str, first: object) -> None:
    """Iterating gives values, lines or chunks, as the content type suggests."""
    assert next(iter(stream(b'{"a"', b': 1}\n{"a": 2}\n', kind=kind))) == first


def test_lines_across_chunks() -> None:
    """A line may come in parts, even in the middle of a character; ends are dropped."""
    text = "é1\r\nzwei\n\nlast".encode()
    for size in (1, 2, 3, 100):
        chunks = [text[at : at + size] for at in range(0, len(text), size)]
        assert list(stream(*chunks).lines()) == ["é1", "zwei", "", "last"]


def test_a_stream_that_is_not_json() -> None:
    """The error names the request, and quotes no secret."""
    values = stream(b'{"a": 1}\n{"b": s3cret&}\n').values()
    assert next(values) == {"a": 1}
    with pytest.raises(OutputError) as caught:
        next(values)
    assert "POST http://h.test/a?k=$TOKEN: the body is not json" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_reading_a_stream() -> None:
    """The rest is read up to a limit; a stream may be closed twice."""
    closed = []
    response = StreamedResponse(
        request(),
        200,
        {},
        lambda _: iter([b"ab", b"cd"]),
        close=lambda: closed.append(1),
    )
    with response as entered:
        assert entered.read(3) == b"abc"
    assert closed == [1]
    assert repr(stream(kind="text/plain")) == "<StreamedResponse 200 text/plain>"
    assert repr(stream()) == "<StreamedResponse 200 no content type>"


def test_the_stub() -> None:
    """The stub keeps requests and answers with a value, or with what a function says."""
    stub = StubTransport(lambda sent: Response(200, {}, sent.method.encode()))
    assert stub.send(request(), timeout=1).body == b"POST"
    with stub.stream(request(), timeout=1) as streamed:
        assert list(streamed.bytes()) == [b"POST"]
    assert [sent.method for sent in stub.requests] == ["POST", "POST"]
    default = StubTransport().send(request(), timeout=1)
    assert (default.status, default.body) == (200, b"")
    with StubTransport(Response(204)).stream(request(), timeout=1) as streamed:
        assert list(streamed.bytes()) == []
