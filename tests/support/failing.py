"""What goes wrong below a request, and what its errors say."""

from __future__ import annotations

import errno
import ssl

import pytest

from naftiko.masking import Secret
from naftiko.transport.messages import Request

REQUEST = Request("GET", "http://h.test/x?k=s3cret", secrets=(Secret("KEY", "s3cret"),))
LONGER = "timeout= waits longer"
ELSEWHERE = "is the server running there? base_uri= leads elsewhere"
SENT = "the request was sent, and may have taken effect; the server breaks HTTP/1.1"
PROXY = "HTTP_PROXY and HTTPS_PROXY name it, NO_PROXY those to reach without"
CERTIFICATE = "name the CA in REQUESTS_CA_BUNDLE, or check the host name"


def raised(error: BaseException, cause: BaseException) -> BaseException:
    """Return an error that was raised from another one."""
    error.__cause__ = cause
    return error


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('::1', 9)")


def no_tls() -> ssl.SSLError:
    """Return the error of a handshake that was answered with plain HTTP."""
    client = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(ssl.SSLError) as caught:
        client.wrap_bio(incoming, outgoing, server_hostname="h.test").do_handshake()
    return caught.value
