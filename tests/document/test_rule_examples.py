"""The example of every rule: it breaks that rule, and its mended form does not."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import naftiko
from naftiko import StubTransport
from naftiko.document import rules
from naftiko.document.rule_examples import Example, document_with, examples
from naftiko.document.rules import RULES, Rule
from support.shared import ROOT

#: Rules about files and sizes, which no snippet of a few lines shows.
_WITHOUT_EXAMPLE = {
    rules.UNREADABLE,
    rules.YAML_DEPTH,
    rules.YAML_SIZE,
    rules.YAML_ENCODING,
    rules.SOURCE_REJECTED,
    rules.SOURCE_TRUNCATED,
    rules.FILE_MISSING,
    rules.ADDRESS_PUBLIC,
}
_SHOWN = [
    pytest.param(rule, example, id=rule.code)
    for rule, example in examples().items()
    if example.bad
]


def _codes(rule: Rule, example: Example, snippet: str) -> list[str]:
    """Return what a check of the document of a snippet finds."""
    schema = None if example.schema == "none" else example.schema
    problems = naftiko.validate(
        document_with(example.at, snippet), schema=schema, strict=rule.is_strict
    )
    return [problem.code for problem in problems]


def _call(example: Example, call: str) -> None:
    """Run the call of an example; nothing is sent."""
    document = document_with(example.at, example.given)

    def load(**options: Any) -> naftiko.Capability:
        return naftiko.load(document, transport=StubTransport(), **options)

    eval(call, {"load": load})


@pytest.mark.parametrize(("rule", "example"), _SHOWN)
def test_bad_example_breaks_the_rule_and_good_one_does_not(
    rule: Rule, example: Example
) -> None:
    """A check finds the code in the bad example only; a call raises it."""
    if example.is_call:
        with pytest.raises(naftiko.CallError) as caught:
            _call(example, example.bad)
        assert caught.value.code == rule.code
        _call(example, example.good)
        return
    assert rule.code in _codes(rule, example, example.bad)
    assert rule.code not in _codes(rule, example, example.good)


def test_every_rule_has_an_example() -> None:
    """Each rule says how it is mended, and shows it where a few lines can."""
    assert list(examples()) == list(RULES.values())
    without = {rule for rule, example in examples().items() if not example.bad}
    assert without == _WITHOUT_EXAMPLE
    for rule, example in examples().items():
        assert rule.means.endswith("."), rule.code
        assert example.mend.endswith("."), rule.code
        assert bool(example.bad) is bool(example.good), rule.code


def test_examples_are_not_imported_by_loading() -> None:
    """Loading does not read the file of the examples."""
    code = "import sys, naftiko; naftiko.load(sys.argv[1]); print(*sys.modules)"
    document = str(next((ROOT / "capabilities").glob("*.yaml")))
    done = subprocess.run(
        [sys.executable, "-c", code, document],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "naftiko.document.rules" in done.stdout.split()
    assert "naftiko.document.rule_examples" not in done.stdout.split()


_PLACES: dict[str, tuple[str | int, ...]] = {
    "root": (),
    "capability": ("capability",),
    "adapter": ("capability", "consumes", 0),
    "resource": ("capability", "consumes", 0, "resources", 0),
    "operation": ("capability", "consumes", 0, "resources", 0, "operations", 0),
    "exposes": ("capability", "exposes", 0),
    "tool": ("capability", "exposes", 0, "tools", 0),
}


@pytest.mark.parametrize("at", _PLACES)
def test_snippet_replaces_the_keys_of_its_place(at: str) -> None:
    """The keys of a snippet stand at its place, and all else of the document stays."""
    changed, plain = document_with(at, "mark: 1\nname: other"), document_with(at, "{}")
    assert naftiko.validate(plain) == ()
    there, here = changed, plain
    for key in _PLACES[at]:
        there, here = there[key], here[key]
    here |= {"mark": 1, "name": "other"}
    assert changed == plain


def test_document_is_made_anew() -> None:
    """A caller may change the document of a snippet."""
    first = document_with("root", "a: 1")
    first["capability"].clear()
    assert document_with("root", "{}")["capability"]["consumes"]


def test_snippet_of_a_whole_document_is_its_text() -> None:
    """A mistake of YAML itself cannot be put into data."""
    assert document_with("document", "a: 1\na: 2") == "a: 1\na: 2\n"


def test_unknown_place_is_an_error() -> None:
    """A place that is misspelt in the file of examples does not pass unseen."""
    with pytest.raises(KeyError, match="elsewhere"):
        document_with("elsewhere", "{}")


def test_example_with_given_data_is_a_call() -> None:
    """The call of an example needs the document that it is made on."""
    assert Example("Mend it.", given="{}", bad="load()").is_call
    assert not Example("Mend it.", at="root", bad="a: 1").is_call
