"""How findings are collected, located and ordered."""

from __future__ import annotations

from naftiko.document.findings import Findings, best_first, pointer
from naftiko.document.source import read
from naftiko.errors import Problem


def test_severity_is_the_first_letter() -> None:
    """`E` and `U` are errors, `W` warnings; `S` is noted by a strict check only."""
    found = Findings(read("a: 1\n"))
    for code in ("E-x", "U-x", "W-x", "S-x"):
        found.add(code, ("a",), "m")
    shown = [(p.code, p.severity) for p in found.problems]
    assert shown == [("E-x", "error"), ("U-x", "error"), ("W-x", "warning")]
    strict = Findings(read("a: 1\n"), strict=True)
    assert strict.add("S-x", (), "m").severity == "info"
    assert strict.add("W-x", (), "m", severity="error").severity == "error"
    assert len(strict.problems) == 2


def test_places() -> None:
    """A finding points at a value, at its key, or at the nearest thing that is there."""
    found = Findings(read("a:\n  b: x\n", name="f.yaml"))
    value = found.add("W-x", ("a", "b"), "m")
    key = found.add("W-x", ("a", "b"), "m", key=True)
    none = found.add("W-x", ("a", "none", 3), "m")
    assert [(p.line, p.column) for p in (value, key, none)] == [(2, 6), (2, 3), (2, 3)]
    assert [p.path for p in (value, none)] == ["/a/b", "/a/none/3"]
    assert value.file == "f.yaml"


def test_pointers() -> None:
    """A path is written as RFC 6901 says."""
    assert pointer(()) == ""
    assert pointer(("a/b", "m~n", 0, "")) == "/a~1b/m~0n/0/"


def test_best_first() -> None:
    """Errors first, those of the whole document before all; then by place, each once."""

    def problem(code: str, severity: str, line: int) -> Problem:
        return Problem(code, severity, "m", line=line)

    whole = problem("E-version-unsupported", "error", 9)
    schema = problem("E-schema-type", "error", 5)
    unit = problem("U-x", "error", 1)
    early, late = problem("W-x", "warning", 1), problem("W-x", "warning", 2)
    note = problem("S-x", "info", 1)
    mixed = [note, late, unit, early, schema, whole, late]
    assert best_first(mixed) == (whole, schema, unit, early, late, note)


def test_mappings() -> None:
    """What should be a list of mappings gives those that are, and notes the rest."""
    found = Findings(read("a: [{b: 1}, x, [2], {c: 3}]\n"))
    data = [{"b": 1}, "x", [2], {"c": 3}]
    assert list(found.mappings(data, ("a",))) == [
        (("a", 0), {"b": 1}),
        (("a", 3), {"c": 3}),
    ]
    assert [p.code for p in found.problems] == ["W-incomplete-dropped"] * 2
    assert "('x')" in found.problems[0].message
    assert list(found.mappings(None, ("a",))) == []
    assert list(found.mappings("text", ("a",))) == []
    assert "not a list" in found.problems[-1].message
