"""Digest authentication (RFC 7616): every challenge is answered afresh, for one URI.

The login is a signer like any of `requests.auth`, but holds no state: a nonce is used
for the request that it was given for and never again, so that neither a stale one nor
that of another URI is ever sent. This module must not know redirects or origins.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import PreparedRequest, Response

#: The stronger first. `-sess` is a variant of each.
_HASHES = {
    "SHA-512-256": "sha512_256",
    "SHA-512": "sha512",
    "SHA-256": "sha256",
    "SHA": "sha1",
    "MD5": "md5",
}
_CHALLENGE = re.compile(
    r"(?:^|,)\s*([A-Za-z][\w!#$%&'*+.^`|~-]*)(?:\s+|\s*(?=,|$))(?!=)"
)
_PAIR = re.compile(r'([\w!#$%&\'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


class DigestLogin:
    """A user name and a password, whose representations show neither."""

    def __init__(self, username: str, password: str) -> None:
        self.username = username
        self.password = password

    def __repr__(self) -> str:
        return "<DigestLogin>"

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Answer the challenge that the request may get."""
        begin = _position(request.body)

        def answer(response: Response, **settings: Any) -> Response:
            if response.status_code != 401:
                return response
            header = self._answer(request, response)
            if header is None or not _rewind(request.body, begin):
                return response
            # The body is read, so that the connection can be used again.
            _ = response.content
            response.close()
            again = request.copy()
            again.headers["Authorization"] = header
            adapter: Any = response.connection
            second: Response = adapter.send(again, **settings)
            second.history.append(response)
            second.request = again
            return second

        request.register_hook("response", answer)  # type: ignore[no-untyped-call]
        return request

    def _answer(self, request: PreparedRequest, response: Response) -> str | None:
        """Return an `Authorization` for the best challenge, or `None`."""
        offered = [
            given
            for given in _challenges(response.headers.get("WWW-Authenticate", ""))
            if "realm" in given and given.get("nonce") and _hash_of(given)
        ]
        offered.sort(key=lambda given: list(_HASHES).index(_hash_of(given)))
        parts = urlsplit(request.url or "")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        for given in offered:
            header = self._header(given, request.method or "GET", target, request.body)
            if header is not None:
                return header
        return None

    def _header(
        self, given: dict[str, str], method: str, target: str, body: Any
    ) -> str | None:
        realm, nonce = given["realm"], given["nonce"]
        algorithm = given.get("algorithm", "MD5")
        name = _HASHES[_hash_of(given)]

        def digest(text: str | bytes) -> str:
            data = text.encode() if isinstance(text, str) else text
            # MD5 is what the server asks for; whether to trust it is not ours to say.
            return hashlib.new(name, data, usedforsecurity=False).hexdigest()

        qops = [word.strip().lower() for word in given.get("qop", "").split(",")]
        qop = next((word for word in ("auth", "auth-int") if word in qops), "")
        covered = f"{method}:{target}"
        if qop == "auth-int":
            if body is not None and not isinstance(body, (bytes, str)):
                return None  # a stream would have to be read twice
            covered += f":{digest(body or b'')}"
        elif not qop and any(qops):
            return None
        cnonce = os.urandom(12).hex()
        secret = digest(f"{self.username}:{realm}:{self.password}")
        if algorithm.lower().endswith("-sess"):
            secret = digest(f"{secret}:{nonce}:{cnonce}")
        middle = f"{nonce}:00000001:{cnonce}:{qop}" if qop else nonce
        response = digest(f"{secret}:{middle}:{digest(covered)}")
        words = [
            *self._name(digest, given),
            f'realm="{_escaped(realm)}"',
            f'nonce="{_escaped(nonce)}"',
            f'uri="{target}"',
            f'response="{response}"',
        ]
        if "algorithm" in given:
            words.append(f"algorithm={algorithm}")
        if "opaque" in given:
            words.append(f'opaque="{_escaped(given["opaque"])}"')
        if qop:
            words += [f"qop={qop}", "nc=00000001", f'cnonce="{cnonce}"']
        return "Digest " + ", ".join(words)

    def _name(self, digest: Any, given: dict[str, str]) -> list[str]:
        """Return how the user is named: hashed, plain, or outside ASCII (3.4)."""
        if given.get("userhash", "").lower() == "true":
            hashed = digest(f"{self.username}:{given['realm']}")
            return [f'username="{hashed}"', "userhash=true"]
        if self.username.isascii():
            return [f'username="{_escaped(self.username)}"']
        return [f"username*=UTF-8''{quote(self.username, safe='')}"]


def _challenges(header: str) -> Iterator[dict[str, str]]:
    """Yield the parameters of every `Digest` challenge in a header (RFC 9110, 11.6)."""
    # What stands in quotes may look like a challenge.
    plain = re.sub(
        r'"(?:[^"\\]|\\.)*"',
        lambda found: '"' + "_" * (len(found[0]) - 2) + '"',
        header,
    )
    begins = list(_CHALLENGE.finditer(plain))
    for found, after in zip(begins, [*begins[1:], None], strict=True):
        if found[1].lower() != "digest":
            continue
        text = header[found.end() : after.start() if after else None]
        yield {
            name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else token
            for name, quoted, token in _PAIR.findall(text)
        }


def _hash_of(given: dict[str, str]) -> str:
    """Return the hash that a challenge asks for, or an empty text."""
    name = given.get("algorithm", "MD5").upper().removesuffix("-SESS")
    known = _HASHES.get(name, "")
    return name if known in hashlib.algorithms_available else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _position(body: Any) -> int | None:
    try:
        return int(body.tell())
    except (AttributeError, OSError, ValueError):
        return None


def _rewind(body: Any, begin: int | None) -> bool:
    """Go back to where a body began; tell whether it can be sent again."""
    if body is None or isinstance(body, (bytes, str)):
        return True
    try:
        body.seek(begin)
    except (AttributeError, OSError, TypeError, ValueError):
        return False
    return True
