"""Generated pages of the documents: up to date and complete."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import naftiko
from naftiko.document.rules import RULES
from naftiko.document.source import read_text
from support.shared import ROOT

FOLDER = ROOT / "docs" / "generators"


def generator(name: str) -> ModuleType:
    """Import a page generator from its file, as its folder is not a package."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = generator("reference")
SCHEMA: dict[str, Any] = json.loads(
    (ROOT / "schemas" / "naftiko-1.0.0-alpha2.json").read_text("utf-8")
)
NOUNS = [noun for nouns in REFERENCE.CHAPTERS.values() for noun in nouns]


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("[!_]*.py")), ids=lambda path: path.stem
)
def test_generated_page_is_up_to_date(path: Path) -> None:
    """A generated page equals its generator's output.

    `python docs/generators` writes the pages again.
    """
    page = ROOT / "docs" / f"{path.stem}.md"
    assert page.read_text("utf-8") == generator(path.stem).render()


def test_api_page_has_every_public_name() -> None:
    """Each public name has a heading in the API page, and no other name has one."""
    assert generator("api").names() | {"__version__"} == set(naftiko.__all__)


def test_every_part_of_the_schema_is_in_the_reference() -> None:
    """Each schema definition is a heading of the reference or a choice of others."""
    without = {"FunctionOutputs"}  # the form of a key, explained at that key
    assert {*NOUNS, *REFERENCE.CHOICES} - {""} | without == set(SCHEMA["$defs"])


@pytest.mark.parametrize("noun", NOUNS)
def test_every_key_is_explained(noun: str) -> None:
    """Each key of the schema has a description, an example and its first version."""
    for key, part in REFERENCE.keys(noun, SCHEMA).items():
        assert part.get("description"), f"{noun}.{key}"
        assert REFERENCE.example(noun, key, SCHEMA) is not None, f"{noun}.{key}"
        assert REFERENCE.since(noun, key) in (
            "0.4",
            "0.5",
            "1.0.0-alpha1",
            "1.0.0-alpha2",
        )


def _examples() -> list[tuple[str, Any, Any]]:
    """Return each example of the schema with its name and the schema it must match."""
    shown = [("document", SCHEMA, example) for example in SCHEMA["examples"]]
    for noun, whole in SCHEMA["$defs"].items():
        rules = {"$ref": f"#/$defs/{noun}", "$defs": SCHEMA["$defs"]}
        shown += [(noun, rules, example) for example in whole.get("examples", ())]
        for key, part in whole.get("properties", {}).items():
            rules = {**part, "$defs": SCHEMA["$defs"]}
            shown += [
                (f"{noun}.{key}", rules, example)
                for example in part.get("examples", ())
            ]
    return shown


def test_every_example_of_the_schema_is_valid() -> None:
    """Each example in the schema is valid against its own part of the schema."""
    from jsonschema import Draft202012Validator

    for name, rules, example in _examples():
        problems = [e.message for e in Draft202012Validator(rules).iter_errors(example)]
        assert not problems, name


def test_tables_of_the_generator_name_existing_keys() -> None:
    """Versions, conditions and codes in the generator belong to keys of the schema."""
    named = {*REFERENCE.SINCE, *REFERENCE.REQUIRED}
    for name in named:
        noun, dot, key = name.partition(".")
        assert noun in NOUNS, name
        assert not dot or key in REFERENCE.keys(noun, SCHEMA), name
    for noun, codes in REFERENCE.CODES.items():
        known = {"", *REFERENCE.keys(noun, SCHEMA), *REFERENCE.ALSO_READ.get(noun, ())}
        assert set(codes) <= known, noun


def test_codes_of_keys_are_complete() -> None:
    """Each problem code is listed at a key, unless it concerns the text or any key."""
    named = {
        code
        for of_keys in REFERENCE.CODES.values()
        for codes in of_keys.values()
        for code in codes
    }
    anywhere = {
        "S-unknown-key",
        "W-key-unknown",
        "W-key-misplaced",
        "E-unreadable",
        "E-source-truncated",
    }
    anywhere |= {"W-source-truncated", "W-yaml-merge", "W-key-inert"}
    others = {c for c in RULES if c.startswith(("E-yaml-", "E-schema-"))} | anywhere
    assert named == set(RULES) - others


def test_members_left_out_of_the_api_page_exist() -> None:
    """Each member on the generator's list of internal members exists in its class."""
    api = generator("api")
    for name, members in api.INTERNAL.items():
        kind = getattr(naftiko, name)
        documented = re.findall(r"^ {4,8}(\w+): ", kind.__doc__ or "", re.MULTILINE)
        assert members <= {*dir(kind), *documented}, name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('  .consumes: "0.5"', "  .consumes: 0.5", "since..consumes': expected a str"),
        ("  Info: [title, name]", "  Info:", "alsoRead.Info': expected a list"),
        ("[W-info-label]", "W-info-label", "codes.Info.label': expected a list"),
        ("since:", "until:", "the fact 'since' is missing"),
        ("since:", "more: {a: b}\n\nsince:", "'more': no fact has this name"),
    ],
)
def test_malformed_fact_of_the_reference_is_named(
    old: str, new: str, message: str
) -> None:
    """The error names file and entry, so that it is found in the long file."""
    text = (FOLDER / "reference.yaml").read_text("utf-8")
    assert old in text
    document = read_text(text.replace(old, new, 1), "reference.yaml")
    with pytest.raises(ValueError, match=r"^reference\.yaml:") as caught:
        REFERENCE.facts(document)
    assert message in str(caught.value)
