"""The types of adapters: which application serves each, and what stands around it.

An application is only imported when a document exposes it. This module must not know
documents, nor where anything is served.
"""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from naftiko.errors import ServeError
from naftiko.exposes.access.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.options import Options
    from naftiko.exposes.state import Host
    from naftiko.spec.model import Exposes

#: Type → module and class.
_APPS = {
    "rest": ("rest.app", "RestApp"),
    "mcp": ("mcp.app", "McpApp"),
    "skill": ("skill.app", "SkillApp"),
    "control": ("control.app", "ControlApp"),
}
TYPES = frozenset(_APPS)
#: Those that need nothing but their document.
ALONE = TYPES - {"control"}


@contextmanager
def installed(exposes: Exposes) -> Iterator[None]:
    """Say what to install when a library is not there that serving an adapter takes.

    Raises:
        ServeError: Something imported inside is missing.
    """
    try:
        yield
    except ImportError as error:
        raise ServeError(
            f"serving {exposes.type} needs '{error.name}', which is not installed",
            hint="pip install 'naftiko[serve]'",
        ) from None


def app_of(
    engine: Engine, exposes: Exposes, options: Options, host: Host | None = None
) -> Any:
    """Return the application that serves an adapter.

    Args:
        engine: Runs its functions.
        exposes: The adapter; of one of `TYPES`.
        options: What whoever serves it decides.
        host: What this process serves; not needed for one of `ALONE`.

    Raises:
        ServeError: It cannot be served, or something is not installed.
    """
    module, name = _APPS[exposes.type]
    with installed(exposes):
        kind = getattr(import_module(f"naftiko.exposes.{module}"), name)
    about = () if exposes.type in ALONE else (host,)
    return kind(engine, exposes, options, *about)


def guarded(app: Any, exposes: Exposes, engine: Engine) -> Guard:
    """Return an application behind what the document asks of callers.

    Raises:
        ServeError: A secret is missing, or the type of authentication is not known.
    """
    return Guard(
        app,
        exposes,
        engine.capability.variables,
        engine.transport,
        is_open=getattr(app, "is_open", None),
    )
