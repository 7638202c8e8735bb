"""`naftiko list` and `naftiko describe`: tables, JSON and search."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from naftiko.cli import main
from support.building import document

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
        "variables",
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


def test_exposed_functions_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`list --exposed` prints name, kind, route and description of what is exposed."""
    assert main(["list", BOOKSHOP, "--exposed"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert lines[0].split() == [
        "bookshop-rest.list-books", "route", "GET", "/books", "List", "books.",
    ]  # fmt: skip
    assert lines[6].split()[:2] == ["bookshop-mcp.list-books", "tool"]
    assert (
        main(
            [
                "list",
                BOOKSHOP,
                "--exposed",
                "--search",
                "cancel order",
                "--format",
                "json",
            ]
        )
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert [entry["ref"] for entry in found] == [
        "bookshop-rest.cancel-order", "bookshop-mcp.cancel-order",
    ]  # fmt: skip
    assert found[1]["calls"] == ["bookshop.cancel-order"]


def test_exposed_function_inherits_a_description(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A route tells what its operation does, a reference what its function does."""
    data = document({"description": "Of the operation."})
    route = {"path": "/r", "operations": [{"method": "GET", "call": "api.op"}]}
    tool = {"name": "t", "ref": "agg.f"}
    data["capability"] |= {
        "aggregates": [
            {
                "label": "A",
                "namespace": "agg",
                "functions": [
                    {"name": "f", "description": "Of the function.", "call": "api.op"}
                ],
            }
        ],
        "exposes": [
            {"type": "rest", "namespace": "r", "resources": [route]},
            {"type": "mcp", "namespace": "m", "tools": [tool]},
        ],
    }
    file = tmp_path / "a.json"
    file.write_text(json.dumps(data))
    assert main(["list", str(file), "--exposed"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "GET /r route GET /r Of the operation.",
        "m.t tool Of the function.",
        "agg.f function Of the function.",
    ]


def test_variables_are_named_with_their_state(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`list` and `describe` tell which variables have a value, and never the value."""
    monkeypatch.setenv("BOOKSHOP_TOKEN", "s3cret-s3cret")
    shown = []
    for words in (["list"], ["describe"], ["list", "--format", "json"]):
        assert main([words[0], BOOKSHOP, *words[1:]]) == 0
        captured = capsys.readouterr()
        shown.append(captured.out + captured.err)
    assert main(["describe", BOOKSHOP, "get-book"]) == 0
    shown.append(capsys.readouterr().out)
    assert "variables: BOOKSHOP_TOKEN (has a value)" in shown[0]
    assert "  BOOKSHOP_TOKEN (has a value)" in shown[1]
    assert '"state": "set"' in shown[2]
    assert "  BOOKSHOP_TOKEN (has a value)" in shown[3]
    assert "s3cret" not in "".join(shown)
    monkeypatch.setenv("BOOKSHOP_TOKEN", " ")
    assert main(["list", BOOKSHOP]) == 0
    assert "BOOKSHOP_TOKEN (empty)" in capsys.readouterr().err
    monkeypatch.delenv("BOOKSHOP_TOKEN")
    assert main(["list", BOOKSHOP, "--variable", "BOOKSHOP_TOKEN=x"]) == 0
    assert "BOOKSHOP_TOKEN (has a value, by an option)" in capsys.readouterr().err


def test_folder_has_a_line_for_each_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`list FOLDER` names every file; one that is no capability makes the exit code."""
    (tmp_path / "shop.yaml").write_text(Path(BOOKSHOP).read_text())
    assert main(["list", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "shop.yaml"), "6", "operations", "12", "exposed", "Bookshop",
    ]  # fmt: skip
    (tmp_path / "bad.yaml").write_text("a: [1")
    for command in ("list", "describe"):
        assert main([command, str(tmp_path)]) == 3
        captured = capsys.readouterr()
        assert "Bookshop" in captured.out
        assert "bad.yaml:" in captured.err
    assert main(["list", str(tmp_path), "--search", "cancel"]) == 3
    assert capsys.readouterr().out.split()[1] == "bookshop.cancel-order"
    assert main(["list", str(tmp_path), "--format", "json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert [entry.get("label") for entry in found] == [None, "Bookshop"]
    assert "error" in found[0]


def test_search_ranks_whole_words_before_parts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A search for `run` finds what runs before what prunes, by the words of its inputs too."""
    assert main(["list", DOCKER, "--search", "run"]) == 0
    found = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    prunes = [found.index(ref) for ref in found if ref.endswith("prune")]
    assert len(prunes) == 5
    assert found.index("docker.containercreate") < min(prunes)
    assert main(["list", DOCKER, "--search", "delete image"]) == 0
    assert capsys.readouterr().out.startswith("docker.imagedelete")


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


def test_description_tells_types_of_the_callers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Types and descriptions come from tools and routes; an unknown type is `any`."""
    assert main(["describe", DOCKER, "containercreate"]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["Image", "body", "string", "required", "Image", "to", "run,"] in [
        line[:7] for line in shown
    ]
    assert ["StopTimeout", "body", "integer"] in [line[:3] for line in shown]


def test_description_shows_choices_and_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Enumeration and default of a tool's input are those of the operation's."""
    data = document(
        {
            "inputParameters": [
                {"name": "kind", "in": "query"},
                {"name": "x", "in": "query"},
            ]
        }
    )
    kind = {
        "name": "kind",
        "type": "string",
        "enum": ["a", "b"],
        "default": "a",
        "required": False,
    }
    tool = {
        "name": "t",
        "description": "T.",
        "call": "api.op",
        "inputParameters": [kind],
    }
    data["capability"]["exposes"] = [{"type": "mcp", "namespace": "m", "tools": [tool]}]
    file = tmp_path / "a.json"
    file.write_text(json.dumps(data))
    for ref in ("op", "m.t"):
        assert main(["describe", str(file), ref]) == 0
        shown = capsys.readouterr().out
        assert "one of: a, b; default: a" in shown
    assert main(["describe", str(file), "op", "--format", "json"]) == 0
    kind, x = json.loads(capsys.readouterr().out)["parameters"]
    assert (kind["enum"], kind["default"], x["type"]) == (["a", "b"], "a", "any")


def test_document_is_described_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a reference: what the document consumes, exposes and needs."""
    assert main(["describe", BOOKSHOP]) == 0
    shown = capsys.readouterr().out
    for part in ("Bookshop", "http://127.0.0.1:8000", "bookshop-mcp: mcp at port 9090"):
        assert part in shown
    assert main(["describe", BOOKSHOP, "bookshop-mcp.get-book", "get-order"]) == 0
    shown = capsys.readouterr().out
    assert "calls\n  bookshop.get-book" in shown
    assert "bookshop.get-order" in shown


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


@pytest.mark.parametrize("exposed", [[], ["--exposed"]])
def test_search_without_a_hit_lists_what_comes_near(
    exposed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A person gets what has some of the words or means them; a program gets nothing."""
    words = ["--search", "throw away pictures"]
    assert main(["list", DOCKER, *words, *exposed]) == 0
    captured = capsys.readouterr()
    assert "Remove an image" in captured.out
    assert "has every word of 'throw away pictures'; these come near" in captured.err
    assert main(["list", DOCKER, *words, *exposed, "--format", "json"]) == 0
    assert capsys.readouterr().out.strip() == "[]"
