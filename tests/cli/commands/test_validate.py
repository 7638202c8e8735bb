"""`naftiko validate`: what it finds, how it writes it, and how it exits."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from naftiko.cli import main

ROOT = Path(__file__).parents[3]
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
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "no.yaml: cannot be read: No such file or directory\n" in shown.err
    assert shown.err.endswith("2 files, 1 valid, 1 error, 0 warnings (1 unreadable)\n")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("*.json", "*.json: no file matches"),
        ("empty", "empty: no file in this folder ends in .yaml, .yml, .json"),
        ("good.yaml/x", "good.yaml/x: cannot be read: Not a directory"),
        ("no.yaml", "no.yaml: cannot be read: No such file or directory"),
        ("dangling.yaml", "dangling.yaml: cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_looked_at(
    path: str,
    text: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each reason has its own words, and the reports for programs hold it as well."""
    (folder / "empty").mkdir()
    (folder / "dangling.yaml").symlink_to("nowhere")
    monkeypatch.chdir(folder)
    assert main(["validate", path]) == 2
    assert f"error: {text}\n" in capsys.readouterr().err
    assert main(["validate", path, "--format", "json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["files"][0]["problems"][0]["code"] == "E-unreadable"
    assert report["summary"] == {"files": 1, "valid": 0, "errors": 1, "warnings": 0}
    assert main(["validate", path, "--format", "github"]) == 2
    assert capsys.readouterr().out.startswith(
        f"::error file={path.replace(':', '%3A')},"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe in a folder is left alone; one that is named is read to its end."""
    os.mkfifo(folder / "pipe.yaml")
    assert main(["validate", str(folder)]) == 1
    assert "3 files, 2 valid" in capsys.readouterr().err
    reader, writer = os.pipe()
    os.write(writer, b"naftiko: 1.0.0-alpha2\n")
    os.close(writer)
    assert main(["validate", f"/dev/fd/{reader}"]) == 1
    os.close(reader)
    assert "E-not-a-capability" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="names of POSIX")
def test_odd_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Any name is a name: one with a line break, brackets, or bytes that are no text."""
    odd = [folder / name for name in ("a\nb.yaml", "{a}.yaml", "[1].yaml")]
    for path in odd:
        shutil.copy(BROKEN, path)
        assert main(["validate", str(path), "--format", "json"]) == 1
        report = json.loads(capsys.readouterr().out)
        assert report["files"][0]["file"] == str(path)
        assert report["files"][0]["problems"][0]["file"] == str(path)
    assert main(["validate", str(odd[0])]) == 1
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{folder}/a\\nb.yaml:")
    assert main(["validate", *map(str, odd), "--format", "sarif"]) == 1
    results = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    uris = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in results
    ]
    assert {uri.rpartition("/")[2] for uri in uris} == {
        "a%0Ab.yaml", "%7Ba%7D.yaml", "%5B1%5D.yaml",
    }  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("form", ["json", "sarif", "github", "text"])
def test_name_that_is_no_text(folder: Path, form: str) -> None:
    """A name with bytes that are not UTF-8 is escaped, and JSON stays JSON."""
    name = os.fsdecode(b"\xff.yaml")
    shutil.copy(BROKEN, folder / name)
    done = subprocess.run(
        [sys.executable, "-m", "naftiko", "validate", name, "--format", form],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    shown = done.stdout.decode("utf-8")
    assert ("%FF.yaml" if form == "sarif" else "\\udcff.yaml") in shown
    if form in ("json", "sarif"):
        json.loads(shown)


def test_one_file_is_checked_once(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a file is reached, it is one file."""
    monkeypatch.chdir(folder)
    paths = ["good.yaml", "./good.yaml", "good.*", ".", "deep/../good.yaml"]
    assert main(["validate", *paths]) == 1
    assert "3 files, 2 valid" in capsys.readouterr().err


def test_line_ends_of_windows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CRLF and a byte order mark change nothing."""
    file = tmp_path / "a.yaml"
    shutil.copy(BROKEN, file)
    main(["validate", str(file)])
    plain = capsys.readouterr()
    file.write_bytes(b"\xef\xbb\xbf" + BROKEN.read_bytes().replace(b"\n", b"\r\n"))
    main(["validate", str(file)])
    assert capsys.readouterr() == plain


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
    assert all(list(problem)[:8] == members for problem in problems)
    # Only where a problem has them.
    assert {key for p in problems for key in list(p)[8:]} <= {"related", "fix"}
    errors = sum(problem["severity"] == "error" for problem in problems)
    warnings = sum(problem["severity"] == "warning" for problem in problems)
    assert report["summary"] == {
        "files": 3, "valid": 2, "errors": errors, "warnings": warnings,
    }  # fmt: skip


def test_github(capsys: pytest.CaptureFixture[str]) -> None:
    """Each problem is one workflow command, line breaks escaped."""
    assert main(["validate", str(BROKEN), "--format", "github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("::error file=", "::warning file=")) for line in lines)
    assert "%0Ahint: " in lines[0]


#: What SARIF 2.1.0 asks of the objects that we write, in our own words.
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
            },
        },
    },
}


@pytest.mark.parametrize(
    "paths", [[str(BROKEN)], [str(BOOKSHOP)], ["no file.yaml"], ["-"]]
)
def test_sarif(
    paths: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The SARIF log has the shape that the standard asks for, and rules for results."""
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


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("ended", ["one of its processes", "itself"])
def test_nobody_waits_for_a_process_that_was_ended(tmp_path: Path, ended: str) -> None:
    """One that is out of memory, or Ctrl-C: it is over, and says so."""
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    files = [tmp_path / f"{number}.yaml" for number in range(12)]
    for file in files:
        shutil.copy(BOOKSHOP, file)
    with subprocess.Popen(
        [sys.executable, "-m", "naftiko", "validate", *files, pipe, "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        # As soon as somebody reads the pipe, and waits.
        writer = os.open(pipe, os.O_WRONLY)
        family = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        if ended == "itself":
            process.send_signal(signal.SIGINT)
        else:
            os.kill(int(family.split()[0]), signal.SIGKILL)
        _, errors = process.communicate(timeout=20)
        os.close(writer)
    assert "Traceback" not in errors
    if ended == "itself":
        assert process.returncode == -signal.SIGINT
    else:
        assert process.returncode == 1
        assert "ended from outside" in errors
        assert "hint: --jobs 1" in errors
    assert not any(Path(f"/proc/{pid}").exists() for pid in family.split())


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
