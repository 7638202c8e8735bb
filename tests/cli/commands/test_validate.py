"""`naftiko validate`: files and globs, reports of problems and exit codes."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from naftiko.cli import main

ROOT = Path(__file__).parents[3]
BOOKSHOP = ROOT / "capabilities" / "bookshop.yaml"
BROKEN = ROOT / "capabilities" / "broken.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two valid files, a broken, a hidden and a text file."""
    (tmp_path / "deep").mkdir()
    (tmp_path / ".hidden").mkdir()
    shutil.copy(BOOKSHOP, tmp_path / "good.yaml")
    shutil.copy(BOOKSHOP, tmp_path / "deep" / "good.yml")
    shutil.copy(BROKEN, tmp_path / "deep" / "broken.yaml")
    shutil.copy(BROKEN, tmp_path / ".hidden" / "broken.yaml")
    (tmp_path / "notes.txt").write_text("not a capability")
    return tmp_path


def test_valid_file_prints_a_summary_only(capsys: pytest.CaptureFixture[str]) -> None:
    """A valid file prints only a summary, to standard error, and exits with 0."""
    assert main(["validate", str(BOOKSHOP)]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "1 file, 1 valid, 0 errors, 0 warnings\n"


def test_folders_and_globs_are_searched(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder is searched for YAML and JSON files that are not hidden; globs match."""
    assert main(["validate", str(folder)]) == 1
    assert "3 files, 2 valid" in capsys.readouterr().err
    assert main(["validate", str(folder / "**" / "good.*")]) == 0
    assert "2 files, 2 valid" in capsys.readouterr().err


def test_missing_file_does_not_stop_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file is an error with exit code 2; the other files are checked."""
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
def test_unreadable_path_is_reported_with_its_reason(
    path: str,
    text: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An unreadable path exits with 2, and each report contains the reason."""
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
def test_pipe_is_read_only_when_it_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipe inside a folder is skipped; a pipe that is an argument is read."""
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
def test_file_name_with_signs_is_escaped(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file name with a line break or brackets is escaped as each report requires."""
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
def test_file_name_that_is_not_utf_8_is_escaped(folder: Path, form: str) -> None:
    """A file name that is not UTF-8 is escaped, and JSON reports stay valid JSON."""
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


def test_duplicate_path_is_checked_once(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that several paths and globs name is checked once."""
    monkeypatch.chdir(folder)
    paths = ["good.yaml", "./good.yaml", "good.*", ".", "deep/../good.yaml"]
    assert main(["validate", *paths]) == 1
    assert "3 files, 2 valid" in capsys.readouterr().err


def test_crlf_and_byte_order_mark_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file with CRLF and a byte order mark gives the same report."""
    file = tmp_path / "a.yaml"
    shutil.copy(BROKEN, file)
    main(["validate", str(file)])
    plain = capsys.readouterr()
    file.write_bytes(b"\xef\xbb\xbf" + BROKEN.read_bytes().replace(b"\n", b"\r\n"))
    main(["validate", str(file)])
    assert capsys.readouterr() == plain


def test_standard_input_is_called_stdin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The argument `-` reads standard input; the report calls it `<stdin>`."""
    data = io.TextIOWrapper(io.BytesIO(BROKEN.read_bytes()))
    monkeypatch.setattr(sys, "stdin", data)
    assert main(["validate", "-"]) == 1
    assert capsys.readouterr().out.startswith("<stdin>:")


def test_variable_that_no_file_uses_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A misspelled name would give its value to nothing; `list` refuses it as well."""
    files = [str(BOOKSHOP), str(BOOKSHOP.with_name("pypi.yaml"))]
    for command in ("validate", "list"):
        assert main([command, *files, "--variable", "BOOKSHOP_TOKN=x"]) == 2
        shown = capsys.readouterr()
        assert "no document uses the variable 'BOOKSHOP_TOKN'" in shown.err
        assert "did you mean 'BOOKSHOP_TOKEN'?" in shown.err
        assert shown.out == ""
    assert main(["validate", *files, "--variable", "BOOKSHOP_TOKEN=x"]) == 0


def test_several_processes_give_the_same_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--jobs 2` prints the same report in the same order as one process."""
    for number in range(12):
        source = BROKEN if number % 3 else BOOKSHOP
        shutil.copy(source, tmp_path / f"{number:02}.yaml")
    assert main(["validate", str(tmp_path)]) == 1
    alone = capsys.readouterr()
    assert main(["validate", str(tmp_path), "--jobs", "2"]) == 1
    assert capsys.readouterr() == alone


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("ended", ["one of its processes", "itself"])
def test_ended_process_ends_the_command(tmp_path: Path, ended: str) -> None:
    """`validate --jobs 2` ends on Ctrl-C or a killed worker, without a traceback."""
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
        # Opening waits until a process of the command reads the pipe.
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


def test_strict_makes_errors_of_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--strict` turns warnings into errors and adds the rules of a strict check."""
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


def test_published_rules_are_stricter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--schema published` reports a key that only the observed rules allow."""
    file = tmp_path / "a.yaml"
    text = BOOKSHOP.read_text().replace(
        "- {name: page, in: query}", "- {name: page, in: query, type: integer}"
    )
    file.write_text(text)
    assert main(["validate", str(file)]) == 0
    assert main(["validate", str(file), "--schema", "published"]) == 1
    assert "unknown key 'type'" in capsys.readouterr().out
