"""Response bytes → JSON value, by `outputRawFormat`.

One function per format, behind `decode`. Formats other than the standard library's are
read by libraries that are imported only when such a body arrives. This module must not
know how the bytes came here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from naftiko.errors import OutputError, did_you_mean, names_of, shorten
from naftiko.formats.faults import formats_library
from naftiko.formats.html import decode_html
from naftiko.formats.json import decode_json
from naftiko.formats.markdown import decode_markdown
from naftiko.formats.rows import rows_decoder
from naftiko.formats.text import decode_binary, decode_text, decode_yaml
from naftiko.formats.xml import decode_xml

if TYPE_CHECKING:
    from naftiko.formats.faults import Decoder
    from naftiko.plain import JSON


def decode(
    format: str, body: bytes, *, content_type: str = "", schema: str = ""
) -> JSON:
    """Return the value that a response body stands for.

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
    decoder = _DECODERS.get(format) or _DECODERS.get((format or "json").strip().lower())
    if decoder is None:
        _refuse_format(format)
    return decoder(body, content_type, schema)


def check(format: str) -> None:
    """Raise what `decode` would raise for any body: it is asked before one is sent for.

    Raises:
        OutputError: The format is unknown, not built in, or needs a missing library.
    """
    name = (format or "json").strip().lower()
    if name not in _DECODERS:
        _refuse_format(format)
    for library in _LIBRARIES.get(name, ()):
        formats_library(library, name)


def is_supported(format: str) -> bool:
    """Tell whether `decode` reads a format; the case of letters does not count."""
    return (format or "json").strip().lower() in _DECODERS


def _refuse_format(format: str) -> NoReturn:
    if format.strip().lower() in FORMATS:
        raise OutputError(
            f"outputRawFormat '{format}' is not supported yet",
            hint="outputRawFormat: binary gives the bytes unchanged",
        )
    guess = did_you_mean(format, FORMATS)
    raise OutputError(
        f'Unsupported "{shorten(format)}" format specified',
        hint=f"{guess} Known formats: {names_of(FORMATS)}".strip(),
    )


# --- characters -------------------------------------------------------------------


# --- json -------------------------------------------------------------------------


# --- xml --------------------------------------------------------------------------


# --- yaml, csv, text, binary ------------------------------------------------------


# --- html -------------------------------------------------------------------------


# --- markdown ---------------------------------------------------------------------


# --- the message in an error body -------------------------------------------------


# --- the table --------------------------------------------------------------------

_DECODERS: dict[str, Decoder] = {
    "json": decode_json,
    "xml": decode_xml,
    "yaml": decode_yaml,
    "csv": rows_decoder(",", "csv"),
    "tsv": rows_decoder("\t", "tsv"),
    "psv": rows_decoder("|", "psv"),
    "html": decode_html,
    "markdown": decode_markdown,
    "text": decode_text,
    "binary": decode_binary,
}
#: What `decode` needs for some of them.
_LIBRARIES = {"html": ("bs4", "soupsieve"), "markdown": ("markdown_it",)}
#: The formats `decode` reads.
SUPPORTED = frozenset(_DECODERS)
#: All formats a document may name.
FORMATS = (*_DECODERS, "avro", "protobuf")
