"""Answers that `naftiko call` prints while they arrive, and what ends them."""

from __future__ import annotations

import io
import json
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from naftiko.cli import main
from naftiko.cli.commands import receiving
from support.building import document
from support.exchanges import chunked
from support.recorder import Received, Recorder, response
from support.terminals import Terminal

FRAMES = b"\x01\0\0\0\0\0\0\x03a1\n\x02\0\0\0\0\0\0\x03b1\n"
NDJSON = "application/x-ndjson"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"


class Watched(io.StringIO):
    """Standard output that notices a text as soon as it is written."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.seen = threading.Event()

    def write(self, text: str) -> int:
        """Keep a text."""
        written = super().write(text)
        if self.text in self.getvalue():
            self.seen.set()
        return written


@pytest.fixture
def call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that calls an operation: exit code, output, errors."""

    def run(
        answer: Any, *words: str, operation: dict[str, Any] | None = None
    ) -> tuple[int, str, str]:
        with Recorder(answer) as recorder:
            made = document(operation, consumes={"baseUri": recorder.url})
            file = tmp_path / "api.json"
            file.write_text(json.dumps(made))
            code = main(["call", str(file), "api.op", *words])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


LOG = {"outputRawFormat": "text"}
FOLLOW = {"inputParameters": [{"name": "follow", "in": "query"}]}


@pytest.mark.parametrize(
    ("parts", "kind", "operation", "words", "printed"),
    [
        ([b'{"n":1}\n', b'{"n":2}'], NDJSON, {}, [], '{"n": 1}\n{"n": 2}\n'),
        ([b'{"n":1}\n', b'{"n":2}'], NDJSON, {}, ["--select", "$.n"], "1\n2\n"),
        ([b'{"n":"a\\n"}\n{"n":"b"}'], NDJSON, {}, ["--select", "$.n"], "a\nb\n"),
        ([b'{"n":1}', b'{"n":2}'], "application/json", {}, [], '{"n": 1}\n{"n": 2}\n'),
        ([b'{"n":1}\n', b""], "application/json", {}, [], '{\n  "n": 1\n}\n'),
        (
            [b'data: {"n":1}\n\n', b"data: bye\n\n"],
            "text/event-stream", {}, [], '{"n": 1}\nbye\n',
        ),
        ([b"one\ntw", b"o"], "text/plain", {}, [], "one\ntwo\n"),
        ([b"one\n", b"two"], "text/plain", LOG, ["--output", "json"], '"one\\ntwo"\n'),
        ([FRAMES[:5], FRAMES[5:]], MULTIPLEXED, {}, [], "a1\nb1\n"),
        ([FRAMES[:5], FRAMES[5:]], "", {}, [], "a1\nb1\n"),
        ([FRAMES], "application/octet-stream", {}, ["--output", "json"], '"a1\\nb1\\n"\n'),
        ([b"on a tty\r\n"], "application/vnd.docker.raw-stream", {}, [], "on a tty\r\n"),
        (
            [FRAMES], MULTIPLEXED, FOLLOW,
            ["follow=1", "--select", "$.text"], "a1\nb1\n",
        ),
        ([b'{"n":1}\n'], "", FOLLOW, ["follow=1"], '{"n": 1}\n'),
        ([b"plain\n"], "", FOLLOW, ["follow=1"], "plain\n"),
    ],
)  # fmt: skip
def test_answer_of_unknown_length_is_printed_by_its_kind(
    call: Any, parts: Any, kind: str, operation: Any, words: Any, printed: str
) -> None:
    """Values come one to a line, texts as they are; one JSON document is indented."""
    answer = chunked(*filter(None, parts), content_type=kind)
    assert call(answer, *words, operation=operation) == (0, printed, "")


def test_exposed_function_without_outputs_is_printed_as_it_arrives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tool that passes its answer on prints value by value, options included."""
    with Recorder(chunked(b'{"n":1}\n', b'{"n":2}', content_type=NDJSON)) as recorder:
        made = document(
            {"outputParameters": [{"name": "x", "type": "string", "value": "$.x"}]},
            consumes={"baseUri": recorder.url},
        )
        tool = {"name": "t", "call": "api.op"}
        made["capability"]["exposes"] = [
            {"type": "mcp", "namespace": "m", "tools": [tool]}
        ]
        file = tmp_path / "api.json"
        file.write_text(json.dumps(made))
        for words, printed in (
            ([], '{"n": 1}\n{"n": 2}\n'),
            (["--select", "$.n"], "1\n2\n"),
            (["--raw"], '{"n":1}\n{"n":2}'),
        ):
            assert main(["call", str(file), "t", *words]) == 0
            assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("output", "printed"),
    [
        ("yaml", "---\n'n': 1\n---\n'n': 2\n"),
        ("csv", "n\n1\n2\n"),
        ("json", '{\n  "n": 1\n}\n{\n  "n": 2\n}\n'),
    ],
)
def test_output_is_applied_to_each_value(call: Any, output: str, printed: str) -> None:
    """The header line of a table is printed once."""
    answer = chunked(b'{"n":1}\n', b'{"n":2}\n')
    assert call(answer, "--output", output) == (0, printed, "")


@pytest.mark.parametrize(
    ("kind", "part", "shown"),
    [
        (NDJSON, b'{"n":1}\n', '{"n": 1}\n'),
        # A whole document behind which the answer stays open is the first of many.
        ("application/json", b'{"n":1}\n', '{"n": 1}\n'),
        ("text/plain", b"one", "one"),
        (MULTIPLEXED, FRAMES, "a1\nb1\n"),
    ],
)
def test_value_is_printed_before_the_next_arrives(
    call: Any, monkeypatch: pytest.MonkeyPatch, kind: str, part: bytes, shown: str
) -> None:
    """The server sends no more until the first part was printed."""
    monkeypatch.setattr(receiving, "QUIET", 0.01)
    watched = Watched(shown)
    connections: list[Recorder] = []
    whole = chunked(part, content_type=kind)
    begin = whole[: -len(b"0\r\n\r\n")]

    def answer(_: Received) -> bytes:
        connections[0]._open[-1].sendall(begin)
        assert watched.seen.wait(20)
        return b"0\r\n\r\n"

    original = Recorder.__init__

    def noted(self: Recorder, *given: Any, **more: Any) -> None:
        original(self, *given, **more)
        connections.append(self)

    monkeypatch.setattr(Recorder, "__init__", noted)
    monkeypatch.setattr(sys, "stdout", watched)
    assert call(answer)[0] == 0
    assert watched.getvalue().startswith(shown)


def test_streams_of_a_container_are_split(call: Any) -> None:
    """`--split-streams` writes standard error to standard error."""
    for answer in (
        chunked(FRAMES, content_type=MULTIPLEXED),
        response(FRAMES, content_type=MULTIPLEXED),
    ):
        assert call(answer, "--split-streams") == (0, "a1\n", "b1\n")
    answer = response(FRAMES, content_type=MULTIPLEXED)
    split = json.loads(call(answer, "--split-streams", "--output", "json")[1])
    assert split == {"stdout": "a1\n", "stderr": "b1\n"}


@pytest.mark.parametrize("words", [[], ["--raw"], ["--stream"]])
def test_max_time_ends_an_answer(call: Any, words: list[str]) -> None:
    """`--max-time` is the limit of the whole; what came was printed."""
    gate = threading.Event()

    def answer(_: Received) -> bytes | None:
        gate.wait(20)
        return None

    code, _, error = call(answer, "--max-time", "0.05", *words)
    gate.set()
    assert code == 1
    assert "no end of the response within 0.05 seconds" in error
    assert "--max-time" in error


PULL = b'{"status": "pulling"}\r\n', b'{"errorDetail": {"message": "x"}, "error": "x"}'


def test_failure_at_the_end_of_an_answer_exits_with_1(call: Any) -> None:
    """The values are printed, then the error on standard error, however it arrives."""
    for answer in (
        chunked(*PULL, content_type="application/json"),
        chunked(*PULL),
        response(b"".join(PULL)),
    ):
        code, out, error = call(answer)
        assert (code, error) == (1, "error: api.op: x\n")
        assert "pulling" in out
    for words in (["--raw"], ["--stream"], ["-O", "/dev/null"]):
        assert call(chunked(*PULL), *words)[::2] == (1, "error: api.op: x\n")
    events = b'event: error\ndata: {"message": "full"}\n\n'
    code, _, error = call(chunked(events, content_type="text/event-stream"))
    assert (code, error) == (1, "error: api.op: full\n")
    gone = b"\x03\0\0\0\0\0\0\x04gone"
    code, out, error = call(chunked(FRAMES + gone, content_type=MULTIPLEXED))
    assert (code, out, error) == (1, "a1\nb1\n", "error: api.op: gone\n")
    answer = chunked(FRAMES + gone, content_type=MULTIPLEXED)
    words = ("follow=1", "--select", "$.text")
    assert call(answer, *words, operation=FOLLOW) == (code, out, error)


@pytest.mark.parametrize("status", ["204 No Content", "200 OK", "304 Not Modified"])
def test_success_without_content_prints_nothing(call: Any, status: str) -> None:
    """As JSON it is `null`."""
    outputs = {"outputParameters": [{"name": "a", "type": "string", "value": "$.a"}]}
    answer = response(b"", status, content_type="")
    for operation in ({}, {**outputs, "method": "POST"}):
        assert call(answer, operation=operation) == (0, "", "")
        for words in (["--output", "table"], ["--select", "$.a"]):
            assert call(answer, *words, operation=operation)[1] == ""
        assert call(answer, "--output", "json", operation=operation)[1] == "null\n"


def test_body_of_another_format_is_printed_with_a_warning(call: Any) -> None:
    """`--strict` makes it an error."""
    answer = response(b"up", content_type="text/plain")
    declared = {"outputRawFormat": "json"}
    code, out, error = call(answer, operation=declared)
    assert (code, out) == (0, "up\n")
    assert error.startswith("warning: api.op: the document declares outputRawFormat")
    code, out, error = call(answer, "--strict", operation=declared)
    assert (code, out) == (1, "")
    assert "the body is not json" in error


def test_line_that_is_no_json_is_an_error(call: Any) -> None:
    """The values before it are printed; the error quotes the line."""
    code, out, error = call(chunked(b'{"n":1}\n', b"<p>\n"))
    assert (code, out) == (1, '{"n": 1}\n')
    assert "the body is not json" in error


@pytest.mark.slow
def test_terminal_is_told_that_more_may_come(tmp_path: Path) -> None:
    """On a terminal the hint comes once; Ctrl-C ends the call without a traceback."""
    gate = threading.Event()
    servers: list[Recorder] = []

    def answer(_: Received) -> bytes | None:
        servers[0]._open[-1].sendall(chunked(b'{"n":1}\n')[: -len(b"0\r\n\r\n")])
        gate.wait(20)
        return None

    with Recorder(answer) as recorder:
        servers.append(recorder)
        file = tmp_path / "api.json"
        file.write_text(json.dumps(document(consumes={"baseUri": recorder.url})))
        words = [sys.executable, "-m", "naftiko", "call", str(file), "api.op"]
        with Terminal(words, folder=str(Path(__file__).parents[3])) as terminal:
            assert '{"n": 1}' in terminal.wait_for("still receiving, Ctrl-C ends it")
            terminal.type("\x03")
            rest = terminal.end()
        gate.set()
    assert "Traceback" not in rest
    assert terminal.code in (130, -signal.SIGINT)  # as a shell shows it, or the system
