"""Secrets of `authentication` are resolved from binds when serving starts."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from support.guarding import guard

BEARER = {"type": "bearer", "token": "{{TOKEN}}"}


API_KEY = {"type": "apikey", "key": "X-Key", "value": "{{TOKEN}}"}


@pytest.mark.parametrize(
    ("data", "given", "bound", "message"),
    [
        (BEARER, {}, ("TOKEN",), "'TOKEN', which has no value"),
        (BEARER, {"TOKEN": ""}, ("TOKEN",), "'TOKEN', which has no value"),
        (BEARER, {}, (), "'TOKEN', which no bind declares"),
        ({"type": "bearer", "token": "{{HOME}}"}, {}, (), "which no bind declares"),
        ({"type": "bearer"}, None, ("TOKEN",), "`token` is missing|`value` is missing"),
        ({"type": "bearer", "token": ""}, None, ("TOKEN",), "`token` is missing"),
        ({**API_KEY, "value": None}, None, ("TOKEN",), "`value` is missing"),
        ({**API_KEY, "placement": "body"}, None, ("TOKEN",), "cannot stand in 'body'"),
        ({"type": "basic", "username": "a"}, None, ("TOKEN",), "`password` is missing"),
        (BEARER, {"TOKEN": "  "}, ("TOKEN",), "`token` is blank"),
        ({"type": "bearer", "token": " "}, None, ("TOKEN",), "`token` is blank"),
        ({**API_KEY, "key": " "}, None, ("TOKEN",), "`key` is blank"),
        (BEARER, {"TOKEN": "abc\n"}, ("TOKEN",), "line break"),
        (BEARER, {"TOKEN": "{{OTHER}}"}, ("TOKEN",), "still a template"),
        (BEARER, {"TOKEN": "${OTHER}"}, ("TOKEN",), "still a template"),
        ({"type": "bearer", "token": "{{TOKEN"}, None, ("TOKEN",), "still a template"),
        ({"type": "bearer", "token": "{TOKEN}"}, None, ("TOKEN",), "still a template"),
        ({"type": "bearer", "token": "${TOKEN}"}, None, ("TOKEN",), "still a template"),
        ({"type": "bearer", "token": False}, None, ("TOKEN",), "`token` is no text"),
        ({"type": "bearer", "token": ["a"]}, None, ("TOKEN",), "`token` is no text"),
        ({"type": "hmac"}, None, ("TOKEN",), "'hmac' is not known"),
        ("text", None, ("TOKEN",), "'' is not known"),
    ],
)
def test_unresolved_secret_stops_the_start(
    data: Any, given: Any, bound: Any, message: str
) -> None:
    """R13, weakness 39: neither a template nor an unbound variable becomes a secret."""
    with pytest.raises(naftiko.ServeError, match=message) as caught:
        guard(data, given=given, bound=bound)
    assert "the rest adapter 'api'" in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 4
