"""Requests and responses as values, without any network."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from naftiko import Headers, Request, Response
from naftiko.masking import Secret, marker

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


def test_repeated_fields_stay_apart() -> None:
    """The values of a name are joined; `pairs` and `get_all` keep them apart."""
    pairs = (("Set-Cookie", "a=1, b"), ("X", "y"), ("set-cookie", "c=2"))
    headers = Headers.joined(pairs)
    assert headers["Set-Cookie"] == "a=1, b, c=2"
    assert headers.pairs == pairs
    assert headers.get_all("SET-COOKIE") == ["a=1, b", "c=2"]
    headers["X"] = "z"
    assert headers.get_all("x") == ["z"]
    del headers["set-cookie"]
    assert headers.pairs == (("X", "z"),)
    headers["Set-Cookie"] = "d=3"
    assert headers.get_all("set-cookie") == ["d=3"]
    assert Headers({"A": "b"}).pairs == (("A", "b"),)
