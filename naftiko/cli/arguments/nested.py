r"""Names that reach into objects and lists: words of a command line → nested values.

    customer.name=Ann tags[]=a tags[]=b items[0].quantity:=2
        → {"customer": {"name": "Ann"}, "tags": ["a", "b"], "items": [{"quantity": 2}]}

A dot or brackets lead to a member; `[0]` leads to an item of a list, `[]` appends one.
A backslash or brackets keep a dot in a name: `labels.a\.b`, `labels[a.b]`. This module
must not know operations.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.cli.values import UsageError
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    #: The name of a member, the index of an item, or `None` for a new item.
    Step = str | int | None

#: One step of a name: `.member` or `[member]`.
_STEP = re.compile(r"\.((?:\\.|:(?!=)|[^.\[\]=:\\])+)|\[([^\[\]]*)\]", re.DOTALL)
_SIGN = re.compile(r"(:=|=@|=)(.*)", re.DOTALL)
_ITEM = re.compile(r"([^=]+?)(:=|=@|=)(.*)", re.DOTALL)
_INDEX = re.compile(r"[0-9]{1,6}")
_QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)
_MOST_STEPS = 100


class NestedItem(NamedTuple):
    """A word of the command line whose name reaches into a value.

    Attributes:
        root: The name in front of the first dot or bracket.
        steps: The members, indexes and new items behind it.
        sign: `=`, `:=` or `=@`.
        text: The text behind the sign.
        written: The whole name, as it is given.
    """

    root: str
    steps: tuple[Step, ...]
    sign: str
    text: str
    written: str


def split_item(item: str, names: Iterable[str]) -> tuple[str, str, str] | None:
    """Return the name, the sign and the value of an argument; `None` for another word.

    `n:=3` → `("n", ":=", "3")`. A name may hold `=` or end in `:`, so the longest of
    the known names decides where it ends: `a=b=1` → `("a=b", "=", "1")`.
    """
    for name in sorted(filter(item.startswith, names), key=len, reverse=True):
        match = _SIGN.fullmatch(item, len(name))
        if match and name:
            return name, match[1], match[2]
    match = _ITEM.fullmatch(item)
    return (match[1], match[2], match[3]) if match else None


def split_nested(item: str, roots: Iterable[str]) -> NestedItem | None:
    """Return a word as root, steps, sign and text; `None` for another word.

    `a.b[0]=x` → `NestedItem("a", ("b", 0), "=", "x", "a.b[0]")`.

    Args:
        item: A word of the command line.
        roots: Names that may stand in front; the longest that fits is taken.

    Raises:
        UsageError: The name has too many steps.
    """
    for root in sorted(filter(item.startswith, roots), key=len, reverse=True):
        end, steps = len(root), []
        while root and (match := _STEP.match(item, end)):
            steps.append(_step(match))
            end = match.end()
        sign = _SIGN.fullmatch(item, end)
        if steps and sign:
            if len(steps) > _MOST_STEPS:
                raise UsageError(f"an argument of '{root}' is nested too deeply")
            return NestedItem(root, tuple(steps), sign[1], sign[2], item[:end])
    return None


def _step(match: re.Match[str]) -> Step:
    dotted, bracketed = match.groups()
    text = dotted if bracketed is None else bracketed
    if bracketed == "":
        return None
    if _INDEX.fullmatch(text):
        return int(text)
    if bracketed is not None:
        quoted = _QUOTED.fullmatch(text)
        return quoted[2] if quoted else text
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


class Gathered:
    """The values of several words, put together; each word adds one.

    Values of one name become a list; steps make objects and lists.
    """

    def __init__(self) -> None:
        self._names: dict[str, _Node] = {}

    def add(
        self, root: str, value: Any, steps: tuple[Step, ...] = (), written: str = ""
    ) -> None:
        """Add a value.

        Raises:
            UsageError: The value contradicts one that was added before.
        """
        node = self._names.setdefault(root, _Node(root))
        for step in steps:
            node = node.member(step, written or root)
        node.hold(value, written or root)

    def values(self) -> dict[str, Any]:
        """Return name → value.

        Raises:
            UsageError: An item of a list is missing.
        """
        return {name: node.value() for name, node in self._names.items()}


class _Node:
    """One value that is put together from words."""

    def __init__(self, name: str, *, is_item: bool = False) -> None:
        self.name = name
        self.is_item = is_item
        self.wholes: list[Any] = []
        self.members: dict[str | int, _Node] = {}
        #: The kind of the first step into it: `str`, `int` or `NoneType`.
        self.kind: type | None = None

    def member(self, step: Step, written: str) -> _Node:
        if self.wholes:
            raise _twice(self.name, written)
        if self.kind is None:
            self.kind = type(step)
        elif self.kind is not type(step):
            raise UsageError(
                f"'{written}' contradicts an argument before it: '{self.name}' is"
                f" {_KINDS[self.kind]} there",
                hint="write all parts of one value in one way",
            )
        key = len(self.members) if step is None else step
        if key not in self.members:
            name = (
                f"{self.name}[{key}]" if key.__class__ is int else f"{self.name}.{key}"
            )
            self.members[key] = _Node(name, is_item=not isinstance(step, str))
        return self.members[key]

    def hold(self, value: Any, written: str) -> None:
        if self.members or (self.wholes and self.is_item):
            raise _twice(self.name, written)
        self.wholes.append(value)

    def value(self) -> Any:
        if self.wholes:
            return self.wholes[0] if len(self.wholes) == 1 else self.wholes
        if self.kind is str:
            return {key: node.value() for key, node in self.members.items()}
        missing = next(
            (i for i in range(len(self.members)) if i not in self.members), -1
        )
        if missing >= 0:
            raise UsageError(
                f"'{self.name}[{missing}]' is missing, and a later item is given",
                hint="the items of a list begin at [0]; [] appends one",
            )
        return [self.members[index].value() for index in range(len(self.members))]


_KINDS: dict[type, str] = {
    str: "an object",
    int: "a list with indexes",
    type(None): "a list that grows with []",
}


def _twice(name: str, written: str) -> UsageError:
    told = f"'{name}' is given twice"
    if written != name:
        told = f"'{name}' is given as a whole, and in parts by '{written}'"
    return UsageError(told, hint="give it as a whole, or in parts")
