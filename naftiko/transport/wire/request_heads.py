r"""A request → the bytes of its head (RFC 9112, 3).

    "GET", "/x?y=1", "h.test", {"Accept": "a/b"}
        →  b"GET /x?y=1 HTTP/1.1\r\nHost: h.test\r\nAccept: a/b\r\n\r\n", can_stay=True

Nothing is added but `Host`, and nothing is encoded again. This module must not know how
bytes are sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFUSED = "a part of the head has a character that it must not have"
#: Method and target without blanks and controls; names as `http.client` takes them; no
#: line breaks in a value.
_HEAD = re.compile(
    r"[!-~]+ [!-~]+ HTTP/1\.1\r\n(?:[^:\s][^:\r\n\0]*: [^\r\n\0]*\r\n)+\r\n"
)


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


def request_head(
    method: str, target: str, authority: str, headers: Mapping[str, str]
) -> RequestHead:
    """Return the head of a request; values are written as Latin-1.

    Args:
        method: The HTTP method.
        target: Path and query.
        authority: Host and port, for a request whose headers have no `Host`.
        headers: Names and values, in the order in which they are sent.

    Raises:
        ValueError: It cannot be written.
    """
    fields = "".join([f"\n{name}: {value}\r" for name, value in headers.items()])
    folded = fields.lower()
    host = "" if "\nhost:" in folded else f"\nHost: {authority}\r"
    head = f"{method} {target} HTTP/1.1\r{host}{fields}\n\r\n"
    # A value could look like the end of its line and another field.
    if _HEAD.fullmatch(head) is None or fields.count("\n") != len(headers):
        raise ValueError(_REFUSED)
    can_stay = "\nconnection:" not in folded or _can_stay(folded)
    try:
        return RequestHead(head.encode("latin-1"), can_stay)
    except UnicodeEncodeError:
        raise ValueError(_REFUSED) from None


def _can_stay(folded: str) -> bool:
    words = ",".join(re.findall(_CONNECTION, folded)).split(",")
    return "close" not in [word.strip() for word in words]
