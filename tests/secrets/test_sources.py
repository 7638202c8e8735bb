"""A secret stays one wherever its value comes from: see `binds` and `variables`."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import naftiko
from support.building import capability
from support.leaking import (
    CORE,
    PLACES,
    SECRET,
    USER,
    VALUES,
    json_error,
    leaks,
    texts_of,
)
from support.recorder import Recorder


def _file(text: str, name: str) -> Callable[[Path], dict[str, Any]]:
    def binds(folder: Path) -> dict[str, Any]:
        (folder / name).write_text(text, "utf-8")
        location = (folder / name).as_uri()
        keys = {"TOKEN": "TOKEN", "USER": "USER"}
        return {"binds": [{"namespace": "f", "location": location, "keys": keys}]}

    return binds


def _environment(_: Path) -> dict[str, Any]:
    keys = {"TOKEN": "NAFTIKO_TEST_TOKEN", "USER": "NAFTIKO_TEST_USER"}
    return {"binds": [{"namespace": "e", "keys": keys}]}


#: Where the value of a variable can come from.
SOURCES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "variables": lambda _: {"variables": VALUES},
    "functions": lambda _: {
        "variables": {"TOKEN": lambda: SECRET, "USER": lambda: USER}
    },
    "environment": _environment,
    "YAML": _file(json.dumps(VALUES, ensure_ascii=False), "v.yaml"),
    "JSON": _file(json.dumps(VALUES), "v.json"),
    "dotenv": _file(f"USER={USER}\nTOKEN={json.dumps(SECRET, ensure_ascii=False)}\n", ".env"),
}  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_secret_of_any_source_is_not_shown(
    source: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A secret stays one wherever its value comes from."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("NAFTIKO_TEST_TOKEN", SECRET)
    monkeypatch.setenv("NAFTIKO_TEST_USER", USER)
    parts = {**SOURCES[source](tmp_path), **PLACES["basic"]}
    with Recorder(json_error) as server:
        with capability(None, base_uri=server.url, **parts) as api:
            shown = list(texts_of(api))
        login = f"{USER}:{SECRET}".encode()
        expected = f"Basic {base64.b64encode(login).decode()}"
        assert server.received[0].headers["authorization"] == expected
    assert [text for text in (*shown, caplog.text) if leaks(text)] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("v.yaml", f"TOKEN: '{CORE}\n - {CORE}: {{"),
        ("v.yaml", f"- {CORE}\n"),
        ("v.json", f'{{"TOKEN": "{CORE}'),
        ("v.json", f'["{CORE}"]'),
        ("v.yaml", f"OTHER: {CORE}\n"),
        (".env", f"OTHER={CORE}\n{CORE}\n"),
        ("v.yaml", f"TOKEN: [{CORE}]\n"),
        ("v.yaml", f"TOKEN: {{a: {CORE}}}\n"),
    ],
    ids=range(8),
)
def test_broken_file_of_secrets_is_not_quoted(
    name: str, text: str, tmp_path: Path
) -> None:
    """A file of secrets that cannot be used is named, and never quoted."""
    parts = {**_file(text, name)(tmp_path), **PLACES["bearer"]}
    with capability(None, transport=naftiko.StubTransport(), **parts) as api:
        shown = list(texts_of(api))
    assert [text for text in shown if leaks(text)] == []


class _Failing:
    """A function of a variable that fails with its value in hand."""

    def __call__(self) -> str:
        raise RuntimeError("the vault is closed")


def test_error_of_a_variable_function_is_passed_on() -> None:
    """An error of a function that gives a value belongs to the user, and stays as it is."""
    parts = {**PLACES["bearer"], "variables": {"TOKEN": _Failing()}}
    with (
        capability(None, transport=naftiko.StubTransport(), **parts) as api,
        pytest.raises(RuntimeError, match="the vault is closed"),
    ):
        api.call("api.op")
