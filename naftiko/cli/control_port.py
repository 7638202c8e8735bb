"""The client of a control port (spec 7.6): where to ask, one request, one reply.

    ControlPort(arguments).expect("/status", adapters=list)
        → GET http://localhost:9090/status → {"adapters": [{"type": "rest", …}], …}

The port is that of `--port`, of `NAFTIKO_CONTROL_PORT`, of the control adapter of a
document in the current folder, or 9090.
"""

from __future__ import annotations

import http.client
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naftiko.cli.options.repeated import headers
from naftiko.cli.values import RefusedWord, UsageError, is_host, port_there
from naftiko.document.source import read
from naftiko.errors import CallError, DocumentError, shorten
from naftiko.masking import without_secrets
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from naftiko.plain import JSON

DEFAULT_PORT = 9090
_TIMEOUT = 10.0  # seconds
_RIGHT_PORT = (
    "give the port of the control adapter: --port, --address; `naftiko serve` names it"
    " when it starts"
)
#: Path → the setting of `management` that turns it on.
_SETTINGS = {"/status": "info", "/health/live": "health"}
_PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
#: What may answer instead: how it is called, a request, and a member of its reply.
_KINDS: tuple[tuple[str, str, str, JSON, str, type], ...] = (
    ("a REST adapter", "/openapi.json", "GET", None, "openapi", str),
    ("a skill adapter", "/skills", "GET", None, "skills", list),
    ("an MCP server", "/mcp", "POST", _PING, "jsonrpc", str),
)
#: Bytes of a reply: a server of another kind may send without end.
_MOST = 64 << 20


class ControlReply:
    """The reply of a server to one request.

    Attributes:
        url: The URL of the control port.
        path: The path that was asked for, without its query.
        status: The HTTP status.
        text: The body.
        server: The port that was asked.
    """

    def __init__(
        self, server: ControlPort, path: str, status: int, body: bytes
    ) -> None:
        self.server = server
        self.url = server.url
        self.path = path.partition("?")[0]
        self.status = status
        self.text = body.decode("utf-8", "replace")

    def data(self, **wanted: type) -> dict[str, JSON]:
        """Return the body, an object that has these members, each of its type.

        Raises:
            CallError: The body is something else.
        """
        data = self.object()
        if data is None or not all(
            isinstance(data.get(name), kind) for name, kind in wanted.items()
        ):
            raise self.foreign()
        return data

    def object(self) -> dict[str, JSON] | None:
        """Return the body when it is an object of JSON."""
        try:
            data = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        return data if isinstance(data, dict) else None

    def foreign(self) -> CallError:
        """Return the error for a reply that no control port gives."""
        what = self.server.kind()
        return CallError(
            f"{self.url} is not a naftiko control port: "
            + (
                f"{what} answers there"
                if what
                else f"unexpected reply to {self.path} (HTTP {self.status})"
            ),
            hint=_ports_here(self.server.port) or _RIGHT_PORT,
        )

    def refused(self, setting: str) -> CallError:
        """Return the error for a path that is missing or fails.

        Args:
            setting: The setting of the control adapter that turns the path on.
        """
        detail = (self.object() or {}).get("error", "")
        hint = "" if detail else "if this is a control port, see the log of the server"
        is_nowhere = self.status in (404, 405, 406)
        # A control port says what it lacks.
        is_other = self.server.is_elsewhere() or (not detail and self.server.kind())
        if is_nowhere and is_other:
            return self.foreign()
        if self.status == 404:
            hint = f"{setting} of the control adapter turns it on"
            hint = hint if detail else f"if this is a control port, {hint}"
        shown = f": {detail}" if detail else ""
        return CallError(f"{self.path} returned HTTP {self.status}{shown}", hint=hint)


class ControlPort:
    """The control port that a command asks.

    Raises:
        UsageError: The address or the port is none.
    """

    def __init__(self, arguments: Namespace) -> None:
        self.headers = headers(arguments.header)
        self.host = _host(arguments.address)
        self.port = _port(arguments.port)
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.is_tls = bool(arguments.tls)
        self.url = f"http{'s' * self.is_tls}://{shown}:{self.port}"

    def ask(self, path: str, method: str = "GET", data: JSON = None) -> ControlReply:
        """Send one request, with `data` as its JSON body.

        Raises:
            CallError: There is no reply, or the server wants credentials.
        """
        status, content = self._exchange(path, method, data)
        reply = ControlReply(self, path, status, content)
        if status in (401, 403):
            raise CallError(
                f"{self.url} wants credentials: {reply.path} returned HTTP {status}",
                hint=(self.is_elsewhere() and _ports_here(self.port))
                or "give them with --header 'Authorization: …', or give the port of the"
                " control adapter with --port",
            )
        if len(content) > _MOST:
            raise reply.foreign()
        return reply

    def _exchange(self, path: str, method: str, data: JSON) -> tuple[int, bytes]:
        """Return the status and the body, of which one byte too many is read."""
        connection = self._connection()
        body = None if data is None else json.dumps(data).encode()
        given = {name: value.encode() for name, value in self.headers.items()}
        if body is not None and "content-type" not in map(str.lower, given):
            given["Content-Type"] = b"application/json"
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return response.status, response.read(_MOST + 1)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            # `UnicodeError`: a label of the host name is empty or too long.
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise CallError(
                f"Cannot connect to control port at {self.url} ({reason})",
                hint=_ports_here(self.port)
                or "start a server with a control adapter, or give another --port and"
                " --address"
                + (", or --tls" if not self.is_tls else ""),
            ) from None
        finally:
            connection.close()

    def is_elsewhere(self) -> bool:
        """Tell whether a document here declares this port for another adapter."""
        return any(
            adapter.port == self.port and not adapter.is_control
            for _, adapters in _documents_here()
            for adapter in adapters
        )

    def kind(self) -> str:
        """Return what answers at this port, if it is no control port; may be empty."""
        for what, path, method, data, member, kind in _KINDS:
            try:
                status, content = self._exchange(path, method, data)
            except CallError:
                continue
            found = ControlReply(self, path, status, content).object() or {}
            if isinstance(found.get(member), kind):
                return what
        return ""

    def _connection(self) -> http.client.HTTPConnection:
        if self.is_tls:
            # Its name is what the certificate has. `SSL_CERT_FILE` names more roots.
            return http.client.HTTPSConnection(self.host, self.port, timeout=_TIMEOUT)
        host = "127.0.0.1" if self.host == "localhost" else self.host
        return http.client.HTTPConnection(host, self.port, timeout=_TIMEOUT)

    def expect(
        self, path: str, method: str = "GET", data: JSON = None, **wanted: type
    ) -> dict[str, JSON]:
        """Return the object that a path of `management` gives; see `ControlReply.data`.

        Raises:
            CallError: There is no such object.
        """
        reply = self.ask(path, method, data)
        if reply.status != 200:
            setting = _SETTINGS.get(reply.path)
            raise reply.refused(
                f"`management: {{{setting}: true}}`" if setting else "`management`"
            )
        return reply.data(**wanted)


def _host(given: str | None) -> str:
    name, host = "--address", given
    if host is None:
        name = "NAFTIKO_CONTROL_ADDRESS"
        host = os.environ.get(name) or "localhost"
    if not is_host(host):
        shown = shorten(without_secrets(host))
        raise UsageError(
            f"{name}: expected a host name or an IP address, got '{shown}'",
            hint="write localhost, 192.0.2.7 or ::1; the port goes into --port",
        )
    return host


def _port(given: int | None) -> int:
    if given is not None:
        return given
    text = os.environ.get("NAFTIKO_CONTROL_PORT", "")
    if text:
        try:
            return port_there(text)
        except RefusedWord as refused:
            raise UsageError(
                f"NAFTIKO_CONTROL_PORT: {refused.message}",
                hint="set another port, unset the variable, or give --port",
            ) from None
    for _, adapters in _documents_here():
        for adapter in adapters:
            if adapter.type == "control":
                # Neither port 0, which is any free one, nor a template.
                if adapter.port:
                    return adapter.port
                break
    return DEFAULT_PORT


class _DeclaredAdapter(NamedTuple):
    """One adapter that a document exposes; `port` is 0 when no number is declared."""

    type: str
    namespace: str
    port: int

    def __str__(self) -> str:
        kind = "the control port" if self.is_control else self.type
        return f"{kind} '{self.namespace}'" if self.namespace else kind

    @property
    def is_control(self) -> bool:
        return self.type == "control"


def _documents_here() -> Iterator[tuple[Path, list[_DeclaredAdapter]]]:
    """Yield each document of the current folder with the adapters that it exposes."""
    for file in sorted([*Path().glob("*.yml"), *Path().glob("*.yaml")]):
        adapters = list(_adapters(file))
        if adapters:
            yield file, adapters


def _adapters(file: Path) -> Iterator[_DeclaredAdapter]:
    try:
        data: Any = read(file).data
    except DocumentError:
        return
    capability = data.get("capability") if isinstance(data, dict) else None
    exposes = capability.get("exposes") if isinstance(capability, dict) else None
    for entry in exposes if isinstance(exposes, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("type"), str):
            port = entry.get("port")
            number = port if type(port) is int and 0 < port < 65536 else 0
            namespace = entry.get("namespace")
            yield _DeclaredAdapter(
                entry["type"], namespace if isinstance(namespace, str) else "", number
            )


def _ports_here(asked: int) -> str:
    """Return what the ports of a document in the current folder are, or nothing.

    `shop.yaml: 8080 is rest 'shop', 9090 is mcp 'shop-mcp'; it has no control adapter`.
    Among several documents it is the one that declares the port that was asked, or else
    the first with a control adapter.
    """
    documents = list(_documents_here())
    fitting = [d for d in documents if any(a.port == asked for a in d[1])]
    fitting += [d for d in documents if any(a.is_control for a in d[1])]
    for file, adapters in fitting:
        told = [f"{a.port} is {a}" for a in adapters if a.port]
        lacks = (
            "" if any(a.is_control for a in adapters) else "; it has no control adapter"
        )
        if told:
            return f"{file}: {', '.join(told)}{lacks}"
    return ""
