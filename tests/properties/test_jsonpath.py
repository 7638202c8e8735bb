"""JSONPath: our evaluation and `jsonpath-ng` find the same values in any data.

The library gets every name in quotes. It gets wildcards only for lists and objects,
because it treats a lone value as a list of one, unlike the specification.
"""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from jsonpath_ng.ext import parse

from naftiko.errors import OutputError
from naftiko.jsonpath.compiling import compile_path
from naftiko.jsonpath.reading import is_plain

#: Names of members, by the type of their values in all data of these tests.
OBJECTS = ["data", "x y", "größe", "where"]
LISTS = ["items", "a-b", "rows"]
SCALARS = ["id", "$top", "name"]

SCALAR = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x"])


def _objects(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    optional: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(SCALARS, SCALAR)
    if depth:
        optional |= dict.fromkeys(OBJECTS, _objects(depth - 1))
        optional |= dict.fromkeys(LISTS, st.lists(_objects(depth - 1), max_size=3))
    return st.fixed_dictionaries({}, optional=optional)


DATA = _objects(2)
OWN = ["[*]", "[0]", "[1]", "[-1]", ".[*]"]
LIBRARY = ["[0:2]", "[1:]", "[:1]", "[0,1]", "[?(@.id == 1)]"]


def _written(name: str) -> st.SearchStrategy[str]:
    quoted = name.replace("'", "\\'")
    return st.sampled_from([f".{name}", f"['{quoted}']", f'["{name}"]', f".'{quoted}'"])


@st.composite
def _steps(draw: st.DrawFn, *, library: bool = False) -> tuple[str, str]:
    """Return a path as we write it and as the library reads it."""
    ours, theirs, at = "$", "$", "object"
    if library:
        name, step = draw(st.sampled_from(LISTS)), draw(st.sampled_from(LIBRARY))
        ours += draw(_written(name)) + step
        theirs += f"['{name}']{step}"
    for _ in range(draw(st.integers(0 if library else 1, 4))):
        if at == "object":
            kinds = {"object": OBJECTS, "list": LISTS, "scalar": SCALARS}
            at = draw(st.sampled_from(sorted(kinds)))
            name = draw(st.sampled_from(kinds[at]))
            ours += draw(_written(name))
            theirs += f"['{name}']"
        elif at == "list":
            step = draw(st.sampled_from(OWN + LIBRARY * library))
            ours += step
            theirs += step.removeprefix(".")
            at = "object"
        else:
            break
    return ours, theirs


#: Values of any shape, for paths that find nothing.
ANY = st.recursive(
    SCALAR,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c_1"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def _found(theirs: str, data: Any) -> list[Any]:
    return [match.value for match in parse(theirs).find(data)]


@given(paths=_steps(), data=DATA)
def test_plain_path_finds_what_the_library_finds(
    paths: tuple[str, str], data: dict[str, Any]
) -> None:
    """A path of members, indexes and wildcards finds what `jsonpath-ng` finds."""
    ours, theirs = paths
    assert is_plain(ours)
    found = _found(theirs, data)
    if "*" not in ours:
        assert compile_path(ours)(data) == (found[0] if found else None)
    else:
        assert compile_path(ours)(data) == found


@given(
    steps=st.lists(st.sampled_from([".a", "['b']", ".c_1", "[0]", "[1]"]), max_size=4),
    data=ANY,
)
def test_definite_path_finds_one_value_or_none(steps: list[str], data: Any) -> None:
    """A path of members and indexes gives one value, or `None` for no match."""
    path = "$" + "".join(steps)
    found: Any = data
    for step in steps:
        key = int(step[1]) if step[1].isdigit() else step.strip("[].'")
        # `jsonpath-ng` indexes into texts, so the expected value is computed here.
        kind = list if isinstance(key, int) else dict
        fits = isinstance(found, kind) and (
            key < len(found) if kind is list else key in found
        )
        found = found[key] if fits else None
    assert compile_path(path)(data) == found
    assert isinstance(compile_path(f"{path}[*]")(data), list)


@given(paths=_steps(library=True), data=DATA)
def test_path_with_slices_unions_and_filters_finds_what_the_library_finds(
    paths: tuple[str, str], data: dict[str, Any]
) -> None:
    """A path that mixes slices, unions and filters with plain steps finds the same."""
    ours, theirs = paths
    try:
        found: Any = _found(theirs, data)
    except Exception:  # noqa: BLE001 - any error of Python's
        # `jsonpath-ng` fails when a filter compares values of different types.
        assume(False)
    assert compile_path(ours)(data) == found


@given(name=st.sampled_from([*OBJECTS, *LISTS, *SCALARS]), data=DATA)
def test_descendants_come_in_the_order_of_the_library(
    name: str, data: dict[str, Any]
) -> None:
    """`$..name` finds descendants in the order of `jsonpath-ng`."""
    assert compile_path(f"$..['{name}']")(data) == _found(f"$..['{name}']", data)


@given(data=DATA | st.lists(DATA, max_size=3) | SCALAR)
def test_root_is_the_value_itself(data: Any) -> None:
    """The paths `$` and `$.`, with or without blanks, return the whole value."""
    for path in ("$", "$.", " $", "$. "):
        assert compile_path(path)(data) is data


@given(
    data=st.recursive(SCALAR, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("ab"), inner)),
    names=st.lists(st.sampled_from("ab"), max_size=3),
)  # fmt: skip
def test_length_counts_the_items_of_a_list(data: Any, names: list[str]) -> None:
    """`.length` of a list is its number of items; of any other value it is `None`."""
    before = compile_path(".".join(["$", *names]))(data)
    found = compile_path(".".join(["$", *names, "length"]))(data)
    assert found == (len(before) if isinstance(before, list) else None)


@given(
    name=st.text(st.characters(exclude_characters=".[]()*`'\"", exclude_categories=["C", "Z"]), min_size=1, max_size=8),
    blank=st.sampled_from(["", " ", "  "]),
    value=SCALAR,
)  # fmt: skip
def test_name_in_dot_form_may_hold_blanks(name: str, blank: str, value: Any) -> None:
    """A name behind a dot may hold inner blanks; blanks around the name are ignored."""
    inner = f"{name}{blank}{name}"
    data = {inner: {name: value}}
    assert compile_path(f"$.{inner}.{name}")(data) == value
    assert compile_path(f" $ .{blank}{inner}{blank}.{name} ")(data) == value
    assert compile_path(f"$['{inner}']['{name}']".replace("\\", "\\\\"))(data) == value


@given(name=st.text(max_size=12), value=SCALAR)
def test_name_in_quotes_may_hold_any_character(name: str, value: Any) -> None:
    """A quoted name may hold any character, plain or with the escapes of JSON."""
    import json

    assume(not any("\ud800" <= char <= "\udfff" for char in name))
    assert compile_path(f"$[{json.dumps(name)}]")({name: value}) == value
    plain = json.dumps(name, ensure_ascii=False)
    assert compile_path(f"$[{plain}]")({name: value}) == value


@given(path=st.text(max_size=20), data=DATA)
def test_any_text_is_a_path_or_refused(path: str, data: dict[str, Any]) -> None:
    """Any text used as a path gives a value or an `OutputError`, the same each time."""
    results = []
    for text in (path, f"$.{path}", f"$[{path}]"):
        for _ in range(2):
            try:
                results.append((text, compile_path(text)(data)))
            except OutputError as error:
                assert error.code == "U-output-path"
                results.append((text, str(error)))
    assert results[::2] == results[1::2]


@given(
    path=st.lists(
        st.sampled_from(["$", ".", "..", "[", "]", "*", "a", "'", "0", ":", ",", "?", "(", ")", "@", "==", " ", "`", "length", "sum()"]),
        max_size=10,
    ),
    data=DATA,
)  # fmt: skip
def test_signs_in_any_order_are_a_path_or_refused(
    path: list[str], data: dict[str, Any]
) -> None:
    """A path of JSONPath signs in any order gives a value or an error that points."""
    text = "".join(path)
    try:
        compile_path(text)(data)
    except OutputError as error:
        assert error.hint.splitlines()[-1].strip() == "^"
