"""`Source`: one document to serve, and base URIs that override those declared."""

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
        # Another document may consume this namespace.
        ({"elsewhere": "http://a.test"}, ["http://127.0.0.1:9", "http://127.0.0.1:9"]),
    ],
)
def test_base_uri_override_is_chosen_by_namespace(
    tmp_path: Path, base_uris: dict[str, str], urls: list[str]
) -> None:
    """A base URI for the empty namespace stands for all other namespaces."""
    file = write(tmp_path / "shop.yaml", two_namespaces())
    capability = Source(str(file), base_uris).load()
    requests = [capability.request(f"{name}.things") for name in ("api", "other")]
    assert [request.url for request in requests] == [f"{url}/things" for url in urls]


def test_source_is_named_after_its_file() -> None:
    """The name of a source tells two documents apart in a path prefix."""
    assert Source("/srv/shop.yaml").name == "shop"


def test_missing_file_is_a_document_error(tmp_path: Path) -> None:
    """A file name that looks like a document is still a file name."""
    with pytest.raises(DocumentError, match="cannot be read"):
        Source(str(tmp_path / "{naftiko: 1}")).load()


def test_variable_is_given_to_the_documents_that_use_it(tmp_path: Path) -> None:
    """A name that a document does not use stays an argument there."""
    data = two_namespaces()
    data["binds"] = [{"namespace": "env", "keys": {"TOKEN": "N_TOKEN"}}]
    file = write(tmp_path / "shop.yaml", data)
    capability = Source(str(file), variables={"TOKEN": "t", "id": "7"}).load()
    assert capability.variables.get("TOKEN") == "t"
    assert not capability.variables.knows("id")
