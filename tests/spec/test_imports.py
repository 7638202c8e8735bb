"""Imported adapters (spec 2.11 and 11.1); ids are those of the facts there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.document.writing import write_yaml

SHARED = {
    "naftiko": "1.0.0-alpha2",
    "binds": [{"namespace": "env", "keys": {"SHARED_TOKEN": "SHARED_TOKEN"}}],
    "consumes": [
        {
            "type": "http",
            "namespace": "notion",
            "baseUri": "https://notion.test",
            "authentication": {"type": "bearer", "token": "{{SHARED_TOKEN}}"},
            "resources": [
                {
                    "name": "pages",
                    "path": "/pages/{{id}}",
                    "operations": [{"name": "get", "method": "GET"}],
                }
            ],
        },
        {
            "type": "http",
            "namespace": "other",
            "baseUri": "https://other.test",
            "resources": [
                {
                    "name": "r",
                    "path": "/r",
                    "operations": [{"name": "op", "method": "GET"}],
                }
            ],
        },
    ],
}
LOCAL = {
    "type": "http",
    "namespace": "local-api",
    "baseUri": "https://local.test",
    "resources": [
        {"name": "l", "path": "/l", "operations": [{"name": "op", "method": "GET"}]}
    ],
}


def write(path: Path, data: Any) -> Path:
    """Write a document and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_yaml(data), "utf-8")
    return path


def importing(tmp_path: Path, *entries: Any, **more: Any) -> Path:
    """Write a document that consumes these entries."""
    data = {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "x", "description": "y"},
        "capability": {"consumes": list(entries)},
        **more,
    }
    return write(tmp_path / "main.yaml", data)


def problems(path: Path) -> list[tuple[str, int, str]]:
    """Return code, line and message of what is found."""
    return [(p.code, p.line, p.message) for p in naftiko.validate(path)]


def test_import_is_replaced_by_the_adapter_it_names(tmp_path: Path) -> None:
    """L11, L15: the adapter of the other file, in the place of the import."""
    write(tmp_path / "shared.yml", SHARED)
    file = importing(tmp_path, LOCAL, {"location": "./shared.yml", "import": "notion"})
    loaded = naftiko.load(file)
    assert list(loaded.operations) == ["local-api.op", "notion.get"]
    assert loaded.problems == ()
    request = loaded.using(variables={"SHARED_TOKEN": "t"}).request("notion.get", id=1)
    assert request.url == "https://notion.test/pages/1"
    assert request.headers["Authorization"] == "Bearer t"


def test_one_adapter_is_imported_under_two_names(tmp_path: Path) -> None:
    """L12: two independent adapters."""
    write(tmp_path / "shared.yml", SHARED)
    file = importing(
        tmp_path,
        {"location": "shared.yml", "import": "other", "as": "hello-en"},
        {"location": "shared.yml", "import": "other", "as": "hello-fr"},
    )
    loaded = naftiko.load(file, base_uri={"hello-fr": "https://fr.test"})
    assert list(loaded.operations) == ["hello-en.op", "hello-fr.op"]
    assert loaded.request("hello-en.op").url == "https://other.test/r"
    assert loaded.request("hello-fr.op").url == "https://fr.test/r"


def test_missing_import_is_a_unit_error(tmp_path: Path) -> None:
    """L13, L14: no file, no such namespace; everything else works."""
    write(tmp_path / "shared.yml", SHARED)
    file = importing(
        tmp_path,
        LOCAL,
        {"location": "gone.yml", "import": "x"},
        {"location": "shared.yml", "import": "nothing"},
        {"location": "https://h.test/x.yml", "import": "x"},
        {"openapi": "x", "location": "x.yml"},
    )
    found = problems(file)
    assert [code for code, _, _ in found] == ["U-import-unresolved"] * 4
    texts = [message for _, _, message in found]
    assert "there is no file gone.yml" in texts[0]
    assert texts[1].endswith("the namespace 'nothing' is not found in shared.yml")
    hints = [problem.hint for problem in naftiko.validate(file)]
    assert hints[1] == "did you mean 'notion'?"
    assert "is not fetched" in texts[2]
    assert "OpenAPI" in texts[3]
    assert len({line for _, line, _ in found}) == 4
    assert list(naftiko.load(file).operations) == ["local-api.op"]


def test_locations_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    """L16, and nested imports: each file from its own folder."""
    write(tmp_path / "deep" / "er" / "base.yml", SHARED)
    write(
        tmp_path / "deep" / "middle.yml",
        {
            "naftiko": "1.0.0-alpha2",
            "consumes": [
                {"location": "er/base.yml", "import": "other", "as": "renamed"}
            ],
        },
    )
    file = importing(tmp_path, {"location": "deep/middle.yml", "import": "renamed"})
    loaded = naftiko.load(file)
    assert list(loaded.operations) == ["renamed.op"]
    assert loaded.problems == ()


def test_whole_capability_may_be_imported(tmp_path: Path) -> None:
    """Its consumed adapters can be imported like those of a shared document."""
    data = {"naftiko": "1.0.0-alpha2", "capability": {"consumes": [LOCAL]}}
    write(tmp_path / "cap.yaml", data)
    file = importing(tmp_path, {"location": "cap.yaml", "import": "local-api"})
    assert list(naftiko.load(file).operations) == ["local-api.op"]


def test_import_cycle_is_refused(tmp_path: Path) -> None:
    """A cycle is named with the files on it, and ends nothing else."""
    for name, other in (("a", "b"), ("b", "a")):
        write(
            tmp_path / f"{name}.yml",
            {
                "naftiko": "1.0.0-alpha2",
                "consumes": [{"location": f"{other}.yml", "import": "x"}],
            },
        )
    file = importing(tmp_path, LOCAL, {"location": "a.yml", "import": "x"})
    (found,) = problems(file)
    assert "a.yml → b.yml → a.yml" in found[2]


def test_unreadable_import_says_why(tmp_path: Path) -> None:
    """A mistake in the other file is named, with its place."""
    (tmp_path / "bad.yml").write_text("a: [", "utf-8")
    (tmp_path / "list.yml").write_text("- 1\n", "utf-8")
    file = importing(
        tmp_path,
        LOCAL,
        {"location": "bad.yml", "import": "x"},
        {"location": "list.yml", "import": "x"},
    )
    first, second = problems(file)
    assert "bad.yml, line 1, column 4: not well-formed YAML" in first[2]
    assert "holds no consumed adapter" in second[2]


@pytest.mark.parametrize(
    "spelling", ["{path}", "file://{path}", "file:///./shared.yml"]
)
def test_location_has_several_spellings(tmp_path: Path, spelling: str) -> None:
    """A path, and `file:` URIs, absolute or relative (spec 13, row 27)."""
    path = write(tmp_path / "shared.yml", SHARED)
    file = importing(
        tmp_path, {"location": spelling.format(path=path), "import": "other"}
    )
    assert list(naftiko.load(file).operations) == ["other.op"]


@pytest.mark.parametrize(
    "root",
    [
        {"import": [{"name": "other", "location": "shared.yml"}]},
        {"imports": [{"url": "shared.yml", "namespace": "other"}]},
        {"imports": ["shared.yml"]},
    ],
)
def test_import_beside_consumes_is_read(tmp_path: Path, root: Any) -> None:
    """The spellings of published files work where the file is there (dialect 2)."""
    write(tmp_path / "shared.yml", SHARED)
    loaded = naftiko.load(importing(tmp_path, LOCAL, **root))
    assert "other.op" in loaded.operations
    assert not any(p.code.startswith("U-") for p in loaded.problems)


def test_bind_of_the_document_stands_before_an_imported_one(tmp_path: Path) -> None:
    """A variable that both files bind has the value of the importing one."""
    write(tmp_path / "shared.yml", SHARED)
    (tmp_path / "secrets.json").write_text('{"T": "mine"}', "utf-8")
    binds = [
        {
            "namespace": "f",
            "location": "file:///./secrets.json",
            "keys": {"SHARED_TOKEN": "T"},
        }
    ]
    file = importing(
        tmp_path, {"location": "shared.yml", "import": "notion"}, binds=binds
    )
    loaded = naftiko.load(file)
    assert loaded.request("notion.get", id=1).headers["Authorization"] == "Bearer mine"


def test_file_bind_is_relative_to_the_imported_file(tmp_path: Path) -> None:
    """Its location is relative to the file that declares it."""
    binds = [
        {
            "namespace": "f",
            "location": "file:///./s.json",
            "keys": {"SHARED_TOKEN": "T"},
        }
    ]
    write(tmp_path / "sub" / "shared.yml", {**SHARED, "binds": binds})
    (tmp_path / "sub" / "s.json").write_text('{"T": "theirs"}', "utf-8")
    file = importing(tmp_path, {"location": "sub/shared.yml", "import": "notion"})
    loaded = naftiko.load(file)
    assert (
        loaded.request("notion.get", id=1).headers["Authorization"].endswith("theirs")
    )


def test_shared_document_can_be_called(tmp_path: Path) -> None:
    """A document with `consumes` at its root has operations of its own."""
    file = write(tmp_path / "shared.yml", SHARED)
    assert list(naftiko.load(file).operations) == ["notion.get", "other.op"]


# --- findings about imported adapters ---------------------------------------------

BROKEN = """\
consumes:
- type: http
  namespace: broken
  baseUri: https://h.test
  resources:
  - name: x
    path: /x/{id
    operations:
    - name: one
      method: GET
      outputRawFormat: jsonn
      outputParameters:
      - {name: a, type: string, value: "$.a[?"}
    - {name: two, method: GET}
"""


def placed(path: Path) -> list[tuple[str, str, int]]:
    """Return code, name of the file and line of what is found."""
    return [(p.code, Path(p.file).name, p.line) for p in naftiko.validate(path)]


@pytest.mark.parametrize("depth", [1, 2])
def test_finding_of_an_imported_adapter_names_its_file(
    tmp_path: Path, depth: int
) -> None:
    """File, line and JSON Pointer are those of the imported file, at any depth."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "broken.yml").write_text(BROKEN, "utf-8")
    entry = {"location": "sub/broken.yml", "import": "broken"}
    if depth == 2:
        write(tmp_path / "middle.yml", {"consumes": [entry]})
        entry = {"location": "middle.yml", "import": "broken"}
    file = importing(tmp_path, LOCAL, {**entry, "as": "mine"})
    assert placed(file) == [
        ("U-template", "broken.yml", 9),
        ("U-output-format", "broken.yml", 11),
        ("U-output-path", "broken.yml", 13),
        ("U-template", "broken.yml", 14),
    ]
    assert naftiko.validate(file)[1].path == (
        "/consumes/0/resources/0/operations/0/outputRawFormat"
    )
    loaded = naftiko.load(file)
    with pytest.raises(naftiko.UnusableOperation) as caught:
        loaded.call("mine.two")
    where = caught.value.location
    assert where is not None
    assert (Path(where.file).name, where.line) == ("broken.yml", 14)
    where = loaded.operations["mine.two"].location
    assert where is not None
    assert where.file.endswith("sub/broken.yml")


def test_missing_argument_of_an_imported_operation_names_its_file(
    tmp_path: Path,
) -> None:
    """An error of a call leads to the file in which the operation is declared."""
    write(tmp_path / "shared.yml", SHARED)
    loaded = naftiko.load(
        importing(tmp_path, {"location": "shared.yml", "import": "notion"})
    )
    with pytest.raises(naftiko.ArgumentError) as caught:
        loaded.call("notion.get")
    assert caught.value.location
    assert caught.value.location.file.endswith("shared.yml")


def test_imported_adapter_that_breaks_the_schema_is_reported(tmp_path: Path) -> None:
    """It is checked as if it stood in the document, and named in its own file."""
    (tmp_path / "broken.yml").write_text(
        BROKEN.replace("method: GET}", "method: 5}"), "utf-8"
    )
    file = importing(tmp_path, {"location": "broken.yml", "import": "broken"})
    assert placed(file)[0] == ("E-schema-type", "broken.yml", 14)
    (message,) = [p.message for p in naftiko.validate(file) if p.code[0] == "E"]
    assert message.startswith("consumes[0].resources[0].operations[1] 'two': method: ")
    with pytest.raises(naftiko.ValidationError) as caught:
        naftiko.load(file)
    assert caught.value.location
    assert caught.value.location.file.endswith("broken.yml")


def test_nested_import_that_is_missing_spoils_only_itself(tmp_path: Path) -> None:
    """Other adapters of the file are there; the finding names the file between."""
    middle = {"consumes": [{"location": "gone.yml", "import": "gone"}, LOCAL]}
    write(tmp_path / "middle.yml", middle)
    file = importing(tmp_path, {"location": "middle.yml"})
    assert placed(file) == [("U-import-unresolved", "middle.yml", 2)]
    assert list(naftiko.load(file).operations) == ["local-api.op"]


def test_import_beside_consumes_of_an_imported_file_is_read(tmp_path: Path) -> None:
    """The spellings of published files work at every depth."""
    write(tmp_path / "shared.yml", SHARED)
    write(
        tmp_path / "middle.yml",
        {"imports": [{"url": "shared.yml", "namespace": "other"}]},
    )
    file = importing(tmp_path, {"location": "middle.yml", "import": "other"})
    assert list(naftiko.load(file).operations) == ["other.op"]


def test_cycle_beside_an_adapter_spoils_only_itself(tmp_path: Path) -> None:
    """Two files may import from each other what is no cycle of adapters."""
    write(
        tmp_path / "a.yml",
        {"consumes": [{"location": "main.yaml", "import": "local-api"}, *_others()]},
    )
    file = importing(tmp_path, LOCAL, {"location": "a.yml", "import": "other"})
    assert problems(file) == []
    assert list(naftiko.load(file).operations) == ["local-api.op", "other.op"]


def _others() -> Any:
    return SHARED["consumes"]


def test_url_of_an_import_is_told_without_its_password(tmp_path: Path) -> None:
    """A secret in a location is in no message."""
    file = importing(tmp_path, LOCAL, {"location": "https://u:p4ss@h/x", "import": "x"})
    (found,) = naftiko.validate(file)
    assert found.message.endswith("is not available: a URL is not fetched")
    assert "p4ss" not in repr(found)


def test_misspelled_file_of_an_import_is_guessed(tmp_path: Path) -> None:
    """The nearest file of that folder is named."""
    write(tmp_path / "shared" / "billing.yaml", SHARED)
    file = importing(tmp_path, {"location": "shared/biling.yml", "import": "other"})
    (found,) = naftiko.validate(file)
    assert found.hint == "did you mean 'billing.yaml'?"


def test_location_from_the_top_of_a_repository_is_found(tmp_path: Path) -> None:
    """`capabilities/shared/x.yaml` in a file of the folder `capabilities`."""
    write(tmp_path / "capabilities" / "shared" / "x.yaml", SHARED)
    entry = {"namespace": "other", "ref": "capabilities/shared/x.yaml"}
    file = importing(tmp_path / "capabilities", entry)
    assert list(naftiko.load(file).operations) == ["other.op"]


def test_truncated_imported_file_is_reported(tmp_path: Path) -> None:
    """Its adapters that are whole can be used, and a warning names the file."""
    notice = "# --- truncated at 32 KB (50 KB total) ---\n"
    text = f"{write_yaml(SHARED)}\n- type: htt\n\n{notice}"
    (tmp_path / "shared.yml").write_text(text, "utf-8")
    file = importing(tmp_path, {"location": "shared.yml", "import": "other"})
    loaded = naftiko.load(file)
    assert list(loaded.operations) == ["other.op"]
    (found,) = loaded.problems
    assert (found.code, Path(found.file).name) == ("W-source-truncated", "shared.yml")


def test_binds_of_an_imported_capability_are_read(tmp_path: Path) -> None:
    """Those below `capability` as well as those of the root."""
    data = {
        "naftiko": "1.0.0-alpha2",
        "capability": {"binds": SHARED["binds"], "consumes": SHARED["consumes"]},
    }
    write(tmp_path / "cap.yml", data)
    file = importing(tmp_path, {"location": "cap.yml", "import": "notion"})
    assert problems(file) == []
