"""The revisions of MCP: which there are, and which methods each of them has.

The older ones begin with a handshake, `initialize`, and then know their client. In the
newest one each request says for itself what its client speaks, in `params._meta`. This
module must not know how a method is answered.
"""

from __future__ import annotations

#: Revisions that begin with `initialize`, the oldest first.
HANDSHAKES = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
#: The revision whose requests stand alone.
NEWEST = "2026-07-28"
#: What a request over HTTP speaks that does not say it (MCP 2025-11-25, "Transports").
ASSUMED = "2025-03-26"
#: Revisions in which a client may resume a stream of events; and those in which a
#: stream begins with an event without data, so that the client has an id to resume at.
RESUMABLE = HANDSHAKES[1:]
PRIMED = HANDSHAKES[3:]

# Keys of `params._meta`.
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
CLIENT_KEY = "io.modelcontextprotocol/clientInfo"
LEVEL_KEY = "io.modelcontextprotocol/logLevel"
# Keys of `_meta` in results and notifications.
SERVER_KEY = "io.modelcontextprotocol/serverInfo"
SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId"

_EVERYWHERE = frozenset(
    {
        "completion/complete", "prompts/get", "prompts/list", "resources/list",
        "resources/read", "resources/templates/list", "tools/call", "tools/list",
    }
)  # fmt: skip
_WITH_HANDSHAKE = _EVERYWHERE | {
    "initialize", "logging/setLevel", "ping", "resources/subscribe",
    "resources/unsubscribe",
}  # fmt: skip
_ALONE = _EVERYWHERE | {"server/discover", "subscriptions/listen"}
#: Every method of a request that some revision has.
METHODS = _WITH_HANDSHAKE | _ALONE


def has_method(revision: str, method: str) -> bool:
    """Tell whether a revision has a method: `ping` is not in the newest one."""
    return method in (_ALONE if revision == NEWEST else _WITH_HANDSHAKE)


def negotiated(asked: str) -> str:
    """Return the revision that is spoken with a client who asks for one.

    `"2024-11-05"` is `"2024-11-05"`; for one that is not known it is `"2025-11-25"`.
    """
    return asked if asked in HANDSHAKES else HANDSHAKES[-1]
