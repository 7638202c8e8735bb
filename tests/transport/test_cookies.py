"""The cookies of a call: which are kept, and where they go back to."""

from __future__ import annotations

import pytest

from naftiko import Request
from naftiko.transport.cookies import Cookies
from naftiko.transport.redirects import RedirectedRequest


def hop(url: str, **more: object) -> RedirectedRequest:
    """Return the first hop of a request."""
    return RedirectedRequest(Request("GET", url, **more))  # type: ignore[arg-type]


def cookies_after(first: RedirectedRequest, *lines: str) -> Cookies:
    """Return cookies after one response that sets these."""
    kept = Cookies()
    kept.keep(first, lines)
    return kept


@pytest.mark.parametrize(
    ("url", "cookie"),
    [
        ("http://127.0.0.1/a/b", "own=1; sid=a; deep=c"),
        ("http://127.0.0.1/x", "own=1; sid=a"),
        ("http://127.0.0.1:81/a/b", "own=1"),
        ("https://127.0.0.1/a/b", "own=1"),
    ],
)
def test_cookies_go_back_to_their_origin(url: str, cookie: str) -> None:
    """Path and port count; cookies of the caller come first."""
    first = hop("http://127.0.0.1/a/b")
    kept = cookies_after(first, "sid=a; Path=/", "deep=c; Path=/a", "s=1; Secure")
    headers = kept.headers(hop(url, headers={"cookie": "own=1", "X-A": "b"}))
    given = dict(headers.items())
    assert given.pop("X-A") == "b"
    (found,) = given.values()
    assert sorted(found.split("; ")) == sorted(cookie.split("; "))
    assert found.startswith("own=1")


@pytest.mark.parametrize(
    "cookie",
    ["a=b", 'a="q r"', "a=b,c", "a=b=c", "a=", 'a="b\\"c"', "a={%22}"],
)
def test_cookie_value_stays_as_it_came(cookie: str) -> None:
    """Quotation marks are part of a value, and nothing is added to it."""
    first = hop("http://h.test/x")
    kept = cookies_after(first, f"{cookie}; Path=/")
    assert kept.headers(hop("http://h.test/y"))["Cookie"] == cookie


def test_request_without_cookies_has_none() -> None:
    """No header is added where no cookie is kept for a path."""
    first = hop("http://h.test/x")
    kept = cookies_after(first, "a=1; Path=/deep")
    assert dict(kept.headers(first).items()) == {}
    assert Cookies().headers(first) is first.headers


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("a=1; Domain=h.test", ["/x", "/x/y", "/x/y/z"]),
        ("a=1; Domain=.H.test; HttpOnly", ["/x", "/x/y", "/x/y/z"]),
        ("a=1; Domain=other.test", []),
        ("a=1; Domain=h.testing", []),
        ("a=1; Path=/x/y", ["/x/y", "/x/y/z"]),
        ("a=1; Path=/x/y/", ["/x/y/z"]),
        ("a=1; Path=x", ["/x", "/x/y", "/x/y/z"]),
        ("a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ["/x", "/x/y", "/x/y/z"]),
        ("a=1; Max-Age=0", []),
        ("a=1; Max-Age=-1", []),
        ("a=1; Max-Age=soon", ["/x", "/x/y", "/x/y/z"]),
        ("a=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT", []),
        ("a=1; Expires=Thu, 01 Jan 2970 00:00:00 GMT", ["/x", "/x/y", "/x/y/z"]),
        ("a=1; Expires=Thu, 99 Foo 99999999999999999999 00:00:00 GMT", ["/x", "/x/y", "/x/y/z"]),
        ("a=1; Expires=Thu, 01 Jan 99999 00:00:00 GMT", ["/x", "/x/y", "/x/y/z"]),
        ("a=1; Expires=never", ["/x", "/x/y", "/x/y/z"]),
        ("a=1; Secure", []),
        ("=1", []),
        ("a", []),
        ("", []),
    ],
)  # fmt: skip
def test_attributes_of_a_cookie_count(line: str, sent: list[str]) -> None:
    """Domain, path, age and `Secure` decide whether it goes along."""
    kept = cookies_after(hop("http://h.test/x"), line)
    paths = ["/x", "/x/y", "/x/y/z"]
    found = {path: kept.headers(hop(f"http://h.test{path}")) for path in paths}
    assert [path for path in paths if found[path].get("Cookie") == "a=1"] == sent


def test_cookie_replaces_and_ends_its_namesake() -> None:
    """The last value counts; one that has ended already takes it away."""
    first = hop("http://h.test/x")
    kept = cookies_after(first, "a=1", "b=2", "a=3")
    assert kept.headers(first)["Cookie"] == "a=3; b=2"
    kept.keep(first, ["a=; Max-Age=0", "c=4; Path=/x"])
    assert kept.headers(first)["Cookie"] == "c=4; b=2"


def test_socket_file_gets_no_cookie_of_the_web() -> None:
    """Its URL says `localhost`, which is another server."""
    kept = cookies_after(hop("http://localhost/x"), "a=1; Path=/")
    to_socket = hop("http://localhost/x", socket="/tmp/s")
    assert "Cookie" not in kept.headers(to_socket)
    assert kept.headers(hop("http://localhost/x"))["Cookie"] == "a=1"


def test_cookie_of_a_socket_file_is_not_kept() -> None:
    """Its URL says `localhost`, which is another server."""
    kept = cookies_after(hop("http://localhost/x", socket="/tmp/s"), "a=1")
    assert "Cookie" not in kept.headers(hop("http://localhost/x"))


def test_secure_cookie_goes_back_over_tls() -> None:
    """`Secure` is no matter for an origin with TLS."""
    first = hop("https://h.test/x")
    assert cookies_after(first, "a=1; Secure").headers(first)["Cookie"] == "a=1"


def test_oldest_cookies_go() -> None:
    """A server that sets another one with each response does not fill the memory."""
    first = hop("http://h.test/")
    kept = cookies_after(first, *(f"n{number}=x" for number in range(200)))
    sent = kept.headers(first)["Cookie"].split("; ")
    assert (sent[0], sent[-1], len(sent)) == ("n50=x", "n199=x", 150)
