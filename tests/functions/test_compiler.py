"""Exposed functions: a case in `cases/runs/` is one tool, its requests and its value.

Run one with `pytest tests/functions/test_compiler.py -k "part of its name"`.
"""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from support.casefiles import cases
from support.tools import capability, check_run


@pytest.mark.parametrize("case", cases("functions/cases/runs", "simple"))
def test_tool_sends_and_gives(case: Any) -> None:
    """A tool sends the requests of its case, and gives the value of it."""
    check_run(case)


def test_variables_of_with_are_secret() -> None:
    """A variable that reaches a request through `with` is masked like any other."""
    loaded, sent = capability(
        {"call": "api.search", "with": {"q": "{{TOKEN}}", "sort": "env.TOKEN"}},
        {"GET /search?q=s3cr3t&sort=s3cr3t": {"status": 500, "body": "no s3cr3t"}},
        binds=[{"namespace": "env", "keys": {"TOKEN": "TOKEN"}}],
    )
    with pytest.raises(naftiko.StatusError) as caught:
        loaded.using(variables={"TOKEN": "s3cr3t"}).invoke("t.unit")
    assert sent == ["GET /search?q=s3cr3t&sort=s3cr3t"]
    error = caught.value
    assert "s3cr3t" not in str(error)
    assert "s3cr3t" not in repr(error.request)


def test_an_argument_cannot_stand_for_a_variable() -> None:
    """An argument of a caller never fills a bind variable (spec 12.3, weakness 38)."""
    loaded, _ = capability(
        {"call": "api.search", "with": {"q": "{{TOKEN}}"}},
        binds=[{"namespace": "env", "keys": {"TOKEN": "NO_SUCH_NAME_HERE"}}],
    )
    with pytest.raises(naftiko.ArgumentError):
        loaded.invoke("t.unit", {"TOKEN": "mine"})
    with pytest.raises(naftiko.UnboundVariable):
        loaded.invoke("t.unit")


def test_function_is_found_by_a_clear_name() -> None:
    """A bare name does where it is clear; an unknown one names the nearest."""
    loaded, _ = capability({"call": "api.list"})
    assert loaded.invoke("unit") == {}
    with pytest.raises(naftiko.UnknownFunction, match=r"nearest: t\.unit"):
        loaded.invoke("t.unot")


def test_malformed_name_or_arguments_are_refused() -> None:
    """A name that is no text, or arguments that are no mapping, send nothing."""
    loaded, sent = capability({"call": "api.list"})
    with pytest.raises(naftiko.UnknownFunction, match="'5'"):
        loaded.invoke(5)  # type: ignore[arg-type]
    for given in ([1], "x", 0):
        with pytest.raises(naftiko.ArgumentError, match="mapping"):
            loaded.invoke("t.unit", given)  # type: ignore[arg-type]
    assert sent == []


SHAPE = [{"type": "object", "properties": {"a": {"type": "string", "mapping": "$.a"}}}]


@pytest.mark.parametrize(
    "tool",
    [
        {"call": "api.undecodable"},
        {"call": "api.undecodable", "outputParameters": SHAPE},
        {"steps": [{"type": "call", "name": "one", "call": "api.undecodable"}]},
    ],
    ids=["simple", "shaped", "steps"],
)
def test_call_with_an_undecodable_response_is_not_sent(tool: Any) -> None:
    """Otherwise the call would take effect, and only its result would be lost."""
    loaded, sent = capability(tool)
    with pytest.raises(naftiko.OutputError, match="avro") as caught:
        loaded.invoke("t.unit")
    assert sent == []
    assert caught.value.step == ("one" if "steps" in tool else "")
