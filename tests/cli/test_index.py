"""The names in a document, kept between two presses of a key."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from naftiko.cli import entries, index
from naftiko.cli.index import DocumentIndex, index_of
from naftiko.document.source import MAX_BYTES
from support.building import document
from support.shared import CAPABILITIES

BOOKSHOP = str(CAPABILITIES / "bookshop.yaml")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the cache."""
    monkeypatch.setenv("NAFTIKO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def found(path: str) -> DocumentIndex:
    """Return the names in a file."""
    index = index_of(path)
    assert index is not None
    return index


def unloaded(path: str, monkeypatch: pytest.MonkeyPatch) -> DocumentIndex:
    """Return the names in a file, which must not be loaded for them."""
    with monkeypatch.context() as patched:
        patched.setattr("naftiko.loader.load", None)
        return found(path)


def facts(index: DocumentIndex) -> list[Any]:
    """Return all that an index says."""
    return [
        index.operations, index.exposed, index.clear, index.variables, index.adapters,
        [index.takes(name) for name in [*index.operations, *index.exposed, *index.clear]],
    ]  # fmt: skip


def test_second_look_needs_no_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is kept: names at once, arguments when they are asked for."""
    first = facts(found(BOOKSHOP))
    assert "bookshop.get-book" in first[0]
    assert facts(unloaded(BOOKSHOP, monkeypatch)) == first


def test_kept_names_are_those_without_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost on the way through the cache."""
    facts(found(BOOKSHOP))
    kept = facts(found(BOOKSHOP))
    monkeypatch.setenv("NAFTIKO_CACHE", "off")
    assert facts(found(BOOKSHOP)) == kept


def test_arguments_have_types_and_choices(tmp_path: Path) -> None:
    """In the order of the document; a body that may be anything is one of them."""
    parameters = [
        {"name": "kind", "in": "query", "enum": ["new", 7, True, [1]]},
        {"name": "flag", "in": "query", "type": "boolean"},
    ]
    path = tmp_path / "api.json"
    path.write_text(
        json.dumps(document({"inputParameters": parameters, "method": "POST"}))
    )
    for _ in range(2):
        takes = found(str(path)).takes("api.op")
        assert takes is not None
        assert takes.types == {"kind": "", "flag": "boolean", "body": ""}
        assert takes.choices == {"kind": ["new", "7", "True"]}


def test_unknown_names_are_not_kept(folder: Path) -> None:
    """Whatever is typed would fill the cache."""
    index = found(BOOKSHOP)
    before = [entry.read_bytes() for entry in folder.iterdir()]
    assert index.takes("no-such") is None
    assert [entry.read_bytes() for entry in folder.iterdir()] == before


def test_changed_document_is_looked_at_again(tmp_path: Path) -> None:
    """It has other bytes."""
    path = tmp_path / "api.json"
    for name in ("one", "two"):
        path.write_text(json.dumps(document({"name": name})))
        assert found(str(path)).operations == [f"api.{name}"]


def test_names_are_those_of_the_bytes_that_were_read(tmp_path: Path) -> None:
    """A file that is saved meanwhile does not leave its names for the old bytes."""
    path = tmp_path / "api.json"
    old, new = (json.dumps(document({"name": name})) for name in ("one", "two"))
    path.write_text(new)
    assert DocumentIndex(str(path), old.encode()).operations == ["api.one"]
    assert found(str(path)).operations == ["api.two"]
    path.write_text(old)
    index = found(str(path))
    assert index.operations == ["api.one"]
    assert index.takes("api.one") is not None
    assert index.takes("api.two") is None


def test_setting_that_changes_arguments_has_names_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`NAFTIKO_APPEND_PATH_PARAMETERS` makes an operation usable."""
    path = tmp_path / "api.json"
    parameters = [{"name": "id", "in": "path"}]
    path.write_text(json.dumps(document({"inputParameters": parameters})))
    before = found(str(path)).takes("api.op")
    monkeypatch.setenv("NAFTIKO_APPEND_PATH_PARAMETERS", "1")
    with monkeypatch.context() as patched:
        patched.setattr("naftiko.loader.load", None)
        with pytest.raises(TypeError):
            index_of(str(path))
    assert before == found(str(path)).takes("api.op")


def test_names_of_another_file_are_not_kept(tmp_path: Path, folder: Path) -> None:
    """It may change without a sign of it."""
    inner = document({"name": "one"})
    (tmp_path / "inner.json").write_text(json.dumps(inner))
    outer = {**inner, "capability": {"consumes": [
        {"import": "api", "location": "./inner.json"},
    ]}}  # fmt: skip
    path = tmp_path / "outer.json"
    path.write_text(json.dumps(outer))
    assert found(str(path)).operations == ["api.one"]
    assert not folder.exists() or list(folder.iterdir()) == []
    (tmp_path / "inner.json").write_text(json.dumps(document({"name": "two"})))
    assert found(str(path)).operations == ["api.two"]


@pytest.mark.parametrize(
    "change",
    [
        lambda names: [],
        lambda names: {**names, "operations": "text"},
        lambda names: {**names, "operations": [7]},
        lambda names: {**names, "takes": []},
        lambda names: {**names, "takes": {"a": None}},
        lambda names: {**names, "takes": {"a": [{}]}},
        lambda names: {**names, "takes": {"a": [{"x": 1}, {}]}},
        lambda names: {**names, "takes": {"a": [{}, {"x": "y"}]}},
        lambda names: {k: v for k, v in names.items() if k != "clear"},
    ],
)
def test_entry_that_is_no_index_is_replaced(folder: Path, change: Any) -> None:
    """A checksum proves no more than that nothing was lost."""
    plain = facts(found(BOOKSHOP))
    with open(BOOKSHOP, "rb") as file:
        entry = entries.CacheEntry.of(file.read(), "index ")
    assert entry is not None
    with entry:
        kept = entry.read()
        assert kept is not None
        entry.write(json.dumps(change(json.loads(kept))).encode())
    assert facts(found(BOOKSHOP)) == plain


@pytest.mark.parametrize("text", ["", "just: text", "a: [", "\0", "naftiko: [1]"])
def test_file_that_is_no_document_has_no_names(text: str, tmp_path: Path) -> None:
    """Completion is silent about it."""
    path = tmp_path / "a.yaml"
    path.write_text(text)
    index = index_of(str(path))
    assert index is None or index.operations == []
    assert index_of(str(tmp_path)) is None
    assert index_of(str(tmp_path / "none.yaml")) is None


def test_limit_is_that_of_documents() -> None:
    """A larger file is read in vain."""
    assert index._LARGEST == MAX_BYTES


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_named_pipe_is_not_opened(tmp_path: Path) -> None:
    """Reading would wait for a writer."""
    os.mkfifo(tmp_path / "pipe")
    assert index_of(str(tmp_path / "pipe")) is None
