"""Regular expressions: none takes more than linear time, whatever the text.

Every pattern of the package is run on long texts that are made from it, with the
operation that it is used for. A pattern that code makes at run time is listed in `MADE`
with real instances, so that no pattern is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from naftiko import bindings, expressions
from naftiko.consumes import digest
from naftiko.document import scalars
from naftiko.errors import CallError, OutputError
from naftiko.exposes.http.problems import one_line
from naftiko.exposes.mcp.resources import UriTemplate
from naftiko.exposes.serve.lines import ids_in
from naftiko.formats import media
from naftiko.jsonpath.reading import segments_of
from naftiko.lint import secrets as lint_secrets
from naftiko.masking import Secret, _pattern, without_secrets
from naftiko.search import thesaurus
from support.growth import OPERATIONS, Text, growth, worst
from support.patterns import Used, all_patterns

#: The patterns are tried in so many parts, which can run at the same time.
_PARTS = 6

Made = Iterator[tuple[re.Pattern[Any], str]]


def _media_types() -> Made:
    for _, pattern in media._PATTERNS:
        yield re.compile(pattern), "fullmatch"


def _tagged() -> Made:
    for pattern in scalars._TEXT_TAGS.values():
        yield re.compile(pattern), "fullmatch"


def _beginnings_of_tokens() -> Made:
    for pattern in lint_secrets._BEGINNINGS:
        yield pattern, "search"


def _masks() -> Made:
    for value in (
        "s+x/y",
        '{"a": "b\\n"}',
        "\\\\\\",
        "%25%",
        "&amp;&",
        "é\U0001f600 \n",
    ):
        for is_repeated in (False, True):
            secrets = (Secret("A", value), Secret("B", value[:2]))
            pattern, _ = _pattern(secrets, is_repeated)
            assert pattern is not None
            yield pattern, "sub"


def _phrases() -> Made:
    yield thesaurus._phrases(), "sub"


def _none() -> Made:
    """Patterns of documents and of people, which have a budget of their own."""
    return iter(())


MADE = {
    "naftiko.document.scalars:resolve_tagged": _tagged,
    "naftiko.formats.media:format_of": _media_types,
    "naftiko.lint.secrets": _beginnings_of_tokens,
    "naftiko.masking:_pattern": _masks,
    "naftiko.search.thesaurus:_phrases": _phrases,
    # A pattern of the command line runs in the process of who wrote it.
    "naftiko.cli.commands.control:_pattern": _none,
    # Only compiled: whether it can be.
    "naftiko.lint.limits:_note_pattern": _none,
    "naftiko.functions.arguments:_unmatched": _none,
    "naftiko.jsonpath.filters:_matched": _none,
    "naftiko.jsonpath.patterns:compile_pattern": _none,
}
#: Place and name → how a pattern is run that is kept in a table or handed on.
TOLD = {
    "naftiko.formats.faults": "match",
    "naftiko.lint.limits": "fullmatch",
    "naftiko.lint.limits _INTEGER": "fullmatch",
    "naftiko.lint.limits _NUMBER": "fullmatch",
    "naftiko.lint.limits _BOOLEAN": "fullmatch",
    "naftiko.jsonpath.cursor _STRING": "tokens",
    "naftiko.jsonpath.cursor _OPERATOR": "tokens",
    "naftiko.expressions _TEMPLATE": "finditer",
    "naftiko.expressions _PATH_TEMPLATE": "finditer",
    "naftiko.expressions:parse_base_uri": "finditer",
}


@cache
def _patterns() -> tuple[list[Used], list[str]]:
    return all_patterns(MADE, TOLD)


def test_every_pattern_of_the_package_is_found() -> None:
    """A pattern that cannot be told from the source is in `MADE`, with instances."""
    found, unknown = _patterns()
    assert not unknown
    assert len(found) > 200


@pytest.mark.parametrize("part", range(_PARTS))
def test_every_pattern_is_linear(part: int) -> None:
    """At twice the length, a hostile text takes at most three times as long."""
    found = _patterns()[0][part::_PARTS]
    assert not _too_slow(found, 60)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(_PARTS))
def test_every_pattern_is_linear_on_many_texts(part: int) -> None:
    """The same with every text that is made from a pattern."""
    found = _patterns()[0][part::_PARTS]
    assert not _too_slow(found, 3000)


def _too_slow(found: list[Used], most: int) -> list[str]:
    return [
        f"{used.place}: {operation} of {used.pattern.pattern!r}: {growth}"
        for used in found
        for operation in sorted(used.operations & OPERATIONS)
        if (growth := worst(used.pattern, operation, most))
    ]


@pytest.mark.parametrize(
    ("pattern", "operation"),
    [
        (r"a*a*b", "match"),
        (r"(a|a)*b", "match"),
        (r"(\w+\s?)*$", "fullmatch"),
        (r"a*b", "search"),
        (r"<[^>]*>", "sub"),
        (r"\s+$", "search"),
        (r'"(?:[^"\\]|\\.)*"', "sub"),
        (r"(\w+)\s*=\s*x", "findall"),
        (r"[a-z]++\d", "search"),
        (r"([^/]+)-([^/]+)-([^/]+)", "fullmatch"),
        # Those that were once in the package.
        (r"\{\{\s*&?\s*(?P<name>[^{}]*?)\s*\}\}", "finditer"),
        (r"(\w+://[^\s?]*)\?\S*?(?=:?(?:\s|$))", "sub"),
        (r"(?:-\s+)*[^\s:#'\"][^:#]*:\s+(?P<value>[^\s'\"{\[|>&*!].*)", "match"),
        (r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[\w.:%]*", "fullmatch"),
        (r"\{\s*([^{}]+?)\s*\}", "findall"),
    ],
)
def test_slow_pattern_is_found(pattern: str, operation: str) -> None:
    """The check finds patterns that are known to be quadratic or worse."""
    assert worst(re.compile(pattern), operation, 60)


@pytest.mark.parametrize(
    ("pattern", "operation"),
    [
        (r"a*b", "match"),
        (r"\{\{[^{}]*\}\}", "search"),
        (r'"(?:[^"\\]++|\\.)*+("?)', "sub"),
        (r"(?<!\w)(\w++)\s*+=\s*+x", "findall"),
        (r"[a-z]{1,40}\d", "search"),
    ],
)
def test_linear_pattern_passes(pattern: str, operation: str) -> None:
    """The check does not take a linear pattern for a slow one."""
    assert worst(re.compile(pattern), operation) is None


# --- the functions around them ------------------------------------------------------


def _routes(uri: str) -> object:
    return UriTemplate("s://{a}-{b}{c}.{d}").match(uri)


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (digest.parse_parameters, Text("", "a", "")),
        (digest.parse_parameters, Text('a="', '\\"', "")),
        (digest.parse_parameters, Text("", "a ", "")),
        (lambda header: list(digest.parse_challenges(header)), Text("", 'a="\\', "")),
        (lambda header: list(digest.parse_challenges(header)), Text("Digest a", " ", "=")),
        (expressions.parse, Text("{{", " ", "")),
        (expressions.parse, Text("{{{", " ", "x")),
        (expressions.parse, Text("", "{{ ", "")),
        (expressions.parse_path, Text("/{", " ", "")),
        (expressions.parse_path, Text("/", "{{{a", "")),
        (expressions.parse_base_uri, Text("${", "{{ ", "")),
        (expressions.parts_of.__wrapped__, Text("a[", " ", "")),
        (lambda text: one_line(CallError(text)), Text("GET http://h/", "a", "")),
        (lambda text: one_line(CallError(text)), Text("", "a://", "")),
        (lambda text: one_line(CallError(text)), Text("http://h/?", "a", ":")),
        (_routes, Text("s://", "-", "")),
        (_routes, Text("s://", "a-b.", "/")),
        (lambda uri: UriTemplate(uri).match(uri), Text("s://", "{a}", "")),
        (bindings.parse_dotenv, Text("", "x\n", "")),
        (bindings.parse_dotenv, Text("A=x", " ", "y")),
        (lambda text: ids_in(text.encode()), Text('{"', '\\"', "")),
        (without_secrets, Text("a:", "/", "@")),
        (lambda text: _refused(f"$.{text}"), Text("", "a.", "[")),
        (lambda text: _refused(f"$[?{text}"), Text("", "@.a(", "")),
        (lambda text: _refused(f"$[?{text}"), Text("@", ".a", "]")),
    ],
)  # fmt: skip
def test_function_on_hostile_text_is_linear(run: Any, text: Text) -> None:
    """The time of what is done around the patterns does not grow faster either."""
    assert growth(run, text, 2000) is None


def _refused(path: str) -> object:
    try:
        return segments_of(path)
    except OutputError:
        return None


def test_digest_header_of_a_stranger_is_read_as_before() -> None:
    """A name, blanks around `=`, escapes, and what is malformed."""
    given = digest.parse_parameters('realm = "a\\"b", qop=auth;x=1, n="open, z=3')
    assert given == {"realm": 'a"b', "qop": "auth;x=1", "z": "3"}


def test_query_is_left_out_of_a_line() -> None:
    """Queries of URLs do not go to the log; what follows them does."""
    text = "GET http://h/x?k=1: no connection (see http://d/?q=2) a?b"
    line = one_line(CallError(text))
    assert line == "GET http://h/x: no connection (see http://d/ a?b"


def test_uri_of_a_resource_gives_the_first_placeholder_most() -> None:
    """Where a URI can be split in several ways, the first value is the longest."""
    assert UriTemplate("s://{a}-{b}").match("s://x-y-z") == {"a": "x-y", "b": "z"}
    assert UriTemplate("s://{a}{b}/{c}").match("s://xyz/1") == {
        "a": "xy",
        "b": "z",
        "c": "1",
    }
    assert UriTemplate("s://{a}-{b}").match("s://-y") is None
