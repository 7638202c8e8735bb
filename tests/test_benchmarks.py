"""Benchmarks run and have their rows in `README.md`; measured times are not checked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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


#: Loads so short that they measure nothing.
BRIEFLY = ("--rounds", "1", "--seconds", "0.1", "--starts", "1", "--first", "50")


@pytest.mark.slow
@pytest.mark.skipif(not HAS_PROC, reason="looks at /proc")
def test_benchmark_of_engines_without_a_jar_measures_naftiko(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`engines.py` without `IKANOS_JAR` names the variable, and measures the rest."""
    monkeypatch.delenv("IKANOS_JAR", raising=False)
    report = _engines()
    assert report["skipped"]["Ikanos"].startswith("IKANOS_JAR")
    assert report["notes"]["REST, 64 connections, requests/s, naftiko"] > 0
    assert report["ratios"] == []


@pytest.mark.slow
@pytest.mark.skipif(not HAS_PROC, reason="looks at /proc")
def test_benchmark_of_engines_compares_with_the_engine_of_the_jar(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a jar and a Java, `engines.py` has the rows of `README.md`.

    Here a program in Python stands for both.
    """
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    stand_in = ROOT / "tests" / "support" / "stand_in_engine.py"
    java.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" "$@"\n')
    java.chmod(0o755)
    jar = tmp_path / "engine.jar"
    jar.touch()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("IKANOS_JAR", str(jar))
    report = _engines("--warm", "10")
    assert report["versions"]["Java"] == "stand-in"
    # Where there is no `wrk`, that is skipped; no kind of request is.
    assert set(report["skipped"]) <= {"wrk"}
    judged = [row["what"] for row in report["ratios"] if row["within"] is not None]
    text = (FOLDER / "README.md").read_text("utf-8")
    assert len(judged) == 3
    assert [what for what in judged if f"| {what} | at most 0.9 |" not in text] == []


def _engines(*words: str) -> Any:
    done = subprocess.run(
        [sys.executable, FOLDER / "engines.py", *BRIEFLY, *words, "--json", "-"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
