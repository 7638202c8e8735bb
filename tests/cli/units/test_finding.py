"""Names on the command line: operations, then what is exposed."""

from __future__ import annotations

from argparse import Namespace

import pytest

from naftiko import load
from naftiko.cli.units.finding import check_function_options, find
from naftiko.consumes.operation import Operation
from naftiko.errors import ArgumentError, UnknownOperation
from naftiko.functions.plan import Plan
from support.shared import CAPABILITIES

BOOKSHOP = load(CAPABILITIES / "bookshop.yaml")


def test_operation_comes_before_what_is_exposed() -> None:
    """A bare name is that of an operation; a full name is that of a tool."""
    assert isinstance(find(BOOKSHOP, "list-books", "f"), Operation)
    assert isinstance(find(BOOKSHOP, "bookshop-mcp.list-books", "f"), Plan)


def test_unknown_name_says_what_to_list() -> None:
    """The hint names the command and the option that show all names."""
    with pytest.raises(UnknownOperation) as caught:
        find(BOOKSHOP, "zzz", "shop.yaml")
    assert caught.value.hint == (
        "`naftiko list shop.yaml` shows all, with --exposed what it exposes"
    )


def test_option_of_one_response_is_refused_for_a_tool() -> None:
    """A tool has no body of its own to print: the operation behind it is named."""
    given = {
        "raw": True,
        "output": None,
        "include": False,
        "stream": False,
        "save": None,
    }
    plan = BOOKSHOP.find("bookshop-mcp.get-book")
    with pytest.raises(ArgumentError) as caught:
        check_function_options(Namespace(**given), BOOKSHOP, plan)
    assert "the tool 'get-book'" in caught.value.message
    assert "bookshop.get-book" in caught.value.hint
    check_function_options(Namespace(**{**given, "raw": False}), BOOKSHOP, plan)
