r"""A request → the bytes of its head (RFC 9112, 3).

    "GET", "/x?y=1", "h.test", {"Accept": "a/b"}
        →  b"GET /x?y=1 HTTP/1.1\r\nHost: h.test\r\nAccept: a/b\r\n\r\n", can_stay=True

Nothing is added but `Host`, and nothing is encoded again. This module must not know how
bytes are sent.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFUSED = "a part of the head has a character that it must not have"
#: Names as `http.client` takes them, in ASCII; no line breaks in a value. Ranges are
#: written out: one up to the last character takes 8 ms to compile.
_FIELDS = re.compile(
    r"(?:\n[\1-\x08\x0e-\x1b!-9;-\x7f][\1-\t\x0b\x0c\x0e-9;-\x7f]*: [^\r\n\0]*\r)*"
)
_BREAK = re.compile(r"[\r\n\0]")
#: The options of a `Connection` header, in lower case.
_CONNECTION = r"\nconnection:([^\r]*)"


class RequestHead(NamedTuple):
    """The head of a request.

    Attributes:
        data: Its bytes.
        can_stay: It lets the connection be used again.
    """

    data: bytes
    can_stay: bool


class WrittenFields(NamedTuple):
    """The headers of a request, as they are written.

    Attributes:
        text: Their lines, each between its line feed and its carriage return.
        has_host: One of them is `Host`.
        can_stay: They let the connection be used again.
    """

    text: str
    has_host: bool
    can_stay: bool


def written_fields(headers: Mapping[str, str]) -> WrittenFields:
    """Return headers as they are written.

    Raises:
        ValueError: They cannot be written.
    """
    text = "".join([f"\n{name}: {value}\r" for name, value in headers.items()])
    # A value could look like the end of its line and another field.
    if _FIELDS.fullmatch(text) is None or text.count("\n") != len(headers):
        raise ValueError(_REFUSED)
    folded = text.lower()
    can_stay = "\nconnection:" not in folded or _can_stay(folded)
    return WrittenFields(text, "\nhost:" in folded, can_stay)


def request_head(
    method: str, target: str, authority: str, headers: Mapping[str, str]
) -> RequestHead:
    """Return the head of a request; values are written as Latin-1.

    Those of `shared_headers` are not written again.

    Args:
        method: The HTTP method.
        target: Path and query.
        authority: Host and port, for a request whose headers have no `Host`.
        headers: Names and values, in the order in which they are sent.

    Raises:
        ValueError: It cannot be written.
    """
    text, has_host, can_stay = getattr(headers, "_fields", None) or written_fields(
        headers
    )
    line = f"{method} {target}"
    # Method and target, without blanks and controls.
    is_plain = line.isascii() and line.isprintable() and line.count(" ") == 1
    if not is_plain or not method or not target:
        raise ValueError(_REFUSED)
    host = "" if has_host else _host_field(authority)
    head = f"{line} HTTP/1.1\r{host}{text}\n\r\n"
    try:
        return RequestHead(head.encode("latin-1"), can_stay)
    except UnicodeEncodeError:
        raise ValueError(_REFUSED) from None


@lru_cache(256)
def _host_field(authority: str) -> str:
    if _BREAK.search(authority):
        raise ValueError(_REFUSED)
    return f"\nHost: {authority}\r"


def _can_stay(folded: str) -> bool:
    words = ",".join(re.findall(_CONNECTION, folded)).split(",")
    return "close" not in [word.strip() for word in words]
