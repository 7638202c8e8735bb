"""The counter before each statement; sources are read in this process here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from naftiko.functions.scripting.instrumenting import (
    NoJavaScript,
    instrumented,
    read,
)
from naftiko.functions.scripting.sandbox import (
    FAILED,
    RESULT,
    Limits,
    evaluate,
    request_of,
)


def run(source: str) -> Any:
    """Run a script in this process."""
    texts = ["{}", instrumented(source, "main.js")]
    answer = evaluate(request_of(Limits(20_000, 100_000), texts))
    assert answer[:1] == RESULT
    return json.loads(answer[1:])


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'use strict'; result = (function () { return this === undefined })()", True),
        ("if (false) result = 1; else if (true) result = 2; else result = 3", 2),
        ("var n = 0; for (var i = 0; i < 3; i++) n += i; result = n", 3),
        ("switch (2) { case 1: result = 1; case 2: result = 2 }", 2),
        ("const f = x => ({y: x}); result = f(1)", {"y": 1}),
        ("const f = (a, b) => a + b; result = [1, 2].reduce(f)", 3),
        ("a: for (const x of [1, 2]) { for (;;) { continue a } }\nresult = 1", 1),
        ("do result = 1\nwhile (false)", 1),
        ("class A { static { result = 5 } m() { return 1 } }", 5),
        ("// only\nresult = `${1 + 1} // no`", "2 // no"),
        ("let a = 1\n;[2].forEach(x => a += x)\nresult = a", 3),
        ("let a = 1\nlet b = a\n++b\nresult = [a, b]", [1, 2]),
        ("with ({a: 1}) result = a", 1),
        ("if (1) /* one */ result = 1; else /* two */ result = 2", 1),
        ("result = (x => y => x + y)(1)(2)", 3),
        ("'ä'; result = '船🚢'; /* é */ result += 'é'", "船🚢é"),
    ],
)
def test_counter_changes_no_result(source: str, value: Any) -> None:
    """A script gives what it would give without the counter."""
    assert run(source) == value


def test_counter_keeps_lines() -> None:
    """Nothing is put on a line of its own, so that places in messages are true."""
    source = "let a\nif (a)\n  b\nelse\n  c"
    assert instrumented(source, "x").count("\n") == source.count("\n")


@pytest.mark.parametrize(
    ("source", "counted"),
    [
        ("if (a) b(); else c()", "T();if (a) {T();b();} else {T();c()}"),
        ("while (true);", "T();while (true){T();;}"),
        ("const f = x => x + 1", "T();const f = x => (T(),x + 1)"),
        ("a(); b()", "T();a(); T();b()"),
        ("", ""),
        ("// nothing", "// nothing"),
        ("for (;;) {}", "T();for (;;) {T();}"),
        ("'use strict'\n'b'\na", "'use strict'\n'b'\nT();a"),
    ],
)
def test_counter_stands_before_each_statement(source: str, counted: str) -> None:
    """Braces are added where a statement stands alone; directives stay first."""
    made = instrumented(source, "x").replace("\ue000tick\ue001", "T")
    assert made == counted


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("let a = 1;\nlet b = ;", "x.js:2:7: is not JavaScript"),
        ("var __naftiko_ = 1", "x.js uses a reserved name"),
        ("'\ue000tick\ue001'", "x.js uses a reserved name"),
    ],
)
def test_fault_of_a_source_is_the_answer(source: str, message: str) -> None:
    """A child answers with the fault; nothing is raised across processes."""
    with pytest.raises(NoJavaScript, match=message):
        instrumented(source, "x.js")
    assert read(f"x.js\0{source}".encode()) == FAILED + message.encode()


def test_source_is_the_answer() -> None:
    """The name ends at the first NUL; the rest is the source, of any characters."""
    answer = read("x.js\0'é'; a".encode())
    assert answer.decode() == "r'é'; \ue000tick\ue001();a"
