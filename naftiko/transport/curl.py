"""A request becomes a `curl` command for a POSIX shell, which fills in the variables.

    POST http://h/x, Authorization: Bearer $TOKEN, {"a": 1}
    ->  curl --silent --show-error http://h/x
        --header "Authorization: Bearer ${TOKEN}" --data-raw '{"a": 1}'

This module must not know how a request is built or sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import unquote_plus

from naftiko.masking import LOGIN, has_marker, split_markers


class Sendable(Protocol):
    """The parts of a `Request` that a command is made from."""

    method: str
    url: str
    headers: Any
    body: Any
    socket: str

    def mark(self, text: str) -> str:
        """Return a text with a marker for every secret."""
        ...


_PLAIN = re.compile(r"[A-Za-z0-9_./:=@%+,-]+")
_SPECIAL = re.compile(r"""[\\"$`!]""")
_HIDDEN = ("user-agent", "accept-encoding")
#: Methods that say nothing when they have no body; others say that it is empty.
_BODILESS = ("GET", "HEAD", "DELETE", "TRACE", "OPTIONS", "CONNECT")


def curl_command(request: Sendable, login: Sequence[str] = ()) -> str:
    """Return the command; a request with markers gives one with `$NAME`s.

        GET http://h/x, Accept: a/b
        ->  curl --silent --show-error http://h/x --header 'Accept: a/b'

    Args:
        request: What the command sends.
        login: Options that sign in, not quoted yet.
    """
    # A progress meter would stand between the lines of a script; errors are still told.
    words: list[str] = ["curl", "--silent", "--show-error"]
    if request.method == "HEAD":
        words.append("--head")
    elif request.method != ("GET" if request.body is None else "POST"):
        words += ["--request", shell_word(request.method)]
    if request.socket:
        words += ["--unix-socket", shell_word(request.socket)]
    url, secret_query = _without_variables(request.mark(request.url))
    # curl reads `[` and `{` in a URL as ranges unless told otherwise.
    if has_marker(url) or re.search(r"[\[\]{}]", url):
        words.append("--globoff")
    # curl would drop `.` and `..` of a path before sending.
    if "/." in url:
        words.append("--path-as-is")
    words.append(shell_word(url))
    for pair in secret_query:
        words += ["--url-query", shell_word(pair)]
    basic = None
    for name, value in request.headers.items():
        if name.lower() in _HIDDEN:
            continue
        if name.lower() == "authorization" and value.startswith(LOGIN):
            basic = value.removeprefix(LOGIN)
            continue
        # `Name;` is how curl sends a header without a value.
        text = f"{name}: {request.mark(value)}" if value else f"{name};"
        words += ["--header", shell_word(text)]
    if basic is not None:
        words += ["--user", shell_word(basic)]
    words += [shell_word(request.mark(word)) for word in login]
    before, body = _body_words(request)
    if request.body is None and request.method not in _BODILESS:
        words += ["--header", "'Content-Length: 0'"]
    return before + " ".join(words + body)


def _body_words(request: Sendable) -> tuple[str, list[str]]:
    """Return the text before the command, and the words that give the body."""
    body = request.body
    if body is None:
        return "", []
    if isinstance(body, bytes):
        text = _as_text(body)
        if text is not None:
            # Not `--data-binary`, which would read a file where a value begins with @.
            return "", ["--data-raw", shell_word(request.mark(text))]
        return f"{_printed(body, request)} | ", ["--data-binary", "@-"]
    if hasattr(body, "pieces"):
        given = "; ".join(_printed(piece, request) for piece in body.pieces)
        return f"{{ {given}; }} | ", ["--data-binary", "@-"]
    return "", ["--data-binary", shell_word(f"@{_file_name(body)}")]


def _printed(piece: Any, request: Sendable) -> str:
    """Return a command that prints a piece of a body."""
    if not isinstance(piece, bytes):
        return f"cat {shell_word(_file_name(piece))}"
    text = _as_text(piece)
    if text is not None:
        return f"printf %s {shell_word(request.mark(text))}"
    # No word of a command can hold these bytes.
    return "printf '" + "".join(f"\\{byte:03o}" for byte in piece) + "'"


def _as_text(data: bytes) -> str | None:
    """Return bytes as a text that a word of a command can hold, or `None`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _file_name(body: Any) -> str:
    """Return the name of a file, or `-` (standard input) if it has none."""
    name = getattr(body, "name", None) if hasattr(body, "read") else str(body)
    # An open file may have no name, a number for one, or `<stdin>`.
    if not isinstance(name, str) or not name or name[0] == "<":
        return "-"
    return f"./{name}" if name[0] == "-" else name


def _without_variables(url: str) -> tuple[str, list[str]]:
    """Move query pairs that hold a variable out of the URL, for the shell to fill.

    In the URL the shell would insert the value as it is; `--url-query` encodes it.
    """
    head, mark, query = url.partition("?")
    kept, moved = [], []
    for pair in query.split("&") if mark else ():
        if any(is_variable for _, is_variable in split_markers(pair)):
            name, _, value = pair.partition("=")
            moved.append(f"{name}={unquote_plus(value)}")
        else:
            kept.append(pair)
    # A target with an empty query is sent without it.
    rest = "&".join(kept)
    return head + (f"?{rest}" if rest else ""), moved


def shell_word(text: str) -> str:
    """Quote a text for a POSIX shell, which fills in `"${NAME}"` for a marker."""
    if not text:
        return "''"
    parts = split_markers(text)
    literals = [part for part, is_variable in parts if not is_variable]
    if len(literals) == len(parts):
        return text if _PLAIN.fullmatch(text) else _in_single_quotes(text)
    if any(_SPECIAL.search(part) for part in literals):
        # Inside double quotes a `!` cannot be had in every shell.
        return "".join(
            f'"{_expanded(part)}"' if is_variable else _in_single_quotes(part)
            for part, is_variable in parts
        )
    inner = (_expanded(part) if variable else part for part, variable in parts)
    return f'"{"".join(inner)}"'


def _in_single_quotes(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _expanded(name: str) -> str:
    """Return `${NAME}`; characters that the shell does not allow there become `_`."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"${{_{name}}}" if name[0].isdigit() else f"${{{name}}}"
