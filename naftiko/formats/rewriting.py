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
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.formats.json import is_written_otherwise

if TYPE_CHECKING:
    from collections.abc import Callable

    #: An object that was read → the one that is written in its place.
    Rewritten = Callable[[Any], Any]
    #: The bytes of a body → those of its value, or `None`.
    Rewriter = Callable[[bytes], bytes | None]

#: Names that look alike in every text of JSON.
_PLAIN_NAME = re.compile(r"[ !#-\[\]-~]+")
#: Python reads no integer of more digits.
_MOST_DIGITS = 4300
_long_number = re.compile(rb"[0-9]{%d}" % _MOST_DIGITS).search


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
        from msgspec.json import Decoder, Encoder
    except ImportError:
        return None
    kind, rewritten = _compiled(members)
    read: Rewritten = Decoder(kind).decode
    write = Encoder().encode

    def rewrite(body: bytes) -> bytes | None:
        # What is passed over is not looked at as closely as what is read.
        if len(body) > _MOST_DIGITS and _long_number(body):
            return None
        try:
            if not body.isascii():
                body.decode()
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


def _compiled(members: tuple[Member, ...]) -> tuple[type, Rewritten]:
    """Return the type of an object that is read, and what makes another one of it."""
    from msgspec import defstruct

    keys: dict[str, str] = {}
    fields: list[Any] = []
    getters: list[Rewritten] = []
    for _, key, items in members:
        is_new = key not in keys
        field = keys.setdefault(key, f"of_{len(keys)}")
        getter: Rewritten = attrgetter(field)
        kind: Any = Any
        if items:
            inner, all_of = _compiled_list(items)
            kind = list[inner] | None  # type: ignore[valid-type]
            getter = _through(getter, all_of)
        getters.append(getter)
        if is_new:
            fields.append((field, kind, None))
    renamed = {field: key for key, field in keys.items()}
    read: Any = defstruct("Read", fields, rename=renamed, gc=False)
    write = _written(members)
    if len(getters) == 1:
        (only,) = getters
        return read, lambda found: write(only(found))
    return read, lambda found: write(*[getter(found) for getter in getters])


def _written(members: tuple[Member, ...]) -> Callable[..., Any]:
    """Return the type of an object that is written."""
    from msgspec import defstruct

    names = {f"as_{number}": member.name for number, member in enumerate(members)}
    return defstruct("Written", list(names), rename=names, gc=False)


def _compiled_list(members: tuple[Member, ...]) -> tuple[type, Rewritten]:
    """Return the same for the objects of a list, all at once."""
    kind, rewritten = _compiled(members)
    if any(member.items for member in members) or len(
        {member.key for member in members}
    ) < len(members):
        return kind, lambda found: [rewritten(each) for each in found]
    # In C alone: this is the loop over all items of a response.
    write = _written(members)
    getters = [attrgetter(f"of_{number}") for number in range(len(members))]
    return kind, lambda found: list(
        map(write, *[map(getter, found) for getter in getters])
    )


def _through(getter: Rewritten, all_of: Rewritten) -> Rewritten:
    def get(found: Any) -> Any:
        elements = getter(found)
        return None if elements is None else all_of(elements)

    return get
