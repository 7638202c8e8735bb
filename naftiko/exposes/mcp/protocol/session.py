"""`McpSession`: one conversation with a client, without sockets and without waiting.

It is given messages, and returns what is to be done::

    RpcRequest(0, "initialize", …)           →  bytes: the answer, which is sent
    RpcNotification("notifications/in…", …)  →  None: nothing
    RpcRequest(1, "tools/call", …)           →  McpWork: it is run, then `settle`d
    RpcNotification("notifications/ca…", …)  →  Cancel(work): it is stopped

Over stdio and in a session of HTTP there is one for each client; a request that stands
alone gets its own. The driver of a transport reads, writes, and runs the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from naftiko.exposes.mcp.protocol.envelope import check_envelope, has_envelope
from naftiko.exposes.mcp.protocol.errors import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    UNSUPPORTED_VERSION,
    McpError,
)
from naftiko.exposes.mcp.protocol.messages import (
    RpcNotification,
    RpcRequest,
    result_message,
)
from naftiko.exposes.mcp.protocol.params import (
    check_id,
    check_meta,
    check_params,
    progress_token,
)
from naftiko.exposes.mcp.protocol.revisions import (
    NEWEST,
    has_method,
    negotiated,
)
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.exposes.mcp.protocol.messages import Message

#: URIs that one client is subscribed to, and their characters in all.
_MOST_URIS, _MOST_CHARACTERS = 100, 32 * 1024


class Desk(Protocol):
    """What a session asks of the server: answers that need no work."""

    def introduction(self, revision: str) -> bytes:
        """Return the result of `initialize`."""

    def ready(self, method: str, params: Mapping[str, Any], revision: str) -> bytes:
        """Return a result that is there already; empty when it has to be made."""

    def may_subscribe(self, uri: str) -> bool:
        """Tell whether there is a resource of this URI."""


class McpWork:
    """A request that has to be worked on.

    Attributes:
        id: Its id.
        method: Its method, one that the revision has.
        params: Its parameters, checked.
        revision: The revision that its client speaks.
        token: The token for notifications of progress, or `None`.
    """

    __slots__ = ("id", "method", "params", "revision", "token")

    def __init__(self, request: RpcRequest, revision: str) -> None:
        self.id, self.method = request.id, request.method
        self.params: dict[str, Any] = request.params or {}
        self.revision = revision
        self.token = progress_token(self.params)

    @property
    def meta(self) -> Mapping[str, Any]:
        """The `_meta` of the request."""
        return self.params.get("_meta") or {}


class Cancel(NamedTuple):
    """Work that its client no longer waits for."""

    work: McpWork


#: What is to be done for a message: send bytes, work, stop work, or nothing.
Step: TypeAlias = bytes | McpWork | Cancel | None


class McpSession:
    """One conversation.

    Args:
        desk: Answers what needs no work.
        revision: The revision; empty when the first request decides it.
        is_open: There is no handshake to wait for.
        is_http: Headers tell the revision of each request.

    Attributes:
        revision: The revision that is spoken.
        is_ready: The client has finished the handshake, and is told of changes.
        running: The requests that are worked on.
        uris: The resources that the client is subscribed to.
    """

    __slots__ = (
        "_desk", "_is_http", "_is_open", "is_ready", "revision", "running", "uris",
    )  # fmt: skip

    def __init__(
        self,
        desk: Desk,
        revision: str = "",
        *,
        is_open: bool = False,
        is_http: bool = False,
    ) -> None:
        self._desk = desk
        self._is_http = is_http
        self.revision = revision
        self._is_open = is_open
        self.is_ready = False
        self.running: set[McpWork] = set()
        self.uris: set[str] = set()

    def receive(
        self, message: Message, headers: Mapping[bytes, bytes] | None = None
    ) -> Step:
        """Return what is to be done for a message.

        Args:
            message: The message.
            headers: The headers of a request over HTTP, name in lower case → value.

        Raises:
            McpError: A request is answered with this error.
        """
        if isinstance(message, RpcRequest):
            return self._request(message, headers)
        if isinstance(message, RpcNotification):
            return self._note(message)
        return None  # This server asks its clients nothing.

    def settle(self, work: McpWork) -> bool:
        """Note that work has ended; tell whether its client waits for the answer."""
        if work in self.running:
            self.running.remove(work)
            return True
        return False

    # --- notifications ----------------------------------------------------------------

    def _note(self, said: RpcNotification) -> Step:
        if said.method == "notifications/initialized":
            # It is enough by itself: some clients of the older revisions begin with it.
            self._is_open = self.is_ready = True
        elif said.method == "notifications/cancelled":
            work = self._named((said.params or {}).get("requestId"))
            if work is not None:
                self.running.remove(work)
                return Cancel(work)
        return None

    def _named(self, id_: Any) -> McpWork | None:
        """Return the work of an id; a number may have become a text on its way."""
        same = [work for work in self.running if work.id == id_]
        like = same or [work for work in self.running if str(work.id) == str(id_)]
        return like[0] if like and type(id_) in (int, str) else None

    # --- requests ---------------------------------------------------------------------

    def _request(
        self, request: RpcRequest, headers: Mapping[bytes, bytes] | None
    ) -> Step:
        check_id(request.id)
        method, params = request.method, request.params or {}
        if not self.revision:
            is_alone = method != "initialize" and has_envelope(params)
            self.revision = NEWEST if is_alone else negotiated("")
        if self.revision == NEWEST:
            self._check_newest(request, headers)
        elif not self._is_http and method != "initialize" and has_envelope(params):
            raise McpError(
                INVALID_REQUEST,
                "Invalid Request: this connection began with the handshake of an older"
                f" revision, so it takes no requests of {NEWEST}",
            )
        if not has_method(self.revision, method):
            raise McpError(METHOD_NOT_FOUND, "Method not found", method)
        check_meta(params)
        check_params(method, params)
        if method == "initialize":
            return self._hello(request)
        if method == "ping":
            return result_message(request.id, b"{}")
        if self.revision != NEWEST and not self._is_open:
            raise McpError(
                INVALID_PARAMS,
                "Invalid request parameters: `initialize` comes first",
            )
        result = self._kept(method, params)
        result = result or self._desk.ready(method, params, self.revision)
        if result:
            return result_message(request.id, result)
        work = McpWork(request, self.revision)
        self.running.add(work)
        return work

    def _check_newest(
        self, request: RpcRequest, headers: Mapping[bytes, bytes] | None
    ) -> None:
        if request.method == "initialize" and not self._is_http:
            raise McpError(
                UNSUPPORTED_VERSION,
                f"this connection began with a request of {NEWEST}, which has no"
                " `initialize`",
                {
                    "supported": [NEWEST],
                    "requested": (request.params or {}).get("protocolVersion"),
                },
            )
        check_envelope(request, headers)

    def _hello(self, request: RpcRequest) -> bytes:
        params = request.params or {}
        self.revision = negotiated(params["protocolVersion"])
        self._is_open = True
        return result_message(request.id, self._desk.introduction(self.revision))

    def _kept(self, method: str, params: Mapping[str, Any]) -> bytes:
        """Keep what a client wishes of this session; empty for other methods."""
        if method == "resources/subscribe":
            self._subscribe(params["uri"])
        elif method == "resources/unsubscribe":
            self.uris.discard(params["uri"])
        elif method != "logging/setLevel":  # No log messages are sent, at any level.
            return b""
        return b"{}"

    def _subscribe(self, uri: str) -> None:
        if not self._desk.may_subscribe(uri):
            raise McpError(
                INVALID_PARAMS,
                "Invalid params: there is no such resource",
                {"uri": uri},
            )
        size = sum(map(len, self.uris)) + len(uri)
        if uri not in self.uris and (
            len(self.uris) >= _MOST_URIS or size > _MOST_CHARACTERS
        ):
            raise McpError(
                INVALID_REQUEST,
                f"Invalid Request: at most {_MOST_URIS} resources are subscribed to,"
                f" with {_MOST_CHARACTERS} characters in all",
            )
        self.uris.add(uri)
