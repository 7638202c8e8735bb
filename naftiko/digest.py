"""Digest authentication (RFC 7616), answered by `requests`, afresh for each URI."""

from __future__ import annotations

from typing import Any

from requests.auth import HTTPDigestAuth


class DigestLogin(HTTPDigestAuth):
    """`requests`' digest client whose representations show no secret."""

    def __repr__(self) -> str:
        return "<DigestLogin>"

    def __str__(self) -> str:
        # What `curl --user` takes; only a preview, without values, prints it.
        return f"{self.username!s}:{self.password!s}"

    def afresh(self) -> Any:
        """Return a login that has seen no challenge.

        A challenge is answered for one URI and one thread; a redirect or another call
        begins without it.
        """
        return DigestLogin(self.username, self.password)
