"""`Host` and `AdapterState`: the state of a process that the control port shows."""

from __future__ import annotations

import asyncio
from copy import deepcopy

import pytest

import naftiko
from naftiko.exposes.observability.silent import SILENT
from naftiko.exposes.state import (
    STARTED,
    STOPPED,
    AdapterState,
    Host,
    Reloaded,
    document_state,
    unusable_units,
)
from support.shop import document, mcp, rest


def test_adapter_is_shown_with_type_namespace_port_and_state() -> None:
    """Spec 5.2; an adapter on standard input and output shows no port."""
    adapter = AdapterState("rest", "shop", 8080)
    assert adapter.as_dict() == {
        "type": "rest",
        "namespace": "shop",
        "port": 8080,
        "state": "stopped",
    }
    adapter = AdapterState("mcp", "")
    adapter.state = STARTED
    assert adapter.as_dict() == {"type": "mcp", "state": "started"}


@pytest.mark.parametrize(
    ("states", "is_stopping", "expected"),
    [
        ({}, False, True),
        ({"rest": STARTED, "mcp": STARTED}, False, True),
        ({"rest": STARTED, "mcp": STOPPED}, False, False),
        # A control adapter that answers is up, so its state does not count.
        ({"rest": STARTED, "control": STOPPED}, False, True),
        ({"rest": STARTED}, True, False),
    ],
)
def test_host_is_ready_when_every_adapter_is_started(
    states: dict[str, str], is_stopping: bool, expected: bool
) -> None:
    """Readiness needs every adapter, and a process that is not stopping."""
    host = Host()
    host.is_stopping = is_stopping
    for kind, state in states.items():
        adapter = AdapterState(kind, kind)
        adapter.state = state
        host.adapters.append(adapter)
    assert host.is_ready is expected


def test_new_host_has_silent_telemetry_and_cannot_reload() -> None:
    """A server sets telemetry and reload; an embedding application has neither."""
    host = Host()
    assert host.telemetry is SILENT
    assert host.logs is None
    problems = ("nothing here can be reloaded",)
    assert asyncio.run(host.reload(False)) == Reloaded(False, problems)


def test_unit_that_cannot_be_called_is_named() -> None:
    """A unit is named with its reason: no operation, no base URI, no credential."""
    data = deepcopy(document(rest(), mcp()))  # it is changed below
    consumes = data["capability"]["consumes"]
    with naftiko.load(data, schema=None) as loaded:
        assert unusable_units(loaded) == ()
        told = document_state(loaded, "a.yaml", ())
        assert told["baseUris"] == {"api": "http://127.0.0.1:9"}
    consumes[0]["authentication"] = {"type": "bearer", "token": "{{NO_SUCH_TOKEN}}"}
    with naftiko.load(data, schema=None) as loaded:
        units = unusable_units(loaded)
        assert [unit.unit for unit in units] == ["things (GET /things)", "things"]
        assert "'NO_SUCH_TOKEN' has no value" in units[0].reason
        assert unusable_units(loaded, ("NO_SUCH_TOKEN",)) == ()
    del consumes[0]["authentication"], consumes[0]["baseUri"]
    with naftiko.load(data, schema=None) as loaded:
        unit = unusable_units(loaded)[1]
        assert str(unit).startswith("mcp 'shop-mcp': 'things' cannot be called: ")
        assert "base URI" in unit.reason
        told = document_state(loaded, "a.yaml", (unit,) * 60)
        assert (len(told["unusable"]), told["unusableCount"]) == (50, 60)


@pytest.mark.parametrize("kind", ["call", "ref"])
def test_unit_with_a_script_that_cannot_run_is_named(kind: str) -> None:
    """A script in a language without a sandbox makes its unit unusable."""
    data = deepcopy(document(mcp()))
    capability = data["capability"]
    tool = capability["exposes"][0]["tools"][0]
    script = {"name": "sum", "type": "script", "language": "python", "file": "s.py"}
    del tool["call"]
    if kind == "call":
        tool["steps"] = [{**script, "location": "file:///scripts"}]
    else:
        tool["ref"] = "shared.sum"
        function = {"name": "sum", "description": "Add.", "steps": [script]}
        capability["aggregates"] = [
            {"label": "Shared", "namespace": "shared", "functions": [function]}
        ]
    with naftiko.load(data, schema=None) as loaded:
        (unit,) = unusable_units(loaded)
        assert "Script step 'sum'" in unit.reason


def test_forward_that_reaches_nothing_is_a_unit_that_cannot_be_called() -> None:
    """A resource that passes requests on needs its adapter, and its credentials."""
    entry = rest()
    entry["resources"] = [
        {"path": "/all/{path}", "forward": {"targetNamespace": "api"}},
        {"path": "/none/{path}", "forward": {"targetNamespace": "gone"}},
    ]
    with naftiko.load(document(entry), schema=None) as loaded:
        units = [str(unit) for unit in unusable_units(loaded)]
    assert len(units) == 1
    assert "'forward /none/{path}' cannot be called" in units[0]
