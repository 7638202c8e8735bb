"""Script steps; ids are those of the facts in spec 11.10.

Python and Groovy scripts are refused: no sandbox for them is as strong.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from naftiko.errors import CallError
from naftiko.expressions import ABSENT
from naftiko.functions.javascript import instrumented
from naftiko.functions.scripts import Scripting
from naftiko.spec.model import ScriptSettings


def run(
    tmp_path: Path,
    source: str,
    context: Any = None,
    *,
    settings: ScriptSettings | None = None,
    scripting: Scripting | None = None,
    **script: Any,
) -> Any:
    """Write a script and run it."""
    (tmp_path / "main.js").write_text(source, "utf-8")
    given = {
        "file": "main.js",
        "language": "javascript",
        "location": tmp_path.as_uri(),
        **script,
    }
    runner = scripting or Scripting(settings)
    return runner.prepare(given, step="s").run(context or {})


def test_a_result_of_every_type(tmp_path: Path) -> None:
    """X01: text, integer, fraction, boolean, list, object and null come back."""
    source = "var result = {t: 'ä', i: 7, f: 1.5, b: true, l: [1, {x: null}], o: {}};"
    assert run(tmp_path, source) == {
        "t": "ä",
        "i": 7,
        "f": 1.5,
        "b": True,
        "l": [1, {"x": None}],
        "o": {},
    }
    assert run(tmp_path, "result = null") is None
    assert run(tmp_path, "const result = 9007199254740991") == 9007199254740991


def test_script_computes_from_the_context(tmp_path: Path) -> None:
    """X02, X03: lists are filtered and summed; a template arrives as text."""
    source = """
    const members = context['list-members'].filter(m => m.active);
    const total = members.reduce((sum, m) => sum + m.fee, 0);
    result = {count: members.length, total, threshold: context.threshold};
    """
    members = [
        {"active": True, "fee": 20.5},
        {"active": False, "fee": 1},
        {"active": True, "fee": 40},
    ]
    value = run(tmp_path, source, {"list-members": members, "threshold": "10"})
    assert value == {"count": 2, "total": 60.5, "threshold": "10"}


def test_no_result_is_nothing(tmp_path: Path) -> None:
    """X04: a script that sets no result gives nothing."""
    assert run(tmp_path, "let x = 1;") is ABSENT
    assert run(tmp_path, "") is ABSENT


def test_dependencies_come_first(tmp_path: Path) -> None:
    """X05: files of the same location are evaluated before, in order."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.js").write_text("const base = 2;", "utf-8")
    (tmp_path / "lib" / "b.js").write_text("function twice(x) { return base * x; }")
    value = run(tmp_path, "result = twice(21)", dependencies=["lib/a.js", "lib/b.js"])
    assert value == 42


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
]


@pytest.mark.parametrize("source", ENDLESS)
def test_statements_are_limited(tmp_path: Path, source: str) -> None:
    """X06: an endless loop ends at the limit, also when it catches everything."""
    settings = ScriptSettings(statement_limit=5000, timeout=20_000)
    with pytest.raises(CallError, match=r"exceeded the statement limit \(5000\)"):
        run(tmp_path, source, settings=settings)


def test_statement_limit_is_named(tmp_path: Path) -> None:
    """X06: the message names the limit."""
    with pytest.raises(CallError, match=r"exceeded the statement limit \(10\)"):
        run(tmp_path, "while (true) {}", settings=ScriptSettings(statement_limit=10))


@pytest.mark.parametrize(
    "source",
    [
        "for (;;) {}",
        # One statement that never ends: only the engine can stop it.
        "'a'.repeat(28).match(/^(a+)+$/); /^(a+)+$/.test('a'.repeat(40) + 'b')",
    ],
)
def test_time_is_limited(tmp_path: Path, source: str) -> None:
    """The timeout counts, whatever the script does."""
    settings = ScriptSettings(statement_limit=10**9, timeout=200)
    with pytest.raises(CallError, match=r"exceeded the timeout limit \(200 ms\)"):
        run(tmp_path, source, settings=settings)


def test_memory_is_limited(tmp_path: Path) -> None:
    """A script cannot take the memory of the server."""
    source = "const a = []; for (;;) a.push('x'.repeat(100000) + a.length);"
    with pytest.raises(CallError, match="memory limit"):
        run(tmp_path, source, settings=ScriptSettings(statement_limit=10**9))
    with pytest.raises(CallError, match="memory limit"):
        run(tmp_path, "new Array(2**27).fill('xx').join()")


def test_the_stack_is_limited(tmp_path: Path) -> None:
    """Endless recursion is an error of the script, and of nothing else."""
    with pytest.raises(CallError, match="too deeply"):
        run(
            tmp_path,
            "const f = () => 1 + f(); f()",
            settings=ScriptSettings(statement_limit=10**9),
        )


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
        "WebAssembly.compile",
        "console.log('x')",
    ],
)
def test_sandbox_has_no_way_out(tmp_path: Path, source: str) -> None:
    """X07: no files, network, processes, timers, host objects or code from text."""
    with pytest.raises(CallError, match="Script step 's' failed: "):
        run(tmp_path, source)


def test_the_counter_cannot_be_reached(tmp_path: Path) -> None:
    """Its name is unknown, and replacing globals does not stop it."""
    with pytest.raises(CallError, match="reserved name"):
        run(tmp_path, "__naftiko_x = 1")
    source = "Date.now = () => 0; Error = null; Object = null; for (;;) {}"
    with pytest.raises(CallError, match="statement limit"):
        run(tmp_path, source)
    names = (
        "result = Object.getOwnPropertyNames(globalThis).filter(n => /nafti/.test(n))"
    )
    assert run(tmp_path, names.replace("nafti", "naf" + "[t]i")) == []


def test_runs_know_nothing_of_each_other(tmp_path: Path) -> None:
    """Each run has an engine of its own, in any thread."""
    source = "result = [typeof seen, globalThis.seen = context.n]"
    found: dict[int, Any] = {}

    def work(n: int) -> None:
        folder = tmp_path / str(n)
        folder.mkdir()
        found[n] = run(folder, source, {"n": n})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: ["undefined", n] for n in range(8)}


def test_other_threads_go_on(tmp_path: Path) -> None:
    """A busy script does not hold the interpreter."""
    settings = ScriptSettings(statement_limit=10**9, timeout=400)

    def work() -> None:
        with pytest.raises(CallError):
            run(tmp_path, "for (;;) {}", settings=settings)

    thread = threading.Thread(target=work)
    thread.start()
    turns = 0
    while thread.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns > 20


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("../../etc/passwd", "unsafe file"),
        ("a b.js", "unsafe file"),
        ("..", "unsafe file"),
        ("/etc/passwd", "unsafe file"),
        ("link.js", "outside its location"),
        ("gone.js", "cannot read file 'gone.js' from location"),
        (".", "unsafe file"),
    ],
)
def test_files_stay_in_their_location(tmp_path: Path, file: str, message: str) -> None:
    """X08, X13: no traversal, no way through a symbolic link."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    (tmp_path / "outside.js").write_text("result = 1")
    (folder / "link.js").symlink_to(tmp_path / "outside.js")
    for script in ({"file": file}, {"file": "main.js", "dependencies": [file]}):
        with pytest.raises(CallError, match=message):
            run(folder, "result = 1", **script)


def test_step_needs_location_file_and_language(tmp_path: Path) -> None:
    """X09: location, file and language, of the step or of the control adapter."""
    for key in ("location", "file", "language"):
        with pytest.raises(CallError, match=f"has no '{key}'"):
            run(tmp_path, "result = 1", **{key: None})
    defaults = ScriptSettings(
        default_location=tmp_path.as_uri(), default_language="javascript"
    )
    value = run(tmp_path, "result = 1", settings=defaults, location=None, language=None)
    assert value == 1
    wrong = ScriptSettings(
        default_location="file:///nowhere", default_language="python"
    )
    assert run(tmp_path, "result = 2", settings=wrong) == 2


def test_language_must_be_allowed_and_safe(tmp_path: Path) -> None:
    """X10: a language must be allowed, and be one that can be run safely."""
    only = ScriptSettings(allowed_languages=("javascript",))
    with pytest.raises(
        CallError, match=r"not in the allowed languages: \[javascript\]"
    ):
        run(tmp_path, "", settings=only, language="groovy")
    assert run(tmp_path, "result = 1", settings=only) == 1
    for language in ("python", "groovy", "ruby"):
        with pytest.raises(CallError, match="cannot be run safely"):
            run(tmp_path, "", language=language)


@pytest.mark.parametrize(
    "location", ["file:///./scripts", "file://./scripts", "file:///./a/../scripts"]
)
def test_a_location_relative_to_the_document(tmp_path: Path, location: str) -> None:
    """As for binds, folders of resources and skills: it starts at the document."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "scripts" / "main.js").write_text("result = 1", "utf-8")
    script = {"file": "main.js", "language": "javascript", "location": location}
    found = Scripting(directory=tmp_path).prepare(script, step="s").run({})
    assert found == 1
    with pytest.raises(CallError, match="cannot read file"):
        Scripting().prepare(script, step="s").run({})


def test_statistics(tmp_path: Path) -> None:
    """X11: executions and errors are counted where a control adapter governs."""
    scripting = Scripting(ScriptSettings())
    run(tmp_path, "result = 1", scripting=scripting)
    with pytest.raises(CallError):
        run(tmp_path, "throw new Error('no')", scripting=scripting)
    stats = scripting.stats
    assert (stats.executions, stats.errors) == (2, 1)
    assert stats.average_ms > 0
    assert stats.last_at is not None
    free = Scripting()
    run(tmp_path, "result = 1", scripting=free)
    assert free.stats.executions == 0


def test_scripting_can_be_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X12: by the control adapter, or by the environment where that says nothing."""
    with pytest.raises(CallError, match=r"management\.scripting\.enabled=false"):
        run(tmp_path, "result = 1", settings=ScriptSettings(enabled=False))
    monkeypatch.setenv("NAFTIKO_SCRIPTING", "false")
    with pytest.raises(CallError, match="NAFTIKO_SCRIPTING=false"):
        run(tmp_path, "result = 1")
    assert run(tmp_path, "result = 1", settings=ScriptSettings(enabled=True)) == 1
    monkeypatch.setenv("NAFTIKO_SCRIPTING", "0")
    assert run(tmp_path, "result = 1") == 1


def test_a_failure_says_what_failed(tmp_path: Path) -> None:
    """The message of the script, in one line; a syntax error with its place."""
    with pytest.raises(CallError, match="Script step 's' failed: TypeError: "):
        run(tmp_path, "null.x")
    with pytest.raises(CallError, match=r"failed: main\.js:2:\d+: is not JavaScript"):
        run(tmp_path, "let a = 1;\nlet b = ;")
    with pytest.raises(CallError, match="failed: "):
        run(tmp_path, "result = 10n")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """The source of a file is kept until the file changes."""
    scripting = Scripting()
    assert run(tmp_path, "result = 1", scripting=scripting) == 1
    assert run(tmp_path, "result = 22", scripting=scripting) == 22


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
    ],
)
def test_counter_changes_no_result(tmp_path: Path, source: str, value: Any) -> None:
    """A script gives what it would give without the counter."""
    assert run(tmp_path, source) == value


def test_counter_keeps_lines() -> None:
    """Nothing is put on a line of its own, so that places in messages are true."""
    source = "let a\nif (a)\n  b\nelse\n  c"
    assert instrumented(source, "x").count("\n") == source.count("\n")
