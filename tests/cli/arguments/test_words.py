"""Command line words: arguments of a call."""

from __future__ import annotations

from naftiko.cli.arguments.words import call_arguments
from support.building import capability


def test_repeated_argument_becomes_a_list() -> None:
    """An argument that is given twice becomes a list of its values in order."""
    with capability({"inputParameters": [{"name": "n", "in": "query"}]}) as loaded:
        operation = loaded.operations.find("api.op")
        assert call_arguments(["n=1", "n:=2"], None, operation) == {"n": ["1", 2]}
        assert call_arguments(["n=1"], None, operation) == {"n": "1"}
        assert call_arguments([], None, operation) == {}
