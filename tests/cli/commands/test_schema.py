"""`naftiko schema`: the published and the observed JSON Schema."""

from __future__ import annotations

import json

import pytest

from naftiko.cli import main


def test_published_schema_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """`naftiko schema` prints the published JSON Schema by default."""
    assert main(["schema"]) == 0
    published = json.loads(capsys.readouterr().out)
    assert main(["schema", "observed"]) == 0
    assert json.loads(capsys.readouterr().out) != published
    assert published["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_unknown_version_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown version exits with 2; the error lists the versions and the nearest."""
    assert main(["schema", "1.0.0-alpha"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "expected one of 1.0.0-alpha2, observed, got '1.0.0-alpha'" in shown.err
    assert "did you mean '1.0.0-alpha2'?" in shown.err
