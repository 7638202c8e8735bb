"""Published files, unchanged, have the contents that their manifest lists.

The files are data for these tests only. No request is sent to the hosts that they name.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

import naftiko
from naftiko.document.document import Document
from naftiko.document.source import read
from support.published import check_requests
from support.shared import CORPUS, manifest, needs_corpus, of_corpus

_VARIABLE = re.compile(r"\{\{\s*(?:env\.)?([A-Z][A-Z0-9_]*)\s*\}\}")


@cache
def _document(path: str) -> Document:
    """Read a file and cache it, because the YAML parser in Python is slow."""
    return read(CORPUS / path)


def _entries(*, capabilities: bool) -> list[Any]:
    """Return the manifest entries of files that are capabilities, or of others."""
    if not CORPUS.is_dir():
        return []
    return [
        of_corpus(entry, entry["path"], number)
        for number, entry in enumerate(manifest())
        # A truncated file may have no layout, because its text is not well-formed.
        if (entry["layout"] in ("capability", None)) is capabilities
    ]


def _expected(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the counts of a file after its truncated line is dropped."""
    counts = entry.get("after_repair") or entry
    names = counts.get("operation_names") or entry["operation_names"]
    return {**counts, "operation_names": names[: counts["consumes_operations"]]}


@needs_corpus
def test_manifest_lists_every_published_file() -> None:
    """Every file is listed, and every listed file exists."""
    files = {str(p.relative_to(CORPUS)) for p in CORPUS.rglob("*.y*ml")}
    assert {entry["path"] for entry in manifest()} == files


@needs_corpus
@pytest.mark.parametrize("entry", _entries(capabilities=False))
def test_file_of_another_layout_is_refused(entry: dict[str, Any]) -> None:
    """A published file that is no capability is refused with a hint."""
    with pytest.raises(naftiko.ValidationError) as caught:
        naftiko.load(CORPUS / entry["path"])
    assert caught.value.code == "E-not-a-capability"
    assert caught.value.hint
    problems = naftiko.validate(CORPUS / entry["path"])
    assert [problem.code for problem in problems] == ["E-not-a-capability"]


@needs_corpus
@pytest.mark.parametrize("entry", _entries(capabilities=True))
def test_contents_of_a_published_file_are_those_of_the_manifest(
    entry: dict[str, Any],
) -> None:
    """Operations, REST operations, tools and unresolved calls are those listed."""
    expected = _expected(entry)
    try:
        capability = naftiko.load(_document(entry["path"]))
    except naftiko.ValidationError as error:
        # The manifest counts no operations in this file.
        assert error.code == "E-nothing-to-run"
        assert not expected["operation_names"]
        assert not expected["rest_operations"] + expected["mcp_tools"]
        return
    codes = [problem.code for problem in capability.problems]

    names = [f"{op.namespace}.{op.name}" for op in capability]
    listed = expected["operation_names"]
    if "W-namespace-duplicate" in codes:
        # Duplicate adapters count once.
        listed, names = list(dict.fromkeys(listed)), list(dict.fromkeys(names))
    counted = [
        names,
        ["rest"] * _count(capability, "rest"),
        ["tool"] * _count(capability, "mcp"),
        ["skill"] * _count(capability, "skill"),
    ]
    wanted = [
        listed,
        ["rest"] * expected["rest_operations"],
        ["tool"] * expected["mcp_tools"],
        ["skill"] * expected["skill_tools"],
    ]
    if "W-incomplete-dropped" in codes:
        # Only the last element of a truncated file may be dropped.
        assert entry["truncated"]
        last = max(n for n, elements in enumerate(wanted) if elements)
        if counted != wanted:
            wanted[last] = wanted[last][:-1]
    assert counted == wanted
    assert codes.count("U-call-unresolved") == expected["dangling_calls"]


def _count(capability: naftiko.Capability, kind: str) -> int:
    return sum(
        len(exposes.functions) + len(exposes.links)
        for exposes in capability.exposes
        if exposes.type == kind
    )


@needs_corpus
@pytest.mark.parametrize("entry", _entries(capabilities=True))
def test_truncated_file_is_reported(entry: dict[str, Any]) -> None:
    """A truncated file is recognised, its loss is reported, and it can be refused."""
    document = _document(entry["path"])
    kept = document.truncation
    assert bool(kept) is entry["truncated"]
    if kept is None:
        return
    assert kept.total_kb == entry["original_kb"]
    assert "W-source-truncated" in [p.code for p in naftiko.load(document).problems]
    problems = naftiko.validate(document)
    assert [p.severity for p in problems if "truncated" in p.code] == ["warning"]
    first = naftiko.validate(document, truncated="reject")[0]
    assert (first.severity, first.code) == ("error", "E-source-truncated")
    with pytest.raises(naftiko.ValidationError) as caught:
        naftiko.load(document, truncated="reject")
    assert caught.value.code == "E-source-truncated"


def _values(path: str, capability: naftiko.Capability) -> dict[str, str]:
    """Return a value for every variable of a file."""
    names = set(_VARIABLE.findall((CORPUS / path).read_text("utf-8")))
    for bind in _document(path).data.get("binds") or ():
        names |= set(bind.get("keys") or ())
    for operation in capability:
        names |= operation.base_names
    return {
        name: "https://origin.test" if _is_origin(name, capability) else "v1"
        for name in names
    }


def _is_origin(name: str, capability: naftiko.Capability) -> bool:
    begins = re.compile(rf"[{{$ ]+(?:env\.)?{re.escape(name)}\b")
    return any(begins.match(operation.base_uri) for operation in capability)


def _load(path: str) -> naftiko.Capability | None:
    """Load a file over a stub transport; return `None` if the file is refused."""
    try:
        document = _document(path)
        return naftiko.load(document, schema=None, transport=naftiko.StubTransport())
    except naftiko.ValidationError:
        return None


@needs_corpus
@pytest.mark.parametrize("entry", _entries(capabilities=True))
def test_every_usable_published_operation_builds_a_request(
    entry: dict[str, Any],
) -> None:
    """Injection: special characters of an argument do not change the target."""
    loaded = _load(entry["path"])
    if loaded is None:
        return
    capability = loaded.using(variables=_values(entry["path"], loaded))
    check_requests(capability)


@needs_corpus
@pytest.mark.parametrize("entry", _entries(capabilities=True))
def test_unusable_published_operation_refuses_to_run(entry: dict[str, Any]) -> None:
    """A call of an operation with a problem raises that problem."""
    capability = _load(entry["path"])
    for operation in capability or ():
        assert capability is not None
        if operation.problems:
            assert operation in capability.operations.values()
            with pytest.raises(naftiko.UnusableOperation) as caught:
                capability.call(operation.ref)
            assert caught.value.code == operation.problems[0].code
