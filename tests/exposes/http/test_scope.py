"""The parts of an ASGI scope that adapters read."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.exposes.http.scope import header, is_preflight, path_of


def test_first_header_of_a_name_counts() -> None:
    """A missing one is an empty text; bytes are Latin-1."""
    scope: Any = {"headers": [(b"x-a", b"\xe4"), (b"x-a", b"two")]}
    assert header(scope, b"x-a") == "ä"
    assert header(scope, b"x-b") == ""


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [("/a/b", "", "/a/b"), ("/m/a", "/m", "/a"), ("/m", "/m", "/")],
)
def test_path_begins_below_the_mount(path: str, root: str, expected: str) -> None:
    """ASGI leaves the mount in the path, and names it in `root_path`."""
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
def test_preflight_is_known_by_method_and_headers(
    method: str, names: tuple[bytes, ...], expected: bool
) -> None:
    """The CORS protocol of the Fetch standard, 3.3.2."""
    scope: Any = {"method": method, "headers": [(name, b"x") for name in names]}
    assert is_preflight(scope) is expected
