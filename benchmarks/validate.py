"""The cost of checking published files, beside the obvious script and a bare read.

Every way of checking has a process of its own. Each process checks one part of the
corpus in each round, and so every file in all rounds.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from measure import (
    DISTURBED,
    NO_CORPUS,
    TRIES,
    Report,
    Samples,
    busy_seconds,
    corpus,
    options,
)

PARTS = 6
PASSES = 5


def main() -> None:
    """Measure and report."""
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2], Path(sys.argv[3]))
        return
    given = options(__doc__, rounds=PARTS)
    report = Report(
        "validate", "ruamel.yaml", "ruamel.yaml.clib", "jsonschema", "jsonschema-rs"
    )
    found = corpus()
    if found is None:
        report.skip("everything", NO_CORPUS)
    else:
        folder, schemas = found
        files = sorted(map(str, (*folder.rglob("*.yaml"), *folder.rglob("*.yml"))))
        _measure_ways(report, files, schemas)
        _measure_memory(report, files, schemas)
        _measure_jobs(report, folder, given.rounds)
    report.end(given.json)


def _measure_ways(report: Report, files: list[str], schemas: Path) -> None:
    samples: Samples = {name: [] for name in WAYS}
    with ExitStack() as stack:
        workers = {name: stack.enter_context(worker(name, schemas)) for name in WAYS}
        for ask in workers.values():
            ask(files[:20])
        for number in range(PARTS):
            part = files[number::PARTS]
            for name, ask in workers.items():
                samples[name].append(ask(part)["seconds"] / len(part))
    report.add({f"{name}, a file": times for name, times in samples.items()})
    rate = {name: [1 / seconds for seconds in samples[name]] for name in WAYS}
    report.ratio(
        "validate ÷ the obvious script, files per second",
        rate["validate"], rate["the obvious script"], least=25,
    )  # fmt: skip
    report.ratio(
        "validate ÷ a bare C-parser load, files per second",
        rate["validate"], rate["bare C-parser load"], least=1.0,
    )  # fmt: skip
    report.ratio(
        "validate without accelerator ÷ the obvious script, files per second",
        rate["validate, no accelerator"], rate["the obvious script"], least=18,
    )  # fmt: skip
    report.ratio(
        "validate, published rules ÷ the obvious script, files per second",
        rate["validate, published"], rate["the obvious script"],
    )  # fmt: skip


def _measure_memory(report: Report, files: list[str], schemas: Path) -> None:
    with worker("validate", schemas) as ask:
        sizes = [ask(files)["memory_mb"] for _ in range(PASSES)]
    report.notes["MB after each pass over the corpus"] = " ".join(
        f"{size:.0f}" for size in sizes
    )
    what = "memory after the last pass over the corpus ÷ after the first"
    report.ratio(what, sizes[-1:], sizes[:1], most=1.05)


def _measure_jobs(report: Report, folder: Path, rounds: int) -> None:
    """Compare one process with two, in rounds that nothing else disturbed."""
    naftiko = Path(sys.executable).parent / "naftiko"
    samples: Samples = {"--jobs 1": [], "--jobs 2": []}
    for _ in range(TRIES * rounds):
        runs = [
            _run([naftiko, "validate", "-q", "--jobs", str(number), folder])
            for number in (1, 2)
        ]
        if all(others < DISTURBED for _, others in runs):
            for name, (seconds, _) in zip(samples, runs, strict=True):
                samples[name].append(seconds)
        if len(samples["--jobs 1"]) == rounds:
            break
    what = "validate --jobs 2 ÷ --jobs 1, files per second"
    report.notes["rounds that nothing disturbed"] = len(samples["--jobs 1"])
    if not samples["--jobs 1"]:
        report.skip(what, "other programs kept the cores busy")
        return
    report.add(samples)
    report.ratio(what, samples["--jobs 1"], samples["--jobs 2"], least=1.7)


def _run(command: list[str | Path]) -> tuple[float, float]:
    """Run a command; return its seconds, and the cores that others used meanwhile."""
    busy, own, begin = busy_seconds(), _own(), time.perf_counter()
    subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    seconds = time.perf_counter() - begin
    return seconds, (busy_seconds() - busy - _own() + own) / seconds


def _own() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# --- one way of checking, in a process of its own -------------------------------------


@contextmanager
def worker(name: str, schemas: Path) -> Iterator[Callable[[list[str]], Any]]:
    """Start a process that checks files in one way; give the function that asks it."""
    with subprocess.Popen(
        [sys.executable, __file__, "--worker", name, schemas],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip

        def ask(files: list[str]) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            print(json.dumps(files), file=process.stdin, flush=True)
            return json.loads(process.stdout.readline())

        yield ask


def work(name: str, schemas: Path) -> None:
    """Check the files of every line of standard input, and tell how long it took."""
    check = WAYS[name](schemas)
    for line in sys.stdin:
        files = json.loads(line)
        begin = time.perf_counter()
        for file in files:
            check(file)
        seconds = time.perf_counter() - begin
        print(json.dumps({"seconds": seconds, "memory_mb": _memory()}), flush=True)


def _memory() -> float:
    """Return the megabytes that this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _validate(schemas: Path, rules: str = "observed") -> Callable[[str], Any]:
    import naftiko

    return lambda file: naftiko.validate(file, schema=rules)


def _validate_published(schemas: Path) -> Callable[[str], Any]:
    return _validate(schemas, "published")


def _validate_plainly(schemas: Path) -> Callable[[str], Any]:
    sys.modules["jsonschema_rs"] = None  # type: ignore[assignment]
    return _validate(schemas)


def _bare(schemas: Path) -> Callable[[str], Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    assert YAML(typ="safe").Parser.__name__ == "CParser", "needs ruamel.yaml.clib"

    def read(file: str) -> Any:
        try:
            return YAML(typ="safe").load(Path(file).read_text("utf-8"))
        except (YAMLError, ValueError) as error:
            return error

    return read


def _obvious(schemas: Path) -> Callable[[str], Any]:
    from jsonschema import Draft202012Validator
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    [file] = schemas.glob("*alpha2*.json")
    validator = Draft202012Validator(json.loads(file.read_text("utf-8")))

    def check(file: str) -> Any:
        try:
            data = YAML(typ="safe", pure=True).load(Path(file).read_text("utf-8"))
        except (YAMLError, ValueError) as error:
            return [error]
        return list(validator.iter_errors(data))

    return check


WAYS: dict[str, Callable[[Path], Callable[[str], Any]]] = {
    "validate": _validate,
    "validate, published": _validate_published,
    "validate, no accelerator": _validate_plainly,
    "bare C-parser load": _bare,
    "the obvious script": _obvious,
}


if __name__ == "__main__":
    main()
