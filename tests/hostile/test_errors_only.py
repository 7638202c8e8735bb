"""Errors: each exception that leaves the library is a `NaftikoError`.

Documents, arguments, responses, files and words of commands are hostile. The programs in
`tests/fuzz` look for more; here they run for a few rounds, and known cases stay mended.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.document.writing import write_yaml
from support.building import capability, document

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

import fuzz_calls
import fuzz_command

NOTICE = "# --- truncated at {} KB ({} KB total) ---\n"
DIGITS = "9" * 5000
NAMES: tuple[Any, ...] = (["a"], {"a": 1}, 10**5000, None, b"api.op", 1.5, object())


@pytest.mark.parametrize("seed", [1, 2])
def test_fuzzed_documents_and_calls_raise_only_errors(seed: int) -> None:
    """A few rounds of the fuzzer of documents, arguments and responses."""
    assert fuzz_calls.run(60, seed, most=2) == 2


def test_fuzzed_commands_end_with_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rounds of the fuzzer of the command line."""
    monkeypatch.setenv("NAFTIKO_CACHE", "")
    assert fuzz_command.run(60, 11, most=15) == 15


@pytest.mark.slow
def test_fuzzers_find_nothing_in_many_rounds() -> None:
    """Both fuzzers run for longer; `NAFTIKO_FUZZ_SEED` gives them other inputs."""
    seed = int(os.environ.get("NAFTIKO_FUZZ_SEED", "20261130"))
    assert fuzz_calls.run(10, seed)
    assert fuzz_command.run(10, seed)


@pytest.mark.parametrize(
    "numbers",
    [(DIGITS, "1"), ("1", DIGITS), ("\N{ARABIC-INDIC DIGIT THREE}", "1")],
    ids=["kept", "total", "arabic"],
)
def test_notice_of_many_digits_is_a_comment(numbers: tuple[str, str]) -> None:
    """A truncation notice whose size no number holds is none."""
    text = write_yaml(document()) + "\n\n" + NOTICE.format(*numbers)
    assert len(naftiko.load(text).operations) == 1


@pytest.mark.parametrize("name", NAMES, ids=lambda name: type(name).__name__)
def test_name_that_is_no_text_is_refused(name: Any) -> None:
    """A name of any type is an unknown operation, not a `TypeError`."""
    with capability() as api:
        for ask in (api.call, api.find, api.exchange, api.request, api.stream):
            with pytest.raises(naftiko.UnknownOperation):
                ask(name)
        with pytest.raises(naftiko.NaftikoError):
            api.invoke(name)
        with pytest.raises(naftiko.NaftikoError):
            _ = api.operations[name]
        assert name not in api.operations


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 10**5000},
        {"timeout": [10**5000]},
        {"schema": 10**5000},
        {"truncated": 10**5000},
        {"variables": {10**5000: "x"}},
        {"auth": {10**5000: print}},
        {"base_uri": {10**5000: "http://a.test"}},
        {"paths": {10**5000: "/"}},
        {"paths": {"api.op": 10**5000}},
        {"unplaced_path_parameters": 10**5000},
    ],
    ids=lambda options: next(iter(options)),
)
def test_option_of_many_digits_is_refused(options: dict[str, Any]) -> None:
    """A number that Python does not write as a text breaks no message."""
    with pytest.raises(naftiko.NaftikoError):
        naftiko.load(document(), **options)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"9" * 5000, b"[" * 100_000, b"\xff"],
    ids=["nothing", "cut", "digits", "deep", "bytes"],
)
def test_response_that_is_no_json_is_an_output_error(body: bytes) -> None:
    """`Response.json` raises an `OutputError`, which is a `ValueError` as before."""
    with pytest.raises(naftiko.OutputError, match="is not JSON") as caught:
        naftiko.Response(200, {}, body).json()
    assert isinstance(caught.value, ValueError)


# --- special files ----------------------------------------------------------------------


def _special(folder: Path) -> Iterator[str]:
    """Yield locations of what is no regular file: a pipe, devices, a folder."""
    os.mkfifo(folder / "pipe")
    yield from ("file:///./pipe", "file:///dev/zero", "file:///dev/tty", "file:///.")
    yield from ("file:///proc/self/mem", f"file:///./{'n' * 5000}", "file:///./%00")


def _within(seconds: float, work: Callable[[], Any]) -> list[Any]:
    """Do some work in a thread; fail when it takes longer."""
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert done, "it hangs, or raised another exception"
    return done


def test_special_file_of_variables_is_refused(tmp_path: Path) -> None:
    """A bind that names a pipe or a device has no value; nothing hangs or grows."""
    for location in _special(tmp_path):
        bind = {"namespace": "f", "location": location, "keys": {"TOKEN": "t"}}
        data = document({"resourcePath": "/{{TOKEN}}"}, binds=[bind])
        file = tmp_path / "a.yaml"
        file.write_text(write_yaml(data), "utf-8", "surrogatepass")

        def refused(file: Path = file) -> bool:
            with pytest.raises(naftiko.UnboundVariable):
                naftiko.load(file, schema=None).call("api.op")
            return True

        assert _within(10, refused)


def test_special_file_is_not_imported(tmp_path: Path) -> None:
    """An import that names a pipe or a device is not available."""
    for location in _special(tmp_path):
        data = document()
        data["capability"]["consumes"].append({"import": "x", "location": location})
        file = tmp_path / "a.yaml"
        file.write_text(write_yaml(data), "utf-8", "surrogatepass")
        (codes,) = _within(
            10, lambda f=file: [p.code for p in naftiko.validate(f, schema=None)]
        )
        assert "W-import-unresolved" in codes or any("import" in c for c in codes), (
            codes
        )


def test_document_from_a_pipe_is_read(tmp_path: Path) -> None:
    """A person may give a pipe, as a shell does for `<(command)`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = write_yaml(document())
    threading.Thread(target=pipe.write_text, args=(text,), daemon=True).start()
    assert len(naftiko.load(pipe).operations) == 1
    with pytest.raises(naftiko.DocumentError, match="larger"):
        naftiko.load("/dev/zero")
