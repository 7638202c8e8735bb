"""Words of a command line → arguments, body, headers and base URIs of a call.

    call_arguments(["isbn=1", "quantity:=2"], None, operation)
        → {"isbn": "1", "quantity": 2}
    base_uris(["shop=http://h.test"], ["shop"]) → {"shop": "http://h.test"}

A word that may hold a secret is not repeated in a message.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from naftiko.cli.units.typed import typed
from naftiko.consumes.base_uri import checked_uri
from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.consumes.content import Content
from naftiko.errors import EXIT_USAGE, ArgumentError, did_you_mean, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from naftiko.consumes.operation import Operation

_ITEM = re.compile(r"([^=]+?)(:=|=@|=)(.*)", re.DOTALL)
_SIGN = re.compile(r"(:=|=@|=)(.*)", re.DOTALL)
_IN_A_FILE = "give bytes in a file: name=@file, --body @file"
#: Digits of a number: near the limit of Python's own conversion.
_MOST_DIGITS = 3000
#: Characters that a URI has before its first `=`, and a namespace never.
_NO_NAMESPACE = re.compile(r"[/:@?#]")
#: Body kinds that can carry a file as it is.
_FILE_KINDS = frozenset(("multipartForm", "binary"))


class UsageError(ArgumentError):
    """Words of the command line that are wrong, whatever is called or asked."""

    exit_code = EXIT_USAGE


def base_uris(
    given: Sequence[str], namespaces: Sequence[str] | None = None
) -> dict[str, str]:
    """Return namespace → URI: `["a=http://h.test"]` → `{"a": "http://h.test"}`.

    Args:
        given: The values of `--base-uri`. One without a namespace is for all others.
        namespaces: Those that there are. Without them no namespace is checked, and the
            URI for all others has the empty namespace.

    Raises:
        UsageError: A URI is none, or its namespace is unknown or given twice.
    """
    uris: dict[str, str] = {}
    for text in given:
        name, sign, uri = text_of(text, "--base-uri").partition("=")
        if not sign or _NO_NAMESPACE.search(name):
            name, uri = "", text
        if name in uris:
            shown = f" for '{name}'" if name else ""
            raise UsageError(
                f"--base-uri is given twice{shown}",
                hint="write --base-uri NAMESPACE=URI for each namespace",
            )
        try:
            uris[name] = checked_uri(uri)
        except ArgumentError as error:
            raise UsageError(f"--base-uri: {error.message}", hint=error.hint) from None
    if namespaces is None:
        return uris
    for name in filter(None, uris):
        if name not in namespaces:
            raise UsageError(
                f"--base-uri: no namespace is called '{name}'",
                hint=did_you_mean(name, namespaces)
                or f"the document consumes: {names_of(namespaces)}",
            )
    if "" in uris:
        uris = {**dict.fromkeys(namespaces, uris.pop("")), **uris}
    return uris


def headers(given: list[tuple[str, str]]) -> dict[str, str]:
    """Return header name → value: `[("X-Who", "me")]` → `{"X-Who": "me"}`.

    Raises:
        UsageError: A header is given twice, in any case of letters.
    """
    named: dict[str, str] = {}
    for name, value in given:
        if name.lower() in map(str.lower, named):
            raise UsageError(
                f"--header: '{name}' is given twice",
                hint="write its values in one, with a comma between them",
            )
        named[name] = value
    return named


def call_arguments(
    items: list[str], body: str | None, operation: Operation
) -> dict[str, Any]:
    """Return argument → value; a name given several times has a list.

    `["id=1", "id=2", "n:=3"]` → `{"id": ["1", "2"], "n": 3}`.

    Args:
        items: Words such as `name=value`, `name:=JSON` and `name=@file`.
        body: The value of `--body`, or `None`.
        operation: The operation to call; the names of its arguments may hold `=`.

    Raises:
        UsageError: A word is no argument, or a file cannot be read.
    """
    several: dict[str, list[Any]] = {}
    names = [parameter.name for parameter in operation.parameters]
    for number, item in enumerate(items, 1):
        parts = split_item(item, names)
        if parts is None:
            # A word that is no name may be a value, and a secret: it is not shown.
            shown = f", '{item}'" if item in names else ""
            raise UsageError(
                f"argument {number}{shown}: expected name=value",
                hint="write name=value, name:=JSON or name=@file;"
                f" {operation.ref} takes: {names_of(names)}",
            )
        name, sign, text = parts
        text_of(name if sign == "=@" else item, "an argument", _IN_A_FILE)
        several.setdefault(name, []).append(
            _argument_value(name, sign, text, operation)
        )
    given = {
        name: values if len(values) > 1 else values[0]
        for name, values in several.items()
    }
    if body is not None:
        if not operation.takes_body or OPEN_ARGUMENT in names:
            has = "describes its body" if operation.body else "takes no body"
            raise UsageError(
                f"--body: {operation.ref} {has}",
                hint=f"it takes: {names_of(names)}",
            )
        if OPEN_ARGUMENT in given:
            raise UsageError(
                "the body is given twice", hint="leave out body= or --body"
            )
        given[OPEN_ARGUMENT] = _body(body)
    return given


def text_of(text: str, what: str, hint: str = "write it in UTF-8") -> str:
    """Return a word of the command line if it is text.

    Raises:
        UsageError: The word holds bytes that are not UTF-8; `what` names it.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{what} holds bytes that are not UTF-8",
            hint=hint,
        ) from None
    return text


def split_item(item: str, names: Iterable[str]) -> tuple[str, str, str] | None:
    """Return the name, the sign and the value of an argument; `None` for another word.

    `n:=3` → `("n", ":=", "3")`. A name may hold `=` or end in `:`, so the longest of
    the known names decides where it ends: `a=b=1` → `("a=b", "=", "1")`.
    """
    for name in sorted(filter(item.startswith, names), key=len, reverse=True):
        match = _SIGN.fullmatch(item, len(name))
        if match and name:
            return name, match[1], match[2]
    match = _ITEM.fullmatch(item)
    return (match[1], match[2], match[3]) if match else None


def _argument_value(name: str, sign: str, text: str, operation: Operation) -> Any:
    if sign == "=":
        return typed(name, text, operation)
    if sign == ":=":
        return _json_value(name, text)
    file = _file_argument(text, f"{name}=@{text}")
    body = operation.spec.body
    as_it_is = name == OPEN_ARGUMENT and operation.takes_body
    if as_it_is or (body is not None and body.kind in _FILE_KINDS):
        return file
    with file.open("rb") if isinstance(file, Path) else file as opened:
        content = opened.read()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content


def _json_value(name: str, text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_members,
            parse_constant=_no_number,
            parse_int=_integer,
        )
    except RecursionError:
        raise UsageError(f"the value of '{name}' is nested too deeply") from None
    except ValueError as error:
        hint = f"write {name}='…' to give a text"
        if text.startswith("@"):
            hint = f"write {name}={text} for the content of a file"
        raise UsageError(
            f"the value of '{name}' is not JSON: {error}", hint=hint
        ) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"duplicate key '{twice}'")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits is too large")
    return int(digits)


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not a number in JSON")


def _file_argument(text: str, what: str) -> Path | IO[bytes]:
    """Return a file as a path, or open when it can be read only once."""
    path = Path(text).expanduser()
    if not text:
        raise UsageError(f"{what}: expected a file name behind '@'")
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "standard input is --body -, or @/dev/stdin" if text == "-" else ""
        raise UsageError(f"{what}: cannot be read: {reason}", hint=hint) from None
    if path.is_file():
        file.close()
        return path
    return file


def _body(text: str) -> Any:
    """Return the value of `--body`: JSON with its media type, a text, or a file."""
    if text == "-":
        return sys.stdin.buffer
    if text.startswith("@"):
        return _file_argument(text[1:], f"--body {text}")
    text_of(text, "--body", _IN_A_FILE)
    try:
        # This only tests whether the text is JSON: a number may have any length.
        json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return text
    return Content(text.encode(), "application/json")
