"""What goes where in a request; the cases are in `tests/cases/request/`.

`tests/served/test_wire.py` sends the same cases and compares what arrives.
"""

from __future__ import annotations

import io
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import naftiko
from building import capability
from casefiles import cases
from naftiko.transport import StubTransport


def loaded(case: dict[str, Any], **more: Any) -> naftiko.Capability:
    """Load the document of a case."""
    parts = {key: case[key] for key in ("consumes", "resource", "binds") if key in case}
    return capability(
        case.get("operation"), **parts, variables=case.get("variables"), **more
    )


def check_raises(case: dict[str, Any], act: Any) -> None:
    """Expect the error of a case, its words, and no secret in it."""
    kind, *words = case["raises"]
    with pytest.raises(getattr(naftiko, kind)) as caught:
        act()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("case", cases("request"))
def test_request(case: dict[str, Any]) -> None:
    """A call gives the request of its case, or the error with these words."""
    transport = StubTransport()
    api = loaded(case, transport=transport)
    arguments = case.get("arguments", {})
    if "raises" in case:
        check_raises(case, lambda: api.call("api.op", arguments))
        return
    api.exchange("api.op", arguments, raise_for_status=False)
    (request,) = transport.requests
    if "target" in case:
        assert request.url.removeprefix("http://127.0.0.1:9") == case["target"]
    for name, value in case.get("headers", {}).items():
        if name != "Content-Length":
            assert request.headers[name] == value
    for name in case.get("absent", ()):
        assert name not in request.headers
    if "body" in case:
        assert (request.body or b"") == case["body"].encode()


class _Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc), "2026-01-02T03%3A04%3A00%2B00%3A00"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (_Colour.RED, "red"),
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


def test_body_from_disk_is_not_read_into_memory(tmp_path: Path) -> None:
    """A path and an open file are handed on as they are."""
    file = tmp_path / "data.json"
    file.write_bytes(b"{}")
    api = capability({"method": "POST"})
    request = api.request("api.op", body=file)
    assert request.body == file
    assert request.headers["Content-Type"] == "application/json"
    stream = io.BytesIO(b"x")
    assert api.request("api.op", body=stream).body is stream
    typed = api.request("api.op", body=naftiko.Content(file, "text/x"))
    assert typed.headers["Content-Type"] == "text/x"


def test_bodies_that_cannot_be_sent(tmp_path: Path) -> None:
    """A missing file and a text file are refused with the fix."""
    api = capability({"method": "POST"})
    with pytest.raises(naftiko.ArgumentError, match="not a file that can be read"):
        api.request("api.op", body=tmp_path / "none")
    with pytest.raises(naftiko.ArgumentError, match="mode 'rb'"):
        api.request("api.op", body=io.StringIO("x"))


def test_multipart_body() -> None:
    """Parts are named; a file has a name and a type of its own."""
    data = [{"name": "note", "value": "{{note}}"}, {"name": "file", "value": "{{file}}"}]
    api = capability(
        {"method": "POST", "body": {"type": "multipartForm", "data": data}}
    )
    request = api.request("api.op", note="é", file=b"\x00\xff")
    kind = request.headers["Content-Type"]
    assert kind.startswith("multipart/form-data; boundary=")
    boundary = kind.partition("boundary=")[2].encode()
    assert request.content is not None
    first, second = request.content.split(b"--" + boundary)[1:3]
    assert b'name="note"\r\n' in first
    assert first.endswith("\r\n\r\né\r\n".encode())
    assert b'name="file"; filename="file"\r\n' in second
    assert second.endswith(b"\r\n\r\n\x00\xff\r\n")
    without = api.request("api.op", note="a")
    assert without.content is not None
    assert b"filename" not in without.content


def test_unplaced_path_parameters_can_be_appended() -> None:
    """`append` puts a path parameter without a placeholder at the end."""
    api = capability(
        {"resourcePath": "/a", "inputParameters": [{"name": "id", "in": "path"}]},
        unplaced_path_parameters="append",
    )
    assert api.request("api.op", id="1/2").url.endswith("/a/1%2F2")


def test_paths_replace_those_of_the_document() -> None:
    """`paths` gives an operation another path."""
    api = capability(
        {"inputParameters": [{"name": "id", "in": "path"}]},
        paths={"api.op": "/b/{id}/c"},
    )
    assert api.request("api.op", id=1).url.endswith("/b/1/c")


def test_headers_of_the_caller_win() -> None:
    """`using(headers=…)` stands over everything else."""
    api = capability(consumes={"authentication": {"type": "bearer", "token": "a"}})
    view = api.using(headers={"authorization": "Bearer b", "X-Trace": "1"})
    headers = view.request("api.op").headers
    assert (headers["Authorization"], headers["X-Trace"]) == ("Bearer b", "1")
    with pytest.raises(naftiko.ArgumentError, match="line break"):
        api.using(headers={"X": "a\nb"}).request("api.op")
