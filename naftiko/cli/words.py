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

from naftiko.cli.arguments.filling import fill, place_in, template_of
from naftiko.cli.arguments.nested import Gathered, split_nested
from naftiko.cli.console import clean, note
from naftiko.cli.units.typed import typed
from naftiko.cli.values import UsageError as UsageError
from naftiko.consumes.base_uri import checked_uri
from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.consumes.content import FORM_KINDS, Content
from naftiko.errors import ArgumentError, did_you_mean, names_of, shorten

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

    `["id=1", "id=2", "n:=3"]` → `{"id": ["1", "2"], "n": 3}`, and with a name that
    reaches into a value, `["customer.name=Ann"]` → `{"customer": {"name": "Ann"}}`.

    Args:
        items: Words such as `name=value`, `name:=JSON`, `name=@file`, and `@file` for
            the whole body.
        body: The value of `--body`, or `None`.
        operation: The operation to call; the names of its arguments may hold `=`.

    Raises:
        UsageError: A word is no argument, or a file cannot be read.
    """
    names = [parameter.name for parameter in operation.parameters]
    gathered = Gathered()
    for number, item in enumerate(items, 1):
        if item.startswith("@") and split_item(item, names) is None:
            if body is not None:
                raise UsageError(
                    f"argument {number}: the body is given twice",
                    hint="leave out '@…' or --body",
                )
            body = item
            continue
        _add_item(gathered, number, item, names, operation)
    given = gathered.values()
    return given if body is None else _with_body(body, given, operation)


def _add_item(
    gathered: Gathered, number: int, item: str, names: list[str], operation: Operation
) -> None:
    """Add the value of one word to the values of the others."""
    parts = split_item(item, names)
    steps: tuple[str | int | None, ...] = ()
    written = ""
    if parts is None or parts[0] not in names:
        template = template_of(operation)
        roots = [*names, *template, *([OPEN_ARGUMENT] * operation.takes_body)]
        nested = split_nested(item, roots)
        if nested is not None:
            name, steps, written = nested.root, nested.steps, nested.written
            if name not in names and name in template:
                place = place_in(template, name, steps, names)
                if place is None:
                    raise UsageError(
                        f"argument {number}: the body of {operation.ref} takes nothing"
                        f" at '{written}'",
                        hint=f"it takes: {names_of(names)}",
                    )
                name, steps = place
            parts = name, nested.sign, nested.text
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
    if sign == "=" and text.startswith("="):
        text = _query_text(name, text, operation)
    value = _argument_value(name, sign, text, operation)
    if name not in names and not steps and isinstance(value, dict):
        # An object of the body whose members are arguments: `customer:={"name": …}`.
        filling = fill(template_of(operation), {name: value}, names)
        if filling.is_whole:
            for argument, member in filling.arguments.items():
                gathered.add(argument, member)
            return
    gathered.add(name, value, steps, written)


def _query_text(name: str, text: str, operation: Operation) -> str:
    """Return the value of `name==value`, which other programs put into the query.

    Raises:
        UsageError: The argument goes elsewhere.
    """
    places = {p.name: p.in_ for p in operation.parameters}
    place = places.get(name)
    if place in ("query", None):
        return text[1:]
    raise UsageError(
        f"'{name}==…' is a value of the query, and '{name}' goes into the {place}",
        hint=f"write {name}=VALUE, or {name}:='\"=…\"' for a text that begins with '='",
    )


# --- the body ---------------------------------------------------------------------


def _with_body(
    word: str, given: dict[str, Any], operation: Operation
) -> dict[str, Any]:
    """Return the arguments with the body: a text, `@file`, or `-` for standard input.

    The members of a body that the document describes become arguments, so they are
    checked as arguments are; an argument beside it replaces a member.
    """
    names = [p.name for p in operation.parameters if p.in_ == "body"]
    if operation.takes_body and OPEN_ARGUMENT not in names:
        if OPEN_ARGUMENT in given:
            raise UsageError(
                "the body is given twice", hint="leave out body= or --body"
            )
        return {**given, OPEN_ARGUMENT: _body(word)}
    if not operation.body:
        raise UsageError(
            f"--body: {operation.ref} takes no body",
            hint="it takes: "
            + names_of([parameter.name for parameter in operation.parameters]),
        )
    body = operation.spec.body
    kind = body.kind if body else ""
    if kind in ("text", "binary"):
        return _beside(given, names, Content(_value_of(_body(word))))
    text = _text_of(_value_of(_body(word)), "the body")
    try:
        value = _read_json(text)
    except RecursionError:
        raise UsageError("the body is nested too deeply") from None
    except ValueError as error:
        if kind == "formUrlEncoded":
            return _beside(given, names, Content(text))
        raise UsageError(
            f"the body of {operation.ref} is not JSON: {error}",
            hint="see what it takes: naftiko describe",
        ) from None
    if not isinstance(value, dict):
        return _beside(given, names, Content(text.encode()))
    return _filled(value, given, names, operation, text)


def _filled(
    value: dict[str, Any],
    given: dict[str, Any],
    names: list[str],
    operation: Operation,
    text: str,
) -> dict[str, Any]:
    """Return the arguments that the members of a body give, below those given."""
    body = operation.spec.body
    is_form = body is not None and body.kind in FORM_KINDS
    template = template_of(operation)
    filling = fill(template, value, names)
    known = list(dict.fromkeys([*template, *names]))
    for name in filling.unknown:
        near = did_you_mean(name, [k for k in known if k not in value])
        if near or is_form:
            raise UsageError(
                f"the body of {operation.ref} has no member '{shorten(name)}'",
                hint=near or f"it takes: {names_of(known)}",
            )
        if template:
            note(
                f"note: '{clean(shorten(name))}' is no member that the document"
                " describes; it is sent as it is"
            )
    if filling.is_whole:
        return _merged(filling.arguments, given)
    return _beside(given, names, Content(text.encode()))


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return two objects as one; a member of the second replaces one of the first."""
    merged = {**below, **above}
    for name, value in above.items():
        other = below.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            merged[name] = _merged(other, value)
    return merged


def _beside(
    given: dict[str, Any], names: list[str], content: Content
) -> dict[str, Any]:
    """Return the arguments with a whole body, which takes the place of its arguments.

    Raises:
        UsageError: An argument of the body is given too.
    """
    twice = [name for name in names if name in given]
    if twice:
        raise UsageError(
            f"the body is given as a whole, and in parts by '{twice[0]}'",
            hint=f"put the value of '{twice[0]}' into the body, or leave the body out",
        )
    return {**given, OPEN_ARGUMENT: content}


def _value_of(body: Any) -> Any:
    return body.value if isinstance(body, Content) else body


def _text_of(content: Any, what: str) -> str:
    """Return the text of a body or a file that holds JSON or a form."""
    if isinstance(content, Path):
        content = content.read_bytes()
    elif hasattr(content, "read"):
        content = content.read()
    if isinstance(content, str):
        return content
    try:
        return bytes(content).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(
            f"{what} is not UTF-8 text", hint="save the file as UTF-8"
        ) from None


# --- words ------------------------------------------------------------------------


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
    if text.startswith("@"):
        text = _text_of(_file_argument(text[1:], f"{name}:={text}"), f"'{name}'")
    try:
        return _read_json(text)
    except RecursionError:
        raise UsageError(f"the value of '{name}' is nested too deeply") from None
    except ValueError as error:
        raise UsageError(
            f"the value of '{name}' is not JSON: {error}",
            hint=f"write {name}='…' to give a text",
        ) from None


def _read_json(text: str) -> Any:
    """Return strict JSON as a value.

    Raises:
        ValueError: The text is no JSON, or an object has a member twice.
        RecursionError: It is nested too deeply.
    """
    return json.loads(
        text,
        object_pairs_hook=_members,
        parse_constant=_no_number,
        parse_int=_integer,
    )


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
        if text == "@-":
            return sys.stdin.buffer
        return _file_argument(text[1:], f"--body {text}")
    text_of(text, "--body", _IN_A_FILE)
    try:
        # This only tests whether the text is JSON: a number may have any length.
        json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return text
    return Content(text.encode(), "application/json")
