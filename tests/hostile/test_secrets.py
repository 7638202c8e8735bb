"""Secrets: headers, pickles, tracebacks and echoes show no credential.

A server repeats the credential of a request in every notation; each text that the
library shows is searched for it. The module `tests/secrets` has the plain notations.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import html
import json
import logging
import pickle
import time
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

import naftiko
from naftiko.consumes.digest import DigestLogin
from naftiko.masking import Secret, mask
from support.asgi_client import ask
from support.building import capability, document
from support.growing import calls
from support.recorder import Received, Recorder, response
from support.serving import operation, rest_app

TOKEN = "tok/9F8e+7d6C5b4A=="
USER = "ada"
BEARER = {"authentication": {"type": "bearer", "token": "{{TOKEN}}"}}
BASIC = {"authentication": {"type": "basic", "username": USER, "password": "{{TOKEN}}"}}
KEY = {
    "authentication": {
        "type": "apikey",
        "key": "k",
        "value": "{{TOKEN}}",
        "placement": "query",
    }
}
DIGEST = {
    "authentication": {"type": "digest", "username": USER, "password": "{{TOKEN}}"}
}


def _base64s(text: bytes) -> Iterator[str]:
    for write in (base64.b64encode, base64.urlsafe_b64encode):
        written = write(text).decode()
        yield from (written, written.rstrip("="))
        yield written.replace("/", "\\/")
        yield quote(written, safe="")


#: Notation → the notations of a secret in it.
NOTATIONS: dict[str, Callable[[str], list[str]]] = {
    "plain": lambda s: [s],
    "upper and lower case": lambda s: [
        *(s.upper(), s.lower()),
        *([s.swapcase()] if len(s) < 250 else []),
    ],
    "hexadecimal": lambda s: [
        s.encode().hex(),
        s.encode().hex().upper(),
        *([s.encode().hex(":"), s.encode().hex(" ").upper()] if len(s) < 250 else []),
    ],
    "base64": lambda s: list(_base64s(s.encode())),
    "base64 inside a text": lambda s: [
        text
        for before in (b"", b"a", b"ab", b"abc", b"ada:")
        for after in (b"\n", b"x", b"xy")
        for text in _base64s(before + s.encode() + after)
    ],
    "percent-encoded": lambda s: [quote(s, safe=""), quote(quote(s, safe=""))],
    "JSON": lambda s: [json.dumps(s)[1:-1], s.replace("/", "\\/")],
    "HTML": lambda s: [html.escape(s), s.replace("+", "&#43;")],
}


@pytest.mark.parametrize(
    "secret", [TOKEN, "pässwörd-ß1", "a b\"c'd\\e", "Aa+/?=" * 60], ids=range(4)
)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_repeated_secret_is_masked(notation: str, secret: str) -> None:
    """A text that repeats a secret, in whatever notation, is masked."""
    for text in NOTATIONS[notation](secret):
        shown = mask(f"got: {text}!", (Secret("TOKEN", secret),))
        assert shown.startswith("got: "), text
        assert "$TOKEN" in shown, text
        for before in range(3):
            inner = base64.b64encode(b"\0" * before + secret.encode()).decode()
            assert inner[4:-4] not in shown


def test_other_texts_are_not_masked() -> None:
    """A long text in base64 or hexadecimal that holds no secret stays as it is."""
    digits = "".join(f"{number:x}" for number in range(4000))
    texts = (digits, base64.b64encode(digits.encode()).decode())
    secrets = (Secret("TOKEN", TOKEN), Secret("PIN", "4711"))
    for text in texts:
        assert mask(text, secrets[:1]) == text
    # A short secret is looked for as it is only.
    assert mask("6162 YWI= AB", (Secret("ab", "ab"),)) == "6162 YWI= $ab"


@pytest.mark.parametrize("char", ["a", "=", "\\", "%", "6", "/", "ß"])
def test_masking_is_linear(char: str) -> None:
    """Masking a text twice as long takes at most three times as long."""
    secrets = (Secret("A", f"{char * 20}b"), Secret("B", TOKEN))
    mask("x", secrets)

    def took(size: int) -> float:
        text = char * size
        times = []
        for _ in range(3):
            begin = time.process_time()
            mask(text, secrets)
            times.append(time.process_time() - begin)
        return min(times)

    assert took(8_000) < 3 * took(4_000) + 0.02


def test_pattern_of_a_long_secret_is_made_quickly() -> None:
    """A secret of 70,000 characters costs as many steps, not their square."""
    long, longer = ((Secret("A", "a" * size),) for size in (10_000, 20_000))
    assert calls(lambda: mask("x", longer)) < 2.2 * calls(lambda: mask("x", long))
    assert mask(f"x{longer[0].value}x", longer) == "x$Ax"


# --- what a server repeats --------------------------------------------------------------


def _echo(status: str, notation: str) -> Callable[[Received], bytes]:
    def answer(_: Received) -> bytes:
        told = " ".join(NOTATIONS[notation](TOKEN))
        body = json.dumps({"error": {"message": told}})
        return response(body, status, X_Echo=told, Set_Cookie="sid=c00kieValue; Path=/")

    return answer


@pytest.mark.parametrize("notation", NOTATIONS)
def test_echo_of_a_failure_is_masked(
    notation: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Message, headers and logs of a failed call show the secret in no notation."""
    caplog.set_level(logging.DEBUG)
    with (
        Recorder(_echo("401 Unauthorized", notation)) as server,
        capability(
            consumes=BEARER, base_uri=server.url, variables={"TOKEN": TOKEN}
        ) as api,
        pytest.raises(naftiko.StatusError) as caught,
    ):
        api.call("api.op")
    error = caught.value
    assert "$TOKEN" in error.message
    headers = repr(error.response.headers)
    assert "$TOKEN" in headers
    for shown in (str(error), error.detail, headers, caplog.text):
        for text in NOTATIONS[notation](TOKEN):
            assert text[2:-3] not in shown


def test_credentials_of_headers_are_not_shown() -> None:
    """A representation of headers hides cookies and credentials of either side."""
    with Recorder(_echo("200 OK", "plain")) as server, capability() as api:
        headers = api.using(base_uri=server.url).exchange("api.op").response.headers
    assert headers["Set-Cookie"] == "sid=c00kieValue; Path=/"
    assert "c00kie" not in repr(headers)
    given = naftiko.Headers(
        {"Authorization": "Bearer abc", "X-Api-Key": "abc", "A": "b"}
    )
    assert repr(given) == "Headers({'Authorization': '…', 'X-Api-Key': '…', 'A': 'b'})"


# --- pickles ----------------------------------------------------------------------------


def _refused(api: naftiko.Capability) -> Iterator[Any]:
    yield from (api, api.variables, naftiko.HttpTransport(), naftiko.AioTransport())
    yield DigestLogin("ada", TOKEN)


def test_what_holds_credentials_is_not_pickled() -> None:
    """A capability, its variables, a transport and a login refuse to be pickled."""
    with capability(consumes=BEARER, variables={"TOKEN": TOKEN}) as api:
        for held in _refused(api):
            for write in (pickle.dumps, copy.copy, copy.deepcopy):
                with pytest.raises(naftiko.NaftikoError, match="cannot be pickled"):
                    write(held)


@pytest.mark.parametrize("consumes", [BEARER, BASIC, KEY, DIGEST])
def test_pickled_request_and_error_hold_no_secret(consumes: dict[str, Any]) -> None:
    """A pickle of a request or an error, as workers send it, has `$NAME`s."""
    with (
        Recorder(_echo("401 Unauthorized", "plain")) as server,
        capability(
            consumes=consumes, base_uri=server.url, variables={"TOKEN": TOKEN}
        ) as api,
    ):
        request = api.request("api.op")
        with pytest.raises(naftiko.StatusError) as caught:
            api.call("api.op")
    login = base64.b64encode(f"{USER}:{TOKEN}".encode())
    for held in (request, caught.value, caught.value.request, request.secrets):
        data = pickle.dumps(held)
        assert TOKEN.encode() not in data
        assert quote(TOKEN, safe="").encode() not in data
        assert login not in data
        pickle.loads(data)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.status) == (str(caught.value), 401)
    assert copy.deepcopy(request).url == request.url
    assert dict(copy.copy(request.headers)) == dict(request.headers)


@pytest.mark.parametrize(
    "cause",
    [
        lambda: naftiko.load(document(), schema=None).call("api.nothing"),
        lambda: naftiko.load(document(), schema=None).operations["nothing"],
        lambda: naftiko.load({"naftiko": "1.0.0-alpha2"}),
        lambda: naftiko.load(b"a: ["),
        lambda: naftiko.load(document(), schema=None).call("api.op", a=1),
    ],
)
def test_errors_survive_a_pickle(cause: Callable[[], Any]) -> None:
    """A process can send each error to another one."""
    with pytest.raises(naftiko.NaftikoError) as caught:
        cause()
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert isinstance(caught.value, type(again))


# --- tracebacks -------------------------------------------------------------------------


def _frames(error: BaseException | None) -> Iterator[types.FrameType]:
    """Yield the frames of this package and below it, those of causes included."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if not frame.f_code.co_filename.endswith(__file__.rpartition("/")[2]):
                yield frame
        error = error.__cause__ or error.__context__


def _held(error: BaseException) -> list[str]:
    """Return the variables of all frames, as reports of errors show them."""
    texts = []
    for frame in _frames(error):
        for name, value in frame.f_locals.items():
            texts.append(f"{name} = {value!r}")
            if isinstance(value, dict):
                texts += map(repr, value.values())
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    # Without the frame of the test itself, which knows the secret.
    return [*texts, *list(whole.format())[2:]]


def _silence(_: Received) -> None:
    return None


FAILURES: dict[str, Callable[[Received], bytes | None]] = {
    "status": _echo("401 Unauthorized", "plain"),
    "no answer": _silence,
    "no JSON": lambda _: response("{"),
    "redirects": lambda r: response("", "307 Temporary Redirect", Location=r.target),
    "half": lambda _: (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{"
    ),
}


@pytest.mark.parametrize("consumes", [BEARER, BASIC, KEY, DIGEST])
@pytest.mark.parametrize("failure", [*FAILURES, "refused"])
def test_frames_hold_no_credential_after_a_failure(
    failure: str, consumes: dict[str, Any]
) -> None:
    """No local variable of a traceback shows a credential, whatever failed."""
    with Recorder(FAILURES.get(failure, _silence)) as server:
        url = "http://127.0.0.1:9" if failure == "refused" else server.url
        with capability(
            consumes=consumes, base_uri=url, variables={"TOKEN": TOKEN}, timeout=2
        ) as api:
            login = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
            for work in (
                lambda: api.call("api.op"),
                lambda: api.exchange("api.op"),
                lambda: api.stream("api.op").read(),
                lambda: list(api.stream("api.op").values()),
            ):
                try:
                    work()
                except naftiko.NaftikoError as error:
                    held = _held(error)
                    assert any(naftiko.__path__[0] in text for text in held)
                else:
                    continue
                for text in held:
                    assert TOKEN not in text
                    assert quote(TOKEN, safe="") not in text
                    assert login not in text


@pytest.mark.parametrize("consumes", [BEARER, BASIC, KEY])
@pytest.mark.parametrize("failure", ["no answer", "redirects", "half", "refused"])
@pytest.mark.parametrize("way", ["send", "receive", "stream"])
def test_frames_of_the_asynchronous_transport_hold_no_credential(
    way: str, failure: str, consumes: dict[str, Any]
) -> None:
    """`AioTransport` forgets what it sent, as the others do."""

    async def read(request: naftiko.Request) -> None:
        transport = naftiko.AioTransport()
        try:
            if way == "send":
                await transport.send(request, timeout=2)
            elif way == "receive":
                async with transport.receive(
                    request, timeout=2, stays_open=lambda *_: False
                ):
                    pass
            else:
                async with transport.stream(request, timeout=2) as stream:
                    async for _ in stream:
                        pass
        finally:
            await transport.close()

    with Recorder(FAILURES.get(failure, _silence)) as server:
        url = "http://127.0.0.1:9" if failure == "refused" else server.url
        with capability(
            consumes=consumes, base_uri=url, variables={"TOKEN": TOKEN}
        ) as api:
            request = api.request("api.op")
            with pytest.raises(naftiko.TransportError) as caught:
                asyncio.run(read(request))
    for text in _held(caught.value):
        assert TOKEN not in text
        assert quote(TOKEN, safe="") not in text


def test_logged_failure_of_a_server_holds_no_variable(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A handler that reports the variables of an unexpected error finds none."""

    def broken(_: Any) -> Any:
        raise RuntimeError

    app, _ = rest_app(operation("/x", call="api.list"), broken)
    assert ask(app, "GET", "/x").status == 500
    (record,) = [r for r in caplog.records if r.exc_info]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)
    own = [
        frame
        for frame in _frames(record.exc_info[1])
        if frame.f_globals["__name__"].startswith("naftiko")
    ]
    # The first is still running: it logs.
    assert len(own) > 2
    assert [frame.f_locals for frame in own[1:]] == [{}] * (len(own) - 1)


def test_frames_of_a_refused_document_hold_no_variable() -> None:
    """A document that is refused leaves the values given for its variables nowhere."""
    for work in (
        lambda: naftiko.load({"naftiko": "9"}, variables={"TOKEN": TOKEN}),
        lambda: naftiko.load("absent.yaml", variables={"TOKEN": TOKEN}),
        lambda: naftiko.validate("absent.yaml", variables={"TOKEN": TOKEN}),
        lambda: capability().using(variables={"T": TOKEN}, timeout="x"),  # type: ignore[arg-type]
    ):
        with pytest.raises(naftiko.NaftikoError) as caught:
            work()
        own = [frame.f_globals["__name__"] for frame in _frames(caught.value)]
        assert "naftiko.masking" in own
        for frame in _frames(caught.value):
            if str(frame.f_globals.get("__name__")).startswith("naftiko"):
                assert TOKEN not in repr(frame.f_locals)


def test_variables_of_callers_stay() -> None:
    """Frames of the caller, and of functions that it gave, keep their variables."""

    def given() -> str:
        mine = "kept"
        raise KeyError(mine)

    with (
        capability(consumes=BEARER, variables={"TOKEN": given}) as api,
        pytest.raises(KeyError) as caught,
    ):
        api.call("api.op")
    frames = [frame for frame, _ in traceback.walk_tb(caught.tb)]
    assert frames[-1].f_locals == {"mine": "kept"}
    assert "caught" in frames[0].f_locals
