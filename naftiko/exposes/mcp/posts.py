"""The POST requests of MCP over HTTP: one message in, its answer out.

    of a session                 worked on in a task of the session; the client may
                                 hang up, and resume
    stateless, or of the newest  worked on until the client hangs up

This module must not know paths, origins or the meaning of a request.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from naftiko.exposes.http.inbound import Gone, watched
from naftiko.exposes.http.scope import OPERATION
from naftiko.exposes.mcp.clients import Client
from naftiko.exposes.mcp.protocol.accepting import accepted
from naftiko.exposes.mcp.protocol.envelope import VERSION, unsupported
from naftiko.exposes.mcp.protocol.errors import (
    CANCELLED,
    CONNECTION_CLOSED,
    HTTP_STATUS,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    McpError,
)
from naftiko.exposes.mcp.protocol.messages import (
    NotAMessage,
    RpcNotification,
    RpcRequest,
    error_message,
    ids_in,
    read_message,
    result_message,
)
from naftiko.exposes.mcp.protocol.revisions import ASSUMED, HANDSHAKES, METHODS, NEWEST
from naftiko.exposes.mcp.protocol.session import Cancel, McpSession, McpWork
from naftiko.exposes.mcp.sessions import MOST_OPENING, SESSION
from naftiko.exposes.mcp.streams import PostReply, send_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.exposes.mcp.protocol.accepting import Accepted
    from naftiko.exposes.mcp.protocol.messages import Id, Message
    from naftiko.exposes.mcp.server import McpServer
    from naftiko.exposes.mcp.sessions import HttpSession, Sessions

    Headers = Mapping[bytes, bytes]

_UNACCEPTABLE = NotAMessage(
    INVALID_REQUEST,
    "Not Acceptable: the answer is application/json or text/event-stream",
)
_OTHER_TYPE = NotAMessage(
    INVALID_REQUEST,
    "Unsupported Media Type: `Content-Type` has to be application/json",
)
_NO_SESSION = NotAMessage(
    INVALID_REQUEST,
    "Bad Request: `Mcp-Session-Id` is missing; `initialize` opens a session",
)


class Post:
    """One POST, its head read.

    Attributes:
        scope: The scope of the request.
        receive: Its `receive`.
        send: Its `send`.
        headers: Name in lower case → value.
        takes: The media types that the client takes.
        revision: The revision in the headers, the first of several; empty without one.
        is_newest: It speaks the newest revision, or one that is not known at all.
        session: The session that it names; `None` for none.
    """

    __slots__ = (
        "headers", "is_newest", "receive", "revision", "scope", "send", "session",
        "takes",
    )  # fmt: skip

    def __init__(
        self, scope: ASGIScope, receive: Receive, send: Send, headers: Headers
    ) -> None:
        self.scope, self.receive, self.send = scope, receive, send
        self.headers = headers
        self.takes: Accepted = accepted(headers.get(b"accept", b""))
        told = headers.get(VERSION)
        self.revision = (told or b"").partition(b",")[0].decode("latin-1")
        self.is_newest = told is not None and self.revision not in HANDSHAKES
        self.session: HttpSession | None = None

    def reply(self, *, is_stream: bool = False) -> PostReply:
        """Return the response, which has the id of the session."""
        id_ = [] if self.session is None else [(SESSION, self.session.id.encode())]
        return PostReply(self.send, self.takes, id_, is_stream=is_stream)

    async def refuse(
        self, status: int, error: McpError | NotAMessage, id_: Id | None = None
    ) -> None:
        """Answer with an error that no session gives."""
        await send_json(self.send, status, error_message(id_, error))


class Posts:
    """Answer the messages of one adapter.

    Args:
        server: Answers what is in them.
        sessions: The sessions; `None` where clients have none.
    """

    def __init__(self, server: McpServer, sessions: Sessions | None) -> None:
        self._server = server
        self._sessions = sessions

    async def early(self, post: Post) -> bool:
        """Refuse a request by its head alone; tell whether it was refused."""
        if not any(post.takes):
            await post.refuse(406, _UNACCEPTABLE)
            return True
        if not post.is_newest and not _is_json(post.headers.get(b"content-type", b"")):
            await post.refuse(415, _OTHER_TYPE)
            return True
        return False

    async def answer(self, post: Post, body: bytes) -> None:
        """Answer the message in a body.

        Raises:
            Gone: The client hung up.
        """
        message = read_message(body)
        if isinstance(message, NotAMessage):
            await post.refuse(400, message, _id_in(body))
            return
        if isinstance(message, RpcRequest):
            known = message.method in METHODS
            post.scope[OPERATION] = message.method if known else None
        else:
            post.scope[OPERATION] = "notification"
        if post.is_newest:
            await self._newest(post, message, len(body))
        elif self._sessions is None:
            revision = post.revision or ASSUMED
            await self._alone(
                post,
                message,
                McpSession(self._server, revision, is_open=True, is_http=True),
            )
        elif post.session is not None:
            await self._of_session(post, message, post.session)
        else:
            await self._opening(post, message, self._sessions)

    # --- sessions ---------------------------------------------------------------------

    async def _opening(self, post: Post, message: Message, sessions: Sessions) -> None:
        if not isinstance(message, RpcRequest) or message.method != "initialize":
            id_ = message.id if isinstance(message, RpcRequest) else None
            await post.refuse(400, _NO_SESSION, id_)
            return
        talk = McpSession(self._server, is_http=True)
        try:
            step = talk.receive(message, post.headers)
        except McpError as error:
            # Nothing is opened for a client that does not say what it speaks.
            answer = error_message(message.id, error)
            await post.reply(is_stream=True).finish(answer)
            return
        post.session = sessions.open(talk)
        if post.session is None:
            full = McpError(INTERNAL_ERROR, "too many sessions are open")
            await post.refuse(503, full, message.id)
            return
        assert isinstance(step, bytes)
        await post.reply(is_stream=True).finish(step)

    async def _of_session(
        self, post: Post, message: Message, session: HttpSession
    ) -> None:
        reply = post.reply(is_stream=True)
        try:
            step = session.talk.receive(message, post.headers)
        except McpError as error:
            assert isinstance(message, RpcRequest)
            await reply.finish(error_message(message.id, error))
            return
        if isinstance(step, bytes):
            session.is_used = session.is_used or _is_use(message)
            await reply.finish(step)
        elif isinstance(step, McpWork):
            session.is_used = True
            await self._in_task(post, step, session, reply)
        else:
            if isinstance(step, Cancel):
                session.cancel(step.work)
            await send_json(post.send, 202, b"", [(SESSION, session.id.encode())])
        self._server.changes.watch()

    async def _in_task(
        self, post: Post, work: McpWork, session: HttpSession, reply: PostReply
    ) -> None:
        """Work in a task of the session, which goes on when the client hangs up."""
        reply.keep_in(session.log, work.revision)
        task = asyncio.get_running_loop().create_task(
            self._worked(work, Client(post.scope, reply.notify), session, reply)
        )
        session.running[work] = task, reply
        await asyncio.shield(task)

    async def _worked(
        self, work: McpWork, client: Client, session: HttpSession, reply: PostReply
    ) -> None:
        reply.watch_silence()
        try:
            answer = await self._made(work, client)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            error = McpError(CANCELLED, "Request cancelled")
            if session.talk.settle(work):
                error = McpError(CONNECTION_CLOSED, "the session has ended")
            answer = error_message(work.id, error)
        finally:
            session.running.pop(work, None)
            session.talk.settle(work)
        await reply.finish(answer)

    # --- requests that stand alone ----------------------------------------------------

    async def _newest(self, post: Post, message: Message, size: int) -> None:
        if isinstance(message, RpcNotification):
            if post.revision == NEWEST:
                # It can name no request: each is known to its own connection only.
                await send_json(post.send, 202, b"")
            else:
                await post.refuse(400, unsupported(post.revision))
            return
        is_listening = (
            isinstance(message, RpcRequest) and message.method == "subscriptions/listen"
        )
        if is_listening and size > MOST_OPENING:
            error = McpError(
                INVALID_PARAMS,
                f"Invalid params: at most {MOST_OPENING} bytes open a subscription",
            )
            await post.refuse(400, error, message.id)
            return
        if is_listening:
            post.takes = post.takes._replace(stream=True)  # it has no other answer
        talk = McpSession(self._server, NEWEST, is_open=True, is_http=True)
        await self._alone(post, message, talk)

    async def _alone(self, post: Post, message: Message, talk: McpSession) -> None:
        """Answer a message that belongs to no session."""
        is_newest = talk.revision == NEWEST
        if not isinstance(message, RpcRequest):
            if is_newest:
                error = NotAMessage(
                    INVALID_REQUEST, "Invalid Request: nothing was asked of the client"
                )
                await post.refuse(400, error)
            else:
                await send_json(post.send, 202, b"")
            return
        reply = post.reply(is_stream=not is_newest)
        try:
            step = talk.receive(message, post.headers)
            if isinstance(step, McpWork):
                client = Client(post.scope, reply.notify)
                answer = await watched(
                    self._result(step, client), post.receive, reply.watch_silence
                )
            else:
                assert isinstance(step, bytes)
                answer = step
        except McpError as error:
            status = HTTP_STATUS.get(error.code, 200) if is_newest else 200
            await reply.finish(error_message(message.id, error), status)
            return
        except (Gone, asyncio.CancelledError):
            reply.stop()
            raise
        await reply.finish(answer)

    # --- work -------------------------------------------------------------------------

    async def _made(self, work: McpWork, client: Client) -> bytes:
        """Return the answer to a request, which may be an error."""
        try:
            return await self._result(work, client)
        except McpError as error:
            return error_message(work.id, error)

    async def _result(self, work: McpWork, client: Client) -> bytes:
        return result_message(work.id, await self._server.run(work, client))


def _is_json(content_type: bytes) -> bool:
    if content_type == b"application/json":
        return True
    kinds = content_type.lower().partition(b";")[0].split(b",")
    return any(kind.strip() == b"application/json" for kind in kinds)


def _is_use(message: Message) -> bool:
    return isinstance(message, RpcRequest) and message.method not in (
        "initialize",
        "ping",
    )


def _id_in(body: bytes) -> Id | None:
    """Return the id of a request that cannot be read, if it is one of JSON-RPC 2.0."""
    if b'"2.0"' not in body:
        return None
    ids = ids_in(body)
    return ids[0] if len(ids) == 1 and not body.lstrip().startswith(b"[") else None
