"""HTTP Digest access authentication (RFC 7616), for clients and servers.

    WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256
    Authorization: Digest username="ann", realm="r", nonce="n", uri="/x", response="…",
        algorithm=SHA-256, qop=auth, nc=00000001, cnonce="…"

Both sides parse such parameters and compute the same `response`. `DigestLogin` is the
client. It keeps no state: a nonce is used for the one request that it was given for, so
neither a stale nonce nor the nonce of another URI is ever sent. This module must not
know redirects, origins or how a request is sent.
"""

from __future__ import annotations

import hashlib
import os
import re
from itertools import zip_longest
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes, urlsplit

from naftiko.http import header_text
from naftiko.records.tuples import NamedTuple
from naftiko.transport.messages import SignIn

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from naftiko.transport.messages import Request, Response

#: Name in a challenge → name in `hashlib`; the strongest first.
_HASHES = {
    "SHA-512-256": "sha512_256",
    "SHA-512": "sha512",
    "SHA-256": "sha256",
    "SHA": "sha1",
    "MD5": "md5",
}
_STRENGTHS = tuple(_HASHES.values())
_SESSION = "-SESS"
_TCHAR = r"[\w!#$%&'*+.^`|~-]"
_SCHEME = re.compile(rf"(?:^|,)\s*([A-Za-z]{_TCHAR}*)(?:\s+|\s*(?=,|$))(?!=)")
# The header comes from a stranger: a name is read from its first character only, and a
# quotation mark that nothing closes takes the rest, so that no part is read twice.
_PARAMETER = re.compile(
    rf"(?<!{_TCHAR})({_TCHAR}++)\s*+=\s*+"
    r'(?:"((?:[^"\\]++|\\.)*+)"|([^\s,"]+))'
)
_QUOTED = re.compile(r'"(?:[^"\\]++|\\.)*+("?)')


class DigestAlgorithm(NamedTuple):
    """An algorithm of RFC 7616, 3.2, and its `-sess` variant.

    Attributes:
        hash_name: What `hashlib` calls the hash.
        is_session: Whether the nonces go into the secret as well (`-sess`).
    """

    hash_name: str
    is_session: bool

    def digest(self, *parts: str) -> str:
        """Return the hash of texts joined by colons, in hexadecimal."""
        return self.digest_bytes(":".join(parts).encode())

    def digest_bytes(self, data: bytes) -> str:
        """Return the hash of bytes, in hexadecimal."""
        # MD5 is what the peer asks for; it is not relied on for anything else.
        return hashlib.new(self.hash_name, data, usedforsecurity=False).hexdigest()


def find_algorithm(name: str) -> DigestAlgorithm | None:
    """Return the algorithm that a parameter names, or `None` when it is not supported.

    "SHA-256-sess"  ->  DigestAlgorithm("sha256", True)
    """
    folded = name.upper()
    hash_name = _HASHES.get(folded.removesuffix(_SESSION), "")
    if hash_name not in hashlib.algorithms_available:
        return None
    return DigestAlgorithm(hash_name, folded.endswith(_SESSION))


def parse_parameters(text: str) -> dict[str, str]:
    """Return the parameters of one challenge or of credentials; names in lower case.

    'realm="r", qop=auth'  ->  {"realm": "r", "qop": "auth"}
    """
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else token
        for name, quoted, token in _PARAMETER.findall(text)
    }


def user_in(parameters: Mapping[str, str]) -> str:
    """Return the user name of credentials, which may be percent-encoded (RFC 8187).

    {"username*": "UTF-8''J%C3%A4s"}  ->  "Jäs"

    It is empty when there is none, when there are two, or when it is malformed.
    """
    plain, extended = parameters.get("username"), parameters.get("username*")
    if plain is not None and extended is not None:
        return ""
    if extended is None:
        return plain or ""
    charset, _, rest = extended.partition("'")
    _, quote_mark, name = rest.partition("'")
    if charset.lower() != "utf-8" or not quote_mark:
        return ""
    try:
        return unquote_to_bytes(name).decode()
    except UnicodeDecodeError:
        return ""


def parse_challenges(header: str) -> Iterator[dict[str, str]]:
    """Yield the parameters of every `Digest` challenge (RFC 9110, 11.6.1).

    'Basic realm="b", Digest realm="r", nonce="n"'  ->  {"realm": "r", "nonce": "n"}
    """
    # A quoted text may look like a challenge: schemes are found with quotes blanked.
    plain = _QUOTED.sub(
        lambda match: f'"{"_" * (len(match[0]) - 2)}"' if match[1] else match[0], header
    )
    schemes = list(_SCHEME.finditer(plain))
    for scheme, following in zip_longest(schemes, schemes[1:]):
        if scheme[1].lower() == "digest":
            end = following.start() if following else None
            yield parse_parameters(header[scheme.end() : end])


def quoted_string(text: str) -> str:
    r"""Return a text in quotes (RFC 9110, 5.6.4): `a"b` -> `"a\"b"`."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def compute_response(
    algorithm: DigestAlgorithm,
    login: tuple[str, str, str],
    request: tuple[str, str],
    parameters: Mapping[str, str],
    body: bytes = b"",
) -> str:
    """Return the `response` that proves a password (RFC 7616, 3.4.1).

    Args:
        algorithm: The hash.
        login: User name, realm and password.
        request: Method and request target.
        parameters: `nonce`; `qop`, `nc` and `cnonce` where the challenge has a `qop`;
            `cnonce` for a `-sess` algorithm.
        body: The body of the request; it counts with `qop=auth-int` only.
    """
    nonce, qop = parameters["nonce"], parameters.get("qop", "")
    secret = algorithm.digest(*login)
    if algorithm.is_session:
        secret = algorithm.digest(secret, nonce, parameters["cnonce"])
    covered = algorithm.digest(*request)
    if qop == "auth-int":
        covered = algorithm.digest(*request, algorithm.digest_bytes(body))
    if not qop:
        return algorithm.digest(secret, nonce, covered)
    counted = (nonce, parameters["nc"], parameters["cnonce"], qop)
    return algorithm.digest(secret, *counted, covered)


class DigestLogin(SignIn):
    """A user name and a password that answer `Digest` challenges.

    Its representations show neither of them.
    """

    __slots__ = ("_password", "_username")

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password

    def __repr__(self) -> str:
        return "<DigestLogin>"

    def attempts(self, request: Request) -> Generator[Request, Response, None]:
        """Yield the request, and once more with credentials when it is challenged."""
        response = yield request
        if response.status != 401:
            return
        challenge = response.headers.get("WWW-Authenticate", "")
        credentials = self.answer(request, challenge)
        if credentials:
            yield request.with_header("Authorization", credentials)

    def curl_words(self) -> tuple[str, ...]:
        """Return the options of `curl` that sign in the same way, not quoted."""
        return "--digest", "--user", f"{self._username}:{self._password}"

    def answer(self, request: Request, header: str) -> str:
        """Return the `Authorization` for the strongest challenge, or an empty text.

        Args:
            request: The request that was challenged.
            header: Its `WWW-Authenticate`, several of them joined by commas.
        """
        challenges = [
            (algorithm, given)
            for given in parse_challenges(header)
            if "realm" in given
            and given.get("nonce")
            and (algorithm := find_algorithm(given.get("algorithm", "MD5")))
        ]
        challenges.sort(key=lambda pair: _STRENGTHS.index(pair[0].hash_name))
        answers = (self._credentials(request, *pair) for pair in challenges)
        return next(filter(None, answers), "")

    def _credentials(
        self, request: Request, algorithm: DigestAlgorithm, given: Mapping[str, str]
    ) -> str:
        """Return the credentials for one challenge; empty when it cannot be met."""
        offered = [word.strip().lower() for word in given.get("qop", "").split(",")]
        qop = next((word for word in ("auth", "auth-int") if word in offered), "")
        if not qop and any(offered):
            return ""
        body = request.body or b""
        if not isinstance(body, bytes):
            if qop == "auth-int":
                return ""  # the body would have to be read twice
            body = b""
        realm, nonce = given["realm"], given["nonce"]
        parameters = {"nonce": nonce, "cnonce": os.urandom(12).hex()}
        if qop:
            parameters |= {"qop": qop, "nc": "00000001"}
        url = urlsplit(request.url)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        # The realm goes back as it came; its characters are UTF-8 (RFC 7616, 4).
        login = (self._username, header_text(realm), self._password)
        response = compute_response(
            algorithm, login, (request.method, target), parameters, body
        )
        words = [
            *self._user(algorithm, given),
            f"realm={quoted_string(realm)}",
            f"nonce={quoted_string(nonce)}",
            f'uri="{target}"',
            f'response="{response}"',
        ]
        if "algorithm" in given:
            words.append(f"algorithm={given['algorithm']}")
        if "opaque" in given:
            words.append(f"opaque={quoted_string(given['opaque'])}")
        if qop:
            words += [f"qop={qop}", "nc=00000001"]
        if qop or algorithm.is_session:
            words.append(f'cnonce="{parameters["cnonce"]}"')
        return "Digest " + ", ".join(words)

    def _user(self, algorithm: DigestAlgorithm, given: Mapping[str, str]) -> list[str]:
        """Return the user name: hashed, plain, or percent-encoded (RFC 7616, 3.4)."""
        if given.get("userhash", "").lower() == "true":
            hashed = algorithm.digest(self._username, header_text(given["realm"]))
            return [f'username="{hashed}"', "userhash=true"]
        if self._username.isascii():
            return [f"username={quoted_string(self._username)}"]
        return [f"username*=UTF-8''{quote(self._username, safe='')}"]
