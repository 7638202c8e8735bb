"""Notifications of changed lists: `notifications/tools/list_changed` and its like.

Clients of the older revisions get them over the connection of their session. Clients of
the newest revision open a stream with `subscriptions/listen`. This module must not know
what is in a list.
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

#: Notifications that wait for a client; the stream of one that does not read ends.
_BACKLOG = 64
#: Seconds after which a notification to a client that does not read is given up.
_PATIENCE = 5.0

_EVENTS: dict[str, ToolsListChanged | ResourcesListChanged | PromptsListChanged] = {
    "tools": ToolsListChanged(),
    "resources": ResourcesListChanged(),
    "prompts": PromptsListChanged(),
}
#: The kinds of lists whose changes are announced.
ANNOUNCED = tuple(_EVENTS)


class Changes:
    """The clients of one server that get notifications.

    Args:
        most: Streams of `subscriptions/listen` at the same time.

    Attributes:
        listen: Answers `subscriptions/listen` until the client leaves.
    """

    def __init__(self, most: int) -> None:
        self._bus = InMemorySubscriptionBus()
        self._connections: WeakSet[Any] = WeakSet()
        self.listen = ListenHandler(
            self._bus, max_subscriptions=most, max_buffered_events=_BACKLOG
        )

    async def connected(self, ctx: Context, params: NotificationParams) -> None:
        """Note the connection of a client that has finished the handshake."""
        # The session that a handler gets belongs to one request. The connection behind
        # it lives as long as the client, but has no public name.
        self._connections.add(ctx.session._connection)

    async def announce(self, kinds: list[str]) -> None:
        """Notify every client of the kinds of lists that have changed."""
        for kind in kinds:
            await self._bus.publish(_EVENTS[kind])
        notified = [
            asyncio.wait_for(_notify(connection, kinds), _PATIENCE)
            for connection in list(self._connections)
        ]
        await asyncio.gather(*notified, return_exceptions=True)

    def end(self) -> None:
        """End the streams of `subscriptions/listen`."""
        self.listen.close()


async def _notify(connection: Any, kinds: list[str]) -> None:
    for kind in kinds:
        await connection.notify(f"notifications/{kind}/list_changed", None)
