"""`naftiko validate`: what it finds, how it writes it, and how it exits."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from naftiko.cli import main

ROOT = Path(__file__).parents[2]
BOOKSHOP = ROOT / "capabilities" / "bookshop.yaml"
BROKEN = ROOT / "capabilities" / "broken.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two good files, a bad one, and one of another kind."""
    (tmp_path / "deep").mkdir()
    (tmp_path / ".hidden").mkdir()
    shutil.copy(BOOKSHOP, tmp_path / "good.yaml")
    shutil.copy(BOOKSHOP, tmp_path / "deep" / "good.yml")
    shutil.copy(BROKEN, tmp_path / "deep" / "broken.yaml")
    shutil.copy(BROKEN, tmp_path / ".hidden" / "broken.yaml")
    (tmp_path / "notes.txt").write_text("not a capability")
    return tmp_path


def test_valid_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A valid file prints no data, a summary, and exits with 0."""
    assert main(["validate", str(BOOKSHOP)]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "1 file, 1 valid, 0 errors, 0 warnings\n"


def test_text_names_file_line_and_column(capsys: pytest.CaptureFixture[str]) -> None:
    """Each problem begins with its place, and its code ends the line."""
    assert main(["validate", str(BROKEN)]) == 1
    first, hint, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{BROKEN}:")
    assert first.endswith("]")
    assert hint.startswith("  hint: ")


def test_folders_and_globs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder gives its files of the known kinds, hidden ones left out; globs work."""
    assert main(["validate", str(folder)]) == 1
    assert "3 files, 2 valid" in capsys.readouterr().err
    assert main(["validate", str(folder / "**" / "good.*")]) == 0
    assert "2 files, 2 valid" in capsys.readouterr().err


def test_missing_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path that names nothing is an error; the others are checked all the same."""
    assert main(["validate", str(folder / "no.yaml"), str(folder / "good.yaml")]) == 2
    shown = capsys.readouterr().err
    assert "no.yaml: no such file" in shown
    assert "1 file, 1 valid, 0 errors, 0 warnings, 1 unreadable" in shown


def test_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-` reads standard input and calls it `<stdin>`."""
    data = io.TextIOWrapper(io.BytesIO(BROKEN.read_bytes()))
    monkeypatch.setattr(sys, "stdin", data)
    assert main(["validate", "-"]) == 1
    assert capsys.readouterr().out.startswith("<stdin>:")


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON has the documented shape, and totals that add up."""
    assert main(["validate", str(folder), "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert list(report) == ["files", "summary"]
    assert [list(file) for file in report["files"]] == [
        ["file", "valid", "problems"]
    ] * 3
    problems = [p for file in report["files"] for p in file["problems"]]
    members = ["code", "severity", "message", "hint", "path", "line", "column", "file"]
    assert all(list(problem) == members for problem in problems)
    errors = sum(problem["severity"] == "error" for problem in problems)
    warnings = sum(problem["severity"] == "warning" for problem in problems)
    assert report["summary"] == {
        "files": 3, "valid": 2, "errors": errors, "warnings": warnings,
    }  # fmt: skip


def test_json_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON is whole even when no file can be read."""
    assert main(["validate", str(tmp_path / "no"), "--format", "json"]) == 2
    assert json.loads(capsys.readouterr().out)["files"] == []


def test_github(capsys: pytest.CaptureFixture[str]) -> None:
    """Each problem is one workflow command, line breaks escaped."""
    assert main(["validate", str(BROKEN), "--format", "github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("::error file=", "::warning file=")) for line in lines)
    assert "%0Ahint: " in lines[0]


def test_sarif(capsys: pytest.CaptureFixture[str]) -> None:
    """The SARIF log has a rule for each code and a place for each result."""
    assert main(["validate", str(BROKEN), "--format", "sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert log["version"] == "2.1.0"
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        region = result["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] >= 1


def test_processes_give_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--jobs 2` prints the same in the same order."""
    for number in range(12):
        source = BROKEN if number % 3 else BOOKSHOP
        shutil.copy(source, tmp_path / f"{number:02}.yaml")
    assert main(["validate", str(tmp_path)]) == 1
    alone = capsys.readouterr()
    assert main(["validate", str(tmp_path), "--jobs", "2"]) == 1
    assert capsys.readouterr() == alone


def test_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--strict` makes errors of warnings and of what only a strict check shows."""
    file = tmp_path / "a.yaml"
    file.write_text(
        "naftiko: 1.0.0-alpha1\ninfo: {label: a, description: b}\ncapability:\n"
        "  consumes:\n  - type: http\n    namespace: a\n    baseUri: https://h.test\n"
        "    resources: [{name: r, path: '/r/{id}', operations: [{name: o, method: GET}]}]\n"
    )
    assert main(["validate", str(file)]) == 0
    assert "W-version-older" in capsys.readouterr().out
    assert main(["validate", str(file), "--strict"]) == 1
    shown = capsys.readouterr().out
    assert "error: " in shown
    assert "S-placeholder-undeclared" in shown


def test_published_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--schema published` finds what the specification does not allow."""
    file = tmp_path / "a.yaml"
    text = BOOKSHOP.read_text().replace(
        "- {name: page, in: query}", "- {name: page, in: query, type: integer}"
    )
    file.write_text(text)
    assert main(["validate", str(file)]) == 0
    assert main(["validate", str(file), "--schema", "published"]) == 1
    assert "unknown key 'type'" in capsys.readouterr().out
