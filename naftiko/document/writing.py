"""Write plain data as YAML text in block style."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from naftiko.document.scalars import CORE_TAG
from naftiko.document.yaml import UNPRINTABLE

if TYPE_CHECKING:
    from naftiko.plain import JSON

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

    quoted = _last_text(value)
    Plain.add_representer(str, Plain.represent_text)
    Plain.add_representer(dict, Plain.represent_dict)
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = Plain
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = sys.maxsize  # a folded text may lose blanks; a key must not be folded
    out = StringIO()
    yaml.dump(value, out)
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
    if _ODD_BREAK.search(text) or UNPRINTABLE.search(text):
        return '"'
    return "|" if "\n" in text.strip("\n") else None
