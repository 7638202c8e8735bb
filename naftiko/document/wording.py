"""A broken rule of a JSON Schema -> a message, a hint and a place."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from naftiko.errors import Problem, did_you_mean, names_of, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from naftiko.document.document import Document
    from naftiko.plain import JSON, DocumentPath, Key

    Broken = Any
    Validator = Any

# What cannot be read at all comes first, then what lacks or misuses a key, then a
# choice nothing fits, then names that only the published rules refuse. Inside one
# group the order is that of the document: every problem stands at its own cause, so
# depth says nothing about relevance, and a reader goes through the file once.
RANK = {
    "E-schema-type": 0,
    "S-unknown-key": 1,
    "E-schema-missing": 1,
    "E-schema-value": 1,
    "S-method": 1,
    "E-schema-choice": 2,
    "S-name": 3,
    "S-parameter-name": 3,
}
_NAMING_KEYS = frozenset(
    "name namespace import as targetNamespace targetName index match".split()  # noqa: SIM905
)
#: Spellings that documents use for a key that has another name, by no near miss.
_OTHER_SPELLINGS = {
    "auth": "authentication",
    "header": "key",
    "id": "name",
    "in": "placement",
    "operation": "call",
    "title": "label",
}
_EXPECTED = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}
_NO_PLACE = (
    "the published rules have no place for it; remove it or use the observed rules"
)
_IN_AUTHENTICATION = frozenset(("authentication", "auth"))
#: What may be shown of an authentication object; everything else may be a secret.
_PUBLIC_IN_AUTHENTICATION = frozenset(("type", "placement", "in", "tokenValidation"))


class BrokenRule(NamedTuple):
    """A broken rule: at `path`, or at the key that ends it when `at_key` is set."""

    code: str
    path: DocumentPath
    at_key: bool
    text: str
    hint: str
    #: The key that is missing, or the one that an unknown key was probably meant for.
    about: str = ""


def explain(error: Broken, root: JSON) -> Iterator[BrokenRule]:
    """Yield the findings of one error; one of several keys gives several."""
    path = tuple(error.absolute_path)
    rule, limit, value = error.validator, error.validator_value, error.instance
    if rule == "additionalProperties":
        yield from _unknown_keys(path, error)
    elif rule in ("required", "dependentRequired"):
        for key in _missing(rule, limit, value):
            yield BrokenRule(
                "E-schema-missing",
                path,
                False,
                f"the key '{key}' is missing",
                f"add `{key}: ...`",
                key,
            )
    elif rule in ("anyOf", "oneOf"):
        # What is no mapping has every key it needs, by JSON Schema; `type` refuses it.
        if isinstance(value, dict):
            yield _choice(path, limit, value)
    elif rule is None:
        beside = _condition(error, root)
        yield BrokenRule(
            "E-schema-choice",
            path,
            True,
            f"'{path[-1]}' does not go with {_quoted(beside)}",
            f"remove `{path[-1]}`",
        )
    elif rule == "pattern" and "propertyNames" in error.absolute_schema_path:
        text = f"the key is {_found(value)}, expected {error.schema['$comment']}"
        yield BrokenRule("S-name", (*path, value), True, text, "rename it")
    else:
        code, expected, hint = _value_rule(path, error)
        shown = _found(value, kind=rule == "type", hide=_is_secret(path))
        text = f"{_tail(path)} is {shown}, expected {expected}"
        yield BrokenRule(code, path, False, text, hint)


def _unknown_keys(path: DocumentPath, error: Broken) -> Iterator[BrokenRule]:
    known = error.schema.get("properties", {})
    free = [key for key in known if key not in error.instance]
    for key in error.instance:
        if key in known:
            continue
        other = _OTHER_SPELLINGS.get(key, "")
        hint = did_you_mean(key, free)
        if other in free:
            hint = f"did you mean '{other}'?"
        meant = hint.split("'")[1] if hint else ""
        yield BrokenRule(
            "S-unknown-key",
            (*path, key),
            True,
            f"unknown key '{shorten(key)}', expected one of {names_of(known)}",
            hint or _NO_PLACE,
            meant,
        )


def _missing(rule: str, limit: JSON, value: JSON) -> list[str]:
    if rule == "required":
        return [key for key in limit if key not in value]
    needed = [key for given, keys in limit.items() if given in value for key in keys]
    return [key for key in needed if key not in value]


def _choice(path: DocumentPath, branches: JSON, value: JSON) -> BrokenRule:
    """Explain `anyOf` and `oneOf`, which the schemas use for `required` only."""
    keys = [key for branch in branches for key in branch["required"]]
    given = [key for key in keys if key in value]
    if given:
        text = f"{_quoted(given, ' and ')} stand side by side, expected one of them"
        hint = f"keep `{given[0]}` or `{given[1]}`"
    else:
        text = f"nothing says what to do, expected {_quoted(keys, ' or ')}"
        hint = "add " + " or ".join(f"`{key}: ...`" for key in keys)
    return BrokenRule("E-schema-choice", path, False, text, hint)


def _condition(error: Broken, root: JSON) -> Sequence[str]:
    """Return the keys whose presence led to the branch that forbids something."""
    node, keys = root, []
    for step in error.absolute_schema_path:
        if step == "then":
            keys = node["if"]["required"]
        node = node[step]
    return keys


def _value_rule(path: DocumentPath, error: Broken) -> tuple[str, str, str]:
    """Return code, what is expected, and the fix, for a rule about one value."""
    rule, limit, value = str(error.validator), error.validator_value, error.instance
    if rule == "type":
        types = [limit] if isinstance(limit, str) else list(limit)
        expected = " or ".join(_EXPECTED[name] for name in types if name != "null")
        return "E-schema-type", expected, _type_hint(types, value)
    if rule in ("enum", "const"):
        allowed = [limit] if rule == "const" else limit
        names = [str(name) for name in allowed if name is not None]
        listed = names_of(names)
        expected = f"one of {listed}" if len(names) > 1 else f"'{names[0]}'"
        near = did_you_mean(str(value), names) if isinstance(value, str) else ""
        code = "S-method" if path[-1:] == ("method",) else "E-schema-value"
        return code, expected, near or f"write {expected}"
    if rule == "pattern":
        return _pattern_rule(path, error)
    if rule == "minItems":
        return "E-schema-value", "at least one entry", "add an entry or remove the key"
    if rule in ("minLength", "maxLength"):
        word = "at least" if rule == "minLength" else "at most"
        expected = f"{word} {limit} character{'s' * (limit != 1)}"
        return "E-schema-value", expected, f"write {expected}"
    low, high = error.schema.get("minimum"), error.schema.get("maximum")
    expected = f"{low} or more" if high is None else f"a number from {low} to {high}"
    return "E-schema-value", expected, f"write {expected}"


def _pattern_rule(path: DocumentPath, error: Broken) -> tuple[str, str, str]:
    expected = str(error.schema["$comment"])
    if path[-1] not in _NAMING_KEYS:
        return "E-schema-value", expected, f"write {expected}"
    if path[-1] == "name" and path[-3:-2] == ("inputParameters",):
        return "S-parameter-name", expected, "rename it or use the observed rules"
    plain = re.sub(r"[^a-zA-Z0-9]+", "-", error.instance).strip("-")
    return "S-name", expected, f"rename it, such as '{plain}'" if plain else "name it"


def _type_hint(types: Sequence[str], value: JSON) -> str:
    if value is None:
        return "give it a value or remove the key"
    if "array" in types and "object" not in types:
        return "write a list: each entry begins with `- `"
    if "object" in types:
        return "write a mapping: lines of `key: value`"
    if "string" in types:
        nested = isinstance(value, (dict, list))
        return "write one text" if nested else "put it in quotes"
    if "boolean" in types:
        return "write true or false, without quotes"
    if isinstance(value, str) and value.strip().isdigit():
        return "remove the quotes"
    return f"write {_EXPECTED[types[0]]}"


def without_consequences(found: Iterable[BrokenRule]) -> list[BrokenRule]:
    """Drop keys that are only missing because they are there under a wrong name."""
    findings = list(found)
    misspelt = {
        (finding.path[:-1], finding.about)
        for finding in findings
        if finding.code == "S-unknown-key" and finding.about
    }
    return [
        finding
        for finding in findings
        if finding.code != "E-schema-missing"
        or (finding.path, finding.about) not in misspelt
    ]


class PathOrder:
    """Where a path stands among all paths of the data, without reading marks."""

    def __init__(self, data: JSON) -> None:
        self._data = data
        self._ranks: dict[int, dict[str, int]] = {}

    def of(self, path: DocumentPath) -> tuple[int, ...]:
        """Return a key that sorts paths in the order of the document."""
        node, numbers = self._data, []
        for key in path:
            if isinstance(node, dict):
                ranks = self._ranks.get(id(node))
                if ranks is None:
                    ranks = {name: number for number, name in enumerate(node)}
                    self._ranks[id(node)] = ranks
                numbers.append(ranks[str(key)])
            else:
                numbers.append(int(key))
            node = node[key]
        return tuple(numbers)


def problem_of(document: Document, finding: BrokenRule) -> Problem:
    """Return a broken rule as a problem with its place."""
    place = document.locate(finding.path, key=finding.at_key)
    owner = _owner(document.data, finding)
    return Problem(
        code=finding.code,
        severity="error",
        message=f"{owner}: {finding.text}",
        hint=finding.hint,
        path="".join(f"/{_escaped(key)}" for key in finding.path),
        line=place.line,
        column=place.column,
        file=place.file,
    )


def _owner(data: JSON, finding: BrokenRule) -> str:
    """Return the path of the mapping a finding is about, and the name it bears."""
    path = finding.path
    nodes = [data]
    for key in path:
        nodes.append(nodes[-1][key])
    depth = len(path)
    about_a_value = finding.code not in ("E-schema-missing", "E-schema-choice")
    if depth and (about_a_value or finding.at_key):
        depth -= 1
        while depth and not isinstance(nodes[depth], dict):
            depth -= 1
    shown = _human(path[:depth]) or "the document"
    node = nodes[depth]
    if isinstance(node, dict) and depth and _IN_AUTHENTICATION.isdisjoint(path[:depth]):
        for key in ("name", "namespace", "id"):
            if isinstance(node.get(key), str) and node[key]:
                return f"{shown} '{shorten(node[key], 40)}'"
    return shown


def _tail(path: DocumentPath) -> str:
    """Return the part of a path below its mapping: `method`, `operations[2]`."""
    start = len(path) - 1
    while start > 0 and isinstance(path[start], int):
        start -= 1
    return _human(path[start:]) or "it"


def _human(path: Iterable[Key]) -> str:
    """Return a path the way people write it: `capability.consumes[0].baseUri`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif re.fullmatch(r"[\w$-]+", key):
            text += f".{key}" if text else key
        else:
            text += f"['{shorten(key, 40)}']"
    return text


def _escaped(key: Key) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def _found(value: JSON, *, kind: bool = False, hide: bool = False) -> str:
    """Return a value for a message, with its kind where that is what is wrong."""
    if value is None:
        return "null"
    if isinstance(value, (dict, list)):
        word = "mapping" if isinstance(value, dict) else "list"
        return f"a {word}" if value else f"an empty {word}"
    text = json.dumps(value) if isinstance(value, bool) else shorten(value)
    word = "text" if isinstance(value, str) else "number"
    if isinstance(value, bool):
        word = "boolean"
    if hide:
        return f"a {word}"
    return f"the {word} '{text}'" if kind else f"'{text}'"


def _is_secret(path: DocumentPath) -> bool:
    """Tell whether a value may be a credential, which no message must show."""
    within = not _IN_AUTHENTICATION.isdisjoint(path[:-1])
    return within and path[-1] not in _PUBLIC_IN_AUTHENTICATION


def _quoted(names: Iterable[str], between: str = ", ") -> str:
    return between.join(f"'{name}'" for name in names)
