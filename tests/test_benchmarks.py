"""The benchmarks run and say what their document says; nothing is judged by time."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from naftiko.document import has_c_parser
from shared import ROOT

FOLDER = ROOT / "benchmarks"


@pytest.mark.skipif(not has_c_parser(), reason="compares with the C parser")
def test_a_benchmark_runs_and_its_row_is_documented() -> None:
    """`load.py` measures every case, and `README.md` has the row that it gives."""
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


def test_the_corpus_is_asked_for_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without published files `validate.py` says what is missing and ends well."""
    monkeypatch.setenv("NAFTIKO_CORPUS", str(tmp_path_factory.mktemp("empty")))
    done = subprocess.run(
        [sys.executable, FOLDER / "validate.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "skipped  everything: NAFTIKO_CORPUS" in done.stdout
