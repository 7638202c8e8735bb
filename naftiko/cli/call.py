"""`naftiko call`: words of a command line → one call → a result in a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naftiko.body import OPEN_ARGUMENT, Content
from naftiko.cli.cache import read_cached
from naftiko.cli.console import (
    Progress,
    csv_text,
    fail,
    has_colour,
    json_text,
    paint,
    table_text,
)
from naftiko.document import write_yaml
from naftiko.errors import EXIT_USAGE, ArgumentError, CallError, OutputError
from naftiko.loader import load

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from naftiko.capability import Capability
    from naftiko.exchange import Exchange
    from naftiko.messages import Request, Response
    from naftiko.operation import Operation
    from naftiko.transport import StreamedResponse

_ITEM = re.compile(r"(?P<name>[^=]+?)(?P<sign>:=|=@|=)(?P<value>.*)", re.DOTALL)
_FIELD = re.compile(r"\s*([^:\s]+)\s*:\s*(.*)", re.DOTALL)
#: Body kinds that can carry a file as it is.
_FILE_KINDS = frozenset(("multipartForm", "binary"))


class _Usage(ArgumentError):
    """The words do not make a call."""

    exit_code = EXIT_USAGE


def run_call(arguments: Namespace) -> int:
    """Call an operation and print its result."""
    _check_options(arguments)
    select = _selector(arguments.select)
    with load(read_cached(arguments.file), schema=None) as loaded:
        operation = loaded.operations.find(arguments.ref)
        capability = loaded.using(
            base_uri=_base_uri(arguments.base_uri),
            headers=_headers(arguments.header),
            timeout=arguments.timeout,
        )
        given = _arguments(arguments, operation)
        if arguments.curl or arguments.dry_run:
            _show_request(capability.request(arguments.ref, given), arguments)
        elif arguments.save is not None:
            _save(capability, arguments, given)
        elif arguments.stream:
            with capability.stream(arguments.ref, given) as stream:
                _show_stream(stream, arguments)
        else:
            exchange = capability.exchange(arguments.ref, given)
            if arguments.include:
                _show_head(exchange.response)
            _show_result(exchange, select, arguments)
    return 0


def _check_options(arguments: Namespace) -> None:
    ways = {
        "--dry-run": arguments.dry_run,
        "--curl": arguments.curl,
        "--stream": arguments.stream,
        "-O": arguments.save is not None,
    }
    chosen = [name for name, given in ways.items() if given]
    if len(chosen) > 1:
        raise _Usage(f"{chosen[0]} and {chosen[1]} exclude each other")
    shaped = arguments.select or arguments.output not in (None, "raw")
    if shaped and (arguments.raw or arguments.stream or arguments.save is not None):
        raise _Usage(
            "--select and --output shape a decoded result",
            hint="leave out --raw, --stream and -O",
        )


# --- what is sent -----------------------------------------------------------------


def _arguments(arguments: Namespace, operation: Operation) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for item in arguments.items:
        found = _ITEM.fullmatch(item)
        if not found:
            raise _Usage(
                f"'{item}' is not an argument",
                hint="write name=value, name:=JSON or name=@file",
            )
        name = found["name"]
        value = _value(found, operation)
        if name in given:
            known = given[name]
            value = [*known, value] if isinstance(known, _Several) else [known, value]
            value = _Several(value)
        given[name] = value
    given = {
        name: list(value) if isinstance(value, _Several) else value
        for name, value in given.items()
    }
    if arguments.body is not None:
        if OPEN_ARGUMENT in given:
            raise _Usage("the body is given twice", hint="leave out body= or --body")
        given[OPEN_ARGUMENT] = _body(arguments.body)
    return given


class _Several(list[Any]):
    """Values of one name that was given several times."""


def _value(found: re.Match[str], operation: Operation) -> Any:
    name, text = found["name"], found["value"]
    if found["sign"] == "=":
        return text
    if found["sign"] == ":=":
        try:
            return json.loads(text)
        except ValueError as error:
            raise _Usage(
                f"the value of '{name}' is not JSON: {error}",
                hint=f"write {name}='…' to give a text",
            ) from None
    path = _file(text, f"the file of '{name}'")
    body = operation.spec.body
    as_it_is = name == OPEN_ARGUMENT and operation.takes_body
    if as_it_is or (body is not None and body.kind in _FILE_KINDS):
        return path
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return path.read_bytes()


def _file(text: str, what: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise _Usage(f"{what}, '{text}', is not there")
    if not os.access(path, os.R_OK):
        raise _Usage(f"{what}, '{text}', cannot be read")
    return path


def _body(text: str) -> Any:
    if text == "-":
        return sys.stdin.buffer
    if text.startswith("@"):
        return _file(text[1:], "the file of --body")
    try:
        json.loads(text)
    except ValueError:
        return text
    return Content(text.encode(), "application/json")


def _base_uri(given: list[str]) -> str | dict[str, str] | None:
    by_namespace: dict[str, str] = {}
    for text in given:
        name, sign, uri = text.partition("=")
        if not sign or "/" in name or ":" in name:
            if len(given) > 1:
                raise _Usage(
                    "--base-uri is given twice",
                    hint="write --base-uri NAMESPACE=URI for each",
                )
            return text
        by_namespace[name] = uri
    return by_namespace or None


def _headers(given: list[str]) -> dict[str, str]:
    headers = {}
    for text in given:
        found = _FIELD.fullmatch(text)
        if not found:
            raise _Usage(f"'{text}' is not a header", hint="write 'Name: value'")
        headers[found[1]] = found[2].strip()
    return headers


# --- what is shown ----------------------------------------------------------------


def _show_request(request: Request, arguments: Namespace) -> None:
    if arguments.curl:
        print(request.as_curl())
        return
    shown = request.as_dict()
    if arguments.output == "json":
        print(json_text(shown))
        return
    print(f"{shown['method']} {shown['url']}")
    if request.socket:
        print(f"(over {request.socket})")
    for name, value in shown["headers"].items():
        print(f"{name}: {value}")
    if shown["body"]:
        print(f"\n{shown['body']}")


def _selector(path: str | None) -> Callable[[Any], Any] | None:
    if path is None:
        return None
    from naftiko.outputs import compile_path

    try:
        return compile_path(path)
    except OutputError as error:
        raise _Usage(f"--select: {error.message}", hint=error.hint) from None


def _show_head(response: Response | StreamedResponse) -> None:
    print(
        paint(
            f"HTTP {response.status} {response.reason}".rstrip(), "strong", sys.stdout
        )
    )
    for name, value in response.headers.items():
        print(f"{name}: {value}")
    print()


def _show_result(
    exchange: Exchange, select: Callable[[Any], Any] | None, arguments: Namespace
) -> None:
    if arguments.raw or arguments.output == "raw":
        _write(exchange.response.body)
        return
    result = exchange.result if select is None else select(exchange.result)
    if isinstance(result, (bytes, bytearray)) and arguments.output is None:
        _write(bytes(result))
        return
    if isinstance(result, str) and arguments.output is None:
        print(result)
        return
    print(_WRITERS[arguments.output or "json"](result))


_WRITERS: dict[str, Callable[[Any], str]] = {
    "json": json_text,
    "yaml": write_yaml,
    "table": table_text,
    "csv": csv_text,
}


def _write(data: bytes) -> None:
    if b"\0" in data[:1024] and has_colour(sys.stdout):
        fail(
            f"the result is {len(data):,} bytes that are no text",
            "save it with -O FILE, or redirect the output",
        )
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _show_stream(stream: StreamedResponse, arguments: Namespace) -> None:
    if arguments.include:
        _show_head(stream)
    sys.stdout.flush()
    for chunk in stream.bytes():
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def _save(capability: Capability, arguments: Namespace, given: dict[str, Any]) -> None:
    """Write the body to a file, which is there only when it is whole."""
    target = Path(arguments.save)
    if target.is_dir() or not target.parent.is_dir():
        raise _Usage(
            f"-O: '{target}' is not the name of a file in a folder that exists"
        )
    import tempfile

    with capability.stream(arguments.ref, given) as stream:
        if arguments.include:
            _show_head(stream)
        length = stream.headers.get("Content-Length", "")
        progress = Progress(int(length) if length.isdigit() else 0, "bytes")
        try:
            handle, name = tempfile.mkstemp(
                dir=target.parent, prefix=f".{target.name}."
            )
        except OSError as error:
            raise CallError(f"'{target}' cannot be written: {error.strerror}") from None
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in stream.bytes():
                    file.write(chunk)
                    progress.add(len(chunk))
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, target)
        except OSError as error:
            raise CallError(f"'{target}' cannot be written: {error.strerror}") from None
        finally:
            progress.end()
            Path(name).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
