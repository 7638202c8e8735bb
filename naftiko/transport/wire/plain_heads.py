r"""The usual head of a response → what `parse_head` makes of it, and where it ends.

    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"    →  ResponseHead(200, …), 38
    b"HTTP/1.1 200 OK\nContent-Length : 2\r\n\r\n{}"     →  None, for `parse_head`

Nearly every head is one that all parsers read alike, and it takes a third of the time
to read it as such. This module must not know how bytes arrive.
"""

from __future__ import annotations

import re

from naftiko.transport.wire.heads import ResponseHead

#: Blanks stand inside a value only.
_VALUE = rb": (?! )[ -~]+(?<! )\r\n"
#: Lines whose names do not begin as those of framing fields do (`con`, `tra`), in any
#: case of letters, and the usual ones that do and say nothing about framing.
_LINES = (
    rb"(?:(?:[!#$%&'*+.^_`|~0-9ABD-SU-Zabd-su-z-]|[Cc](?![Oo][Nn])|[Tt](?![Rr][Aa]))"
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]*" + _VALUE + rb"|"
    rb"[Cc]ontent-(?:[Dd]isposition|[Ee]ncoding|[Ll]ocation|[Rr]ange"
    rb"|[Ss]ecurity-[Pp]olicy)" + _VALUE + rb"|[Cc]onnection: [Kk]eep-[Aa]live\r\n)*"
)
_TYPE = rb"[Cc]ontent-[Tt]ype" + _VALUE
_LENGTH = rb"[Cc]ontent-[Ll]ength: "
#: A head without anything unusual: a status of a body, names and values as they should,
#: one `Content-Length`, at most one `Content-Type` before or behind it.
_PLAIN_HEAD = re.compile(
    rb"HTTP/1\.1 (?!204|304)[2-9][0-9][0-9] (?:(?! )[ -~]+(?<! ))?\r\n" + _LINES
    + rb"(?:" + _TYPE + _LINES + _LENGTH + rb"([0-9]{1,18})\r\n" + _LINES
    + rb"|" + _LENGTH + rb"([0-9]{1,18})\r\n" + _LINES
    + rb"(?:" + _TYPE + _LINES + rb")?)\r\n"
)  # fmt: skip
#: A line of such a head, behind the CR of the line before it.
_FIELD = re.compile(r"\n([^:\n]+): ([^\r\n]+)")
#: Bytes of such a head, so that no limit of lines or fields is met.
_MOST_OF_PLAIN = 4096


def plain_head(data: bytes) -> tuple[ResponseHead, int] | None:
    """Return a head that every parser reads alike, and where it ends.

    `None` is for all others, which `parse_head` reads: those with blanks or bytes in
    unusual places, with framing fields but one `Content-Length`, or without a body. It
    is for a head that is not complete, too.

    Args:
        data: The head, and what came behind it.
    """
    found = _PLAIN_HEAD.match(data, 0, _MOST_OF_PLAIN)
    if found is None:
        return None
    end, length = found.end(), int(found[found.lastindex or 0])
    text = data[: end - 2].decode("ascii")
    cut = text.find("\r")
    pairs = _FIELD.findall(text, cut + 1)
    head = ResponseHead(int(text[9:12]), text[13:cut], pairs, 11, length, False, True)
    return head, end
