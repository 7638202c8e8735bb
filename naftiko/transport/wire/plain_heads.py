r"""The usual head of a response → the length of its body, at once (RFC 9112).

    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"    →  2
    b"HTTP/1.1 200 OK\nContent-Length : 2\r\n\r\n"     →  None, for `parse_head`

Nearly every head is one that all parsers read alike, and a server that calls thousands
of them need not read them twice.
"""

from __future__ import annotations

import re

#: A head without anything unusual: a status of a body, names and values as they should.
_PLAIN_HEAD = re.compile(
    rb"HTTP/1\.1 (?!204|304)[2-9][0-9][0-9] (?:[!-~](?:[ -~]*[!-~])?)?\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [!-~](?:[ -~]*[!-~])?\r\n)+\r\n"
)
_PLAIN_LENGTH = re.compile(rb"\ncontent-length: ([0-9]{1,18})\r")
#: Bytes of such a head, so that no limit of lines or fields is met.
_MOST_OF_PLAIN = 4096


def plain_length(data: bytes) -> int | None:
    """Return the length of the body behind a head that every parser reads alike.

    `None` is for all others, which `parse_head` reads: those with blanks or bytes in
    unusual places, with framing fields but one `Content-Length`, or without a body.
    """
    if len(data) > _MOST_OF_PLAIN or not _PLAIN_HEAD.fullmatch(data):
        return None
    folded = data.lower()
    if (
        folded.count(b"\ncontent-length:") != 1
        or folded.count(b"\ncontent-type:") > 1
        or b"\nconnection:" in folded
        or b"\ntransfer-encoding:" in folded
    ):
        return None
    found = _PLAIN_LENGTH.search(folded)
    return int(found[1]) if found else None
