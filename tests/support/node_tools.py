"""Programs of the npm registry that speak MCP: the conformance suite and the Inspector.

They are installed once, with the Node.js that they need, into a folder of the cache.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

#: What is installed; a new version is a change of the tests.
NODE = "node@22.23.3"
SUITE = "@modelcontextprotocol/conformance@0.1.16"
INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"


class NodeTool(NamedTuple):
    """A program of an installed package.

    Attributes:
        folder: The folder of the installation.
        name: The name of the program.
    """

    folder: Path
    name: str

    def run(self, *words: str, home: Path, timeout: float) -> Any:
        """Run the program; return the completed process, with its output as text."""
        programs = self.folder / "node_modules" / ".bin"
        return subprocess.run(
            [str(programs / self.name), *words],
            env={
                **os.environ,
                "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
                "HOME": str(home),
                "NO_COLOR": "1",
            },
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def installed(cache: Path, package: str, program: str) -> NodeTool:
    """Install a package of npm; skip the test where that cannot be done.

    Args:
        cache: The folder that keeps installations.
        package: Name and version.
        program: The program of the package.
    """
    folder = cache / package.replace("/", "-").strip("@")
    tool = NodeTool(folder, program)
    if folder.exists():
        return tool
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm, which fetches programs that speak MCP: apt install npm")
    # Several processes of tests may install: the first one that is done counts.
    with tempfile.TemporaryDirectory(dir=cache, ignore_cleanup_errors=True) as place:
        (Path(place) / "package.json").write_text('{"private": true}')
        options = ("--no-audit", "--no-fund", "--no-save")
        try:
            done = subprocess.run(
                [npm, "install", *options, NODE, package],
                cwd=place, capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm takes too long to fetch {package}")
        node = Path(place) / "node_modules" / ".bin" / "node"
        if done.returncode or not node.exists():
            pytest.skip(f"npm cannot fetch {package} and {NODE}: {done.stderr[-300:]}")
        with contextlib.suppress(OSError):
            Path(place).rename(folder)
    return tool
