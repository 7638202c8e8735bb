"""A misspelt name and the known ones → those that it is most like, for hints.

    nearest("list-boks", ["list-books", "get-book"])   →  ["list-books"]

A comparison takes some ten microseconds, so their number is limited: a document with
thousands of mistakes among thousands of names gets hints for the first of them only.
This module must not know what the names are of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Comparisons for one document, or for one question outside of documents.
MOST_COMPARISONS = 10_000
#: Longer names are compared with nothing: the time grows with the square of a length.
_LONGEST = 128
#: The comparisons that are left for the document under way: one number in a list.
_left: ContextVar[list[int] | None] = ContextVar("comparisons", default=None)


@contextmanager
def limited_comparisons() -> Iterator[None]:
    """Share `MOST_COMPARISONS` among all questions that are asked inside."""
    token = _left.set([MOST_COMPARISONS])
    try:
        yield
    finally:
        _left.reset(token)


def nearest(
    name: str, known: Iterable[str], count: int = 3, *, cutoff: float = 0.6
) -> list[str]:
    """Return the known names most like `name`, best first.

    Args:
        name: The name.
        known: The names that it is compared with; case does not count.
        count: How many names are returned at most.
        cutoff: How much of two names must be alike, from 0 to 1.
    """
    # Before the names are looked at: there may be thousands, thousands of times.
    left = _left.get() or [MOST_COMPARISONS]
    names = known if isinstance(known, Collection) else list(known)
    left[0] -= len(names)
    size = len(name)
    if left[0] < 0 or size > _LONGEST:
        return []
    # Imported here: only a mistake needs it, and it costs 3 ms.
    from difflib import get_close_matches

    # Texts whose lengths differ by more than that cannot be alike enough.
    most = _LONGEST if cutoff <= 0 else size * (2 / cutoff - 1)
    least = size * cutoff / (2 - cutoff)
    folded = {text.lower(): text for text in names if least <= len(text) <= most}
    near = get_close_matches(name.lower(), folded, n=count, cutoff=cutoff)
    return [folded[text] for text in near]


def is_misspelt(name: str, meant: str) -> bool:
    """Tell whether a name is surely another one with a mistake in it.

    `ordr` is `order`. The plural `orders` is a name of its own, and so is `ord`.
    """
    short, long = sorted((name.lower(), meant.lower()), key=len)
    return long not in (f"{short}s", f"{short}es") and bool(
        nearest(name, (meant,), cutoff=0.8)
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for the nearest known name, or an empty text."""
    near = nearest(name, known, 1)
    return f"did you mean '{near[0]}'?" if near else ""
