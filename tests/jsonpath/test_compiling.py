"""Paths and the values that they find; the cases are in `tests/jsonpath/cases/`.

`pytest tests/jsonpath/test_compiling.py -k "the root with blanks"` runs a single case;
`tests/properties/test_jsonpath.py` compares with the JSONPath library.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from naftiko.errors import OutputError
from naftiko.jsonpath.compiling import compile_path, extract
from naftiko.jsonpath.reading import is_plain, is_root, needs_length
from support.casefiles import cases


@pytest.mark.parametrize(
    "case", cases("jsonpath/cases", "plain", "lists", "filters", "functions")
)
def test_path_finds_a_value(case: dict[str, Any]) -> None:
    """A path gives what its case says, each time that it is applied."""
    path = compile_path(case["path"])
    for _ in range(2):
        found = path(case["given"])
        assert found == case["expect"]
        assert type(found) is type(case["expect"])


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
    if "given" not in case:
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
    """Members, indexes, wildcards and functions need no library."""
    for path in ("$", "$.", "$.a.b", "$.a[0]", "$[*].x", "$.a.length", "$.a.sum()"):
        assert is_plain(path)
    for path in ("$..a", "$[0:1]", "$[0,1]", "$[?(@.a)]", "$['a','b']"):
        assert not is_plain(path)
    assert [p for p in ("$", "$.", " $. ", "$.a", "", None) if is_root(p)] == [
        "$",
        "$.",
        " $. ",
    ]
    assert [p for p in ("$.length", "$.a.length", "$.length.a", "$", None) if needs_length(p)] == ["$.length", "$.a.length"]  # fmt: skip


def test_extract_gives_each_output_its_own_path() -> None:
    """Every output has its own path; names keep their order."""
    outputs = [("b", compile_path("$.x")), ("a", compile_path("$.y"))]
    assert list(extract(outputs, {"x": 1}).items()) == [("b", 1), ("a", None)]


def test_values_are_not_copied() -> None:
    """A path gives the very object that it finds, so large results cost nothing."""
    data = {"a": {"b": [object()]}}
    assert compile_path("$")(data) is data
    assert compile_path("$.a.b")(data) is data["a"]["b"]


def test_plain_paths_import_no_library() -> None:
    """`jsonpath-ng` takes long to import, and is imported when a path needs it."""
    code = (
        "import sys; from naftiko.jsonpath.compiling import compile_path as c;"
        "c('$.a[0].b')({}); c('$[*].x')([]); c('$.a.length')({}); c('$..a');"
        "assert 'jsonpath_ng' not in sys.modules; c('$..a')({});"
        "assert 'jsonpath_ng' in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_paths_are_shared_between_threads() -> None:
    """A path that the library compiles on first use may be used at once by many."""
    path = compile_path("$..shared_between_threads")
    data = {"a": [{"shared_between_threads": n} for n in range(50)]}
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(path, [data] * 100))
    assert results == [list(range(50))] * 100


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", {"user details": {"contact email": "a@x"}}),
        ("$.", {"user details": {"contact email": "a@x"}}),
        ("", None),
        (None, None),
        ("$.missing", None),
        ("$['user details']['contact email']", "a@x"),
        ("$.user details.contact email", "a@x"),
    ],
)
def test_root_empty_path_and_names_with_blanks(path: str | None, found: Any) -> None:
    """M15, M16: the root, nothing, and names with blanks in either form."""
    compiled = compile_path(path)
    assert compiled({"user details": {"contact email": "a@x"}}) == found
    assert compiled(None) is None
