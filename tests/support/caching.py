"""Compare documents from the cache with their files, also in spawned processes.

A spawned process imports its function by name, so the functions are in this module.
"""

from __future__ import annotations

from naftiko.cli.cache import read_cached
from naftiko.document import source as documents
from naftiko.document.document import Document
from support.shared import CAPABILITIES

DOCKER = str(CAPABILITIES / "docker.yaml")


def is_same(document: Document) -> bool:
    """Tell whether a document of the cache equals the one read from its file."""
    plain = documents.read(DOCKER)
    path = ("capability", "consumes", 0, "resources", 3)
    return (
        document.data == plain.data
        and document.locate(path) == plain.locate(path)
        and document.directory == plain.directory
    )


def reads_the_same(times: int) -> bool:
    """Read `docker.yaml` by the cache some times; tell whether each result is right."""
    return all(is_same(read_cached(DOCKER)) for _ in range(times))
