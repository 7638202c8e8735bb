"""The reports of `naftiko validate`: text, JSON, GitHub annotations, SARIF."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from naftiko.cli import main
from naftiko.cli.reports import REPORTS, CheckedFile, TextReport
from naftiko.errors import Problem, Related

ROOT = Path(__file__).parents[2]
BOOKSHOP = ROOT / "capabilities" / "bookshop.yaml"
BROKEN = ROOT / "capabilities" / "broken.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two valid files and a broken file."""
    shutil.copy(BOOKSHOP, tmp_path / "good.yaml")
    shutil.copy(BOOKSHOP, tmp_path / "good.yml")
    shutil.copy(BROKEN, tmp_path / "broken.yaml")
    return tmp_path


def test_text_names_file_line_and_column(capsys: pytest.CaptureFixture[str]) -> None:
    """A problem in the text report begins with its file and ends with its code."""
    assert main(["validate", str(BROKEN)]) == 1
    first, hint, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{BROKEN}:")
    assert first.endswith("]")
    assert hint.startswith("  hint: ")


def test_json_has_the_documented_shape(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The JSON report has the documented members and a summary with right totals."""
    assert main(["validate", str(folder), "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert list(report) == ["files", "summary"]
    assert [list(file) for file in report["files"]] == [
        ["file", "valid", "problems"]
    ] * 3
    problems = [p for file in report["files"] for p in file["problems"]]
    members = ["code", "severity", "message", "hint", "path", "line", "column", "file"]
    # `related` and `fix` are there only when the problem has them.
    assert all(list(problem)[:8] == members for problem in problems)
    assert all({*problem} <= {*members, "related", "fix"} for problem in problems)
    errors = sum(problem["severity"] == "error" for problem in problems)
    warnings = sum(problem["severity"] == "warning" for problem in problems)
    assert report["summary"] == {
        "files": 3, "valid": 2, "errors": errors, "warnings": warnings,
    }  # fmt: skip


def test_github_annotates_each_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """Each problem is one GitHub workflow command, with line breaks escaped."""
    assert main(["validate", str(BROKEN), "--format", "github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("::error file=", "::warning file=")) for line in lines)
    assert "%0Ahint: " in lines[0]


#: A JSON Schema of the part of SARIF 2.1.0 that the report uses.
_SARIF: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": {"$ref": "#/$defs/run"}},
    },
    "$defs": {
        "run": {
            "type": "object",
            "required": ["tool"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "properties": {
                        "driver": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {
                                "rules": {
                                    "type": "array",
                                    "uniqueItems": True,
                                    "items": {"type": "object", "required": ["id"]},
                                }
                            },
                        }
                    },
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
            },
        },
        "result": {
            "type": "object",
            "required": ["message"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": -1},
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"type": "object", "required": ["text"]},
                "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}},
                "relatedLocations": {
                    "type": "array",
                    "items": {"$ref": "#/$defs/location"},
                },
            },
        },
        "location": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "physicalLocation": {
                    "type": "object",
                    "required": ["artifactLocation"],
                    "properties": {
                        "artifactLocation": {
                            "type": "object",
                            "properties": {
                                # RFC 3986: a URI reference, nothing unencoded.
                                "uri": {
                                    "type": "string",
                                    "pattern": "^([\\w.~:/?#@!$&'()*+,;=-]|%[0-9A-F]{2})+$",
                                }
                            },
                        },
                        "region": {
                            "type": "object",
                            "properties": {
                                "startLine": {"type": "integer", "minimum": 1},
                                "startColumn": {"type": "integer", "minimum": 1},
                            },
                        },
                    },
                },
                "logicalLocations": {"type": "array", "minItems": 1},
                "message": {"type": "object", "required": ["text"]},
            },
        },
    },
}


@pytest.mark.parametrize(
    "paths", [[str(BROKEN)], [str(BOOKSHOP)], ["no file.yaml"], ["-"]]
)
def test_sarif_is_valid(
    paths: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The SARIF report matches SARIF 2.1.0, and each result refers to its rule."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BROKEN.read_bytes())))
    main(["validate", *paths, "--format", "sarif"])
    log = json.loads(capsys.readouterr().out)
    Draft202012Validator(_SARIF).validate(log)
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [rules[r["ruleIndex"]] for r in run["results"]] == [
        result["ruleId"] for result in run["results"]
    ]
    assert bool(run["results"]) is (paths != [str(BOOKSHOP)])


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_related_place_is_reported(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The related position of a problem is in the text, JSON and SARIF report."""
    related = Related("first defined here", "/a", 3, 4, "a.yaml")
    problem = Problem(
        "X-y", "error", "duplicate key", "drop one", "/b", 7, 8, "a.yaml", (related,)
    )
    report = REPORTS[form]()
    report.add(CheckedFile("a.yaml", (problem,)))
    report.end({})
    shown = capsys.readouterr().out
    if form == "text":
        assert shown == (
            "a.yaml:7:8: error: duplicate key. [X-y]\n"
            "  note: a.yaml:3:4: first defined here\n"
            "  hint: drop one\n"
        )
    elif form == "json":
        (found,) = json.loads(shown)["files"][0]["problems"]
        assert found["related"] == [related._asdict()]
    else:
        (result,) = json.loads(shown)["runs"][0]["results"]
        (place,) = result["relatedLocations"]
        assert place["message"] == {"text": "first defined here"}
        assert place["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 4}


def _many(count: int) -> CheckedFile:
    """Return a file with problems of one kind, and one of another."""
    problems = [
        Problem("S-name", "error", f"name {n} is odd", "rename it",
                f"/consumes/{n}/name", n + 1, 1, "a.yaml")
        for n in range(count)
    ]  # fmt: skip
    other = Problem("W-type", "warning", "a type", "", "/type", 99, 1, "a.yaml")
    return CheckedFile("a.yaml", (*problems, other))


def test_text_counts_many_problems_of_one_kind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Three problems of a kind are shown, and the others counted with their lines."""
    TextReport().add(_many(12))
    out = capsys.readouterr().out
    assert out.count("is odd") == 3
    assert "9 more like it at `consumes.name`, lines 4, 5, 6, 7, 8, … [S-name]" in out
    assert out.count("--all shows each of them") == 1
    assert "W-type" in out


def test_text_shows_every_problem_when_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With `every`, and for a few problems of a kind, nothing is counted."""
    TextReport(every=True).add(_many(12))
    TextReport().add(_many(5))
    out = capsys.readouterr().out
    assert out.count("is odd") == 17
    assert "more like it" not in out


def test_text_on_a_terminal_shows_source_lines_grouped_by_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal shows the file once, and each source line with a caret."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    file = tmp_path / "cars.yaml"
    file.write_text("naftiko: 1.0.0-alpha2\ncapability: {consume: []}\n", "utf-8")
    assert main(["validate", "-q", str(file)]) == 1
    out = capsys.readouterr().out
    assert out.count(str(file)) == 1
    lines = out.splitlines()
    at = lines.index("    2 | capability: {consume: []}")
    assert "[W-key-unknown]" in out
    assert lines[at + 1].strip().endswith("^")
