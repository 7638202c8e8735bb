"""Types of command line options: headers, ports, seconds and hosts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from naftiko.cli import values
from naftiko.cli.values import RefusedWord


@pytest.mark.parametrize(
    ("word", "pair"),
    [
        ("X-Who: me", ("X-Who", "me")),
        ("X:a:b", ("X", "a:b")),
        (" X : a\tb ", ("X", "a\tb")),
        ("X: ", ("X", "")),
        ("X: é", ("X", "é")),
    ],
)
def test_header_has_name_and_value(word: str, pair: tuple[str, str]) -> None:
    """The first colon ends the header name; surrounding blanks are dropped."""
    assert values.header(word) == pair


@pytest.mark.parametrize(
    ("type_", "word", "message", "hint"),
    [
        (values.header, "X", "expected 'Name: value', got a word", "quotation marks"),
        (values.header, "X:", "header 'X' has no value", "'X: ' for an empty one"),
        (values.header, "Host x: y", "got 'Host …'", "quotation marks"),
        (
            values.header,
            "Content-Length: 5",
            "is set by the connection",
            "leave it out",
        ),
        (values.header, "X: a\x00", "contains a control character", "RFC 9110"),
        (values.some_name, "", "expected a name, got an empty text", "unset?"),
        (values.port_of, "65536", "expected a port from 0 to 65535, got '65536'", ""),
        (values.port_there, "0", "expected a port from 1 to 65535, got '0'", ""),
        (values.seconds, "inf", "expected seconds above 0", ""),
        (values.seconds, "0", "expected seconds above 0", ""),
        (values.one_of("red", "green"), "gren", "red, green, got 'gren'", "'green'?"),
        (values.size_of, "64TiB", "expected a size above 0", "such as 64MiB"),
        (values.size_of, "0k", "expected a size above 0", ""),
        (values.count_of("cats", 1, 5), "6", "expected a number of cats", "1 to 5"),
        (values.count_of("cats", 1), "0", "expected a number of cats", "1 to 999"),
        (values.processes, "all", "expected a number of processes", "999, or auto"),
    ],
)
def test_wrong_value_is_refused_with_a_hint(
    type_: Callable[[str], object], word: str, message: str, hint: str
) -> None:
    """A wrong value is refused with a message of what was expected, and a hint."""
    with pytest.raises(RefusedWord) as caught:
        type_(word)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert str(caught.value) == caught.value.message


def test_number_of_processes_may_be_left_open() -> None:
    """`auto` is 0."""
    assert [values.processes(word) for word in ("auto", "3")] == [0, 3]


def test_port_may_have_leading_zeros() -> None:
    """A port may have leading zeros."""
    assert values.port_of("0080") == 80
    assert values.port_of("0") == 0
    assert values.port_there("65535") == 65535


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("localhost", True),
        ("192.0.2.7", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("localhost:80", False),
        ("http://localhost", False),
        ("a b", False),
        ("", False),
    ],
)
def test_host_has_no_scheme_and_no_port(text: str, answer: bool) -> None:
    """`is_host` accepts a name or an IP address, without scheme and port."""
    assert values.is_host(text) is answer


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    """Bytes that are not UTF-8 are refused; the error names only the option."""
    assert values.text_of("é", "--body") == "é"
    with pytest.raises(
        values.UsageError, match="--body holds bytes that are not UTF-8"
    ):
        values.text_of("s3cr3t\udcff", "--body")
