"""The option `--body`: a text, a file or standard input → arguments of a call.

    '{"isbn": 1}', the body of the operation is {"isbn": "{{number}}"} → {"number": 1}

The members of a body that the document describes become arguments, so they are checked
as arguments are. A body that no arguments can give is sent as it is.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from naftiko.cli.arguments.filling import fill, template_of
from naftiko.cli.arguments.reading import decoded, file_argument, read_json
from naftiko.cli.console import line_of, note
from naftiko.cli.values import UsageError, text_of
from naftiko.consumes.body import OPEN_ARGUMENT
from naftiko.consumes.content import FORM_KINDS, Content
from naftiko.consumes.operation import Operation
from naftiko.errors import did_you_mean, names_of, shorten

IN_A_FILE = "give bytes in a file: name=@file, --body @file"


def with_body(word: str, given: dict[str, Any], operation: Operation) -> dict[str, Any]:
    """Return the arguments with the body: a text, `@file`, or `-` for standard input.

    The members of a body that the document describes become arguments, so they are
    checked as arguments are; an argument beside it replaces a member.
    """
    if not isinstance(operation, Operation):
        return _of_function(word, given, operation)
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
            hint=f"It takes: {names_of([p.name for p in operation.parameters])}.",
        )
    body = operation.spec.body
    kind = body.kind if body else ""
    whole = whole_argument(operation)
    if whole in given:
        raise UsageError(
            "the body is given twice", hint=f"leave out '{whole}' or --body"
        )
    if kind in ("text", "binary"):
        content = Content(_value_of(_body(word)))
        return {**given, whole: content} if whole else _beside(given, names, content)
    text = decoded(_value_of(_body(word)), "the body")
    if whole and kind == "json":
        return {**given, whole: whole_value(text, whole, operation)}
    try:
        value = read_json(text)
    except RecursionError:
        raise UsageError("the body is nested too deeply") from None
    except ValueError as error:
        if kind == "formUrlEncoded":
            content = Content(text)
            return (
                {**given, whole: content} if whole else _beside(given, names, content)
            )
        raise _no_json(operation, error) from None
    if whole:
        return {**given, whole: value}
    if not isinstance(value, dict):
        return _beside(given, names, Content(text.encode()))
    return _filled(value, given, names, operation, text)


def _of_function(
    word: str, given: dict[str, Any], function: Operation
) -> dict[str, Any]:
    """Return the arguments of an exposed function with the body of a request to it.

    Its argument `body` is all of it; otherwise its arguments are members of an object.
    """
    types = {parameter.name: parameter.type for parameter in function.parameters}
    if OPEN_ARGUMENT in given:
        raise UsageError("the body is given twice", hint="leave out body= or --body")
    if function.takes_body:
        return {**given, OPEN_ARGUMENT: _body(word)}
    text = decoded(_value_of(_body(word)), "the body")
    try:
        value = read_json(text)
    except RecursionError:
        raise UsageError("the body is nested too deeply") from None
    except ValueError as error:
        if types.get(OPEN_ARGUMENT) in ("", "string"):
            return {**given, OPEN_ARGUMENT: text}
        raise _no_json(function, error) from None
    if OPEN_ARGUMENT in types:
        return {**given, OPEN_ARGUMENT: value}
    if not isinstance(value, dict):
        raise UsageError(
            f"the body of {function.ref} is no JSON object",
            hint=f"It takes: {names_of(types)}.",
        )
    for name in value:
        if name not in types:
            raise UsageError(
                f"the body of {function.ref} has no member '{shorten(name)}'",
                hint=did_you_mean(name, types) or f"It takes: {names_of(types)}.",
            )
    return _merged(value, given)


def whole_argument(operation: Operation) -> str:
    """Return the argument that is all of the body, whatever its name, if there is one.

    The parameter `body` of generated files is one, and so is `id` in `data: "{{id}}"`.
    An exposed function has none: it decides itself where its arguments go.
    """
    if not isinstance(operation, Operation):
        return ""
    plan = operation.layout.body
    if plan is None or len(plan.arguments) != 1 or plan.variables:
        return ""
    value = object()
    return next(iter(plan.arguments)) if plan.build(lambda ref: value) is value else ""


def whole_value(text: str, name: str, operation: Operation) -> Any:
    """Return a text as a whole JSON body: as it is, or the JSON string of its letters.

    Args:
        text: What `--body`, a file or standard input holds.
        name: The argument that is the whole body.
        operation: The operation to call.

    Raises:
        UsageError: It begins like an object or a list, and is no JSON.
    """
    try:
        read_json(text)
    except RecursionError:
        raise UsageError("the body is nested too deeply") from None
    except ValueError as error:
        types = {p.name: p.type for p in operation.parameters}
        # What begins like an object is meant as one, where nothing says otherwise.
        if types.get(name) != "string" and text.lstrip()[:1] in ("{", "["):
            raise _no_json(operation, error) from None
        return text
    return Content(text.encode())


def _no_json(operation: Operation, error: ValueError) -> UsageError:
    return UsageError(
        f"the body of {operation.ref} is not JSON: {error}",
        hint="write names and texts in double quotation marks, and no comma behind the"
        " last member; `naftiko describe` shows what it takes",
    )


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
                hint=near or f"It takes: {names_of(known)}.",
            )
        if template:
            note(
                f"note: '{line_of(shorten(name))}' is no member that the document"
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
    if OPEN_ARGUMENT in names:
        raise UsageError(
            f"the body has a member '{OPEN_ARGUMENT}' of its own, and cannot be given"
            " as a whole",
            hint=f"give its members as arguments: {names_of(names)}",
        )
    twice = [name for name in names if name in given]
    if twice:
        raise UsageError(
            f"the body is given as a whole, and in parts by '{twice[0]}'",
            hint=f"put the value of '{twice[0]}' into the body, or leave the body out",
        )
    return {**given, OPEN_ARGUMENT: content}


def _value_of(body: Any) -> Any:
    return body.value if isinstance(body, Content) else body


def _body(text: str) -> Any:
    """Return the value of `--body`: JSON with its media type, a text, or a file."""
    if text == "-":
        return sys.stdin.buffer
    if text.startswith("@"):
        if text == "@-":
            return sys.stdin.buffer
        return file_argument(text[1:], f"--body {text}")
    text_of(text, "--body", IN_A_FILE)
    try:
        # This only tests whether the text is JSON: a number may have any length.
        json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return text
    return Content(text.encode(), "application/json")
