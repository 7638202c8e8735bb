"""`naftiko.consumes.markup`: values in a template of XML."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.consumes.markup import escaped, filled, is_xml_type, parts_of_xml
from naftiko.expressions import Ref, parse

_HOSTILE = "</a><b c='d' e=\"f\">&g;]]><!-- <![CDATA["


def _filled(text: str, settings: dict[str, str] | None = None, **values: Any) -> str:
    given = settings or {}
    inner = {name: parse(value, quotes=False) for name, value in given.items()}
    parts = parts_of_xml(parse(text, quotes=False), inner)

    def value_of(ref: Ref) -> Any:
        return values[ref.name]

    return filled(parts, value_of)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/xml", True),
        ("text/xml; charset=utf-8", True),
        ("Application/SOAP+XML", True),
        ("image/svg+xml", True),
        ("text/plain", False),
        ("application/xml-not", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_media_type_of_xml(kind: str, expected: bool) -> None:
    """By its subtype, or by its suffix (RFC 7303)."""
    assert is_xml_type(kind) is expected


def test_value_is_read_back_as_it_was() -> None:
    """In an element, in both kinds of attribute, and in a CDATA section."""
    from xml.etree import ElementTree

    text = "<r a=\"{{v}}\" b='{{v}}'><t>{{v}}</t><c><![CDATA[{{v}}]]></c></r>"
    for value in (_HOSTILE, "a\rb", "]]>]]>", "ä€😀", "", "]]", "]]]]>>"):
        root = ElementTree.fromstring(_filled(text, v=value))
        found = [root.get("a"), root.get("b"), *(child.text or "" for child in root)]
        assert found == [value] * 4
        assert len(list(root.iter())) == 3


@pytest.mark.parametrize("text", ["<a>{{{v}}}</a>", "<a>{{& v}}</a>", "<a>{{&v}}</a>"])
def test_raw_text_is_asked_for(text: str) -> None:
    """Mustache's spelling for what is not escaped."""
    assert _filled(text, v="<b/>") == "<a><b/></a>"


def test_value_of_a_parameter_is_escaped() -> None:
    """Texts that a document gives a parameter are values, too; its markup is its own."""
    text = "<a>{{v}}</a>&{{{v}}}"
    assert _filled(text, {"v": "x & {{w}}"}, w="<") == "<a>x &amp; &lt;</a>&x & <"


@pytest.mark.parametrize("value", [1, True, 1.5, ["<"], {"a": '"'}])
def test_other_values_are_texts(value: Any) -> None:
    """As they are in a plain text, and then escaped."""
    shown = {"True": "true"}.get(str(value), str(value))
    if isinstance(value, (list, dict)):
        shown = {"list": "[&quot;&lt;&quot;]"}.get(
            type(value).__name__, "{&quot;a&quot;:&quot;\\&quot;&quot;}"
        )
    assert _filled("<a>{{v}}</a>", v=value) == f"<a>{shown}</a>"


@pytest.mark.parametrize(
    "character", ["\0", "\x08", "\x0b", "\x1b", "\ud800", "\uffff"]
)
def test_character_that_xml_lacks_is_refused(character: str) -> None:
    """It has no escape in XML 1.0."""
    with pytest.raises(ValueError, match=r"XML cannot hold the character U\+"):
        escaped(f"a{character}")
