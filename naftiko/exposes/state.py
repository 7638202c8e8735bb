"""`Host`: the documents and adapters that a process serves, and the state of each.

    unusable_units(capability) → [UnusableUnit("mcp", "shop", "get-book", "…")]

The control port reads it. This module must not know how anything is served.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from naftiko.consumes.base_uri import override_of
from naftiko.errors import NaftikoError, UnboundVariable
from naftiko.exposes.observability.silent import SILENT
from naftiko.exposes.options import Options
from naftiko.exposes.processes.siblings import Siblings
from naftiko.expressions import refs
from naftiko.functions.plan import name_of
from naftiko.masking import without_secrets
from naftiko.records.tuples import NamedTuple
from naftiko.transport.wire.totals import Total

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from naftiko.capability import Capability
    from naftiko.consumes.operation import Operation
    from naftiko.exposes.observability.logs import LatestLines
    from naftiko.exposes.observability.telemetry import AnyTelemetry
    from naftiko.functions.plan import Plan
    from naftiko.functions.scripting.scripts import Script
    from naftiko.plain import JSON
    from naftiko.spec.adapters import ForwardSpec

STARTED, STOPPED = "started", "stopped"
#: Units that cannot be called, of one document, that the control port names.
_MOST_UNITS = 50


class Reloaded(NamedTuple):
    """The result of reloading the documents.

    Attributes:
        is_done: The new versions of all documents are served now.
        problems: The reasons why not.
        files: The documents whose new version is served.
        is_forcible: Force would serve the other new versions too.
        notes: The changes that need a restart.
    """

    is_done: bool
    problems: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    is_forcible: bool = False
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Sequence[Any]) -> Reloaded:
        """Return a result that came as plain data from another process."""
        is_done, problems, files, is_forcible, notes = data
        return cls(is_done, tuple(problems), tuple(files), is_forcible, tuple(notes))


class AdapterState:
    """The state of one adapter, and where it is served.

    Attributes:
        port: `None` for an adapter on standard input and output.
        state: `started` or `stopped`.
    """

    def __init__(
        self, type: str, namespace: str, port: int | None = None, url: str = ""
    ) -> None:
        self.type = type
        self.namespace = namespace
        self.port = port
        self.url = url
        self.state = STOPPED

    def as_dict(self) -> dict[str, Any]:
        """Return the state as the control port shows it (spec 5.2).

        {"type": "rest", "namespace": "ships", "port": 8080, "state": "started"}
        """
        shown: dict[str, Any] = {"type": self.type}
        if self.namespace:
            shown["namespace"] = self.namespace
        if self.port:
            shown["port"] = self.port
        return {**shown, "state": self.state}


class UnusableUnit(NamedTuple):
    """A tool or route that is exposed and cannot be called.

    Attributes:
        type: The type of its adapter; `namespace` is that of its adapter.
        unit: Its name.
        reason: Why it cannot be called.
    """

    type: str
    namespace: str
    unit: str
    reason: str

    def __str__(self) -> str:
        adapter = f"{self.type} '{self.namespace}'" if self.namespace else self.type
        return f"{adapter}: '{self.unit}' cannot be called: {self.reason}"


def unusable_units(
    capability: Capability, filled: Collection[str] = ()
) -> tuple[UnusableUnit, ...]:
    """Return the exposed units that cannot be called, in document order.

    Args:
        capability: The document.
        filled: Variables that each caller fills; they need no value here.
    """
    found = []
    for exposes in capability.exposes:
        for plan in capability.functions.of(exposes):
            error = _refusal(capability, plan, filled)
            if error is not None:
                problems = getattr(error, "problems", ())
                reason = problems[0].message if problems else error.message
                unit = unit_name(plan)
                found.append(
                    UnusableUnit(exposes.type, exposes.namespace, unit, reason)
                )
        for forward in exposes.forwards:
            reason = _forward_refusal(capability, forward, filled)
            if reason:
                unit = f"forward {forward.url_path}"
                found.append(
                    UnusableUnit(exposes.type, exposes.namespace, unit, reason)
                )
    return tuple(found)


def unit_name(plan: Plan) -> str:
    """Return the name of a unit, with its route: `get-book (GET /books/{isbn})`."""
    function = plan.function
    name = name_of(function)
    if not function.url_path:
        return name
    route = f"{function.method} {function.url_path}"
    return f"{name} ({route})" if name else route


def _refusal(
    capability: Capability, plan: Plan, filled: Collection[str]
) -> NaftikoError | None:
    """Return why a unit cannot be called, or `None`."""
    if plan.problem is not None:
        return plan.problem
    try:
        for script in _scripts(capability, plan):
            script.check()
        for operation in capability.functions.operations_of(plan):
            error = capability.refusal(operation)
            if error is not None:
                return error
            for name in _credentials(operation):
                if name not in filled:
                    capability.variables.get(name)
    except NaftikoError as raised:  # such as a file of variables that cannot be read
        return raised
    return None


def _scripts(capability: Capability, plan: Plan) -> Iterator[Script]:
    """Yield the scripts that a unit runs, directly or by a reference."""
    for step in plan.function.steps:
        if step.type == "script":
            yield capability.scripting.prepare(step.script, step=step.name)
    if plan.inner is not None:
        yield from _scripts(capability, plan.inner)


def _forward_refusal(
    capability: Capability, forward: ForwardSpec, filled: Collection[str]
) -> str:
    """Return why a resource cannot pass requests on, or an empty text."""
    try:
        capability.adapter_request(forward.namespace)
    except UnboundVariable as error:
        return "" if error.name in filled else error.message
    except NaftikoError as error:
        return error.message
    return ""


def _credentials(operation: Operation) -> Iterator[str]:
    """Yield the variables that sign the requests of an operation."""
    layout = operation.layout
    templates = [template for _, _, template in layout.credentials]
    for template in (*templates, *(layout.login or ())):
        for ref in refs(template):
            yield ref.name


def document_state(
    capability: Capability,
    file: str,
    unusable: tuple[UnusableUnit, ...],
    base_uris: Mapping[str, str] = {},
) -> dict[str, JSON]:
    """Return what the control port tells about one document.

    {"file": "shop.yaml", "label": "Shop", "baseUris": {"api": "https://h.test"},
     "unusable": [{"type": "mcp", "namespace": "shop", "unit": "…", "reason": "…"}],
     "unusableCount": 1}

    Args:
        capability: The document.
        file: Its file.
        unusable: Its units that cannot be called.
        base_uris: Namespace → URI that replaces the one in the document; the empty
            namespace stands for all others. No user and no query of one is shown.
    """
    called = {}
    for operation in capability:
        name = operation.namespace
        given = override_of(name, base_uris.get(name, base_uris.get("")))
        called[name] = without_secrets(given or operation.base_uri)
    return {
        "file": file,
        "label": capability.info.label,
        "baseUris": called,
        "unusable": [unit._asdict() for unit in unusable[:_MOST_UNITS]],
        "unusableCount": len(unusable),
    }


class Host:
    """The adapters, the logs and the telemetry of one process.

    Attributes:
        adapters: The adapters of all documents, in document order.
        started_at: Seconds since the epoch.
        is_stopping: The process takes no new requests.
        logs: The latest log lines, or `None` where none are kept.
        telemetry: Metrics and traces.
        documents: Returns the state of each document, see `document_state`.
        reload: Reads the documents again; with `True` a unit that worked may become
            unusable.
        parent: The process that started this one as one of several workers, or 0.
        bodies: The bytes of all request bodies that are under way.
        siblings: Reaches the processes of the server, this one among them.
        control_ports: The number of control adapters.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.bodies = Total((options or Options()).max_total_bytes)
        self.adapters: list[AdapterState] = []
        self.started_at = time.time()
        self.is_stopping = False
        self.logs: LatestLines | None = None
        self.telemetry: AnyTelemetry = SILENT
        self.documents: Callable[[], list[dict[str, JSON]]] = list
        self.reload: Callable[[bool], Awaitable[Reloaded]] = _cannot_reload
        self.parent = 0
        self.siblings = Siblings()
        self.control_ports = 0

    @property
    def is_ready(self) -> bool:
        """Whether every adapter except the control port is started."""
        return not self.is_stopping and all(
            adapter.state == STARTED
            for adapter in self.adapters
            if adapter.type != "control"
        )


async def _cannot_reload(is_forced: bool) -> Reloaded:
    return Reloaded(False, ("nothing here can be reloaded",))
