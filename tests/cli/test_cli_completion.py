"""Completion: the words that shells get, and real shells where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from naftiko.cli import main
from naftiko.cli.completion import complete

ROOT = Path(__file__).parents[2]
BOOKSHOP = str(ROOT / "capabilities" / "bookshop.yaml")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["va"], ["validate"]),
        (["validate", "--sch"], ["--schema"]),
        (["validate", "--schema", ""], ["observed", "published"]),
        (["call", BOOKSHOP, "bookshop.get"], ["bookshop.get-book", "bookshop.get-order"]),
        (["describe", BOOKSHOP, "bookshop.can"], ["bookshop.cancel-order"]),
        (["call", BOOKSHOP, "bookshop.list-books", "p"], ["page=", "per_page="]),
        (["call", BOOKSHOP, "bookshop.list-books", "page=1", "pa"], []),
        (["call", "--timeout", "3", BOOKSHOP, "bookshop.get-book", ""], ["isbn="]),
        (["call", ""], []),
        (["call", "no-such.yaml", ""], []),
        (["completion", "z"], ["zsh"]),
        (["schema", "o"], ["observed"]),
        (["nonsense", ""], []),
        ([], ["validate", "list", "describe", "call", "schema", "demo", "completion",
              "--help", "--version"]),
    ],
)  # fmt: skip
def test_words(words: list[str], expected: list[str]) -> None:
    """The last word is completed by what stands before it."""
    assert complete(words) == expected


def _environment(tmp_path: Path) -> dict[str, str]:
    command = tmp_path / "naftiko"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m naftiko "$@"\n')
    command.chmod(0o755)
    paths = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    return {**os.environ, "PATH": paths, "PYTHONPATH": str(ROOT)}


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash(tmp_path: Path) -> None:
    """The bash script completes a ref and the name of an argument."""
    script = """
    source <(naftiko completion bash)
    complete_line() {
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
        _naftiko
        echo "${COMPREPLY[@]}"
    }
    complete_line naftiko call "$FILE" bookshop.get-b
    complete_line naftiko call "$FILE" bookshop.get-book is
    """
    done = subprocess.run(
        ["bash", "-c", script],
        env={**_environment(tmp_path), "FILE": BOOKSHOP},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "bookshop.get-book\nisbn=\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_well_formed(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each script is printed whole; the shell reads it where it is installed."""
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "naftiko __complete" in script
    if shutil.which(shell):
        file = tmp_path / "script"
        file.write_text(script)
        subprocess.run([shell, "-n", str(file)], check=True, timeout=10)
