"""No message, repr, log, dry run or traceback of a call shows the value of a variable.

Each test sends a secret in some place to a server that repeats whatever it got, and
looks through all that a person could get to see of it.
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


def test_leaks_are_recognised() -> None:
    """`leaks` finds a secret in every notation."""
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
    """Yield place and ending: three endings for each place at once, the others slowly.

    Neighbouring places have other endings, so that each ending is tried for four places.
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
    """A secret in any place of a request is masked, however the call ends."""
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
def test_secret_is_not_shown_without_a_server(
    place: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused connection shows no secret either."""
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
def test_secret_in_the_path_of_a_base_uri(
    base_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A secret is masked in the path of a base URI as well."""
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


def test_secret_in_the_host(caplog: pytest.LogCaptureFixture) -> None:
    """A variable in the host is masked by us, if not by the resolver or TLS."""
    consumes = {"baseUri": "http://{{TOKEN}}.invalid"}
    with capability(consumes=consumes, variables={"TOKEN": CORE}) as api:
        shown = list(texts_of(api))
    assert [text for text in shown if leaks(text)] == []
    assert "$TOKEN.invalid" in repr(api.request("api.op"))
    logged = [r.getMessage() for r in caplog.records if r.name == "naftiko"]
    assert not any(map(leaks, logged))


def test_secret_in_the_name_of_a_socket(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The name of a socket may be a secret too."""
    caplog.set_level(logging.DEBUG)
    values = {"TOKEN": f"unix://{tmp_path}/{CORE}.sock"}
    with capability(consumes={"baseUri": "{{TOKEN}}"}, variables=values) as api:
        shown = list(texts_of(api))
        command = api.request("api.op").as_curl()
    # A command cannot do without it.
    shown = [text for text in shown if text != command]
    assert [text for text in (*shown, caplog.text) if leaks(text)] == []


@pytest.mark.parametrize("bad", ["a\nb", "a\0b", "\x7f"])
@pytest.mark.parametrize("place", ["bearer", "apikey header", "header", "basic"])
def test_secret_that_cannot_be_sent_is_not_quoted(place: str, bad: str) -> None:
    """A secret that is refused is not quoted."""
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


def test_secret_in_with_is_read_by_its_name() -> None:
    """A variable in `with` is read and linked by its name alone."""
    with naftiko.load(_with("{{TOKEN}}"), variables=VALUES) as api:
        shown = [repr(api), api._repr_html_(), repr(api.exposes), repr(api.problems)]
    assert [text for text in shown if leaks(text)] == []
    assert "{{TOKEN}}" in repr(api.exposes)


def test_secret_that_a_signer_refuses_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A signer that refuses what it gets is not quoted."""
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
