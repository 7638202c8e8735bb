"""Words of a command line → arguments, body, headers and base URIs of a call."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from naftiko.consumes.base_uri import checked_uri
from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.consumes.content import Content
from naftiko.errors import EXIT_USAGE, ArgumentError, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.consumes.operation import Operation

_ITEM = re.compile(r"([^=]+?)(:=|=@|=)(.*)", re.DOTALL)
_SIGN = re.compile(r"(:=|=@|=)(.*)", re.DOTALL)
_IN_A_FILE = "bytes can be given in a file: name=@file, --body @file"
#: Python converts no longer ones, and nothing needs them.
_MOST_DIGITS = 3000
#: What tells a URI from `NAMESPACE=URI`.
_NO_NAMESPACE = re.compile(r"[/:@?#]")
#: Body kinds that can carry a file as it is.
_FILE_KINDS = frozenset(("multipartForm", "binary"))


class UsageError(ArgumentError):
    """The words do not make a call."""

    exit_code = EXIT_USAGE


def base_uris(given: list[str], namespaces: list[str]) -> dict[str, str] | None:
    """Return namespace → URI; a URI without a namespace is for all the others."""
    uris: dict[str, str] = {}
    for text in given:
        name, sign, uri = text_of(text, "--base-uri").partition("=")
        if not sign or _NO_NAMESPACE.search(name):
            name, uri = "", text
        if name in uris:
            what = f" for '{name}'" if name else ""
            raise UsageError(
                f"--base-uri is given twice{what}",
                hint="write --base-uri NAMESPACE=URI for each namespace",
            )
        try:
            uris[name] = checked_uri(uri)
        except ArgumentError as error:
            raise UsageError(f"--base-uri: {error.message}", hint=error.hint) from None
    if "" in uris:
        uris = {**dict.fromkeys(namespaces, uris.pop("")), **uris}
    return uris or None


def headers(given: list[tuple[str, str]]) -> dict[str, str]:
    """Return header name → value."""
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
    """Return argument → value; a name that stands several times has a list."""
    several: dict[str, list[Any]] = {}
    names = [parameter.name for parameter in operation.parameters]
    for number, item in enumerate(items, 1):
        found = split_item(item, names)
        if found is None:
            # Another word than a name may be a value, and that a secret.
            shown = f", '{item}'," if item in names else ""
            raise UsageError(
                f"argument {number}{shown} is not name=value",
                hint="write name=value, name:=JSON or name=@file;"
                f" it takes: {names_of(names)}",
            )
        name, sign, text = found
        text_of(name if sign == "=@" else item, "an argument", _IN_A_FILE)
        several.setdefault(name, []).append(_value(name, sign, text, operation))
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
    """Return a word of the command line that is text."""
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

    A name may hold `=` or end in `:`, so the longest of the names that the operation
    takes decides where it ends.
    """
    for name in sorted(filter(item.startswith, names), key=len, reverse=True):
        found = _SIGN.fullmatch(item, len(name))
        if found and name:
            return name, found[1], found[2]
    found = _ITEM.fullmatch(item)
    return (found[1], found[2], found[3]) if found else None


def _value(name: str, sign: str, text: str, operation: Operation) -> Any:
    if sign == "=":
        return text
    if sign == ":=":
        return _json(name, text)
    file = _file(text, f"{name}=@{text}")
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


def _json(name: str, text: str) -> Any:
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
        raise ValueError(f"the member '{twice}' stands twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits is too large")
    return int(digits)


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not a number in JSON")


def _file(text: str, what: str) -> Path | IO[bytes]:
    """Return a file as a path, or open when it can be read only once."""
    path = Path(text).expanduser()
    if not text:
        raise UsageError(f"{what}: the name of the file is missing")
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
    if text == "-":
        return sys.stdin.buffer
    if text.startswith("@"):
        return _file(text[1:], f"--body {text}")
    text_of(text, "--body", _IN_A_FILE)
    try:
        # Only whether it is JSON: a number of any length is.
        json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return text
    return Content(text.encode(), "application/json")
