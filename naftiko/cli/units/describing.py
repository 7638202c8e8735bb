"""Operations, exposed functions and documents → what `describe` and `--help` show.

describe_operation(operation, states)  → lines for a terminal
operation_data(operation, states)      → plain data for `--format json`
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from naftiko.cli.console import clean, line_of, paint
from naftiko.cli.tables import columns, width
from naftiko.cli.units.finding import KINDS
from naftiko.consumes.operation import Operation
from naftiko.expressions import Scope, TemplateError, parse_base_uri, refs
from naftiko.hints import SHELL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from naftiko.bindings import VariableState
    from naftiko.capability import Capability
    from naftiko.functions.plan import Plan
    from naftiko.spec.model import Exposes, InputParameter

    Data = dict[str, Any]

#: Keywords of an input that help whoever types its value.
_TOLD = ("enum", "default", "format")
_MOST_CHOICES = 12


# --- variables --------------------------------------------------------------------


def states_of(capability: Capability, names: Iterable[str]) -> list[VariableState]:
    """Return the state of variables, each once, in their order."""
    return [capability.variables.state(name) for name in dict.fromkeys(names)]


def variables_of(capability: Capability, found: Operation | Plan) -> list[str]:
    """Return the variables that an operation or an exposed function uses."""
    variables = capability.variables
    if isinstance(found, Operation):
        names, operations = list(found.layout.variables), [found]
    else:
        names = sorted(capability.functions.variables_of(found))
        operations = capability.functions.operations_of(found)
    for operation in operations:
        names += _in_base_uri(operation.base_uri, variables.names)
    return [name for name in dict.fromkeys(names) if variables.knows(name)]


def _in_base_uri(text: str, known: Iterable[str]) -> list[str]:
    try:
        template = parse_base_uri(text, Scope(frozenset(known)))
    except TemplateError:  # it is told where the operation cannot be called
        return []
    return [ref.name for ref in refs(template)]


def variable_data(states: Iterable[VariableState]) -> list[dict[str, Any]]:
    """Return names and states of variables; never a value."""
    return [
        {
            "name": state.name,
            "state": state.state,
            "source": state.source,
            "entry": state.entry,
            "location": state.location,
            "used": state.is_used,
        }
        for state in states
    ]


def variable_line(state: VariableState) -> str:
    """Return a variable in words: `TOKEN (set, environment variable API_TOKEN)`."""
    where = ""
    if state.source == "option":
        where = ", by an option"
    elif state.location:
        where = f", key {state.entry} of {state.location}"
    elif state.entry != state.name:
        where = f", environment variable {state.entry}"
    word = {"unset": "no value", "empty": "empty"}.get(state.state, "has a value")
    return f"{state.name} ({word}{where})"


def told_of(states: Iterable[VariableState]) -> dict[str, list[str]]:
    """Return title → lines: the variables that are used, and those only bound."""
    told: dict[str, list[str]] = {}
    for state in states:
        title = "variables" if state.is_used else "bound, and used nowhere"
        told.setdefault(title, []).append(variable_line(state))
    return told


# --- operations and functions -----------------------------------------------------


def input_data(parameter: InputParameter) -> Data:
    """Return an input as plain data, the shape of `parameters` in `list`."""
    keywords = parameter.keywords
    return {
        "name": parameter.name,
        "in": parameter.in_,
        "type": parameter.type or "any",
        "required": parameter.required,
        "description": parameter.description,
        **{key: keywords[key] for key in _TOLD if key in keywords},
    }


def listed_data(capability: Capability, operation: Operation) -> Data:
    """Return an operation as plain data, the shape of `list --format json`."""
    states = states_of(capability, variables_of(capability, operation))
    return {
        **operation.as_dict(),
        "parameters": [input_data(p) for p in operation.inputs],
        "variables": variable_data(states),
    }


def operation_data(capability: Capability, operation: Operation) -> Data:
    """Return an operation as plain data, the shape of `describe --format json`."""
    return {
        **listed_data(capability, operation),
        "auth": operation.auth,
        "body": operation.body,
        "base_uri": operation.base_uri,
        "output_raw_format": operation.output_raw_format,
        "output_parameters": [
            {"name": o.name, "type": o.type, "value": o.value}
            for o in operation.output_parameters
        ],
        "safe": operation.is_safe,
        "idempotent": operation.is_idempotent,
        "problems": [p.for_reader(SHELL).as_dict() for p in operation.problems],
    }


def function_data(capability: Capability, name: str, plan: Plan) -> Data:
    """Return an exposed function as plain data."""
    function = plan.function
    names = variables_of(capability, plan)
    return {
        "ref": name,
        "kind": KINDS.get(function.kind, function.kind),
        "adapter": plan.exposes.namespace if plan.exposes else "",
        "name": plan.name,
        "method": function.method,
        "path": function.url_path,
        "description": plan.description,
        "parameters": [input_data(p) for p in plan.arguments],
        "calls": [op.ref for op in capability.functions.operations_of(plan)],
        "variables": variable_data(states_of(capability, names)),
        "problems": [plan.problem.message] if plan.problem else [],
    }


def describe_operation(capability: Capability, operation: Operation) -> list[str]:
    """Return the lines that tell what an operation takes and gives."""
    nature = "safe" if operation.is_safe else "changes something"
    if operation.is_idempotent and not operation.is_safe:
        nature += ", can be repeated"
    outputs = [[f"  {o.name}", o.type, o.value] for o in operation.output_parameters]
    address = f"{operation.base_uri}{operation.path}"
    lines = [
        paint(line_of(operation.ref), "strong", sys.stdout),
        line_of(f"  {operation.method} {address}  ({nature})"),
        *_wrapped(operation.description),
        *_section("arguments", argument_lines(operation.inputs) or ["  none"]),
        *_section("body", [f"  {operation.body or 'none'}"]),
        *_section("authentication", [f"  {operation.auth or 'none'}"]),
        *_variables(capability, operation),
        *_section(
            f"result ({operation.declared_format or 'as the response says'})",
            list(columns(outputs, width())) or ["  the whole body"],
        ),
    ]
    if operation.problems:
        # A reason has lines of its own: message and hint.
        reasons = [str(p.for_reader(SHELL)).split("\n") for p in operation.problems]
        indented = [f"  {line}" for reason in reasons for line in reason]
        lines += _section("cannot be called", indented)
    return lines


def describe_function(capability: Capability, name: str, plan: Plan) -> list[str]:
    """Return the lines that tell what an exposed function takes and calls."""
    from naftiko.functions.plan import route_of

    kind = KINDS.get(plan.function.kind, plan.function.kind)
    where = f" of {plan.exposes.namespace}" if plan.exposes else " of an aggregate"
    route = route_of(plan.function)
    called = [op.ref for op in capability.functions.operations_of(plan)]
    lines = [
        paint(line_of(name), "strong", sys.stdout),
        line_of(f"  {route}  ({kind}{where})" if route else f"  {kind}{where}"),
        *_wrapped(plan.description),
        *_section("arguments", argument_lines(plan.arguments) or ["  none"]),
        *_section("calls", [f"  {ref}" for ref in called] or ["  nothing"]),
        *_variables(capability, plan),
    ]
    if plan.problem is not None:
        lines += _section("cannot be called", [f"  {plan.problem.headline}"])
    return lines


def _variables(capability: Capability, found: Operation | Plan) -> list[str]:
    states = states_of(capability, variables_of(capability, found))
    if not states:
        return []
    return _section("variables", [f"  {variable_line(s)}" for s in states])


def argument_lines(parameters: Sequence[InputParameter]) -> list[str]:
    """Return a line for each argument: name, place, type, required, description."""
    rows = [
        [
            f"  {p.name}",
            *([p.in_] if any(known.in_ for known in parameters) else []),
            p.type or "any",
            "required" if p.required else "",
            _told(p),
        ]
        for p in parameters
    ]
    return list(columns(rows, width()))


def _told(parameter: InputParameter) -> str:
    """Return description, choices and default of an argument as one line."""
    parts = [" ".join(parameter.description.split())]
    choices = parameter.keywords.get("enum")
    if isinstance(choices, list) and choices:
        shown = [_written(choice) for choice in choices[:_MOST_CHOICES]]
        shown += ["…"] if len(choices) > _MOST_CHOICES else []
        parts.append(f"one of: {', '.join(shown)}")
    default = parameter.keywords.get("default", parameter.default or None)
    if default is not None:
        parts.append(f"default: {_written(default)}")
    return "; ".join(filter(None, parts))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


# --- documents --------------------------------------------------------------------


def document_data(capability: Capability, file: str) -> Data:
    """Return a document as plain data."""
    info = capability.info
    bases = {op.namespace: op.base_uri for op in capability}
    names = capability.variables.names
    return {
        "file": file,
        "label": info.label,
        "description": info.description,
        "operations": len(capability.operations),
        "exposed": len(capability.functions.names()),
        "consumes": [
            {"namespace": name, "base_uri": uri} for name, uri in bases.items()
        ],
        "exposes": [
            {"type": e.type, "namespace": e.namespace, "port": e.port}
            for e in capability.exposes
        ],
        "variables": variable_data(states_of(capability, names)),
    }


def describe_document(capability: Capability, file: str) -> list[str]:
    """Return the lines that tell what a document consumes, exposes and needs."""
    info = capability.info
    bases = {op.namespace: op.base_uri for op in capability}
    counted = several(len(capability.operations), "operation")
    if exposed := len(capability.functions.names()):
        counted += f", {exposed:,} exposed"
    states = states_of(capability, capability.variables.names)
    lines = [
        paint(line_of(info.label or file), "strong", sys.stdout),
        f"  {line_of(file)}: {counted}",
        *_wrapped(info.description),
    ]
    if bases:
        rows = [[f"  {name}", uri] for name, uri in bases.items()]
        lines += _section("consumes", list(columns(rows, width())))
    if capability.exposes:
        lines += _section("exposes", [f"  {_adapter(e)}" for e in capability.exposes])
    for title, told in told_of(states).items():
        lines += _section(title, [f"  {line}" for line in told])
    return lines


def _adapter(exposes: Exposes) -> str:
    place = f" at port {exposes.port}" if exposes.port is not None else ""
    if exposes.transport == "stdio":
        place = " over standard input and output"
    name = f"{exposes.namespace}: " if exposes.namespace else ""
    count = len(exposes.functions)
    told = f", {several(count, 'function')}" if count else ""
    return f"{name}{exposes.type}{place}{told}"


def several(count: int, noun: str) -> str:
    """Return a count in words: `1 operation`, `2 operations`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


# --- layout -----------------------------------------------------------------------


def _section(title: str, lines: list[str]) -> list[str]:
    # Names and texts of a document stand in them.
    return ["", paint(line_of(title), "strong", sys.stdout), *map(line_of, lines)]


def _wrapped(text: str) -> list[str]:
    """Return a text as lines that fit the terminal; as one line elsewhere."""
    text = " ".join(clean(text).split())
    if not text:
        return []
    limit = width()
    if limit is None:
        return [f"  {text}"]
    from textwrap import wrap

    return wrap(text, max(limit, 20), initial_indent="  ", subsequent_indent="  ")
