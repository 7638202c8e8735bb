"""Show each rule by an example, and say how to mend what breaks it.

    rule_examples.yaml   →  rule → Example
    example.bad, its place   →  a document that breaks the rule

The examples are in a file of their own, which only documents, editors and tests read:
loading a capability must not pay for them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.document.source import read_text
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from naftiko.document.rules import Rule
    from naftiko.plain import JSON, DocumentPath

_FILE = Path(__file__).with_suffix(".yaml")
#: The document that an example changes at one place.
_BASE = """
naftiko: 1.0.0-alpha2
capability:
  consumes:
  - namespace: api
    type: http
    baseUri: https://api.test
    resources:
    - name: items
      path: /items
      operations:
      - {name: list, method: GET}
  exposes:
  - type: mcp
    namespace: tools
    port: 3000
    tools:
    - {name: list, description: List items., call: api.list}
"""
#: Place of an example → its path in that document.
_PLACES: dict[str, DocumentPath] = {
    "root": (),
    "capability": ("capability",),
    "adapter": ("capability", "consumes", 0),
    "resource": ("capability", "consumes", 0, "resources", 0),
    "operation": ("capability", "consumes", 0, "resources", 0, "operations", 0),
    "exposes": ("capability", "exposes", 0),
    "tool": ("capability", "exposes", 0, "tools", 0),
}


class Example(NamedTuple):
    """How a rule is broken, and how that is mended.

    Attributes:
        mend: How to mend it, in one sentence.
        at: Where the snippets stand: `document` for a whole text, or a place whose keys
            they replace: `root`, `capability`, `adapter`, `resource`, `operation`,
            `exposes`, `tool`.
        bad: YAML that breaks the rule, or the call that does; empty when no short
            example shows it.
        good: The same without the mistake.
        given: The YAML that is there when `bad` and `good` are calls.
        schema: The rules that it is checked by: `observed`, `published` or `none`.
    """

    mend: str
    at: str = ""
    bad: str = ""
    good: str = ""
    given: str = ""
    schema: str = "observed"

    @property
    def is_call(self) -> bool:
        """Whether a call breaks the rule, not the document."""
        return bool(self.given)


@cache
def examples() -> dict[Rule, Example]:
    """Return the example of every rule, in the order of the table."""
    written = read_text(_FILE.read_text("utf-8"), _FILE.name).data
    return {getattr(rules, name): Example(**entry) for name, entry in written.items()}


def document_with(at: str, snippet: str) -> JSON:
    """Return the document of a snippet, as text or as data.

    Args:
        at: The place of an example; see `Example.at`.
        snippet: Its YAML.
    """
    if at == "document":
        return snippet + "\n"
    data = read_text(_BASE).data
    node = data
    for key in _PLACES[at]:
        node = node[key]
    node.update(read_text(snippet).data)
    return data
