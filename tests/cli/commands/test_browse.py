"""`naftiko list` and `naftiko describe`: tables, JSON and search."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from naftiko.cli import main

ROOT = Path(__file__).parents[3]
DOCKER = str(ROOT / "capabilities" / "docker.yaml")
BOOKSHOP = str(ROOT / "capabilities" / "bookshop.yaml")


def test_list_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """`list` prints one line for each operation: ref, method, path, description."""
    assert main(["list", BOOKSHOP]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[1].split() == [
        "bookshop.get-book",
        "GET",
        "/books/{isbn}",
        "Show",
        "one",
        "book.",
    ]


def test_list_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    """`list --format json` has exactly the documented members."""
    assert main(["list", DOCKER, "--format", "json"]) == 0
    operations = json.loads(capsys.readouterr().out)
    assert len(operations) == 105
    members = [
        "ref",
        "namespace",
        "resource",
        "name",
        "method",
        "path",
        "description",
        "parameters",
    ]
    assert all(list(operation) == members for operation in operations)
    inspect = next(o for o in operations if o["ref"] == "docker.containerinspect")
    assert list(inspect["parameters"][0]) == [
        "name",
        "in",
        "type",
        "required",
        "description",
    ]
    assert inspect["parameters"][0]["name"] == "id"
    assert inspect["parameters"][0]["required"] is True


def test_search_finds_every_word(capsys: pytest.CaptureFixture[str]) -> None:
    """`--search` lists operations that contain every word, matching names first."""
    assert main(["list", DOCKER, "--search", "container logs"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("docker.containerlogs")


def test_empty_search_prints_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    """A search without a match prints a message to standard error and no data."""
    assert main(["list", DOCKER, "--search", "submarine"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "submarine" in shown.err


def test_description_names_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    """`describe` prints the URL, arguments, authentication and outputs."""
    assert main(["describe", BOOKSHOP, "bookshop.create-order"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "POST http://127.0.0.1:8000/orders",
        "customer_name",
        "bearer",
        "$.total",
    ):
        assert part in shown


def test_description_as_json_extends_that_of_list(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`describe --format json` adds authentication, safety and problems."""
    assert main(["describe", BOOKSHOP, "bookshop.get-book", "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["auth"] == "bearer"
    assert shown["safe"] is True
    assert shown["problems"] == []


def test_description_shows_why_a_call_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`describe` shows the errors that make an operation unusable."""
    file = tmp_path / "a.yaml"
    file.write_text(
        "naftiko: 1.0.0-alpha2\ncapability:\n  consumes:\n  - type: http\n"
        "    namespace: a\n    baseUri: https://h.test\n    resources:\n"
        "    - {name: r, path: /r, operations: [{name: o, method: GET,"
        " inputParameters: [{name: id, in: path}]}]}\n"
    )
    assert main(["describe", str(file), "a.o"]) == 0
    assert "U-path-parameter-unplaced" in capsys.readouterr().out
