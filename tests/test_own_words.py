"""Modules do not parse messages, hints or codes that the package itself wrote.

Messages, hints, representations and the letters of a code are for people. Errors and
problems have attributes for programs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "naftiko"
#: Attributes of errors and problems that are texts for people.
WORDS = {"message", "hint", "code"}
#: Methods and functions that parse or search a text.
READING = {
    "endswith", "find", "findall", "finditer", "fullmatch", "index", "match",
    "partition", "removeprefix", "removesuffix", "replace", "rfind", "rpartition",
    "rsplit", "search", "split", "splitlines", "startswith",
}  # fmt: skip
#: Functions of `re`, whose argument is the text.
PATTERNS = {"findall", "finditer", "fullmatch", "match", "search", "split", "sub"}
#: Module → function → the text that this function may parse.
ALLOWED = {
    "document/syntax.py": {"explain": "the words of the YAML parser"},
    "exposes/http/problems.py": {"one_line": "one line for the log, without queries"},
    "formats/html.py": {"_selected": "the words of the selector library"},
    "jsonpath/library.py": {"compile_by_library": "the words of the JSONPath library"},
}


def _is_words(node: ast.AST, named: set[str]) -> bool:
    """Tell whether an expression is a text that the package wrote."""
    if isinstance(node, ast.Attribute):
        return node.attr in WORDS
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        is_error = bool(node.args) and _is_error(node.args[0])
        return node.func.id == "repr" or (node.func.id == "str" and is_error)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr == "text_for"
    return isinstance(node, ast.Name) and node.id in named


def _is_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in {"error", "problem", "finding"}


def _named(function: ast.AST) -> set[str]:
    """Return the variables of a function that hold texts of the package."""
    return {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _is_words(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _reads(function: ast.AST) -> Iterator[int]:
    named = _named(function)
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(attr=method, value=text), args=given):
                texts = [text] if method in READING else []
                texts += given if method in PATTERNS else []
            case ast.Compare(
                left=left, ops=[ast.In() | ast.NotIn()], comparators=[right]
            ):
                # `code in CODES` compares data; `"word" in message` reads a text.
                is_code = isinstance(right, ast.Attribute) and right.attr == "code"
                texts = [] if isinstance(left, ast.Attribute) else [right]
                texts += [right] if is_code else []
            case ast.Subscript(value=text):
                texts = [text]
            case _:
                texts = []
        if any(_is_words(text, named) for text in texts):
            yield node.lineno


MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_module_does_not_parse_texts_of_the_package(module: str) -> None:
    """Messages, hints, `repr` and letters of a code are not searched or split."""
    tree = ast.parse((PACKAGE / module).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    places = {
        (node.name, line)
        for node in ast.walk(tree)
        if isinstance(node, functions)
        for line in _reads(node)
    }
    allowed = ALLOWED.get(module, {})
    assert {name for name, _ in places} >= set(allowed), "an exception nobody needs"
    assert not sorted(place for place in places if place[0] not in allowed)


@pytest.mark.parametrize(
    "line",
    [
        "text, _, hint = str(error).partition('hint')",
        "text = error.message.removeprefix('base_uri: ')",
        "if 'leads out' in error.message: pass",
        "if problem.code[0] == 'U': pass",
        "if 'base-uri' in problem.code: pass",
        "re.search('x', repr(spec))",
        "text = error.message\n    text.partition(':')",
    ],
)
def test_parsing_of_a_text_is_found(line: str) -> None:
    """`_reads` finds each way of parsing a message, hint, `repr` or code."""
    assert list(_reads(ast.parse(f"def f(error, problem, spec):\n    {line}")))
