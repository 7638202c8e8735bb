"""`Content-Type` → the format of a body whose `outputRawFormat` is not declared.

    Content-Type                                  format
    --------------------------------------------  ------------------------------------
    application/json, …+json, NDJSON, text/json   json
    application/xml, text/xml, …+xml              xml
    application/yaml, text/csv                    yaml, csv
    text/plain, text/html, other text             text
    application/octet-stream, images, archives    binary
    application/vnd.docker.multiplexed-stream     multiplexed
    application/vnd.docker.raw-stream             frames, or else text
    none, and all others                          (empty)

The type of HTML is text: `outputRawFormat: html` asks for its tables.
"""

from __future__ import annotations

import re
from functools import lru_cache

from naftiko.http import media_type_of

MULTIPLEXED = "multiplexed"
MULTIPLEXED_TYPE = "application/vnd.docker.multiplexed-stream"
EVENT_STREAM_TYPE = "text/event-stream"
RAW_STREAM_TYPE = "application/vnd.docker.raw-stream"
OCTETS_TYPE = "application/octet-stream"
#: Types of bodies in which older Docker engines send frames; often they send no type.
UNNAMED_FRAME_TYPES = frozenset((RAW_STREAM_TYPE, OCTETS_TYPE, ""))
#: Media types that promise any number of JSON documents, also one.
SEQUENCE_TYPES = frozenset(
    (
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/x-ldjson",
        "application/json-seq",
        "application/stream+json",
        "application/x-json-stream",
    )
)
# Texts, which are compiled when one is needed: most bodies are JSON by a plain test.
_JSON = r"(?:application|text)/(?:x-)?json|[^/]+/.+\+json(?:-seq|l)"
_XML = r"(?:application|text)/xml|[^/]+/.+\+xml"
_YAML = r"(?:application|text)/(?:x-|vnd\.)?yaml|[^/]+/.+\+yaml"
#: Programs as a type, which many older APIs give to JSON.
_SCRIPT = r"(?:application|text)/(?:x-)?(?:java|ecma)script"
#: Types that `+xml` or `text` would name, but that people read as they are.
_AS_TEXT = frozenset(("application/xhtml+xml", "image/svg+xml"))
_TEXT = (
    r"(?:text|message)/.+"
    r"|application/(?:x-www-form-urlencoded|toml|sql|graphql|jwt|rtf|x-sh|x-pem-file"
    r"|x-subrip|vnd\.apple\.mpegurl|x-mpegurl|openmetrics-text|x-tex"
    r"|vnd\.docker\.raw-stream|pgp-signature|pgp-keys)"
)
_BINARY = (
    r"(?:image|audio|video|font|model|multipart|binary)/.+"
    r"|application/(?:octet-stream|x-binary|binary|pdf|x-pdf|wasm|msword|ogg|mp4"
    r"|(?:x-)?(?:zip|gzip|tar|gtar|bzip2?|xz|zstd|compress(?:ed)?|msgpack|protobuf"
    r"|sqlite3|parquet|avro|cbor)(?:-compressed)?"
    r"|x-7z-compressed|vnd\.rar|x-rar(?:-compressed)?|java-archive|x-lzip|x-lzma"
    r"|vnd\.(?:ms-|openxmlformats|oasis\.opendocument|apache\.|sqlite3|msgpack"
    r"|google\.protobuf|debian\.|android\.package).*"
    r"|postscript|x-executable|x-sharedlib|x-iso9660-image|x-rpm|x-deb"
    r"|x-apple-diskimage|x-msdownload|x-shockwave-flash|x-java-.*|pkcs.*|pkix-.*"
    r"|pgp-encrypted|grpc.*|vnd\.docker\.image\..*)"
    r"|[^/]+/.+(?:\+(?:zip|gzip|cbor|msgpack|protobuf)|\.tar|\.gzip)"
)
_PATTERNS = (("xml", _XML), ("yaml", _YAML), ("text", _TEXT), ("binary", _BINARY))


@lru_cache(maxsize=256)
def format_of(content_type: str) -> str:
    """Return the format that a `Content-Type` names; empty when it names none.

    `format_of("text/csv; header=present")` is `"csv"`.
    """
    kind = media_type_of(content_type)
    if not kind:
        return ""
    if kind == "application/json" or kind.endswith("+json"):
        return "json"
    if kind == MULTIPLEXED_TYPE:
        return MULTIPLEXED
    if kind == "text/csv" or kind == "application/csv":
        return "csv"
    if kind == "text/tab-separated-values":
        return "tsv"
    if kind in SEQUENCE_TYPES or re.fullmatch(_JSON, kind):
        return "json"
    if kind in _AS_TEXT or re.fullmatch(_SCRIPT, kind):
        return "text"
    for format, pattern in _PATTERNS:
        if re.fullmatch(pattern, kind):
            return format
    return ""


def is_open_ended(content_type: str) -> bool:
    """Tell whether a `Content-Type` is one of bodies that may have no end."""
    kind = media_type_of(content_type)
    if kind in (EVENT_STREAM_TYPE, MULTIPLEXED_TYPE, RAW_STREAM_TYPE):
        return True
    return promises_many(content_type)


def has_parts(content_type: str, declared: str = "") -> bool:
    """Tell whether the parts of a body mean something alone: documents, events, lines.

    A half of XML, of a table or of a page means nothing.

    Args:
        content_type: The type of the body.
        declared: The `outputRawFormat`; empty when the document declares none.
    """
    if declared not in ("", "json", "text"):
        return False
    kind = media_type_of(content_type)
    if kind in UNNAMED_FRAME_TYPES:
        return True
    return kind != "text/html" and format_of(kind) in ("", "json", "text", MULTIPLEXED)


def is_stream(content_type: str, *, follows: bool) -> bool:
    """Tell whether an answer of unknown length is a stream, however soon it ends.

    Args:
        content_type: Its type.
        follows: The call asked for an answer without end.
    """
    is_events = media_type_of(content_type) == EVENT_STREAM_TYPE
    return is_events or (follows and is_open_ended(content_type))


def is_script(content_type: str) -> bool:
    """Tell whether a `Content-Type` names a program, which is often JSON after all."""
    return re.fullmatch(_SCRIPT, media_type_of(content_type)) is not None


@lru_cache(maxsize=256)
def promises_many(content_type: str) -> bool:
    """Tell whether a `Content-Type` promises a sequence of JSON documents."""
    kind = media_type_of(content_type)
    return kind in SEQUENCE_TYPES or kind.endswith(("+json-seq", "+jsonl", "+ndjson"))
