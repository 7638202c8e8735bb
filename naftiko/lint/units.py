"""Units whose words are missing or given twice: descriptions, names, templates.

tools: [{name: find, call: shop.find}]       →  W-description
outputParameters: [{name: id}, {name: id}]   →  W-name-duplicate
body: '{"id": {{id}},}'                      →  W-body-json
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.document.findings import Mention
from naftiko.errors import did_you_mean, shorten
from naftiko.plain import mappings_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from naftiko.document.findings import Findings
    from naftiko.lint.vocabulary import Placed
    from naftiko.plain import DocumentPath

_REFERENCE = re.compile(r"\{\{[^{}]*\}\}")
_NAME = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")
_HALF_NAME = re.compile(r"\{\{\s*([^{}\s]+)\s*\}(?!\})|(?<!\{)\{\s*[^{}\s]+\s*\}\}")
_SINGLE = re.compile(r"(?<!\{)\{\s*([A-Za-z_][\w-]*)\s*\}(?!\})")
#: A description that waits for its words.
_UNWRITTEN = re.compile(r"\s*+(?:todo|tbd|fixme|xxx|\.{3}|-+)?[\s.:!]*", re.IGNORECASE)
#: A longer description has words.
_LONG = 12
_TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_USES = {
    "prompt": "people choose a prompt by it",
    "skill": "agents choose a skill by it",
}


def note_description(placed: Placed, findings: Findings) -> None:
    """Note what agents are offered without a word on what it does."""
    data, name = placed.data, placed.part.name
    given = data.get("description")
    if given.__class__ is str and len(given) > _LONG:
        return
    if given is not None and not isinstance(given, str):
        return  # the schema says so
    if given and not _UNWRITTEN.fullmatch(given):
        return
    if data.get("ref") or (name == "exposed-resource" and not data.get("uri")):
        return  # a reference brings its own; a route is for programs
    shown = {"exposed-resource": "resource", "function": "aggregate function"}
    what = f"the {shown.get(name, name)} '{shorten(text_of(data.get('name')))}'"
    state = "no description" if not (given or "").strip() else "no real description"
    findings.add(
        rules.DESCRIPTION,
        (*placed.path, "description") if "description" in data else placed.path,
        f"{what} has {state}; {_USES.get(name, 'agents choose by it')}",
        "say in one sentence what it does: `description: …`",
    )


def note_tool_name(placed: Placed, findings: Findings) -> None:
    """Note a tool whose name MCP clients refuse (MCP 2025-11-25, tool names)."""
    name = placed.data.get("name")
    if isinstance(name, str) and name and not _TOOL_NAME.fullmatch(name):
        meant = re.sub(r"[^A-Za-z0-9_.-]+", "-", name.strip()).strip("-")[:128]
        findings.add(
            rules.TOOL_NAME,
            (*placed.path, "name"),
            f"many MCP clients refuse the tool name '{shorten(name)}'",
            f"write `{meant}`: letters, digits, `-`, `_` and `.` only, at most 128"
            if meant
            else "use letters, digits, `-`, `_` and `.` only",
        )


def note_output_names(placed: Placed, findings: Findings) -> None:
    """Note two outputs of one list that have one name."""
    outputs = placed.data.get("outputParameters")
    if isinstance(outputs, list) and len(outputs) > 1:
        names = [text_of(e.get("name")) for e in outputs if e.__class__ is dict]
        if len(set(names)) == len(names):
            return
        is_consumed = placed.part.name == "consumed-operation"
        places = (
            (where, text_of(entry.get("name")))
            for where, entry in mappings_of(outputs, (*placed.path, "outputParameters"))
            # One that lacks its type or value is left out, and noted as such.
            if not is_consumed or {"type", "value"} <= entry.keys()
        )
        _note_twice(places, "output", "the last one wins", findings)


def note_listed_twice(placed: Placed, findings: Findings) -> None:
    """Note mappings of one unit, or tools of one skill, that share a name."""
    for key, name, effect in (
        ("mappings", "targetName", "the last one wins"),
        ("tools", "name", "agents cannot tell them apart"),
    ):
        listed = placed.data.get(key)
        if isinstance(listed, list) and len(listed) > 1:
            places = (
                (where, text_of(entry.get(name)))
                for where, entry in mappings_of(listed, (*placed.path, key))
            )
            noun = "mapping to" if key == "mappings" else "tool"
            _note_twice(places, noun, effect, findings, key=name)


def note_adapter_names(placed: Placed, findings: Findings) -> None:
    """Note two operations of a REST adapter, or two URIs of an MCP one, alike."""
    at = (*placed.path, "resources")
    if placed.data.get("type") == "mcp":
        uris = (
            (where, text_of(entry.get("uri")))
            for where, entry in mappings_of(placed.data.get("resources"), at)
        )
        _note_twice(uris, "resource", "the first one wins", findings, key="uri")
    if placed.data.get("type") != "rest":
        return
    places = (
        (here, text_of(entry.get("name")))
        for where, resource in mappings_of(placed.data.get("resources"), at)
        for here, entry in mappings_of(
            resource.get("operations"), (*where, "operations")
        )
    )
    _note_twice(places, "operation", "`call` cannot tell them apart", findings)


def _note_twice(
    places: Iterable[tuple[DocumentPath, str]],
    noun: str,
    effect: str,
    findings: Findings,
    *,
    key: str = "name",
) -> None:
    first: dict[str, DocumentPath] = {}
    for at, name in places:
        if name and first.setdefault(name, at) is not at:
            findings.add(
                rules.NAME_DUPLICATE,
                (*at, key),
                f"the {noun} '{shorten(name)}' is declared twice; {effect}",
                "rename one of them",
                related=(Mention((*first[name], key), "first declared here"),),
            )


def note_prompt(placed: Placed, findings: Findings) -> None:
    """Note the arguments of a prompt that no message names in two braces."""
    data = placed.data
    messages = [
        (where, text_of(entry.get("content")))
        for where, entry in mappings_of(
            data.get("template"), (*placed.path, "template")
        )
    ]
    if not messages or data.get("location"):
        return
    names = {name for _, text in messages for name in _NAME.findall(text)}
    halves = {name for _, text in messages for name in _HALF_NAME.findall(text)}
    singles = {
        name: (*where, "content")
        for where, text in messages
        for name in _SINGLE.findall(text)
    }
    arguments = [*mappings_of(data.get("arguments"), (*placed.path, "arguments"))]
    declared = {text_of(entry.get("name")) for _, entry in arguments}
    for at, entry in arguments:
        name = text_of(entry.get("name"))
        # A misspelt reference to it is told where it stands.
        if (
            not name
            or name in names
            or name in halves
            or did_you_mean(name, names - declared)
        ):
            continue
        if name in singles:
            findings.add(
                rules.PROMPT_ARGUMENT,
                singles[name],
                f"'{{{shorten(name)}}}' stays in the text; it is no reference",
                f"did you mean '{{{{{shorten(name)}}}}}'?",
            )
        else:
            findings.add(
                rules.PROMPT_ARGUMENT,
                (*at, "name"),
                f"no message of the prompt uses the argument '{shorten(name)}'",
                f"write `{{{{{shorten(name)}}}}}` where it belongs, or remove it",
            )


def note_json_text(placed: Placed, findings: Findings) -> None:
    """Note a body that is written as JSON and is none, whatever fills it."""
    body = placed.data.get("body")
    at: DocumentPath = (*placed.path, "body")
    is_declared = False
    if isinstance(body, dict):
        if text_of(body.get("type") or "json").lower() != "json":
            return
        is_declared = body.get("type") is not None
        body, at = body.get("data"), (*at, "data")
    if not isinstance(body, str) or not body.strip():
        return
    if not is_declared and not body.lstrip().startswith(("{", "[")):
        return
    if body.lstrip().startswith("{{"):
        return  # the argument is the whole body
    errors = []
    for stand_in in ("0", '"0"', ""):
        try:
            json.loads(_REFERENCE.sub(stand_in, body))
        except (ValueError, RecursionError) as error:
            errors.append(error)
        else:
            return
    first = errors[0]
    line = getattr(first, "lineno", 1)
    where = f" in its line {line}" if "\n" in body.strip() else ""
    findings.add(
        rules.BODY_JSON,
        at,
        f"the body is not well-formed JSON{where}: {_reason(first)}",
        "look for a comma too many, a quotation mark or a bracket that is not closed",
    )


def _reason(error: Exception) -> str:
    return str(getattr(error, "msg", "it is nested too deeply")).lower()
