"""`Router`: precedence of routes, placeholders inside segments, cost of a lookup."""

from __future__ import annotations

import gc
import random
import sys
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.exposes.http.routes import (
    ANY_METHOD,
    BadPath,
    NoRoute,
    RouteMatch,
    Router,
    Tail,
    encoded_path,
)


def _router(*routes: str) -> Router[str]:
    router: Router[str] = Router()
    for route in routes:
        method, template = route.split(" ", 1)
        router.add(method, template, route)
    return router


def _answering(router: Router[str], request: str) -> tuple[str, dict[str, str]]:
    method, target = request.split(" ", 1)
    path, _, query = target.partition("?")
    match = router.find(path, method, query)
    assert isinstance(match, RouteMatch), match
    return match.endpoint, match.captures


@pytest.mark.parametrize(
    ("routes", "request_", "route", "captures"),
    [
        (["GET /a/{id}"], "GET /a/5", "GET /a/{id}", {"id": "5"}),
        (["GET /a/{{ id }}"], "GET /a/5", "GET /a/{{ id }}", {"id": "5"}),
        (["GET /a/{x-y.z}"], "GET /a/5", "GET /a/{x-y.z}", {"x-y.z": "5"}),
        (["GET a/{id}"], "GET /a/5", "GET a/{id}", {"id": "5"}),
        (["GET /"], "GET /", "GET /", {}),
        (["GET /a/{id}"], "GET /a/x%2Fy%20z", "GET /a/{id}", {"id": "x/y z"}),
        (["GET /a/{id}"], "GET /a/%2541", "GET /a/{id}", {"id": "%41"}),
        (["GET /a/{id}"], "GET /a/%C3%A9", "GET /a/{id}", {"id": "é"}),
        (["GET /é"], "GET /%C3%A9", "GET /é", {}),
        (["GET /%C3%A9"], "GET /%c3%a9", "GET /%C3%A9", {}),
        (["GET /a/{id}"], "HEAD /a/5", "GET /a/{id}", {"id": "5"}),
        # A segment may be partly literal.
        (["POST /{id}:run"], "POST /5:run", "POST /{id}:run", {"id": "5"}),
        (["POST /{id}:run"], "POST /a:b:run", "POST /{id}:run", {"id": "a:b"}),
        (["GET /{a}.{b}"], "GET /x.tar.gz", "GET /{a}.{b}", {"a": "x.tar", "b": "gz"}),
        (["GET /{a}{b}"], "GET /xyz", "GET /{a}{b}", {"a": "xy", "b": "z"}),
        (["GET /f({k})"], "GET /f(7)", "GET /f({k})", {"k": "7"}),
        (
            ["GET /{n}-{v}.tgz"],
            "GET /my-chart-1.2.tgz",
            "GET /{n}-{v}.tgz",
            {"n": "my-chart", "v": "1.2"},
        ),
        # A route with more literal text is more specific.
        (["GET /{a}", "GET /x"], "GET /x", "GET /x", {}),
        (["GET /{a}", "GET /{b}.json"], "GET /x.json", "GET /{b}.json", {"b": "x"}),
        (
            ["GET /{a}.json", "GET /{b}.min.json"],
            "GET /x.min.json",
            "GET /{b}.min.json",
            {"b": "x"},
        ),
        (["GET /{path}", "GET /{a}"], "GET /x", "GET /{a}", {"a": "x"}),
        # Backtracking: a literal branch without a match is left again.
        (["GET /a/b", "GET /{x}/c"], "GET /a/c", "GET /{x}/c", {"x": "a"}),
        # A literal path without the method does not hide a placeholder that has it.
        (["GET /x/me", "PUT /x/{id}"], "PUT /x/me", "PUT /x/{id}", {"id": "me"}),
        # `{path}` takes all remaining segments, up to the literal ones after it.
        (["GET /f/{path}"], "GET /f/a/b%2Fc", "GET /f/{path}", {"path": "a/b%2Fc"}),
        (["GET /f/{{path}}"], "GET /f/a/", "GET /f/{{path}}", {"path": "a/"}),
        (
            ["GET /f/{path}", "GET /f/{path}/meta"],
            "GET /f/a/meta/meta",
            "GET /f/{path}/meta",
            {"path": "a/meta"},
        ),
        (
            ["GET /{path}/x/{path}"],
            "GET /a/b/x/c",
            "GET /{path}/x/{path}",
            {"path": "c"},
        ),
        (["GET /{path}.gz"], "GET /a.gz", "GET /{path}.gz", {"path": "a"}),
        # A query in the template must be in the request.
        (["GET /?Action=A", "GET /?Action=B"], "GET /?x=1&Action=B", "GET /?Action=B", {}),
        (["GET /", "GET /?Action=B"], "GET /?Action=B", "GET /?Action=B", {}),
        (["GET /", "GET /?Action=B"], "GET /?Action=C", "GET /", {}),
        (["GET /s?q={q}"], "GET /s?q=a%20b", "GET /s?q={q}", {"q": "a b"}),
        # A client sends no fragment, so `#` in a template is text.
        (["POST /v1/#List"], "POST /v1/%23List", "POST /v1/#List", {}),
        # Braces that hold no reference are text.
        (["GET /{{#x}}"], "GET /%7B%7B%23x%7D%7D", "GET /{{#x}}", {}),
        # A route of one method beats a route of any method.
        ([f"{ANY_METHOD} /p/{{path}}", "GET /p/{path}"], "GET /p/a", "GET /p/{path}", {"path": "a"}),
        ([f"{ANY_METHOD} /p/{{path}}", "GET /p/{path}"], "PUT /p/a", "* /p/{path}", {"path": "a"}),
    ],
)  # fmt: skip
def test_most_specific_route_answers(
    routes: list[str], request_: str, route: str, captures: dict[str, str]
) -> None:
    """The most specific route with the method answers, in any order of adding."""
    for order in (routes, routes[::-1]):
        assert _answering(_router(*order), request_) == (route, captures)


@pytest.mark.parametrize(
    ("routes", "request_", "allowed"),
    [
        (["GET /a"], "GET /b", []),
        (["GET /a"], "GET /a/", []),
        (["GET /a/"], "GET /a", []),
        (["GET /a"], "GET //a", []),
        (["GET /a/{id}"], "GET /a/", []),
        (["GET /a/{id}"], "GET /a/b/c", []),
        (["GET /f/{path}"], "GET /f/", []),
        (["GET /f/{path}"], "GET /f", []),
        (["GET /{id}:run"], "GET /:run", []),
        (["GET /{a}.{b}"], "GET /a.", []),
        (["GET /{a}.{b}"], "GET /.b", []),
        (["GET /?Action=A"], "GET /", []),
        (["GET /?Action=A"], "POST /", []),
        (["GET /a", "PUT /a"], "POST /a", ["GET", "PUT"]),
        (["GET /a", "PUT /{x}"], "POST /a", ["GET", "PUT"]),
        (["GET /A"], "GET /a", []),
    ],
)
def test_path_without_a_route_names_the_allowed_methods(
    routes: list[str], request_: str, allowed: list[str]
) -> None:
    """`NoRoute` lists the methods of the path, or nothing for an unknown path."""
    method, target = request_.split(" ", 1)
    path, _, query = target.partition("?")
    match = _router(*routes).find(path, method, query)
    assert match == NoRoute(frozenset(allowed))


def test_first_of_two_equal_routes_wins() -> None:
    """Duplicate route: of two with one method and shape the second is not added."""
    router: Router[int] = Router()
    added = [
        router.add("GET", "/a/{id}", 1),
        router.add("GET", "/a/{{name}}", 2),
        router.add("PUT", "/a/{name}", 3),
        router.add("GET", "/a/{id}?x=1", 4),
        router.add("GET", "/a/{id}?x=1", 5),
    ]
    assert added == [True, False, True, True, False]
    match = router.find("/a/7", "PUT")
    assert isinstance(match, RouteMatch)
    # Each route keeps the placeholder names of its own template.
    assert match.captures == {"name": "7"}


def test_path_that_is_not_utf8_is_refused() -> None:
    """A path such as `/%FF` raises `BadPath`, not `UnicodeDecodeError`."""
    with pytest.raises(BadPath):
        _router("GET /{a}").find("/%FF", "GET")


def test_tail_keeps_encoded_slashes_inside_a_segment() -> None:
    """`%2F` stays inside its segment when a `{path}` tail is decoded."""
    assert Tail("a%2Fb/c%20d").segments == ["a/b", "c d"]


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ({"path": "/a b", "raw_path": b"/a%20b"}, "/a%20b"),
        ({"path": "/a/b", "raw_path": b"/a%2Fb?x"}, "/a%2Fb"),
        ({"path": "/é"}, "/%C3%A9"),
        ({"path": "/é", "raw_path": "/é?x".encode()}, "/%C3%A9"),
        ({"path": "/v1/a", "raw_path": b"/%761/a", "root_path": "/v1"}, "/a"),
        ({"path": "/v1", "raw_path": b"/v1", "root_path": "/v1/"}, "/"),
        ({"path": "/v10/a", "raw_path": b"/v10/a", "root_path": "/v1"}, "/v10/a"),
    ],
)
def test_path_of_a_scope_stays_percent_encoded(scope: Any, path: str) -> None:
    """The path below the mount is taken from `raw_path` if the server gives one."""
    assert encoded_path(scope) == path


_NAME = st.text("abcxyz", min_size=1, max_size=3)
_SEGMENT = st.one_of(
    _NAME,
    _NAME.map(lambda name: f"{{{name}}}"),
    st.tuples(_NAME, _NAME).map(lambda two: f"{{{two[0]}}}.{two[1]}"),
)
_TEMPLATE = st.lists(_SEGMENT, min_size=1, max_size=4).map(lambda s: "/" + "/".join(s))


@given(st.lists(_TEMPLATE, min_size=1, max_size=8), st.randoms())
def test_every_route_can_be_reached(templates: list[str], chance: Any) -> None:
    """A path made from a template is answered, among any other routes."""
    router: Router[str] = Router()
    chance.shuffle(templates)
    for template in templates:
        router.add("GET", template, template)
    for template in templates:
        segments = []
        for segment in template[1:].split("/"):
            while "{" in segment:
                before, _, rest = segment.partition("{")
                segment = before + "0" + rest.partition("}")[2]
            segments.append(segment)
        match = router.find("/" + "/".join(segments), "GET")
        assert isinstance(match, RouteMatch)
        # No literal is `0`, so only a template of the same shape can match.
        assert _shape(match.endpoint) == _shape(template)


def _shape(template: str) -> str:
    shape = ""
    depth = 0
    for character in template:
        depth += (character == "{") - (character == "}")
        if character == "}":
            shape += "{}"
        elif not depth:
            shape += character
    return shape


@given(st.text(min_size=1, max_size=20))
def test_percent_encoded_text_is_decoded_once(text: str) -> None:
    """Any text that a caller encodes once into a segment is decoded once."""
    try:
        encoded = quote(text, safe="")
    except UnicodeEncodeError:
        return
    assert _answering(_router("GET /a/{id}"), f"GET /a/{encoded}")[1] == {"id": text}


def _calls(router: Router[str], path: str) -> int:
    """Return the number of functions that a lookup calls."""
    count = 0

    def count_one(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    # A garbage collection would call hooks of other libraries and add to the count.
    gc.disable()
    sys.setprofile(count_one)
    try:
        router.find(path, "GET")
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def test_cost_of_a_lookup_does_not_grow_with_the_routes() -> None:
    """A lookup among 5,000 routes calls as many functions as one among 5."""
    costs = set()
    for count in (5, 5000):
        routes = [f"GET /things/r{n}/{{id}}/parts/{{part}}" for n in range(count)]
        random.shuffle(routes)
        costs.add(_calls(_router(*routes), "/things/r3/7/parts/9"))
    assert len(costs) == 1


def test_long_segment_causes_no_backtracking() -> None:
    """ReDoS: adjacent placeholders are no regular expression that could backtrack."""
    router = _router("GET /{a}-{b}-{c}-{d}-{e}-{f}.x")
    assert _calls(router, "/" + "-" * 100_000) < 100
    assert isinstance(router.find("/" + "-" * 100_000 + ".x", "GET"), RouteMatch)
