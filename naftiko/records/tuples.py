"""Named tuples, as `typing.NamedTuple` has them, whose classes are made in less time.

    class Place(NamedTuple):
        line: int
        column: int = 1           →  Place(3) == (3, 1), Place(3).column is 1

A run of the command line defines some fifty records before it does anything, and the
class of the standard library compiles the annotation of each field, which nobody asks
for. This module must not know any record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from collections import namedtuple

    class _Maker(type):
        """Makes a named tuple of each class whose base is `NamedTuple`."""

        def __new__(
            cls, name: str, bases: tuple[type, ...], members: dict[str, Any]
        ) -> type:
            if not bases:
                return super().__new__(cls, name, bases, members)
            fields = tuple(members.get("__annotations__", ()))
            defaults = [members[field] for field in fields if field in members]
            module = members["__module__"]
            made = namedtuple(name, fields, defaults=defaults, module=module)
            for key, value in members.items():
                if key not in fields:
                    setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Maker):
        """The base of a record; its class is a plain tuple with names."""
