"""`Adapter`: the protocol of every served adapter, and the application of each type.

    {type: rest, …}  →  adapter_of  →  RestApp  →  guarded  →  Guard(RestApp)

The application of a type is imported only when a document exposes that type. This
module must not know documents, nor where anything is served.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from naftiko.errors import ServeError
from naftiko.exposes.access.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.exposes.options import Options
    from naftiko.exposes.state import Host
    from naftiko.spec.model import Exposes


class Adapter(Protocol):
    """An ASGI application that serves one adapter, and survives reloading.

    A version is the compiled content of one version of the document. It is opaque:
    only the adapter that prepared a version can serve it.
    """

    @property
    def exposes(self) -> Exposes:
        """The adapter in the document that is served now."""

    def prepare(self, engine: Engine, exposes: Exposes) -> Any:
        """Return another version, ready to be served, and change nothing yet.

        Raises:
            ServeError: That version cannot be served.
        """

    def replace(self, version: Any) -> None:
        """Serve a prepared version; requests under way finish with the old one."""

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Return the context inside which requests are answered; entered once."""

    def drain(self) -> None:
        """End the streams that would stay open for ever; other requests go on."""

    def is_open(self, scope: ASGIScope) -> bool:
        """Tell whether a request needs no credentials, given its scope."""

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request."""


def _rest(engine: Engine, exposes: Exposes, options: Options, host: Host) -> Adapter:
    from naftiko.exposes.rest.app import RestApp

    return RestApp(engine, exposes, options, host)


def _mcp(engine: Engine, exposes: Exposes, options: Options, host: Host) -> Adapter:
    from naftiko.exposes.mcp.app import McpApp

    return McpApp(engine, exposes, options, host.bodies)


def _skill(engine: Engine, exposes: Exposes, options: Options, host: Host) -> Adapter:
    from naftiko.exposes.skill.app import SkillApp

    return SkillApp(engine, exposes, options)


def _control(engine: Engine, exposes: Exposes, options: Options, host: Host) -> Adapter:
    from naftiko.exposes.control.app import ControlApp

    return ControlApp(engine, exposes, options, host)


_MAKERS: dict[str, Callable[[Engine, Exposes, Options, Host], Adapter]] = {
    "rest": _rest,
    "mcp": _mcp,
    "skill": _skill,
    "control": _control,
}
TYPES = frozenset(_MAKERS)
#: Types that can be served without a process of ours around them.
ALONE = TYPES - {"control"}


@contextmanager
def installed(exposes: Exposes) -> Iterator[None]:
    """Turn an `ImportError` inside into an error that names the extra to install.

    Raises:
        ServeError: A library is missing that serving the adapter needs.
    """
    try:
        yield
    except ImportError as error:
        raise ServeError(
            f"serving {exposes.type} needs '{error.name}', which is not installed",
            hint="pip install 'naftiko[serve]'",
        ) from None


def adapter_of(
    engine: Engine, exposes: Exposes, options: Options, host: Host
) -> Adapter:
    """Return the application that serves an adapter.

    Args:
        engine: Runs the functions of the adapter.
        exposes: The adapter in the document; its type is one of `TYPES`.
        options: How the operator wants it to be served.
        host: The adapters and logs of this process.

    Raises:
        ServeError: The adapter cannot be served, or a library is missing.
    """
    with installed(exposes):
        return _MAKERS[exposes.type](engine, exposes, options, host)


def guarded(adapter: Adapter, exposes: Exposes, engine: Engine) -> Guard:
    """Return an adapter behind the `authentication` that the document declares.

    Raises:
        ServeError: A secret is missing, or the type of authentication is unknown.
    """
    return Guard(
        adapter,
        exposes,
        engine.capability.variables,
        engine.transport,
        is_open=adapter.is_open,
    )
