"""Both parsers, for the tests that read with each of them."""

from __future__ import annotations

import pytest

from naftiko.document import yaml


@pytest.fixture(params=["c", "pure"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read with each of the two parsers."""
    if request.param == "pure":
        monkeypatch.setattr(yaml, "_c_parser", lambda: None)
    elif not yaml.has_c_parser():
        pytest.skip("ruamel.yaml.clib is not installed")
    return str(request.param)
