"""The message in an error body; the cases are in `tests/consumes/cases/messages/`."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko import StatusError, StubTransport
from naftiko.consumes.status import message_of, status_error
from naftiko.transport.messages import Request, Response
from support.building import capability
from support.casefiles import cases

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("case", cases("consumes/cases/messages"))
def test_message_of(case: dict[str, Any]) -> None:
    """The message in an error body is found under the usual names."""
    assert message_of(case["value"]) == case["expect"]


def test_message_is_short() -> None:
    """A message never fills the screen."""
    assert len(message_of({"message": "x" * 10**6})) == 300


@given(VALUES)
def test_message_of_anything(value: Any) -> None:
    """Any decoded body has a message, which may be empty, in one short line."""
    message = message_of(value)
    assert len(message) <= 400
    assert "\n" not in message


def test_refused_credential_names_its_variable_to_the_user_alone() -> None:
    """The hint tells the variable; that for callers of a server does not."""
    login = {"type": "basic", "username": "{{USER_NAME}}", "password": "{{PASSWORD}}"}
    refused = StubTransport(lambda request: Response(403, {}, b"no"))
    variables = {"USER_NAME": "u", "PASSWORD": "s3cret"}
    api = capability(
        consumes={"authentication": login}, variables=variables, transport=refused
    )
    with pytest.raises(StatusError) as caught:
        api.call("api.op")
    told = "the credentials do not allow this; the document declares: basic"
    assert caught.value.public_hint == told
    assert caught.value.hint == (f"{told}, with the variables 'USER_NAME', 'PASSWORD'")


def test_refused_header_names_its_variable_to_the_user_alone() -> None:
    """Without a declared authentication, a header from a variable may be refused."""
    key = {"name": "X-Key", "in": "header", "value": "{{API_KEY}}"}
    refused = StubTransport(lambda request: Response(401, {}, b"no"))
    api = capability(
        consumes={"inputParameters": [key]},
        variables={"API_KEY": "s3cret"},
        transport=refused,
    )
    with pytest.raises(StatusError) as caught:
        api.call("api.op")
    told = "the credentials are missing or wrong; the document declares: none"
    assert caught.value.public_hint == told
    assert caught.value.hint == f"{told}, and sends the variable 'API_KEY'"


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (
            "<html><head><title>502 Bad Gateway</title></head>\n<body><center><h1>502"
            " Bad Gateway</h1></center><hr><center>nginx/1.2</center></body></html>",
            "502 Bad Gateway: nginx/1.2",
        ),
        ("<!DOCTYPE html><html><title>Try later</title></html>", "Try later"),
        (
            "<html><head><style>p{a:b}</style></head><body><p>ERROR&nbsp;&amp; more"
            "<script>x()</script></body></html>",
            "502 Bad Gateway: ERROR & more",
        ),
        ("<error>not a page</error>", "<error>not a page</error>"),
    ],
)
def test_page_of_a_proxy_is_told_as_its_text(page: str, told: str) -> None:
    """Of an HTML page with an error the message has the text, once, without markup."""
    with capability() as loaded:
        error = status_error(
            loaded.operations.find("api.op"),
            Request("GET", "http://h.test/x"),
            Response(502, {}, page.encode(), reason="Bad Gateway"),
        )
    assert error.message.endswith(told)


@pytest.mark.parametrize("tag", ["<title>", "<title "])
def test_page_of_titles_without_end_takes_linear_time(tag: str) -> None:
    """A server reads such a page while other calls wait."""
    times = []
    with capability() as loaded:
        operation = loaded.operations.find("api.op")
        for count in (500, 4000):
            page = f"<html>{tag * count}".encode()
            began = time.process_time()
            status_error(operation, Request("GET", "/x"), Response(502, {}, page))
            times.append(time.process_time() - began)
    assert times[1] < 20 * times[0] + 0.05
