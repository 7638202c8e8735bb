"""`--stdio` chooses one MCP adapter; `test_serve_stdio` tests the connection."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from naftiko.errors import ServeError
from naftiko.exposes.options import Options
from naftiko.exposes.serve.plan import ServePlan, Source
from support.serving_process import write
from support.shop import document, mcp, rest

stdio = pytest.importorskip("naftiko.exposes.serve.stdio", reason="needs `serve`")


def chosen(folder: Path, *exposes: Any, only: tuple[str, ...] = ()) -> str:
    """Return the namespace of the adapter that is served."""
    file = write(folder / "shop.yaml", document(*exposes))
    plan = ServePlan([Source(str(file))], Options(), only=only)
    namespace: str = stdio._chosen(plan.sources[0].load(), plan).namespace
    return namespace


def test_adapter_with_transport_stdio_is_chosen_first(tmp_path: Path) -> None:
    """A single MCP adapter needs no `transport: stdio`; `--adapter` overrides."""
    desk = mcp("desk", transport="stdio")
    assert chosen(tmp_path, rest(), mcp("one")) == "one"
    assert chosen(tmp_path, mcp("one"), desk) == "desk"
    assert chosen(tmp_path, mcp("one"), desk, only=("one",)) == "one"


@pytest.mark.parametrize(
    ("exposes", "only", "message"),
    [
        ([rest()], (), "has no MCP adapter"),
        ([mcp("one")], ("two",), "has no MCP adapter called two"),
        ([mcp("one"), mcp("two", 1)], (), "has 2 MCP adapters"),
    ],
)
def test_missing_or_ambiguous_mcp_adapter_is_refused(
    tmp_path: Path, exposes: Any, only: tuple[str, ...], message: str
) -> None:
    """The hint names the adapter to declare, or the adapters to choose from."""
    with pytest.raises(ServeError, match=message) as caught:
        chosen(tmp_path, *exposes, only=only)
    assert caught.value.hint


def test_stdio_with_several_documents_is_refused() -> None:
    """`--stdio` connects one client to one adapter of one document."""
    plan = ServePlan([Source("a.yaml"), Source("b.yaml")], Options())
    with pytest.raises(ServeError, match="--stdio serves one document, not 2"):
        asyncio.run(stdio.serve_stdio(plan))


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_pipe_takes_what_it_has_room_for() -> None:
    """Nothing waits for a client that does not read; the rest is left to a thread."""
    reader, writer = os.pipe()
    try:
        write = stdio._writer_of(writer)
        assert write is not None
        assert write(b"x" * 10_000) == 10_000
        done = write(b"y" * 1_000_000)
        assert done < 1_000_000
        assert write(b"z") == 0
        assert len(os.read(reader, 2_000_000)) == 10_000 + done
        os.close(reader)
        reader = -1
        assert write(b"z" * 10) == 0  # a thread tells that the client has gone
    finally:
        os.close(writer)
        if reader >= 0:
            os.close(reader)


def test_only_a_pipe_is_written_without_waiting(tmp_path: Path) -> None:
    """A file may always be written, and may take its time."""
    with open(tmp_path / "out", "wb") as file:
        assert stdio._writer_of(file.fileno()) is None
