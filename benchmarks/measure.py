"""Interleaved rounds, ratios against bars, and a report: shared by the benchmarks.

A round runs every case once, so that a busy minute slows all cases alike. A ratio is
taken within each round; the result is the median of the rounds.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "capabilities" / "docker.yaml"

Samples = dict[str, list[float]]
#: Where both cores are needed, a round counts when other programs used less than this
#: part of one; so many rounds are tried for each that counts.
DISTURBED, TRIES = 0.15, 4


def parser(text: str | None, rounds: int) -> argparse.ArgumentParser:
    """Return what reads the options that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", metavar="FILE", help="write the numbers here, or -")
    return parser


def options(text: str | None, rounds: int) -> argparse.Namespace:
    """Read the options that every benchmark has."""
    return parser(text, rounds).parse_args()


def take(
    cases: Mapping[str, Callable[[], object]], rounds: int, repeat: int = 1
) -> Samples:
    """Return the seconds that one run of each case takes, one number a round.

    Args:
        cases: Name → what is timed.
        rounds: How often every case is timed; one more round before is thrown away.
        repeat: How many runs are timed together.
    """
    samples: Samples = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, run in cases.items():
            gc.collect()
            begin = time.perf_counter()
            for _ in range(repeat):
                run()
            if number:
                samples[name].append((time.perf_counter() - begin) / repeat)
    return samples


class Report:
    """Times, ratios and what was left out; ends as a table, and as JSON if asked."""

    def __init__(self, name: str, *packages: str) -> None:
        self.name = name
        self.versions = _versions("naftiko", *packages)
        self.times: dict[str, float] = {}
        self.ratios: list[dict[str, Any]] = []
        self.values: list[dict[str, Any]] = []
        self.notes: dict[str, Any] = {}
        self.skipped: dict[str, str] = {}

    def add(self, samples: Samples) -> None:
        """Keep the median time of every case."""
        for name, seconds in samples.items():
            self.times[name] = statistics.median(seconds)

    def ratio(
        self,
        what: str,
        upper: Sequence[float],
        lower: Sequence[float],
        *,
        most: float | None = None,
        least: float | None = None,
    ) -> None:
        """Keep the median of the ratios of two cases, taken round by round."""
        value = statistics.median(a / b for a, b in zip(upper, lower, strict=True))
        within = None
        if most is not None or least is not None:
            within = (most is None or value <= most) and (
                least is None or value >= least
            )
        self.ratios.append(
            {"what": what, "ratio": round(value, 3), "most": most, "least": least,
             "within": within}
        )  # fmt: skip

    def value(self, what: str, value: float, unit: str, *, most: float) -> None:
        """Keep a number that has a bar of its own."""
        self.values.append(
            {"what": what, "value": round(value, 2), "unit": unit, "most": most,
             "least": None, "within": value <= most}
        )  # fmt: skip

    def note(self, what: str, value: Any) -> None:
        """Keep a number that is only told."""
        self.notes[what] = value

    def skip(self, what: str, why: str) -> None:
        """Say what could not be measured here."""
        self.skipped[what] = why

    def end(self, target: str | None) -> None:
        """Print everything, and write it as JSON where that is wanted."""
        out = sys.stderr if target == "-" else sys.stdout
        print(f"\n{self.name}: {_machine()}", file=out)
        print(", ".join(f"{k} {v}" for k, v in self.versions.items()), file=out)
        for name, seconds in self.times.items():
            print(f"  {_duration(seconds):>10}  {name}", file=out)
        for row in self.ratios:
            print(f"  {row['ratio']:>10.2f}  {row['what']}{_verdict(row)}", file=out)
        for row in self.values:
            value = f"{row['value']:g} {row['unit']}"
            print(f"  {value:>10}  {row['what']}{_verdict(row)}", file=out)
        for name, value in self.notes.items():
            print(f"  {value:>10}  {name}", file=out)
        for what, why in self.skipped.items():
            print(f"     skipped  {what}: {why}", file=out)
        if target:
            text = json.dumps(
                {"benchmark": self.name, "machine": _machine(), **vars(self)}, indent=2
            )
            print(text) if target == "-" else Path(target).write_text(text + "\n")


def _verdict(row: Mapping[str, Any]) -> str:
    if row["within"] is None:
        return ""
    return f"  ({' '.join(_bar(row))}{'' if row['within'] else ': MISSED'})"


def _bar(row: Mapping[str, Any]) -> tuple[str, str]:
    if row["most"] is not None:
        return "at most", str(row["most"])
    return "at least", str(row["least"])


def _duration(seconds: float) -> str:
    for unit, scale in (("s", 1), ("ms", 1e3)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _machine() -> str:
    return (
        f"Python {platform.python_version()}, {platform.machine()},"
        f" {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )


def _versions(*packages: str) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


@contextmanager
def upstream() -> Iterator[str]:
    """Run the server of `upstream.py` in a process of its own; give its URL."""
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("upstream.py")],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def busy_seconds() -> float:
    """Return the seconds that all cores together have been busy."""
    numbers = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _wait, *interrupts = map(int, numbers[:8])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def corpus() -> tuple[Path, Path] | None:
    """Return the folders of published files and of published schemas, or `None`."""
    shared = Path(os.environ.get("NAFTIKO_CORPUS") or ROOT.parent / "shared")
    files, schemas = shared / "corpus" / "open", shared / "spec" / "schemas"
    return (files, schemas) if files.is_dir() and schemas.is_dir() else None


NO_CORPUS = "NAFTIKO_CORPUS names no folder with corpus/open and spec/schemas"


def main(paths: list[str]) -> None:
    """Print the rows of the table in `README.md` from files written with `--json`."""
    for path in paths:
        report = json.loads(Path(path).read_text())
        for row in report["ratios"]:
            if row["within"] is not None:
                word, bar = _bar(row)
                print(f"| {row['what']} | {word} {bar} | {row['ratio']:.2f} |")
        for row in report["values"]:
            bar, unit = f"{row['most']:g}", row["unit"]
            print(f"| {row['what']} | at most {bar} {unit} | {row['value']:g} {unit} |")


if __name__ == "__main__":
    main(sys.argv[1:])
