"""Secrets: `naftiko call` masks them in output and error messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from naftiko.cli import main
from support.building import document
from support.leaking import (
    ENDINGS,
    PLACES,
    USER,
    leaks,
    parts_of,
)
from support.recorder import Recorder

SENT_IN = ("bearer", "basic", "apikey query", "path", "JSON body")


def _pairs() -> Iterator[Any]:
    """Yield each ending with each place of a secret; most pairs are marked as slow."""
    for number, ending in enumerate(e for e in ENDINGS if e != "success"):
        for place in SENT_IN:
            marks = () if place == SENT_IN[number % 5] else pytest.mark.slow
            yield pytest.param(place, ending, marks=marks, id=f"{place}-{ending}")


@pytest.mark.parametrize(("place", "ending"), list(_pairs()))
def test_call_prints_no_secret(
    place: str,
    ending: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`naftiko call` prints no secret in errors, dry runs and curl commands."""
    monkeypatch.setenv("TOKEN", parts_of(place)["variables"]["TOKEN"])
    monkeypatch.setenv("USER", USER)
    parts = dict(PLACES[place])
    data = document(parts.pop("operation", None), **parts)
    file = tmp_path / "api.json"
    file.write_text(json.dumps(data), "utf-8")
    with Recorder(ENDINGS[ending]) as server:
        call = ["call", str(file), "api.op", "--base-uri", server.url]
        assert main(call) == 1
        printed = "".join(capfd.readouterr())
        assert not leaks(printed)
        if ending in ("error in JSON", "error in the reason"):
            assert main([*call, "-v"]) == 1
            assert not leaks("".join(capfd.readouterr()))
        # `--raw`, `--stream` and `-O` pass on the body, which repeats the secret.
        for option in (["--raw"], ["--stream"], ["-O", str(tmp_path / "out")]):
            code = main([*call, *option])
            assert code == 1 or ending.startswith("no JSON")
            assert not leaks(capfd.readouterr().err)
    for words in ([*call, "--dry-run"], [*call, "--curl"]):
        assert main(words) == 0
        out, err = capfd.readouterr()
        assert re.search(r"\$\{?TOKEN", out)
        assert not leaks(out + err)
    for words in (["describe", str(file), "api.op"], ["list", str(file)]):
        assert main(words) == 0
        assert not leaks("".join(capfd.readouterr()))
