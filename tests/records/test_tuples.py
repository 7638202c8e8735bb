"""Records behave as those of `typing.NamedTuple`."""

from __future__ import annotations

import copy
import pickle
import typing
from typing import Any

import pytest

from naftiko.records.tuples import NamedTuple


class Place(NamedTuple):
    """A place.

    Attributes:
        line: The line.
    """

    line: int
    column: int = 1
    names: tuple[str, ...] = ()

    @property
    def is_first(self) -> bool:
        return self.line == 1


class Usual(typing.NamedTuple):
    """A place."""

    line: int
    column: int = 1
    names: tuple[str, ...] = ()


class Hidden(NamedTuple):
    """A record with words of its own."""

    value: str

    def __repr__(self) -> str:
        return "Hidden"


def test_record_is_a_tuple_with_names() -> None:
    """It is made, compared, unpacked and shown as the usual one."""
    place, usual = Place(3, names=("a",)), Usual(3, names=("a",))
    assert place == (3, 1, ("a",)) == usual
    assert hash(place) == hash(usual)
    assert (place.line, place.column, place.names) == tuple(place)
    assert repr(place) == repr(usual).replace("Usual", "Place")
    assert place._asdict() == usual._asdict()
    assert Place._fields == Usual._fields == Place.__match_args__
    assert Place._field_defaults == Usual._field_defaults
    assert Place._make([1, 2, ()]) == (1, 2, ())
    assert place._replace(line=1).is_first
    assert type(place._replace(line=1)) is Place
    assert repr(Hidden("secret")) == "Hidden"
    assert typing.get_type_hints(Place) == typing.get_type_hints(Usual)
    match place:
        case Place(line, column=1):
            assert line == 3


def test_record_is_copied_and_pickled() -> None:
    """Its class stays its own."""
    place = Place(3)
    for other in (
        copy.copy(place),
        copy.deepcopy(place),
        pickle.loads(pickle.dumps(place)),
    ):
        assert other == place
        assert type(other) is Place


@pytest.mark.parametrize("kind", [Place, Usual])
def test_misuse_is_refused(kind: Any) -> None:
    """Missing, surplus and unknown values, and attributes that are set."""
    place = kind(1)
    for misuse in (
        lambda: kind(),
        lambda: kind(1, 2, (), 4),
        lambda: kind(1, row=2),
        lambda: kind._make([1]),
        lambda: place._replace(row=2),
        lambda: setattr(place, "line", 2),
        lambda: setattr(place, "row", 2),
    ):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            misuse()
