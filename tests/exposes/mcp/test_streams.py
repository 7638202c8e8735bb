"""Streams of MCP over HTTP: when one begins, and how a client resumes it."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from naftiko.exposes.mcp import streams
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import asked
from support.mcp_http import HELLO, POST, in_stream, message, modern, served, session
from support.mcping import CREW, HANDSHAKES, mcp_app, reload

JSON = {"Content-Type": "application/json"}
CALL = message("tools/call", {"name": "crew"}, 5)
STAGES = {
    "name": "stages",
    "description": "d",
    "steps": [
        {"type": "call", "name": "crew", "call": "api.crew"},
        {"type": "call", "name": "note", "call": "api.build", "with": {"name": "x"}},
        {
            "type": "call",
            "name": "get",
            "call": "api.get",
            "with": {"id": "{{note.a}}"},
        },
    ],
}


def events(body: bytes) -> list[tuple[str, Any]]:
    """Return the id and the message of each event; `None` for one without data."""
    found = []
    for block in re.split(rb"\r\n\r\n", body):
        lines = dict(
            line.split(":", 1) for line in block.decode().split("\r\n") if ":" in line
        )
        if "data" in lines:
            data = lines["data"].strip()
            parsed = json.loads(data) if data else None
            found.append((lines.get("id", "").strip(), parsed))
    return found


class Gate:
    """An API that answers when it is let; it notes that it was asked."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, _request: Any) -> Response:
        self.asked.set()
        await self.opened.wait()
        return Response(200, JSON, b'{"a":1}')


async def opened(app: Any, revision: str = "2025-11-25") -> dict[str, str]:
    """Open a session of a revision; return the headers of its requests."""
    hello = HELLO.replace(b"2025-11-25", revision.encode())
    got = await asked(app, "POST", "/mcp", POST, hello)
    return {
        **POST,
        "mcp-session-id": got.headers["mcp-session-id"],
        "mcp-protocol-version": revision,
    }


@pytest.mark.parametrize("revision", HANDSHAKES)
def test_silent_call_is_kept_open_and_can_be_resumed(
    revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comment after a silence begins the stream; the newest begins with an id.

    When the client has lost the connection, the call goes on, and the client gets the
    result by the id.
    """
    monkeypatch.setattr(streams, "SILENCE", 0.02)
    gate = Gate()
    app, upstream = mcp_app(gate, tools=[CREW])

    async def talk() -> None:
        headers = await opened(app, revision)
        lost = asyncio.create_task(asked(app, "POST", "/mcp", headers, CALL))
        await gate.asked.wait()
        await asyncio.sleep(0.1)
        lost.cancel()
        await asyncio.wait([lost])
        if revision == "2024-11-05":
            return  # it has no ids
        resumed = {**headers, "last-event-id": "1.0"}
        first = asyncio.create_task(asked(app, "GET", "/mcp", resumed))
        await asyncio.sleep(0.05)
        getting = asyncio.create_task(asked(app, "GET", "/mcp", resumed))
        # A client that resumes again has lost the connection before.
        assert events((await first).body) == []
        await asyncio.sleep(0.05)
        assert not getting.done()
        gate.opened.set()
        got = await getting
        assert got.type == "text/event-stream"
        ((id_, answer),) = events(got.body)
        assert (id_, answer["id"]) == ("1.1", 5)
        assert answer["result"]["isError"] is False
        again = await asked(app, "GET", "/mcp", resumed)
        assert events(again.body) == [(id_, answer)]
        assert len(upstream.sent) == 1

    served(app, talk)


@pytest.mark.parametrize("revision", HANDSHAKES)
def test_stream_of_the_newest_handshake_begins_with_an_id(
    revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MCP 2025-11-25: an event without data, so that the client can resume."""
    monkeypatch.setattr(streams, "SILENCE", 0.02)
    gate = Gate()
    app, _ = mcp_app(gate, tools=[CREW])

    async def talk() -> None:
        headers = await opened(app, revision)
        asking = asyncio.create_task(asked(app, "POST", "/mcp", headers, CALL))
        await asyncio.sleep(0.1)
        gate.opened.set()
        got = await asking
        assert b": ping\r\n\r\n" in got.body
        ids = [id_ for id_, _ in events(got.body)]
        assert ids == {
            "2024-11-05": [""],
            "2025-11-25": ["1.0", "1.1"],
        }.get(revision, ["1.1"])
        assert events(got.body)[-1][1]["result"]["isError"] is False

    served(app, talk)


def test_answer_without_a_silence_is_one_event_without_an_id() -> None:
    """There is nothing to resume: all came at once."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> None:
        got = await asked(app, "POST", "/mcp", await opened(app), CALL)
        assert in_stream(got)["id"] == 5
        assert b"id: " not in got.body
        assert got.headers["content-length"] == str(len(got.body))

    served(app, talk)


def test_silent_call_of_the_newest_revision_becomes_a_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its result is the last event; an error has the status 200 by then."""
    monkeypatch.setattr(streams, "SILENCE", 0.02)
    gate = Gate()
    app, _ = mcp_app(gate, tools=[CREW])

    async def talk() -> None:
        ask = modern("tools/call", {"name": "crew"})
        asking = asyncio.create_task(asked(app, "POST", "/mcp", *ask))
        json_only = modern(
            "tools/call", {"name": "crew"}, {"accept": JSON["Content-Type"]}
        )
        waiting = asyncio.create_task(asked(app, "POST", "/mcp", *json_only))
        await asyncio.sleep(0.1)
        gate.opened.set()
        got = await asking
        assert got.body.startswith(b": ping\r\n\r\n")
        assert events(got.body)[-1][1]["result"]["isError"] is False
        got = await waiting
        assert got.type == "application/json"

    served(app, talk)


def test_notifications_missed_without_a_stream_are_kept() -> None:
    """The client resumes the stream of its session after the last event that came."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> None:
        headers = await session(app)
        reload(app, tools=[])
        await asyncio.sleep(0.01)
        reload(app, tools=[CREW])
        await asyncio.sleep(0.01)
        asking = asyncio.create_task(
            asked(app, "GET", "/mcp", {**headers, "last-event-id": "0.1"})
        )
        await asyncio.sleep(0.05)
        reload(app, tools=[])
        await asyncio.sleep(0.05)
        second = await asked(app, "GET", "/mcp", headers)
        assert second.status == 409
        app.drain()
        told = events((await asking).body)
        assert [id_ for id_, _ in told] == ["0.2", "0.3"]
        assert {said["method"] for _, said in told} == {
            "notifications/tools/list_changed"
        }

    served(app, talk)


@pytest.mark.parametrize("id_", ["7.1", "x", "1", "1.0"])
def test_unknown_event_is_refused(id_: str) -> None:
    """The client learns that it cannot go on, and asks again."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> None:
        headers = {**await session(app), "last-event-id": id_}
        got = await asked(app, "GET", "/mcp", headers)
        assert got.status == 400
        assert b"no longer kept" in got.body

    served(app, talk)


def test_session_that_ends_ends_its_streams() -> None:
    """DELETE: the call is answered with an error, the stream of changes ends."""
    app, upstream = mcp_app(Gate(), tools=[CREW])

    async def talk() -> None:
        headers = await session(app)
        calling = asyncio.create_task(asked(app, "POST", "/mcp", headers, CALL))
        listening = asyncio.create_task(asked(app, "GET", "/mcp", headers))
        while not upstream.sent:
            await asyncio.sleep(0.01)
        assert (await asked(app, "DELETE", "/mcp", headers)).status == 200
        answer = in_stream(await calling)
        assert (answer["id"], answer["error"]["code"]) == (5, -32000)
        assert (await listening).status == 200
        assert upstream.is_cancelled

    served(app, talk)


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("DELETE", 405)])
def test_stateless_server_has_no_streams_to_follow(method: str, status: int) -> None:
    """Without sessions there is nothing to follow or to end."""
    app, _ = mcp_app(tools=[CREW], options=Options(sessions=False))

    async def talk() -> int:
        headers = {**POST, "mcp-session-id": "x"}
        return (await asked(app, method, "/mcp", headers)).status

    assert served(app, talk) == status


def test_refusals_have_the_id_of_the_request() -> None:
    """A request whose id can be read is answered with that id."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> None:
        headers = await session(app)
        for body, id_, code in (
            (b'{"jsonrpc":"2.0","id":7,"method":5}', 7, -32600),
            (b'{"jsonrpc":"2.0","id":"a","method":"ping","params":[]}', "a", -32600),
            (b'{"jsonrpc":"2.0","id":8,"method":"pi', 8, -32700),
            (b'[{"jsonrpc":"2.0","id":8,"method":"ping"}]', None, -32600),
        ):
            got = await asked(app, "POST", "/mcp", headers, body)
            assert got.status == 400
            assert (got.json["id"], got.json["error"]["code"]) == (id_, code)
        got = await asked(app, "POST", "/mcp", POST, CALL)
        assert (got.status, got.json["id"]) == (400, 5)
        assert "Mcp-Session-Id" in got.json["error"]["message"]
        plain = {**headers, "content-type": "text/plain"}
        assert (await asked(app, "POST", "/mcp", plain, CALL)).status == 415

    served(app, talk)


def test_initialize_that_says_too_little_opens_no_session() -> None:
    """The error comes back, and nothing is kept."""
    app, _ = mcp_app(tools=[CREW])

    async def talk() -> None:
        got = await asked(app, "POST", "/mcp", POST, message("initialize", {}, 3))
        assert "mcp-session-id" not in got.headers
        assert in_stream(got)["error"]["code"] == -32602
        assert app.sessions is not None
        assert len(app.sessions) == 0

    served(app, talk)


def test_progress_of_a_session_comes_before_the_answer() -> None:
    """In one stream, with ids that a client can resume after."""
    app, _ = mcp_app(lambda _: Response(200, JSON, b'{"a":"7"}'), tools=[STAGES])

    async def talk() -> None:
        params = {"name": "stages", "_meta": {"progressToken": "t"}}
        call = message("tools/call", params, 5)
        got = await asked(app, "POST", "/mcp", await session(app), call)
        (first, nothing), *told, (last, answer) = events(got.body)
        assert (first, nothing, last) == ("1.0", None, f"1.{len(told) + 1}")
        assert {said["method"] for _, said in told} == {"notifications/progress"}
        assert answer["id"] == 5

    served(app, talk)
