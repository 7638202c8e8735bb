"""Content negotiation: which media type an `Accept` header chooses."""

from __future__ import annotations

import pytest

from naftiko.exposes.http.answers import chosen


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/*", "text/yaml"),
        ("application/yaml, application/json", "application/json"),
        ("application/yaml, */*", "application/yaml"),
        ("application/x-yaml;q=0.4, application/json;q=0.3", "application/x-yaml"),
        ("application/json;q=0, */*", "application/yaml"),
        ("application/json;q=nan", "application/json"),
        ("application/json;q=7", "application/json"),
        ("application/json;version=1;q=0", ""),
        ("*/*;q=0", ""),
        ("image/png", ""),
    ],
)
def test_accept_chooses_the_media_type(accept: str, media_type: str) -> None:
    """The best quality wins, then the most exact range, then JSON (RFC 9110, 12.5.1)."""
    assert chosen(accept) == media_type
