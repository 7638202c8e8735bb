"""The prompts of an MCP adapter, read; the cases are in `tests/spec/cases/prompts.yaml`."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.document.findings import Findings
from naftiko.errors import Edit
from naftiko.spec.adapters import PromptArgument, PromptMessage, PromptSpec
from naftiko.spec.prompts import PLACEHOLDER, read_prompts
from support.casefiles import cases
from support.reading import check
from support.records import findings, said


@pytest.mark.parametrize("case", cases("spec/cases", "prompts"))
def test_prompts_in_a_document(case: dict[str, Any]) -> None:
    """Prompts get the findings that their case lists, at the listed places."""
    check(case)


def _read(*prompts: Any) -> tuple[list[PromptSpec], Findings]:
    found = findings(list(prompts))
    return list(read_prompts(list(prompts), ("part",), found)), found


def _messages(*contents: Any, **more: Any) -> dict[str, Any]:
    return {"name": "p", "template": [{"content": text} for text in contents], **more}


def test_prompt_of_messages_is_read() -> None:
    """A message is the user's unless it says otherwise, and its text is kept."""
    template = [
        {"content": "On {{ day }}"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": 7},
    ]
    data = {"name": "plan", "label": "l", "description": "d", "template": template}
    (prompt,), found = _read({**data, "arguments": [{"name": "day"}]})
    assert prompt == PromptSpec(
        "plan",
        "l",
        "d",
        (PromptArgument("day", path=("part", 0, "arguments", 0)),),
        (
            PromptMessage("user", "On {{ day }}"),
            PromptMessage("assistant", ""),
            PromptMessage("user", "7"),
        ),
        path=("part", 0),
    )
    assert said(found) == []


@pytest.mark.parametrize(
    ("entry", "argument"),
    [
        ({}, PromptArgument("a")),
        ({"required": False}, PromptArgument("a", required=False)),
        ({"required": "no"}, PromptArgument("a")),
        ({"label": "l", "description": "d"}, PromptArgument("a", "l", "d")),
        ({"enum": ["x", 1, True]}, PromptArgument("a", values=("x", "1", "true"))),
        ({"enum": []}, PromptArgument("a", values=())),
        ({"type": "boolean"}, PromptArgument("a", values=("true", "false"))),
        ({"type": "boolean", "enum": ["on"]}, PromptArgument("a", values=("on",))),
        ({"enum": "x"}, PromptArgument("a")),
    ],
)
def test_argument_of_a_prompt_is_read(entry: Any, argument: PromptArgument) -> None:
    """An argument is required by default, and may have the values that it lists."""
    (prompt,), _ = _read(_messages("x", arguments=[{"name": "a", **entry}]))
    assert prompt.arguments == (argument._replace(path=("part", 0, "arguments", 0)),)


def test_prompt_of_a_file_has_no_messages_of_its_own() -> None:
    """A location stands before a template, and the file is not looked for."""
    (prompt,), found = _read(_messages("{{x}}", location="gone/away.md"))
    assert (prompt.location, prompt.messages) == ("gone/away.md", ())
    assert prompt.problems == ()
    message = "the prompt 'p' has a `location`, so its `template` is left out"
    assert said(found) == [("W-incomplete-dropped", "/part/0/template", message)]


@pytest.mark.parametrize(
    ("prompt", "place", "message"),
    [
        ({"name": "p"}, "", "the prompt 'p' has no messages"),
        ({"name": "p", "template": []}, "", "the prompt 'p' has no messages"),
        (
            {"name": "p", "location": "https://a.test/p"},
            "/location",
            "the prompt 'p': the location 'https://a.test/p' is no file: URI",
        ),
        (
            {"name": "p", "template": [{"role": "system", "content": "x"}]},
            "/template/0/role",
            "the prompt 'p' has a message of the unknown role 'system'",
        ),
    ],
)
def test_unusable_prompt_stays_with_its_problem(
    prompt: Any, place: str, message: str
) -> None:
    """A prompt that cannot be used is listed, and knows why it cannot."""
    (read,), found = _read(prompt)
    assert [problem.message for problem in read.problems] == [message]
    assert list(read.problems) == found.noted
    assert said(found)[0][1] == f"/part/0{place}"


def test_template_of_nothing_readable_is_noted() -> None:
    """A template that is no list is noted as one, and gives no message."""
    (prompt,), found = _read({"name": "p", "template": "x"})
    assert prompt.messages == ()
    message = "expected a list for `template`, got a text ('x'); it is left out"
    assert said(found) == [("W-incomplete-dropped", "/part/0/template", message)]


def test_misspelt_role_can_be_mended() -> None:
    """The edit is offered where one role is surely meant."""
    (_, _), found = _read(
        {"name": "p", "template": [{"role": "User", "content": "x"}]},
        {"name": "q", "template": [{"role": "tool", "content": "x"}]},
    )
    edits = [finding.fix for finding in found.noted]
    assert edits == [Edit("set", "/part/0/template/0/role", "user"), None]


def test_placeholder_that_names_no_argument_is_noted_once() -> None:
    """A message is told once of each name that it has and no argument declares."""
    _, found = _read(
        _messages("{{dya}} {{ dya }} {{day}}", "{{x}}", arguments=[{"name": "day"}])
    )
    rest = "names no argument of the prompt, and stays in the text"
    assert said(found) == [
        ("W-prompt-argument", "/part/0/template/0/content", f"'{{{{dya}}}}' {rest}"),
        ("W-prompt-argument", "/part/0/template/1/content", f"'{{{{x}}}}' {rest}"),
    ]
    assert [finding.hint for finding in found.noted] == [
        "did you mean 'day'?",
        "declare it in `arguments`",
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{a}} {{ b }} {{\tc\n}}", ["a", "b", "c"]),
        ("{{ship-name}} {{a.b}} {{größe}} {{_1}}", ["ship-name", "a.b", "größe", "_1"]),
        ("{a} {{}} {{a b}} {{#a}} {{a}", []),
        ("{{{a}}}", ["a"]),
    ],
)
def test_placeholder_is_a_name_in_two_braces(text: str, names: list[str]) -> None:
    """Only a single name in braces is a placeholder; sections and the like are text."""
    assert PLACEHOLDER.findall(text) == names


def test_first_prompt_of_a_name_counts() -> None:
    """A prompt is found by its name: one without a name, or with a used one, is not."""
    prompts, found = _read(_messages("a"), {"name": " "}, _messages("b"), None)
    assert [prompt.messages[0].content for prompt in prompts] == ["a"]
    assert said(found) == [
        ("W-incomplete-dropped", "/part/1", "a prompt without a name is left out"),
        ("W-prompt-duplicate", "/part/2/name", "the prompt 'p' is declared twice; the first one wins"),
        ("W-incomplete-dropped", "/part/3", "expected a mapping for an entry of `part`, got null; it is left out"),
    ]  # fmt: skip
    assert found.noted[1].related[0].path == ("part", 0)
