"""CSV, TSV and PSV: the writer of the standard library against our reader."""

from __future__ import annotations

import csv
import io
import random

from hypothesis import given
from hypothesis import strategies as st

from naftiko.formats import decoding

CELLS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\x00")
)


@given(
    st.lists(CELLS.filter(bool), min_size=1, unique=True).flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names))),
        )
    ),
    st.sampled_from([("csv", ","), ("tsv", "\t"), ("psv", "|")]),
)
def test_rows_round_trip(
    table: tuple[list[str], list[list[str]]], kind: tuple[str, str]
) -> None:
    """Rows that `csv` writes are read back under the names of the first row."""
    names, rows = table
    format, delimiter = kind
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([names, *rows])
    expected = [dict(zip(names, row, strict=True)) for row in rows]
    assert decoding.decode(format, target.getvalue().encode()) == expected


def test_cell_may_have_any_size() -> None:
    """Python's module has a limit of 131,072 characters to a cell; RFC 4180 has none."""
    limit = csv.field_size_limit()
    body = f'id,note\n1,"{"x" * 200_000}"\n2,y\n'.encode()
    first, second = decoding.decode("csv", body)
    assert (len(first["note"]), second) == (200_000, {"id": "2", "note": "y"})
    assert csv.field_size_limit() == limit


def test_delimiter_is_told_from_the_beginning_of_a_body() -> None:
    """A large body is not read once for each delimiter, and its sample may end anywhere."""
    rows = [f"{n};a{'b' * random.Random(n).randrange(40)},c" for n in range(8000)]
    body = "\n".join(["id;name", *rows]).encode()
    read = decoding.decode("csv", body)
    assert (len(read), set(read[-1])) == (8000, {"id", "name"})
