"""Acceptance documents: validation by the published rules."""

from __future__ import annotations

from pathlib import Path

import pytest

import naftiko
from support.acceptance import (
    DOCUMENTS,
)


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
def test_document_follows_the_published_rules(file: Path) -> None:
    """Each document is valid, but `dangling` calls nothing, and `archive` has a secret."""
    found = [problem.code for problem in naftiko.validate(file, schema="published")]
    expected = {"dangling": ["U-call-unresolved"] * 2, "archive": ["W-secret-literal"]}
    assert found == expected.get(file.stem, [])
