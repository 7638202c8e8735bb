"""The cost of loading the shipped Docker file, beside a bare read of its text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import DOCKER, Report, options, take
from ruamel.yaml import YAML
from validate import worker

import naftiko

BARE = "ruamel.yaml, safe, C parser"


def main() -> None:
    """Measure and report."""
    given = options(__doc__, rounds=25)
    report = Report("load", "ruamel.yaml", "ruamel.yaml.clib", "jsonschema-rs")
    text = DOCKER.read_text("utf-8")

    def bare() -> Any:
        yaml = YAML(typ="safe")
        # Without the C parser this falls back, and compares with something else.
        assert yaml.Parser.__name__ == "CParser", "needs ruamel.yaml.clib"
        return yaml.load(text)

    with worker("validate, no accelerator", Path()) as ask:
        cases: dict[str, Callable[[], Any]] = {
            BARE: bare,
            "load": lambda: naftiko.load(DOCKER),
            "load, published": lambda: naftiko.load(DOCKER, schema="published"),
            "load, no schema": lambda: naftiko.load(DOCKER, schema=None),
            "validate, no accelerator": lambda: ask([str(DOCKER)]),
        }
        samples = take(cases, given.rounds)
    report.add(samples)
    for name in cases:
        if name != BARE:
            what = f"{name}, docker.yaml ÷ a bare C-parser load"
            bar = 1.0 if name == "load" else None
            report.ratio(what, samples[name], samples[BARE], most=bar)
    report.end(given.json)


if __name__ == "__main__":
    main()
