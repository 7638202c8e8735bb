"""Hostile scripts: each ends, takes nothing that others need, and fails as its step."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.errors import CallError
from naftiko.functions.scripting import javascript, sandbox
from naftiko.functions.scripting.scripts import Script, ScriptBusy, Scripting
from naftiko.spec.model import ScriptSettings
from naftiko.workers.pool import Pool
from support.serving_process import Server, write

pytest.importorskip("_quickjs")
#: Milliseconds of the scripts, and seconds in which each must have ended.
LIMIT, END = 100, 1.1
MANY = 10**9
HANG = "String.raw({raw: {length: 2**53 - 1}})"


def _fails(step: Script) -> None:
    with pytest.raises(CallError):
        step.run({})


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """Return the processes of the scripts of one test."""
    made = Pool(2)
    monkeypatch.setattr(javascript, "_pool", lambda: made)
    yield made
    made.close()


def script(folder: Path, source: str, *, timeout: int = LIMIT, **keys: Any) -> Script:
    """Write a script; return its step."""
    (folder / "main.js").write_text(source, "utf-8")
    settings = ScriptSettings(timeout=timeout, statement_limit=MANY)
    step = {
        "file": "main.js",
        "language": "javascript",
        "location": folder.as_uri(),
        **keys,
    }
    return Scripting(settings).prepare(step, step="s")


# --- they end -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        HANG,
        "const a = []; a.length = 2**32 - 1; Array.prototype.reverse.call(a)",
        "Array(1e9).join('x')",
        "const a = []; a.length = 2**32 - 1; a.join()",
        "Array.prototype.lastIndexOf.call({length: 2**53 - 1}, 1)",
        "Reflect.apply(Array.prototype.fill, {length: 2**53 - 1}, [1])",
        "'x'.repeat(3e7).normalize('NFC')",
        # The engine writes the error of a script with the functions of the script.
        f"throw {{toString() {{ {HANG} }}}}",
        f"result = {{toJSON() {{ {HANG} }}}}",
        f"try {{ {HANG} }} finally {{ {HANG} }}",
    ],
)
def test_native_call_ends_with_its_limit(tmp_path: Path, source: str) -> None:
    """Native functions that heed no limit end within the limit and a second."""
    assert script(tmp_path, "result = 1", timeout=5000).run({}) == 1
    step = script(tmp_path, source)
    begin = time.monotonic()
    with pytest.raises(CallError) as caught:
        step.run({})
    assert time.monotonic() - begin < END
    assert caught.value.message in (
        f"Script step 's' exceeded the timeout limit ({LIMIT} ms)",
        # Its memory may be over before its time.
        "Script step 's' exceeded the memory limit (64 MiB)",
    )
    # The next script has a process that works.
    assert script(tmp_path, "result = 2", timeout=5000).run({}) == 2


def test_event_loop_and_its_threads_are_free(tmp_path: Path, pool: Pool) -> None:
    """While as many scripts hang as may run, the loop turns, and no thread is taken."""
    step = script(tmp_path, HANG, timeout=400)

    async def main() -> None:
        tasks = [asyncio.create_task(step.run_async({})) for _ in range(pool.size)]
        threads = threading.active_count()
        turns = 0
        while not any(task.done() for task in tasks):
            await asyncio.sleep(0.005)
            turns += 1
        assert threading.active_count() == threads
        assert turns > 15
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, CallError) for result in results)

    asyncio.run(main())


def test_cancelled_script_is_gone(tmp_path: Path, pool: Pool) -> None:
    """A caller that goes away ends its script, which counts as an error."""
    step = script(tmp_path, HANG, timeout=60_000)

    async def main() -> None:
        task = asyncio.create_task(step.run_async({}))
        while not pool._busy:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert not pool._busy
    assert step._scripting.stats.errors == 1


def test_script_without_a_process_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More scripts than may wait are refused, as busy: the caller may try again."""
    pool = Pool(1, waiting=0)
    monkeypatch.setattr(javascript, "_pool", lambda: pool)
    step = script(tmp_path, HANG, timeout=400)
    thread = threading.Thread(target=_fails, args=(step,))
    thread.start()
    while not pool._busy:
        time.sleep(0.005)
    with pytest.raises(ScriptBusy, match="Script step 's' waited too long"):
        step.run({})
    thread.join()
    pool.close()


# --- they raise the errors of the package -----------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("result = JSON.rawJSON('1'.repeat(5000))", "failed: its result: Exceeds the "),
        ("result = JSON.rawJSON('\"\\ud800\"')", "failed: it gives a text with half a"),
        ("result = new Array(100001).fill([])", "failed: its result has more than 200,"),
        ("throw '\\ud800'", "failed: \ufffd"),
        ("throw new Error('\\ud800')", "failed: Error: \ufffd"),
        ("throw 'x'.repeat(1e6)", "failed: xxx"),
        ("throw Symbol('x')", "failed: it threw a value without a text"),
        ("throw {toString() { throw 1 }}", "failed: it threw a value without a text"),
        ("throw {toString() { return {} }}", "failed: it threw a value without a text"),
        ("throw []", "failed: it threw a value without a text"),
        ("throw null", "failed: null"),
        ("throw globalThis", "failed: [object global]"),
        ("throw new Proxy({}, {get() { throw 1 }})", "failed: it threw a value without"),
        ("throw {get stack() { for (;;); }}", "exceeded the timeout limit"),
        ("Error.prepareStackTrace = () => { for (;;); }; null.x", "exceeded the timeout"),
        ("result = {get a() { throw Symbol() }}", "failed: it threw a value without"),
        ("result = new Proxy({}, {ownKeys() { throw 1 }})", "failed: 1"),
        ("const p = Proxy.revocable({}, {}); p.revoke(); result = p.proxy", "failed: Ty"),
        ("Object.defineProperty(globalThis, 'result', {get() { throw 1 }})", "failed: 1"),
        ("Array.prototype.toJSON = () => { throw 1 }; result = [1]", "failed: 1"),
        ("Object.prototype.toJSON = () => 1n; result = {}", "failed: TypeError: BigInt"),
        ("result = globalThis", "failed: TypeError: circular reference"),
        ("result = new Array(2**32 - 1)", "exceeded the timeout limit"),
        ("JSON.parse('['.repeat(1e6))", "failed: it calls itself too deeply"),
        ("let a = []; for (let i = 0; i < 200; i++) a = [a]; result = a", "failed: its r"),
        ("for (const a = []; ; ) a.push('x'.repeat(1e5) + a.length)", "exceeded the"),
        ("\0", "failed: main.js:1:1: is not JavaScript"),
        ("{" * 3000, "failed: main.js"),
        ("if (1) " * 3000 + "1", "failed: it calls itself too deeply"),
        ("x => " * 2000 + "1", "failed: it calls itself too deeply"),
    ],
)  # fmt: skip
def test_failure_is_that_of_the_step(tmp_path: Path, source: str, message: str) -> None:
    """Whatever a script throws, gives or is: one `NaftikoError` of bounded length."""
    limit = 200 if message.startswith("exceeded") else 5000
    with pytest.raises(CallError) as caught:
        script(tmp_path, source, timeout=limit).run({})
    error = caught.value
    assert isinstance(error, naftiko.NaftikoError)
    assert error.message.startswith(f"Script step 's' {message}")
    assert len(error.message) < 300
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("JSON.stringify = () => { throw 1 }; result = [1]", [1]),
        ("JSON.stringify = () => 'no JSON'; result = [1]", [1]),
        ("Object.prototype.toString = () => { throw 1 }; result = 1", 1),
        ("String.prototype.toJSON = () => { throw 1 }; result = 'x'", "x"),
        ("Object.defineProperty(globalThis, 'context', {get() { throw 1 }}); result = 1", 1),
        ("Promise.reject(1); result = 1", 1),
        ("result = {['__proto__']: 1, 'constructor': 2}", {"__proto__": 1, "constructor": 2}),
        ("result = {['\\ud800']: '\\udfff'}", {"\ud800": "\udfff"}),
        ("result = '\\0\\u2028\\ue000\\uffff'", "\0\u2028\ue000\uffff"),
        ("result = ['[,{', '\\\\', '\"', '\\\\\"[[']", ["[,{", "\\", '"', '\\"[[']),
        ("result = '['.repeat(1000)", "[" * 1000),
        ("result = ','.repeat(300000)", "," * 300_000),
    ],
)  # fmt: skip
def test_odd_result_is_given(tmp_path: Path, source: str, value: Any) -> None:
    """What has a form in JSON comes back, whatever the script did to its globals."""
    assert script(tmp_path, source, timeout=5000).run({}) == value


def test_result_is_bounded_by_its_values(tmp_path: Path) -> None:
    """Values are counted outside of texts: a short result may need much memory."""
    most = sandbox.MAX_VALUES // 2 - 1
    value = script(tmp_path, f"result = new Array({most}).fill([])", timeout=5000).run(
        {}
    )
    assert len(value) == most


# --- their files ----------------------------------------------------------------------


def test_size_of_a_file_is_bounded(tmp_path: Path) -> None:
    """A file above 1 MiB is not read, and neither are 64 files."""
    with pytest.raises(CallError, match=r"failed: main\.js is larger than 1 MiB"):
        script(tmp_path, " " * (1 << 20) + "1").run({})
    with pytest.raises(CallError, match="has more than 63 dependencies"):
        script(tmp_path, "1", dependencies=["main.js"] * 64).run({})
    large = script(tmp_path, " " * (1 << 20), dependencies=["main.js"] * 4)
    with pytest.raises(CallError, match="its files are larger than 4 MiB together"):
        large.run({})


def test_pipe_is_no_script(tmp_path: Path) -> None:
    """A pipe, which may never end, is not opened."""
    step = script(tmp_path, "", file="pipe.js")
    os.mkfifo(tmp_path / "pipe.js")
    with pytest.raises(CallError, match=r"cannot read file 'pipe\.js'"):
        step.run({})


def test_context_is_bounded(tmp_path: Path) -> None:
    """A context above 16 MiB of JSON is not sent to the engine."""
    step = script(tmp_path, "result = context.a.length", timeout=20_000)
    with pytest.raises(CallError, match="its context is larger than 16 MiB"):
        step.run({"a": "x" * (16 << 20)})
    assert step.run({"a": "x" * (15 << 20)}) == 15 << 20


def test_large_data_is_written_and_read_aside(tmp_path: Path) -> None:
    """What takes long for a context or a result does not run on the event loop."""
    seen: list[int] = []

    async def aside(function: Any, *arguments: Any) -> Any:
        seen.append(len(arguments))
        return await asyncio.to_thread(function, *arguments)

    step = script(tmp_path, "result = context.a", timeout=20_000)
    large = [{"id": number} for number in range(10_000)]
    # The first time the file is read, too.
    for value, times in ((large, 3), ("x" * 100_000, 2), ([1], 0)):
        seen.clear()
        assert asyncio.run(step.run_async({"a": value}, aside)) == value
        assert len(seen) == times


# --- their server ---------------------------------------------------------------------


def _document(folder: Path) -> Path:
    (folder / "main.js").write_text(
        f"if (context.n === 'hang') {HANG}; result = {{n: context.n}}", "utf-8"
    )
    step = {"type": "script", "name": "s", "language": "javascript",
            "location": "file:///./", "file": "main.js"}  # fmt: skip
    operation = {
        "method": "GET",
        "name": "run",
        "inputParameters": [
            {"name": "n", "in": "path", "type": "string", "description": "N."}
        ],
        "steps": [step],
    }
    rest = {"type": "rest", "namespace": "api", "port": 9090,
            "resources": [{"path": "/run/{n}", "name": "run", "operations": [operation]}]}  # fmt: skip
    document = {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Scripts", "description": "Scripts that hang."},
        "capability": {"exposes": [rest]},
    }
    return write(folder / "hang.yaml", document)


def _ask(server: Server, name: str) -> Any:
    try:
        with urllib.request.urlopen(f"{server.urls['api']}/run/{name}") as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def _hanging(server: Server) -> threading.Thread:
    """Send a request whose script hangs; return its thread when it does."""
    thread = threading.Thread(target=_ask, args=(server, "hang"))
    thread.start()
    until = time.monotonic() + 10
    while not _busy_children(server.process.pid):
        assert time.monotonic() < until
        time.sleep(0.02)
    return thread


def _busy_children(parent: int) -> list[int]:
    """Return the processes of a server that have used a tenth of a second of CPU."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and int(fields[11]) > 10 and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_hanging_script_keeps_no_server(tmp_path: Path, number: signal.Signals) -> None:
    """Other requests go on; the second Ctrl-C, and SIGKILL, end server and script."""
    with Server(_document(tmp_path), "--port", "0", "--workers", "1") as server:
        thread = _hanging(server)
        assert _ask(server, "good") == {"n": "good"}
        (child,) = _busy_children(server.process.pid)
        begin = time.monotonic()
        for _ in range(2):
            server.process.send_signal(number)
            time.sleep(0.1)
        server.process.wait(10)
        assert time.monotonic() - begin < 5
        thread.join(5)
        assert not Path(f"/proc/{child}").exists() or _is_zombie(child)


@linux
@pytest.mark.slow
def test_sigterm_ends_a_server_whose_script_hangs(tmp_path: Path) -> None:
    """SIGTERM waits 7 seconds for requests under way; the process ends within ten."""
    with Server(_document(tmp_path), "--port", "0", "--workers", "1") as server:
        thread = _hanging(server)
        (child,) = _busy_children(server.process.pid)
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(20)
        assert time.monotonic() - begin < 10
        thread.join(5)
        assert not Path(f"/proc/{child}").exists() or _is_zombie(child)


def _is_zombie(process: int) -> bool:
    return (
        Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    )


def test_interrupt_ends_a_call_whose_script_hangs(tmp_path: Path) -> None:
    """Ctrl-C ends the command, whatever the script does."""
    words = ["call", str(_document(tmp_path)), "api.run", "n=hang"]
    process = subprocess.Popen(
        [sys.executable, "-m", "naftiko", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(1.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(3) == -signal.SIGINT


def test_capability_without_scripts_has_no_processes() -> None:
    """To load and call a document imports nothing that starts processes."""
    code = """
import sys, naftiko
document = {"naftiko": "1.0.0-alpha2", "info": {"label": "x", "description": "x"},
            "capability": {"consumes": [{"type": "http", "namespace": "a",
              "baseUri": "http://x.example", "resources": [{"name": "r", "path": "/",
              "operations": [{"name": "o", "method": "GET"}]}]}]}}
naftiko.load(document).functions
print([name for name in ("pool", "process") if f"naftiko.workers.{name}" in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
