"""`supervise` on a system without fork; `test_serve_workers` has the other tests."""

from __future__ import annotations

import os

import pytest

from naftiko.errors import ServeError
from naftiko.exposes.processes.workers import supervise


def test_workers_are_refused_on_a_system_without_fork(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The hint suggests several servers behind a balancer."""
    monkeypatch.delattr(os, "fork")
    with pytest.raises(ServeError, match="cannot share sockets") as caught:
        supervise(2, lambda sockets: None, [])
    assert "several servers behind a balancer" in caught.value.hint
