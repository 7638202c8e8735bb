"""A request as a `curl` command for a POSIX shell, variables left to the shell."""

from __future__ import annotations

import re
from typing import Any, Protocol
from urllib.parse import unquote_plus

from naftiko.masking import LOGIN, plain, split_markers


class Sendable(Protocol):
    """What a command is made from: a `Request`."""

    method: str
    url: str
    headers: Any
    body: Any
    socket: str
    auth: Any

    def mask(self, text: str) -> str:
        """Return a text without secrets."""
        ...


_PLAIN = re.compile(r"[A-Za-z0-9_./:=@%+,-]+")
_HIDDEN = ("user-agent", "accept-encoding")


def curl_command(request: Sendable) -> str:
    """Return the command; a request with markers gives one with `$NAME`s."""
    words: list[str] = ["curl"]
    if request.method == "HEAD":
        words.append("--head")
    elif request.method != ("GET" if request.body is None else "POST"):
        words += ["--request", request.method]
    if request.socket:
        words += ["--unix-socket", shell_word(request.socket)]
    url, secret_query = _without_variables(request.mask(request.url))
    # curl reads `[` and `{` in a URL as ranges unless told otherwise.
    if re.search(r"[\[\]{}]", url):
        words.append("--globoff")
    # curl would drop `.` and `..` of a path before sending.
    if "/." in url:
        words.append("--path-as-is")
    words.append(shell_word(url))
    for pair in secret_query:
        words += ["--url-query", shell_word(pair)]
    login = None
    for name, value in request.headers.items():
        if name.lower() in _HIDDEN:
            continue
        if name.lower() == "authorization" and value.startswith(LOGIN):
            login = value.removeprefix(LOGIN)
            continue
        # `Name;` is how curl sends a header without a value.
        text = f"{name}: {request.mask(value)}" if value else f"{name};"
        words += ["--header", shell_word(text)]
    if login is not None:
        words += ["--user", shell_word(login)]
    elif type(request.auth).__name__ == "DigestLogin":
        words += ["--digest", "--user", shell_word(str(request.auth))]
    before, body = _body_words(request)
    return before + " ".join(words + body)


def _body_words(request: Sendable) -> tuple[str, list[str]]:
    """Return what goes before the command, and the words that give the body."""
    body = request.body
    if body is None:
        return "", []
    if not isinstance(body, bytes):
        name = getattr(body, "name", None) if hasattr(body, "read") else str(body)
        # An open file may have no name, a number for one, or `<stdin>`.
        if not isinstance(name, str) or not name or name[0] == "<":
            name = "-"
        return "", ["--data-binary", shell_word(f"@{name}")]
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        # No word of a command can hold these bytes.
        octal = "".join(f"\\{byte:03o}" for byte in body)
        return f"printf '{octal}' | ", ["--data-binary", "@-"]
    flag = "--data-raw" if text.startswith("@") else "--data-binary"
    return "", [flag, shell_word(request.mask(text))]


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
    return head + ("?" + "&".join(kept) if kept else ""), moved


def shell_word(text: str) -> str:
    """Quote a text for a POSIX shell; a marker becomes `"$NAME"`, which it expands."""
    if not text:
        return "''"
    parts = split_markers(text)
    if len(parts) == 1 and not parts[0][1] and _PLAIN.fullmatch(text):
        return text
    if not any(is_variable for _, is_variable in parts):
        return "'" + plain(text).replace("'", "'\\''") + "'"
    quoted = "".join(
        f"${{{part}}}" if is_variable else re.sub(r'([\\"$`!])', r"\\\1", part)
        for part, is_variable in parts
    )
    return f'"{quoted}"'
