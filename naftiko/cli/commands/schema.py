"""`naftiko schema`: print the JSON Schema of capability files, for editors and tools.

    naftiko schema observed → {"$schema": …}

The schemas are files of the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.cli.console import fail
from naftiko.document.checking.schema import schema_text, versions
from naftiko.errors import EXIT_USAGE, did_you_mean, shorten

if TYPE_CHECKING:
    from argparse import Namespace


def run_schema(arguments: Namespace) -> int:
    """Print a JSON Schema."""
    known = versions()
    if arguments.version not in (*known, "published"):
        near = did_you_mean(arguments.version, known)
        fail(
            f"naftiko schema: expected one of {', '.join(known)}, got"
            f" '{shorten(arguments.version)}'",
            near,
        )
        return EXIT_USAGE
    print(schema_text(arguments.version).rstrip("\n"))
    return 0
