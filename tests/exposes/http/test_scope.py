"""Functions that read headers, path and CORS preflight from an ASGI scope."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.exposes.http.scope import header, is_preflight, path_of, trim_headers


def test_first_header_of_a_name_counts() -> None:
    """A missing header is an empty text; header bytes are Latin-1."""
    scope: Any = {"headers": [(b"x-a", b"\xe4"), (b"x-a", b"two")]}
    assert header(scope, b"x-a") == "ä"
    assert header(scope, b"x-b") == ""


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [("/a/b", "", "/a/b"), ("/m/a", "/m", "/a"), ("/m", "/m", "/")],
)
def test_path_begins_below_the_mount(path: str, root: str, expected: str) -> None:
    """An ASGI `path` includes the mount; `root_path` names it."""
    assert path_of({"path": path, "root_path": root}) == expected
    assert path_of({"path": "/a"}) == "/a"


@pytest.mark.parametrize(
    ("method", "names", "expected"),
    [
        ("OPTIONS", (b"origin", b"access-control-request-method"), True),
        ("OPTIONS", (b"origin",), False),
        ("OPTIONS", (b"access-control-request-method",), False),
        ("GET", (b"origin", b"access-control-request-method"), False),
    ],
)
def test_cors_preflight_is_known_by_method_and_headers(
    method: str, names: tuple[bytes, ...], expected: bool
) -> None:
    """Fetch standard, 3.3.2: CORS preflight is OPTIONS with two request headers."""
    scope: Any = {"method": method, "headers": [(name, b"x") for name in names]}
    assert is_preflight(scope) is expected


def test_blanks_around_values_are_taken_away() -> None:
    """RFC 9110, 5.5: they are no part of a value; those inside it are."""
    scope: Any = {"headers": [(b"a", b" \tb c \t"), (b"d", b"")]}
    trim_headers(scope)
    assert scope["headers"] == [(b"a", b"b c"), (b"d", b"")]
