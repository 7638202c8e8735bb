"""JSON → JSON of another shape, without the values in between.

    (Member("label", "name"), Member("values", "items", (Member("key", "k"),)))
    b'{"name": "n", "items": [{"k": 1, "on": true}]}'
        →  b'{"label":"n","values":[{"key":1}]}'

The members that are wanted are read into objects with these fields only, and the others
are passed over, which takes a third of the time of reading and writing all of them. A
body that is not of that kind is left to whoever reads it whole.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from naftiko.formats.json import check_passed_over, is_written_otherwise
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    #: An object that was read → the one that is written in its place.
    Rewritten = Callable[[Any], Any]
    #: The bytes of a body → those of its value, or `None`.
    Rewriter = Callable[[bytes], bytes | None]

#: Names that look alike in every text of JSON.
_PLAIN_NAME = re.compile(r"[ !#-\[\]-~]+")

#: The types of values that every library writes alike.
_EXACT = str | int | bool | None


class Member(NamedTuple):
    """A member of an object.

    Attributes:
        name: Its name in what is written.
        key: Its name in what is read.
        items: The members of the objects in the list that it is; empty for a value that
            is written as it is.
    """

    name: str
    key: str
    items: tuple[Member, ...] = ()


def rewriter_of(members: tuple[Member, ...]) -> Rewriter | None:
    """Return what writes the wanted members of a JSON object.

    It returns `None` for a body whose value has to be read as a whole: it is no object,
    or one without the lists that were promised, no strict JSON in UTF-8, or has numbers
    that are written in another way.

    Args:
        members: The members that are wanted.

    Returns:
        The function, or `None` where no member is wanted, a name is not plain, or a
        library is missing.
    """
    if not members or not _are_plain(members):
        return None
    try:
        from msgspec import ValidationError
        from msgspec.json import Decoder, Encoder
    except ImportError:
        return None
    # Numbers that are written in another way are floats, and most bodies have none of
    # them: those need not be looked for in what is written.
    exact, rewritten = _compiled(members, _EXACT)
    any_of, _ = _compiled(members, Any)
    read_exactly: Rewritten = Decoder(exact).decode
    read: Rewritten = Decoder(any_of).decode
    write = Encoder().encode

    def rewrite(body: bytes) -> bytes | None:
        try:
            check_passed_over(body)
            try:
                return write(rewritten(read_exactly(body)))
            except ValidationError:
                text = write(rewritten(read(body)))
        except Exception:  # noqa: BLE001 - whoever reads all of it tells what is wrong
            return None
        return None if is_written_otherwise(text) else text

    return rewrite


def _are_plain(members: tuple[Member, ...]) -> bool:
    """Tell whether names need no escapes, and each key is of one kind."""
    kinds: dict[str, tuple[Member, ...]] = {}
    for name, key, items in members:
        if not (_PLAIN_NAME.fullmatch(name) and _PLAIN_NAME.fullmatch(key)):
            return False
        if kinds.setdefault(key, items) != items or not _are_plain(items):
            return False
    return len({member.name for member in members}) == len(members)


def _compiled(members: tuple[Member, ...], leaf: Any) -> tuple[Any, Rewritten]:
    """Return the type of an object that is read, and what makes another one of it.

    Args:
        members: The members that are wanted.
        leaf: The type of those that are written as they are.
    """
    from msgspec import defstruct

    kinds, lists = {}, {}
    for _, key, items in members:
        kinds[key] = leaf
        if items:
            kind, all_of = _compiled_list(items, leaf)
            kinds[key], lists[key] = list[kind] | None, all_of  # type: ignore[valid-type]
    keys = {key: f"of_{number}" for number, key in enumerate(kinds)}
    fields = [(keys[key], kind, None) for key, kind in kinds.items()]
    renamed = {field: key for key, field in keys.items()}
    read: Any = defstruct("Read", fields, rename=renamed, gc=False)
    write = _written(members)
    getters = [(attrgetter(keys[m.key]), lists.get(m.key)) for m in members]

    def rewritten(found: Any) -> Any:
        values = []
        for get, all_of in getters:
            value = get(found)
            is_list = all_of is not None and value is not None
            values.append(all_of(value) if is_list else value)  # type: ignore[misc]
        return write(*values)

    return read, rewritten


def _written(members: tuple[Member, ...]) -> Callable[..., Any]:
    """Return the type of an object that is written."""
    from msgspec import defstruct

    names = {f"as_{number}": member.name for number, member in enumerate(members)}
    return defstruct("Written", list(names), rename=names, gc=False)


def _compiled_list(members: tuple[Member, ...], leaf: Any) -> tuple[Any, Rewritten]:
    """Return the same for the objects of a list, all at once."""
    kind, rewritten = _compiled(members, leaf)
    count = len(members)
    is_flat = not any(member.items for member in members)
    if not is_flat or len({member.key for member in members}) < count:
        return kind, lambda found: [rewritten(each) for each in found]
    write = _written(members)
    # The loop over all items of a response, written out: a call of another function for
    # each takes longer than all that is done in it.
    if count == 1:
        return kind, lambda found: [write(o.of_0) for o in found]
    if count == 2:
        return kind, lambda found: [write(o.of_0, o.of_1) for o in found]
    if count == 3:
        return kind, lambda found: [write(o.of_0, o.of_1, o.of_2) for o in found]
    getters = [attrgetter(f"of_{number}") for number in range(count)]
    return kind, lambda found: list(
        map(write, *[map(getter, found) for getter in getters])
    )
