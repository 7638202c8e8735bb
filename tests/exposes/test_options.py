"""How adapters are served when the operator says nothing."""

from __future__ import annotations

import inspect
import re

import pytest

from naftiko.cli.commands.serve import _plan
from naftiko.cli.parser import parse
from naftiko.exposes.options import MIB, Options
from support.shared import ROOT


def test_command_serves_by_the_same_defaults() -> None:
    """`naftiko serve FILE` and `naftiko.asgi()` without options serve alike."""
    assert _plan(parse(["serve", "x.yaml"])).options == Options()


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--stateless"], {"sessions": False}),
        (["--workers", "2"], {"sessions": False}),
        (["--timeout", "5"], {"timeout": 5.0}),
        (["--tools", "search"], {"tools": "search"}),
        (["--cors", "https://a.test"], {"cors": ("https://a.test",)}),
        (["--allowed-host", "a.test"], {"allowed_hosts": ("a.test",)}),
        (["--max-bodies", "2MiB"], {"max_total_bytes": 2 * MIB}),
        (["--max-sessions", "7"], {"max_sessions": 7}),
        (["--session-idle", "2.5"], {"session_idle": 2.5}),
        (["--host", "0.0.0.0"], {"allowed_hosts": ("0.0.0.0",)}),
    ],
)
def test_word_of_the_command_changes_one_option(
    words: list[str], options: dict[str, object]
) -> None:
    """All options that are not named keep their defaults."""
    assert _plan(parse(["serve", "x.yaml", *words])).options == Options(**options)


def test_every_option_is_described() -> None:
    """The docstring and the page about serving name each option, and no other."""
    described = re.findall(r"^    (\w+): ", inspect.getdoc(Options) or "", re.MULTILINE)
    assert tuple(described) == Options._fields
    page = (ROOT / "docs" / "serve.md").read_text("utf-8")
    (sentence,) = re.findall(r"^The keywords are .*$", page, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", sentence)) == set(Options._fields)
    (limit,) = re.findall(r"over `max_body_bytes` \((\d+) MiB\)", page)
    assert Options().max_body_bytes == int(limit) * MIB
