"""Exceptions, problems, and helpers that build their messages."""

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
from naftiko.hints import SERVER, SHELL, Hint, worded


def _tree() -> dict[str, str]:
    """Return class → parent, as drawn in the docstring of `naftiko.errors`."""
    parents: list[str] = []
    parent_of = {}
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.fullmatch(r"    ((?:[│ ]   )*(?:[├└]── )?)(\w+)", line)
        if drawn:
            depth = len(drawn[1]) // 4
            parents[depth:] = [drawn[2]]
            parent_of[drawn[2]] = parents[depth - 1] if depth else "Exception"
    return parent_of


def test_tree_of_exceptions_is_complete() -> None:
    """The docstring of `naftiko.errors` draws every exception below its parent."""
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


def test_error_shows_location_message_code_and_hint() -> None:
    """`str` of an error has location, message, code and hint; each is an attribute."""
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
        ("ReportedError", 1, ()),
        ("OutputError", 1, ()),
    ],
)
def test_error_has_an_exit_code_and_standard_base_classes(
    kind: str, code: int, others: tuple[type[Exception], ...]
) -> None:
    """Some errors are also errors of the standard library, such as `LookupError`."""
    error = getattr(naftiko, kind)("x")
    assert error.exit_code == code
    assert all(isinstance(error, other) for other in others)


def test_problem_is_printed_as_file_line_column() -> None:
    """Editors parse `FILE:LINE:COLUMN`; `as_dict` gives plain data."""
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
    # `validate --jobs` sends problems from one process to another.
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
        ("a \ud800", "a \N{REPLACEMENT CHARACTER}"),
        ("", ""),
    ],
)
def test_shortened_value_is_one_line_without_control_characters(
    value: object, shown: str
) -> None:
    """Terminal escapes: a value in a message is one line of at most 80 characters."""
    assert shorten(value) == shown


def test_nearest_name_is_suggested() -> None:
    """A similar name is suggested in any case; no name is if none is similar."""
    known = ["containerList", "imagelist", "x"]
    assert nearest("containerlst", known) == ["containerList"]
    assert did_you_mean("IMAGELIST", known) == "did you mean 'imagelist'?"
    assert did_you_mean("zzz", known) == ""


def test_long_list_of_names_is_shortened() -> None:
    """A list of more than 30 names ends with the number of the others."""
    assert names_of([]) == "nothing"
    assert names_of(["a", "b"]) == "a, b"
    assert names_of(map(str, range(32))).endswith("28, 29 and 2 more")
    assert with_stop("a") == "a."
    assert with_stop("a?") == "a?"


# --- hints in the words of their readers ---------------------------------------------


def test_hint_has_words_for_each_reader() -> None:
    """It is the text for Python; a shell has options, and a server may have others."""
    hint = Hint("give base_uri=", "give --base-uri")
    assert hint == "give base_uri="
    assert [worded(hint, reader) for reader in (SHELL, SERVER)] == [
        "give --base-uri"
    ] * 2
    assert worded(hint.after("mend it, or "), SHELL) == "mend it, or give --base-uri"
    assert worded(Hint("a", "b", "c"), SERVER) == "c"
    assert worded("plain", SHELL) == "plain"


def test_hint_keeps_its_words_between_processes() -> None:
    """Files are checked in several processes, which send their findings."""
    copied = pickle.loads(pickle.dumps(Hint("a", "b", "c")))
    assert (copied, worded(copied, SHELL), worded(copied, SERVER)) == ("a", "b", "c")


def test_error_and_problem_are_told_in_the_words_of_a_reader() -> None:
    """The message is the same, and the hint is not."""
    hint = Hint("give x=", "give --x")
    error = naftiko.CallError("it failed", hint=hint)
    assert str(error) == "it failed\n  hint: give x="
    assert error.text_for(SHELL) == "it failed\n  hint: give --x"
    assert naftiko.CallError("it failed").text_for(SHELL) == "it failed"
    assert Problem("C", "error", "m", hint).for_reader(SHELL).hint == "give --x"


@pytest.mark.parametrize(
    "text",
    [
        "baseUri: ''",
        "baseUri: ftp://h.test",
        "baseUri: https://api.example.com",
        "baseUri: https://{region}.h.test",
        "baseUri: https://h.test\n    authentication: {type: hmac}",
    ],
)
def test_shell_is_told_no_keyword_and_python_no_option(text: str) -> None:
    """Each finding that an option settles names it as its reader writes it."""
    head = "naftiko: 1.0.0-alpha2\ncapability:\n  consumes:\n  - namespace: a\n    "
    (problem,) = naftiko.validate(f"{head}{text}\n")
    python = re.compile(r"\w+=['{h]|load\(")
    assert python.search(problem.hint)
    assert "--" not in problem.hint
    for reader in (SHELL, SERVER):
        hint = worded(problem.hint, reader)
        assert not python.search(hint)
    assert "--" in worded(problem.hint, SHELL)
