"""`Source`: one document to serve, and the base URIs that replace its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from naftiko.errors import DocumentError
from naftiko.exposes.serve.plan import Source
from support.serving_process import write
from support.shop import UPSTREAM, document, rest


def two_namespaces() -> Any:
    """Return a document that consumes `api` and `other`."""
    data = document(rest())
    other = {**UPSTREAM, "namespace": "other"}
    data["capability"]["consumes"] = [UPSTREAM, other]
    return data


@pytest.mark.parametrize(
    ("base_uris", "urls"),
    [
        ({}, ["http://127.0.0.1:9", "http://127.0.0.1:9"]),
        ({"api": "http://a.test"}, ["http://a.test", "http://127.0.0.1:9"]),
        ({"": "http://b.test"}, ["http://b.test", "http://b.test"]),
        (
            {"": "http://b.test", "api": "http://a.test"},
            ["http://a.test", "http://b.test"],
        ),
        # Another document may consume it.
        ({"elsewhere": "http://a.test"}, ["http://127.0.0.1:9", "http://127.0.0.1:9"]),
    ],
)
def test_base_uri_replaces_that_of_the_document(
    tmp_path: Path, base_uris: dict[str, str], urls: list[str]
) -> None:
    """By namespace; the empty namespace stands for all others."""
    file = write(tmp_path / "shop.yaml", two_namespaces())
    capability = Source(str(file), base_uris).load()
    requests = [capability.request(f"{name}.things") for name in ("api", "other")]
    assert [request.url for request in requests] == [f"{url}/things" for url in urls]


def test_name_is_that_of_the_file() -> None:
    """It tells two documents apart in a path prefix."""
    assert Source("/srv/shop.yaml").name == "shop"


def test_missing_file_is_an_error_of_the_document(tmp_path: Path) -> None:
    """A file name is never taken for the text of a document."""
    with pytest.raises(DocumentError, match="cannot be read"):
        Source(str(tmp_path / "{naftiko: 1}")).load()
