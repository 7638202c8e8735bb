"""Collect what is found about a document while it is read and linked.

A code decides its severity by its first letter: `E` and `U` are errors, `W` warnings,
and `S` is only noted by a strict check. This module must not know any rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import Problem

if TYPE_CHECKING:
    from naftiko.document import Document
    from naftiko.model import DocumentPath

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


def pointer(path: DocumentPath) -> str:
    """Return a path as a JSON Pointer (RFC 6901)."""
    return "".join(
        "/" + str(part).replace("~", "~0").replace("/", "~1") for part in path
    )


def best_first(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return errors before warnings before notes, each in the order of the text."""
    unique = dict.fromkeys(problems)
    return tuple(
        sorted(unique, key=lambda p: (_RANK[p.severity], p.line, p.column, p.code))
    )
