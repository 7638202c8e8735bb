r"""The head of a response: bytes → status, fields, and where its body ends (RFC 9112).

    b"HTTP/1.1 200 OK\r\nX-A : b \r\nContent-Length: 2\r\n\r\n"
        →  ResponseHead(200, "OK", [("X-A", "b"), ("Content-Length", "2")], length=2, …)

Both senders read heads here. A malformed head so gives the same result through both:
its meaning where there is only one, or else `Unreadable`. The framing of a body is
never taken for data. This module must not know how bytes arrive.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.http import header_text
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Bytes of one line of a head, of a trailer, or of the size of a chunk.
MAX_LINE = 64 * 1024
#: Bytes of a whole head.
MAX_HEAD = 512 * 1024
#: Fields of one head, or of one trailer.
MAX_FIELDS = 1000
#: Interim responses (1xx) before a response.
MAX_INTERIM = 1000
#: How every response begins that can be read.
BEGINNING = b"HTTP/1."

NO_HTTP = "it does not begin with a status line of HTTP/1"
LINE_TOO_LONG = f"a line of its head has over {MAX_LINE:,} bytes"
HEAD_TOO_LONG = f"its head has over {MAX_HEAD:,} bytes"
TOO_MANY_FIELDS = f"its head has over {MAX_FIELDS:,} fields"
TOO_MANY_INTERIM = f"over {MAX_INTERIM:,} interim responses came before it"

# Texts, which are compiled for the first head that is not plain.
_STATUS_LINE = r"(?s)HTTP/1\.(\d)[ \t]+([1-9]\d\d)(?:[ \t]+(.*))?[ \t]*"
_LENGTH = "[0-9]{1,18}"
#: A field line; blanks are allowed around its parts, and are none of them.
_FIELD = r"(?m)^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:([^\n]*)\n"
#: NUL, and CR without LF: RFC 9110, 5.5 replaces them by a blank.
_BREAKS = r"\x00|\r(?!\n)"
_BLANKS = " \t"
#: Blanks, and the CR of a line end.
_ENDS = " \t\r"
#: Transfer codings beside `chunked`, by their `Content-Encoding`.
_CODINGS = {
    "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate",
    "compress": "compress", "x-compress": "compress",
}  # fmt: skip
_FRAMING = frozenset(("content-length", "transfer-encoding"))
_CONTENT_TYPE = "content-type"
_NOTED = _FRAMING | {_CONTENT_TYPE, "connection"}


class Unreadable(Exception):
    """A response that breaks the rules of HTTP/1.1, so its body has no known end.

    Its text says which rule, and quotes nothing of the response.
    """


class ResponseHead(NamedTuple):
    """The head of a response.

    Attributes:
        status: The status code, 100 to 999.
        reason: The reason phrase; may be empty.
        pairs: Names and values as they came, repeated names apart; bytes outside ASCII
            are read as Latin-1. The fields that say where the body ends are corrected.
        version: 10 for HTTP/1.0, 11 for later versions.
        length: Bytes of the body; `None` for one that ends otherwise.
        is_chunked: The body comes in chunks.
        stays_open: The connection can be used again after the body.
    """

    status: int
    reason: str
    pairs: list[tuple[str, str]]
    version: int
    length: int | None
    is_chunked: bool
    stays_open: bool

    @property
    def is_interim(self) -> bool:
        """Whether another response follows; not so after 101 (RFC 9110, 15.2)."""
        return self.status < 200 and self.status != 101


def parse_head(data: bytes, *, is_head: bool = False) -> ResponseHead:
    """Return the head of a response.

    Lines without a colon and lines whose name is no token are left out, as browsers
    do. A line that begins with a blank continues the one before it.

    Args:
        data: Its lines, the empty one at the end included; they may end in LF alone.
        is_head: The request was HEAD: there is no body.

    Raises:
        Unreadable: Its beginning is not that of HTTP/1, it is over a limit, or it does
            not say where the body ends.
    """
    text = data.decode("latin-1")
    text = re.sub(_BREAKS, " ", text)
    line, _, fields = text.partition("\n")
    begun = re.fullmatch(_STATUS_LINE, line.removesuffix("\r"))
    if begun is None:
        raise Unreadable(NO_HTTP)
    count = fields.count("\n")
    if count > MAX_FIELDS + 1:
        raise Unreadable(TOO_MANY_FIELDS)
    if len(data) > MAX_LINE and max(map(len, text.split("\n"))) > MAX_LINE:
        raise Unreadable(LINE_TOO_LONG)
    found = [(name, value.strip(_ENDS)) for name, value in re.findall(_FIELD, fields)]
    # All lines but the empty one at the end, or else some of them are malformed.
    pairs = found if len(found) == count - 1 else _lenient_pairs(fields)
    noted: dict[str, list[str]] = {}
    for name, value in pairs:
        if (folded := name.lower()) in _NOTED:
            noted.setdefault(folded, []).append(value)
    if len(noted.get(_CONTENT_TYPE, ())) > 1:
        pairs = _last_content_type(pairs)
    status = int(begun[2])
    version = 10 if begun[1] == "0" else 11
    reason = header_text(begun[3] or "").strip()
    stays_open = _stays_open(noted.get("connection", ()), version)
    head = ResponseHead(status, reason, pairs, version, None, False, stays_open)
    return _framed(head, noted, is_head=is_head)


def _lenient_pairs(fields: str) -> list[tuple[str, str]]:
    """Return the fields of lines some of which are malformed."""
    pairs: list[tuple[str, str]] = []
    is_known = False
    for line in fields.split("\n"):
        if line[:1] in (" ", "\t"):
            if is_known:
                # A continuation line (RFC 9112, 5.2).
                name, value = pairs[-1]
                pairs[-1] = (name, f"{value} {line.strip()}".strip())
            continue
        field = re.fullmatch(_FIELD, f"{line}\n")
        if line.strip():
            is_known = field is not None
        if field is not None:
            pairs.append((field[1], field[2].strip(_ENDS)))
    return pairs


def _last_content_type(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return fields with the last `Content-Type` only, as browsers read them."""
    last = max(i for i, pair in enumerate(pairs) if pair[0].lower() == _CONTENT_TYPE)
    return [
        pair
        for i, pair in enumerate(pairs)
        if i == last or pair[0].lower() != _CONTENT_TYPE
    ]


def _stays_open(fields: Sequence[str], version: int) -> bool:
    if not fields:
        return version == 11
    options = [word.strip(_BLANKS) for word in ",".join(fields).lower().split(",")]
    return "close" not in options and (version == 11 or "keep-alive" in options)


# --- where the body ends (RFC 9112, 6.3) ----------------------------------------------


def _framed(
    head: ResponseHead, framing: dict[str, list[str]], *, is_head: bool
) -> ResponseHead:
    """Return a head that says where its body ends, its framing fields corrected."""
    lengths = framing.get("content-length")
    codings = framing.get("transfer-encoding")
    status = head.status
    if is_head or status in (204, 304) or status < 200:
        return _without_body(head, lengths, codings, is_head=is_head)
    if codings is not None:
        return _coded(head, codings, has_length=lengths is not None)
    if lengths is None:
        return head._replace(stays_open=False)
    length = _length(lengths)
    if len(lengths) > 1 or not lengths[0].isdigit():
        pairs = [*_unframed(head), ("Content-Length", str(length))]
        head = head._replace(pairs=pairs)
    return head._replace(length=length)


def _without_body(
    head: ResponseHead,
    lengths: list[str] | None,
    codings: list[str] | None,
    *,
    is_head: bool,
) -> ResponseHead:
    """Return the head of a response that has no body, whatever its fields say."""
    if lengths is None and codings is None:
        return head._replace(length=0)
    # The length of a body that is left out; nothing else may follow the head.
    is_told = is_head or head.status == 304
    stays_open = head.stays_open and is_told
    pairs = _unframed(head)
    if is_told and codings is None and lengths is not None:
        try:
            pairs.append(("Content-Length", str(_length(lengths))))
        except Unreadable:
            stays_open = False
    return head._replace(pairs=pairs, length=0, stays_open=stays_open)


def _coded(head: ResponseHead, fields: list[str], *, has_length: bool) -> ResponseHead:
    """Return the head of a response that has a `Transfer-Encoding`.

    Codings before `chunked` are undone as a `Content-Encoding` is: they were applied
    after it.
    """
    words = [word.strip(_BLANKS).lower() for word in ",".join(fields).split(",")]
    codings = [word for word in words if word and word != "identity"]
    is_chunked = codings[-1:] == ["chunked"]
    if is_chunked:
        codings.pop()
    if "chunked" in codings:
        raise Unreadable("its Transfer-Encoding names `chunked` before its end")
    if any(coding not in _CODINGS for coding in codings):
        raise Unreadable("its Transfer-Encoding is one that cannot be undone")
    pairs = head.pairs
    if fields != ["chunked"] or has_length:
        pairs = _unframed(head)
        pairs += [("Content-Encoding", _CODINGS[coding]) for coding in codings]
        if is_chunked:
            pairs.append(("Transfer-Encoding", "chunked"))
    # A message with both fields may be a smuggled one, so nothing follows it.
    can_stay = is_chunked and not has_length and head.version == 11
    return head._replace(
        pairs=pairs, is_chunked=is_chunked, stays_open=head.stays_open and can_stay
    )


def _unframed(head: ResponseHead) -> list[tuple[str, str]]:
    return [pair for pair in head.pairs if pair[0].lower() not in _FRAMING]


def _length(fields: list[str]) -> int:
    """Return the one length that `Content-Length` fields agree on: "5, 5" is 5."""
    values = {value.strip(_BLANKS) for value in ",".join(fields).split(",")}
    if not all(re.fullmatch(_LENGTH, value) for value in values):
        raise Unreadable("its Content-Length is not a number of bytes")
    if len(lengths := set(map(int, values))) > 1:
        raise Unreadable("it has two different values of Content-Length")
    return lengths.pop()
