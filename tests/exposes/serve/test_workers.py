"""`supervise` where processes cannot be forked; `test_serve_workers` has the rest."""

from __future__ import annotations

import os

import pytest

from naftiko.errors import ServeError
from naftiko.exposes.serve.workers import supervise


def test_system_without_fork_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint says how to use several processors without it."""
    monkeypatch.delattr(os, "fork")
    with pytest.raises(ServeError, match="cannot share sockets") as caught:
        supervise(2, lambda sockets: None, [])
    assert "several servers behind a balancer" in caught.value.hint
