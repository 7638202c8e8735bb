"""Check the requests of published operations."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

import naftiko

#: An argument with every character that could change the target of a request.
HOSTILE = "a/ü 1?#{b}&c"


def check_requests(capability: naftiko.Capability) -> int:
    """Build the requests of all operations that can be called; return their number.

    Special characters of an argument must not change the target of a request.
    """
    count = 0
    for operation in capability:
        if operation.problems:
            continue
        count += 1
        plain = {p.name: "1" for p in operation.parameters}
        hostile = dict.fromkeys(plain, HOSTILE)
        sent = capability.exchange(operation.ref, plain).request
        other = capability.exchange(operation.ref, hostile).request
        assert sent.method == operation.method
        url, moved = urlsplit(sent.url), urlsplit(other.url)
        assert url.scheme in ("http", "https")
        assert url.hostname
        assert (url.scheme, url.netloc) == (moved.scheme, moved.netloc)
        assert url.path.count("/") == moved.path.count("/")
        assert not re.search("[{}#]", sent.url + other.url)
        for parameter in operation.parameters:
            if parameter.in_ == "path":
                assert quote(HOSTILE, safe="") in other.url
        shown = capability.request(operation.ref, plain)
        assert (shown.method, shown.url) == (sent.method, sent.url)
        # The boundary of a multipart body is random.
        assert len(shown.content or b"") == len(sent.content or b"")
        assert shown.as_curl().startswith("curl ")
    return count
