"""Fixture that serves the documents of this folder for the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.acceptance import House, serve_house


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Serve the documents of this folder, most of them in one process."""
    with serve_house() as served:
        yield served
