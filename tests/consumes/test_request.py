"""Requests and the places of arguments; cases in `tests/consumes/cases/requests/`.

`tests/end_to_end/test_wire.py` sends the same cases and compares what arrives.
"""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.transport.base import StubTransport
from support.building import capability
from support.casefiles import cases


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


@pytest.mark.parametrize("case", cases("consumes/cases/requests"))
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


@pytest.mark.parametrize("place", ["path", "query", "header", "cookie", "body"])
@pytest.mark.parametrize("value", ["a\udcff", ["\ud800"], {"k": "\ud800"}])
def test_half_a_character_is_refused(place: str, value: object) -> None:
    """Text that UTF-8 cannot hold is refused by the name of its argument."""
    api = capability(
        {
            "method": "POST",
            "resourcePath": "/{x}" if place == "path" else "/",
            "inputParameters": [{"name": "x", "in": place}],
        }
    )
    with pytest.raises(naftiko.ArgumentError, match=r"api\.op: "):
        api.request("api.op", x=value)


def test_half_a_character_in_a_variable_is_refused_without_being_shown() -> None:
    """A credential that was no UTF-8 in the environment is named, not printed."""
    api = capability(
        consumes={"authentication": {"type": "basic", "username": "{{A}}"}},
        variables={"A": "s3cret\udcff"},
    )
    with pytest.raises(
        naftiko.CallError, match="the value of a variable is not text"
    ) as caught:
        api.call("api.op")
    assert "s3cret" not in str(caught.value)


def test_arguments_that_are_no_mapping() -> None:
    """A list of arguments is a mistake with a name."""
    api = capability()
    with pytest.raises(naftiko.ArgumentError, match="arguments are a list"):
        api.call("api.op", [1])  # type: ignore[arg-type]


def test_a_value_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`in: environment` is filled, satisfies `required`, and is shown as its name."""
    parameter = {"name": "NAFTIKO_TEST_KEY", "in": "environment", "required": True}
    data = {"key": "{{NAFTIKO_TEST_KEY}}"}
    api = capability(
        {
            "method": "POST",
            "inputParameters": [parameter],
            "body": {"type": "json", "data": data},
        }
    )
    monkeypatch.setenv("NAFTIKO_TEST_KEY", "s3cret")
    request = api.request("api.op")
    assert request.body == b'{"key":"s3cret"}'
    assert "s3cret" not in repr(request) + request.as_curl()
    assert api.request("api.op", NAFTIKO_TEST_KEY="mine").body == b'{"key":"mine"}'


def test_a_base_uri_without_its_variable_does_not_stop_a_dry_run() -> None:
    """The name stands in the address, and a call says what is missing."""
    api = capability(
        consumes={"baseUri": "https://{{NAFTIKO_TEST_HOST}}.example.com/v1"}
    )
    request = api.request("api.op")
    assert request.url == "https://$NAFTIKO_TEST_HOST.example.com/v1/x"
    assert "${NAFTIKO_TEST_HOST}.example.com/v1/x" in request.as_curl()
    with pytest.raises(naftiko.UnboundVariable, match="needs a value") as caught:
        api.call("api.op")
    assert caught.value.code == "U-base-uri-unresolved"


def test_headers_of_the_caller_win() -> None:
    """`using(headers=…)` stands over everything else."""
    api = capability(consumes={"authentication": {"type": "bearer", "token": "a"}})
    view = api.using(headers={"authorization": "Bearer b", "X-Trace": "1"})
    headers = view.request("api.op").headers
    assert (headers["Authorization"], headers["X-Trace"]) == ("Bearer b", "1")
    with pytest.raises(naftiko.ArgumentError, match="line break"):
        api.using(headers={"X": "a\nb"}).request("api.op")


def test_headers_of_the_caller_are_written_like_others() -> None:
    """`None` is not given, a list is joined, `True` is `true`."""
    view = capability().using(headers={"A": None, "B": [1, 2], "C": True})  # type: ignore[dict-item]
    headers = view.request("api.op").headers
    assert "A" not in headers
    assert (headers["B"], headers["C"]) == ("1, 2", "true")


def test_content_takes_the_place_of_a_described_body() -> None:
    """`body=Content(…)` is the whole body; arguments of the described one are refused."""
    operation = {
        "method": "POST",
        "inputParameters": [
            {"name": "id", "in": "query", "required": True},
            {"name": "a", "in": "body", "required": True},
        ],
    }
    whole = naftiko.Content(b"[1]")
    with capability(operation) as loaded:
        request = loaded.request("api.op", id=1, body=whole)
        assert (request.url, request.body) == ("http://127.0.0.1:9/x?id=1", b"[1]")
        assert request.headers["Content-Type"] == "application/json"
        with pytest.raises(naftiko.ArgumentError, match="missing argument 'id'"):
            loaded.request("api.op", body=whole)
        with pytest.raises(naftiko.ArgumentError, match="'a' is a part of the body"):
            loaded.request("api.op", id=1, a=2, body=whole)
        with pytest.raises(naftiko.ArgumentError, match="unknown argument 'body'"):
            loaded.request("api.op", id=1, a=2, body="[1]")
    with (
        capability({}) as loaded,
        pytest.raises(naftiko.ArgumentError, match="unknown argument 'body'"),
    ):
        loaded.request("api.op", body=whole)
