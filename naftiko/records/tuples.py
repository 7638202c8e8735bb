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
    from _collections import _tuplegetter

    def _make(cls: type, values: Any) -> Any:
        """Return a record of the values of an iterable, one for each field."""
        made = tuple.__new__(cls, values)
        if len(made) != len(cls._fields):
            raise TypeError(f"expected {len(cls._fields)} values, got {len(made)}")
        return made

    def _replace(self: Any, /, **changes: Any) -> Any:
        """Return a copy in which some fields have other values."""
        values = list(map(changes.pop, self._fields, self))
        if changes:
            raise ValueError(f"no fields are called {list(changes)}")
        return tuple.__new__(self.__class__, values)

    def _asdict(self: Any) -> dict[str, Any]:
        """Return name of a field → its value."""
        return dict(zip(self._fields, self, strict=True))

    def _shown(self: Any) -> str:
        """Return the record as it is written in Python."""
        fields = ", ".join(f"{n}={v!r}" for n, v in self._asdict().items())
        return f"{self.__class__.__name__}({fields})"

    def _plain(self: Any) -> tuple[Any, ...]:
        """Return the values, for copies and pickles."""
        return tuple(self)

    class _Maker(type):
        """Makes a tuple with names of each class whose base is `NamedTuple`."""

        def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]):
            if not bases:
                return super().__new__(cls, name, bases, space)
            fields = tuple(space.get("__annotations__", ()))
            defaults = {field: space[field] for field in fields if field in space}
            # A function of these very arguments is the quickest, and tells misuse.
            taken = ", ".join(fields)
            source = f"lambda _cls, {taken}: _new(_cls, ({taken},))"
            new = eval(source, {"_new": tuple.__new__, "__builtins__": {}})  # noqa: S307
            new.__defaults__ = tuple(defaults.values())
            new.__name__, new.__qualname__ = "__new__", f"{name}.__new__"
            return type(
                name,
                (tuple,),
                {
                    "__slots__": (),
                    "__match_args__": fields,
                    "__new__": new,
                    "__repr__": _shown,
                    "__getnewargs__": _plain,
                    "_make": classmethod(_make),
                    "_replace": _replace,
                    "__replace__": _replace,
                    "_asdict": _asdict,
                    "_fields": fields,
                    "_field_defaults": defaults,
                    **space,
                    **{
                        field: _tuplegetter(index, f"Field {index}")
                        for index, field in enumerate(fields)
                    },
                },
            )

    class NamedTuple(metaclass=_Maker):
        """The base of a record; its class is a plain tuple with names."""
