"""Bodies from templates: no value of a caller becomes a part of the document's text."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

import naftiko
from naftiko.errors import ArgumentError
from support.serving import document

_HOSTILE = "</n><admin>true</admin><n a=\"x\" b='y'>&e;<![CDATA["
_TEMPLATE = "<r><n a=\"{{v}}\" b='{{v}}'>{{v}}</n></r>"


def _sent(body: dict[str, Any], media_type: str = "", **given: Any) -> Any:
    inputs: list[dict[str, Any]] = [{"name": "v", "in": "body"}]
    if media_type:
        header = {"name": "Content-Type", "in": "header", "value": media_type}
        inputs.append(header)
    found = {"name": "op", "method": "POST", "body": body, "inputParameters": inputs}
    listed = [{"name": "r", "path": "/r", "operations": [found]}]
    data = document([], consumes={"resources": listed})
    data["capability"]["exposes"] = []
    return naftiko.load(data, schema=None).request("api.op", given).body


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("xml", ""),
        ("text", "application/xml"),
        ("text", "text/xml; charset=utf-8"),
        ("text", "Application/SOAP+XML"),
        ("application/xml", ""),
        ("application/soap+xml", ""),
        ("sparql", "application/xml"),
    ],
)
def test_value_is_no_markup_in_xml(kind: str, media_type: str) -> None:
    """Whichever way a document says that its text is XML."""
    body = _sent({"type": kind, "data": _TEMPLATE}, media_type, v=_HOSTILE)
    (inner,) = ElementTree.fromstring(body)
    assert (inner.text, inner.get("a"), inner.get("b")) == (_HOSTILE,) * 3


def test_document_asks_for_raw_text() -> None:
    """By three braces, by `&`, and where the value is the whole body."""
    for data in ("<r>{{{v}}}</r>", "<r>{{& v}}</r>"):
        assert _sent({"type": "xml", "data": data}, v="<n/>") == b"<r><n/></r>"
    assert _sent({"type": "xml", "data": "{{v}}"}, v="<n/>") == b"<n/>"
    assert _sent({"type": "xml", "data": "{{v}}\n"}, v="<n/>") == b"<n/>"


def test_plain_text_is_not_escaped() -> None:
    """A text of another type is sent as it is."""
    body = _sent({"type": "text", "data": "a {{v}}"}, v="<&>")
    assert body == b"a <&>"


def test_character_that_xml_lacks_is_an_argument_error() -> None:
    """It would make the whole body malformed."""
    with pytest.raises(ArgumentError, match=r"U\+0000"):
        _sent({"type": "xml", "data": _TEMPLATE}, v="a\0")
