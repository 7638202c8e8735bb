"""`Capability`: calls, dry runs, streams, views, threads and representations."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from requests.auth import HTTPBasicAuth

import naftiko
from naftiko import Response, StubTransport
from support.building import capability, document

QUERY = {"inputParameters": [{"name": "q", "in": "query"}]}
BEARER = {"authentication": {"type": "bearer", "token": "{{TOKEN}}"}}


def echo(request: naftiko.Request) -> Response:
    """Answer with the URL of the request."""
    return Response(200, {"Content-Type": "text/plain"}, request.url.encode())


def sent(api: naftiko.Capability, **arguments: Any) -> naftiko.Request:
    """Return the request that a call sends."""
    return api.exchange("api.op", arguments).request


@pytest.mark.parametrize(
    ("given", "more", "target"),
    [
        (None, {}, "/x"),
        ({}, {"q": 1}, "/x?q=1"),
        ({"q": 1}, {}, "/x?q=1"),
        ({"q": 1}, {"q": 2}, "/x?q=2"),
        ({"q": None}, {}, "/x"),
        ({"q": False}, {}, "/x?q=false"),
        ({"q": 0}, {}, "/x?q=0"),
        ({"q": ""}, {}, "/x?q="),
    ],
)
def test_arguments_are_a_mapping_or_keywords(
    given: Any, more: dict[str, Any], target: str
) -> None:
    """Keywords override the mapping; an argument of `None` counts as missing."""
    stub = StubTransport()
    api = capability(QUERY, transport=stub)
    api.call("api.op", given, **more)
    api.exchange("api.op", given, **more)
    with api.stream("api.op", given, **more):
        pass
    urls = [request.url for request in stub.requests]
    assert urls == [f"http://127.0.0.1:9{target}"] * 3
    assert api.request("api.op", given, **more).url == urls[0]


def test_argument_may_have_any_name() -> None:
    """Arguments may be called `ref`, `arguments`, `self` or a keyword of Python."""
    names = ["ref", "arguments", "self", "from", "raise_for_status", "class"]
    inputs = [{"name": name, "in": "query"} for name in names]
    api = capability({"inputParameters": inputs}, transport=StubTransport())
    values = dict.fromkeys(names, 1)
    assert api.request("api.op", values).url.count("=1") == 6
    assert api.request("api.op", ref=1, arguments=1, self=1).url.count("=1") == 3
    api.call("api.op", ref=1, self=1, arguments=1)


@pytest.mark.parametrize("method", ["call", "exchange", "request", "stream"])
def test_wrong_ref_or_argument_is_refused_before_sending(method: str) -> None:
    """Unknown ref, unknown argument, missing argument, a list in place of a mapping."""
    stub = StubTransport()
    inputs = [
        {"name": "id", "in": "query", "required": True},
        *QUERY["inputParameters"],
    ]
    act = getattr(capability({"inputParameters": inputs}, transport=stub), method)
    with pytest.raises(naftiko.UnknownOperation, match=r"nearest: api\.op"):
        act("api.opp")
    with pytest.raises(naftiko.ArgumentError) as caught:
        act("api.op", qq=1)
    error = caught.value
    assert (error.missing, error.unknown, error.takes) == (
        ("id",),
        ("qq",),
        ("id", "q"),
    )
    assert "did you mean 'q'? It takes: id, q." in error.hint
    with pytest.raises(naftiko.ArgumentError, match="the arguments are a list"):
        act("api.op", ["q"])
    assert stub.requests == []


def test_failed_status_raises_status_error() -> None:
    """`raise_for_status=False` returns a failed response instead."""
    body = b'{"message": "no such thing"}'
    stub = StubTransport(Response(404, {"Content-Type": "application/json"}, body))
    api = capability(QUERY, transport=stub)
    for act in (api.call, api.exchange, api.stream):
        with pytest.raises(naftiko.StatusError, match="404: no such thing") as caught:
            act("api.op")
        error = caught.value
        assert (error.status, error.detail) == (404, "no such thing")
        assert error.response.body == body
        assert error.request.url == "http://127.0.0.1:9/x"
    failed = api.exchange("api.op", raise_for_status=False)
    assert (failed.status, failed.data) == (404, {"message": "no such thing"})


def test_dry_run_needs_no_value_and_sends_nothing() -> None:
    """A dry run shows `$NAME` in place of the value of a variable."""
    stub = StubTransport()
    api = capability(QUERY, consumes=BEARER, transport=stub)
    request = api.request("api.op", q="ü b")
    assert request.headers["Authorization"] == "Bearer $TOKEN"
    assert request.url.endswith("/x?q=%C3%BC+b")
    assert stub.requests == []
    with pytest.raises(naftiko.UnboundVariable) as caught:
        api.call("api.op")
    assert caught.value.name == "TOKEN"
    assert "variables={'TOKEN': …}" in str(caught.value)


def test_dry_run_needs_no_signer() -> None:
    """Unsupported authentication allows a dry run; a call needs a given signer."""
    auth = {"authentication": {"type": "oauth1", "key": "{{KEY}}"}}
    api = capability(QUERY, consumes=auth, transport=StubTransport())
    assert api.request("api.op").url.endswith("/x")
    with pytest.raises(naftiko.UnusableOperation, match="oauth1") as caught:
        api.call("api.op")
    assert caught.value.code == "U-auth-unsupported"
    signer = HTTPBasicAuth("me", "x")
    signed = api.using(auth={"api": signer})
    assert sent(signed).auth is signer


def test_error_of_an_unusable_operation_counts_its_problems() -> None:
    """The error shows the first problem of an operation and counts the others."""
    inputs = [{"name": "id", "in": "path"}, {"name": "q", "in": "nowhere"}]
    api = capability({"inputParameters": inputs}, transport=StubTransport())
    with pytest.raises(naftiko.UnusableOperation, match=r"\(and 1 more\)") as caught:
        api.call("api.op")
    assert len(caught.value.problems) == 2


def test_base_uri_override_makes_an_operation_usable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A document without a usable base URI works with a given one."""
    api = capability(QUERY, consumes={"baseUri": ""}, transport=StubTransport())
    with pytest.raises(naftiko.UnusableOperation, match="base URI"):
        api.call("api.op")
    assert sent(api.using(base_uri="http://a.test/v1/")).url == "http://a.test/v1/x"
    given = {"api": "http://b.test"}
    assert sent(api.using(base_uri=given)).url == "http://b.test/x"
    monkeypatch.setenv("NAFTIKO_BASE_URI_API", "http://c.test")
    assert sent(api.using()).url == "http://c.test/x"
    assert sent(api.using(base_uri=given)).url == "http://b.test/x"


def test_view_has_its_own_values_over_the_same_transport() -> None:
    """`using` returns a view and leaves the original capability unchanged."""
    stub = StubTransport()
    one = capability(QUERY, consumes=BEARER, transport=stub, variables={"TOKEN": "1"})
    two = one.using(variables={"TOKEN": "2"}, headers={"X-View": "2"})
    three = two.using(base_uri="http://three.test")
    tokens = [sent(api).headers["Authorization"] for api in (one, two, three)]
    assert tokens == ["Bearer 1", "Bearer 2", "Bearer 2"]
    assert [r.headers.get("X-View") for r in stub.requests] == [None, "2", "2"]
    assert stub.requests[-1].url == "http://three.test/x"
    assert two.operations is one.operations
    assert two.problems is one.problems


def test_options_of_a_view_are_merged_by_namespace() -> None:
    """An option of a view for one namespace leaves other namespaces unchanged."""
    data = document(QUERY)
    second = {**data["capability"]["consumes"][0], "namespace": "two"}
    data["capability"]["consumes"].append(second)
    api = naftiko.load(data, base_uri="http://a.test", transport=StubTransport())
    view = api.using(base_uri={"two": "http://b.test"})
    urls = [view.request(ref).url for ref in ("api.op", "two.op")]
    assert urls == ["http://a.test/x", "http://b.test/x"]
    signer = HTTPBasicAuth("me", "x")
    signed = view.using(auth={"two": signer}).using(
        auth={"api": HTTPBasicAuth("a", "b")}
    )
    assert signed.exchange("two.op").request.auth is signer


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("headers", ["X"]),
        ("headers", {1: "x"}),
        ("variables", "TOKEN"),
        ("auth", {"apu": print}),
        ("base_uri", {"apu": "http://a.test"}),
        ("base_uri", "a.test"),
        ("timeout", "5"),
    ],
)
def test_wrong_option_of_a_view_is_refused(option: str, value: Any) -> None:
    """A wrong value raises when a view is made, not when the view is used."""
    with pytest.raises(naftiko.ArgumentError):
        capability(QUERY).using(**{option: value})


class _Transport:
    """A transport that counts views and closes, and records timeouts."""

    def __init__(self) -> None:
        self.timeouts: list[Any] = []
        self.views = 0
        self.closed = 0

    def send(self, request: naftiko.Request, *, timeout: Any) -> Response:
        self.timeouts.append(timeout)
        return Response(204)

    def view(self) -> _Transport:
        self.views += 1
        return self

    def close(self) -> None:
        self.closed += 1


def test_timeout_is_passed_to_the_transport() -> None:
    """The timeout of a call is 30 seconds, or as given to `load` or `using`."""
    transport = _Transport()
    api = capability(QUERY, transport=transport)
    api.call("api.op")
    api.using(timeout=(1, 2.5)).call("api.op")
    capability(QUERY, transport=transport, timeout=7).call("api.op")
    assert transport.timeouts == [30.0, (1, 2.5), 7]


def test_transport_without_a_stream_method_cannot_stream() -> None:
    """`send` and `close` make a transport; `stream` is optional."""
    api = capability(QUERY, transport=_Transport())
    with pytest.raises(naftiko.CallError, match="a _Transport cannot stream"):
        api.stream("api.op")


def test_closing_a_capability_closes_its_transport() -> None:
    """`with` closes the transport; closing a view does not."""
    transport = _Transport()
    with capability(QUERY, transport=transport) as api:
        with api.using() as view:
            view.call("api.op")
        assert (transport.views, transport.closed) == (1, 0)
    assert transport.closed == 1
    # Closing a view without a connection does nothing.
    capability(QUERY).using().close()


def test_view_opens_no_transport_before_its_first_call() -> None:
    """A dry run of a view does not use the transport."""
    transport = _Transport()
    view = capability(QUERY, transport=transport).using(timeout=1)
    assert view.request("api.op").method == "GET"
    assert transport.views == 0


def test_capability_is_thread_safe() -> None:
    """Threads share a capability and its views; each gets its own responses."""
    api = capability(
        {**QUERY, "outputRawFormat": "text"}, transport=StubTransport(echo)
    )
    views = [api.using(base_uri=f"http://h{n}.test") for n in range(4)]
    start = threading.Barrier(8)

    def work(number: int) -> list[str]:
        start.wait()
        view = views[number % 4]
        return [view.call("api.op", q=f"{number}-{turn}") for turn in range(50)]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(8)))
    for number, urls in enumerate(results):
        host = f"http://h{number % 4}.test"
        assert urls == [f"{host}/x?q={number}-{turn}" for turn in range(50)]


def test_threads_open_one_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """Concurrent first calls of many threads make one transport."""
    from naftiko.transport import http

    opened = []

    class Counting(_Transport):
        def __init__(self) -> None:
            super().__init__()
            opened.append(self)

    monkeypatch.setattr(http, "HttpTransport", Counting)
    api = capability(QUERY)
    start = threading.Barrier(8)

    def work(_: int) -> None:
        start.wait()
        api.call("api.op")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(opened) == 1
    api.close()
    assert opened[0].closed == 1


def test_representations_are_short_and_escaped() -> None:
    """`repr` is one line; the HTML table of a notebook escapes markup."""
    description = "<b>&"
    api = capability({**QUERY, "description": description})
    api.info = api.info._replace(label="<i>", description="<u>")
    assert repr(api) == "<Capability '<i>' from <data>: 1 operations>"
    page = api._repr_html_()
    assert "&lt;i&gt;" in page
    assert "&lt;u&gt;" in page
    assert "&lt;b&gt;&amp;" in page
    assert "<i>" not in page
    assert [operation.ref for operation in api] == ["api.op"]
