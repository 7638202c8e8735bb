"""A template of XML: values are escaped, so that none of them can become markup.

    <a n="{{n}}">{{t}}</a>, n='"x', t="<b/>"  →  <a n="&quot;x">&lt;b/&gt;</a>
    <a>{{{t}}}</a>, t="<b/>"                  →  <a><b/></a>

A document asks for the text as it is by a third brace or by `{{& t}}`, as Mustache has
it. This module must not know where a body goes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.expressions import Ref, splice, to_text
from naftiko.http import media_type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.expressions import Template

    #: Writes a value into its place.
    Writer = Callable[[str], str]
    Parts = list[tuple[str | Ref, Writer]]

_ENTITIES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&apos;",
    # A reader would take it for a line feed (XML 1.0, 2.11).
    "\r": "&#13;",
}
# Characters that no XML 1.0 document can hold (2.2); texts, which are compiled when a
# body is XML.
_FORBIDDEN = "[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
_SPECIAL = "[&<>\"'\r]"
_CDATA_END = "]]>"


def is_xml_type(content_type: str) -> bool:
    """Tell whether a media type is one of XML: `text/xml`, `application/soap+xml`."""
    kind = media_type_of(content_type)
    return kind.endswith(("/xml", "+xml"))


def is_raw(ref: Ref) -> bool:
    """Tell whether a reference asks for the text as it is: `{{{x}}}`, `{{& x}}`."""
    return ref.written.startswith("{{{") or ref.written[2:].lstrip()[:1] == "&"


def escaped(text: str) -> str:
    """Return a text for the content of an element, or for an attribute.

    Raises:
        ValueError: It holds a character that XML has no form for.
    """
    if bad := re.search(_FORBIDDEN, text):
        raise ValueError(f"XML cannot hold the character U+{ord(bad[0]):04X}")
    return re.sub(_SPECIAL, lambda match: _ENTITIES[match[0]], text)


def _in_cdata(text: str) -> str:
    """Return a text for a CDATA section, which has no escapes: its end is split."""
    escaped(text)
    return text.replace(_CDATA_END, "]]]]><![CDATA[>").replace(
        "\r", "]]>&#13;<![CDATA["
    )


def parts_of_xml(template: Template, settings: Mapping[str, Template]) -> Parts:
    """Return the parts of a template, each reference with what writes its value.

    Args:
        template: The parsed template.
        settings: Name → the template that replaces a reference of that name; see
            `splice`. Its texts are values, too.
    """
    parts: Parts = []
    is_cdata = False
    for part in template:
        if isinstance(part, str):
            begin, end = part.rfind("<![CDATA["), part.rfind(_CDATA_END)
            is_cdata = begin > end if max(begin, end) >= 0 else is_cdata
            parts.append((part, str))
            continue
        write: Writer = str
        if not is_raw(part):
            write = _in_cdata if is_cdata else escaped
        parts += [(p, write) for p in splice((part,), settings, literal=write)]
    return parts


def filled(parts: Parts, value_of: Callable[[Ref], Any]) -> str:
    """Return the text of a template with its values.

    Raises:
        TypeError: A value has no text form.
        ValueError: A value cannot stand in XML.
    """
    return "".join(
        part if isinstance(part, str) else write(to_text(value_of(part)))
        for part, write in parts
    )
