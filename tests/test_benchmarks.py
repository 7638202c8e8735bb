"""Benchmarks run and have their rows in `README.md`; measured times are not checked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from naftiko.document.yaml import has_c_parser
from support.shared import ROOT

FOLDER = ROOT / "benchmarks"
HAS_PROC = Path("/proc/self/stat").exists()


@pytest.mark.skipif(not has_c_parser(), reason="compares with the C parser")
def test_benchmark_of_loading_runs_and_its_row_is_documented() -> None:
    """`load.py` measures every case; `README.md` has its row."""
    done = subprocess.run(
        [sys.executable, FOLDER / "load.py", "--rounds", "1", "--json", "-"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert all(seconds > 0 for seconds in report["times"].values())
    [judged] = [row for row in report["ratios"] if row["within"] is not None]
    beginning = f"| {judged['what']} | at most {judged['most']} | "
    assert beginning in (FOLDER / "README.md").read_text("utf-8")


def test_benchmark_without_published_files_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`validate.py` without published files names `NAFTIKO_CORPUS` and exits with 0."""
    monkeypatch.setenv("NAFTIKO_CORPUS", str(tmp_path_factory.mktemp("empty")))
    done = subprocess.run(
        [sys.executable, FOLDER / "validate.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "skipped  everything: NAFTIKO_CORPUS" in done.stdout


@pytest.mark.slow
def test_benchmark_of_serving_measures_naftiko_and_its_peers() -> None:
    """`serve.py` starts `naftiko serve` and its peers, and sends requests to all."""
    pytest.importorskip("mcp", reason="needs the extra `serve`")
    done = subprocess.run(
        [
            sys.executable, FOLDER / "serve.py", "--only", "rest,tail,docker",
            "--rounds", "1", "--seconds", "0.1", "--tail-seconds", "0.1", "--requests", "100", "--json", "-",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    rows = [*report["ratios"], *report["values"]]
    text = (FOLDER / "README.md").read_text("utf-8")
    judged = [row["what"] for row in rows if row["within"] is not None]
    assert judged
    # This run sends fewer requests, and the label of one row has that number.
    undocumented = [what for what in judged if f"| {what} |" not in text]
    assert undocumented == ["100 requests more, REST"] * HAS_PROC
