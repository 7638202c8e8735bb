"""Who is told that a list has changed: open sessions, and those who subscribed.

Clients of the older revisions have a connection that hears of every change; those of
the newest ask for a stream. This module must not know what is in a list.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from naftiko.exposes.mcp.sdk import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ToolsListChanged,
)

if TYPE_CHECKING:
    from naftiko.exposes.mcp.sdk import Context, NotificationParams

#: Seconds after which a client that does not read is no longer told of a change.
_PATIENCE = 5.0

_EVENTS: dict[str, ToolsListChanged | ResourcesListChanged | PromptsListChanged] = {
    "tools": ToolsListChanged(),
    "resources": ResourcesListChanged(),
    "prompts": PromptsListChanged(),
}
#: The lists whose changes are told.
TOLD = tuple(_EVENTS)


class Changes:
    """The clients of one server that listen.

    Attributes:
        listen: Answers `subscriptions/listen`, for as long as a client wants.
    """

    def __init__(self) -> None:
        self._bus = InMemorySubscriptionBus()
        self._connections: WeakSet[Any] = WeakSet()
        self.listen = ListenHandler(self._bus)

    async def connected(self, ctx: Context, params: NotificationParams) -> None:
        """Take up a client that has said hello."""
        # The session that a handler gets belongs to one request; the connection behind
        # it, which has no public name, lives as long as the client does.
        self._connections.add(ctx.session._connection)

    async def announce(self, kinds: list[str]) -> None:
        """Tell every client that listens which lists have changed."""
        for kind in kinds:
            await self._bus.publish(_EVENTS[kind])
        told = [
            asyncio.wait_for(_tell(connection, kinds), _PATIENCE)
            for connection in list(self._connections)
        ]
        await asyncio.gather(*told, return_exceptions=True)

    def end(self) -> None:
        """End the streams of those who subscribed."""
        self.listen.close()


async def _tell(connection: Any, kinds: list[str]) -> None:
    for kind in kinds:
        await connection.notify(f"notifications/{kind}/list_changed", None)
