"""`naftiko.exposes.http.paths`: paths, queries and cookies that a caller adds."""

from __future__ import annotations

import pytest

from naftiko.exposes.http.paths import (
    OwnName,
    check_parameters,
    cookie_names,
    joined_cookies,
    joined_query,
    leaves,
)


@pytest.mark.parametrize(
    "path",
    [
        "..", ".", "a/..", "../a", "a/./b", "%2e%2E", ".%2e", "%252e%252e", "%252e.",
        "a/%25252e%25252e/b", "%25%32%65%25%32%65", "..%00", "..%00/a", "%2e%2e%00.txt",
        "%00..", ".%00.", "..%0d%0aX", "..%250a", "..%7f", "%2e%1f%2e/a", "..%20", "%20..", "..%09", "..;", "..;x=1/a",
        "..%3bx", "..%253bx", "a%2f..%2fb", "a%252f..%252fb", "a%5c..%5cb", "..\\a",
        "a%255c..", "%c0%ae%c0%ae", "%c0%af", "%c1%9c", "%e0%80%ae", "%f0%80%80%ae",
        "%25c0%25ae%25c0%25ae", "%u002e%u002e", "%ef%bc%8e%ef%bc%8e", "%e2%80%a5",
        "a%ef%bc%8f..%ef%bc%8fb", "%25252525252e%25252525252e",
    ],
)  # fmt: skip
def test_path_that_leaves_its_place(path: str) -> None:
    """Dot segments in each spelling that some server decodes."""
    assert leaves(path)


@pytest.mark.parametrize(
    "path",
    [
        "", "a", "a..b/.c/d...", "a%2Fb/c%20d;x=1/", "100%25", "a%2520b", "...", ".env",
        "v1.2/x", "%C3%A4/%E6%97%A5", "a;v=1.2/b", "a%2e", "~a", "a%00", "a%0d%0aX", "a%252Fb", "%25zz", "%",
    ],
)  # fmt: skip
def test_path_that_stays(path: str) -> None:
    """Dots inside names, encoded slashes and per cent signs are no path traversal."""
    assert not leaves(path)


def test_path_is_read_in_linear_time() -> None:
    """A long path of percent signs ends after a fixed number of decodings."""
    assert leaves("%" + "25" * 20_000 + "2e")
    assert not leaves("a.b/" * 20_000)


@pytest.mark.parametrize(
    ("given", "joined"),
    [
        (b"", "key=own"),
        (b"a=1", "a=1&key=own"),
        (b"a=1&key=mine&b", "a=1&b&key=own"),
        (b"k%65y=mine", "key=own"),
        (b"KEY=mine&a=;b=2", "a=;b=2&key=own"),
        (b"+key=mine", "key=own"),
        (b"a=key%3Dx", "a=key%3Dx&key=own"),
        (b"a=x%26key=y", "a=x%26key=y&key=own"),
    ],
)
def test_query_of_the_adapter_overrides(given: bytes, joined: str) -> None:
    """Names compare decoded and without case."""
    assert joined_query(given, "key=own") == joined
    assert joined_query(b"a=1;key=2", "") == "a=1;key=2"


@pytest.mark.parametrize(
    "given",
    [
        b"a=1;key=x",
        b";key=x",
        b"a=1;b;k%65y=x",
        b"a=1;KEY",
        b"a=1%3Bkey=x",
        b"a=%3bkey%3dx",
    ],
)
def test_query_behind_a_semicolon_is_refused(given: bytes) -> None:
    """Some servers split a query there; the name would stand beside the own one."""
    with pytest.raises(OwnName):
        joined_query(given, "key=own")


@pytest.mark.parametrize("path", ["a;key=1", "a;x=1;key=1/b", "a%3bkey=1", "a/;Key"])
def test_parameter_of_a_path_is_refused(path: str) -> None:
    """One with a name of the adapter; others pass."""
    with pytest.raises(OwnName):
        check_parameters(path, {"key"})
    check_parameters(path, ())
    check_parameters(path, {"other"})


@pytest.mark.parametrize(
    ("given", "joined"),
    [
        ("b=2", "a=1; b=2"),
        ("a=2", "a=1"),
        ("b=2; a=2;c=3", "a=1; b=2; c=3"),
        ("A=2; a =2; b=2", "a=1; b=2"),
        ('b="x; a=2"; c="3"', 'a=1; c="3"'),
        ("b=2, a=2", "a=1"),
        ("=a=2; a; $Version=1", "a=1; $Version=1"),
        ("b=2\ta=2; c=\\073", "a=1"),
    ],
)
def test_cookie_of_the_adapter_stands_alone(given: str, joined: str) -> None:
    """Of the caller, cookies with other names pass, if all servers read them alike."""
    assert joined_cookies("a=1", given) == joined


def test_cookie_with_other_punctuation_is_the_same() -> None:
    """PHP takes `a.b` for `a_b`."""
    assert joined_cookies("a_b=1", "a.b=2; A-B=3; ab=4") == "a_b=1; ab=4"
    assert cookie_names("a=1; b=2=3") == {"a", "b"}
