"""Regular expressions: none takes more than linear time, whatever the text.

Every pattern of the package is run on long texts that are made from it, with the
operation that it is used for. A pattern that code makes at run time is listed in `MADE`
with real instances, so that no pattern is left out.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from time import monotonic, thread_time
from typing import Any

import pytest

import naftiko
from naftiko import bindings, expressions
from naftiko.consumes import digest
from naftiko.document import scalars, writing
from naftiko.errors import CallError, OutputError
from naftiko.exposes.http.problems import one_line
from naftiko.exposes.mcp.resources import UriTemplate
from naftiko.exposes.serve.lines import ids_in
from naftiko.formats import html, media
from naftiko.functions.arguments import fit
from naftiko.jsonpath.compiling import compile_path
from naftiko.jsonpath.reading import segments_of
from naftiko.lint import secrets as lint_secrets
from naftiko.masking import Secret, _pattern, mask, mask_own, without_secrets
from naftiko.search import thesaurus
from naftiko.spec.model import InputParameter
from support.growth import OPERATIONS, Text, growth, worst
from support.mcp_http import asked, modern, served
from support.mcping import mcp_app
from support.patterns import Used, all_patterns

SCHEMAS = Path(naftiko.__file__).parents[1] / "schemas"
#: The patterns are tried in so many parts, which can run at the same time.
_PARTS = 6

Made = Iterator[tuple[re.Pattern[Any], str]]


def _media_types() -> Made:
    for _, pattern in media._PATTERNS:
        yield re.compile(pattern), "fullmatch"


def _raw_ends() -> Made:
    for pattern in html._RAW_ENDS.values():
        yield pattern, "finditer"


def _written() -> Made:
    uses = ("fullmatch", "fullmatch", "match", "search", "search", "sub")
    yield from zip(writing._patterns(), uses, strict=True)


def _tagged() -> Made:
    for pattern in scalars._TEXT_TAGS.values():
        yield re.compile(pattern), "fullmatch"


def _beginnings_of_tokens() -> Made:
    for pattern in lint_secrets._BEGINNINGS:
        yield pattern, "search"


def _masks() -> Made:
    for value in ('{"a": "b\\n"}', "\\\\\\", "é\U0001f600 %25"):
        pattern, _ = _pattern((Secret("A", value), Secret("B", value[:2])), False)
        assert pattern is not None
        yield pattern, "sub"
    pattern, _ = _pattern((Secret("A", "s+x&ß"),), True)
    assert pattern is not None
    yield pattern, "sub"


def _phrases() -> Made:
    yield thesaurus._phrases(), "sub"


def _none() -> Made:
    """Patterns of documents and of people, which have a budget of their own."""
    return iter(())


MADE = {
    "naftiko.document.scalars:resolve_tagged": _tagged,
    "naftiko.formats.html": _raw_ends,
    "naftiko.formats.media:format_of": _media_types,
    "naftiko.lint.secrets": _beginnings_of_tokens,
    "naftiko.document.writing:_patterns": _written,
    "naftiko.masking:_pattern": _masks,
    "naftiko.search.thesaurus:_phrases": _phrases,
    # A pattern of the command line runs in the process of who wrote it.
    "naftiko.cli.commands.control:_pattern": _none,
    # Only compiled: whether it can be.
    "naftiko.lint.limits:_note_pattern": _none,
    "naftiko.jsonpath.filters:_fault_of": _none,
    "naftiko.patterns.bounded:bounded": _none,
    "naftiko.patterns.bounded:run_task": _none,
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
    found, unknown = all_patterns(MADE, TOLD)
    return found + list(_of_schemas()), unknown


def _of_schemas() -> Iterator[Used]:
    """Yield the patterns that documents are checked with."""
    for path in sorted(SCHEMAS.glob("*.json")):
        texts = _patterns_in(json.loads(path.read_text("utf-8")))
        for text in dict.fromkeys(texts):
            yield Used(path.name, re.compile(text), frozenset({"search"}))


def _patterns_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        if isinstance(schema.get("patternProperties"), dict):
            yield from schema["patternProperties"]
    inner = schema.values() if isinstance(schema, dict) else schema
    if isinstance(schema, (dict, list)):
        for part in inner:
            yield from _patterns_in(part)


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
    """The same with many more of the texts that are made from a pattern."""
    found = _patterns()[0][part::_PARTS]
    assert not _too_slow(found, 600)


def _too_slow(found: list[Used], most: int) -> list[str]:
    return [
        f"{used.place}: {operation} of {used.pattern.pattern!r}: {growth}"
        for used in found
        for operation in sorted(used.operations & OPERATIONS)
        if (growth := worst(used.pattern, operation, most))
    ]


@pytest.mark.slow
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


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("part", ['\\"', "\\\n", "\\&", "\\\\%", "\\ü", "&amp;", "%25"])
def test_secret_with_many_escapes_is_masked_in_linear_time(
    part: str, own: bool
) -> None:
    """An echo that nearly is the secret: a key in JSON in JSON has many of them."""
    secrets = (Secret("KEY", part * 40 + "Z"),)
    show = mask_own if own else mask
    for echo in (
        part,
        json.dumps(part)[1:-1],
        json.dumps(json.dumps(part)[1:-1])[1:-1],
    ):
        for near in (
            echo,
            echo.replace("\\", "\\" * 4),
            echo.replace("&", "&amp;amp;"),
        ):
            begin = thread_time()
            show(near * 40 + "Y", secrets)
            # Exponential time would not end: twelve of them took a minute.
            assert thread_time() - begin < 10
        assert show(f"<{echo * 40}Z>", secrets) == "<$KEY>"


# --- patterns of documents and of data ----------------------------------------------

#: Exponential in `re`, the second one in every engine that looks around.
SLOW, SLOWEST = r"^(\w+\s?)*$", r"^(?=(\w+\s?)*$)"


def _fitted(pattern: str, text: str) -> list[str]:
    parameter = InputParameter("q", "string", True, "", pattern=pattern)
    _, wrong = fit([parameter], {"q": text})
    return [fault.reason for fault in wrong]


@pytest.mark.parametrize("pattern", [SLOW, r"(a|a)*b", r"^([a-z]+-?)+$", r"(x+x+)+y"])
def test_pattern_of_a_document_is_linear_on_the_text_of_a_caller(pattern: str) -> None:
    """RE2 runs it where `re` might take for ever."""
    pytest.importorskip("re2")
    for text in (Text("", "a", "!"), Text("", "x", "!"), Text("", "a-", "!")):
        assert growth(lambda given: _fitted(pattern, given), text, 2000) is None


def test_pattern_that_no_engine_can_bound_is_ended() -> None:
    """Look-around has a limit on the text, and a process with a limit on the time."""
    assert not _fitted(SLOWEST, "a short text")
    begin = monotonic()
    (reason,) = _fitted(SLOWEST, "a" * 5000 + "!")
    assert "takes more than 0.3 seconds" in reason
    assert monotonic() - begin < 15
    (reason,) = _fitted(SLOWEST, "a" * 20_000)
    assert "longer than the 10,000 characters" in reason


def test_loop_goes_on_while_a_process_runs_a_pattern() -> None:
    """A thread waits for the process, not the event loop."""
    tool = {
        "name": "t", "description": "d", "call": "api.list", "with": {"flag": "{{q}}"},
        "inputParameters": [
            {"name": "q", "type": "string", "description": "d", "pattern": SLOWEST}
        ],
    }  # fmt: skip
    app, _ = mcp_app(tools=[tool])
    arguments = {"name": "t", "arguments": {"q": "a" * 5000 + "!"}}

    async def run() -> tuple[Any, int]:
        ticks = 0
        asking = asyncio.create_task(
            asked(app, "POST", "/mcp", *modern("tools/call", arguments))
        )
        while not asking.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return asking.result(), ticks

    got, ticks = served(app, run)
    assert "takes more than 0.3 seconds" in got.body.decode()
    assert ticks > 5


@pytest.mark.parametrize(
    "test",
    [
        "match(@.a, '(a+)+b')", "search(@.a, '(a|a)*b')", "@.a =~ /(a+)+b/",
        "match(@.a, @.p)", "search(@.a, @.p)",
    ],
)  # fmt: skip
def test_pattern_of_a_filter_is_linear_on_the_text_of_an_api(test: str) -> None:
    """So is one that stands in the data."""
    pytest.importorskip("re2")
    path = compile_path(f"$[?{test}]")

    def run(text: str) -> object:
        return path([{"a": text, "p": "(a+)+b"}])

    assert growth(run, Text("", "a", ""), 2000) is None


def test_pattern_of_a_filter_that_no_engine_can_bound_ends_the_path() -> None:
    """The error says why, and no further text is tried."""
    path = compile_path("$[?@.a =~ /(?=(a+)+b)/]")
    begin = monotonic()
    with pytest.raises(OutputError, match="cannot be matched in a filter"):
        path([{"a": "a" * 5000}] * 1000)
    assert monotonic() - begin < 15


def test_pattern_in_the_data_has_no_look_around() -> None:
    """It is no I-Regexp (RFC 9485), so it matches nothing."""
    path = compile_path("$[?search(@.a, @.p)]")
    assert not path([{"a": "a" * 5000, "p": "(?=(a+)+b)"}])
