"""JSONPath texts, and the segments or the error that each of them is."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.errors import OutputError
from naftiko.jsonpath.compiling import compile_path
from naftiko.jsonpath.cursor import PathReader
from naftiko.jsonpath.reading import is_plain, is_root, needs_length, segments_of
from naftiko.jsonpath.segments import (
    DESCEND,
    EVERY,
    FUNCTION,
    INDEX,
    LIBRARY,
    MEMBER,
    SELECT,
    SLICE,
    TEST,
    Selector,
)
from support.casefiles import cases


@pytest.mark.parametrize("case", cases("jsonpath/cases", "faults"))
def test_malformed_path_is_refused(case: dict[str, Any]) -> None:
    """The error for a malformed path has a caret under the fault."""
    with pytest.raises(OutputError) as caught:
        compile_path(case["path"])(case.get("given"))
    error = caught.value
    assert error.code == "U-output-path"
    for word in (*case["words"], f"(character {case['at']})"):
        assert word in str(error)
    *_, shown, caret = error.hint.splitlines()
    assert shown.strip() == case["path"]
    assert caret.index("^") - (len(shown) - len(shown.lstrip())) + 1 == case["at"]


@pytest.mark.parametrize("case", cases("jsonpath/cases", "faults"))
def test_malformed_path_is_not_plain(case: dict[str, Any]) -> None:
    """A question about a malformed path is answered with no, not with an error."""
    assert not is_root(case["path"])
    assert not needs_length(case["path"])
    assert not is_plain(case["path"])


def test_a_long_path_is_shown_around_its_fault() -> None:
    """Of a long path only the surroundings of the fault are shown."""
    with pytest.raises(OutputError) as caught:
        compile_path("$." + "x" * 200 + "[name]" + ".y" * 200)
    *_, shown, caret = caught.value.hint.splitlines()
    assert len(shown) < 90
    assert shown[caret.index("^")] == "n"
    assert len(caught.value.message) < 200


def test_plain_paths_need_no_library() -> None:
    """Only operators that RFC 9535 does not have need the library."""
    for path in ("$", "$.", "$.a.b", "$.a[0]", "$[*].x", "$.a.length", "$.a.sum()"):
        assert is_plain(path)
    for path in ("$..a", "$[0:1]", "$[0,1]", "$[?(@.a)]", "$['a','b']"):
        assert is_plain(path)
    for path in ("$.`len`", "$.a.`parent`", r"$[\a]", "$[/a]"):
        assert not is_plain(path)
    assert [p for p in ("$", "$.", " $. ", "$.a", "", None) if is_root(p)] == [
        "$",
        "$.",
        " $. ",
    ]
    assert [p for p in ("$.length", "$.a.length", "$.length.a", "$", None) if needs_length(p)] == ["$.length", "$.a.length"]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("", []),
        (" $. ", []),
        ("@", []),
        ("$.ship['home port']", [(MEMBER, "ship"), (MEMBER, "home port")]),
        ("crew[0].name", [(MEMBER, "crew"), (INDEX, 0), (MEMBER, "name")]),
        ("$.crew[ -1 ]", [(MEMBER, "crew"), (INDEX, -1)]),
        ("$.crew[*].name", [(MEMBER, "crew"), (EVERY, None), (MEMBER, "name")]),
        ("$.*", [(EVERY, None)]),
        ("$..name", [(DESCEND, (MEMBER, "name"))]),
        ("$..[0]", [(DESCEND, (INDEX, 0))]),
        ("$..*", [(DESCEND, (EVERY, None))]),
        ("$[1:-1:2]", [(SELECT, ((SLICE, (1, -1, 2)),))]),
        ("$[:]", [(SELECT, ((SLICE, (None, None)),))]),
        ("$[0, 1]", [(SELECT, ((INDEX, 0), (INDEX, 1)))]),
        ("$['a', \"b\"]", [(SELECT, ((MEMBER, "a"), (MEMBER, "b")))]),
        ("$[*, 0]", [(SELECT, ((EVERY, None), (INDEX, 0)))]),
        ("$.`len`", [(LIBRARY, ".`len`")]),
        ("$[/a]", [(LIBRARY, "[/a]")]),
        ("$.prices.sum()", [(MEMBER, "prices"), (FUNCTION, "sum")]),
        ("$.sum", [(MEMBER, "sum")]),
        ("@.a", [(MEMBER, "a")]),
        # A name may begin with the sign of the current value.
        ("@type", [(MEMBER, "@type")]),
        ("$.[0]", [(INDEX, 0)]),
        ("$.'a.b'", [(MEMBER, "a.b")]),
    ],
)  # fmt: skip
def test_path_is_read_into_segments(path: str, segments: list[Any]) -> None:
    """A path is its members, indexes and functions, and what the library walks."""
    assert [_shown(segment) for segment in segments_of(path)] == segments


def _shown(segment: Any) -> Any:
    if segment.kind == LIBRARY:
        return (LIBRARY, segment.text)
    if segment.kind == DESCEND:
        return (DESCEND, _shown(segment.key))
    return (segment.kind, segment.key)


def test_test_is_read_into_a_function() -> None:
    """Brackets and quotes inside a test do not end it; what follows it is read."""
    tested, member = segments_of("$[?(@['a]b'] == ']'), 1].c")
    assert (member.kind, member.key) == (MEMBER, "c")
    (test, index) = tested.key
    assert (tested.kind, test.kind, index) == (SELECT, TEST, Selector(INDEX, 1))
    assert test.key({"a]b": "]"}, None)
    assert not test.key({"a]b": "["}, None)


def test_segment_knows_where_it_begins() -> None:
    """A place is counted from the beginning of the path, blanks around it left out."""
    path = " $.a['b'] .c[*][?(@.d)]..e "
    read = segments_of(path)
    assert [segment.at for segment in read] == [2, 3, 10, 11, 14, 22]
    assert [path.strip()[segment.at] for segment in read[1:4]] == ["[", "c", "["]


@pytest.mark.parametrize(
    ("path", "single"),
    [
        ("$.a['b'][0].sum()", True),
        ("$.`len`", True),
        ("$.a[*]", False),
        ("$.*", False),
        ("$..a", False),
        ("$[0:1]", False),
        ("$[0,1]", False),
        ("$[?(@.a)]", False),
        ("$.`keys`", False),
    ],
)
def test_path_leads_to_one_value_or_to_several(path: str, single: bool) -> None:
    """Only wildcards, tests, slices, unions and descendants lead to several values."""
    assert all(segment.single for segment in segments_of(path)) is single


@pytest.mark.parametrize(
    ("quoted", "name"),
    [
        (r"'it\'s'", "it's"),
        (r'"say \"hi\""', 'say "hi"'),
        (r"'a\\b'", "a\\b"),
        (r"'\t\n'", "\t\n"),
        (r"'\u00fc'", "ü"),
        (r"'\ud83d\ude00'", "😀"),
        (r"'\/'", "/"),
        ("''", ""),
        ("'a[b].c'", "a[b].c"),
    ],
)
def test_quoted_name_has_the_escapes_of_json(quoted: str, name: str) -> None:
    """A quoted name may hold everything, written with a backslash where it must be."""
    (segment,) = segments_of(f"$[{quoted}]")
    assert (segment.kind, segment.key) == (MEMBER, name)


@pytest.mark.parametrize(
    ("path", "at"),
    [
        (r"$['\x']", 4),
        (r"$['a\"']", 5),
        (r"$['\ud83d']", 4),
        ("$['a\tb']", 5),
        ("$[01]", 3),
        ("$[-0]", 3),
        ("$[9007199254740992]", 3),
        ("$[1 2]", 5),
        ("$['a' 'b']", 7),
        ("$[0,]", 5),
        ("$[1:2:3:4]", 8),
    ],
)
def test_spelling_that_rfc_9535_forbids_is_refused(path: str, at: int) -> None:
    """An escape that JSON does not have, a number of another form, a missing comma."""
    with pytest.raises(OutputError, match=rf"\(character {at}\)"):
        segments_of(path)


def test_unknown_function_is_told_the_known_ones() -> None:
    """The hint names the function that is meant, and all that there are."""
    with pytest.raises(OutputError) as caught:
        segments_of("$.a.summ()")
    first, *_ = caught.value.hint.splitlines()
    assert first == (
        "did you mean 'sum'? At the end can stand: length(), size(), min(), max(),"
        " sum(), avg(), keys(), first(), last()"
    )
    with pytest.raises(OutputError) as caught:
        segments_of("$.a.zzz()")
    assert caught.value.hint.startswith("At the end can stand: length(), ")


def test_function_cannot_follow_two_dots() -> None:
    """A function ends the path of one value."""
    with pytest.raises(OutputError, match=r"a function cannot follow '\.\.'"):
        segments_of("$..length()")


@pytest.mark.parametrize(
    "path",
    ["$.a", "$.a.b_1._c", "$.ship.length", "$.A9.sum", "$[*].Id", "$[0][12].a[*][3]"],
)
def test_plain_path_has_the_segments_that_the_reader_gives(path: str) -> None:
    """The short way of paths of names and indexes gives what the reader gives."""

    def refuse(reader: PathReader) -> Any:
        raise AssertionError(reader.text)

    assert segments_of(path) == tuple(PathReader(path, refuse).read())
