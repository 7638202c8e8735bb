"""Collect what is found about a document while it is read and linked.

A code decides its severity by its first letter: `E` and `U` are errors, `W` warnings,
and `S` is only noted by a strict check. This module must not know any rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import Problem, did_you_mean, names_of, shorten
from naftiko.plain import a_kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from naftiko.document.document import Document
    from naftiko.plain import JSON, DocumentPath

SEVERITY = {"E": "error", "U": "error", "W": "warning", "S": "info"}
_RANK = {"error": 0, "warning": 1, "info": 2}


class Findings:
    """The problems of one document, located as they are noted.

    Attributes:
        strict: Whether `S` findings are noted at all.
        problems: What was found, in the order in which it was found.
    """

    def __init__(self, document: Document, *, strict: bool = False) -> None:
        self.document = document
        self.strict = strict
        self.problems: list[Problem] = []

    def add(
        self,
        code: str,
        path: DocumentPath,
        message: str,
        hint: str = "",
        *,
        key: bool = False,
        severity: str = "",
    ) -> Problem:
        """Note a problem; with `key` it points at the key, not at the value."""
        where = self.document.locate(path, key=key)
        problem = Problem(
            code,
            severity or SEVERITY[code[0]],
            message,
            hint,
            pointer(path),
            where.line,
            where.column,
            where.file,
        )
        if code[0] != "S" or self.strict:
            self.problems.append(problem)
        return problem

    def dropped(self, path: DocumentPath, message: str, hint: str) -> None:
        """Note what cannot be read and is left out, at its key if it has one."""
        key = bool(path) and isinstance(path[-1], str)
        self.add("W-incomplete-dropped", path, message, hint, key=key)

    def unknown(
        self,
        code: str,
        path: DocumentPath,
        message: str,
        value: str,
        known: Iterable[str],
    ) -> None:
        """Note a value that is not one of those known, and the one it is most like."""
        hint = did_you_mean(value, known) or f"use one of {names_of(known)}"
        self.add(code, path, message, hint)

    def mappings(
        self, data: JSON, path: DocumentPath
    ) -> Iterator[tuple[DocumentPath, Mapping[str, JSON]]]:
        """Yield the mappings of a list with their places, and note all else."""
        if isinstance(data, list):
            for index, entry in enumerate(data):
                if isinstance(entry, dict):
                    yield (*path, index), entry
                else:
                    self.misplaced(
                        entry, (*path, index), "mapping", prefix="an entry of "
                    )
        elif data is not None:
            self.misplaced(data, path, "list")

    def mapping(
        self, holder: Mapping[str, JSON], key: str, at: DocumentPath, hint: str = ""
    ) -> Mapping[str, JSON] | None:
        """Return the mapping below a key, or `None`; note what else stands there."""
        value = holder.get(key)
        if isinstance(value, dict):
            return value
        if key in holder:
            self.misplaced(value, (*at, key), "mapping", hint=hint)
        return None

    def misplaced(
        self,
        value: JSON,
        path: DocumentPath,
        wanted: str,
        *,
        prefix: str = "",
        hint: str = "",
    ) -> None:
        """Note a value that is not of the kind wanted, and is left out."""
        key = next(part for part in reversed(path) if isinstance(part, str))
        shown = f" ('{shorten(value, 40)}')" if isinstance(value, str) else ""
        self.dropped(
            path,
            f"{prefix}`{key}` is {a_kind_of(value)}{shown}, not a {wanted}, and is left"
            " out",
            hint or f"write a {wanted}, or remove it",
        )


def pointer(path: DocumentPath) -> str:
    """Return a path as a JSON Pointer (RFC 6901)."""
    return "".join(
        "/" + str(part).replace("~", "~0").replace("/", "~1") for part in path
    )


def best_first(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return errors before warnings before notes, each in the order of the text.

    Among the errors, those that make the whole document useless come first.
    """
    unique = dict.fromkeys(problems)

    def rank(problem: Problem) -> tuple[int, int, int, int, str]:
        kind = 2 if problem.code[0] in "UW" else 1
        if problem.code[0] == "E" and not problem.code.startswith("E-schema"):
            kind = 0
        weight = _RANK[problem.severity]
        return weight, kind, problem.line, problem.column, problem.code

    return tuple(sorted(unique, key=rank))
