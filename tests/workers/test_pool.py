"""Pools of child processes; ends are told from other ends by their reason."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from naftiko.errors import NaftikoError
from naftiko.workers.job import MIB, Job
from naftiko.workers.pool import Pool
from naftiko.workers.process import Worker, WorkerError, frame_of

LONG = 60.0


@pytest.fixture
def pool() -> Iterator[Pool]:
    """Return a pool of two that is closed in the end."""
    made = Pool(2)
    yield made
    made.close()
    assert not made._idle
    assert not made._busy
    assert made._free == made.size


def run(pool: Pool, task: str, payload: bytes = b"", **limits: Any) -> bytes:
    """Run one of the functions of `support.working`, and both ways alike."""
    given: Any = {"seconds": LONG, "memory": 256 * MIB, **limits}
    return pool.run(Job(f"support.working:{task}", (payload,), **given))


async def run_async(
    pool: Pool, task: str, payload: bytes = b"", **limits: Any
) -> bytes:
    """Do the same without blocking."""
    given: Any = {"seconds": LONG, "memory": 256 * MIB, **limits}
    return await pool.run_async(Job(f"support.working:{task}", (payload,), **given))


@pytest.fixture(params=["blocking", "async"])
def work(request: pytest.FixtureRequest, pool: Pool) -> Any:
    """Return a function that runs work in one of the two ways."""

    def one(task: str, payload: bytes = b"", **limits: Any) -> bytes:
        if request.param == "blocking":
            return run(pool, task, payload, **limits)
        return asyncio.run(run_async(pool, task, payload, **limits))

    return one


def test_bytes_go_in_and_out(work: Any) -> None:
    """Payloads of any size come back, larger than any buffer of the system too."""
    for payload in (b"", b"\x00\xff", os.urandom(3_000_000)):
        assert work("echo", payload) == payload


def test_only_the_end_of_its_parent_ends_a_busy_child() -> None:
    """A signal of the socket, which may come after its bytes, ends no work."""
    worker = Worker(LONG)
    frame = frame_of(Job("support.working:sleep", (b"0.3",), LONG, 256 * MIB))
    with ThreadPoolExecutor() as threads:
        done = threads.submit(worker.talk, frame, LONG, 100)
        time.sleep(0.2)
        worker._socket.send(b"\0")
        done.result()
    assert worker.is_ready
    worker.drop()
    worker.wait(LONG)


def test_child_is_used_again(work: Any, pool: Pool) -> None:
    """Work that ends well keeps its child, and so does an exception."""
    first = work("pid")
    with pytest.raises(WorkerError):
        work("fail", b"x")
    assert work("pid") == first
    assert len(pool._idle) == 1


@pytest.mark.parametrize("task", ["sleep", "busy"])
def test_late_work_is_ended(work: Any, task: str) -> None:
    """Work ends within its time, native code that heeds nothing too."""
    first = work("pid")
    begin = time.monotonic()
    with pytest.raises(WorkerError) as caught:
        work(task, b"30", seconds=0.1)
    assert time.monotonic() - begin < 1.1
    assert caught.value.reason == "time"
    assert isinstance(caught.value, NaftikoError)
    assert _is_gone(int(first))
    assert work("pid") != first


def test_memory_is_limited(work: Any) -> None:
    """Work that takes more memory than it may is refused; the child goes on."""
    first = work("pid")
    with pytest.raises(WorkerError) as caught:
        work("take", b"100000000", memory=50 * MIB)
    assert caught.value.reason == "memory"
    assert work("take", b"100000000", memory=150 * MIB) == b"100000000"
    assert work("pid") == first


def test_large_answer_is_refused(work: Any) -> None:
    """An answer has a limit of its own, which the parent enforces."""
    assert len(work("give", b"1000", most=1000)) == 1000
    with pytest.raises(WorkerError) as caught:
        work("give", b"1001", most=1000)
    assert caught.value.reason == "memory"
    assert work("echo", b"x") == b"x"


@pytest.mark.parametrize(
    ("task", "payload", "kind", "message"),
    [
        ("fail", b"a", "KeyError", "'a'"),
        ("fail", b"\xff", "KeyError", r"'\udcff'"),
        ("fail_badly", b"", "Mean", "Mean"),
        ("missing", b"", "AttributeError", "module 'support.working' has no"),
    ],
)
def test_exception_is_told(
    work: Any, task: str, payload: bytes, kind: str, message: str
) -> None:
    """Class and message of an exception come back as text, and nothing else."""
    with pytest.raises(WorkerError) as caught:
        work(task, payload)
    assert (caught.value.reason, caught.value.kind) == ("failed", kind)
    assert caught.value.message.startswith(message)


def test_message_of_an_exception_is_cut(work: Any) -> None:
    """A message is never longer than 2,000 characters."""
    with pytest.raises(WorkerError) as caught:
        work("fail", b"x" * 100_000)
    assert len(caught.value.message) == 2000


@pytest.mark.parametrize(
    ("task", "payload", "message"),
    [
        ("leave", b"3", "its process ended with exit code 3"),
        ("leave", b"0", "its process ended with exit code 0"),
        ("end", b"11", "its process ended with signal 11"),
    ],
)
def test_death_of_a_child_is_an_error(
    work: Any, task: str, payload: bytes, message: str
) -> None:
    """A child that ends fails its work alone; the next one gets another child."""
    with pytest.raises(WorkerError) as caught:
        work(task, payload)
    assert caught.value.reason == "died"
    assert caught.value.message == message
    assert work("echo", b"x") == b"x"


def test_signals_of_a_manager_are_left_to_the_parent(work: Any) -> None:
    """SIGTERM, SIGINT and SIGHUP to a whole group end no work that is under way."""
    assert work("linger") == b"here"


def test_child_has_nothing_of_its_parent(
    work: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No environment, no open files, no right to write, no large library."""
    monkeypatch.setenv("SHOP_TOKEN", "secret")
    with open(tmp_path / "open", "wb") as held:
        os.set_inheritable(held.fileno(), True)
        about = json.loads(work("tell", str(tmp_path / "written").encode()))
    assert not {"SHOP_TOKEN", "PATH", "HOME"} & set(about["environment"])
    # Three standard streams, the socket, and what tells that the parent ends.
    assert len(about["files"]) == 5
    assert about["writes"] is False
    assert about["group"]
    assert about["words"] == [os.path.abspath(entry) for entry in sys.path]
    assert not {"asyncio", "requests", "logging", "socket"} & set(about["modules"])


def test_child_that_grew_is_not_used_again(work: Any) -> None:
    """A child that keeps much memory after its work ends, and the answer is whole."""
    first = work("hold", b"100000000")
    assert work("pid") != first
    assert _is_gone(int(first))


# --- bounds ---------------------------------------------------------------------------


def test_children_are_bounded_and_work_waits(pool: Pool) -> None:
    """More work than children waits for its turn, in both ways at once."""
    pids: list[bytes] = []

    async def many() -> None:
        pids.extend(await asyncio.gather(*(run_async(pool, "pid") for _ in range(20))))

    def one() -> None:
        pids.append(run(pool, "pid"))

    threads = [threading.Thread(target=one) for _ in range(10)]
    for thread in threads:
        thread.start()
    asyncio.run(many())
    for thread in threads:
        thread.join()
    assert len(pids) == 30
    assert len(set(pids)) <= 2


def test_waiting_ends(work: Any, pool: Pool) -> None:
    """Work that gets no child in its patience is refused, and leaves the queue."""
    turns = [_hold(pool) for _ in range(2)]
    with pytest.raises(WorkerError) as caught:
        work("echo", patience=0.05)
    assert caught.value.reason == "busy"
    assert not pool._turns
    for turn in turns:
        pool._leave(turn)
    assert work("echo", b"x") == b"x"


def test_queue_is_bounded() -> None:
    """Work beyond the queue is refused at once."""
    pool = Pool(1, waiting=1)
    turn, waits = _hold(pool), _hold(pool)
    with pytest.raises(WorkerError) as caught:
        run(pool, "echo", patience=LONG)
    assert caught.value.reason == "busy"
    pool._leave(turn)
    assert waits.has_place
    pool._leave(waits)
    assert pool._free == 1


def test_bytes_of_the_queue_are_bounded() -> None:
    """Payloads that wait are bounded together, as each of them is kept."""
    pool = Pool(1, waiting_bytes=100)
    turns = [_hold(pool), _hold(pool, 60)]
    for way in (run, lambda *given: asyncio.run(run_async(*given))):
        with pytest.raises(WorkerError) as caught:
            way(pool, "echo", b"x" * 41)
        assert caught.value.reason == "busy"
    for turn in turns:
        pool._leave(turn)
    assert run(pool, "echo", b"x" * 101) == b"x" * 101
    pool.close()


def _hold(pool: Pool, size: int = 0) -> Any:
    from naftiko.workers.pool import _Turn

    turn = _Turn(lambda: None, size)
    pool._enter(turn)
    return turn


def test_cancelled_work_ends_its_child(pool: Pool) -> None:
    """A caller that goes away takes its child along, and gives its place back."""

    async def main() -> None:
        number = int(await run_async(pool, "pid"))
        task = asyncio.create_task(run_async(pool, "busy"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert _is_gone(number)

    asyncio.run(main())
    assert pool._free == 2


def test_loop_goes_on_meanwhile(pool: Pool) -> None:
    """Work in a child takes neither the loop nor a thread of its executor."""

    async def main() -> None:
        task = asyncio.create_task(run_async(pool, "busy", seconds=0.4))
        turns = 0
        before = threading.active_count()
        while not task.done():
            await asyncio.sleep(0.005)
            turns += 1
        assert threading.active_count() == before
        assert turns > 20
        with pytest.raises(WorkerError):
            task.result()

    asyncio.run(main())


def test_closing_ends_work_under_way(pool: Pool) -> None:
    """`close` ends every child at once; the pool can be used again."""
    number = int(run(pool, "pid"))
    failed: list[WorkerError] = []

    def wait() -> None:
        with pytest.raises(WorkerError) as caught:
            run(pool, "busy")
        failed.append(caught.value)

    thread = threading.Thread(target=wait)
    thread.start()
    while not pool._busy:
        time.sleep(0.005)
    time.sleep(0.05)
    pool.close()
    thread.join(5)
    assert [error.reason for error in failed] == ["died"]
    assert _is_gone(number)
    assert run(pool, "echo", b"x") == b"x"


# --- ends -----------------------------------------------------------------------------


def test_idle_child_ends_and_another_one_takes_over() -> None:
    """A child without work ends by itself; work that meets its end is done anew."""
    pool = Pool(1, idle=0.2)
    first = run(pool, "pid")
    assert _is_gone(int(first))
    # As if the child had ended in the moment in which it was chosen.
    pool._idle[0].idles_since = time.monotonic() + LONG
    assert run(pool, "pid") != first
    assert asyncio.run(run_async(pool, "echo", b"x")) == b"x"
    pool.close()


def test_ended_children_are_swept(pool: Pool) -> None:
    """A loop lets the system forget idle children that have ended."""
    pool._idle_seconds = 0.1

    async def main() -> None:
        await run_async(pool, "pid")
        await asyncio.sleep(1.5)

    asyncio.run(main())
    assert not pool._idle


_PARENT = """
import sys, threading, time
from naftiko.workers.job import Job
from naftiko.workers.pool import Pool
pool = Pool(2)
def run(task):
    return pool.run(Job("support.working:" + task, (), seconds=60, memory=1 << 28))
busy = int(run("pid"))
threading.Thread(target=run, args=("busy",), daemon=True).start()
time.sleep(0.1)
print(busy, int(run("pid")), flush=True)
{then}
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_children_end_with_their_parent(number: signal.Signals) -> None:
    """However the parent ends, its children end: the idle one and the busy one."""
    with _parent("time.sleep(60)") as process:
        children = _children(process)
        process.send_signal(number)
        process.wait()
        assert all(_is_gone(child) for child in children)


def test_parent_ends_though_work_goes_on() -> None:
    """An interpreter that ends by itself does not wait for its children."""
    with _parent("") as process:
        children = _children(process)
        assert process.wait(5) == 0
        assert all(_is_gone(child) for child in children)


def test_interrupt_ends_a_parent_that_waits() -> None:
    """Ctrl-C ends blocking work, whatever the child does."""
    with _parent("run('busy')") as process:
        children = _children(process)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.wait(5)
        assert all(_is_gone(child) for child in children)


_FORK = """
import os
child = os.fork()
if child == 0:
    mine = int(run("pid"))
    os._exit(0 if mine != busy and not pool._idle[1:] else 1)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert int(run("pid")) == busy
raise SystemExit(code)
"""


def test_forked_process_has_children_of_its_own() -> None:
    """After a fork nothing is shared, and the parent keeps its children."""
    code = _PARENT.replace(
        'threading.Thread(target=run, args=("busy",), daemon=True).start()', ""
    )
    done = subprocess.run(
        [sys.executable, "-c", code.format(then=_FORK)],
        env=_environment(),
        stdout=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _parent(then: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PARENT.format(then=then)],
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _children(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(number) for number in process.stdout.readline().split()]


def _is_gone(number: int) -> bool:
    """Return whether a process ends within two seconds; a zombie has ended."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        try:
            os.kill(number, 0)
            with open(f"/proc/{number}/stat", encoding="ascii") as about:
                if about.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("trouble", ["executable", "path", "frozen"])
def test_child_that_cannot_start_is_an_error(
    work: Any, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing interpreter, or one that cannot import the package, says so."""
    if trouble == "executable":
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
    elif trouble == "frozen":
        # Its executable is the program itself, which would start again and again.
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    else:
        monkeypatch.setattr("naftiko.workers.process._BEGIN", "raise SystemExit(1)")
    with pytest.raises(WorkerError) as caught:
        work("echo")
    assert caught.value.reason == "start"
    assert caught.value.message.startswith("a worker process cannot be started: ")
