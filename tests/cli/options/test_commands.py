"""Options of the commands: help texts and default values."""

from __future__ import annotations

import pytest

from naftiko.cli.options.commands import COMMANDS
from naftiko.cli.parser import build_parser, command_parsers, options_of


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_for_every_option(name: str) -> None:
    """Each option and argument of a command has a help text, and there is `--help`."""
    command = command_parsers(build_parser([name]))[name]
    assert all(action.help for action in command._actions)
    assert "--help" in options_of(command)


def test_repeated_option_defaults_to_an_empty_list() -> None:
    """The default of an option that may be repeated is an empty list."""
    for name in COMMANDS:
        command = command_parsers(build_parser([name]))[name]
        for action in command._actions:
            if type(action).__name__ == "_AppendAction":
                assert action.default == []
