"""Response bytes → plain data, by the `outputRawFormat` of the operation (spec 2.6).

    outputRawFormat  body                       value
    ---------------  -------------------------  ------------------------------------
    json (default)   {"id": 7}                  {id: 7}
                     {"n": 1}⏎{"n": 2}          [{n: 1}, {n: 2}]
    xml              <ship><id>7</id></ship>    {id: "7"}
    yaml             id: 7                      {id: 7}
    csv, tsv, psv    id,name⏎7,Ada              [{id: "7", name: Ada}]
    html             <table>…</table>           {tables: [[{id: "7"}]]}
    markdown         # Ships⏎Two of them.       {frontMatter: {}, tables: [],
                                                 sections: [{heading: Ships, …}]}
    text             any characters             the text
    binary           any bytes                  the bytes, unchanged

`avro` and `protobuf` are known and not decoded. Each format has a module of its own; a
library that a format needs is imported only when such a body arrives. This module must
not know how the bytes came here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from naftiko.errors import OutputError, did_you_mean, names_of, shorten
from naftiko.formats.faults import import_library
from naftiko.formats.json import decode_json
from naftiko.formats.text import decode_binary, decode_text, decode_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.plain import JSON

    #: Body, Content-Type and `outputSchema` → value.
    DecodeBody = Callable[[bytes, str, str], JSON]


def _when_used(module: str, name: str, **settings: str) -> DecodeBody:
    """Return a decoder whose module is imported with the first body for it.

    Most documents name one format, and importing all of them would slow every start.
    """

    def decode_body(body: bytes, content_type: str, schema: str = "") -> JSON:
        decoder = getattr(import_module(f"naftiko.formats.{module}"), name)
        return decoder(body, content_type, schema, **settings)

    return decode_body


_DECODERS: dict[str, DecodeBody] = {
    "json": decode_json,
    "xml": _when_used("xml", "decode_xml"),
    "yaml": decode_yaml,
    "csv": _when_used("rows", "decode_rows", delimiter=",", format="csv"),
    "tsv": _when_used("rows", "decode_rows", delimiter="\t", format="tsv"),
    "psv": _when_used("rows", "decode_rows", delimiter="|", format="psv"),
    "html": _when_used("html", "decode_html"),
    "markdown": _when_used("markdown", "decode_markdown"),
    "text": decode_text,
    "binary": decode_binary,
}
#: Format → the libraries that decode it; those of the extra `formats`.
_LIBRARIES = {"html": ("bs4", "soupsieve"), "markdown": ("markdown_it",)}
#: Formats of the specification that are not decoded here.
_UNDECODED = ("avro", "protobuf")
#: All formats that a document may name.
FORMATS = (*_DECODERS, *_UNDECODED)


def decode(
    format: str, body: bytes, *, content_type: str = "", schema: str = ""
) -> JSON:
    r"""Return the value that a response body stands for.

    `decode("csv", b"id,name\n7,Ada")` is `[{"id": "7", "name": "Ada"}]`.

    Args:
        format: An `outputRawFormat` in any case; empty means `json`.
        body: The bytes as they came, content encoding undone.
        content_type: The value of that header. Only its charset counts, and whether
            it promises one JSON document or many; the format is never guessed from it.
        schema: The `outputSchema`: a CSS selector for `html`, the beginning of a
            heading for `markdown`.

    Raises:
        OutputError: The format is unknown, or the body is not in it.
    """
    decoder = _DECODERS.get(format) or _DECODERS.get(_folded(format))
    if decoder is None:
        _refuse_format(format)
    return decoder(body, content_type, schema)


def check(format: str) -> None:
    """Refuse a format that `decode` would refuse for any body.

    Callers check before they send a request, because the request may change something.

    Raises:
        OutputError: The format is unknown, not decoded here, or needs a library that
            is not installed.
    """
    name = _folded(format)
    if name not in _DECODERS:
        _refuse_format(format)
    for library in _LIBRARIES.get(name, ()):
        import_library(library, name)


def refused(format: str) -> tuple[str, str] | None:
    """Return why no body of a known format is decoded here, and what to do about it.

    `refused("avro")` is a pair of texts, and `refused("json")` is `None`. Nothing is
    imported to find out.
    """
    name = _folded(format)
    if name in _UNDECODED:
        return (
            f"outputRawFormat '{name}' is not supported yet",
            "outputRawFormat: binary gives the bytes unchanged",
        )
    for library in _LIBRARIES.get(name, ()):
        from importlib.util import find_spec  # few documents need it

        if find_spec(library) is None:
            return (
                f"outputRawFormat '{name}' needs the library '{library}'",
                'pip install "naftiko[formats]"',
            )
    return None


def _folded(format: str) -> str:
    return (format or "json").strip().lower()


def _refuse_format(format: str) -> NoReturn:
    if _folded(format) in FORMATS:
        raise OutputError(
            f"outputRawFormat '{format}' is not supported yet",
            hint="outputRawFormat: binary gives the bytes unchanged",
        )
    guess = did_you_mean(format, FORMATS)
    raise OutputError(
        f'Unsupported "{shorten(format)}" format specified',
        hint=f"{guess} Known formats: {names_of(FORMATS)}".strip(),
    )
