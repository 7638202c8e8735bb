"""What loading the shipped Docker file costs, next to a bare read of its text."""

from __future__ import annotations

import sys
from typing import Any

from measure import DOCKER, Report, options, take


def main() -> None:
    """Measure and report."""
    given = options(__doc__, rounds=25)
    report = Report("load", "ruamel.yaml", "ruamel.yaml.clib", "jsonschema-rs")
    samples = take(_cases(), given.rounds)
    report.add(samples)
    bare = samples["ruamel.yaml, safe, C parser"]
    what = "load(docker.yaml), all checks ÷ a bare C-parser load"
    report.ratio(what, samples["load"], bare, most=1.0)
    report.ratio("the same, published rules too", samples["load, published"], bare)
    report.ratio("the same, no schema", samples["load, no schema"], bare)
    report.end(given.json)


def _cases() -> dict[str, Any]:
    from ruamel.yaml import YAML

    import naftiko

    text = DOCKER.read_text("utf-8")

    def bare() -> Any:
        yaml = YAML(typ="safe")
        # Without the C parser this falls back, and compares with something else.
        assert yaml.Parser.__name__ == "CParser", "ruamel.yaml.clib is not installed"
        return yaml.load(text)

    assert bare()["capability"]
    sys.stdout.flush()
    return {
        "ruamel.yaml, safe, C parser": bare,
        "load": lambda: naftiko.load(DOCKER),
        "load, published": lambda: naftiko.load(DOCKER, schema="published"),
        "load, no schema": lambda: naftiko.load(DOCKER, schema=None),
    }


if __name__ == "__main__":
    main()
