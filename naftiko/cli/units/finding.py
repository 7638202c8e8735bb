"""A name on the command line → an operation, or an exposed function.

    find(capability, "shop.get-book", file)   → the operation of that ref
    find(capability, "get-book", file)        → the only operation of that name
    find(capability, "shop-mcp.find", file)   → the tool of that adapter

`Capability.find` decides; here are the words for a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import EXIT_USAGE, ArgumentError, UnknownOperation, names_of

if TYPE_CHECKING:
    from argparse import Namespace

    from naftiko.capability import Capability
    from naftiko.consumes.operation import Operation
    from naftiko.functions.plan import Plan

#: Kind of an exposed function → how messages call it.
KINDS = {
    "rest": "route",
    "tool": "tool",
    "resource": "resource",
    "skill": "skill",
    "aggregate": "function",
}


def find(capability: Capability, name: str, file: str) -> Operation | Plan:
    """Return the operation or the exposed function of a name.

    Raises:
        UnknownOperation: Nothing has the name, or several operations have it.
        UnknownFunction: Several exposed functions have it.
    """
    try:
        return capability.find(name)
    except UnknownOperation as error:
        if not error.code and not error.near:
            error.hint = f"`naftiko list {file}` shows all"
            if capability.functions.names():
                error.hint += ", with --exposed what it exposes"
        raise


def check_function_options(
    arguments: Namespace, capability: Capability, plan: Plan
) -> None:
    """Refuse options of one response where a function makes its result of responses.

    Raises:
        ArgumentError: An option has no meaning for a function.
    """
    for option, is_given in (
        ("--raw", arguments.raw or arguments.output == "raw"),
        ("--include", arguments.include),
        ("--stream", arguments.stream),
        ("-O", arguments.save is not None),
    ):
        if is_given:
            called = [op.ref for op in capability.functions.operations_of(plan)]
            kind = KINDS.get(plan.function.kind, "function")
            error = ArgumentError(
                f"{option} shows one response, and the {kind} '{plan.name}' makes its"
                " result of what its calls answer",
                hint=f"leave it out, or call the operation: {names_of(called)}"
                if called
                else "leave it out",
            )
            error.exit_code = EXIT_USAGE
            raise error


def output_paths(plan: Plan) -> list[tuple[str, str]]:
    """Return name and JSONPath of the outputs that look up a member of a response."""
    outputs = plan.function.outputs
    if not outputs and plan.inner is not None:
        return output_paths(plan.inner)
    paths = []
    for output in outputs if isinstance(outputs, list) else ():
        path = output.get("mapping") or output.get("value")
        if output.get("name") and isinstance(path, str) and path.startswith("$"):
            paths.append((str(output["name"]), path))
    return paths
