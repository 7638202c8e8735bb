"""Fuzz the reader and the checks: `python tests/fuzz/fuzz_document.py [SECONDS]`.

The fuzzer mutates the shipped capabilities. Its target is `consume`, which takes bytes
and raises only for a bug, so a coverage-guided fuzzer can call it too. A finding is
printed with the seed that reproduces it.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import naftiko
from naftiko.document import source
from naftiko.document.document import Document

sys.path.insert(0, str(Path(__file__).parents[1]))
from naftiko.errors import DocumentSyntaxError, NaftikoError
from support.mutations import mutated as changed

CAPABILITIES = Path(__file__).parents[2] / "capabilities"
_TOKENS = (
    b"{{", b"}}", b"{", b"}", b"[", b"]", b"\n", b"  ", b"\t", b": ", b"- ", b"&a ",
    b"*a", b"!!int ", b"|", b">", b'"', b"'", b"#", b"---\n", b"%", b"@", b"\xff",
    b"\xef\xbb\xbf", b"\x00", b"null", b"~", b"0x", b"1e999", b".inf", b"<<: *a",
    b"call: ", b"with: ", b"in: path", b"baseUri: ", b"type: ", b"$.", b"\xc2\x85",
)  # fmt: skip


def consume(data: bytes) -> None:
    """Read bytes as a document and use it; only documented errors may be raised."""
    try:
        got = source.read(data, name="fuzz")
    except DocumentSyntaxError as error:
        assert error.location is not None
        assert error.code.startswith("E-yaml-")
        str(error)
        return
    use(got)


def use(got: Document) -> None:
    """Validate and load a document and build its requests; raise only for a bug."""
    for problem in naftiko.validate(got):
        assert problem.line >= 1
        str(problem).encode("utf-8", "backslashreplace")
    try:
        capability = naftiko.load(got, schema=None)
    except NaftikoError as error:
        str(error)
        return
    for operation in capability.operations.values():
        operation.as_dict()
        try:
            capability.request(
                operation.ref, dict.fromkeys(operation.layout.required, "x")
            )
        except NaftikoError as error:
            str(error)


def mutated(rng: random.Random, seeds: list[bytes]) -> bytes:
    """Return the bytes of a random document with a few random changes."""
    data = bytearray(rng.choice(seeds))
    begin = rng.randrange(len(data))
    data = data[: begin + rng.randrange(4000)] if rng.random() < 0.5 else data
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(data) + 1)
        action = rng.randrange(4)
        if action == 0:
            data[at:at] = rng.choice(_TOKENS)
        elif action == 1:
            del data[at : at + rng.randrange(1, 30)]
        elif action == 2:
            data[at : at + 1] = bytes([rng.randrange(256)])
        else:
            other = rng.randrange(len(data) + 1)
            data[at:at] = data[other : other + rng.randrange(1, 200)]
    return bytes(data)


def run(seconds: float, seed: int) -> int:
    """Fuzz for a number of seconds and return the number of documents tried."""
    seeds = [file.read_bytes() for file in sorted(CAPABILITIES.glob("*.yaml"))]
    parsed = [source.read(seed_).data for seed_ in seeds]
    end = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < end:
        rng = random.Random(seed + tried)
        try:
            if tried % 5:
                consume(mutated(rng, seeds))
            else:
                data = changed(rng.choice(parsed), rng, rng.randrange(1, 12))
                use(source.read(data))
        except BaseException:
            print(f"seed {seed}, number {tried}", file=sys.stderr)
            raise
        tried += 1
    return tried


if __name__ == "__main__":
    given = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    start = random.SystemRandom().randrange(10**9)
    print(f"{run(given, start)} documents from seed {start}, nothing found")
