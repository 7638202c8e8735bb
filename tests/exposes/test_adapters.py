"""The `Adapter` protocol: every adapter type implements it and is made by its name."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

import naftiko
from naftiko.exposes.adapters import ALONE, TYPES, Adapter, adapter_of, installed
from naftiko.exposes.engine import Engine
from naftiko.exposes.options import Options
from naftiko.exposes.state import Host
from support.asgi_client import Got, asked
from support.guarding import Nobody
from support.mcp_http import modern
from support.shop import CONTROL, document, mcp, rest

SKILL = {
    "type": "skill",
    "namespace": "help",
    "port": 0,
    "skills": [{"name": "s", "description": "Helps."}],
}
DECLARED = {"rest": rest(), "mcp": mcp(), "skill": SKILL, "control": CONTROL}


def made(kind: str) -> tuple[Adapter, Engine, Any]:
    """Return an adapter of a type, its engine and its record."""
    capability = naftiko.load(document(DECLARED[kind]))
    engine = Engine(capability, Nobody())
    exposes = capability.exposes[0]
    return adapter_of(engine, exposes, Options(), Host()), engine, exposes


def test_only_the_control_adapter_needs_a_server_process() -> None:
    """Every type is known; all but `control` can be mounted in an application."""
    assert set(DECLARED) == TYPES
    assert TYPES - {"control"} == ALONE


@pytest.mark.parametrize("kind", sorted(DECLARED))
def test_adapter_has_the_methods_of_the_protocol(kind: str) -> None:
    """Methods of adapters have the parameters of `Adapter`; mypy checks their types."""
    adapter, _, exposes = made(kind)
    assert adapter.exposes is exposes
    for name in ("prepare", "replace", "lifespan", "drain", "is_open", "__call__"):
        ours = inspect.signature(getattr(type(adapter), name))
        expected = inspect.signature(getattr(Adapter, name))
        assert list(ours.parameters) == list(expected.parameters), name


@pytest.mark.parametrize("kind", sorted(DECLARED))
def test_prepared_version_changes_nothing_until_it_is_served(kind: str) -> None:
    """`prepare` makes another version of an adapter; `replace` serves it."""
    adapter, engine, exposes = made(kind)
    other = exposes._replace(description="Another one.")
    version = adapter.prepare(engine, other)
    assert adapter.exposes is exposes
    adapter.replace(version)
    assert adapter.exposes is other


@pytest.mark.parametrize(
    ("kind", "request_"),
    [
        ("control", ("GET", "/health/live")),
        ("mcp", ("POST", "/mcp", *modern("tools/list"))),
        ("rest", ("GET", "/openapi.json")),
        ("skill", ("GET", "/skills")),
    ],
)
def test_adapter_can_be_drained_twice(kind: str, request_: Any) -> None:
    """A drained adapter ends its streams only: it still answers requests."""

    async def run() -> Got:
        adapter, _, _ = made(kind)
        async with adapter.lifespan():
            adapter.drain()
            adapter.drain()
            return await asked(adapter, *request_)

    assert asyncio.run(run()).status == 200


def test_missing_library_names_the_extra() -> None:
    """The error names the missing library; the hint names the extra to install."""
    exposes = naftiko.load(document(rest())).exposes[0]
    with (
        pytest.raises(naftiko.ServeError, match="needs 'nope'") as caught,
        installed(exposes),
    ):
        raise ImportError("no", name="nope")
    assert caught.value.hint == "pip install 'naftiko[serve]'"
