"""One request of an exchange: the first, or the one that a redirect asks for.

    POST http://a/x, Authorization  --302 Location: http://b/y-->  GET http://b/y

RFC 9110, 15.4 says which method, headers and body go on. Credentials stay with their
origin. Every sender uses this module; it must not know how one sends.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

from naftiko.errors import ArgumentError, TransportError, shorten
from naftiko.http import BODILESS_METHODS
from naftiko.masking import mask
from naftiko.transport.encodings import CutOff, Grown, OverLimit, Unknown
from naftiko.transport.messages import Headers
from naftiko.transport.wire.hosts import ascii_url

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from naftiko.transport.encodings import Damaged
    from naftiko.transport.messages import Request, SignIn

MAX_REDIRECTS = 20
REDIRECTS = frozenset((301, 302, 303, 307, 308))
#: Headers that say nothing about the caller; all others stay with the origin.
_IMPERSONAL = frozenset(("accept", "accept-encoding", "accept-language", "user-agent"))
#: Headers that go where the body goes.
_CONTENT_HEADERS = frozenset(
    (
        "content-type", "content-encoding", "content-language", "content-length",
        "transfer-encoding",
    )
)  # fmt: skip
#: Characters that a URL may hold; a percent sign only before two digits.
_URL_SAFE = "!#$%&'()*+,/:;=?@[]~"
_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_END_OF_ORIGIN = re.compile("[/?#]")


class RedirectedRequest:
    """One request of an exchange.

    Attributes:
        url: Where it goes; its host is ASCII.
        origin: Scheme, host and port, the default port written out.
        is_first_origin: Whether its origin, and each before it, is the one that the
            user chose.
        content: The body once it is open: bytes, an open file, the object that the
            caller gave, or `None`.
        length: Bytes of the body once it is open, `None` if it is unknown.
    """

    __slots__ = (
        "_file", "_number", "_offset", "auth", "body", "content", "headers",
        "is_first_origin", "length", "method", "origin", "request", "url",
    )  # fmt: skip

    def __init__(self, request: Request) -> None:
        self.request = request
        self.method = request.method
        try:
            self.url = ascii_url(request.url)
            self.origin = origin_of(self.url)
        except ValueError:
            raise refusal("the URL is malformed", request) from None
        self.headers: Mapping[str, str] = request.headers
        self.body = request.body
        self.auth: SignIn | AuthBase | None = request.auth
        self.is_first_origin = True
        self.content: Any = None
        self.length: int | None = None
        self._number = 0
        self._file: IO[bytes] | None = None
        self._offset: int | None = None
        if self.body is not None and hasattr(self.body, "tell"):
            with suppress(OSError, ValueError):
                self._offset = self.body.tell()

    def next(self, status: int, location: str) -> RedirectedRequest:
        """Return the request that a redirect asks for.

        Args:
            status: One of `REDIRECTS`.
            location: The header as it came, read as Latin-1.

        Raises:
            TransportError: It cannot be followed, or must not be.
        """
        hop = RedirectedRequest(self.request)
        hop._offset, hop._number = self._offset, self._number + 1
        request = self.request
        if hop._number > MAX_REDIRECTS:
            raise refusal(f"over {MAX_REDIRECTS} redirects", request, was_sent=True)
        try:
            url = _without_user(urljoin(self.url, _quoted_location(location)))
            hop.url = ascii_url(url)
            hop.origin = origin_of(hop.url)
        except ValueError:  # a malformed host or port
            hop.origin = ""
        if not hop.origin.startswith(("http://", "https://")):
            raise refusal(
                f"redirected to '{shorten(request.mask(location))}', which is no HTTP"
                " address",
                request,
                was_sent=True,
            )
        hop.method, hop.body = self.method, self.body
        to_get = status == 303 and self.method not in ("GET", "HEAD")
        if to_get or (status in (301, 302) and self.method == "POST"):
            hop.method, hop.body = "GET", None
        hop.is_first_origin = self.is_first_origin and hop.origin == self.origin
        hop.headers = {
            name: value
            for name, value in self.headers.items()
            if (hop.is_first_origin or name.lower() in _IMPERSONAL | _CONTENT_HEADERS)
            and (hop.body is not None or name.lower() not in _CONTENT_HEADERS)
        }
        hop.auth = self.auth if hop.is_first_origin else None
        if not hop.is_first_origin:
            hop._check_credentials(self.url)
        if not hop.rewind():
            raise refusal(
                f"redirected to {shorten(request.mask(hop.url))}, and the body can be"
                " read once",
                request,
                "give the body as bytes, a path or a file that can be rewound",
                was_sent=True,
            )
        return hop

    def as_request(self) -> Request:
        """Return this request as a value of its own, with the secrets of the first."""
        request = copy(self.request)
        request.method, request.url = self.method, self.url
        request.headers = Headers(self.headers, self.request.secrets)
        request.body = self.body
        return request

    def with_headers(self, headers: Mapping[str, str]) -> RedirectedRequest:
        """Return the same request with other headers; its body is shared."""
        other = copy(self)
        other.headers = headers
        return other

    def _check_credentials(self, url: str) -> None:
        """Refuse to carry credentials in address or body to another origin."""
        request = self.request
        pieces = getattr(self.body, "pieces", (self.body,))
        places = {
            "body": b"".join(piece for piece in pieces if isinstance(piece, bytes)),
            # The server may have copied the query, with its credentials, to `Location`.
            "address": _query(self.url) if _holds(_query(url), request) else b"",
        }
        for place, content in places.items():
            if _holds(content, request):
                raise refusal(
                    f"redirected to another origin, {request.mask(self.origin)}, which"
                    f" must not get the credentials in the {place}",
                    request,
                    "if it can be trusted, give it as the base URI",
                    was_sent=True,
                )

    @property
    def redirected_to(self) -> str:
        """The URL that redirects have led to, or an empty text."""
        return self.url if self._number else ""

    @property
    def target(self) -> str:
        """The request target: path and query, exactly as they were built."""
        url = self.url
        start = url.find("//") + 2
        slash, mark = url.find("/", start), url.find("?", start)
        if slash > 0 and not 0 < mark < slash and url[-1] != "?" and "#" not in url:
            return url[slash:]  # the usual one
        begin = _END_OF_ORIGIN.search(url, start)
        target = url[begin.start() :].partition("#")[0] if begin else ""
        path, _, query = target.partition("?")
        if not query:
            return path or "/"
        return target if path else f"/{target}"

    def open(self) -> None:
        """Open the body, at its beginning, and find out its length.

        Raises:
            TransportError: It is a file that cannot be read.
        """
        self.content, self.length = self._open_body()

    def _open_body(self) -> tuple[Any, int | None]:
        body: Any = self.body
        if body is None:
            # RFC 9110, 8.6: there could be a body, and there is none.
            return None, None if self.method in BODILESS_METHODS else 0
        if isinstance(body, bytes):
            return body, len(body)
        if isinstance(body, Path):
            try:
                self._file = body.open("rb")
            except OSError as error:
                raise TransportError(
                    f"the body '{body}' cannot be read: {error.strerror}",
                    request=self.request,
                ) from None
            return self._file, os.fstat(self._file.fileno()).st_size
        if not hasattr(body, "read"):
            return body if hasattr(body, "__aiter__") else _checked(body), None
        if not self.rewind():
            return body, None
        try:
            begin = body.tell()
            size = body.seek(0, os.SEEK_END) - begin
            body.seek(begin)
        except (OSError, ValueError, AttributeError):
            return body, None
        return body, size

    def rewind(self) -> bool:
        """Go back to where the body began; tell whether it can be sent (again)."""
        target: Any = self._file or self.body
        if target is None or isinstance(target, (bytes, Path)):
            return True
        try:
            target.seek(0 if self._file else self._offset)
        except (AttributeError, OSError, TypeError, ValueError):
            return False
        return True

    def close(self) -> None:
        """Close the files that were opened for this hop."""
        if self._file is not None:
            self._file.close()
            self._file = None
        body: Any = self.body
        if hasattr(body, "release"):
            body.release()


def location_of(values: Sequence[str], request: Request) -> str:
    """Return the `Location` that a response names, or an empty text.

    Raises:
        TransportError: It names two different ones.
    """
    if len(set(values)) > 1:
        raise refusal(
            "the response names two different values of `Location`",
            request,
            "the request was sent; follow_redirects=False gives the response",
            was_sent=True,
        )
    return values[0] if values else ""


_RAISE_LIMIT = "stream it, or raise `max_response_bytes` of the transport"


def too_large(request: Request, limit: int) -> TransportError:
    """Return the error for a response that goes beyond a limit."""
    return refusal(
        f"the response is larger than {limit:,} bytes",
        request,
        _RAISE_LIMIT,
        was_sent=True,
    )


def no_room(request: Request) -> TransportError:
    """Return the error for a response beside too many others."""
    error = refusal(
        "the responses to other requests fill the memory that is meant for them",
        request,
        "try again in a moment, or raise `max_total_bytes`",
        was_sent=True,
    )
    error.is_full = True
    return error


def damaged(error: Damaged, request: Request) -> TransportError:
    """Return the error for a damaged or truncated response."""
    if isinstance(error, CutOff):
        return refusal("the response broke off", request, was_sent=True)
    if isinstance(error, Grown):
        is_limit = isinstance(error, OverLimit)
        hint = _RAISE_LIMIT if is_limit else "send a header `Accept-Encoding: identity`"
        return refusal(f"the response {error}", request, hint, was_sent=True)
    hint = "`br` needs a library: pip install 'naftiko[formats]'"
    return refusal(
        "the response is damaged",
        request,
        hint if isinstance(error, Unknown) else "",
        was_sent=True,
    )


def refusal(
    what: str, request: Request, hint: str = "", *, was_sent: bool = False
) -> TransportError:
    """Return the error for a request that is refused, or a response.

    Args:
        what: What is refused, and why.
        request: The request.
        hint: What the user can do.
        was_sent: A response came back, so the request may have taken effect.
    """
    return TransportError(
        f"{request.method} {request.shown_url}: {what}",
        reason=what,
        was_sent=was_sent,
        request=request,
        hint=hint,
    )


def _checked(parts: Iterator[Any]) -> Iterator[bytes]:
    return map(bytes_of, parts)


def bytes_of(part: Any) -> bytes:
    """Return a part of a body that its caller gives.

    Raises:
        ArgumentError: It is something else than bytes.
    """
    if not isinstance(part, (bytes, bytearray, memoryview)):
        raise ArgumentError(
            f"the body gives a {type(part).__name__} where it should give bytes"
        )
    return bytes(part)


def _query(url: str) -> bytes:
    return urlsplit(url).query.encode()


def _holds(content: bytes, request: Request) -> bool:
    """Tell whether a content holds a credential of a request, in any encoding."""
    if not content or not request.credentials:
        return False
    text = content.decode("utf-8", "replace")
    return mask(text, request.credentials) != text


def _without_user(url: str) -> str:
    """Return a URL without user and password: a server may not choose a login."""
    parts = urlsplit(url)
    _, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=host).geturl() if at else url


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, the default port written out.

    Raises:
        ValueError: The host or the port is malformed.
    """
    start = url.find("//") + 2
    slash = url.find("/", start)
    if slash > 0 and url.find("?", start, slash) < 0 > url.find("#", start, slash):
        return _origin(url[:slash])  # the usual one
    end = _END_OF_ORIGIN.search(url, start)
    return _origin(url[: end.start()] if end else url)


@lru_cache(1024)
def _origin(url: str) -> str:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    port = parts.port or (443 if scheme == "https" else 80)
    host = parts.hostname or ""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _quoted_location(location: str) -> str:
    """Return a `Location`, characters that a URL may not hold percent-encoded."""
    location = _LONE_PERCENT.sub("%25", location)
    # The bytes go back as they came, whatever encoding the server means.
    return quote(location.encode("latin-1", "replace"), safe=_URL_SAFE)
