"""The documents of this folder, served for the tests of one file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.acceptance import House, serve_house


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Serve most of the documents in one process."""
    with serve_house() as served:
        yield served
