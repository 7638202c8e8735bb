"""Collections with a standard tag of YAML -> events of plain mappings.

    !!omap [a: 1, b: 2]   →  {a: 1, b: 2}
    !!pairs [a: 1, a: 2]  →  [{a: 1}, {a: 2}]: a key may come twice, so it is a list
    !!set {a, b}          →  {a: null, b: null}

The tags are those of https://yaml.org/type/. An ordered mapping is written as a list of
mappings with one key each; mappings keep their order here, so it is one of them. This
module must not know what is built from the events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.document.scalars import CORE_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

    #: Refuses the tag of an event, and says why.
    _Refuse = Callable[[Any, str], NoReturn]

_OMAP, _PAIRS = f"{CORE_TAG}omap", f"{CORE_TAG}pairs"
_MAPPING_TAGS = frozenset((f"{CORE_TAG}map", f"{CORE_TAG}set", _OMAP, _PAIRS))
_SEQUENCE_TAGS = frozenset((f"{CORE_TAG}seq", f"{CORE_TAG}set"))
#: Levels of tagged lists inside each other; no document has that many.
_DEEPEST = 100


def kind_tags(event: Any) -> frozenset[str]:
    """Return the tags that the start of a mapping or of a list may carry."""
    from ruamel.yaml.events import MappingStartEvent

    is_mapping = isinstance(event, MappingStartEvent)
    return _MAPPING_TAGS if is_mapping else _SEQUENCE_TAGS


def has_ordered(text: str) -> bool:
    """Tell whether a text may hold a list that stands for a mapping."""
    return "omap" in text or "pairs" in text


def with_plain_mappings(events: Iterator[Any], refuse: _Refuse) -> Iterator[Any]:
    """Yield events, each list tagged `!!omap` or `!!pairs` as a mapping.

    Args:
        events: The events of a YAML parser.
        refuse: Called for a tag whose list is no list of mappings with one key.

    Raises:
        RecursionError: Tagged lists are nested deeper than 100 levels.
    """
    for event in events:
        if _is_ordered(event):
            yield from _mapping(event, events, refuse, 1)
        else:
            yield event


def _is_ordered(event: Any) -> bool:
    """Tell whether a list begins that stands for a mapping."""
    from ruamel.yaml.events import SequenceStartEvent

    is_list = event.__class__ is SequenceStartEvent
    return is_list and str(event.tag) in (_OMAP, _PAIRS)


def _mapping(
    start: Any, events: Iterator[Any], refuse: _Refuse, depth: int
) -> Iterator[Any]:
    """Yield the events of one tagged list, which has begun."""
    from ruamel.yaml import events as kinds

    if depth > _DEEPEST:
        raise RecursionError
    entries: list[list[Any]] = []
    end = start
    for end in events:
        if end.__class__ is kinds.SequenceEndEvent:
            break
        if end.__class__ is not kinds.MappingStartEvent:
            refuse(start, "holds an entry that is no mapping")
        if end.tag is not None and str(end.tag) not in _MAPPING_TAGS:
            refuse(end, "")
        if end.anchor:
            refuse(start, f"holds an entry with the anchor '&{end.anchor}'")
        entry = [end, *_rest_of_entry(events, refuse, depth)]
        if _nodes(entry) != 2:
            refuse(start, "holds an entry that has not exactly one key")
        entries.append(entry)
    marks = start.start_mark, start.end_mark
    ends = end.start_mark, end.end_mark
    keys = [str(getattr(entry[1], "value", "")) for entry in entries]
    if str(start.tag) == _PAIRS and len(set(keys)) < len(keys):
        yield kinds.SequenceStartEvent(start.anchor, None, True, *marks)
        for entry in entries:
            yield from entry
        yield kinds.SequenceEndEvent(*ends)
        return
    yield kinds.MappingStartEvent(start.anchor, None, True, *marks)
    for entry in entries:
        yield from entry[1:-1]
    yield kinds.MappingEndEvent(*ends)


def _rest_of_entry(events: Iterator[Any], refuse: _Refuse, depth: int) -> Iterator[Any]:
    """Yield the events of a mapping that has begun, up to its end."""
    from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

    level = 1
    for event in events:
        if _is_ordered(event):
            yield from _mapping(event, events, refuse, depth + 1)
            continue
        level += isinstance(event, CollectionStartEvent)
        level -= isinstance(event, CollectionEndEvent)
        yield event
        if not level:
            return


def _nodes(entry: list[Any]) -> int:
    """Return how many nodes the mapping of some events has: keys and values."""
    from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

    level = count = 0
    for event in entry[1:-1]:
        if isinstance(event, CollectionEndEvent):
            level -= 1
            continue
        count += not level
        level += isinstance(event, CollectionStartEvent)
    return count
