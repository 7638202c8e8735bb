"""Read the body of a consumed operation: `body`, or its `in: body` parameters.

    body: {type: json, data: {a: "{{a}}"}}  →  Body("json", "application/json", {...})
    one `in: body` parameter, body          →  Body(..., fields=(body,))

Spec 2.4, dialect 6. This module must not know how a body is filled in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import names_of, shorten
from naftiko.http import BODY_METHODS
from naftiko.plain import text_of
from naftiko.spec.model import Body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.document.findings import Findings
    from naftiko.plain import JSON, DocumentPath
    from naftiko.spec.model import Consumes, InputParameter

_PUBLISHED_BODIES = (
    "json",
    "text",
    "xml",
    "sparql",
    "formUrlEncoded",
    "multipartForm",
)
#: Type in any spelling → kind of body, and its media type.
_BODY_KINDS = {
    "json": ("json", "application/json"),
    "text": ("text", "text/plain; charset=utf-8"),
    "xml": ("text", "application/xml"),
    "sparql": ("text", "application/sparql-query"),
    "yaml": ("text", "application/yaml"),
    "formurlencoded": ("formUrlEncoded", "application/x-www-form-urlencoded"),
    "form": ("formUrlEncoded", "application/x-www-form-urlencoded"),
    "multipartform": ("multipartForm", "multipart/form-data"),
    "multipart": ("multipartForm", "multipart/form-data"),
    "binary": ("binary", "application/octet-stream"),
    "octet-stream": ("binary", "application/octet-stream"),
}


def read_body(
    entry: Mapping[str, JSON],
    at: DocumentPath,
    method: str,
    parameters: tuple[InputParameter, ...],
    consumes: Consumes,
    findings: Findings,
) -> Body | None:
    """Read the body of an operation; `None` when it has none.

    Args:
        entry: The operation.
        at: Its place.
        method: Its method, in capitals.
        parameters: Its parameters.
        consumes: Its adapter.
        findings: Where findings go.
    """
    where = (*at, "body")
    data = entry.get("body")
    if data is None:
        fields = tuple(p for p in parameters if p.in_ == "body")
        if fields:
            whole = len(fields) == 1 and _is_generated(fields[0], consumes)
            return Body(
                "json",
                "application/json",
                fields=fields,
                path=where,
                is_whole=whole,
            )
        if method in BODY_METHODS:
            # Not even its type is known: the argument that is given decides.
            return Body("json", "", is_open=True, path=where)
        return None
    if not isinstance(data, dict):
        # The fifth published shape: the text itself, sent as JSON.
        return Body("json", "application/json", data, path=where)
    return _declared(data, where, parameters, findings)


def _declared(
    data: Mapping[str, JSON],
    where: DocumentPath,
    parameters: tuple[InputParameter, ...],
    findings: Findings,
) -> Body:
    """Read a `body` that is a mapping: its type, and the data or the parameters."""
    written = text_of(data.get("type")) or "json"
    kind, content_type = _BODY_KINDS.get(
        written.lower(), ("binary", written) if "/" in written else ("", "")
    )
    published = written in _PUBLISHED_BODIES
    if not kind:
        findings.unknown(
            rules.BODY_TYPE,
            (*where, "type"),
            f"the body type '{shorten(written)}' is not known",
            written,
            _PUBLISHED_BODIES,
        )
        return Body("unknown", "", None, path=where)
    if not published:
        findings.add(
            rules.BODY_TYPE_SPELLING,
            (*where, "type"),
            f"the body type '{shorten(written)}' is read as {content_type}",
            f"use one of {names_of(_PUBLISHED_BODIES)}",
        )
    template = data.get("data")
    if kind in ("text", "binary") and isinstance(template, dict):
        if len(template) > 1:
            findings.add(
                rules.BODY_TYPE,
                (*where, "data"),
                f"a {shorten(written)} body is one text, not {len(template)}",
                "write `data` as a text",
            )
        elif published:
            findings.add(
                rules.BODY_DATA,
                (*where, "data"),
                f"a {written} body is a text; its one value is taken",
                "write `data` as a text",
            )
        template = next(iter(template.values()), None)
    undescribed = template is None or (kind == "json" and template == {})
    fields = tuple(p for p in parameters if p.in_ == "body")
    if undescribed and fields and kind != "binary":
        return Body(kind, content_type, fields=fields, path=where)
    return Body(kind, content_type, template, is_open=undescribed, path=where)


def _is_generated(field: InputParameter, consumes: Consumes) -> bool:
    """Tell whether the only `in: body` parameter is the body of a source description.

    Generators of whole files keep the name that the source gave to the body, such as
    `inputStream`; they leave these words in the file.
    """
    return field.value is None and (
        field.description.startswith("Request body")
        or "Self-contained, no shared references" in consumes.description
    )
