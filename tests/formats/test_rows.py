"""CSV, TSV and PSV: the writer of the standard library against our reader."""

from __future__ import annotations

import csv
import io

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
