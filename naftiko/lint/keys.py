"""Keys that their mapping does not have: misspelled, or at home on another level.

    {"name": "find", "inputParamters": [...]}
        →  W-key-unknown: did you mean 'inputParameters'?
    {"naftiko": ..., "exposes": [...]}
        →  W-key-misplaced: move it under `capability`

A key that is unlike every known one is left alone: published files hold many that say
something to their own tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.document.findings import MOVE, RENAME, pointer
from naftiko.errors import Edit, shorten
from naftiko.lint.vocabulary import homes_of, parents_of, parts

if TYPE_CHECKING:
    from naftiko.document.findings import Findings
    from naftiko.lint.vocabulary import Part, Placed

#: Keys that say the same wherever they stand; nothing is lost when they are misplaced.
_ANYWHERE = frozenset(
    ("name", "label", "description", "tags", "type", "value", "version", "info", "id")
)
#: Parts that messages call by the key that holds them.
_BY_THEIR_KEY = frozenset(
    (
        "hints", "semantics", "management", "scripting", "observability", "traces",
        "forward", "info",
    )
)  # fmt: skip
#: Parts so special that a key of theirs is seldom meant elsewhere.
_INNER = _BY_THEIR_KEY | {"message", "stakeholder", "origin", "prompt-argument"}
#: Type of an exposed adapter → the keys that only it has, or that it shares.
_OF_TYPE = {
    "rest": ("resources",),
    "mcp": ("tools", "resources", "prompts"),
    "skill": ("skills",),
    "control": ("management", "observability"),
}
#: (part, key) → the key that an author of other formats means by it.
_FOREIGN = {
    ("consumed-adapter", "url"): "baseUri",
    ("consumed-adapter", "uri"): "baseUri",
    ("consumed-adapter", "endpoint"): "baseUri",
    ("consumed-adapter", "host"): "baseUri",
    ("consumed-adapter", "server"): "baseUri",
    ("consumed-adapter", "base"): "baseUri",
    ("consumed-adapter", "security"): "authentication",
    ("consumed-adapter", "authorization"): "authentication",
    ("consumed-adapter", "credentials"): "authentication",
    ("consumed-adapter", "endpoints"): "resources",
    ("consumed-adapter", "paths"): "resources",
    ("consumed-adapter", "headers"): "inputParameters",
    ("consumed-operation", "verb"): "method",
    ("consumed-operation", "httpMethod"): "method",
    ("consumed-operation", "parameters"): "inputParameters",
    ("consumed-operation", "params"): "inputParameters",
    ("consumed-operation", "headers"): "inputParameters",
    ("consumed-operation", "query"): "inputParameters",
    ("consumed-operation", "url"): "path",
    ("consumed-operation", "inputs"): "inputParameters",
    ("consumed-operation", "outputs"): "outputParameters",
    ("consumed-operation", "requestBody"): "body",
    ("consumed-operation", "operationId"): "name",
    ("consumed-operation", "format"): "outputRawFormat",
    ("consumed-operation", "outputFormat"): "outputRawFormat",
    ("consumed-operation", "responseFormat"): "outputRawFormat",
    ("consumed-resource", "url"): "path",
    ("consumed-resource", "uri"): "path",
    ("consumed-resource", "endpoint"): "path",
    ("consumed-resource", "parameters"): "inputParameters",
    ("consumed-resource", "methods"): "operations",
    ("body", "content"): "data",
    ("body", "payload"): "data",
    ("body", "json"): "data",
    ("body", "mediaType"): "type",
    ("authentication", "user"): "username",
    ("authentication", "login"): "username",
    ("authentication", "pass"): "password",
    ("consumed-input", "location"): "in",
    ("consumed-input", "place"): "in",
    ("consumed-output", "path"): "value",
    ("consumed-output", "jsonPath"): "value",
    ("consumed-output", "const"): "value",
    ("exposed-adapter", "paths"): "resources",
    ("exposed-adapter", "routes"): "resources",
    ("exposed-adapter", "endpoints"): "resources",
    ("exposed-adapter", "host"): "address",
    ("exposed-adapter", "bind"): "address",
    ("exposed-adapter", "security"): "authentication",
    ("exposed-adapter", "auth"): "authentication",
    ("exposed-adapter", "authorization"): "authentication",
    ("exposed-operation", "parameters"): "inputParameters",
    ("exposed-operation", "inputs"): "inputParameters",
    ("exposed-operation", "outputs"): "outputParameters",
    ("exposed-operation", "verb"): "method",
    ("exposed-operation", "arguments"): "with",
    ("exposed-operation", "args"): "with",
    ("exposed-output", "path"): "mapping",
    ("exposed-output", "jsonPath"): "mapping",
    ("tool", "parameters"): "inputParameters",
    ("tool", "inputs"): "inputParameters",
    ("tool", "inputSchema"): "inputParameters",
    ("tool", "outputs"): "outputParameters",
    ("tool", "arguments"): "with",
    ("tool", "args"): "with",
    ("prompt", "messages"): "template",
    ("prompt", "inputParameters"): "arguments",
    ("exposed-resource", "contentType"): "mimeType",
    ("origin", "tool"): "action",
    ("origin", "operation"): "action",
    ("bind", "variables"): "keys",
    ("bind", "values"): "keys",
    ("document", "ikanos"): "naftiko",
}


def note_keys(placed: Placed, findings: Findings) -> None:
    """Note the keys of one mapping that it does not have."""
    part = placed.part
    for key in placed.data:
        if key in part.known:
            continue
        if not isinstance(key, str) or key.startswith(("x-", "X-", "$", "_")):
            continue
        meant = _meant(key, part, placed)
        word, colon, _ = key.partition(":")
        if colon and word in part.known:
            findings.add(
                rules.KEY_UNKNOWN,
                (*placed.path, key),
                # Never the whole key: what stands behind the colon may be a secret.
                f"'{word}:' has no blank behind its colon, so it is no key",
                "write a blank behind the colon",
                at_key=True,
            )
        elif meant:
            _note_misspelt(key, meant, placed, findings)
        elif part.name == "nested-input" or key in _ANYWHERE:
            continue  # JSON Schema has keys of its own
        elif way := _way_home(key, placed):
            at = (*placed.path, key)
            findings.add(
                rules.KEY_MISPLACED,
                at,
                f"the key '{key}' does nothing in {_a(part.name)}",
                way,
                at_key=True,
                fix=_move(key, placed),
            )


def note_adapter_keys(placed: Placed, findings: Findings) -> None:
    """Note what an exposed adapter of another type has: `tools` of a REST adapter."""
    type_ = placed.data.get("type")
    if not isinstance(type_, str) or type_ not in _OF_TYPE:
        return
    over_pipes = placed.data.get("transport") == "stdio"
    if over_pipes and placed.data.get("authentication"):
        findings.add(
            rules.KEY_MISPLACED,
            (*placed.path, "authentication"),
            "`authentication` does nothing over standard input and output",
            "remove it, or write `transport: http`",
            at_key=True,
        )
    for key in placed.data:
        if (type_, key) == ("skill", "tools"):
            continue  # published files have them, and linking tells each
        owners = [name for name, keys in _OF_TYPE.items() if key in keys]
        if owners and type_ not in owners and placed.data[key]:
            findings.add(
                rules.KEY_MISPLACED,
                (*placed.path, key),
                f"the key '{key}' does nothing in an adapter of type '{type_}'",
                f"it belongs in an adapter of type '{owners[0]}'",
                at_key=True,
            )


def note_call_beside_steps(placed: Placed, findings: Findings) -> None:
    """Note `call` or `ref` beside `steps`: only one of them runs."""
    given = [key for key in ("steps", "ref", "call") if placed.data.get(key)]
    for key in given[1:]:
        findings.add(
            rules.KEY_MISPLACED,
            (*placed.path, key),
            f"`{key}` and `{given[0]}` stand beside each other; only one of them runs",
            f"remove `{key}`, or write it as a step"
            if given[0] == "steps"
            else "keep one of them",
            at_key=True,
        )


def _note_misspelt(key: str, meant: str, placed: Placed, findings: Findings) -> None:
    at = (*placed.path, key)
    is_free = meant not in placed.data
    name = _a(placed.part.name)
    # The value of a foreign word may be of another shape: `headers: {X: y}`.
    is_foreign = (placed.part.name, key) in _FOREIGN
    is_sure = not (is_foreign and isinstance(placed.data[key], dict))
    findings.add(
        rules.KEY_UNKNOWN,
        at,
        f"unknown key '{shorten(key)}' in {name}; it is left out",
        f"did you mean '{meant}'?"
        if is_free
        else f"`{meant}` stands beside it; keep one of them",
        at_key=True,
        fix=Edit(RENAME, pointer(at), meant) if is_free and is_sure else None,
    )


def _meant(key: str, part: Part, placed: Placed) -> str:
    """Return the key that a wrong one stands for, or an empty text."""
    if foreign := _FOREIGN.get((part.name, key)):
        return foreign
    folded = _folded(key)
    names = part.published
    if part.name.endswith(("input", "output")):
        # What real documents say of a value counts as the specification's keys do.
        names += tuple(sorted(part.known.difference(names)))
    free = [name for name in names if name not in placed.data]
    for known in (*free, *names):
        if _folded(known) == folded:
            return known
    if f"{key}s" in free:
        return f"{key}s"
    # A key that is at home elsewhere is no misspelling, however near: `type`, `tags`.
    if homes_of(key):
        return ""
    near = [
        (distance(folded, _folded(known)), known not in free, known) for known in names
    ]
    allowed = 2 if len(key) > 4 else 1
    best = min(near, default=(9, True, ""))
    return best[2] if best[0] <= allowed else ""


def _folded(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")


def _way_home(key: str, placed: Placed) -> str:
    """Return where a key belongs that stands on another level, or an empty text."""
    here = placed.part.name
    around = [holder.part.name for holder in placed.around]
    for home in _homes_near(key, placed):
        if home in around:
            return f"move it up into the {_shown(home)} around it"
        for parent, below in parents_of(home):
            if parent == here:
                is_one = home in _BY_THEIR_KEY or not below.endswith("s")
                return f"move it under {'' if is_one else 'an entry of '}`{below}`"
        if home in _INNER:
            return f"remove it; only {_a(home)} has such a key"
        return f"it belongs in {_a(home)}; move it there"
    return ""


def _homes_near(key: str, placed: Placed) -> list[str]:
    """Return the parts that have a key, those around and right below first."""
    here = placed.part.name
    around = [holder.part.name for holder in placed.around]
    below = set(placed.part.children.values())
    homes = homes_of(key)
    near = [home for home in reversed(around) if home in homes]
    near += [home for home in homes if home in below]
    # What belongs to a consumed adapter is not moved to an exposed one.
    side = "consumed-" if "consumed-adapter" in (*around, here) else "exposed-"
    more = [home for home in homes if home.startswith(side)]
    return near or more or homes


def _move(key: str, placed: Placed) -> Edit | None:
    """Return the edit for a key of the whole that belongs to the capability."""
    if placed.part.name != "document" or key not in parts()["capability"].published:
        return None
    capability = placed.data.get("capability")
    if isinstance(capability, dict) and key not in capability:
        return Edit(MOVE, pointer((key,)), pointer(("capability", key)))
    return None


def _shown(name: str) -> str:
    return name.replace("-", " ")


def _a(name: str) -> str:
    shown = _shown(name)
    if name == "document":
        return "the document itself"
    if name in _BY_THEIR_KEY:
        return f"`{name}`"
    return f"an {shown}" if shown[0] in "aeio" else f"a {shown}"


def distance(one: str, other: str) -> int:
    """Return the edits that turn one text into the other, a swap counting as one.

    `("inputParamters", "inputParameters")` → 1; 3 stands for three or more (optimal
    string alignment).
    """
    if abs(len(one) - len(other)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(
                before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted)
            )
            is_swap = (
                i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted
            )
            row.append(min(cost, last[j - 2] + 1) if is_swap else cost)
        if min(row) > 2:
            return 3
    return min(row[-1], 3)
