"""The names of one document, and the places that use them."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.expressions import Scope
from naftiko.linking.names import (
    is_bare_variable,
    is_no_template,
    texts_of,
    variables_of,
)
from naftiko.search import likeness
from support.building import document
from support.linking import names

SCOPE = Scope(frozenset(["TOKEN", "region"]), (("vault.TOKEN", "TOKEN"),))


def test_texts_are_found_with_their_places() -> None:
    """Texts at any depth are yielded in order; keys and other scalars are not."""
    data = {"a": "1", "b": ["2", {"c": "3", "d": 4}, None, True], "e": {}}
    assert list(texts_of(data, ("x",))) == [
        (("x", "a"), "1"),
        (("x", "b", 0), "2"),
        (("x", "b", 1, "c"), "3"),
    ]
    assert list(texts_of("lone", ())) == [((), "lone")]
    assert list(texts_of(None, ())) == []


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("{{TOKEN}}", ["TOKEN"]),
        ("{{UNBOUND}}/{{id}}", ["UNBOUND"]),
        ("{{region}}", ["region"]),
        ("{{vault.TOKEN}}", ["TOKEN"]),
        ("{{env.TOKEN}} {{env.OTHER}}", ["TOKEN", "OTHER"]),
        ("{{tools.TOKEN}}", []),
        ("env.TOKEN", ["TOKEN"]),
        ("say env.TOKEN", []),
        ("TOKEN {TOKEN} ${TOKEN}", []),
        ("{{#TOKEN}}", []),
        ("", []),
    ],
)
def test_text_refers_to_variables(text: str, variables: list[str]) -> None:
    """Only references to bound names, and names in the form of one, are variables."""
    assert variables_of(text, SCOPE) == variables


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("env.TOKEN", True),
        ("env.T_1", True),
        ("env.token", False),
        ("env.", False),
        ("{{env.TOKEN}}", False),
        ("env.TOKEN ", False),
        (["env.TOKEN"], False),
        (None, False),
    ],
)
def test_bare_variable_is_a_text_of_its_own(value: Any, expected: bool) -> None:
    """A variable without braces is one only where the whole text is its name."""
    assert is_bare_variable(value) is expected


def test_text_that_cannot_be_parsed_is_no_template() -> None:
    """Sections, partials and empty references are no templates; all other texts are."""
    for text in ("{{#a}}", "{{>part}}", "{{!no}}", "{{}}"):
        assert is_no_template(text)
    for text in ("", "{{a}}", "{{a", "a}}", "{#a}"):
        assert not is_no_template(text)


def test_first_place_of_a_variable_is_kept() -> None:
    """A finding about a variable points at the place that refers to it first."""
    known = names(document())
    known.use("A", ("first",))
    known.use_all({"x": "{{A}}", "y": ["{{B}}", "{{B}} {{C}}"]}, ("second",))
    assert known.used == {
        "A": ("first",),
        "B": ("second", "y", 0),
        "C": ("second", "y", 1),
    }


def test_node_stands_at_its_place() -> None:
    """A place that the document does not have, as in an imported file, has no node."""
    known = names(document())
    adapter = ("capability", "consumes", 0)
    assert known.node((*adapter, "namespace")) == "api"
    assert known.node(()) is known.findings.document.data
    for path in ((*adapter, "nothing"), (*adapter, 7), (*adapter, "namespace", "x")):
        assert known.node(path) is None


def test_first_text_is_looked_for_below_a_place() -> None:
    """The place of the first such text is returned, or an empty one."""
    known = names(document({"body": {"data": {"a": ["x", "y"], "b": "y"}}}))
    at = ("capability", "consumes", 0, "resources", 0, "operations", 0, "body", "data")
    assert known.first_text(at, lambda text: text == "y") == (*at, "a", 1)
    assert known.first_text((*at, "b"), lambda text: text == "y") == (*at, "b")
    assert known.first_text(at, lambda text: text == "z") == ()


def test_namespaces_are_those_of_consumed_adapters() -> None:
    """An adapter that is exposed is nothing that a call can name."""
    data = document()
    data["capability"]["exposes"] = [{"type": "mcp", "namespace": "m", "port": 1}]
    assert names(data).namespaces == {"api"}


def test_nearest_name_is_suggested() -> None:
    """A hint has the name most like the wrong one, or nothing."""
    known = names(document())
    declared = ["docker.list", "docker.logs"]
    assert known.nearest("docker.lst", declared) == "docker.list"
    assert known.suggest("docker.lst", declared) == "did you mean 'docker.list'?"
    assert known.nearest("zzz", declared) == known.suggest("zzz", declared) == ""
    assert known.suggest("docker", []) == ""


def test_comparisons_of_one_document_are_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A document of very many wrong names gets no hint for the last of them."""
    monkeypatch.setattr(likeness, "MOST_COMPARISONS", 4)
    known = names(document())
    with likeness.limited_comparisons():
        near = [known.nearest("lst", ["list", "logs"]) for _ in range(3)]
    assert near == ["list", "list", ""]
