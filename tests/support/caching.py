"""Compare documents from the cache with their files, also in processes of their own.

A process that is spawned imports its function by name, which works here: `tests` is on
the path, and this module has one name only.
"""

from __future__ import annotations

from naftiko.cli.cache import read_cached
from naftiko.document import source as documents
from naftiko.document.document import Document
from support.shared import CAPABILITIES

DOCKER = str(CAPABILITIES / "docker.yaml")


def is_same(document: Document) -> bool:
    """Tell whether a document of the cache is as good as one read from the file."""
    plain = documents.read(DOCKER)
    path = ("capability", "consumes", 0, "resources", 3)
    return (
        document.data == plain.data
        and document.locate(path) == plain.locate(path)
        and document.directory == plain.directory
    )


def reads_the_same(times: int) -> bool:
    """Read the file by the cache a few times; tell whether each reading is right."""
    return all(is_same(read_cached(DOCKER)) for _ in range(times))
