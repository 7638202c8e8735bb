"""Exceptions, problems and the words that messages are made of."""

from __future__ import annotations

import pickle
import re

import pytest

import naftiko
from naftiko import errors
from naftiko.errors import (
    Location,
    Problem,
    did_you_mean,
    names_of,
    nearest,
    shorten,
    with_stop,
)


def _tree() -> dict[str, str]:
    """Return class → parent, as the docstring of the module draws them."""
    parents: list[str] = []
    parent_of = {}
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.fullmatch(r"    ((?:[│ ]   )*(?:[├└]── )?)(\w+)", line)
        if drawn:
            depth = len(drawn[1]) // 4
            parents[depth:] = [drawn[2]]
            parent_of[drawn[2]] = parents[depth - 1] if depth else "Exception"
    return parent_of


def test_the_tree_is_the_classes() -> None:
    """The drawing names every public exception, below its parent."""
    classes = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type)
        and issubclass(value, Exception)
        and not name.startswith("_")
    }
    tree = _tree()
    assert set(tree) == set(classes)
    for name, parent in tree.items():
        bases = [
            base
            for base in classes[name].__mro__[1:]
            if base is Exception or base.__name__ in classes
        ]
        assert bases[0].__name__ == parent


def test_a_message_says_where_what_and_how() -> None:
    """Place, message, code and hint stand in that order; each is an attribute too."""
    where = Location("api.yaml", 3, 7)
    error = naftiko.CallError("it is wrong", hint="do so", location=where, code="U-x")
    assert str(error) == "api.yaml:3:7: it is wrong [U-x]\n  hint: do so"
    assert (error.message, error.hint, error.code) == ("it is wrong", "do so", "U-x")
    assert str(naftiko.CallError("alone")) == "alone"


@pytest.mark.parametrize(
    ("kind", "code", "others"),
    [
        ("DocumentError", 3, ()),
        ("DocumentSyntaxError", 3, ()),
        ("CallError", 1, ()),
        ("UnknownOperation", 1, (LookupError,)),
        ("ArgumentError", 1, (ValueError,)),
        ("UnboundVariable", 1, ()),
        ("UnusableOperation", 1, ()),
        ("TransportError", 1, ()),
        ("RequestTimeout", 1, ()),
        ("StatusError", 1, ()),
        ("OutputError", 1, ()),
    ],
)
def test_exit_codes_and_standard_exceptions(
    kind: str, code: int, others: tuple[type[Exception], ...]
) -> None:
    """Every error has an exit code; some are errors of the standard library too."""
    error = getattr(naftiko, kind)("x")
    assert error.exit_code == code
    assert all(isinstance(error, other) for other in others)


def test_problem_prints_as_editors_read_it() -> None:
    """A problem prints as editors read it, and as plain data."""
    problem = Problem("W-x", "warning", "it is odd", "do so", "/a/0", 3, 7, "api.yaml")
    assert str(problem) == "api.yaml:3:7: warning: it is odd. [W-x]\n  hint: do so"
    assert problem.as_dict() == {
        "code": "W-x",
        "severity": "warning",
        "message": "it is odd",
        "hint": "do so",
        "path": "/a/0",
        "line": 3,
        "column": 7,
        "file": "api.yaml",
    }
    assert problem.location == Location("api.yaml", 3, 7)
    # `validate --jobs` sends them from one process to another.
    assert pickle.loads(pickle.dumps(problem)) == problem


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a  b\n\tc", "a b c"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ({"a": 1}, "{'a': 1}"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("größe 😀", "größe 😀"),
        ("", ""),
    ],
)
def test_shortened_value_is_one_harmless_line(value: object, shown: str) -> None:
    """A value in a message is one line of at most 80 characters, and harmless."""
    assert shorten(value) == shown


def test_nearest_name_is_suggested() -> None:
    """The nearest name is suggested, whatever the case; nothing is if none is near."""
    known = ["containerList", "imagelist", "x"]
    assert nearest("containerlst", known) == ["containerList"]
    assert did_you_mean("IMAGELIST", known) == "did you mean 'imagelist'?"
    assert did_you_mean("zzz", known) == ""


def test_long_list_of_names_stays_readable() -> None:
    """Hundreds of names stay readable."""
    assert names_of([]) == "nothing"
    assert names_of(["a", "b"]) == "a, b"
    assert names_of(map(str, range(32))).endswith("28, 29 and 2 more")
    assert with_stop("a") == "a."
    assert with_stop("a?") == "a?"
