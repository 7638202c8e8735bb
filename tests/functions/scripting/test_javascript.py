"""JavaScript in its sandbox; ids are those of the facts in spec 11.10."""

from __future__ import annotations

import threading
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from naftiko.expressions import ABSENT
from naftiko.functions.scripting import javascript
from naftiko.functions.scripting.javascript import (
    JavaScriptError,
    evaluation,
    reading,
)
from naftiko.functions.scripting.sandbox import Limits
from naftiko.workers.pool import Pool

MANY = 10**9


def run(
    source: str,
    context: Any = None,
    *,
    limit: int = 100_000,
    timeout: int = 20_000,
    **limits: int,
) -> Any:
    """Run a script."""
    given = Limits(timeout, limit, **limits)
    return evaluate([instrumented(source, "main.js")], context or {}, given)


def evaluate(sources: list[str], context: Any, limits: Limits) -> Any:
    """Run instrumented sources in a child process."""
    return javascript.run(evaluation(sources, context, limits))


def instrumented(source: str, name: str) -> str:
    """Put the counter into a source, in a child process."""
    return javascript.run(reading(source, name, timeout=20_000))


# --- context and result ---------------------------------------------------------------


def test_a_result_of_every_type() -> None:
    """X01: text, integer, fraction, boolean, list, object and null come back."""
    source = "var result = {t: 'ä', i: 7, f: 1.5, b: true, l: [1, {x: null}], o: {}};"
    assert run(source) == {
        "t": "ä",
        "i": 7,
        "f": 1.5,
        "b": True,
        "l": [1, {"x": None}],
        "o": {},
    }
    assert run("result = null") is None
    assert run("const result = 9007199254740991") == 9007199254740991


@pytest.mark.parametrize(
    "source",
    [
        "let x = 1;",
        "",
        "result = undefined",
        "result = () => 1",
        "{ let result = 1 }",
        "import('fs').then(found => { result = found })",
    ],
)
def test_no_result_is_nothing(source: str) -> None:
    """X04: a script that sets no result, or none that is data, gives nothing."""
    assert run(source) is ABSENT


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("result = 1 / 0", None),
        ("result = [undefined, () => 1]", [None, None]),
        ("result = {a: undefined, b: 1}", {"b": 1}),
        ("result = new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("result = {toJSON() { return 5 }}", 5),
        ("context = 5; result = context", 5),
        ("result = typeof __context", "undefined"),
        ("Promise.resolve().then(() => { result = 2 }); result = 1", 1),
    ],
)
def test_result_is_what_json_makes_of_it(source: str, value: Any) -> None:
    """The result is read after the last statement, as `JSON.stringify` writes it."""
    assert run(source) == value


@pytest.mark.parametrize(
    "source",
    [
        "JSON.stringify = () => 5",
        "JSON.stringify = () => '{'",
        "JSON.stringify = () => ({})",
        "JSON = null",
        "globalThis.JSON = {}",
    ],
)
def test_script_cannot_write_its_own_result(source: str) -> None:
    """A script that replaces parts of `JSON` gives its result all the same."""
    assert run(f"{source}; result = [1]") == [1]


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (b"\xc3\xa9\xff", "é\ufffd"),
        (date(2024, 1, 2), "2024-01-02"),
        (Decimal("1.50"), "1.50"),
        ("\ud800 </script> \u2028", "\ud800 </script> \u2028"),
        ({"a": [None, True]}, {"a": [None, True]}),
    ],
)
def test_context_is_plain_data(given: Any, seen: Any) -> None:
    """A value that JSON has no form for arrives as its text."""
    assert run("result = context.a", {"a": given}) == seen


def nested(depth: int) -> Any:
    """Return lists in lists."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (float("inf"), "Out of range float values are not JSON compliant"),
        (float("nan"), "Out of range float values are not JSON compliant"),
        (object(), "a value of type 'object' cannot be sent"),
        ({(1, 2): 3}, "keys must be str, int, float, bool or None, not tuple"),
        (nested(200_000), "it is nested too deeply"),
    ],
    ids=["infinite", "no number", "object", "key", "deep"],
)
def test_context_without_a_form_in_json_is_refused(value: Any, fault: str) -> None:
    """Such a value is a fault of the script step, and no crash."""
    with pytest.raises(JavaScriptError) as caught:
        run("result = 1", {"a": value})
    begin = f"failed: its context cannot be written as JSON: {fault}"
    assert str(caught.value).startswith(begin)


@pytest.mark.parametrize("depth", [199, 400, 3000, 20_000])
def test_deep_result_is_given_or_refused(depth: int) -> None:
    """A result that is nested without end is a fault of the script."""
    source = f"let a = []; for (let i = 0; i < {depth}; i++) a = [a]; result = a"
    try:
        assert run(source, limit=MANY) == nested(depth)
    except JavaScriptError as error:
        assert depth > 199
        assert str(error) in (
            "failed: its result is nested too deeply",
            "failed: it calls itself too deeply",
        )


def test_large_result_is_refused() -> None:
    """A result has a limit of its own, its quotation marks included."""
    limit = 1 << 20
    text = run("result = 'x'.repeat(1024 * 1024 - 2)", result=limit)
    assert len(text) == limit - 2
    with pytest.raises(JavaScriptError) as caught:
        run("result = 'x'.repeat(1024 * 1024 - 1)", result=limit)
    assert str(caught.value) == "failed: its result is larger than 1 MiB"


def test_sources_share_one_engine() -> None:
    """X05: declarations of one source are there for the next, with one limit for all."""
    sources = ["const base = 2", "function twice(x) { return base * x }"]
    ready = [instrumented(source, "x.js") for source in (*sources, "result = twice(4)")]
    assert evaluate(ready, {}, Limits(5000, 4)) == 8
    with pytest.raises(JavaScriptError, match="statement limit"):
        evaluate(ready, {}, Limits(5000, 3))


# --- limits ---------------------------------------------------------------------------


ENDLESS = [
    "while (true) {}",
    "while (true);",
    "for (;;) {}",
    "do ; while (true)",
    "for (;;) try { f() } catch (e) {}\nfunction f() { throw 1 }",
    "const f = n => n < 200 ? f(n + 1) : 0; for (;;) f(0)",
    "label: for (;;) { for (;;) continue label }",
    "function* g() { for (;;) yield 1 }\nfor (const x of g()) ;",
    "if (1) for (;;) ; else 2",
    "switch (1) { case 1: for (;;) break; default: for (;;) {} }",
    "result = 1; for (;;) { try { for (;;) {} } catch (e) { result = 2 } }",
    "result = {toJSON() { for (;;); }}",
]


@pytest.mark.parametrize("source", ENDLESS)
def test_statements_are_limited(source: str) -> None:
    """X06: an endless loop ends at the limit, also when it catches everything."""
    with pytest.raises(JavaScriptError) as caught:
        run(source, limit=5000)
    assert str(caught.value) == "exceeded the statement limit (5000)"


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("a = 1; b = 2", 2),
        ("'use strict'; // one\nvar a = 1", 1),
        ("if (0) a(); else if (1) b = 1; else c()", 3),
        ("for (let i = 0; i < 3; i++) {}", 4),
        ("[1, 2, 3].map(x => x)", 4),
        ("[1, 2, 3].map(function (x) { return x })", 4),
        ("switch (1) { case 1: a = 1; b = 2; default: c = 3 }", 4),
    ],
)
def test_each_statement_counts_once(source: str, count: int) -> None:
    """As many statements as the limit allows are run, and not one more."""
    assert run(source, limit=count) is ABSENT
    with pytest.raises(JavaScriptError, match=rf"statement limit \({count - 1}\)"):
        run(source, limit=count - 1)


@pytest.mark.parametrize(
    "source",
    [
        "for (;;) {}",
        # One statement that never ends: only the engine can stop it.
        "'a'.repeat(28).match(/^(a+)+$/); /^(a+)+$/.test('a'.repeat(40) + 'b')",
    ],
)
def test_time_is_limited(source: str) -> None:
    """The timeout counts, whatever the script does."""
    with pytest.raises(JavaScriptError) as caught:
        run(source, limit=MANY, timeout=100)
    assert str(caught.value) == "exceeded the timeout limit (100 ms)"


@pytest.mark.parametrize(
    "source",
    [
        "const a = []; for (;;) a.push('x'.repeat(100000) + a.length);",
        "new Array(2**27).fill('xx').join()",
    ],
)
def test_memory_is_limited(source: str) -> None:
    """A script cannot take the memory of the server."""
    with pytest.raises(JavaScriptError) as caught:
        run(source, limit=MANY, memory=8 << 20)
    assert str(caught.value) == "exceeded the memory limit (8 MiB)"


def test_the_stack_is_limited() -> None:
    """Endless recursion is an error of the script, and of nothing else."""
    with pytest.raises(JavaScriptError) as caught:
        run("const f = () => 1 + f(); f()", limit=MANY)
    assert str(caught.value) == "failed: it calls itself too deeply"


@pytest.mark.parametrize(
    "source",
    [
        "require('fs')",
        "process.exit(1)",
        "fetch('http://localhost')",
        "new XMLHttpRequest()",
        "std.open('/etc/passwd', 'r')",
        "os.exec(['true'])",
        "setTimeout(() => 1, 1)",
        "Java.type('java.lang.System')",
        "eval('1')",
        "new Function('return 1')()",
        "(() => 1).constructor('return 1')()",
        "(function* () {}).constructor('yield 1')()",
        "(async () => 1).constructor('1')()",
        "(async function* () {}).constructor('1')()",
        "WebAssembly.compile",
        "console.log('x')",
    ],
)
def test_sandbox_has_no_way_out(source: str) -> None:
    """X07: no files, network, processes, timers, host objects or code from text."""
    with pytest.raises(JavaScriptError, match=r"^failed: "):
        run(source)


def test_the_counter_cannot_be_reached() -> None:
    """Its name is unknown, and replacing globals does not stop it."""
    with pytest.raises(JavaScriptError, match="reserved name"):
        run("__naftiko_x = 1")
    source = "Date.now = () => 0; Error = null; Object = null; for (;;) {}"
    with pytest.raises(JavaScriptError, match="statement limit"):
        run(source)
    names = (
        "result = Object.getOwnPropertyNames(globalThis).filter(n => /nafti/.test(n))"
    )
    assert run(names.replace("nafti", "naf" + "[t]i")) == []


def test_runs_know_nothing_of_each_other() -> None:
    """Each run has an engine of its own, in any thread."""
    source = "result = [typeof seen, globalThis.seen = context.n]"
    found: dict[int, Any] = {}

    def work(n: int) -> None:
        found[n] = run(source, {"n": n})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: ["undefined", n] for n in range(8)}


def test_other_threads_go_on() -> None:
    """A busy script does not hold the interpreter."""

    def work() -> None:
        with pytest.raises(JavaScriptError):
            run("for (;;) {}", limit=MANY, timeout=400)

    thread = threading.Thread(target=work)
    thread.start()
    turns = 0
    while thread.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns > 20


# --- faults ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("null.x", "failed: TypeError: cannot read property 'x' of null"),
        ("throw new RangeError('a\\nb')", "failed: RangeError: a"),
        ("throw 'text'", "failed: text"),
        ("result = 10n", "failed: TypeError: "),
        ("const a = {}; a.a = a; result = a", "failed: TypeError: circular reference"),
        ("let a = 1;\nlet b = ;", "failed: main.js:2:7: is not JavaScript"),
        ("é é", "failed: main.js:1:1: is not JavaScript"),
        ("var __naftiko_ = 1", "failed: main.js uses a reserved name"),
        ("'\ue000tick\ue001'", "failed: main.js uses a reserved name"),
    ],
)
def test_failure_says_what_failed(source: str, message: str) -> None:
    """The message of the script stands in one line, without its stack."""
    with pytest.raises(JavaScriptError) as caught:
        run(source)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_long_failure_is_cut() -> None:
    """A message never fills the screen."""
    with pytest.raises(JavaScriptError) as caught:
        run("throw new Error('x'.repeat(10000))")
    assert len(str(caught.value)) == len("failed: ") + 200


@pytest.mark.parametrize("library", ["_quickjs", "tree_sitter"])
def test_missing_library_is_an_import_error(
    library: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The caller turns the error into a hint to install the library."""
    (tmp_path / f"{library}.py").write_text("raise ImportError('there is none')")
    monkeypatch.syspath_prepend(tmp_path)
    pool = Pool(1)
    monkeypatch.setattr(javascript, "_pool", lambda: pool)
    with pytest.raises(ImportError, match="there is none"):
        run("result = 1")
    pool.close()
