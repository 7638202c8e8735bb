"""Paths of the published files that tests check against.

`NAFTIKO_CORPUS` names a folder with `corpus/open` (capability files and a manifest),
`corpus/surfaces` (files of a second generation of generators) and `spec` (the specification and its published schemas). Tests that need these files are
skipped where the folder is missing.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from naftiko.document.document import Document
from naftiko.document.source import read

ROOT = Path(__file__).parents[2]
CAPABILITIES = ROOT / "capabilities"
SHARED = Path(os.environ.get("NAFTIKO_CORPUS") or ROOT.parent / "shared")
CORPUS = SHARED / "corpus" / "open"
SURFACES = SHARED / "corpus" / "surfaces"
PUBLISHED = SHARED / "spec" / "schemas"

#: Each 32nd file in a quick run, every fourth one in a thorough run.
each_or_all = pytest.mark.parametrize(
    "step", [32, pytest.param(4, marks=pytest.mark.slow)]
)


def of_corpus(value: Any, name: str, number: int, *, each: int = 8) -> Any:
    """Return a published file as a test parameter; all but each eighth are slow."""
    slow = [pytest.mark.slow] if number % each else []
    return pytest.param(value, id=name, marks=slow)


needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason=f"NAFTIKO_CORPUS: there is no {CORPUS}"
)
needs_spec = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason=f"NAFTIKO_CORPUS: there is no {PUBLISHED}"
)


@cache
def corpus_files() -> tuple[Path, ...]:
    """Return the capability files of the corpus, sorted; none if it is missing."""
    if not CORPUS.is_dir():
        return ()
    return tuple(sorted((*CORPUS.rglob("*.yaml"), *CORPUS.rglob("*.yml"))))


@cache
def surface_files() -> tuple[Path, ...]:
    """Return the files of the second generation, sorted; none if they are missing."""
    return tuple(sorted(SURFACES.rglob("*.yaml"))) if SURFACES.is_dir() else ()


def reachable(file: Path) -> Document:
    """Return a file; an adapter whose generator left its base URI empty has one."""
    document = read(file)
    data = document.data if isinstance(document.data, dict) else {}
    capability = data.get("capability")
    for adapter in capability.get("consumes") or () if capability else ():
        if isinstance(adapter, dict) and adapter.get("baseUri") == "":
            adapter["baseUri"] = "https://origin.test"
    return document


@cache
def manifest() -> list[dict[str, Any]]:
    """Return the entries of the corpus manifest, one mapping for each file."""
    text = (CORPUS.parent / "manifest.json").read_text("utf-8")
    entries: list[dict[str, Any]] = json.loads(text)["files"]
    return entries
