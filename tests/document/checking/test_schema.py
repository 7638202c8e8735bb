"""Our schema of the published rules gives the verdict of the one that was published.

`format` is an annotation on both sides, as JSON Schema 2020-12 has it by default.
"""

from __future__ import annotations

import json
import random
import re
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import naftiko
from naftiko.document import source
from naftiko.document.checking import schema
from naftiko.document.document import Document
from naftiko.errors import DocumentError
from support.casefiles import cases
from support.mutations import mutated
from support.shared import (
    CAPABILITIES,
    PUBLISHED,
    corpus_files,
    each_or_all,
    needs_corpus,
    needs_spec,
)

try:
    import jsonschema_rs
except ImportError:
    jsonschema_rs = None

#: Without the faster library a comparison takes five times as long.
MUTATIONS = 400


@cache
def published() -> Any:
    """Return a function that tells whether data is valid by the published schema."""
    file = next(PUBLISHED.glob("*alpha2*.json"))
    text = json.loads(file.read_text("utf-8"))
    slow = Draft202012Validator(text).is_valid
    if jsonschema_rs is None:
        return slow
    fast = jsonschema_rs.Draft202012Validator(text, validate_formats=False).is_valid
    # What the faster library calls valid is valid; otherwise the slower one decides.
    return lambda data: fast(data) or slow(data)


def ours(data: Any) -> bool:
    """Tell whether data is valid by our schema."""
    return not schema.check(Document(data), "published")


def valid_documents() -> list[Any]:
    """Return valid documents to mutate: those shipped, and small ones of every form."""
    shipped = [source.read(file).data for file in sorted(CAPABILITIES.glob("*.yaml"))]
    docker = next(d for d in shipped if "Docker" in json.dumps(d)[:500])
    shipped.remove(docker)
    adapter = docker["capability"]["consumes"][0]
    small = json.loads(json.dumps(docker))
    small["capability"]["consumes"] = [
        {**adapter, "resources": adapter["resources"][:4]}
    ]
    for exposes in small["capability"]["exposes"]:
        for key in ("resources", "tools"):
            if key in exposes:
                exposes[key] = exposes[key][:3]
    return [*shipped, small, *examples()]


def examples() -> list[Any]:
    """Return every YAML example of the specification that is one mapping."""
    if not PUBLISHED.is_dir():
        return []
    mappings = []
    for file in sorted(PUBLISHED.parent.glob("*.md")):
        for text in re.findall(
            r"```ya?ml\n(.*?)```", file.read_text("utf-8"), re.DOTALL
        ):
            try:
                data = source.read_text(text).data
            except DocumentError:
                continue
            if isinstance(data, dict):
                mappings.append(data)
    return mappings


@pytest.mark.parametrize("case", cases("document/cases/published"))
def test_broken_rule_is_an_error_at_its_cause(case: dict[str, Any]) -> None:
    """A broken rule of the schema is an error; all other findings are warnings."""
    problems = naftiko.validate(case["text"], schema="published")
    for severity in ("error", "warning"):
        shown = [[p.code, p.line, p.path] for p in problems if p.severity == severity]
        assert shown == case.get(f"{severity}s", [])
    said = "\n".join(f"{problem.message}\n{problem.hint}" for problem in problems)
    assert all(words in said for words in case.get("says", ()))
    assert not any(words in said for words in case.get("silent", ()))


@needs_spec
@needs_corpus
@each_or_all
def test_published_files_get_the_same_verdict(step: int) -> None:
    """Also those that are no capability at all."""
    different = []
    for file in corpus_files()[::step]:
        data = source.read(file).data
        if ours(data) != published()(data):
            different.append(str(file))
    assert different == []


@needs_spec
def test_same_verdict_on_every_example() -> None:
    """The examples of the specification, and those that we ship."""
    assert examples()
    for data in valid_documents():
        assert ours(data) == published()(data), data


@needs_spec
@pytest.mark.parametrize(
    "count", [MUTATIONS // 10, pytest.param(MUTATIONS, marks=pytest.mark.slow)]
)
def test_mutated_documents_get_the_same_verdict(count: int) -> None:
    """Documents with a few changes each; about half of them stay valid."""
    seeds = [d for d in valid_documents() if published()(d)]
    assert len(seeds) >= 5
    rng = random.Random(20260)
    verdicts = [0, 0]
    for number in range(count):
        data = mutated(rng.choice(seeds), rng, rng.choice((1, 1, 2, 4)))
        expected = published()(data)
        verdicts[expected] += 1
        assert ours(data) == expected, (number, data)
    assert min(verdicts) > count // 10


@pytest.mark.skipif(jsonschema_rs is None, reason="the extra `fast` is not installed")
@pytest.mark.parametrize("rules", ["observed", "published"])
@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.slow)])
def test_same_results_with_and_without_the_accelerator(rules: str, count: int) -> None:
    """The faster library only ever says "valid" where the slower one does."""
    version = schema.PUBLISHED if rules == "published" else rules
    seeds = valid_documents()
    rng = random.Random(7)
    for _ in range(count):
        got = Document(mutated(rng.choice(seeds), rng, rng.choice((1, 2))))
        assert schema.check(got, rules) == schema.check_slowly(got.data, version)


@needs_corpus
@pytest.mark.skipif(jsonschema_rs is None, reason="the extra `fast` is not installed")
def test_same_results_on_published_files() -> None:
    """The same, on hundreds of real files."""
    for file in corpus_files()[::12]:
        got = source.read(file)
        assert schema.check(got, "observed") == schema.check_slowly(
            got.data, "observed"
        )
