"""The head of a request: which one host it is for, and how much of it is read.

    b"http://shop.test/x?q=1", [(b"host", b"shop.test")]  →  b"/x?q=1"
    b"/x", [(b"host", b"a"), (b"host", b"b")]             →  BadHead (400)

RFC 9112, 3.2 and 6.1. Two servers that disagree about the host, or about the end, of
one request can be played against each other (request smuggling, cache poisoning), so
nothing is guessed here. Parsers of HTTP differ in what they let through; each asks this
module. It must not know a parser or what is served.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from naftiko.exposes.http.problems import BadRequest, HttpProblem

if TYPE_CHECKING:
    from naftiko.exposes.http.scope import ASGIScope

#: Bytes of a head, or of the framing of a body, that may come in.
MAX_HEAD_BYTES = 64 * 1024
#: Fields of a head, or of the trailer behind a body. Browsers send some twenty.
MAX_FIELDS = 100
#: Characters of a host with its port; a name has at most 253 (RFC 1035, 2.3.4).
_LONGEST_HOST = 260
#: Fields that say whom a request is for, and where it ends.
_DECISIVE = frozenset((b"host", b"transfer-encoding", b"content-length"))
_HOST = re.compile(
    rb"(?:[A-Za-z0-9._~-]+|\[(?P<address>[0-9A-Fa-f:.]+)\])(?::(?P<port>[0-9]{0,5}))?"
)
_ABSOLUTE = re.compile(rb"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<host>[^/?#]*)")
_PORTS = {b"http": b"80", b"https": b"443"}
_VERSIONS = ("1.0", "1.1")

TOO_MANY_FIELDS = HttpProblem(
    "head-too-large",
    f"at most {MAX_FIELDS} header fields are read",
)


class BadHead(BadRequest):
    """A head that is refused; `problem` says why."""


def _malformed(detail: str, hint: str = "") -> BadHead:
    return BadHead(HttpProblem("malformed-request", detail, hint))


def origin_form(
    target: bytes, version: str, headers: list[tuple[bytes, bytes]]
) -> bytes:
    """Return the target of a request as path and query; refuse a head in doubt.

    An absolute target must name the host that `Host` names. Without a `Host`, which
    HTTP/1.0 allows, the host of the target is added to the headers.

    Args:
        target: The target in the request line.
        version: The version of HTTP: "1.1".
        headers: Name in lower case and value, without the blanks around it.

    Raises:
        BadHead: There are too many fields, not one host, or two ends.
    """
    if len(headers) > MAX_FIELDS:
        raise BadHead(TOO_MANY_FIELDS)
    if version not in _VERSIONS:
        raise _malformed("its version is not HTTP/1.1")
    fields = dict(headers)
    is_sure = len(fields) == len(headers) and b"transfer-encoding" not in fields
    is_plain = target[:1] == b"/" and b"#" not in target
    if is_sure and is_plain and is_host(fields.get(b"host", b"")):
        return target  # nearly every request
    decisive = [pair for pair in headers if pair[0] in _DECISIVE]
    _check_end(version, decisive)
    host = only_host([value for name, value in decisive if name == b"host"], version)
    if b"#" in target:
        raise _malformed("its target holds '#', which no target does")
    # `*` stands for the whole server (RFC 9112, 3.2.4).
    if target[:1] == b"/" or target == b"*":
        return target
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        raise _malformed("its target is no path and no URL", "begin it with '/'")
    named = absolute["host"]
    if not named or not is_host(named):
        raise _malformed("its target names no plain host")
    if not host:
        headers.append((b"host", named))
    elif _with_port(host, absolute["scheme"]) != _with_port(named, absolute["scheme"]):
        raise _malformed("its target and `Host` name two hosts")
    rest = target[absolute.end() :]
    return rest if rest[:1] == b"/" else b"/" + rest


def _check_end(version: str, decisive: list[tuple[bytes, bytes]]) -> None:
    """Refuse a head that tells its end twice, or in an unknown way (RFC 9112, 6.1)."""
    codings = [value for name, value in decisive if name == b"transfer-encoding"]
    lengths = [value for name, value in decisive if name == b"content-length"]
    if len(lengths) > 1 or (lengths and codings):
        raise _malformed("it tells the length of its body twice")
    if not codings:
        return
    if version == "1.0":
        raise _malformed("HTTP/1.0 has no `Transfer-Encoding`")
    if len(codings) > 1 or codings[0].lower() != b"chunked":
        raise _malformed("the only `Transfer-Encoding` that is read is 'chunked'")


def only_host(hosts: list[bytes], version: str) -> bytes:
    """Return the value of the one `Host` of a head; empty where there may be none.

    Raises:
        BadHead: There are several, or none in HTTP/1.1, or it is not plainly one host.
    """
    if len(hosts) > 1:
        raise _malformed("it has more than one `Host`")
    if not hosts:
        if version == "1.1":
            raise _malformed("it has no `Host`", "HTTP/1.1 requires it")
        return b""
    # An empty one is that of a target without a host (RFC 9110, 7.2).
    if hosts[0] and not is_host(hosts[0]):
        raise _malformed(
            "its `Host` is not a host with an optional port",
            "send neither user information nor a path in it",
        )
    return hosts[0]


def is_host(host: bytes) -> bool:
    """Tell whether a text is a host name or an address, with an optional port.

    Neither user information, nor a path, nor a percent-encoding is part of one.
    """
    return len(host) <= _LONGEST_HOST and _is_host(host)


@lru_cache(256)
def _is_host(host: bytes) -> bool:
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or 0) > 0xFFFF:
        return False
    if match["address"] is None:
        return True
    from ipaddress import IPv6Address

    try:
        IPv6Address(match["address"].decode())
    except ValueError:
        return False
    return True


def _with_port(host: bytes, scheme: bytes) -> tuple[bytes, bytes]:
    """Return host and port for a comparison: `A:80` of http is `a` of http."""
    match = _HOST.fullmatch(host)
    assert match is not None
    port = match["port"] or _PORTS[scheme.lower()]
    name = host[: match.start("port") - 1] if match["port"] is not None else host
    return name.lower().removesuffix(b"."), port.lstrip(b"0")


def check_scope(scope: ASGIScope) -> None:
    """Refuse a request whose host is in doubt, as far as an ASGI scope shows it.

    Servers leave the checks of `Host` to applications. Some of them give an absolute
    target as the path; such a scope gets its path back.

    Raises:
        BadHead: There is not one host.
    """
    version = scope.get("http_version", "")
    headers = scope["headers"]
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 and version not in _VERSIONS:
        # Later versions have `:authority`, which servers write as one more `Host`.
        hosts = list(dict.fromkeys(hosts))
    # One that lacks is left to the server: applications are called without one, too.
    host = only_host(hosts, version) if hosts else b""
    path = scope["path"]
    if not path or path[:1] == "/" or path == "*":
        return
    raw = scope.get("raw_path") or path.encode("latin-1", "replace")
    pairs = [(b"host", host)] if host else []
    target = origin_form(raw, "1.0", pairs)
    scope["raw_path"], scope["path"] = target, unquote(target.decode("latin-1"))
    if not host:
        scope["headers"] = [*headers, *pairs]
