"""`naftiko schema`: the JSON Schema that editors and other tools can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.schema import schema_text

if TYPE_CHECKING:
    from argparse import Namespace


def run_schema(arguments: Namespace) -> int:
    """Print a JSON Schema."""
    print(schema_text(arguments.version).rstrip("\n"))
    return 0
