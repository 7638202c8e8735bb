"""Turn the errors of `jsonschema` into findings with words that people understand.

    an error about `minItems` at consumes[0].resources
      →  Finding: "capability.consumes[0] 'docker': resources: expected at least one
         entry, got an empty list", hint "add an entry or remove the key"

A finding says where the error is, which value was expected and which is there. Values
that may be credentials are never shown.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from naftiko.document import rules
from naftiko.document.findings import RENAME, SET, Finding, pointer, surely_meant
from naftiko.errors import Edit, did_you_mean, names_of, nearest, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from naftiko.document.rules import Rule
    from naftiko.plain import JSON, DocumentPath, Key

    Broken = Any
    Validator = Any

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
#: The keys of an authentication object whose values are no secrets.
_PUBLIC_IN_AUTHENTICATION = frozenset(("type", "placement", "in", "tokenValidation"))


def explain(errors: Iterable[Broken], schema: JSON, data: JSON) -> list[Finding]:
    """Return the findings of the errors that `jsonschema` yields, one per cause.

    Args:
        errors: Errors of the validator; one about several keys gives several findings.
        schema: The schema that was broken.
        data: The data that breaks it.
    """
    explainer = _Explainer(schema, data)
    for error in errors:
        explainer.explain(error)
    return explainer.findings()


class _Explainer:
    """Turns errors of one document into findings."""

    def __init__(self, schema: JSON, data: JSON) -> None:
        self.schema = schema
        self.data = data
        #: In order, like a set: several keywords may say the same of one place.
        self._findings: dict[Finding, None] = {}
        #: Place of a mapping and a missing key → the finding about it.
        self._missing: dict[tuple[DocumentPath, str], Finding] = {}
        #: Place of a mapping and a key that stands there under a wrong name.
        self._misspelt: set[tuple[DocumentPath, str]] = set()

    def findings(self) -> list[Finding]:
        """Return all findings but the consequences of others.

        A key that is there under a wrong name is not missing as well.
        """
        consequences = {
            finding
            for place, finding in self._missing.items()
            if place in self._misspelt
        }
        return [f for f in self._findings if f not in consequences]

    def explain(self, error: Broken) -> None:
        """Add the findings of one error."""
        path = tuple(error.absolute_path)
        keyword, limit = error.validator, error.validator_value
        value = error.instance
        if keyword == "additionalProperties":
            self._unknown_keys(path, error)
        elif keyword in ("required", "dependentRequired"):
            for key in _missing(keyword, limit, value):
                self._missing[path, key] = self._add(
                    rules.SCHEMA_MISSING,
                    path,
                    f"the key '{key}' is missing",
                    f"add `{key}: ...`",
                )
        elif keyword in ("anyOf", "oneOf"):
            # JSON Schema says that a list has every key it needs; `type` refuses it.
            if isinstance(value, dict):
                self._add(rules.SCHEMA_CHOICE, path, *_choice(limit, value))
        elif keyword is None:
            beside = _condition(error, self.schema)
            text = f"'{path[-1]}' does not go with {_in_quotes(beside)}"
            hint = f"remove `{path[-1]}`"
            self._add(rules.SCHEMA_CHOICE, path, text, hint, at_key=True)
        elif keyword == "pattern" and "propertyNames" in error.absolute_schema_path:
            wanted = error.schema["$comment"]
            text = f"expected the key to be {wanted}, got {_shown(value)}"
            self._add(rules.NAME, (*path, value), text, "rename it", at_key=True)
        else:
            rule, expected, hint = _value_rule(path, error)
            shown = _shown(value, kind=keyword == "type", hide=_is_secret(path))
            text = f"{_tail(path)}: expected {expected}, got {shown}"
            known = _only_meaning(keyword, limit, value)
            fix = None if known is None else Edit(SET, pointer(path), known)
            self._add(rule, path, text, hint, fix=fix)

    def _unknown_keys(self, path: DocumentPath, error: Broken) -> None:
        known = error.schema.get("properties", {})
        free = [key for key in known if key not in error.instance]
        for key in error.instance:
            if key in known:
                continue
            meant = _OTHER_SPELLINGS.get(key, "")
            near = [meant] if meant in free else nearest(key, free, 1)
            sure = near[0] if meant in free else surely_meant(key, free)
            if near:
                self._misspelt.add((path, near[0]))
            at = (*path, key)
            self._add(
                rules.UNKNOWN_KEY,
                at,
                f"unknown key '{shorten(key)}', expected one of {names_of(known)}",
                f"did you mean '{near[0]}'?" if near else _NO_PLACE,
                at_key=True,
                fix=Edit(RENAME, pointer(at), sure) if sure else None,
            )

    def _add(
        self,
        rule: Rule,
        path: DocumentPath,
        text: str,
        hint: str,
        *,
        at_key: bool = False,
        fix: Edit | None = None,
    ) -> Finding:
        is_of_key = rule not in (rules.SCHEMA_MISSING, rules.SCHEMA_CHOICE) or at_key
        message = f"{_owner(self.data, path, is_of_key=is_of_key)}: {text}"
        finding = Finding(
            rule, path, message, hint, at_key, fix=fix, severity=rules.ERROR
        )
        self._findings[finding] = None
        return finding


def _missing(keyword: str, limit: JSON, value: JSON) -> list[str]:
    if keyword == "required":
        return [key for key in limit if key not in value]
    needed = [key for given, keys in limit.items() if given in value for key in keys]
    return [key for key in needed if key not in value]


def _choice(branches: JSON, value: JSON) -> tuple[str, str]:
    """Explain `anyOf` and `oneOf`, which the schemas use for `required` only.

    Returns:
        What is wrong, and how to mend it.
    """
    keys = [key for branch in branches for key in branch["required"]]
    given = [key for key in keys if key in value]
    if given:
        text = f"{_in_quotes(given, ' and ')} exclude each other, expected one of them"
        return text, f"keep `{given[0]}` or `{given[1]}`"
    text = f"expected one of the keys {_in_quotes(keys, ' or ')}, got none of them"
    return text, "add " + " or ".join(f"`{key}: ...`" for key in keys)


def _condition(error: Broken, root: JSON) -> Sequence[str]:
    """Return the keys whose presence led to the branch that forbids something."""
    node, keys = root, []
    for step in error.absolute_schema_path:
        if step == "then":
            keys = node["if"]["required"]
        node = node[step]
    return keys


def _value_rule(path: DocumentPath, error: Broken) -> tuple[Rule, str, str]:
    """Return the rule, the expected value and the hint for an error about one value."""
    keyword, limit = str(error.validator), error.validator_value
    value = error.instance
    if keyword == "type":
        types = [limit] if isinstance(limit, str) else list(limit)
        expected = " or ".join(_EXPECTED[name] for name in types if name != "null")
        return rules.SCHEMA_TYPE, expected, _type_hint(types, value)
    if keyword in ("enum", "const"):
        allowed = [limit] if keyword == "const" else limit
        names = [str(name) for name in allowed if name is not None]
        listed = names_of(names)
        expected = f"one of {listed}" if len(names) > 1 else f"'{names[0]}'"
        near = did_you_mean(str(value), names) if isinstance(value, str) else ""
        is_method = path[-1:] == ("method",)
        rule = rules.METHOD_UNPUBLISHED if is_method else rules.SCHEMA_VALUE
        return rule, expected, near or f"write {expected}"
    if keyword == "pattern":
        return _pattern_rule(path, error)
    if keyword == "minItems":
        hint = "add an entry or remove the key"
        return rules.SCHEMA_VALUE, "at least one entry", hint
    if keyword in ("minLength", "maxLength"):
        word = "at least" if keyword == "minLength" else "at most"
        expected = f"{word} {limit} character{'s' * (limit != 1)}"
        return rules.SCHEMA_VALUE, expected, f"write {expected}"
    low, high = error.schema.get("minimum"), error.schema.get("maximum")
    expected = f"{low} or more" if high is None else f"a number from {low} to {high}"
    return rules.SCHEMA_VALUE, expected, f"write {expected}"


def _pattern_rule(path: DocumentPath, error: Broken) -> tuple[Rule, str, str]:
    expected = str(error.schema["$comment"])
    if path[-1] not in _NAMING_KEYS:
        return rules.SCHEMA_VALUE, expected, f"write {expected}"
    if path[-1] == "name" and path[-3:-2] == ("inputParameters",):
        return rules.PARAMETER_NAME, expected, "rename it or use the observed rules"
    plain = re.sub(r"[^a-zA-Z0-9]+", "-", error.instance).strip("-")
    return rules.NAME, expected, f"rename it, such as '{plain}'" if plain else "name it"


def _only_meaning(keyword: str, limit: JSON, value: JSON) -> str | int | bool | None:
    """Return the value that a wrong one stands for, if it can be no other.

    `type: boolean`, `"true"` → `True`; `enum: [query, path]`, `"qeury"` → `"query"`.
    """
    if not isinstance(value, str):
        return None
    if keyword in ("enum", "const"):
        allowed = [limit] if keyword == "const" else limit
        return surely_meant(value, [name for name in allowed if isinstance(name, str)])
    if keyword == "type":
        if limit == "boolean" and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if limit in ("integer", "number") and re.fullmatch("[0-9]{1,9}", value):
            return int(value)
    return None


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
        return _boolean_hint(value)
    if isinstance(value, str) and value.strip().isdigit():
        return "remove the quotes"
    return f"write {_EXPECTED[types[0]]}"


def _boolean_hint(value: JSON) -> str:
    word = value.lower() if isinstance(value, str) else ""
    if word in ("yes", "on", "y", "no", "off", "n"):
        return f"write {'true' if word in ('yes', 'on', 'y') else 'false'}"
    return "write true or false, without quotes"


class PathOrder:
    """Sort paths in the order of a document, without reading its marks."""

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


def _owner(data: JSON, path: DocumentPath, *, is_of_key: bool) -> str:
    """Return the path of the mapping that holds a place, and the name it bears.

    Args:
        data: The whole data.
        path: The place.
        is_of_key: Whether the place is a key or value of that mapping; otherwise it is
            the mapping.
    """
    nodes = [data]
    for key in path:
        nodes.append(nodes[-1][key])
    depth = len(path)
    if depth and is_of_key:
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


def _shown(value: JSON, *, kind: bool = False, hide: bool = False) -> str:
    """Return a value for a message.

    Args:
        value: The value.
        kind: Say its kind too, because the kind is wrong.
        hide: Say its kind alone, because it may be a secret.
    """
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


def _in_quotes(names: Iterable[str], between: str = ", ") -> str:
    return between.join(f"'{name}'" for name in names)
