"""Write plain data as YAML text in block style.

Readers of YAML 1.1 and of YAML 1.2 read it back as the same data, so a text that either
of them takes for something else is quoted. Numbers that JSON has no form for are null,
as in every output of this program.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from naftiko.document.scalars import CORE_TAG
from naftiko.document.yaml import UNPRINTABLE
from naftiko.plain import finite, text_of

if TYPE_CHECKING:
    from naftiko.plain import JSON

#: Texts that YAML 1.1 takes for a truth value, a number, a date or a sign of its own
#: (yaml.org/type). The writer itself quotes what YAML 1.2 takes for another value.
_YAML_1_1 = re.compile(
    r"""y|n|yes|no|on|off|true|false|null|~|=|<<
    |[-+]?0b[01_]+ |[-+]?0o?[0-7_]+ |[-+]?0x[0-9a-f_]+
    |[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?
    |[-+]?\.(?:[0-9_]+(?:e[-+]?[0-9]+)?|inf|nan)
    |[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:t|[ \t]+)[0-9:. \tz+-]*)?""",
    re.IGNORECASE | re.VERBOSE,
)
_ODD_BREAK = re.compile("[\r\x85\u2028\u2029\ufeff]")


def write_yaml(value: JSON) -> str:
    """Return plain data as block-style YAML: `{"a": [1]}` → `a:` and `- 1`.

    There is no line break at the end.
    """
    from io import StringIO

    from ruamel.yaml import YAML
    from ruamel.yaml.representer import SafeRepresenter

    class Plain(SafeRepresenter):
        """A class of our own, because representers are registered for a class."""

        def ignore_aliases(self, data: Any) -> bool:
            return True  # a value that is used twice is written twice

        def represent_dict(self, data: Any) -> Any:
            # As pairs: mappings are sorted, and not every version can be told not to.
            return self.represent_mapping(f"{CORE_TAG}map", list(data.items()))

        def represent_text(self, text: str) -> Any:
            style = '"' if text is quoted else _style_of(text)
            return self.represent_scalar(f"{CORE_TAG}str", text, style=style)

        def represent_number(self, number: float) -> Any:
            # Without a point, YAML 1.1 takes 5e-324 for a text.
            text, sign, exponent = text_of(number).partition("e")
            text += "" if "." in text else ".0"
            return self.represent_scalar(f"{CORE_TAG}float", f"{text}{sign}{exponent}")

    quoted = _last_text(value)
    Plain.add_representer(str, Plain.represent_text)
    Plain.add_representer(dict, Plain.represent_dict)
    Plain.add_representer(float, Plain.represent_number)
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = Plain
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = sys.maxsize  # a folded text may lose blanks; a key must not be folded
    out = StringIO()
    yaml.dump(finite(value), out)
    text = out.getvalue().removesuffix("\n")
    # A plain scalar that is the whole document is followed by the mark of its end.
    return text if isinstance(value, (dict, list)) else text.removesuffix("\n...")


def _last_text(value: JSON) -> str | None:
    """Return the text of several lines that only quotes keep whole, or `None`.

    A block at the end needs the line break that is taken away, and one that is the
    whole document has no indentation, which tells its lines from comments and marks.
    """
    last = value
    while isinstance(last, (dict, list)) and last:
        last = last[-1] if isinstance(last, list) else last[next(reversed(last))]
    is_block = isinstance(last, str) and "\n" in last
    return last if is_block and (last is value or last.endswith("\n")) else None


def _style_of(text: str) -> str | None:
    # Only double quotes hold control characters, and line breaks of other kinds.
    if _ODD_BREAK.search(text) or re.search(UNPRINTABLE, text):
        return '"'
    if _YAML_1_1.fullmatch(text):
        return "'"
    return "|" if "\n" in text.strip("\n") else None
