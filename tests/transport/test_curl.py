"""A request as a `curl` command; `end_to_end/test_curl.py` runs such commands."""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from typing import Any

import pytest

from naftiko.masking import LOGIN, Secret, marker
from naftiko.transport.curl import curl_command, shell_word
from naftiko.transport.messages import Request

TOKEN = marker("TOKEN")


def command(method: str = "GET", url: str = "http://h/x", **more: Any) -> str:
    """Return the command for a request."""
    return curl_command(Request(method, url, **more))


class Form:
    """A body of several pieces."""

    def __init__(self, *pieces: object) -> None:
        self.pieces = pieces


class Named(io.BytesIO):
    """An open file with a name."""

    def __init__(self, name: object) -> None:
        super().__init__()
        self.name = name


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "''"),
        ("a/b-1_2.c:d=e@f%41+g,h", "a/b-1_2.c:d=e@f%41+g,h"),
        ("a b", "'a b'"),
        ("~", "'~'"),
        ("it's", "'it'\\''s'"),
        ("$HOME `id` !x", "'$HOME `id` !x'"),
        ("é\n", "'é\n'"),
        (TOKEN, '"${TOKEN}"'),
        (f"Bearer {TOKEN}!", "'Bearer '\"${TOKEN}\"'!'"),
        (f"a {TOKEN} b", '"a ${TOKEN} b"'),
        (f"it's {TOKEN}", '"it\'s ${TOKEN}"'),
        (f"'$x'{TOKEN}", "''\\''$x'\\'''\"${TOKEN}\""),
        (marker("my.key-1") + marker("1st"), '"${my_key_1}${_1st}"'),
    ],
)
def test_shell_word_is_quoted(text: str, word: str) -> None:
    """Plain text stays as it is; no character but a variable is left to the shell."""
    assert shell_word(text) == word


@pytest.mark.parametrize("text", ["", "a b", "it's", "$x\\", '"', "a\nb", "`'`", "é*?"])
def test_word_is_read_back(text: str) -> None:
    """A POSIX shell reads the text again."""
    assert shlex.split(shell_word(text)) == [text]


EMPTY = "--header 'Content-Length: 0'"


@pytest.mark.parametrize(
    ("method", "body", "words"),
    [
        ("GET", None, "curl --silent --show-error http://h/x"),
        ("HEAD", None, "curl --silent --show-error --head http://h/x"),
        ("DELETE", None, "curl --silent --show-error --request DELETE http://h/x"),
        ("POST", None, f"curl --silent --show-error --request POST http://h/x {EMPTY}"),
        (
            "PATCH",
            None,
            f"curl --silent --show-error --request PATCH http://h/x {EMPTY}",
        ),
        ("POST", b"a=1", "curl --silent --show-error http://h/x --data-raw a=1"),
        ("POST", b"", "curl --silent --show-error http://h/x --data-raw ''"),
        (
            "PUT",
            b"1",
            "curl --silent --show-error --request PUT http://h/x --data-raw 1",
        ),
        (
            "GET",
            b"1",
            "curl --silent --show-error --request GET http://h/x --data-raw 1",
        ),
        (
            "M-SEARCH",
            None,
            f"curl --silent --show-error --request M-SEARCH http://h/x {EMPTY}",
        ),
        (
            "X`id`",
            b"1",
            "curl --silent --show-error --request 'X`id`' http://h/x --data-raw 1",
        ),
    ],
)
def test_method_follows_the_body(method: str, body: bytes | None, words: str) -> None:
    """curl chooses GET or POST itself; a missing body is told where one is expected."""
    assert command(method, body=body) == words


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://h/a?b=c&d", "'http://h/a?b=c&d'"),
        ("http://h/?a[]={b}", "--globoff 'http://h/?a[]={b}'"),
        ("http://[::1]/", "--globoff 'http://[::1]/'"),
        ("http://h/a/../b", "--path-as-is http://h/a/../b"),
        ("http://h/.well-known", "--path-as-is http://h/.well-known"),
        (f"http://h/{TOKEN}/x", '--globoff "http://h/${TOKEN}/x"'),
        (
            f"http://h/x?a=1&k={TOKEN}&b=2",
            "'http://h/x?a=1&b=2' --url-query \"k=${TOKEN}\"",
        ),
        (f"http://h/x?k={TOKEN}", 'http://h/x --url-query "k=${TOKEN}"'),
        (f"http://h/x?k=a%26+{TOKEN}", 'http://h/x --url-query "k=a& ${TOKEN}"'),
        ("http://h/x?", "http://h/x"),
        ("http://h/x?&", "'http://h/x?&'"),
    ],
)
def test_url_is_left_alone_by_curl(url: str, words: str) -> None:
    """Ranges and dots are not interpreted; a variable of the query is encoded by curl."""
    assert command(url=url) == f"curl --silent --show-error {words}"


def test_secret_of_a_sent_request_is_a_variable() -> None:
    """The value of a secret, in any encoding, is a variable of the shell."""
    made = command(
        "POST",
        "http://h/x?k=s%26t&n=1",
        headers={"X-Key": "key s&t"},
        body=b'{"k": "s&t"}',
        secrets=(Secret("KEY", "s&t"),),
    )
    assert made == (
        'curl --silent --show-error \'http://h/x?n=1\' --url-query "k=${KEY}" --header "X-Key: key ${KEY}"'
        ' --data-raw \'{"k": "\'"${KEY}"\'"}\''
    )


def test_headers_are_those_of_the_document() -> None:
    """Headers that curl has values of its own for are left out; an empty one is sent."""
    headers = {
        "User-Agent": "naftiko",
        "ACCEPT-ENCODING": "gzip",
        "X-Empty": "",
        "Accept": "a/b",
    }
    assert command(headers=headers) == (
        "curl --silent --show-error http://h/x --header 'X-Empty;' --header 'Accept: a/b'"
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (f"{LOGIN}ann:{TOKEN}", '--user "ann:${TOKEN}"'),
        ("Basic YTpi", "--header 'Authorization: Basic YTpi'"),
        (f"Bearer {TOKEN}", '--header "Authorization: Bearer ${TOKEN}"'),
    ],
)
def test_login_of_a_preview_is_an_option(value: str, words: str) -> None:
    """Basic credentials with variables are encoded by curl, not by the command."""
    assert (
        command(headers={"Authorization": value})
        == f"curl --silent --show-error http://h/x {words}"
    )


def test_options_of_a_login_are_quoted() -> None:
    """The words of a `SignIn` come before the body."""
    request = Request("POST", "http://h/x", body=b"1")
    made = curl_command(request, ("--digest", "--user", f"a b:{TOKEN}"))
    assert (
        made
        == 'curl --silent --show-error http://h/x --digest --user "a b:${TOKEN}" --data-raw 1'
    )


def test_socket_is_an_option() -> None:
    """A request to a socket file names it."""
    assert command(url="http://localhost/x", socket="/run/a b.sock") == (
        "curl --silent --show-error --unix-socket '/run/a b.sock' http://localhost/x"
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"@/etc/passwd", "curl --silent --show-error http://h/x --data-raw @/etc/passwd"),
        ("é'".encode(), "curl --silent --show-error http://h/x --data-raw 'é'\\'''"),
        (
            b"\xff%a\0",
            "printf '\\377\\045\\141\\000' | curl --silent --show-error http://h/x --data-binary @-",
        ),
        (b"a\0", "printf '\\141\\000' | curl --silent --show-error http://h/x --data-binary @-"),
        (Path("/a b/c.bin"), "curl --silent --show-error http://h/x --data-binary '@/a b/c.bin'"),
        (Path("-o"), "curl --silent --show-error http://h/x --data-binary @./-o"),
        (Named("data.bin"), "curl --silent --show-error http://h/x --data-binary @data.bin"),
        (Named("<stdin>"), "curl --silent --show-error http://h/x --data-binary @-"),
        (Named(0), "curl --silent --show-error http://h/x --data-binary @-"),
        (io.BytesIO(b"x"), "curl --silent --show-error http://h/x --data-binary @-"),
        (
            Form(b"--b\r\n", Path("f 1"), b"\xff"),
            "{ printf %s '--b\r\n'; cat 'f 1'; printf '\\377'; }"
            " | curl --silent --show-error http://h/x --data-binary @-",
        ),
    ],
    ids=[
        "at sign", "text", "bytes", "zero byte", "path", "path like an option", "file",
        "standard input", "descriptor", "memory", "form",
    ],
)  # fmt: skip
def test_body_is_given_exactly(body: Any, words: str) -> None:
    """A text stands in the command, a file is named, and other bytes are printed."""
    assert command("POST", body=body) == words
