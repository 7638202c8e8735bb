"""Fixtures: an environment without `OTEL_*` variables, and an OTLP collector."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from support.collector import Collector


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Yield an OTLP collector that records exported spans and metrics."""
    with Collector() as running:
        yield running
