"""The prompts of an MCP adapter, filled in; served ones are in `cases/prompts.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from naftiko.document import rules
from naftiko.document.findings import Finding
from naftiko.exposes.mcp.prompts import Prompt, PromptError, Prompts
from naftiko.spec.adapters import PromptArgument, PromptMessage, PromptSpec
from naftiko.spec.model import Exposes


def _prompt(*contents: str, **more: Any) -> Prompt:
    """Return a prompt with these messages of the user."""
    messages = tuple(PromptMessage("user", text) for text in contents)
    return Prompt(PromptSpec("plan", messages=messages, **more), None)


def _texts(prompt: Prompt, **given: str) -> list[str]:
    return [message["content"]["text"] for message in prompt.messages(given)]


def test_entry_has_what_the_prompt_says_of_itself() -> None:
    """A label is a title, a description one line; what is empty is left out."""
    arguments = (
        PromptArgument("a", "A", "One\n  line."),
        PromptArgument("b", required=False),
    )
    prompt = _prompt(
        "x", label="Plan it", description=" Two\nlines. ", arguments=arguments
    )
    assert prompt.entry == {
        "name": "plan",
        "title": "Plan it",
        "description": "Two lines.",
        "arguments": [
            {"name": "a", "title": "A", "description": "One line.", "required": True},
            {"name": "b", "required": False},
        ],
    }
    assert _prompt("x").entry == {"name": "plan"}


def test_messages_keep_their_roles() -> None:
    """Each message is a text of whoever says it."""
    messages = (PromptMessage("user", "a {{x}}"), PromptMessage("assistant", "b"))
    prompt = Prompt(PromptSpec("p", messages=messages), None)
    assert prompt.messages({"x": "1"}) == [
        {"role": "user", "content": {"type": "text", "text": "a 1"}},
        {"role": "assistant", "content": {"type": "text", "text": "b"}},
    ]


@pytest.mark.parametrize(
    ("text", "given", "filled"),
    [
        ("{{a}}{{ a }}{{\ta\n}}", {"a": "x"}, "xxx"),
        ("{{a}} {{b}}", {"a": "{{b}}", "b": "{{a}}"}, "{{b}} {{a}}"),
        ("{{a}}", {"a": r"\1\g<0>\\"}, r"\1\g<0>\\"),
        ("{{a}}", {"a": ""}, ""),
        ("{{a}} {{ b }}", {}, "{{a}} {{ b }}"),
        ("{a} {{a b}} {{#a}}", {"a": "x"}, "{a} {{a b}} {{#a}}"),
        ("{{ship-name}} {{a.b}}", {"ship-name": "x", "a.b": "y"}, "x y"),
    ],
)
def test_value_is_put_in_once(text: str, given: dict[str, str], filled: str) -> None:
    """Nothing in a value is special; a placeholder without a value stays as it is."""
    assert _texts(_prompt(text), **given) == [filled]


def test_missing_arguments_are_all_named() -> None:
    """A required argument may be empty, but has to be given."""
    arguments = (
        PromptArgument("a"),
        PromptArgument("b"),
        PromptArgument("c", required=False),
    )
    prompt = _prompt("{{a}}{{b}}{{c}}", arguments=arguments)
    with pytest.raises(PromptError) as caught:
        prompt.messages({"c": "x"})
    message = "the prompt 'plan' needs 'a', 'b'; it takes: a, b, c"
    assert (str(caught.value), caught.value.is_callers) == (message, True)
    assert _texts(prompt, a="", b="", other="x") == ["{{c}}"]


def test_prompt_with_a_problem_tells_the_first() -> None:
    """A problem of the document is told before missing arguments, and is no caller's."""
    problems = tuple(Finding(rules.PROMPT, (), text) for text in ("first", "second"))
    prompt = _prompt("x", arguments=(PromptArgument("a"),), problems=problems)
    with pytest.raises(PromptError) as caught:
        prompt.messages({})
    assert (str(caught.value), caught.value.is_callers) == ("first", False)


def test_file_is_one_message_of_the_user(tmp_path: Path) -> None:
    """A file beside the document is read each time, and filled in like a template."""
    prompt = Prompt(PromptSpec("p", location="p.md"), tmp_path)
    for text in ("a {{x}}\n", "b {{x}}"):
        (tmp_path / "p.md").write_text(text, "utf-8-sig")
        filled = text.replace("{{x}}", "1")
        assert prompt.messages({"x": "1"}) == [
            {"role": "user", "content": {"type": "text", "text": filled}}
        ]


@pytest.mark.parametrize(
    "location", ["none.md", "folder", "binary", "latin", "https://a.test/p.md"]
)
def test_file_that_is_no_text_is_no_fault_of_the_caller(
    tmp_path: Path, location: str
) -> None:
    """The error names the prompt; where its file stands is nothing for a client."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"a\0b")
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    prompt = Prompt(PromptSpec("p", location=location), tmp_path)
    with pytest.raises(PromptError) as caught:
        prompt.messages({})
    message = "the file of the prompt 'p' cannot be read as a text"
    assert (str(caught.value), caught.value.is_callers) == (message, False)


def test_argument_is_completed_from_its_values() -> None:
    """An argument of any value has none to offer; one that is not there is `None`."""
    arguments = (PromptArgument("size", values=("s", "l")), PromptArgument("free"))
    prompt = _prompt("x", arguments=arguments)
    assert prompt.complete("size") == ["s", "l"]
    assert prompt.complete("free") == []
    assert prompt.complete("none") is None


def test_prompts_are_found_by_name() -> None:
    """Prompts are listed in order; an unknown one is told the nearest name."""
    specs = tuple(PromptSpec(name) for name in ("plan", "rules"))
    prompts = Prompts(Exposes("mcp", "m", prompts=specs), None)
    assert len(prompts) == 2
    assert prompts.entries() == [{"name": "plan"}, {"name": "rules"}]
    assert prompts.get("rules").name == "rules"
    for name, message in (
        ("plann", "Unknown prompt: plann; did you mean 'plan'?"),
        ("zzz", "Unknown prompt: zzz"),
    ):
        with pytest.raises(PromptError) as caught:
            prompts.get(name)
        assert (str(caught.value), caught.value.is_callers) == (message, True)
    assert len(Prompts(Exposes("mcp", "m"), None)) == 0
