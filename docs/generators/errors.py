"""Write `docs/errors.md` from the table of rules and their examples.

Run as a script it writes the page; `tests/document/test_rules.py` compares.
"""

# ruff: noqa: E501 - a sentence of the page is one line

from __future__ import annotations

from pathlib import Path

from naftiko.document import rules
from naftiko.document.rule_examples import Example, examples
from naftiko.document.rules import Rule

PAGE = Path(__file__).parent.parent / "errors.md"
_HEAD = """\
<!-- Written by docs/generators/errors.py; edit that, or naftiko/document/rules.py. -->

# Errors and codes

Every message says where (`file:line:column`), what, and how to fix it; the fix is the `hint`.
Wording may change between releases; classes, attributes and codes do not.

## Exceptions

| Class | Raised when | More attributes |
| --- | --- | --- |
| `NaftikoError` | the base of all; has `message`, `hint`, `location`, `code`, `exit_code` | |
| `DocumentError` | the document cannot be used, or its file not read | |
| `DocumentSyntaxError` | the text is not one well-formed document | |
| `ValidationError` | it breaks the rules it was checked against | `problems` |
| `ServeError` | what the document exposes cannot be served; exit code 4 | |
| `CallError` | one call failed | |
| `UnknownOperation` | no operation has that name, or several have it; also a `LookupError` | |
| `UnknownFunction` | nothing that is exposed has that name; also a `LookupError` | |
| `UnresolvedCall` | an exposed function calls what the document does not declare | |
| `ArgumentError` | missing, unknown or unplaceable arguments, all at once; also a `ValueError` | `missing`, `unknown`, `takes` |
| `UnboundVariable` | a `{{NAME}}` has no value | `name` |
| `UnusableOperation` | the document describes the operation in a way that cannot be called | `problems` |
| `TransportError` | no usable response came back | `request`, `response` |
| `RequestTimeout` | the connection or the response took too long | `request` |
| `StatusError` | the status is outside 200 to 299 | `request`, `response`, `status`, `detail` |
| `ReportedError` | the status is a success, but the end of the response reports a failure, as a failed build of Docker does | `request`, `response`, `operation`, `detail`, `value` |
| `OutputError` | the body is not what the document says | `request`, `response` |

On the command line: exit code 1 for a `CallError` or problems found, 2 for wrong usage or a file that cannot be read by `validate`, 3 for a `DocumentError`, 4 for a `ServeError`, 130 after Ctrl-C, 141 when the reader of the output goes away.
"""
_CODES = """\
## Codes

The first letter is the weight: **E** the document cannot be used; **U** a unit of it (an operation, a tool, an adapter) or a call cannot, everything else works; **W** a warning; **S** shown by a strict or published check only.
`naftiko validate --strict` makes every W and S an error; with `--schema published` only the rules of that schema are errors.
A fix that `load()` takes as an option, such as `base_uri=`, settles the finding: it is not reported any more.
"""
_EXAMPLES = """\
## Examples

Each example shows the keys that stand in one place of a document, first with the mistake and then without it.
"""
_PLACES = {
    "document": "The whole document",
    "root": "At the top of the document",
    "capability": "In `capability`",
    "adapter": "In an adapter of `consumes`",
    "resource": "In a resource of a consumed adapter",
    "operation": "In an operation of a consumed adapter",
    "exposes": "In an adapter of `exposes`",
    "tool": "In a tool of an MCP adapter",
}


def render() -> str:
    """Return the text of the page."""
    parts = [_HEAD, _CODES + "\n" + _table(), _EXAMPLES]
    parts += [
        _example(rule, example) for rule, example in examples().items() if example.bad
    ]
    return "\n".join(parts)


def _table() -> str:
    rows = ["| Code | Makes unusable | Means | Fix |", "| --- | --- | --- | --- |"]
    for rule, example in examples().items():
        spoils = "" if rule.spoils == rules.NOTHING else rule.spoils
        rows.append(f"| {rule.code} | {spoils} | {rule.means} | {example.mend} |")
    return "\n".join(rows) + "\n"


def _example(rule: Rule, example: Example) -> str:
    place = _PLACES[example.at]
    if example.is_call:
        calls = f"{example.bad}   # {rule.code}\n{example.good}"
        text = f"{_block('yaml', example.given)}\n{_block('text', calls)}"
    else:
        bad, good = _block("yaml", example.bad), _block("yaml", example.good)
        text = f"{bad}\ninstead:\n\n{good}"
    return f"### {rule.code}\n\n{place}:\n\n{text}"


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
