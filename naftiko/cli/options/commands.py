"""Each command with its help in one line, and the function that adds its options.

    COMMANDS["list"] = ("list operations, or what is exposed", add_list)

Each `add_…` function takes the parser of one command and adds what the command takes.
How words are parsed is told by `naftiko.cli.parser`, and their types by
`naftiko.cli.values`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from naftiko.cli.options.documents import (
    add_call,
    add_completion,
    add_demo,
    add_describe,
    add_list,
    add_schema,
    add_validate,
)
from naftiko.cli.options.serving import (
    add_metrics,
    add_reload,
    add_report,
    add_scripting,
    add_serve,
    add_traces,
)

#: Command → its help in one line, and the function that adds its options.
COMMANDS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "validate": ("check capability files", add_validate),
    "list": ("list operations, or what is exposed", add_list),
    "describe": ("show what an operation or a function takes", add_describe),
    "call": ("call an operation and print its result", add_call),
    "serve": ("serve what a capability exposes: REST, MCP, skills, control", add_serve),
    "schema": ("print the JSON Schema, for editors", add_schema),
    "demo": ("show what naftiko does, with an API of its own", add_demo),
    "completion": ("print the completion script of a shell", add_completion),
    "health": ("ask a server whether it is up, by its control port", add_report),
    "status": ("show what a server serves", add_report),
    "traces": ("show the latest traces of a server", add_traces),
    "metrics": ("print the metrics of a server", add_metrics),
    "scripting": ("show or change how a server runs scripts", add_scripting),
    "reload": ("make a server read its documents again", add_reload),
}
