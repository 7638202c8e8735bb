"""Templates that are none: a brace too few, as in `{{plate}`, or typographic quotes.

path: "/cars/{{plate}"   →  W-template: did you mean '{{plate}}'?
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naftiko.document.findings import Findings
    from naftiko.lint.vocabulary import Placed
    from naftiko.plain import JSON, DocumentPath

#: A reference that lacks a brace at one end.
_HALF = re.compile(
    r"(?<!\{)(?:\{\{\s*([A-Za-z_][\w.-]*)\s*\}(?!\})|\{\s*([A-Za-z_][\w.-]*)\s*\}\}(?!\}))"
)
#: A reference that lacks both braces at its end: `{{plate`.
_UNCLOSED = re.compile(r"(?<!\{)\{\{\s*([A-Za-z_][\w.-]*)(?![\w.-])[^{}]*(?:\{|\Z)")
#: The name at the end of a text, and how much of a text is looked at for one.
_LAST_NAME = re.compile(r"(?<![\w.-])([A-Za-z_][\w.-]*)\s*\Z")
_NAME_REACH = 200
#: A whole text in typographic quotation marks, which YAML takes for letters of it.
_TYPOGRAPHIC = re.compile(
    r"[\u201c\u201d\u201e\u2018\u2019].*[\u201c\u201d\u2018\u2019]"
)
#: A whole text that is a reference of a shell, or of a path.
_SINGLE = re.compile(r"\$?\{\s*([A-Za-z_][\w-]*)\s*\}")
#: A statement or a filter of another template language, or its dollar.
_FOREIGN = re.compile(r"\{%[^%]*%\}|\{\{[^{}|]*\|[^{}]*\}\}|\$\{\{[^{}]*\}\}")
#: The keys whose values are filled from arguments, and know `{{name}}` alone.
_FILLED = ("data", "with", "lookupValue")
#: Whatever has two braces on one side and one on the other; it begins with a brace,
#: which is quick to find. No text goes on behind a zero byte: lengths hold one.
_MAY_BE_HALF = re.compile(rb"\{(?<!\{\{)(?:\{[^{}\x00]*\}(?!\})|[^{}\x00]*\}\}(?!\}))")
#: What every typographic quotation mark begins with, in UTF-8.
_MARK = b"\xe2\x80"
#: A typographic quotation mark before a reference, in one text or in two.
_MARKED = re.compile(rb"\xe2\x80[\x98\x99\x9c\x9d\x9e][^\xe2]{0,80}\{\{")
#: The keys whose texts are for people, or have braces of their own.
NO_TEMPLATES = frozenset(("description", "label", "title", "name", "pattern"))


def may_hold_half(texts: bytes) -> bool:
    """Tell whether half a reference may stand in any of many texts, as UTF-8.

    So it is with a reference in typographic quotation marks.
    """
    # Two braces that nothing closes, or nothing opens, leave the numbers unequal.
    return (
        texts.count(b"{{") != texts.count(b"}}")
        or _MAY_BE_HALF.search(texts) is not None
        # One byte is found much faster than two.
        or (_MARK[:1] in texts and _MARK in texts and _MARKED.search(texts) is not None)
    )


def note_template(placed: Placed, key: str, findings: Findings) -> None:
    """Note half a reference in the value of a key."""
    _note((*placed.path, key), placed.data[key], findings)


def note_singles(placed: Placed, findings: Findings) -> None:
    """Note `{name}` and `${name}` where only `{{name}}` is a reference."""
    for key in _FILLED:
        value = placed.data.get(key)
        if value is None:
            continue
        for steps, text in _braced((key,), value):
            if foreign := _FOREIGN.search(text):
                findings.add(
                    rules.TEMPLATE_HALF,
                    (*placed.path, *steps),
                    f"'{shorten(foreign[0])}' is of another template language",
                    "write a plain reference: `{{name}}`",
                )
            if single := _SINGLE.fullmatch(text.strip()):
                findings.add(
                    rules.TEMPLATE_HALF,
                    (*placed.path, *steps),
                    f"'{shorten(text)}' is sent as it is; it is no reference",
                    f"did you mean '{{{{{single[1]}}}}}'?",
                )


def _braced(steps: DocumentPath, value: JSON) -> Iterator[tuple[DocumentPath, str]]:
    """Yield each text of a value that holds a brace, and its place in it."""
    if value.__class__ is str:
        if "{" in value:
            yield steps, value
    elif value.__class__ is dict or value.__class__ is list:
        items = value.items() if value.__class__ is dict else enumerate(value)
        for key, entry in items:
            if entry.__class__ is not str or "{" in entry:
                yield from _braced((*steps, key), entry)


def _unopened(text: str) -> str | None:
    """Return the name before the first `}}` of a text without a brace before it."""
    end = text.index("}}")
    if text.startswith("}", end + 2) or 0 <= text.find("{") < end:
        return None
    last = _LAST_NAME.search(text, max(0, end - _NAME_REACH), end)
    return last[1] if last else None


def _note_open(path: DocumentPath, name: str, missing: str, findings: Findings) -> None:
    findings.add(
        rules.TEMPLATE_HALF,
        path,
        f"the reference '{shorten(name)}' lacks its {missing} braces",
        f"did you mean '{{{{{shorten(name)}}}}}'?",
    )


def _note(path: DocumentPath, value: JSON, findings: Findings) -> None:
    if value.__class__ is str:
        if "{" in value and (half := _HALF.search(value)):
            name = half[1] or half[2]
            missing = "closing" if half[1] else "opening"
            findings.add(
                rules.TEMPLATE_HALF,
                path,
                f"'{shorten(half[0])}' lacks one {missing} brace",
                f"did you mean '{{{{{name}}}}}'?",
            )
        elif "{{" in value and (half := _UNCLOSED.search(value)):
            _note_open(path, half[1], "closing", findings)
        elif "}}" in value and (name := _unopened(value)):
            _note_open(path, name, "opening", findings)
        elif "{{" in value and _TYPOGRAPHIC.fullmatch(value):
            findings.add(
                rules.TEMPLATE_HALF,
                path,
                "the typographic quotation marks are part of the text",
                "use straight quotation marks",
            )
    elif value.__class__ is dict:
        for key, entry in value.items():
            _note((*path, key), entry, findings)
    elif value.__class__ is list:
        for index, entry in enumerate(value):
            _note((*path, index), entry, findings)
