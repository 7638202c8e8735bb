"""Write `docs/reference.md`: every key of a capability file.

    schemas/naftiko-1.0.0-alpha2.json    types, required keys, meanings, examples
    schemas/naftiko-observed.json        keys that are read but not published
    reference.yaml, beside this file     what a JSON Schema cannot say

The text is the same on every run. A test compares it with the file, and asks that each
key has a type, a meaning, an example and a version.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naftiko.document.rule_examples import examples
from naftiko.document.source import read

if TYPE_CHECKING:
    from naftiko.document.document import Document
    from naftiko.plain import DocumentPath

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "reference.md"
SCHEMAS = ROOT / "schemas"

#: Fact → the shape of its entries: what stands for each key, from outside in.
_SHAPES: dict[str, tuple[type, ...]] = {
    "chapters": (list, str),
    "about": (str,),
    "choices": (list, str),
    "chapterOf": (str,),
    "since": (str,),
    "required": (str,),
    "observed": (str,),
    "alsoRead": (list, str),
    "codes": (dict, list, str),
}


def facts(document: Document) -> dict[str, dict[str, Any]]:
    """Return the facts of a document such as `reference.yaml`.

    Raises:
        ValueError: A fact is missing, unknown, or not of its shape; the message names
            file, line and entry.
    """
    data = document.data if isinstance(document.data, dict) else {}
    for name in sorted({*data, *_SHAPES}):
        if name not in data:
            raise ValueError(f"{document.name}: the fact '{name}' is missing")
        if name not in _SHAPES:
            raise _wrong(document, (name,), "no fact has this name")
        _check(document, (name,), data[name], (dict, *_SHAPES[name]))
    return data


def _check(
    document: Document, path: DocumentPath, value: Any, shape: tuple[type, ...]
) -> None:
    kind, *inner = shape
    if not isinstance(value, kind) or not value:
        raise _wrong(document, path, f"expected a {kind.__name__} that is not empty")
    if isinstance(value, dict):
        entries = list(value.items())
    else:
        entries = list(enumerate(value)) if isinstance(value, list) else []
    for key, entry in entries:
        # The empty noun is the document.
        if entry != "" or path[0] != "chapters":
            _check(document, (*path, key), entry, tuple(inner))


def _wrong(document: Document, path: DocumentPath, why: str) -> ValueError:
    where = document.locate(path, key=isinstance(path[-1], str))
    entry = ".".join(map(str, path))
    return ValueError(f"{where.file}:{where.line}: '{entry}': {why}")


_FACTS = facts(read(Path(__file__).with_suffix(".yaml")))
CHAPTERS: dict[str, list[str]] = _FACTS["chapters"]
CHOICES: dict[str, list[str]] = _FACTS["choices"]
CHAPTER_OF: dict[str, str] = _FACTS["chapterOf"]
ABOUT: dict[str, str] = _FACTS["about"]
SINCE: dict[str, str] = _FACTS["since"]
REQUIRED: dict[str, str] = _FACTS["required"]
OBSERVED: dict[str, str] = _FACTS["observed"]
ALSO_READ: dict[str, list[str]] = _FACTS["alsoRead"]
CODES: dict[str, dict[str, list[str]]] = _FACTS["codes"]
#: The form of the outputs of a function depends on what does its work.
OUTPUTS = (
    "MappedOutputParameter",
    "OrchestratedOutputParameter",
    "FixedOutputParameter",
)
_PLAIN = re.compile(r"[A-Za-z0-9$./_][\w$./@ -]*[\w.)]|[\w$]")
_MOST = 48


def render() -> str:
    """Return the text of `docs/reference.md`."""
    published = _read("1.0.0-alpha2")
    lines = [_INTRODUCTION]
    for chapter, nouns in CHAPTERS.items():
        lines.append(f"## {chapter}\n")
        if chapter in ABOUT:
            lines.append(f"{ABOUT[chapter]}\n")
        for noun in nouns:
            lines += _noun(noun, published)
    return "\n".join(lines).rstrip("\n") + "\n"


_INTRODUCTION = """\
# Reference of every key

`docs/generators/reference.py` makes this page from `schemas/`; change it there.
The same texts are what an editor shows: `naftiko schema` prints them.
To learn how a file is written, start with [authoring.md](authoring.md).

- **Type**: *text*, *number*, *whole number*, *boolean*, *list of …*, *mapping* (name → value), a link to another part of this page, or the texts that are allowed.
- **Required**: the published rules ask for the key. The observed rules, which `naftiko validate` follows by default, ask for less.
- **Since**: the version of the specification that brought the key.
- **Codes**: the problems that concern the key, explained in [errors.md](errors.md). Three of them can come with every key: `E-schema-type` (a wrong type), `E-schema-missing` (a key is missing), `S-unknown-key` (the key is unknown).
"""  # noqa: E501


def _read(version: str) -> dict[str, Any]:
    path = SCHEMAS / f"naftiko-{version}.json"
    schema: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return schema


def definition(noun: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a noun; the empty noun is the whole document."""
    whole: dict[str, Any] = schema["$defs"][noun] if noun else schema
    # A body is a mapping or a text; only the mapping has keys.
    return {**whole, **whole["then"]} if noun == "RequestBody" else whole


def keys(noun: str, schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return key → its schema; keys of nested mappings are written with dots."""
    return _keys(definition(noun, schema))


def _keys(mapping: dict[str, Any]) -> dict[str, dict[str, Any]]:
    below: dict[str, dict[str, Any]] = {}
    for key, part in mapping.get("properties", {}).items():
        needed = key in mapping.get("required", ())
        below[key] = {**part, "needed": needed}
        for name, inner in _keys(part).items():
            below[f"{key}.{name}"] = inner
    return below


def since(noun: str, key: str) -> str:
    """Return the version of the specification that brought a key."""
    first = key.partition(".")[0]
    return SINCE.get(f"{noun}.{first}") or SINCE.get(noun, "0.4")


def example(noun: str, key: str, schema: dict[str, Any]) -> Any:
    """Return the example of a key, or `None`.

    It stands beside the key, or is a member of an example of the noun.
    """
    part = keys(noun, schema)[key]
    if "examples" in part:
        return part["examples"][0]
    for whole in definition(noun, schema)["examples"]:
        value: Any = whole
        for name in key.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


# --- One noun -----------------------------------------------------------------------


def _title(noun: str, schema: dict[str, Any]) -> str:
    return str(definition(noun, schema)["title"]) if noun else "Root"


def _noun(noun: str, schema: dict[str, Any]) -> list[str]:
    whole = definition(noun, schema)
    lines = [f"### {_title(noun, schema)}\n"]
    if not noun:
        lines.append("The keys at the top of the file.\n")
    else:
        lines.append(f"{whole['description']}\n")
        if places := _places(noun, schema):
            lines.append(f"Written at: {'; '.join(places)}.\n")
        if "pattern" in whole:
            lines.append(f"Pattern: {whole['$comment']}.\n")
    for value in whole.get("examples", ()):
        lines += _yaml(value)
    rows = [_row(noun, key, schema) for key in keys(noun, schema)]
    if rows:
        lines += [
            "| Key | Type | Required | Default | Meaning | Example | Since |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    if noun in ALSO_READ:
        lines.append(_also_read(noun))
    if noun in CODES:
        of_keys = (
            (f"`{key}`: " if key else "") + ", ".join(map(_code, codes))
            for key, codes in CODES[noun].items()
        )
        lines.append(f"Codes: {'; '.join(of_keys)}.\n")
    return lines


def _code(code: str) -> str:
    """Return a code as a link to its example, or to the table of codes."""
    has_example = {rule.code for rule, shown in examples().items() if shown.bad}
    return f"[{code}](errors.md#{code.lower() if code in has_example else 'codes'})"


def _row(noun: str, key: str, schema: dict[str, Any]) -> str:
    part = keys(noun, schema)[key]
    value = example(noun, key, schema)
    shown = f"{key.rpartition('.')[2]}: {_flow(value)}"
    default = part.get("default")
    cells = (
        f"`{key}`",
        _type(part, schema),
        _required(noun, key, part, schema),
        "–" if default is None else f"`{_flow(default)}`",
        _meaning(part, schema),
        f"`{shown}`" if len(shown) <= _MOST else "above",
        since(noun, key),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _required(noun: str, key: str, part: dict[str, Any], schema: dict[str, Any]) -> str:
    chosen_by = [choice for choice, nouns in CHOICES.items() if noun in nouns]
    if part["needed"] or any(
        key in definition(choice, schema).get("required", ()) for choice in chosen_by
    ):
        return "yes"
    if word := REQUIRED.get(f"{noun}.{key}"):
        return word
    whole = definition(noun, schema)
    for group in (whole.get("oneOf", ()), whole.get("anyOf", ())):
        others = [choice["required"][0] for choice in group if "required" in choice]
        if key in others:
            rest = " or ".join(f"`{other}`" for other in others if other != key)
            return f"or {rest}"
    return "no"


def _meaning(part: dict[str, Any], schema: dict[str, Any]) -> str:
    text = part.get("description") or _target(part, schema)["description"]
    return str(text)


def _target(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return definition(part["$ref"].rpartition("/")[2], schema)


# --- Types --------------------------------------------------------------------------

_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "boolean",
    "array": "list",
    "object": "mapping",
}


def _type(part: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in part:
        return _link(part["$ref"].rpartition("/")[2], schema)
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    kinds = part.get("type", ())
    if isinstance(kinds, list):
        return " or ".join(_WORDS[kind] for kind in kinds)
    if kinds == "array":
        if "items" in part:
            return f"list of {_type(part['items'], schema)}"
        return f"list of {_link(OUTPUTS[0], schema)}"
    if kinds == "object" and isinstance(part.get("additionalProperties"), dict):
        return f"mapping: name → {_type(part['additionalProperties'], schema)}"
    return _WORDS.get(str(kinds), "any value") + _limits(part)


def _limits(part: dict[str, Any]) -> str:
    if "$comment" in part:
        return f": {part['$comment']}"
    low, high = part.get("minimum"), part.get("maximum")
    if high is not None:
        return f", {low} to {high}"
    if low is not None:
        return f", from {low}"
    if "maxLength" in part:
        return f", at most {part['maxLength']} characters"
    return ""


def _link(noun: str, schema: dict[str, Any]) -> str:
    if noun in CHAPTER_OF:
        title = CHAPTER_OF[noun]
        return f"[{title}](#{anchor(title)})"
    if noun in CHOICES:
        return " or ".join(_link(one, schema) for one in CHOICES[noun])
    title = _title(noun, schema)
    return f"[{title}](#{anchor(title)})"


def anchor(title: str) -> str:
    """Return the fragment that a forge gives to a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _places(noun: str, schema: dict[str, Any]) -> list[str]:
    """Return the keys that hold a noun, as links to where they are explained."""
    wanted = {noun, *(choice for choice, nouns in CHOICES.items() if noun in nouns)}
    if "pattern" in definition(noun, schema):
        return []
    places: dict[str, list[str]] = {}
    for other in (noun for nouns in CHAPTERS.values() for noun in nouns):
        for key, part in keys(other, schema).items():
            is_output = key == "outputParameters" and "items" not in part
            holders = set(OUTPUTS) if is_output else _references(part)
            is_form = (noun, other, key) == ("FormPart", "RequestBody", "data")
            if wanted & holders or is_form:
                places.setdefault(key, []).append(_link(other, schema))
    return [f"`{key}` of {', '.join(links)}" for key, links in places.items()]


def _references(part: Any) -> set[str]:
    """Return the nouns that a key holds, alone, in a list or in a mapping."""
    if not isinstance(part, dict):
        return set()
    if "$ref" in part:
        return {part["$ref"].rpartition("/")[2]}
    return _references(part.get("items")) | _references(
        part.get("additionalProperties")
    )


# --- Values as YAML -----------------------------------------------------------------


def _yaml(value: Any) -> list[str]:
    lines = _block(value, "") if isinstance(value, dict) else [_flow(value)]
    return ["```yaml", *lines, "```", ""]


def _block(value: Any, indent: str) -> list[str]:
    """Return a value as lines of YAML; what fits on a line stays on one."""
    if isinstance(value, list):
        lines = []
        for item in value:
            first, *rest = _block(item, f"{indent}  ")
            lines += [f"{indent}- {first.lstrip()}", *rest]
        return lines
    if not isinstance(value, dict):
        return [f"{indent}{_flow(value)}"]
    lines = []
    for key, member in value.items():
        shown = f"{indent}{key}: {_flow(member)}"
        if isinstance(member, dict | list) and len(shown) > _WIDTH:
            lines += [f"{indent}{key}:", *_block(member, f"{indent}  ")]
        else:
            lines.append(shown)
    return lines


_WIDTH = 78


def _flow(value: Any) -> str:
    """Return a value as YAML on one line.

    {"a": ["x y", 1]} → {a: [x y, 1]}
    """
    if isinstance(value, dict):
        members = (f"{key}: {_flow(member)}" for key, member in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not _is_other(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_other(text: str) -> bool:
    """Tell whether YAML reads a plain text as something else: a number, a boolean."""
    return bool(re.fullmatch(r"[-+.\d][\d.eE_+-]*|true|false|null|yes|no", text))


def _also_read(noun: str) -> str:
    observed = _read("observed")
    if noun == "Info":
        properties = observed["properties"]["info"]["properties"]
    else:
        properties = observed["$defs"][OBSERVED[noun]]["properties"]
    texts = (
        f"`{key}` ({properties[key]['description'].rstrip('.').lower()})"
        for key in ALSO_READ[noun]
    )
    return (
        f"Also read, though the published rules do not have it: {', '.join(texts)}.\n"
    )


if __name__ == "__main__":
    FILE.write_text(render(), "utf-8")
