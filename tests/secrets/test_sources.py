"""Secrets: values from `variables`, `binds`, files and the environment are masked."""

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


#: Source of a variable's value → function that makes arguments of `capability`.
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
    """A secret from any source reaches the server and is masked in every text."""
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
    ],
    ids=range(6),
)
def test_broken_secrets_file_is_not_quoted(
    name: str, text: str, tmp_path: Path
) -> None:
    """The error about a broken secrets file names the file and quotes nothing of it."""
    parts = {**_file(text, name)(tmp_path), **PLACES["bearer"]}
    with capability(None, transport=naftiko.StubTransport(), **parts) as api:
        with pytest.raises(naftiko.NaftikoError) as caught:
            api.call("api.op")
        shown = list(texts_of(api))
    assert name in str(caught.value)
    assert [text for text in shown if leaks(text)] == []


@pytest.mark.parametrize("value", [[CORE], {"a": CORE}])
def test_secret_that_is_a_list_or_mapping_is_masked(value: Any, tmp_path: Path) -> None:
    """A list or a mapping in a secrets file is sent as JSON, and masked."""
    text = json.dumps(value, separators=(",", ":"))
    parts = {**_file(f"TOKEN: {text}\n", "v.yaml")(tmp_path), **PLACES["bearer"]}
    with capability(None, transport=naftiko.StubTransport(), **parts) as api:
        request = api.exchange("api.op").request
        assert request.headers["Authorization"] == f"Bearer {text}"
        shown = list(texts_of(api))
    assert [text for text in shown if leaks(text)] == []


class _Failing:
    """A variable function that raises an error instead of returning its value."""

    def __call__(self) -> str:
        raise RuntimeError("the vault is closed")


def test_error_of_a_variable_function_is_passed_on() -> None:
    """An error raised by a user's variable function reaches the caller unchanged."""
    parts = {**PLACES["bearer"], "variables": {"TOKEN": _Failing()}}
    with (
        capability(None, transport=naftiko.StubTransport(), **parts) as api,
        pytest.raises(RuntimeError, match="the vault is closed"),
    ):
        api.call("api.op")
