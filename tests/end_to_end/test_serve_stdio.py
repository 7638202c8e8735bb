"""`naftiko serve --stdio` as a process: an MCP server on standard input and output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.recorder import Recorder
from support.serving_process import write
from support.shop import document, mcp, rest


def test_stdio_writes_only_protocol_and_ends_with_its_input(
    tmp_path: Path, upstream: Recorder
) -> None:
    """`--stdio` writes only MCP messages; the end of standard input ends the server."""
    file = write(tmp_path / "shop.yaml", document(rest(), mcp(transport="stdio")))
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"}}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call",
         "params": {"name": "things", "arguments": {}}},
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "naftiko", "serve", str(file), "--stdio",
         "--base-uri", upstream.url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    answers = []
    for line in lines:
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        if "id" in line:
            answers.append(json.loads(process.stdout.readline()))
    rest_of_output, errors = process.communicate(timeout=15)
    assert [a["id"] for a in answers] == [1, 2]
    assert json.loads(answers[1]["result"]["content"][0]["text"]) == [{"id": 1}]
    assert rest_of_output == ""
    assert process.returncode == 0
    assert "Traceback" not in errors


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_that_cannot_be_written_ends_the_server(tmp_path: Path) -> None:
    """A full disk exits with 1 and a message, a broken pipe with 141."""
    file = write(tmp_path / "shop.yaml", document(mcp()))
    ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n'
    command = [sys.executable, "-m", "naftiko", "serve", str(file), "--stdio"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, input=ping, stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "error: the output cannot be written: No space left" in done.stderr
    assert "Traceback" not in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command, input=ping, stdout=writer, stderr=subprocess.PIPE,
        text=True, timeout=30, check=False,
    )  # fmt: skip
    os.close(writer)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_sigterm_ends_stdio_with_zero(tmp_path: Path) -> None:
    """SIGTERM ends a stdio server with exit code 0 while its input is open."""
    file = write(tmp_path / "shop.yaml", document(mcp()))
    with subprocess.Popen(
        [sys.executable, "-m", "naftiko", "serve", file, "--stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b'{"jsonrpc":"2.0","id":4,"method":"ping"}\n')
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["id"] == 4
        child.terminate()
        try:
            assert child.wait(10) == 0
        finally:
            child.kill()
