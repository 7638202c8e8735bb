"""No value of a variable is shown: not in a message, repr, log, dry run or traceback.

Each test sends a secret in some place to a server that repeats whatever it got, and
looks through all that a person could get to see of it.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.cli import main
from support.building import capability, document
from support.recorder import Received, Recorder, response

#: Stays as it is in every notation but base64; any three letters of it are a leak.
CORE = "Kq7Z"
#: Everything that some notation writes in another way; a header takes ASCII alone.
ASCII = CORE * 3 + " \"'<&%+=?#/\\;," + CORE
SECRET = ASCII + "äß€😀" + CORE
USER = CORE + "user"
_BASE64 = [
    base64.b64encode(b"\0" * shift + (CORE * 3).encode())[4:12].decode()
    for shift in range(3)
]


def leaks(text: str) -> bool:
    """Tell whether a text holds a part of a secret, in any notation."""
    return CORE[:3].lower() in text.lower() or any(part in text for part in _BASE64)


def test_leaks_are_seen() -> None:
    """What looks for leaks here finds them."""
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


def _input(in_: str, **more: str) -> dict[str, Any]:
    parameter = {"name": "p", "in": in_, "value": "{{TOKEN}}", **more}
    return {"operation": {"inputParameters": [parameter]}}


def _body(type_: str, data: Any) -> dict[str, Any]:
    return {"operation": {"method": "POST", "body": {"type": type_, "data": data}}}


def _auth(**fields: Any) -> dict[str, Any]:
    return {"consumes": {"authentication": fields}}


_LOGIN = {"username": "{{USER}}", "password": "{{TOKEN}}"}
_MULTIPART = [{"name": "a", "value": "{{TOKEN}}"}]
#: Where a variable can go, as parts of a document.
PLACES: dict[str, dict[str, Any]] = {
    "path": {"operation": {"resourcePath": "/a/{{TOKEN}}/b"}},
    "query": _input("query"),
    "constant query": {"operation": {"resourcePath": "/a?k={{TOKEN}}"}},
    "header": _input("header", name="X-Key"),
    "text in a header": _input("header", name="X-Key", value="Key {{TOKEN}}!"),
    "cookie": _input("cookie"),
    "environment": {"operation": {
        "method": "POST",
        "inputParameters": [{"name": "TOKEN", "in": "environment"}],
        "body": {"type": "json", "data": {"a": "{{rest.TOKEN}}"}},
    }},
    "JSON body": _body("json", {"a": [{"b": "{{TOKEN}}", "c": "is {{TOKEN}}"}]}),
    "JSON text body": _body("json", '{"a": "{{TOKEN}}"}'),
    "text body": _body("text", "a {{TOKEN}} b"),
    "form body": _body("formUrlEncoded", {"a": "{{TOKEN}}"}),
    "multipart body": _body("multipartForm", _MULTIPART),
    "body parameter": {"operation": {
        "method": "POST",
        "inputParameters": [{"name": "a", "in": "body", "value": "{{TOKEN}}"}],
    }},
    "adapter parameter": {"consumes": _input("query")["operation"]},
    "bearer": _auth(type="bearer", token="{{TOKEN}}"),
    "basic": _auth(type="basic", **_LOGIN),
    "digest": _auth(type="digest", **_LOGIN),
    "apikey header": _auth(type="apikey", key="X-Key", value="{{TOKEN}}", placement="header"),
    "apikey query": _auth(type="apikey", key="key", value="{{TOKEN}}", placement="query"),
    "apikey cookie": _auth(type="apikey", key="key", value="{{TOKEN}}", placement="cookie"),
}  # fmt: skip

Endings = Mapping[str, Callable[[Received], bytes | None]]


def _said(received: Received) -> str:
    """Return all that a request said, as a careless server would repeat it."""
    login = received.headers.get("authorization", "").partition("Basic ")[2]
    text = (
        f"{received.head.decode('latin-1')}\n{received.body.decode('utf-8', 'replace')}"
    )
    return f"{text}\n{base64.b64decode(login).decode()}"


def _json_error(received: Received) -> bytes:
    body = json.dumps({"error": {"message": _said(received)}})
    return response(body, "401 Unauthorized")


def _json_detail(received: Received) -> bytes:
    body = json.dumps({"detail": [{"msg": _said(received)}]}, ensure_ascii=False)
    return response(body, "422 Unprocessable", "application/problem+json")


def _page(received: Received) -> bytes:
    body = f"<html><pre>{html.escape(_said(received))}</pre></html>"
    return response(body, "500 Internal Server Error", "text/html")


def _cut(received: Received) -> bytes:
    """Repeat it where an excerpt ends, in the middle of each secret in turn."""
    said = _said(received)
    at = said.find(CORE)
    return response("." * (500 - 6 - max(at, 0)) + said, "400 Bad", "text/plain")


def _not_json(received: Received) -> bytes:
    return response('{"a": ' + _said(received))


def _not_json_later(received: Received) -> bytes:
    """Break the JSON a little after a secret, so that the message quotes its end."""
    said = _said(received).replace("\n", " ").replace('"', "'").replace("\\", "/")
    return response('{"a": "' + said + '" "b"}')


def _reason(received: Received) -> bytes:
    line = received.line.replace(" ", "")
    return response("", f"400 {line}", "text/plain")


def _redirect_away(received: Received) -> bytes:
    location = f"http://127.0.0.1:9{received.target}"
    return response("", "307 Temporary Redirect", Location=location)


def _redirect_nowhere(received: Received) -> bytes:
    filler = "/" + "x" * 60
    return response("", "302 Found", Location=f"ftp://h{filler}{received.target}")


def _redirect_for_ever(received: Received) -> bytes:
    return response("", "307 Temporary Redirect", Location=received.target)


def _challenge(received: Received) -> bytes:
    return response(
        _said(received),
        "401 Unauthorized",
        "text/plain",
        WWW_Authenticate='Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256',
    )


def _silence(_: Received) -> None:
    return None


def _half(_: Received) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"


def _success(received: Received) -> bytes:
    return response(json.dumps({"said": _said(received)}))


ENDINGS: Endings = {
    "error in JSON": _json_error,
    "error in a problem": _json_detail,
    "error in a page": _page,
    "error cut in a secret": _cut,
    "no JSON": _not_json,
    "no JSON after a secret": _not_json_later,
    "error in the reason": _reason,
    "redirect to another origin": _redirect_away,
    "redirect to nowhere": _redirect_nowhere,
    "redirects for ever": _redirect_for_ever,
    "challenge": _challenge,
    "no answer": _silence,
    "half an answer": _half,
    "success": _success,
}


def _error_texts(error: BaseException) -> Iterator[str]:
    """Yield all that is shown of an error, the errors that it came from included."""
    yield from (str(error), repr(error))
    yield from traceback.format_exception(error)
    for name in ("message", "hint", "detail", "request", "response", "location"):
        yield repr(getattr(error, name, None))
    yield repr(error.args)
    if error.__cause__ is not None or not error.__suppress_context__:
        for other in (error.__cause__, error.__context__):
            if other is not None:
                yield from _error_texts(other)


def _request_texts(request: naftiko.Request) -> Iterator[str]:
    yield from (str(request), repr(request), request.as_curl(), request.shown_url)
    yield from (repr(request.as_dict()), request.shown_body(), repr(request.headers))
    yield from (repr(request.secrets), repr(request.auth), f"{request.auth}")
    yield from (repr(request.credentials), repr(request.preview))


def _texts(api: naftiko.Capability) -> Iterator[str]:
    """Yield all that is shown of a capability and one call of its operation."""
    operation = api.operations["api.op"]
    yield from (repr(api), api._repr_html_(), repr(api.problems), repr(api._variables))
    yield from (repr(operation), operation._repr_html_(), repr(operation.as_dict()))
    yield from _request_texts(api.request("api.op"))
    try:
        exchange = api.exchange("api.op")
    except naftiko.NaftikoError as error:
        yield from _error_texts(error)
        sent = getattr(error, "request", None)
    else:
        # What the server gave is the result; nothing else shows it.
        yield from (repr(exchange), exchange._repr_html_(), repr(exchange.response))
        yield exchange.response.url
        sent = exchange.request
    if sent is not None:
        yield from _request_texts(sent)
    try:
        with api.stream("api.op") as stream:
            yield from (repr(stream), repr(stream.request))
            yield from ("" for _ in stream.values())
    except naftiko.NaftikoError as error:
        yield from _error_texts(error)


VALUES = {"TOKEN": SECRET, "USER": USER}


def _parts(place: str) -> dict[str, Any]:
    """Return the parts of a document for a place, and values that fit there."""
    token = ASCII if place in ("bearer", "apikey header") else SECRET
    values = {} if place == "environment" else {"TOKEN": token, "USER": USER}
    return {**PLACES[place], "variables": values}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("place", PLACES)
def test_nothing_shows_a_secret(
    place: str,
    ending: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever it is sent and however the call ends, no secret is shown."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TOKEN", SECRET)
    with Recorder(ENDINGS[ending]) as server:
        parts = _parts(place)
        with capability(
            parts.pop("operation", None), base_uri=server.url, timeout=5, **parts
        ) as api:
            shown = list(_texts(api))
        sent = [_said(received) for received in server.received]
    shown += caplog.messages
    shown += [caplog.text]
    assert [text for text in shown if leaks(text)] == []
    if place != "digest":
        # It did get there, so it could have been shown.
        assert sent
        assert all(map(leaks, sent[:1]))
    assert any("$TOKEN" in text or "TOKEN}" in text for text in shown)


@pytest.mark.parametrize("place", PLACES)
def test_refused_connection(
    place: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same when nobody is there."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("TOKEN", SECRET)
    parts = _parts(place)
    with capability(parts.pop("operation", None), **parts) as api:
        shown = list(_texts(api))
    assert [text for text in (*shown, caplog.text) if leaks(text)] == []


@pytest.mark.parametrize(
    "base_uri",
    ["{{ORIGIN}}/{{TOKEN}}", "http://127.0.0.1:{{PORT}}/v/{{TOKEN}}/w", "{{WHOLE}}"],
)
def test_base_uri(base_uri: str, caplog: pytest.LogCaptureFixture) -> None:
    """A secret in the path of a base URI is none the less one."""
    caplog.set_level(logging.DEBUG)
    with Recorder(_json_error) as server:
        values = {
            "ORIGIN": server.url,
            "PORT": str(server.port),
            "WHOLE": f"{server.url}/hooks/{CORE}",
            "TOKEN": SECRET,
        }
        with capability(consumes={"baseUri": base_uri}, variables=values) as api:
            shown = list(_texts(api))
        assert leaks(server.last.target)
    assert [text for text in (*shown, caplog.text) if leaks(text)] == []


def test_host(caplog: pytest.LogCaptureFixture) -> None:
    """A variable in the host is masked by us, if not by the resolver or TLS."""
    consumes = {"baseUri": "http://{{TOKEN}}.invalid"}
    with capability(consumes=consumes, variables={"TOKEN": CORE}) as api:
        shown = list(_texts(api))
    assert [text for text in shown if leaks(text)] == []
    assert "$TOKEN.invalid" in repr(api.request("api.op"))
    logged = [r.getMessage() for r in caplog.records if r.name == "naftiko"]
    assert not any(map(leaks, logged))


def test_socket(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The name of a socket may be a secret too."""
    caplog.set_level(logging.DEBUG)
    values = {"TOKEN": f"unix://{tmp_path}/{CORE}.sock"}
    with capability(consumes={"baseUri": "{{TOKEN}}"}, variables=values) as api:
        shown = list(_texts(api))
        command = api.request("api.op").as_curl()
    # A command cannot do without it.
    shown = [text for text in shown if text != command]
    assert [text for text in (*shown, caplog.text) if leaks(text)] == []


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
def test_sources(
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
    with Recorder(_json_error) as server:
        with capability(None, base_uri=server.url, **parts) as api:
            shown = list(_texts(api))
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
def test_broken_files(name: str, text: str, tmp_path: Path) -> None:
    """A file of secrets that cannot be used is named, and never quoted."""
    parts = {**_file(text, name)(tmp_path), **PLACES["bearer"]}
    with capability(None, transport=naftiko.StubTransport(), **parts) as api:
        shown = list(_texts(api))
    assert [text for text in shown if leaks(text)] == []


@pytest.mark.parametrize("bad", ["a\nb", "a\0b", "\x7f"])
@pytest.mark.parametrize("place", ["bearer", "apikey header", "header", "basic"])
def test_values_that_cannot_be_sent(place: str, bad: str) -> None:
    """A secret that is refused is not quoted."""
    values = {"TOKEN": f"{CORE}{bad}{CORE}", "USER": USER}
    parts = {**PLACES[place], "variables": values}
    stub = naftiko.StubTransport()
    with capability(parts.pop("operation", None), transport=stub, **parts) as api:
        try:
            shown = [api.request("api.op").as_curl()]
        except naftiko.CallError as error:
            shown = list(_error_texts(error))
    assert [text for text in shown if leaks(text)] == []


class _Failing:
    """A function of a variable that fails with its value in hand."""

    def __call__(self) -> str:
        raise RuntimeError("the vault is closed")


def test_functions_that_fail() -> None:
    """What a function of the user raises is the user's, untouched."""
    parts = {**PLACES["bearer"], "variables": {"TOKEN": _Failing()}}
    with (
        capability(None, transport=naftiko.StubTransport(), **parts) as api,
        pytest.raises(RuntimeError, match="the vault is closed"),
    ):
        api.call("api.op")


def _with(value: str) -> dict[str, Any]:
    tool = {"name": "t", "description": "d", "call": "api.op", "with": {"p": value}}
    exposed = {"type": "mcp", "namespace": "m", "port": 1, "tools": [tool]}
    data = document({"inputParameters": [{"name": "p", "in": "query"}]})
    data["capability"]["exposes"] = [exposed]
    return data


def test_injections() -> None:
    """A variable in `with` is read and linked by its name alone."""
    with naftiko.load(_with("{{TOKEN}}"), variables=VALUES) as api:
        shown = [repr(api), api._repr_html_(), repr(api.exposes), repr(api.problems)]
    assert [text for text in shown if leaks(text)] == []
    assert "{{TOKEN}}" in repr(api.exposes)


def test_signers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signer that refuses what it gets is not quoted."""
    from importlib import metadata

    def refuse(fields: Mapping[str, Any]) -> Any:
        raise ValueError(f"bad: {fields}")

    class Entry:
        name = "hmac"

        def load(self) -> Any:
            return refuse

    monkeypatch.setattr(metadata, "entry_points", lambda group: [Entry()])
    parts = {**_auth(type="hmac", secret="{{TOKEN}}"), "variables": VALUES}
    with capability(None, transport=naftiko.StubTransport(), **parts) as api:
        shown = list(_texts(api))
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
def test_credentials_in_a_base_uri(uri: str) -> None:
    """A base URI that holds a password is refused without being quoted."""
    for load in (
        lambda: capability(None, base_uri=uri),
        lambda: capability(None).using(base_uri=uri),
        lambda: capability(None, base_uri={"api": uri}),
    ):
        with pytest.raises(naftiko.ArgumentError) as caught:
            load()
        assert not any(map(leaks, _error_texts(caught.value)))


@pytest.mark.parametrize("ending", [e for e in ENDINGS if e != "success"])
@pytest.mark.parametrize(
    "place", ["bearer", "basic", "apikey query", "path", "JSON body"]
)
def test_command_line(
    place: str,
    ending: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`naftiko call` prints no secret, whatever happens."""
    monkeypatch.setenv("TOKEN", _parts(place)["variables"]["TOKEN"])
    monkeypatch.setenv("USER", USER)
    parts = dict(PLACES[place])
    data = document(parts.pop("operation", None), **parts)
    file = tmp_path / "api.json"
    file.write_text(json.dumps(data), "utf-8")
    with Recorder(ENDINGS[ending]) as server:
        call = ["call", str(file), "api.op", "--base-uri", server.url]
        assert main(call) == 1
        printed = "".join(capfd.readouterr())
        assert not leaks(printed)
        # What a server answers is data for those who ask for it as it is.
        for option in (["--raw"], ["--stream"], ["-O", str(tmp_path / "out")]):
            code = main([*call, *option])
            assert code == 1 or ending.startswith("no JSON")
            assert not leaks(capfd.readouterr().err)
    for words in ([*call, "--dry-run"], [*call, "--curl"]):
        assert main(words) == 0
        out, err = capfd.readouterr()
        assert re.search(r"\$\{?TOKEN", out)
        assert not leaks(out + err)
    for words in (["describe", str(file), "api.op"], ["list", str(file)]):
        assert main(words) == 0
        assert not leaks("".join(capfd.readouterr()))
