"""`-v` shows requests and responses; `--confirm` asks before a DELETE."""

from __future__ import annotations

import io
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import pytest

from naftiko.cli.conversation import Conversation, conversation
from naftiko.cli.values import UsageError
from naftiko.errors import CallError
from naftiko.masking import Secret
from naftiko.transport.messages import Headers, Request, Response
from naftiko.transport.streams import StreamedResponse

_SECRETS = (Secret("KEY", "s3cret"),)


class _Inner:
    """A transport that gives one response."""

    def __init__(self, body: bytes = b"ok s3cret") -> None:
        self.body = body
        self.sent = 0

    def send(self, request: Request, *, timeout: Any) -> Response:
        self.sent += 1
        return Response(200, {"X-Key": "s3cret"}, self.body, reason="OK")

    def stream(self, request: Request, *, timeout: Any) -> StreamedResponse:
        self.sent += 1

        def chunks(size: int) -> Iterator[bytes]:
            yield self.body

        return StreamedResponse(request, 200, {"X-Key": "s3cret"}, chunks)

    def close(self) -> None:
        self.sent = -1


def _request(method: str = "GET") -> Request:
    headers = Headers({"Authorization": "Bearer s3cret"}, _SECRETS)
    body = b'{"key": "s3cret"}'
    return Request(method, "http://h.test/x?k=s3cret", headers, body, secrets=_SECRETS)


class _Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_request_and_response_are_shown_without_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Heads and bodies go to standard error, and secrets are names in all of them."""
    inner: Any = _Inner()
    told = Conversation(inner, shows=True, asks=False)
    told.send(_request(), timeout=1)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "> GET http://h.test/x?k=$KEY",
        "> Authorization: Bearer $KEY",
        ">",
        '> {"key": "$KEY"}',
        "< 200 OK",
        "< X-Key: $KEY",
        "<",
        "< ok $KEY",
    ]
    response = told.stream(_request(), timeout=1)
    assert capsys.readouterr().err.endswith("< X-Key: $KEY\n")
    assert b"".join(response.bytes()) == b"ok s3cret"
    # The body of an answer that arrives is shown when it has been read.
    assert capsys.readouterr().err == "<\n< ok $KEY\n"
    told.close()
    assert inner.sent == -1


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"\0" * 3000, "< <3,000 bytes>"),
        (b"x" * 5000, "< " + "x" * 2000 + "… (5,000 bytes)"),
        (b"a\x1b[31m\nb", "< a\\x1b[31m\n< b"),
    ],
)
def test_body_that_is_shown_is_bounded(
    body: bytes, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a long body the beginning is shown, of a binary one the size."""
    inner: Any = _Inner(body)
    Conversation(inner, shows=True, asks=False).send(_request(), timeout=1)
    assert capsys.readouterr().err.endswith(f"<\n{shown}\n")


@pytest.mark.parametrize(("answer", "sent"), [("y\n", 1), ("Yes\n", 1), ("\n", 0)])
def test_delete_is_sent_after_a_yes(
    answer: str, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A DELETE is asked for in the terminal; only `y` and `yes` send it."""
    question = _Keyboard()
    monkeypatch.setattr(sys, "stdin", _Keyboard(answer))
    monkeypatch.setattr(sys, "stderr", question)
    inner: Any = _Inner()
    asking = Conversation(inner, shows=False, asks=True)
    if sent:
        asking.send(_request("DELETE"), timeout=1)
    else:
        with pytest.raises(CallError, match="not sent"):
            asking.send(_request("DELETE"), timeout=1)
    assert inner.sent == sent
    assert question.getvalue() == "DELETE http://h.test/x?k=$KEY: send it? [y/N] "


def test_delete_without_a_terminal_is_refused() -> None:
    """Without a terminal to ask in a DELETE is refused, and another method is sent."""
    inner: Any = _Inner()
    asking = Conversation(inner, shows=False, asks=True)
    asking.send(_request("POST"), timeout=1)
    with pytest.raises(UsageError) as caught:
        asking.send(_request("DELETE"), timeout=1)
    assert inner.sent == 1
    assert "--yes" in caught.value.hint


@pytest.mark.parametrize(
    ("options", "variable", "is_used"),
    [
        ({}, "", False),
        ({"verbose": True}, "", True),
        ({"confirm": True}, "", True),
        ({"confirm": True, "yes": True}, "", False),
        ({}, "1", True),
        ({}, "off", False),
        ({"yes": True}, "1", False),
    ],
)
def test_conversation_is_used_where_it_is_asked_for(
    options: dict[str, bool],
    variable: str,
    is_used: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Options, or the environment variable for --confirm, ask for it; --yes answers."""
    monkeypatch.setenv("NAFTIKO_CONFIRM", variable)
    given = {"verbose": False, "confirm": False, "yes": False, **options}
    assert (conversation(Namespace(**given)) is not None) == is_used


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer abc", "Bearer …"),
        ("Authorization", "abc", "…"),
        ("Cookie", "sid=abc; b=c", "sid=…"),
        ("X-API-Key", "abc", "…"),
        ("Accept", "a/b", "a/b"),
    ],
)
def test_credential_without_a_variable_is_not_shown(
    name: str, value: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A credential given by hand, or written in the document, is cut off too."""
    inner: Any = _Inner()
    request = Request("GET", "http://h.test/x", {name: value})
    Conversation(inner, shows=True, asks=False).send(request, timeout=1)
    assert f"> {name}: {shown}\n" in capsys.readouterr().err
