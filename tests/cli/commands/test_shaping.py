"""Tools with outputs whose answer is printed while it arrives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from naftiko.cli import main
from naftiko.functions import arrivals
from support.building import document
from support.exchanges import chunked
from support.recorder import Recorder, response

FRAMES = b"\x01\0\0\0\0\0\0\x03a1\n\x02\0\0\0\0\0\0\x03b1\n"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
NDJSON = "application/x-ndjson"
EVENTS = "text/event-stream"
N = {"type": "object", "properties": {"n": {"type": "number", "mapping": "$.n"}}}
LIST = {"type": "array", "mapping": "$", "items": N}
TEXT = {"type": "string", "mapping": "$."}
LINES = b'{"n":1}\n{"n":2}\n'


@pytest.fixture
def call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that calls a tool: exit code, output, errors."""

    def run(answer: Any, output: Any, *words: str) -> tuple[int, str, str]:
        tool = {"name": "t", "call": "api.op", "outputParameters": [output]}
        follow = {"inputParameters": [{"name": "follow", "in": "query"}]}
        with Recorder(answer) as recorder:
            made = document(follow, consumes={"baseUri": recorder.url})
            made["capability"]["exposes"] = [
                {"type": "mcp", "namespace": "m", "tools": [tool]}
            ]
            file = tmp_path / "api.json"
            file.write_text(json.dumps(made))
            code = main(["call", str(file), "t", *words])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.mark.parametrize(
    ("body", "kind", "output", "words", "printed"),
    [
        (b"data: {\"n\":1}\r\rdata: {\"n\":2}\r\r", EVENTS, N, [], '{"n": 1}\n{"n": 2}\n'),
        (b"data: {\"n\":1}\n\n", EVENTS, LIST, ["--select", "$.n"], "1\n"),
        (LINES, NDJSON, N, ["follow=1"], '{"n": 1}\n{"n": 2}\n'),
        (LINES, NDJSON, LIST, ["follow=1", "--output", "csv"], "n\n1\n2\n"),
        (FRAMES, MULTIPLEXED, TEXT, [], "a1\nb1\n"),
        (LINES, NDJSON, N, ["--output", "ndjson"], '{"n":1}\n{"n":2}\n'),
        (LINES, NDJSON, N, ["--select", "$[1].n"], "2\n"),
        (b'{"n":1}', "application/json", N, ["--output", "yaml"], "'n': 1\n"),
    ],
)  # fmt: skip
def test_answer_of_a_tool_is_shaped(
    call: Any, body: bytes, kind: str, output: Any, words: list[str], printed: str
) -> None:
    """A stream is shaped value by value; an answer that ends soon as a whole."""
    parts = [body[:9], body[9:]]
    code, out, err = call(
        chunked(*filter(None, parts), content_type=kind), output, *words
    )
    assert (code, out) == (0, printed), err


def test_answer_that_stays_open_is_begun(
    call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a sign in the arguments, the time tells."""
    monkeypatch.setattr(arrivals, "SETTLING", 0.0)
    monkeypatch.setattr(arrivals, "_MOMENT", -1.0)
    assert call(chunked(LINES, content_type=NDJSON), N)[1] == '{"n": 1}\n{"n": 2}\n'


@pytest.mark.parametrize("words", [[], ["follow=1"]])
def test_failure_at_the_end_is_told(call: Any, words: list[str]) -> None:
    """The command ends with 1, also when values are printed already."""
    body = b'{"n":1}\n{"error":"denied"}\n'
    code, _, err = call(chunked(body, content_type=NDJSON), N, *words)
    assert code == 1
    assert "api.op: denied" in err


def test_fault_of_a_whole_body_is_told_as_before(call: Any) -> None:
    """A body that is no JSON, and a refusal, are errors of the call."""
    code, _, err = call(chunked(b"<p>\n", content_type=NDJSON), N)
    assert code == 1
    assert "not json" in err
    assert "404 Not Found" in call(response("no", "404 Not Found"), N)[2]
