"""Script steps; ids are those of the facts in spec 11.10.

Python and Groovy scripts are refused: no sandbox for them is as strong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from naftiko.errors import CallError
from naftiko.functions.scripting.scripts import Scripting
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


def test_dependencies_come_first(tmp_path: Path) -> None:
    """X05: files of the same location are evaluated before, in order."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.js").write_text("const base = 2;", "utf-8")
    (tmp_path / "lib" / "b.js").write_text("function twice(x) { return base * x; }")
    value = run(tmp_path, "result = twice(21)", dependencies=["lib/a.js", "lib/b.js"])
    assert value == 42


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ScriptSettings(statement_limit=10), "exceeded the statement limit (10)"),
        (
            ScriptSettings(statement_limit=10**9, timeout=50),
            "exceeded the timeout limit (50 ms)",
        ),
    ],
    ids=["statements", "time"],
)
def test_limit_of_the_settings_is_named(
    tmp_path: Path, settings: ScriptSettings, message: str
) -> None:
    """X06: the limits are those of the settings, and the message names them."""
    with pytest.raises(CallError) as caught:
        run(tmp_path, "while (true) {}", settings=settings)
    assert caught.value.message == f"Script step 's' {message}"


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
