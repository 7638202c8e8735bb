"""Read the prompts of an MCP adapter (spec 4.5).

    - {name: plan, arguments: [{name: day}], template: [{content: "On {{day}}"}]}
        →  PromptSpec("plan", arguments=(PromptArgument("day"),),
                      messages=(PromptMessage("user", "On {{day}}"),))

A prompt that cannot be used stays in the list, with its problems. No file is opened.
This module must not know how a prompt is given to a client.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.document.findings import SET, Mention, pointer, surely_meant
from naftiko.errors import Edit, did_you_mean, names_of, shorten
from naftiko.locations import path_of
from naftiko.plain import text_of
from naftiko.spec.adapters import PromptArgument, PromptMessage, PromptSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.findings import Finding, Findings
    from naftiko.plain import JSON, DocumentPath

#: Where the value of an argument goes in the text of a message.
PLACEHOLDER = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")
_ROLES = ("user", "assistant")


def read_prompts(
    data: JSON, path: DocumentPath, findings: Findings
) -> Iterator[PromptSpec]:
    """Yield the prompts of an adapter that have a name; of one name the first counts.

    Args:
        data: The value of `prompts`.
        path: Its place.
        findings: Where findings go.
    """
    first: dict[str, DocumentPath] = {}
    for at, entry in findings.mappings(data, path):
        name = text_of(entry.get("name"))
        if not name.strip():
            findings.dropped(
                at, "a prompt without a name is left out", "add `name:` to it"
            )
        elif name in first:
            findings.add(
                rules.PROMPT_DUPLICATE,
                (*at, "name"),
                f"the prompt '{shorten(name)}' is declared twice; the first one wins",
                "rename one of them",
                related=(Mention(first[name], "first declared here"),),
            )
        else:
            first[name] = at
            yield _prompt(name, entry, at, findings)


def _prompt(
    name: str, entry: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> PromptSpec:
    problems: list[Finding] = []
    arguments = tuple(_arguments(entry, at, findings))
    location = text_of(entry.get("location"))
    messages: tuple[PromptMessage, ...] = ()
    if location and "template" in entry:
        findings.dropped(
            (*at, "template"),
            f"the prompt '{shorten(name)}' has a `location`, so its `template` is left"
            " out",
            "keep one of the two",
        )
    elif not location:
        messages = tuple(_messages(name, entry, at, findings, problems))
        _check_placeholders(entry, arguments, at, findings)
    if location and path_of(location, Path()) is None:
        problems.append(
            findings.add(
                rules.LOCATION,
                (*at, "location"),
                f"the prompt '{shorten(name)}': the location '{shorten(location)}' is"
                " no file: URI",
                "write `location: file:///…`, or a `template`",
            )
        )
    if not location and not entry.get("template"):
        problems.append(
            findings.add(
                rules.PROMPT,
                at,
                f"the prompt '{shorten(name)}' has no messages",
                "add `template: [{role: user, content: …}]`, or `location: file:///…`",
            )
        )
    return PromptSpec(
        name,
        text_of(entry.get("label")),
        text_of(entry.get("description")),
        arguments,
        messages,
        location,
        tuple(problems),
        at,
    )


def _arguments(
    entry: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> Iterator[PromptArgument]:
    for where, data in findings.mappings(entry.get("arguments"), (*at, "arguments")):
        name = text_of(data.get("name"))
        if not name:
            findings.dropped(
                where,
                "an argument of a prompt without a name is left out",
                "add `name:` to it",
            )
            continue
        values = data.get("enum")
        known: tuple[str, ...] | None = None
        if isinstance(values, list):
            known = tuple(map(text_of, values))
        elif data.get("type") == "boolean":
            known = ("true", "false")
        yield PromptArgument(
            name,
            text_of(data.get("label")),
            text_of(data.get("description")),
            data.get("required") is not False,
            known,
            where,
        )


def _messages(
    name: str,
    entry: Mapping[str, JSON],
    at: DocumentPath,
    findings: Findings,
    problems: list[Finding],
) -> Iterator[PromptMessage]:
    for where, data in findings.mappings(entry.get("template"), (*at, "template")):
        role = text_of(data.get("role")) or "user"
        if role not in _ROLES:
            meant = surely_meant(role, _ROLES)
            at_role = pointer((*where, "role"))
            problem = findings.add(
                rules.PROMPT,
                (*where, "role"),
                f"the prompt '{shorten(name)}' has a message of the unknown role"
                f" '{shorten(role)}'",
                did_you_mean(role, _ROLES) or f"use one of {names_of(_ROLES)}",
                fix=Edit(SET, at_role, meant) if meant else None,
            )
            problems.append(problem)
        yield PromptMessage(role, text_of(data.get("content")))


def _check_placeholders(
    entry: Mapping[str, JSON],
    arguments: tuple[PromptArgument, ...],
    at: DocumentPath,
    findings: Findings,
) -> None:
    """Note placeholders that name no argument: they stay in the text as they are."""
    declared = [argument.name for argument in arguments]
    template = entry.get("template")
    for index, message in enumerate(template if isinstance(template, list) else ()):
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, str):
            continue
        for name in dict.fromkeys(PLACEHOLDER.findall(content)):
            if name not in declared:
                findings.add(
                    rules.PROMPT_ARGUMENT,
                    (*at, "template", index, "content"),
                    f"'{{{{{shorten(name)}}}}}' names no argument of the prompt, and"
                    " stays in the text",
                    did_you_mean(name, declared) or "declare it in `arguments`",
                )
