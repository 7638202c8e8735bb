"""`Request` and `Response`: plain values, tied to no HTTP library.

A request knows which texts in it are secret, so its representations can mask them.
`SignIn` is a login that takes several requests. This module must not know how a request
is built or sent.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Generator,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    ValuesView,
)
from copy import copy
from functools import partial
from typing import IO, TYPE_CHECKING, Any, TypeVar, overload

from naftiko.errors import OutputError, refuse_pickle, shorten
from naftiko.formats.budget import MAX_RESPONSE_BYTES
from naftiko.http import text_of
from naftiko.masking import LOGIN, Secret, has_marker, mark, mask, mask_own, plain
from naftiko.transport.curl import curl_command

if TYPE_CHECKING:
    from collections.abc import AsyncIterable
    from pathlib import Path

    from requests.auth import AuthBase

    from naftiko.plain import JSON
    from naftiko.transport.wire.request_heads import WrittenFields
    from naftiko.transport.wire.totals import Holder


T = TypeVar("T")

#: Headers that hold a credential, of one side or of the other.
_CREDENTIALS = frozenset(
    ("authorization", "proxy-authorization", "cookie", "set-cookie", "set-cookie2",
     "x-api-key", "api-key", "apikey", "x-auth-token", "x-csrf-token",
     "x-amz-security-token")
)  # fmt: skip


class Headers(MutableMapping[str, str]):
    """Header names and values: names compare without case and keep their spelling.

    The values of a name that came several times are joined by commas. `pairs` and
    `get_all` keep them apart: those of `Set-Cookie` hold commas.
    """

    __slots__ = ("_fields", "_items", "_pairs", "_secrets")

    def __init__(
        self, items: Mapping[str, str] = {}, secrets: tuple[Secret, ...] = ()
    ) -> None:
        self._items = {name.lower(): (name, value) for name, value in items.items()}
        self._secrets = secrets
        #: Names and values as they came, where a name came several times.
        self._pairs: tuple[tuple[str, str], ...] = ()
        #: As they are written, where many requests have them; see `shared_headers`.
        self._fields: WrittenFields | None = None

    @classmethod
    def joined(
        cls, pairs: Iterable[tuple[str, str]], secrets: tuple[Secret, ...] = ()
    ) -> Headers:
        """Return headers of names and values, those that come several times joined.

        Args:
            pairs: Names and values, as they came.
            secrets: The values that the representation hides, should they be there.
        """
        headers = cls.__new__(cls)
        headers._secrets, headers._pairs, headers._fields = secrets, (), None
        pairs = tuple(pairs)
        items = headers._items = {pair[0].lower(): pair for pair in pairs}
        if len(items) < len(pairs):
            headers._pairs = pairs
            items.clear()
            for name, value in pairs:
                folded = name.lower()
                known = items.get(folded)
                items[folded] = (name, f"{known[1]}, {value}" if known else value)
        return headers

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Names and values as they came, repeated names apart."""
        return self._pairs or tuple(self._items.values())

    def get_all(self, name: str) -> list[str]:
        """Return every value of a name, in the order in which they came."""
        folded = name.lower()
        return [value for known, value in self.pairs if known.lower() == folded]

    def __getitem__(self, name: str) -> str:
        return self._items[name.lower()][1]

    # The methods of the base class raise and catch an error for a name that is absent.
    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._items

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str | T) -> str | T: ...
    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a name, or the default."""
        known = self._items.get(name.lower())
        return default if known is None else known[1]

    def __setitem__(self, name: str, value: str) -> None:
        self._fields = None
        self._items[name.lower()] = (name, value)
        if self._pairs:
            self._drop(name)
            self._pairs += ((name, value),)

    def __delitem__(self, name: str) -> None:
        self._fields = None
        del self._items[name.lower()]
        self._drop(name)

    def _drop(self, name: str) -> None:
        folded = name.lower()
        self._pairs = tuple(p for p in self._pairs if p[0].lower() != folded)

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items.values())

    def items(self) -> ItemsView[str, str]:
        """Return names and values, without a look-up for each."""
        return dict(self._items.values()).items()

    def values(self) -> ValuesView[str]:
        """Return the values, without a look-up for each."""
        return dict(self._items.values()).values()

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        shown = {name: self._shown(name, value) for name, value in self.items()}
        return f"Headers({shown!r})"

    def _shown(self, name: str, value: str) -> str:
        """Return a value as it may be shown: no credential, whoever gave it."""
        masked = mask(value, self._secrets)
        if name.lower() not in _CREDENTIALS or masked != value or has_marker(value):
            return masked
        return "…"

    def __copy__(self) -> Headers:
        other = Headers(secrets=self._secrets)
        other._items, other._pairs = dict(self._items), self._pairs
        return other

    def __deepcopy__(self, _: object) -> Headers:
        return copy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickle goes to files and other processes: it holds what may be shown.
        pairs = tuple((name, self._shown(name, value)) for name, value in self.pairs)
        return Headers.joined, (pairs,)


def shared_headers(
    items: Mapping[str, str], fields: WrittenFields | None
) -> Callable[[tuple[Secret, ...]], Headers]:
    """Return what makes the headers of many requests, which have the same ones.

    They are written once, as long as a request does not change its own. What is made is
    given the secrets that their representation hides.

    Args:
        items: Names and values.
        fields: The same as they are written, or `None` if they cannot be.
    """
    shared = Headers(items)

    def make(secrets: tuple[Secret, ...]) -> Headers:
        headers = Headers.__new__(Headers)
        headers._items, headers._pairs = shared._items.copy(), ()
        headers._secrets, headers._fields = secrets, fields
        return headers

    return make


#: How many characters of a body a pickled request holds.
_PICKLED = 64 * 1024


# No protocol: `isinstance` of one takes 20 µs, and is asked for each request.
class SignIn:
    """A login that may take several requests, such as the answer to a challenge.

    It knows no HTTP library: whatever sends requests can drive it.

        request ──► attempts() ──► request as it is sent first
        its response (401) ──► ──► the same request with credentials
        its response (200) ──► ──► end: this response is the one that counts
    """

    __slots__ = ()

    __reduce_ex__ = refuse_pickle

    def attempts(self, request: Request) -> Generator[Request, Response, None]:
        """Yield the requests to send, at least one.

        The generator is sent the head of the response to each request (status and
        headers, no body). The response to the last request is the one that counts.
        Only the headers of the yielded requests may differ from `request`.
        """
        raise NotImplementedError

    def curl_words(self) -> tuple[str, ...]:
        """Return the options of `curl` that sign in the same way, not quoted."""
        raise NotImplementedError


class Request:
    """One HTTP request, complete.

    Attributes:
        method: The HTTP method, upper case.
        url: The absolute URL; `http://localhost/…` for a Unix socket.
        headers: Without those that the connection adds (`Host`, `Content-Length`).
        body: Bytes, a path or an open binary file that is read while sending, `None`;
            for an asynchronous transport also an asynchronous iterable of bytes.
        socket: Path of the Unix socket to connect to, or an empty text.
        auth: Signs the request: a `SignIn`, an `AuthBase` of `requests`, or `None`.
        is_identified: Whether it carries credentials already, in any place.
        secrets: The values that no representation of the request shows.
        credentials: Those of them that identify the caller, and that no other origin
            may get; a variable in the host or the path does not.
        preview: The same request with `$NAME` for every variable, or `None`.
    """

    __slots__ = (
        "auth", "body", "credentials", "headers", "is_identified", "method", "preview",
        "secrets", "socket", "url",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] = {},
        body: bytes | IO[bytes] | Path | AsyncIterable[bytes] | None = None,
        *,
        socket: str = "",
        auth: SignIn | AuthBase | None = None,
        is_identified: bool = False,
        secrets: tuple[Secret, ...] = (),
        credentials: tuple[Secret, ...] = (),
        preview: Request | None = None,
    ) -> None:
        self.method = method
        self.url = url
        self.headers = (
            headers if isinstance(headers, Headers) else Headers(headers, secrets)
        )
        self.body = body
        self.socket = socket
        self.auth = auth
        self.is_identified = is_identified
        self.secrets = secrets
        self.credentials = credentials
        self.preview = preview

    def mask(self, text: str) -> str:
        """Return a text with every secret of this request replaced by `$NAME`."""
        return mask(text, self.secrets)

    def mark(self, text: str) -> str:
        """Return a text with a marker, which a shell can fill in, for every secret."""
        return mark(text, self.secrets)

    def shown(self, url: str) -> str:
        """Return a URL that it led to, as it may be shown: mostly its own."""
        return self.shown_url if url == self.url else self.mask(url)

    def __copy__(self) -> Request:
        other = object.__new__(type(self))
        for name in Request.__slots__:
            setattr(other, name, getattr(self, name))
        return other

    def __deepcopy__(self, _: object) -> Request:
        other = copy(self)
        other.headers = copy(self.headers)
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickle goes to files and other processes: it holds what may be shown.
        body = self.shown_body(_PICKLED).encode("utf-8", "surrogatepass") or None
        arguments = (self.method, self.shown_url, self.headers, body)
        return partial(Request, socket=self.mask(self.socket)), arguments

    def with_header(self, name: str, value: str) -> Request:
        """Return the same request with a header set."""
        other = copy(self)
        other.headers = Headers(dict(self.headers.items()), self.secrets)
        other.headers[name] = value
        return other

    def without_markers(self) -> Request:
        """Return a preview with `$NAME` as plain text for every variable."""
        headers = {
            name: plain(_shown_login(value)) for name, value in self.headers.items()
        }
        body = self.body
        if isinstance(body, bytes):
            body = plain(body.decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )
        return Request(
            self.method,
            plain(self.url),
            Headers(headers, self.secrets),
            body,
            socket=self.socket,
            auth=self.auth,
            secrets=self.secrets,
        )

    @property
    def shown_url(self) -> str:
        """The URL as it may be shown."""
        return mask_own(self.url, self.secrets) if self.secrets else self.url

    @property
    def content(self) -> bytes | None:
        """The body as bytes, when it is in memory."""
        return self.body if isinstance(self.body, bytes) else None

    def shown_body(self, limit: int = 2000) -> str:
        """Return the body as a text that may be shown."""
        if self.body is None:
            return ""
        if not isinstance(self.body, bytes):
            return f"<{getattr(self.body, 'name', None) or 'a stream'}>"
        try:
            text = self.body.decode("utf-8")
        except UnicodeDecodeError:
            return f"<{len(self.body)} bytes>"
        text = self.mask(text)
        return text if len(text) <= limit else text[:limit] + "…"

    def as_curl(self) -> str:
        """Return a `curl` command that sends the same; secrets stay `$VARIABLE`s.

        Values of variables are read by the shell, so the command can be shared. curl
        encodes them in a query; in a path and in a JSON text the shell puts them as
        they are, so a value that needs escaping there has to be escaped already.
        """
        shown = self.preview or self
        login = shown.auth.curl_words() if isinstance(shown.auth, SignIn) else ()
        return curl_command(shown, login)

    def as_dict(self) -> dict[str, Any]:
        """Return the request as plain data that may be shown."""
        preview = self.preview or self
        return {
            "method": preview.method,
            "url": plain(preview.shown_url),
            "headers": {
                name: plain(preview.mask(_shown_login(value)))
                for name, value in preview.headers.items()
            },
            "body": plain(preview.shown_body()) or None,
            **({"unix_socket": self.mask(self.socket)} if self.socket else {}),
        }

    def __repr__(self) -> str:
        shown = self.as_dict()
        parts = [repr(shown["method"]), repr(shown["url"])]
        if shown["headers"]:
            parts.append(f"headers={shown['headers']!r}")
        if shown["body"]:
            parts.append(f"body={shorten(shown['body'])!r}")
        if self.socket:
            parts.append(f"socket={self.mask(self.socket)!r}")
        return f"Request({', '.join(parts)})"


class Response:
    """One HTTP response, read to its end.

    Attributes:
        status: The status code.
        reason: The reason phrase; may be empty.
        headers: Names compare without case.
        body: The content, decompressed.
        url: Where it came from, after redirects; secrets are masked.
        limit: The bytes that the largest response may have. A format that costs more
            time or memory has a share of it (`naftiko/formats/budget.py`).
        held: Counts a large body as long as the response is there, or is `None`.
    """

    __slots__ = ("body", "headers", "held", "limit", "reason", "status", "url")

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str] = {},
        body: bytes = b"",
        *,
        reason: str = "",
        url: str = "",
        limit: int = MAX_RESPONSE_BYTES,
    ) -> None:
        self.limit = limit
        self.status = status
        self.headers = headers if _folds(headers) else Headers(headers)
        self.body = body
        self.reason = reason
        self.url = url
        self.held: Holder | None = None

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        """The `Content-Type` header, or an empty text."""
        return self.headers.get("Content-Type", "")

    @property
    def text(self) -> str:
        """The body as text: UTF-8 if it is valid, or else decoded by its charset."""
        return text_of(self.body, self.content_type)

    def json(self) -> JSON:
        """Return the body read as JSON.

        Raises:
            OutputError: It is not JSON; it is a `ValueError` too.
        """
        import json

        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            reason = error if isinstance(error, json.JSONDecodeError) else "too deep"
            raise NotJson(f"the body is not JSON: {reason}") from None

    def masked(self, mask: Callable[[str], str]) -> Response:
        """Return the response with a function applied to the text of its body."""
        body = mask(self.body.decode("utf-8", "surrogateescape"))
        return Response(
            self.status,
            self.headers,
            body.encode("utf-8", "surrogateescape"),
            reason=mask(self.reason),
            url=self.url,
        )

    def __repr__(self) -> str:
        kind = self.content_type.partition(";")[0] or "no content type"
        return f"<Response {self.status} {kind}, {len(self.body):,} bytes>"


class NotJson(OutputError, ValueError):
    """The body of a `Response` is not JSON."""


def _folds(headers: Mapping[str, str]) -> bool:
    return isinstance(headers, Headers) or hasattr(headers, "lower_items")


def _shown_login(value: str) -> str:
    if value.startswith(LOGIN):
        return f"Basic base64({value.removeprefix(LOGIN)})"
    return value
