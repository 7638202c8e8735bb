"""Secrets: messages, reprs, logs, dry runs and tracebacks show no variable's value.

Each test sends a secret to a server that repeats its request in the response. The test
then searches every text that the library shows for the secret.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import naftiko
from support.building import capability, document
from support.leaking import (
    CORE,
    ENDINGS,
    PLACES,
    SECRET,
    USER,
    VALUES,
    auth,
    error_texts,
    json_error,
    leaks,
    parts_of,
    said_by,
    texts_of,
)
from support.recorder import Recorder


def test_leak_is_recognised_in_every_notation() -> None:
    """The helper `leaks` finds a secret as plain text, JSON, base64 and in part."""
    for shown in (
        SECRET,
        json.dumps(SECRET),
        f"…{CORE[:3]}",
        base64.b64encode(f"{USER}:{SECRET}".encode()).decode(),
        base64.b64encode(f"a:{SECRET}".encode()).decode(),
        base64.b64encode(f"ab:{SECRET}".encode()).decode(),
    ):
        assert leaks(shown)
    assert not leaks("Bearer $TOKEN, Basic base64($USER:$TOKEN)")


def _pairs() -> Iterator[Any]:
    """Yield each place of a secret with each ending of a call.

    Three endings of each place are fast; the other pairs are marked as slow. The three
    differ from place to place, so that fast tests cover every ending.
    """
    endings = list(ENDINGS)
    for number, place in enumerate(PLACES):
        quick = {endings[(number + shift) % len(endings)] for shift in (0, 5, 9)}
        for ending in endings:
            marks = () if ending in quick else pytest.mark.slow
            yield pytest.param(place, ending, marks=marks, id=f"{place}-{ending}")


@pytest.mark.parametrize(("place", "ending"), list(_pairs()))
def test_secret_is_not_shown(
    place: str,
    ending: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A secret in any place of a request is masked after success and errors."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TOKEN", SECRET)
    with Recorder(ENDINGS[ending]) as server:
        parts = parts_of(place)
        with capability(
            parts.pop("operation", None), base_uri=server.url, timeout=5, **parts
        ) as api:
            shown = list(texts_of(api))
        sent = [said_by(received) for received in server.received]
    shown += caplog.messages
    shown += [caplog.text]
    assert [text for text in shown if leaks(text)] == []
    if place != "digest":
        # The secret did reach the server, which repeated it.
        assert sent
        assert all(map(leaks, sent[:1]))
    assert any("$TOKEN" in text or "TOKEN}" in text for text in shown)


@pytest.mark.parametrize("place", PLACES)
def test_secret_is_not_shown_after_a_refused_connection(
    place: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connection refused: the error shows no secret of the request."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TOKEN", SECRET)
    parts = parts_of(place)
    with capability(parts.pop("operation", None), **parts) as api:
        shown = list(texts_of(api))
    assert [text for text in (*shown, caplog.text) if leaks(text)] == []


@pytest.mark.parametrize(
    "base_uri",
    ["{{ORIGIN}}/{{TOKEN}}", "http://127.0.0.1:{{PORT}}/v/{{TOKEN}}/w", "{{WHOLE}}"],
)
def test_secret_in_the_path_of_a_base_uri_is_masked(
    base_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A secret in the path of a base URI is masked."""
    caplog.set_level(logging.DEBUG)
    with Recorder(json_error) as server:
        values = {
            "ORIGIN": server.url,
            "PORT": str(server.port),
            "WHOLE": f"{server.url}/hooks/{CORE}",
            "TOKEN": SECRET,
        }
        with capability(consumes={"baseUri": base_uri}, variables=values) as api:
            shown = list(texts_of(api))
        assert leaks(server.last.target)
    assert [text for text in (*shown, caplog.text) if leaks(text)] == []


def test_secret_in_the_host_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    """A secret host name is masked in errors, reprs and the log of `naftiko`.

    DNS and TLS still transmit the host name itself.
    """
    consumes = {"baseUri": "http://{{TOKEN}}.invalid"}
    with capability(consumes=consumes, variables={"TOKEN": CORE}) as api:
        shown = list(texts_of(api))
    assert [text for text in shown if leaks(text)] == []
    assert "$TOKEN.invalid" in repr(api.request("api.op"))
    logged = [r.getMessage() for r in caplog.records if r.name == "naftiko"]
    assert not any(map(leaks, logged))


def test_secret_in_a_unix_socket_path_is_masked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A secret in the path of a Unix socket is masked, except in the curl command."""
    caplog.set_level(logging.DEBUG)
    values = {"TOKEN": f"unix://{tmp_path}/{CORE}.sock"}
    with capability(consumes={"baseUri": "{{TOKEN}}"}, variables=values) as api:
        shown = list(texts_of(api))
        command = api.request("api.op").as_curl()
    # The curl command needs the real path of the socket.
    shown = [text for text in shown if text != command]
    assert [text for text in (*shown, caplog.text) if leaks(text)] == []


@pytest.mark.parametrize("bad", ["a\nb", "a\0b", "\x7f"])
@pytest.mark.parametrize("place", ["bearer", "apikey header", "header", "basic"])
def test_secret_that_cannot_be_sent_is_not_quoted(place: str, bad: str) -> None:
    """A secret with control characters is refused without being quoted."""
    values = {"TOKEN": f"{CORE}{bad}{CORE}", "USER": USER}
    parts = {**PLACES[place], "variables": values}
    stub = naftiko.StubTransport()
    with capability(parts.pop("operation", None), transport=stub, **parts) as api:
        try:
            shown = [api.request("api.op").as_curl()]
        except naftiko.CallError as error:
            shown = list(error_texts(error))
    assert [text for text in shown if leaks(text)] == []


def _with(value: str) -> dict[str, Any]:
    tool = {"name": "t", "description": "d", "call": "api.op", "with": {"p": value}}
    exposed = {"type": "mcp", "namespace": "m", "port": 1, "tools": [tool]}
    data = document({"inputParameters": [{"name": "p", "in": "query"}]})
    data["capability"]["exposes"] = [exposed]
    return data


def test_variable_in_with_is_shown_by_name() -> None:
    """A variable in `with` appears as `{{TOKEN}}` in reprs, never with its value."""
    with naftiko.load(_with("{{TOKEN}}"), variables=VALUES) as api:
        shown = [repr(api), api._repr_html_(), repr(api.exposes), repr(api.problems)]
    assert [text for text in shown if leaks(text)] == []
    assert "{{TOKEN}}" in repr(api.exposes)


def test_secret_refused_by_a_signer_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A signer's error that quotes the secret is replaced by one without the secret."""
    from importlib import metadata

    def refuse(fields: Mapping[str, Any]) -> Any:
        raise ValueError(f"bad: {fields}")

    class Entry:
        name = "hmac"

        def load(self) -> Any:
            return refuse

    monkeypatch.setattr(metadata, "entry_points", lambda group: [Entry()])
    parts = {**auth(type="hmac", secret="{{TOKEN}}"), "variables": VALUES}
    with capability(None, transport=naftiko.StubTransport(), **parts) as api:
        shown = list(texts_of(api))
    assert "refuses what the document" in "".join(shown)
    assert [text for text in shown if leaks(text)] == []


@pytest.mark.parametrize(
    "uri",
    [
        f"https://me:{CORE}@h.test",
        f"http:/me:{CORE}@h.test",
        f"me:{CORE}@h.test",
        f"ftp://me:{CORE}@h.test/x",
        f"https://me:{CORE}@[",
        f"http://me:a/{CORE}@h.test",
    ],
    ids=range(6),
)
def test_password_in_a_base_uri_is_not_quoted(uri: str) -> None:
    """A base URI that holds a password is refused without being quoted."""
    for load in (
        lambda: capability(None, base_uri=uri),
        lambda: capability(None).using(base_uri=uri),
        lambda: capability(None, base_uri={"api": uri}),
    ):
        with pytest.raises(naftiko.ArgumentError) as caught:
            load()
        assert not any(map(leaks, error_texts(caught.value)))
