"""`naftiko.exposes.http.heads`: one host and one end of a request."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.exposes.http.heads import (
    MAX_FIELDS,
    BadHead,
    check_scope,
    is_host,
    origin_form,
)
from support.asgi_client import AsyncStub, ask
from support.serving import document, operation

_HOST = (b"host", b"a")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"a", True),
        (b"a.b-c_d~e:65535", True),
        (b"a:", True),
        (b"127.0.0.1:80", True),
        (b"[::1]", True),
        (b"[::ffff:1.2.3.4]:1", True),
        (b"", False),
        (b":80", False),
        (b"a:65536", False),
        (b"a:-1", False),
        (b"u@a", False),
        (b"[::1", False),
        (b"[zz]", False),
        (b"[1:2]", False),
        (b"a" * 300, False),
        (b"a\n", False),
    ],
)
def test_host_is_a_name_or_an_address(host: bytes, expected: bool) -> None:
    """With an optional port, and nothing else."""
    assert is_host(host) is expected


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/x?y", b"/x?y"),
        (b"*", b"*"),
        (b"http://a/x?y", b"/x?y"),
        (b"http://A.:80", b"/"),
        (b"https://a:443?y", b"/?y"),
    ],
)
def test_target_becomes_path_and_query(target: bytes, path: bytes) -> None:
    """The host of an absolute target is that of `Host`: `a.` is `a`."""
    host = b"a:443" if target.startswith(b"https") else b"a"
    assert origin_form(target, "1.1", [(b"host", host)]) == path


@pytest.mark.parametrize(
    ("fields", "is_read"),
    [
        ([_HOST, (b"content-length", b"2")], True),
        ([(b"content-length", b"2"), _HOST], True),
        ([_HOST, (b"transfer-encoding", b"chunked")], True),
        ([_HOST, (b"transfer-encoding", b"gzip")], False),
        ([_HOST, (b"content-length", b"2"), (b"content-length", b"2")], False),
        (
            [
                _HOST,
                (b"content-length", b"2"),
                (b"transfer-encoding", b"chunked"),
            ],
            False,
        ),
        ([(b"content-length", b"2")], False),
    ],
)
def test_request_ends_in_one_way(
    fields: list[tuple[bytes, bytes]], is_read: bool
) -> None:
    """With a length or with chunks, never with both."""
    if is_read:
        assert origin_form(b"/x", "1.1", fields) == b"/x"
    else:
        with pytest.raises(BadHead):
            origin_form(b"/x", "1.1", fields)


def test_many_fields_are_refused_first() -> None:
    """The count is looked at before anything else is."""
    with pytest.raises(BadHead) as caught:
        origin_form(b"x", "9", [(b"x", b"y")] * (MAX_FIELDS + 1))
    assert caught.value.problem.code == 431


@pytest.mark.parametrize("version", ["1.0", "1.1", "2"])
@pytest.mark.parametrize(
    "hosts", [[b"a", b"b"], [b"u@a"], [b"a/b"], [b"a", b"a", b"b"]]
)
def test_application_refuses_a_host_in_doubt(version: str, hosts: list[bytes]) -> None:
    """`naftiko.asgi()` checks what the scope of another server shows."""
    scope: dict[str, Any] = {"path": "/", "http_version": version}
    scope["headers"] = [(b"host", host) for host in hosts]
    with pytest.raises(BadHead):
        check_scope(scope)


def test_authority_of_later_versions_may_be_repeated() -> None:
    """Servers write `:authority` as a `Host`, beside the one of the client."""
    scope: dict[str, Any] = {"path": "/", "headers": [_HOST, _HOST]}
    check_scope({**scope, "http_version": "2"})
    with pytest.raises(BadHead):
        check_scope({**scope, "http_version": "1.1"})


def test_absolute_path_of_a_scope_is_made_a_path() -> None:
    """uvicorn with h11 gives an absolute target as the path."""
    raw = b"http://a/x%20y"
    scope: dict[str, Any] = {"path": "http://a/x y", "raw_path": raw, "headers": []}
    check_scope(scope)
    assert (scope["path"], scope["raw_path"]) == ("/x y", b"/x%20y")
    assert scope["headers"] == [_HOST]
    scope = {"path": "http://b/x", "raw_path": b"http://b/x", "headers": [_HOST]}
    with pytest.raises(BadHead):
        check_scope(scope)


def test_application_answers_with_400() -> None:
    """The refusal of `naftiko.asgi()` is a problem document."""
    loaded = naftiko.load(document(operation("/x", call="api.list")), schema=None)

    for headers, status in (
        ([("Host", "a"), ("Host", "b")], 400),
        ([("Host", "u:p@a")], 400),
        ([("Host", "a")], 200),
    ):
        app = naftiko.asgi(loaded, transport=AsyncStub())
        assert ask(app, "GET", "/x", headers).status == status
