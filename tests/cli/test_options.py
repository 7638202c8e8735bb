"""The table of commands: each has a function that runs it, and a line of help."""

from __future__ import annotations

import pytest

from naftiko.cli.options import COMMANDS
from naftiko.cli.parser import build_parser, command_parsers, options_of


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_for_every_option(name: str) -> None:
    """Each option and argument of a command says what it is for."""
    command = command_parsers(build_parser([name]))[name]
    assert all(action.help for action in command._actions)
    assert "--help" in options_of(command)


def test_repeated_options_start_empty() -> None:
    """An option that may be given several times has a list of its own as default."""
    for name in COMMANDS:
        command = command_parsers(build_parser([name]))[name]
        for action in command._actions:
            if type(action).__name__ == "_AppendAction":
                assert action.default == []
