"""HTTP Digest (RFC 7616), as a server checks it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING

from naftiko.consumes.digest import (
    compute_response,
    find_algorithm,
    parse_parameters,
    user_in,
)
from naftiko.exposes.access.schemes import REALM
from naftiko.exposes.access.secrets import equal
from naftiko.exposes.http.problems import HttpProblem, unauthorized
from naftiko.exposes.http.scope import header
from naftiko.http import header_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.exposes.http.scope import ASGIScope

#: Seconds that a nonce is valid.
NONCE_AGE = 300
#: The algorithms that a client may choose from, the stronger one first.
_ALGORITHMS = ("SHA-256", "MD5")


class Digest:
    """Digest authentication of one user (RFC 7616): SHA-256, and MD5 for old clients.

    User name and password are UTF-8. A client may send the name as it is,
    percent-encoded (`username*`), or hashed (`userhash`).

    Nonces are signed with a key made of the password. Several servers of one document
    so accept each other's nonces without a shared store. A nonce is valid for
    `NONCE_AGE` seconds. A replay within them is not detected, so Digest needs TLS too.
    """

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._key = hashlib.sha256(f"nonce\0{username}\0{password}".encode()).digest()

    async def check(self, scope: ASGIScope) -> HttpProblem | None:
        """Return why a request is refused, or `None` if it is let pass."""
        scheme, _, text = header(scope, b"authorization").partition(" ")
        if scheme.lower() != "digest":
            return self._challenge("a user name and a password are needed")
        given = parse_parameters(header_text(text))
        if not self._is_answer(scope, given):
            return self._challenge("the user name or the password is wrong")
        if not self._is_fresh(given["nonce"]):
            return self._challenge("the nonce is too old", stale=True)
        return None

    def _is_answer(self, scope: ASGIScope, given: Mapping[str, str]) -> bool:
        name = given.get("algorithm", "MD5").upper()
        algorithm = find_algorithm(name) if name in _ALGORITHMS else None
        needed = ("realm", "nonce", "uri", "response", "nc", "cnonce")
        if algorithm is None or any(key not in given for key in needed):
            return False
        if given.get("qop") != "auth" or given["realm"] != REALM:
            return False
        # The target as this server received it; a proxy must not have changed it.
        query = scope.get("query_string", b"")
        raw = scope.get("raw_path") or scope["path"].encode()
        target = raw.partition(b"?")[0] + (b"?" + query if query else b"")
        uri = header_text(target.decode("latin-1"))
        if given["uri"] != uri or not self._is_ours(given["nonce"]):
            return False
        expected = compute_response(
            algorithm,
            (self._username, REALM, self._password),
            (scope["method"], given["uri"]),
            given,
        )
        username = self._username
        if given.get("userhash", "").lower() == "true":
            username = algorithm.digest(username, REALM)
        is_user = equal(user_in(given), username)
        return is_user & equal(given["response"].lower(), expected)

    def _nonce(self, moment: str, salt: str) -> str:
        sign = hmac.new(self._key, f"{moment}.{salt}".encode(), "sha256").hexdigest()
        return f"{moment}.{salt}.{sign[:32]}"

    def _is_ours(self, nonce: str) -> bool:
        moment, _, rest = nonce.partition(".")
        return equal(nonce, self._nonce(moment, rest.partition(".")[0]))

    def _is_fresh(self, nonce: str) -> bool:
        moment = nonce.partition(".")[0]
        return moment.isdecimal() and -5 <= time.time() - int(moment) <= NONCE_AGE

    def _challenge(self, detail: str, *, stale: bool = False) -> HttpProblem:
        nonce = self._nonce(str(int(time.time())), secrets.token_hex(8))
        more = ", stale=true" if stale else ""
        challenges = [
            f'Digest realm="{REALM}", qop="auth", algorithm={name},'
            f' nonce="{nonce}", charset=UTF-8{more}'
            for name in _ALGORITHMS
        ]
        return unauthorized(detail, *challenges)
