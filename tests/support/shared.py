"""Where tests find the published files they are checked against.

`NAFTIKO_CORPUS` names a folder with `corpus/open` (capability files and a manifest) and
`spec` (the specification and its published schemas). Without it these tests skip; all
others need nothing but this repository.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CAPABILITIES = ROOT / "capabilities"
SHARED = Path(os.environ.get("NAFTIKO_CORPUS") or ROOT.parent / "shared")
CORPUS = SHARED / "corpus" / "open"
PUBLISHED = SHARED / "spec" / "schemas"

#: Each 32nd file in a quick run, all of them in a thorough one.
each_or_all = pytest.mark.parametrize(
    "step", [32, pytest.param(1, marks=pytest.mark.slow)]
)


def of_corpus(value: Any, name: str, number: int) -> Any:
    """Return a published file as a parameter; seven of eight are for thorough runs."""
    return pytest.param(value, id=name, marks=[pytest.mark.slow] if number % 8 else [])


needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason=f"NAFTIKO_CORPUS: there is no {CORPUS}"
)
needs_spec = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason=f"NAFTIKO_CORPUS: there is no {PUBLISHED}"
)


@cache
def corpus_files() -> tuple[Path, ...]:
    """Return every capability file of the corpus, sorted; none where it is absent."""
    if not CORPUS.is_dir():
        return ()
    return tuple(sorted((*CORPUS.rglob("*.yaml"), *CORPUS.rglob("*.yml"))))


@cache
def manifest() -> list[dict[str, Any]]:
    """Return what the corpus says about its files: one mapping for each."""
    text = (CORPUS.parent / "manifest.json").read_text("utf-8")
    entries: list[dict[str, Any]] = json.loads(text)["files"]
    return entries
