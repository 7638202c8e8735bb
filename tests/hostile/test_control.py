"""`/config/validate` of the control port: nothing is read but what is sent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.exposes.control import validating
from support.controlling import ALL, app, send
from support.serving import document, operation

#: Events of the interpreter that touch files, processes or the network.
_TOUCHING = ("open", "os.", "shutil.", "glob.", "pathlib.", "socket.", "subprocess.")
_PACKAGE = os.path.dirname(naftiko.__file__)
_seen: list[tuple[str, Any]] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event.startswith(_TOUCHING):
        _seen.append((event, arguments[0] if arguments else ""))


@contextmanager
def _watched() -> Iterator[list[tuple[str, Any]]]:
    """Yield the list of what is touched inside, but the code and its schemas."""
    global _seen
    if not getattr(_note, "is_added", False):
        sys.addaudithook(_note)
        _note.is_added = True  # type: ignore[attr-defined]
    touched: list[tuple[str, Any]] = []
    _seen = touched
    try:
        yield touched
    finally:
        _seen = None


def _naming(folder: Path) -> dict[str, Any]:
    """Return a document that names files in every place that can name one."""
    uri = folder.as_uri()
    data = document(operation("/x", call="api.list"))
    data["binds"] = [
        {"namespace": "e", "location": f"{uri}/fifo", "keys": {"TOKEN": "T"}}
    ]
    capability = data["capability"]
    capability["consumes"] += [
        {"import": "a", "location": f"{folder}/fifo"},
        {"import": "b", "location": f"{uri}/fifo", "as": "c"},
        {"import": "d", "location": "fifo"},
        {"location": "../../etc/passwd"},
        {"import": "e", "location": "/dev/stdin"},
        {"import": "f", "location": "http://127.0.0.1:1/x.yaml"},
        {"openapi": f"{uri}/fifo"},
    ]
    capability["imports"] = [f"{folder}/fifo"]
    data["imports"] = [f"{uri}/fifo"]
    step = {"type": "script", "name": "s", "language": "javascript"}
    tool = {"name": "t", "description": "d"}
    prompt = {"name": "p", "description": "d", "location": f"{uri}/fifo"}
    skill = {"name": "s", "description": "d", "location": uri}
    capability["exposes"] += [
        {
            "type": "mcp",
            "namespace": "m",
            "port": 2,
            "tools": [{**tool, "steps": [{**step, "location": uri, "file": "fifo"}]}],
            "resources": [{"name": "r", "uri": "a://b", "location": uri}],
            "prompts": [prompt],
        },
        {"type": "skill", "namespace": "k", "port": 3, "skills": [skill]},
        {"type": "rest", "namespace": "r", "port": 4, "resources": []},
    ]
    return data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a FIFO, whose reader would wait for ever."""
    os.mkfifo(tmp_path / "fifo")
    return tmp_path


@pytest.mark.parametrize("has_directory", [False, True])
def test_validation_of_a_text_touches_no_file(
    folder: Path, has_directory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No import, bind, skill, prompt, resource or script; not even by `stat`."""
    text = json.dumps(_naming(folder)).encode()
    if has_directory:
        monkeypatch.chdir(folder)
    validating.problems_in(text)  # what is imported and read once, such as schemas
    named: list[str] = []
    plain = {name: getattr(os, name) for name in ("stat", "lstat")}

    def noting(name: str) -> Any:
        def call(path: Any, *arguments: Any, **more: Any) -> Any:
            named.append(str(path))
            return plain[name](path, *arguments, **more)

        return call

    for name in plain:
        monkeypatch.setattr(os, name, noting(name))
    with _watched() as touched:
        problems = json.loads(validating.problems_in(text))
    assert touched == []
    assert named == []
    told = [p for p in problems if p["code"] == "U-import-unresolved"]
    assert len(told) >= 6
    assert all(p["severity"] == "warning" for p in told)


def test_document_that_names_a_fifo_is_answered(folder: Path) -> None:
    """The whole way of a request: it neither hangs nor tells what is there."""
    body = json.dumps(_naming(folder)).encode()
    status, found = send(app(ALL), "POST", "/config/validate", body)
    assert status == 200
    assert "there is no file" not in json.dumps(found)


def test_document_that_takes_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is ended, and the answer says so."""
    monkeypatch.setattr(validating, "MOST_SECONDS", 0.3)
    body = b"a: [" + b"[1], " * 400_000 + b"]"
    status, found = send(app(ALL), "POST", "/config/validate", body)
    assert (status, found) == (
        422,
        {"error": "validating it takes more than 0.3 seconds"},
    )
