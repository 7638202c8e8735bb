"""Write plain data as YAML text in block style."""

from __future__ import annotations

import re
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

    Plain.add_representer(str, _represent_text)
    Plain.add_representer(dict, Plain.represent_dict)
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = Plain
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    out = StringIO()
    yaml.dump(value, out)
    return out.getvalue().removesuffix("...\n").rstrip("\n")


def _represent_text(representer: Any, text: str) -> Any:
    # Only double quotes hold control characters, and line breaks of other kinds.
    odd = _ODD_BREAK.search(text) or UNPRINTABLE.search(text)
    style = '"' if odd else "|" if "\n" in text.strip("\n") else None
    return representer.represent_scalar(f"{CORE_TAG}str", text, style=style)
