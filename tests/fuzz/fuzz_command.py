"""Fuzz the command line: `python tests/fuzz/fuzz_command.py [SECONDS]`.

Each round runs one command with mutated words on a document that holds every feature. A
command ends with an exit code; nothing may be raised, and no traceback be printed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz_calls import SEEDS, TEXTS, seed_of

from naftiko.cli.entry import main
from support.mutations import mutated

_REFS = ("ships.list-ships", "imported.get-crew", "forms.send", "ships.add-ship", "crew", "fleet.mocked", "web.get", "whole")  # fmt: skip
#: Words of commands; `FILE` and `TEXT` are filled in.
_COMMANDS = (
    ("list", "FILE"), ("list", "FILE", "--search", "TEXT"), ("list", "FILE", "--format", "json"),
    ("describe", "FILE"), ("describe", "FILE", "REF"), ("describe", "FILE", "REF", "--format", "json"),
    ("validate", "FILE"), ("validate", "FILE", "--strict"), ("validate", "FILE", "--format", "json"), ("validate", "FILE", "--schema", "published"),
    ("call", "FILE", "REF", "-n", "id=TEXT"), ("call", "FILE", "REF", "-n", "a=TEXT", "b=TEXT"), ("call", "FILE", "REF", "--curl", "TEXT=1"),
    ("call", "FILE", "REF", "-n", "id:=TEXT"), ("call", "FILE", "REF", "-n", "TEXT"), ("call", "FILE", "REF", "-n", "-o", "yaml", "id=1"),
    ("call", "FILE", "REF", "--base-uri", "TEXT", "-n", "id=1"), ("call", "FILE", "REF", "--var", "TOKEN=TEXT", "-n", "id=1"),
    ("call", "FILE", "fleet.mocked", "-o", "TEXT"), ("call", "FILE", "fleet.mocked", "-o", "yaml"), ("call", "FILE", "fleet.mocked", "-q", "TEXT"),
    ("call", "FILE", "fleet.mocked", "--path", "TEXT"), ("schema",), ("schema", "TEXT"), ("TEXT", "FILE"), ("call", "TEXT", "REF"), ("list", "TEXT"), ("completion", "TEXT"),
    ("serve", "FILE", "--port", "TEXT", "--check"), ("control", "status", "--port", "TEXT"), ("TEXT",), (),
)  # fmt: skip


def words(rng: random.Random, file: str) -> list[str]:
    """Return the words of a random command."""
    made = []
    for word in rng.choice(_COMMANDS):
        text = rng.choice(TEXTS)[:5000].replace("\0", "")
        word = word.replace("FILE", file).replace("REF", rng.choice(_REFS))
        made.append(word.replace("TEXT", text))
    if rng.random() < 0.2 and made:
        made[rng.randrange(len(made))] = rng.choice(TEXTS).replace("\0", "")
    return made


def once(rng: random.Random, folder: Path) -> list[str]:
    """Run one command; raise only for a bug. Return its words."""
    data = seed_of("whole.yaml")
    if rng.random() < 0.5:
        data = mutated(data, rng, rng.choice((1, 2, 4)))
    file = folder / "whole.yaml"
    file.write_text(json.dumps(data), "utf-8", "surrogatepass")
    arguments = words(rng, str(file))
    if arguments[:1] in (["serve"], ["demo"], ["control"]):
        arguments = ["--help"]
    out, errors = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(2)
    )
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code
    errors.seek(0)
    said = errors.read()
    assert isinstance(code, int | None), arguments
    assert "Traceback (most recent call last)" not in said, (arguments, said)
    return arguments


def run(seconds: float, seed: int, *, most: int = sys.maxsize) -> int:
    """Fuzz for a number of seconds and return the number of commands."""
    end = time.monotonic() + seconds
    number = 0
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # A folder of its own around it: `..` is a word that commands get.
        inner = Path(folder, "inner")
        shutil.copytree(SEEDS, inner)
        os.chdir(inner)
        try:
            while number < most and time.monotonic() < end:
                try:
                    once(random.Random(seed + number), inner)
                except BaseException:
                    print(f"seed {seed + number}", file=sys.stderr)
                    raise
                number += 1
        finally:
            os.chdir(before)
    return number


if __name__ == "__main__":
    given = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    start = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**9)
    print(f"{run(given, start)} commands from seed {start}, nothing found")
