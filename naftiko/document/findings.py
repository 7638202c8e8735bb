"""Collect the findings about a document while it is read and linked.

    rules.OUTPUT_FORMAT, path, message, hint   →  Finding
    Finding, Document                          →  Problem with line, column and file

A stage notes findings, which are values; `located` looks up their places once, at the
end, for those that are shown. This module must not know what any rule means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import (
    Edit,
    Problem,
    Related,
    did_you_mean,
    names_of,
    nearest,
    shorten,
)
from naftiko.plain import a_kind_of, text_of, types_of
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from naftiko.document.document import Document
    from naftiko.document.rules import Rule
    from naftiko.errors import NaftikoError
    from naftiko.plain import JSON, DocumentPath

# The kinds of an `Edit`.
RENAME, MOVE, SET, DROP = "rename", "move", "set", "drop"
_WEIGHT = {rules.ERROR: 0, rules.WARNING: 1, rules.INFO: 2}


class Mention(NamedTuple):
    """Another place of the document that a finding is about.

    Attributes:
        path: The place.
        message: What stands there, such as `first declared here`.
        at_key: Whether the key is meant that ends the path, not its value.
    """

    path: DocumentPath
    message: str
    at_key: bool = False


class Finding(NamedTuple):
    """One broken rule.

    Attributes:
        rule: The rule that is broken.
        path: The place: keys and list indexes from the root.
        message: What is wrong.
        hint: How to mend it; may be empty.
        at_key: Whether it points at the key that ends the path, not at its value.
        related: Other places that it is about.
        fix: The edit that mends it, where the mend is certain.
        severity: Stands before that of the rule; empty for that one.
    """

    rule: Rule
    path: DocumentPath
    message: str
    hint: str = ""
    at_key: bool = False
    related: tuple[Mention, ...] = ()
    fix: Edit | None = None
    severity: str = ""

    @property
    def weight(self) -> str:
        """Its severity: its own, or that of its rule."""
        return self.severity or self.rule.severity

    @property
    def spoils_unit(self) -> bool:
        """Whether a part of the document cannot be used because of it."""
        return self.weight == rules.ERROR and self.rule.is_of_unit


class Findings:
    """The findings about one document.

    Attributes:
        document: The document that they are about.
        strict: Whether findings of severity `info` are noted at all.
        noted: The findings, in the order in which they were noted.
    """

    def __init__(self, document: Document, *, strict: bool = False) -> None:
        self.document = document
        self.strict = strict
        self.noted: list[Finding] = []

    def add(
        self,
        rule: Rule,
        path: DocumentPath,
        message: str,
        hint: str = "",
        *,
        at_key: bool = False,
        related: tuple[Mention, ...] = (),
        fix: Edit | None = None,
        severity: str = "",
    ) -> Finding:
        """Note that a rule is broken; the arguments are the fields of `Finding`."""
        finding = Finding(rule, path, message, hint, at_key, related, fix, severity)
        self.note(finding)
        return finding

    def note(self, finding: Finding) -> None:
        """Note a finding that is already made, unless only a strict check shows it."""
        if self.strict or not finding.rule.is_strict:
            self.noted.append(finding)

    def dropped(self, path: DocumentPath, message: str, hint: str) -> None:
        """Note an element that is left out, at its key if it has one."""
        at_key = bool(path) and isinstance(path[-1], str)
        self.add(rules.INCOMPLETE_DROPPED, path, message, hint, at_key=at_key)

    def unknown(
        self,
        rule: Rule,
        path: DocumentPath,
        message: str,
        value: str,
        known: Iterable[str],
    ) -> None:
        """Note a value that is not one of those known, and the one it is most like.

        Args:
            rule: The rule that it breaks.
            path: The place of the value.
            message: What is wrong.
            value: The value.
            known: The values that are known.
        """
        hint = did_you_mean(value, known) or f"use one of {names_of(known)}"
        meant = surely_meant(value, known)
        # Without a value there is only its mapping, which must not be replaced.
        fix = Edit(SET, pointer(path), meant) if value and meant else None
        self.add(rule, path, message, hint, fix=fix)

    def mappings(
        self, data: JSON, path: DocumentPath
    ) -> Iterator[tuple[DocumentPath, Mapping[str, JSON]]]:
        """Yield the mappings of a list with their places; note all other entries."""
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
        """Return the mapping below a key, or `None`; note a value of another kind."""
        value = holder.get(key)
        if isinstance(value, dict):
            return value
        if key in holder:
            self.misplaced(value, (*at, key), "mapping", hint=hint)
        return None

    def type_of(self, holder: Mapping[str, JSON], at: DocumentPath) -> str:
        """Return the `type` of a parameter or an output; note a list of types.

        `{type: [array, "null"]}` is an `array`; several types are `any`.
        """
        value = holder.get("type")
        if not isinstance(value, list):
            return text_of(value)
        if not all(name is None or isinstance(name, str) for name in value):
            return ""  # the schema says so
        types = types_of(value)
        if len(types) == 1:
            message = f"a list of types is read as its one type, '{shorten(types[0])}'"
            hint = f"write `type: {shorten(types[0])}`"
        else:
            message = f"{names_of(types)} as types stand for any value"
            hint = "write one type"
        self.add(rules.PARAMETER_TYPE, (*at, "type"), message, hint)
        return types[0] if len(types) == 1 else "any"

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
        kind = "null" if value is None else a_kind_of(value)
        self.dropped(
            path,
            f"expected a {wanted} for {prefix}`{key}`, got {kind}{shown}; it is left"
            " out",
            hint or f"write a {wanted}, or remove it",
        )


def surely_meant(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a wrong one stands for, if it can be no other.

    `("get", ["GET", "PUT"])` → `"GET"`; `None` when no name is near, or several are.
    """
    names = list(known)
    same = [other for other in names if other.lower() == name.lower()]
    near = same or nearest(name, names, 2)
    return near[0] if len(near) == 1 else None


def pointer(path: DocumentPath) -> str:
    """Return a path as a JSON Pointer: `("a/b", 0)` → `/a~1b/0` (RFC 6901)."""
    return "".join(
        "/" + str(part).replace("~", "~0").replace("/", "~1") for part in path
    )


def located(finding: Finding, document: Document) -> Problem:
    """Return a finding as a problem, with its place in the text of the document.

    The place of a finding about an imported part is in the document of that part.
    """
    where = document.locate(finding.path, key=finding.at_key)
    origin, at = document.origin_of(finding.path)
    return Problem(
        finding.rule.code,
        finding.weight,
        finding.message,
        finding.hint,
        pointer(at),
        where.line,
        where.column,
        where.file,
        tuple(_located_mention(mention, document) for mention in finding.related),
        # An edit names its place in this document, not in an imported one.
        finding.fix if origin is document else None,
    )


def _located_mention(mention: Mention, document: Document) -> Related:
    where = document.locate(mention.path, key=mention.at_key)
    _, at = document.origin_of(mention.path)
    return Related(mention.message, pointer(at), where.line, where.column, where.file)


def best_first(findings: Iterable[Finding], document: Document) -> tuple[Problem, ...]:
    """Return findings as problems: errors before warnings before notes, each once.

    Findings of one severity stand in the order of the text, but those that concern the
    whole document come first, and those of the schema next. Those about imported files
    follow, file by file.
    """
    ranked = {
        located(finding, document): (_WEIGHT[finding.weight], finding.rule.rank)
        for finding in dict.fromkeys(findings)
    }

    def order(problem: Problem) -> tuple[int, int, str, int, int, str]:
        file = "" if problem.file == document.name else problem.file
        return *ranked[problem], file, problem.line, problem.column, problem.code

    return tuple(sorted(ranked, key=order))


def settled_by(problem: Problem | NaftikoError) -> str:
    """Return the option of `load()` that makes up for a problem; may be empty."""
    rule = rules.RULES.get(problem.code)
    return rule.settled_by if rule else ""


def is_of_unit(problem: Problem) -> bool:
    """Tell whether a problem makes a part of the document unusable, and not all."""
    rule = rules.RULES.get(problem.code)
    return rule is not None and rule.is_of_unit
