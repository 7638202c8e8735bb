"""The format that a `Content-Type` names, and types of bodies without an end."""

from __future__ import annotations

import pytest

from naftiko.formats.media import (
    format_of,
    has_parts,
    is_open_ended,
    is_script,
    is_stream,
    promises_many,
)


@pytest.mark.parametrize(
    ("format", "types"),
    [
        (
            "json",
            "application/json, text/json, application/hal+json, application/jsonl",
        ),
        ("json", "application/x-ndjson, application/json-seq, application/stream+json"),
        ("json", "application/problem+json; charset=utf-8, APPLICATION/JSON"),
        (
            "xml",
            "application/xml, text/xml, application/atom+xml, application/soap+xml",
        ),
        ("yaml", "application/yaml, text/x-yaml, text/vnd.yaml, application/x+yaml"),
        ("csv", "text/csv; header=present, application/csv"),
        ("tsv", "text/tab-separated-values"),
        ("text", "text/plain, text/html, text/event-stream, application/javascript"),
        ("text", "application/xhtml+xml, image/svg+xml, application/toml"),
        ("binary", "application/octet-stream, image/png, application/pdf"),
        ("binary", "application/x-tar, application/zip, application/gzip, audio/ogg"),
        ("binary", "application/vnd.ms-excel, application/epub+zip, application/x-xz"),
        ("multiplexed", "application/vnd.docker.multiplexed-stream"),
        ("", "application/x-unknown, nonsense,  "),
    ],
)
def test_format_of(format: str, types: str) -> None:
    """Parameters and case do not count; what is not known names no format."""
    assert [format_of(kind) for kind in types.split(",")] == [format] * len(
        types.split(",")
    )


def test_open_ended_types() -> None:
    """Events, sequences of JSON and logs of containers may have no end."""
    for kind in ("text/event-stream; charset=utf-8", "application/x-ndjson"):
        assert is_open_ended(kind)
    assert is_open_ended("application/vnd.docker.raw-stream")
    assert not any(map(is_open_ended, ("application/json", "")))
    assert promises_many("a/b+json-seq")
    assert [is_script(f"text/{kind}") for kind in ("javascript", "plain")] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("kind", "declared", "expected"),
    [
        ("application/json", "", True),
        ("text/event-stream", "json", True),
        ("application/vnd.docker.multiplexed-stream", "", True),
        ("application/octet-stream", "", True),
        ("", "text", True),
        ("text/html", "", False),
        ("application/xml", "", False),
        ("text/csv", "", False),
        ("image/png", "", False),
        ("application/json", "yaml", False),
    ],
)
def test_parts_of_a_body_mean_something_alone(
    kind: str, declared: str, expected: bool
) -> None:
    """Documents, events and lines do; half of a page or of a table does not."""
    assert has_parts(kind, declared) is expected


@pytest.mark.parametrize(
    ("kind", "follows", "expected"),
    [
        ("text/event-stream", False, True),
        ("application/x-ndjson", False, False),
        ("application/x-ndjson", True, True),
        ("application/json", True, False),
    ],
)
def test_stream_is_known_however_soon_it_ends(
    kind: str, follows: bool, expected: bool
) -> None:
    """Events are one; NDJSON and logs only where the call asks for more."""
    assert is_stream(kind, follows=follows) is expected
