"""A small OAuth 2 authorization server on loopback: metadata, keys and tokens."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "climber", "rope and axe"


class Authority:
    """An OAuth 2 authorization server; a context manager.

    Attributes:
        asked: Path of each request.
        grants: Form fields of each token request.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.grants: list[dict[str, str]] = []
        self._number = 0
        self.rotate()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                documents = {
                    "/.well-known/oauth-authorization-server": outer._metadata,
                    "/keys": outer._keys,
                }
                make = documents.get(self.path)
                self._answer(200 if make else 404, make() if make else {})

            def do_POST(self) -> None:
                outer.asked.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                given = {key: values[0] for key, values in parse_qs(body).items()}
                login = base64.b64encode(
                    f"{CLIENT}:{SECRET.replace(' ', '%20')}".encode()
                )
                if self.headers["Authorization"] != f"Basic {login.decode()}":
                    self._answer(401, {"error": "invalid_client"})
                    return
                outer.grants.append(given)
                token = outer.token(given["resource"], given.get("scope", ""))
                found = {
                    "access_token": token,
                    "token_type": "Bearer",
                    "expires_in": 60,
                }
                self._answer(200, found)

            def _answer(self, status: int, data: Any) -> None:
                content = json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Write no log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def rotate(self) -> None:
        """Key rotation: replace the signing key by a new one."""
        self._number += 1
        self._key = rsa.generate_private_key(65537, 2048)

    def token(self, audience: str, scope: str, **claims: Any) -> str:
        """Return a signed access token; a claim that is `None` is left out."""
        held = {
            "iss": self.url,
            "aud": audience,
            "exp": int(time.time()) + 60,
            "scope": scope,
            **claims,
        }
        payload = {name: value for name, value in held.items() if value is not None}
        headers = {"kid": f"key-{self._number}"}
        return jwt.encode(payload, self._key, "RS256", headers=headers)

    def _metadata(self) -> Any:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def _keys(self) -> Any:
        algorithm = jwt.algorithms.RSAAlgorithm
        key = algorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": f"key-{self._number}", "use": "sig"}]}

    def __enter__(self) -> Authority:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
