"""Response bytes → plain data, by the `outputRawFormat` of the operation (spec 2.6).

    outputRawFormat  body                       value
    ---------------  -------------------------  ------------------------------------
    json             {"id": 7}                  {id: 7}
                     {"n": 1}⏎{"n": 2}          [{n: 1}, {n: 2}]
    xml              <ship><id>7</id></ship>    {id: "7"}
    yaml             id: 7                      {id: 7}
    csv, tsv, psv    id,name⏎7,Ada              [{id: "7", name: Ada}]
    html             <table>…</table>           {tables: [[{id: "7"}]]}
    markdown         # Ships⏎Two of them.       {frontMatter: {}, tables: [],
                                                 sections: [{heading: Ships, …}]}
    text             any characters             the text
    binary           any bytes                  the bytes, unchanged
    (none)           any                        by the Content-Type; JSON where that
                                                names no format

Where the body is not in the declared format, and the Content-Type says so, the value is
what came. `avro` and `protobuf` are known and not decoded. Each format has a module of
its own; a library that a format needs is imported only when such a body arrives. This
module must not know how the bytes came here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NoReturn, Protocol

from naftiko.errors import OutputError, did_you_mean, names_of, shorten
from naftiko.formats.budget import MAX_RESPONSE_BYTES, OverBudget, check_size
from naftiko.formats.faults import import_library
from naftiko.formats.json import decode_json
from naftiko.formats.media import MULTIPLEXED, format_of, is_script
from naftiko.formats.text import decode_binary, decode_text, decode_yaml
from naftiko.http import media_type_of
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from naftiko.plain import JSON


class DecodeBody(Protocol):
    """Body, Content-Type, `outputSchema` and the largest response → value."""

    def __call__(
        self, body: bytes, content_type: str, schema: str = "", /, *, most: int
    ) -> JSON:
        """Return the value; `most` is the bytes that the largest response may have."""
        ...


def _when_used(module: str, name: str, **settings: str) -> DecodeBody:
    """Return a decoder whose module is imported with the first body for it.

    Most documents name one format, and importing all of them would slow every start.
    """

    def decode_body(
        body: bytes, content_type: str, schema: str = "", *, most: int
    ) -> JSON:
        decoder = getattr(import_module(f"naftiko.formats.{module}"), name)
        return decoder(body, content_type, schema, most=most, **settings)

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
#: Formats that nearly every text is in: a body of another type has to be recognised.
_LENIENT = frozenset(("csv", "tsv", "psv", "html", "markdown"))
#: Bytes before the first sign of a JSON text: white space, a byte order mark.
_BLANKS = b" \t\r\n\xef\xbb\xbf"


class Decoded(NamedTuple):
    """What a received body stands for.

    Attributes:
        value: The value.
        format: The format that it was read as.
        is_other: A format was declared, and the body is in another one.
    """

    value: JSON
    format: str
    is_other: bool = False


def decode_received(
    declared: str,
    body: bytes,
    content_type: str,
    *,
    schema: str = "",
    is_structured: bool = False,
    is_strict: bool = False,
    most: int = MAX_RESPONSE_BYTES,
) -> Decoded:
    r"""Return the value of a received body, by its declared format or by its type.

    `decode_received("", b"up\n", "text/plain")` gives `"up\n"`, and so does the same
    body where `json` is declared: it is not JSON, and its type says so.

    Args:
        declared: The `outputRawFormat`; empty when the document declares none.
        body: The bytes as they came, content encoding undone.
        content_type: The value of that header.
        schema: The `outputSchema`.
        is_structured: Members of the value are wanted, so a JSON object or list counts
            even where the type says text or bytes.
        is_strict: Refuse a body that is not in the declared format, whatever its type.
        most: The bytes that the largest response may have; a format that costs more
            time or memory has a share of it.

    Raises:
        OutputError: The format is unknown, or the body is in neither format.
        OverBudget: The body is too large for its format, or too much comes of it.
    """
    named = format_of(content_type)
    if named != "json":
        from naftiko.formats.multiplexed import is_multiplexed

        if is_multiplexed(body, content_type):
            named = MULTIPLEXED
    declared = _folded(declared) if declared else ""
    if not declared:
        return _undeclared(
            named,
            body,
            content_type,
            is_structured=is_structured,
            is_strict=is_strict,
            most=most,
        )
    if declared == "text" and named == MULTIPLEXED:
        return Decoded(_decode_named(named, body, content_type, most), named)
    is_another = bool(named) and named != declared and not is_strict
    is_recognisable = is_another and declared in _LENIENT and body.strip()
    found = (
        _recognised(named, declared, body, content_type, most)
        if is_recognisable
        else None
    )
    if found is not None:
        return found
    try:
        value = decode(
            declared, body, content_type=content_type, schema=schema, most=most
        )
    except OverBudget:
        raise  # it is in its format
    except OutputError as error:
        if not is_another or declared not in _DECODERS:
            raise
        try:
            value = _decode_named(named, body, content_type, most)
        except OutputError:
            raise error from None
        return Decoded(value, named, is_other=True)
    return Decoded(value, declared)


def _undeclared(
    named: str,
    body: bytes,
    content_type: str,
    *,
    is_structured: bool,
    is_strict: bool,
    most: int,
) -> Decoded:
    """Return the value of a body whose format only its type can tell."""
    is_text = named in ("text", "binary")
    if is_text and (is_structured or is_script(content_type)):
        value = _container(body, content_type)
        if value is not None:
            return Decoded(value, "json")
    if named or content_type or is_strict:
        value = _decode_named(named or "json", body, content_type, most)
        return Decoded(value, named)
    try:
        return Decoded(decode_json(body, ""), "json")
    except OutputError:
        # Nothing says that it should be JSON; what begins like it is damaged JSON.
        if body.lstrip(_BLANKS)[:1] in (b"{", b"["):
            raise
    try:
        return Decoded(body.decode("utf-8-sig"), "text")
    except UnicodeDecodeError:
        return Decoded(body, "binary")


def _decode_named(named: str, body: bytes, content_type: str, most: int) -> JSON:
    """Return the value of a body in the format that its type names."""
    check_size(named, len(body), most)
    if named == MULTIPLEXED:
        from naftiko.formats.multiplexed import text_of_frames

        return text_of_frames(body)
    return _DECODERS[named](body, content_type, "", most=most)


def _container(body: bytes, content_type: str) -> JSON:
    """Return the JSON object or list that a body is, or `None`."""
    if body.lstrip(_BLANKS)[:1] not in (b"{", b"["):
        return None
    try:
        return decode_json(body, content_type)
    except OutputError:
        return None


def _recognised(
    named: str, declared: str, body: bytes, content_type: str, most: int
) -> Decoded | None:
    """Return the value of a body that surely is what its type says, or `None`.

    A JSON text and a page of HTML would be read as CSV without a fault.
    """
    if named == "json":
        value = _container(body, content_type)
        return None if value is None else Decoded(value, named, is_other=True)
    begin = body.lstrip(_BLANKS)[:15].lower()
    is_page = begin.startswith((b"<!doctype html", b"<html"))
    # A page may stand in Markdown.
    is_foreign = is_page and declared not in ("html", "markdown")
    if is_foreign and media_type_of(content_type) == "text/html":
        return Decoded(decode_text(body, content_type), "text", is_other=True)
    if named == "binary" and b"\0" in body[:1024]:
        return Decoded(body, named, is_other=True)
    if named == "xml" and begin.startswith(b"<?xml"):
        try:
            value = _decode_named(named, body, content_type, most)
            return Decoded(value, named, is_other=True)
        except OutputError:
            return None
    return None


def decode(
    format: str,
    body: bytes,
    *,
    content_type: str = "",
    schema: str = "",
    most: int = MAX_RESPONSE_BYTES,
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
        most: The bytes that the largest response may have.

    Raises:
        OutputError: The format is unknown, or the body is not in it.
        OverBudget: The body is too large for its format, or too much comes of it.
    """
    name = format if format in _DECODERS else _folded(format)
    decoder = _DECODERS.get(name)
    if decoder is None:
        _refuse_format(format)
    check_size(name, len(body), most)
    return decoder(body, content_type, schema, most=most)


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
