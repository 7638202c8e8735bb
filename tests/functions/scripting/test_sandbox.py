"""Answers of the sandbox, as a child process gives them; here in this process."""

from __future__ import annotations

import pytest

from naftiko.functions.scripting import sandbox
from naftiko.functions.scripting.instrumenting import instrumented
from naftiko.functions.scripting.sandbox import (
    CALLS,
    DEEP,
    FAILED,
    LARGE,
    MANY,
    MEMORY,
    NOTHING,
    RESULT,
    STATEMENTS,
    TIME,
    Limits,
    evaluate,
    request_of,
)

LIMITS = Limits(5000, 100_000)


def answer(source: str, limits: Limits = LIMITS) -> bytes:
    """Evaluate one source with `{"n": 2}` as its context."""
    texts = ['{"n": 2}', instrumented(source, "main.js")]
    return evaluate(request_of(limits, texts))


@pytest.mark.parametrize(
    ("source", "limits", "expected"),
    [
        ("result = context.n + 1", LIMITS, RESULT + b"3"),
        ("result = null", LIMITS, RESULT + b"null"),
        ("1", LIMITS, NOTHING),
        ("null.x", LIMITS, FAILED + b"TypeError: cannot read property 'x' of null"),
        ("throw Symbol()", LIMITS, FAILED + b"it threw a value without a text"),
        ("result = JSON.rawJSON('\"\\ud800\"')", LIMITS,
         FAILED + b"it gives a text with half a character"),
        ("for (;;) {}", LIMITS, STATEMENTS),
        ("try { for (;;) {} } catch (e) {}", LIMITS, STATEMENTS),
        ("for (;;) {}", Limits(50, 10**9), TIME),
        ("/^(a+)+$/.test('a'.repeat(40) + 'b')", Limits(50, 10**9), TIME),
        ("const f = () => 1 + f(); f()", LIMITS, CALLS),
        ("'x'.repeat(1e7) + 1", LIMITS._replace(memory=1 << 20), MEMORY),
        ("result = 'abc'", LIMITS._replace(result=5), RESULT + b'"abc"'),
        ("result = 'abc'", LIMITS._replace(result=4), LARGE),
    ],
)  # fmt: skip
def test_answer_has_a_kind(source: str, limits: Limits, expected: bytes) -> None:
    """The first byte tells how the script ended."""
    assert answer(source, limits) == expected


@pytest.mark.parametrize(
    ("result", "values", "kind"),
    [
        (b"[1,2,3]", 3, b""),
        (b"[1,2,3]", 2, MANY),
        (b'["[,{",{"a,[":"\\\\"}]', 3, b""),
        (b'["[,{",{"a,[":"\\\\"}]', 2, MANY),
        (b'["\\",[","\\\\"]', 2, b""),
        # More texts than so many values can have.
        (b"[" + b'"",' * 50 + b'""]', 5, MANY),
        (b'"' + b'\\"' * 50 + b'"', 0, b""),
        (b"[" * 200 + b"]" * 200, 10**6, b""),
        (b"[" * 201 + b"]" * 201, 10**6, DEEP),
        (b"[" + b"[]," * 501 + b"[]]", 10**6, b""),
        (b'["' + b"[" * 501 + b'"]', 10**6, b""),
    ],
)
def test_excess_of_a_result(result: bytes, values: int, kind: bytes) -> None:
    """Values and levels are counted outside of texts, whatever stands in these."""
    assert sandbox._excess(result, LIMITS._replace(values=values)) == kind


def test_limits_beyond_all_numbers() -> None:
    """A document may name any limit: one that no script reaches is none."""
    assert answer("result = 1", Limits(10**30, 10**30)) == RESULT + b"1"
