"""Placing arguments: any value arrives unchanged in each place of a request."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote

from hypothesis import assume, given
from hypothesis import strategies as st

from naftiko import CallError
from naftiko.expressions import parse, refs, render
from properties.test_reading import VALUES
from support.building import capability

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
BASE = "http://127.0.0.1:9"

API = capability(
    {
        "resourcePath": "/a/{x}/b",
        "inputParameters": [
            {"name": "x", "in": "path"},
            {"name": "q", "in": "query"},
            {"name": "r", "in": "query"},
            {"name": "X-H", "in": "header"},
            {"name": "c", "in": "cookie"},
        ],
    }
)
DATA = {"v": "{{v}}", "t": "<{{t}}>", "fixed": [1, {"k": "v"}]}
TYPED = capability({"method": "POST", "body": {"type": "json", "data": DATA}})
TEXTUAL = capability(
    {"method": "POST", "body": {"type": "json", "data": '{"a": "{{t}}", "b": {{v}}}'}}
)


@given(TEXT)
def test_path_value_stays_one_segment(text: str) -> None:
    """A path value stays one percent-encoded segment and decodes to the same text."""
    assume(text not in ("", ".", ".."))
    url = API.request("api.op", x=text).url
    segments = url.removeprefix(BASE).split("/")
    assert [segments[:2], segments[3:]] == [["", "a"], ["b"]]
    assert unquote(segments[2]) == text
    assert url.isascii()
    assert not set(url) & set(' \r\n\t"<>#?{}')


@given(TEXT, TEXT)
def test_query_values_stay_separate_pairs(one: str, two: str) -> None:
    """Each query value stays one pair and decodes to the same text."""
    url = API.request("api.op", x=1, q=one, r=[two, "end"]).url
    query = url.partition("?")[2]
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    assert pairs == [("q", one), ("r", two), ("r", "end")]
    assert "#" not in url


@given(TEXT)
def test_header_value_is_one_line_of_ascii(text: str) -> None:
    """A header value is sent as one line of ASCII; control characters are refused."""
    try:
        value = API.request("api.op", {"x": 1, "X-H": text}).headers["X-H"]
    except CallError:
        assert any(ord(c) < 32 or c == "\x7f" for c in text)
        return
    assert value.isascii()
    assert not any((ord(c) < 32 and c != "\t") or c == "\x7f" for c in value)
    if text.isascii():
        assert value == text.strip(" \t")
    else:
        assert unquote(value.removeprefix("UTF-8''")) == text.strip(" \t")


@given(TEXT)
def test_cookie_value_stays_one_cookie(text: str) -> None:
    """A cookie value stays one cookie and decodes to the same text."""
    cookie = API.request("api.op", x=1, c=text).headers["Cookie"]
    assert not set(cookie) & set('; \t\r\n,"')
    assert unquote(cookie.removeprefix("c=")) == (
        text if "%" not in text else unquote(text)
    )


@given(VALUES, TEXT)
def test_body_value_keeps_its_type(value: Any, text: str) -> None:
    """A value keeps its type in a JSON body, and a text cannot inject other members."""
    request = TYPED.request("api.op", v=value, t=text)
    assert request.content is not None
    expected = {"v": value, "t": f"<{text}>", "fixed": [1, {"k": "v"}]}
    if value is None:  # `None` means that the argument is not given
        del expected["v"]
    assert json.loads(request.content) == expected
    assume(value is not None)
    content = TEXTUAL.request("api.op", v=value, t=text).content
    assert content is not None
    assert json.loads(content) == {"a": text, "b": value}


@given(
    st.lists(
        st.sampled_from(["{{a}}", "{{ b }}", "{{{c}}}", "x", '"', " {", "} ", "é"])
    )
)
def test_template_replaces_every_reference_once(parts: list[str]) -> None:
    """Rendering replaces each reference once; references inside values stay text."""
    text = "".join(parts)
    assume("{{{{" not in text and "}}}}" not in text)
    template = parse(text)
    wanted = [p.strip("{ }") for p in parts if p.startswith("{{")]
    assert [ref.name for ref in refs(template)] == wanted
    whole = "".join(p if isinstance(p, str) else p.written for p in template)
    assert whole == text
    plain = tuple(
        p if isinstance(p, str) else p._replace(quoted=False) for p in template
    )
    values = {"a": "{{b}}", "b": "1", "c": "{{{a}}}"}
    expected = "".join(p if isinstance(p, str) else values[p.name] for p in template)
    assert render(plain, lambda ref: values[ref.name]) == expected
