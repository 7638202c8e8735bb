"""Digest authentication (RFC 7616) as values: challenges in, credentials out."""

from __future__ import annotations

import pytest

from naftiko.consumes.digest import (
    DigestLogin,
    compute_response,
    find_algorithm,
    parse_challenges,
    parse_parameters,
    quoted_string,
)
from naftiko.transport.messages import Request, Response, SignIn

LOGIN = DigestLogin("Mufasa", "Circle of Life")
REQUEST = Request("GET", "http://h/dir/index.html")


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_response_of_the_example(algorithm: str, expected: str) -> None:
    """The example of RFC 7616, 3.9.1."""
    known = find_algorithm(algorithm)
    assert known is not None
    parameters = {
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "qop": "auth",
    }
    login = ("Mufasa", "http-auth@example.org", "Circle of Life")
    target = ("GET", "/dir/index.html")
    assert compute_response(known, login, target, parameters) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("md5", ("md5", False)),
        ("SHA-256-sess", ("sha256", True)),
        ("SHA-512-256", ("sha512_256", False)),
        ("-sess", None),
        ("token", None),
    ],
)
def test_algorithms_are_found_by_name(name: str, expected: object) -> None:
    """Names compare without case; an unknown algorithm is `None`."""
    assert find_algorithm(name) == expected


def test_parameters_are_unquoted() -> None:
    """Quoted texts are unescaped, and names folded."""
    text = 'Realm="a, \\"b", nonce = n ,qop="auth,auth-int"'
    expected = {"realm": 'a, "b', "nonce": "n", "qop": "auth,auth-int"}
    assert parse_parameters(text) == expected
    assert quoted_string('a, "b\\') == '"a, \\"b\\\\"'


def test_challenges_of_other_schemes_are_skipped() -> None:
    """A header may hold several challenges; quoted texts are not challenges."""
    header = 'Basic realm="Digest x", Digest realm="r", nonce="1", Digest nonce="2"'
    assert list(parse_challenges(header)) == [
        {"realm": "r", "nonce": "1"},
        {"nonce": "2"},
    ]


def test_a_login_is_a_generator_of_requests() -> None:
    """It yields the request, and again with credentials when it is challenged."""
    assert isinstance(LOGIN, SignIn)
    attempts = LOGIN.attempts(REQUEST)
    assert next(attempts) is REQUEST
    headers = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}
    answered = attempts.send(Response(401, headers))
    assert answered.headers["Authorization"].startswith('Digest username="Mufasa", ')
    assert (answered.method, answered.url) == (REQUEST.method, REQUEST.url)
    assert "Authorization" not in REQUEST.headers
    with pytest.raises(StopIteration):
        attempts.send(Response(401, headers))


@pytest.mark.parametrize(
    "response",
    [
        Response(200),
        Response(401),
        Response(403, {"WWW-Authenticate": 'Digest realm="r", nonce="n"'}),
        Response(401, {"WWW-Authenticate": 'Basic realm="r"'}),
        Response(401, {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="x"'}),
    ],
)
def test_other_responses_end_a_login(response: Response) -> None:
    """Without a challenge that can be met, the response is the one that counts."""
    attempts = LOGIN.attempts(REQUEST)
    next(attempts)
    with pytest.raises(StopIteration):
        attempts.send(response)


def test_a_session_algorithm_sends_its_cnonce_without_qop() -> None:
    """The server needs the `cnonce` to compute the session secret."""
    header = 'Digest realm="r", nonce="n", algorithm=MD5-sess'
    given = parse_parameters(LOGIN.answer(REQUEST, header).removeprefix("Digest "))
    known = find_algorithm("MD5-sess")
    assert known is not None
    login = ("Mufasa", "r", "Circle of Life")
    target = ("GET", "/dir/index.html")
    assert given["response"] == compute_response(known, login, target, given)


@pytest.mark.parametrize(("body", "is_answered"), [(b"x", True), (iter([b"x"]), False)])
def test_the_body_counts_for_auth_int(body: object, is_answered: bool) -> None:
    """A body that is not in memory cannot be hashed before it is sent."""
    request = Request("POST", "http://h/x", body=body)  # type: ignore[arg-type]
    header = 'Digest realm="r", nonce="n", qop="auth-int"'
    assert bool(LOGIN.answer(request, header)) is is_answered


def test_a_login_shows_no_secret() -> None:
    """Neither user name nor password stand in the representation."""
    assert repr(LOGIN) == "<DigestLogin>"
