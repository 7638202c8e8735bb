"""XML → plain data, the root element dropped (spec 2.6).

    body                                            value
    ----------------------------------------------  ---------------------------------
    <ship><id>7</id></ship>                         {id: "7"}
    <ships><s>a</s><s>b</s></ships>                 {s: [a, b]}
    <ship imo="7">Ada<flag/></ship>                 {imo: "7", "": Ada, flag: ""}
    <a:ship xmlns:a="urn:x"><a:id>7</a:id></a:ship> {id: "7"}
    <ship>Ada</ship>                                Ada

Declared entities are refused: they can fill the memory. Default values of attributes,
which a document type declares, come with each element, so they are counted.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from naftiko.errors import OutputError, shorten
from naftiko.formats.budget import MAX_RESPONSE_BYTES, Growth
from naftiko.formats.faults import offset_at, refuse_body, refuse_depth
from naftiko.formats.text import declared_charset, decode_text, text_in
from naftiko.http import codec_of

if TYPE_CHECKING:
    from naftiko.plain import JSON

#: Characters that an attribute counts for, beside its own.
_ATTRIBUTE = 32
#: Elements deeper than this are refused, before Python's own limit is met elsewhere.
MAX_DEPTH = 200
_DECLARED_ENCODING = re.compile(
    rb"<\?xml\s[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']"
)


def is_xml(format: str, content_type: str) -> bool:
    """Tell whether a body is read as XML: by `outputRawFormat`, else by its type.

    `is_xml("", "application/atom+xml; charset=utf-8")` is true.
    """
    if format:
        return format.strip().lower() == "xml"
    kind = content_type.partition(";")[0].strip().lower()
    return kind.endswith(("/xml", "+xml"))


def decode_xml(
    body: bytes,
    content_type: str,
    _schema: str = "",
    *,
    most: int = MAX_RESPONSE_BYTES,
) -> JSON:
    """Return the content of the root element; `None` for an empty body.

    Attributes and child elements become members; of several with one name a list. An
    element with neither is its text. Text beside members goes under an empty name. All
    leaves are text. Namespace prefixes and declarations are dropped.

    Raises:
        BodyError: The body is not XML.
        OutputError: It declares entities, or is nested too deeply.
        OverBudget: Defaults of attributes make far more of it.
    """
    from xml.parsers import expat

    if not body.strip():
        return None
    source = _source(body, content_type)
    builder = _XmlBuilder()
    parser = expat.ParserCreate("utf-8" if isinstance(source, str) else None)
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.EntityDeclHandler = builder.entity
    growth = Growth("xml", len(body), most)

    def count(name: str, attributes: dict[str, str]) -> None:
        size = sum(map(len, attributes)) + sum(map(len, attributes.values()))
        growth.spend(size + _ATTRIBUTE * len(attributes), "defaults of attributes")
        builder.start(name, attributes)

    def declare(
        _element: str, _name: str, _type: str, default: str | None, _: int
    ) -> None:
        if default is not None:
            parser.StartElementHandler = count

    parser.AttlistDeclHandler = declare
    parser.SkippedEntityHandler = builder.skipped
    try:
        parser.Parse(source, True)
    except expat.ExpatError as error:
        text = source if isinstance(source, str) else decode_text(source, "")
        offset = offset_at(text, error.lineno, error.offset + 1)
        refuse_body("xml", expat.ErrorString(error.code), text, offset)
    except (LookupError, ValueError) as error:
        refuse_body("xml", shorten(error), text_in(body, ""))
    return builder.value


def _source(body: bytes, content_type: str) -> bytes | str:
    """Return the body as text if its encoding is declared, else as bytes for expat.

    A byte order mark counts first, then the header, then the declaration (RFC 7303, 3).
    """
    labels = [declared_charset(body, content_type)]
    declaration = _DECLARED_ENCODING.match(body.removeprefix(codecs.BOM_UTF8))
    if declaration:
        declared = declaration.group(1).decode("ascii").lower()
        # A declaration that reads as ASCII cannot be of UTF-16, whatever it says:
        # some programs write it from a string and send UTF-8.
        is_wide = declared.startswith(("utf-16", "utf-32"))
        labels.append("utf-8" if is_wide else declared)
    elif labels[0].startswith(("utf-16", "utf-32")):
        return body  # expat recognizes it by itself
    labels = [label for label in labels if label]
    for label in labels:
        try:
            if codec := codec_of(label):
                return body.decode(codec).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    if not labels or not (declaration or codec_of(labels[0])):
        return body
    refuse_body("xml", f"its bytes are not {shorten(labels[-1])}", text_in(body, ""))


class _XmlBuilder:
    """Build the value of one document from the events of expat."""

    def __init__(self) -> None:
        self.value: JSON = ""
        # The members of each open element, and its texts between them.
        self._open: list[tuple[dict[str, JSON], list[str]]] = []

    def start(self, _name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            refuse_depth("xml")
        members: dict[str, JSON] = {}
        for name, value in attributes.items():
            if name != "xmlns" and not name.startswith("xmlns:"):
                _add(members, name, value)
        self._open.append((members, []))

    def characters(self, text: str) -> None:
        self._open[-1][1].append(text)

    def end(self, name: str) -> None:
        members, texts = self._open.pop()
        text = "".join(texts)
        value: JSON = text if text.strip() else ""
        if members:
            if value:
                _add(members, "", text.strip())
            value = members
        if self._open:
            _add(self._open[-1][0], name, value)
        else:
            self.value = value

    def entity(self, name: str, *_more: object) -> None:
        raise OutputError(
            f"the body is not usable xml: it declares the entity '{shorten(name)}'",
            hint="declared entities are refused: they can fill the memory",
        )

    def skipped(self, name: str, _parameter: bool) -> None:
        raise OutputError(
            f"the body is not usable xml: the entity '{shorten(name)}' is not defined",
            hint="outputRawFormat: text gives the body as it is",
        )


def _add(members: dict[str, JSON], name: str, value: JSON) -> None:
    """Add a member by its local name; a second one of that name makes a list."""
    name = name.rpartition(":")[2]
    if name not in members:
        members[name] = value
    elif isinstance(members[name], list):
        members[name].append(value)
    else:
        members[name] = [members[name], value]
