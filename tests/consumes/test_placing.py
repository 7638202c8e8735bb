"""Arguments are put into their places in a request."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from uuid import UUID

import pytest

import naftiko
from support.building import capability


class _Colour(Enum):
    RED = "red"


class _Text(str, Enum):  # noqa: UP042 - the older form: str() gives the name of it
    RED = "red"


class _Level(int, Enum):
    HIGH = 3


class _Index:
    """An integer of a numerical library."""

    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03%3A04%3A00%2B00%3A00"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (_Colour.RED, "red"),
        (_Text.RED, "red"),
        (_Level.HIGH, "3"),
        (_Index(), "7"),
        (MappingProxyType({"a": _Level.HIGH, "b": {4}}), "%7B%22a%22%3A3%2C%22b%22%3A%5B4%5D%7D"),
        (b"bytes", "bytes"),
        (("a", "b"), "a&q=b"),
        (1.5, "1.5"),
    ],
)  # fmt: skip
def test_python_values(value: object, written: str) -> None:
    """Values of the standard library are written as servers read them."""
    api = capability({"inputParameters": [{"name": "q", "in": "query"}]})
    assert api.request("api.op", q=value).url.endswith(f"/x?q={written}")


def test_values_that_cannot_be_sent() -> None:
    """An object without a text form is refused by the name of its argument."""
    api = capability({"inputParameters": [{"name": "q", "in": "query"}]})
    with pytest.raises(naftiko.ArgumentError, match=r"'q' cannot be written.*object"):
        api.request("api.op", q=object())


def test_raw_path_keeps_slashes_and_nothing_else() -> None:
    """A `RawPath` holds slashes; query, fragment and dot segments stay out."""
    api = capability({"resourcePath": "/a/{x}"})
    request = api.request("api.op", x=naftiko.RawPath("b/c d?e#f"))
    assert request.url == "http://127.0.0.1:9/a/b/c%20d%3Fe%23f"
    with pytest.raises(naftiko.ArgumentError, match="path segment"):
        api.request("api.op", x=naftiko.RawPath("b/../c"))


def test_a_declared_type_of_a_form_gets_its_boundary() -> None:
    """A document may say `multipart/form-data` alone; the boundary is added."""
    parameter = {"name": "Content-Type", "in": "header", "value": "multipart/form-data"}
    api = capability(
        {
            "method": "POST",
            "inputParameters": [parameter],
            "body": {"type": "multipart", "data": {"a": "1"}},
        }
    )
    request = api.request("api.op")
    kind, _, boundary = request.headers["Content-Type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    assert request.content is not None
    assert request.content.startswith(b"--" + boundary.encode() + b"\r\n")
