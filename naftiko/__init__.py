"""Run Naftiko capability files: load one, and call its operations by name.

    import naftiko

    with naftiko.load("capabilities/docker.yaml") as docker:
        docker.call("docker.containerlist", all=True)

Names are imported when they are first used, so that `import naftiko` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.version import __version__

if TYPE_CHECKING:
    from naftiko.capability import Capability
    from naftiko.consumes.content import Content
    from naftiko.consumes.exchange import Exchange
    from naftiko.consumes.operation import Operation
    from naftiko.consumes.placing import RawPath
    from naftiko.consumes.registry import Registry
    from naftiko.errors import (
        ArgumentError,
        CallError,
        DocumentError,
        DocumentSyntaxError,
        Location,
        NaftikoError,
        OutputError,
        Problem,
        ReportedError,
        RequestTimeout,
        ServeError,
        StatusError,
        TransportError,
        UnboundVariable,
        UnknownFunction,
        UnknownOperation,
        UnresolvedCall,
        UnusableOperation,
        ValidationError,
    )
    from naftiko.exposes.asgi import asgi
    from naftiko.loader import load, validate
    from naftiko.transport.aio import AioTransport
    from naftiko.transport.base import StubTransport, Transport
    from naftiko.transport.http import HttpTransport
    from naftiko.transport.messages import Headers, Request, Response
    from naftiko.transport.streams import StreamedResponse

_HOMES = {
    "consumes.content": ("Content",),
    "capability": ("Capability",),
    "errors": (
        "ArgumentError",
        "CallError",
        "DocumentError",
        "DocumentSyntaxError",
        "Location",
        "NaftikoError",
        "OutputError",
        "Problem",
        "ReportedError",
        "RequestTimeout",
        "ServeError",
        "StatusError",
        "TransportError",
        "UnboundVariable",
        "UnknownFunction",
        "UnknownOperation",
        "UnresolvedCall",
        "UnusableOperation",
        "ValidationError",
    ),
    "consumes.exchange": ("Exchange",),
    "exposes.asgi": ("asgi",),
    "transport.http": ("HttpTransport",),
    "loader": ("load", "validate"),
    "transport.messages": ("Headers", "Request", "Response"),
    "consumes.operation": ("Operation",),
    "consumes.registry": ("Registry",),
    "consumes.placing": ("RawPath",),
    "transport.aio": ("AioTransport",),
    "transport.base": ("StubTransport", "Transport"),
    "transport.streams": ("StreamedResponse",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AioTransport",
    "ArgumentError",
    "CallError",
    "Capability",
    "Content",
    "DocumentError",
    "DocumentSyntaxError",
    "Exchange",
    "Headers",
    "HttpTransport",
    "Location",
    "NaftikoError",
    "Operation",
    "OutputError",
    "Problem",
    "RawPath",
    "Registry",
    "Request",
    "ReportedError",
    "RequestTimeout",
    "Response",
    "ServeError",
    "StatusError",
    "StreamedResponse",
    "StubTransport",
    "Transport",
    "TransportError",
    "UnboundVariable",
    "UnknownFunction",
    "UnknownOperation",
    "UnresolvedCall",
    "UnusableOperation",
    "ValidationError",
    "__version__",
    "asgi",
    "load",
    "validate",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'naftiko' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"naftiko.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
