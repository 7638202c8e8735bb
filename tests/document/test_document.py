"""Paths of a document and their places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.document import rules
from naftiko.document.document import Document, Truncation, line_column, refuse
from naftiko.document.source import read, read_text
from naftiko.errors import DocumentSyntaxError, Location


@pytest.mark.usefixtures("parser")
def test_alias_is_located_where_it_stands() -> None:
    """Anchors and aliases work, and positions stand where the alias stands."""
    read_ = read_text("a: &x {k: [1, 2]}\nb: *x\nc: {d: 1}\n")
    assert read_.data["b"] == {"k": [1, 2]}
    assert read_.locate(["b"])[1:] == (2, 4)
    assert read_.locate(["b", "k"])[1:] == (2, 4)
    assert read_.locate(["c", "d"])[1:] == (3, 8)


@pytest.mark.usefixtures("parser")
def test_values_and_keys_are_located() -> None:
    """Values, keys and nearest ancestors are located."""
    got = read_text("a:\n  - {x: 1,\n     y: [2]}\n  -  z\nü: v\n")
    assert got.locate(["a", 0, "y"])[1:] == (3, 9)
    assert got.locate(["a", 0, "y"], key=True)[1:] == (3, 6)
    assert got.locate(["a", 1])[1:] == (4, 6)
    assert got.locate(["ü"])[1:] == (5, 4)
    assert got.locate(["a", 0, "none", "deeper"])[1:] == (2, 5)
    assert got.locate([])[1:] == (1, 1)


def test_copied_document_keeps_its_places() -> None:
    """Data that is dropped from a copy still has its line."""
    original = read("a:\n- b\n- c\n", name="f.yaml")
    copy = original.copied()
    copy.data["a"].pop()
    assert original.data == {"a": ["b", "c"]}
    assert copy.locate(("a", 1)).line == 3
    assert Document({"a": 1}).copied().locate(("a",)).line == 1


@pytest.mark.parametrize("path", [(), ("a",), ("a", "b"), ("none", 3)])
def test_plain_data_has_one_place(path: tuple[str | int, ...]) -> None:
    """Data without a text is at the first character of its name."""
    got = Document({"a": {"b": 1}}, "f.yaml")
    assert got.locate(path) == got.locate(path, key=True) == Location("f.yaml", 1, 1)


@pytest.mark.parametrize(
    ("path", "key", "place"),
    [
        (("b",), True, (2, 1)),
        (("b",), False, (2, 4)),
        (("b", 1), True, (2, 8)),
        (("b", 1, "c"), True, (2, 9)),
        (("b", 7), True, (2, 4)),
        (("b", 1, "none"), True, (2, 8)),
        (("b", 0, "deep", 2), True, (2, 5)),
        (("none",), True, (1, 1)),
    ],
)
def test_key_is_located_where_there_is_one(
    path: tuple[str | int, ...], key: bool, place: tuple[int, int]
) -> None:
    """An entry of a list has no key, nor does the ancestor of what is not there."""
    got = read_text("a: 1\nb: [x, {c: 2}]\n")
    assert got.locate(path, key=key)[1:] == place


def test_path_may_be_any_sequence() -> None:
    """A list of keys names the same place as a tuple."""
    got = read_text("a: [1, 2]\n")
    assert got.locate(["a", 1]) == got.locate(("a", 1)) == Location("<text>", 1, 8)


def test_places_after_an_alias_are_right() -> None:
    """An alias is one node of the text, however many nodes it stands for."""
    got = read_text("a: &x [1, [2, 3], {k: 4}]\nb: [*x, *x, y]\nc: z\n")
    assert got.locate(("b", 1, 1, 0))[1:] == (2, 9)
    assert got.locate(("b", 2))[1:] == (2, 13)
    assert got.locate(("c",), key=True)[1:] == (3, 1)


def test_key_below_an_alias_is_located_at_the_alias() -> None:
    """The key stands at the anchor, so the alias itself is the nearest place."""
    got = read_text("a: &x {k: 1}\nb: *x\n")
    assert got.locate(("b", "k"), key=True)[1:] == (2, 4)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("a: &x {k: 1}\nb: {<<: *x, c: 2}\n", [("b", "<<")]),
        ("l: [&x {k: 1}, {<<: *x}, {<<: *x}]\n", [("l", 1, "<<"), ("l", 2, "<<")]),
        ("a: &x {k: 1}\nb: *x\n", []),
        ("b: {<<: {k: 1}}\n", []),
    ],
)
def test_merge_keys_are_found(text: str, places: list[tuple[str | int, ...]]) -> None:
    """A merge key is looked for in documents with aliases only."""
    assert list(read_text(text).merges()) == places


def test_merges_of_a_copy_are_those_of_the_text() -> None:
    """A change of the copy changes neither its places nor its merges."""
    copy = read_text("a: &x {k: 1}\nb: {<<: *x}\nc: 1\n").copied()
    del copy.data["b"], copy.data["a"]
    assert list(copy.merges()) == [("b", "<<")]
    assert copy.locate(("c",))[1:] == (3, 4)


def test_copy_is_asked_for_places_of_its_own() -> None:
    """A copy keeps name, folder and notice, and its data is another object."""
    notice = Truncation(32, 109, "")
    original = Document({"a": []}, "f.yaml", truncation=notice)
    copy = original.copied()
    copy.data["a"].append(1)
    assert original.data == {"a": []}
    assert (copy.name, copy.truncation) == ("f.yaml", notice)


def test_stored_document_is_made_again() -> None:
    """The stored parts are plain, and a document made of them has the same places."""
    from array import array

    text = "a: &x [1]\nb: *x\nc: 2\n\n# --- truncated at 1 KB (2 KB total) ---\n# s\n"
    original = read(text + "\n", name="f.yaml")
    data, marks, aliases, cut = original.stored()
    assert cut == (1, 2, "s")
    numbers = array("I")
    numbers.frombytes(marks)
    again = Document(data, "f.yaml", marks=numbers, aliases=aliases)
    for path in ((), ("a", 0), ("b", 0), ("b",)):
        assert again.locate(path) == original.locate(path)
    assert Document(None).stored() == (None, b"", [], None)


@pytest.mark.parametrize(
    ("text", "offset", "place"),
    [("", 0, (1, 1)), ("ab", 1, (1, 2)), ("a\nb", 2, (2, 1)), ("a\n\nb\n", 5, (4, 1))],
)
def test_offset_has_a_line_and_a_column(
    text: str, offset: int, place: tuple[int, int]
) -> None:
    """Both count from one, and the end of a text is a place too."""
    assert line_column(text, offset) == place


def test_refusal_carries_rule_and_place() -> None:
    """The error holds the code of its rule and the place that was given."""
    with pytest.raises(DocumentSyntaxError) as caught:
        refuse("f.yaml", 3, 4, rules.YAML_KEY, "no key", "mend it")
    error = caught.value
    assert (error.code, error.location) == ("E-yaml-key", Location("f.yaml", 3, 4))
    assert (error.message, error.hint) == ("no key", "mend it")


@given(st.permutations(range(9)))
def test_places_do_not_depend_on_what_was_asked_before(order: list[int]) -> None:
    """Members are counted as far as they are asked for."""
    text = "".join(f"k{n}:\n  - a: 1\n    b: [x, y]\n  - c\n" for n in range(9))
    document = read(text)
    for number in order:
        for path, line, column in (
            ((f"k{number}",), 4 * number + 2, 3),
            ((f"k{number}", 0, "b", 1), 4 * number + 3, 12),
            ((f"k{number}", 1), 4 * number + 4, 5),
            ((f"k{number}", 7), 4 * number + 2, 3),
        ):
            found = document.locate(path)
            assert (found.line, found.column) == (line, column)
