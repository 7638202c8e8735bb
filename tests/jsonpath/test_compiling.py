"""Paths and the values that they find; the cases are in `tests/jsonpath/cases/`.

`pytest tests/jsonpath -k "the root with blanks"` runs a single case;
`tests/properties/test_jsonpath.py` compares with the JSONPath library.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from naftiko.jsonpath.compiling import compile_path, extract
from support.casefiles import cases
from support.finding import check_path


@pytest.mark.parametrize("case", cases("jsonpath/cases", "plain", "lists", "rfc9535"))
def test_path_finds_a_value(case: dict[str, Any]) -> None:
    """A path gives what its case says, each time that it is applied."""
    check_path(case)


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
    """`jsonpath-ng` takes long to import, and is imported for its own operators."""
    code = (
        "import sys; from naftiko.jsonpath.compiling import compile_path as c;"
        "c('$.a[0].b')({}); c('$[*].x')([]); c('$.a.length')({}); c('$..a')({});"
        "assert 'naftiko.jsonpath.filters' not in sys.modules;"
        "c('$[?@.a in [1]]')([{'a': 1}]);"
        "assert 'jsonpath_ng' not in sys.modules; c('$.a.`len`');"
        "assert 'jsonpath_ng' in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_paths_are_shared_between_threads() -> None:
    """A path may be used at once by many."""
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
