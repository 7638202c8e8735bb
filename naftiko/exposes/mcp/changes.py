"""Notifications of changes: lists that a reload changed, and resources.

    a reload           →  notifications/tools/list_changed, and its like
    a file is written  →  notifications/resources/updated

Clients of the older revisions get them over the connection of their session, those of
resources after `resources/subscribe`. Clients of the newest revision open a stream with
`subscriptions/listen`. This module must not know what is in a list.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from naftiko.exposes.mcp.protocol.errors import INTERNAL_ERROR, McpError
from naftiko.exposes.mcp.protocol.messages import notification
from naftiko.exposes.mcp.protocol.revisions import SUBSCRIPTION_KEY
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from naftiko.exposes.mcp.clients import Client
    from naftiko.exposes.mcp.protocol.session import McpSession, McpWork
    from naftiko.plain import JSON

    #: Sends a message to a client at once, or leaves it out.
    Tell = Callable[[bytes], None]

#: Notifications that wait for a client; the stream of one that does not read ends.
BACKLOG = 64
#: Seconds between two looks at the files of resources that clients are subscribed to.
_LOOK = 2.0

#: The kinds of lists whose changes are announced → the member of a wish for them.
ANNOUNCED = {
    "tools": "toolsListChanged",
    "resources": "resourcesListChanged",
    "prompts": "promptsListChanged",
}


class _Wish(NamedTuple):
    """One stream of `subscriptions/listen`.

    Attributes:
        waiting: What is to be sent; `None` ends the stream.
        kinds: The kinds of lists that it asks for.
        uris: The resources that it asks for.
    """

    waiting: asyncio.Queue[tuple[str, dict[str, Any]] | None]
    kinds: frozenset[str]
    uris: frozenset[str]

    def put(self, method: str, params: dict[str, Any]) -> None:
        """Let a notification wait; the stream of a client that does not read ends."""
        if self.waiting.qsize() < BACKLOG:
            self.waiting.put_nowait((method, params))
        else:
            self.end()

    def end(self) -> None:
        self.waiting.put_nowait(None)


class Changes:
    """The clients of one adapter that are told of changes.

    Args:
        most: Streams of `subscriptions/listen` at the same time.
        stamp: A URI → what changes when its resource does, or `None`; it reads a file.
    """

    def __init__(self, most: int, stamp: Callable[[str], JSON]) -> None:
        self._most = most
        self._stamp = stamp
        self._sessions: dict[McpSession, Tell] = {}
        self._wishes: dict[McpWork, _Wish] = {}
        self._watch: asyncio.Task[None] | None = None
        #: URI of a resource that a client is subscribed to → its stamp when looked at.
        self._known: dict[str, JSON] = {}

    def __len__(self) -> int:
        """Return the number of open streams of `subscriptions/listen`."""
        return len(self._wishes)

    # --- who is told ------------------------------------------------------------------

    def join(self, session: McpSession, tell: Tell) -> None:
        """Tell a client over the connection of its session, once it is ready."""
        self._sessions[session] = tell

    def leave(self, session: McpSession) -> None:
        """Forget a session that has ended."""
        self._sessions.pop(session, None)

    async def listen(self, client: Client, work: McpWork) -> dict[str, JSON]:
        """Answer `subscriptions/listen`: tell, until the client leaves or serving ends.

        Raises:
            McpError: Too many streams are open.
        """
        if len(self._wishes) >= self._most:
            raise McpError(INTERNAL_ERROR, "the limit of subscriptions is reached")
        wished = work.params["notifications"]
        kinds = frozenset(k for k, member in ANNOUNCED.items() if wished.get(member))
        uris = list(dict.fromkeys(wished.get("resourceSubscriptions") or ()))
        granted: dict[str, Any] = {ANNOUNCED[kind]: True for kind in sorted(kinds)}
        if uris:
            granted["resourceSubscriptions"] = uris
        about = {SUBSCRIPTION_KEY: work.id}
        wish = _Wish(asyncio.Queue(), kinds, frozenset(uris))
        self.know(uris)
        self._wishes[work] = wish
        try:
            acknowledged = {"notifications": granted, "_meta": about}
            method = "notifications/subscriptions/acknowledged"
            await client.notify(notification(method, acknowledged))
            self.watch()
            while (told := await wish.waiting.get()) is not None:
                method, params = told
                await client.notify(notification(method, {**params, "_meta": about}))
        finally:
            del self._wishes[work]
        return {"_meta": about, "resultType": "complete"}

    # --- what they are told -----------------------------------------------------------

    def announce(self, kinds: Iterable[str]) -> None:
        """Notify every client of the kinds of lists that have changed."""
        for kind in kinds:
            method = f"notifications/{kind}/list_changed"
            said = notification(method)
            for session, tell in list(self._sessions.items()):
                if session.is_ready:
                    tell(said)
            for wish in list(self._wishes.values()):
                if kind in wish.kinds:
                    wish.put(method, {})

    def updated(self, uri: str) -> None:
        """Notify the clients that are subscribed to a resource."""
        method, params = "notifications/resources/updated", {"uri": uri}
        said = notification(method, params)
        for session, tell in list(self._sessions.items()):
            if uri in session.uris:
                tell(said)
        for wish in list(self._wishes.values()):
            if uri in wish.uris:
                wish.put(method, params)

    def end(self) -> None:
        """End the streams of `subscriptions/listen`, each with its answer."""
        for wish in self._wishes.values():
            wish.end()

    # --- files ------------------------------------------------------------------------

    def know(self, uris: Iterable[str]) -> None:
        """Look at resources, so that what changes from now on is told."""
        for uri in uris:
            if uri not in self._known:
                self._known[uri] = self._stamp(uri)

    def watch(self) -> None:
        """Look at the resources that clients are subscribed to, while there are any."""
        if self._watch is None and self._uris():
            self._watch = asyncio.get_running_loop().create_task(self._look())

    def unwatch(self) -> None:
        """Stop looking."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _uris(self) -> set[str]:
        found: set[str] = set()
        for session in self._sessions:
            found |= session.uris
        for wish in self._wishes.values():
            found |= wish.uris
        return found

    async def _look(self) -> None:
        try:
            while uris := self._uris():
                stamps = await asyncio.to_thread(self._stamps, uris)
                wanted = self._uris()
                known, self._known = self._known, {}
                for uri in wanted & known.keys():
                    # One that was subscribed to meanwhile has been looked at.
                    self._known[uri] = stamps.get(uri, known[uri])
                    if self._known[uri] != known[uri]:
                        self.updated(uri)
                await asyncio.sleep(_LOOK)
        finally:
            self._watch = None
            self._known.clear()

    def _stamps(self, uris: set[str]) -> dict[str, JSON]:
        return {uri: self._stamp(uri) for uri in uris}
