"""The records that only one type of exposed adapter needs."""

from __future__ import annotations

import pytest

from naftiko.spec.adapters import (
    Management,
    ObservabilitySettings,
    PromptArgument,
    ServerAuthentication,
)


@pytest.mark.parametrize(
    ("texts", "spellings", "written"),
    [
        ({"name": "X-Key"}, ("key", "name"), "name"),
        ({"key": "X-Key"}, ("key", "name"), "key"),
        ({"name": "a", "key": "b"}, ("key", "name"), "key"),
        # An empty text is written all the same.
        ({"name": ""}, ("key", "name"), "name"),
        ({}, ("key", "name"), "key"),
        ({"other": "x"}, ("value",), "value"),
    ],
)
def test_written_spelling_of_a_key_is_found(
    texts: dict[str, str], spellings: tuple[str, ...], written: str
) -> None:
    """The first spelling that the document has is the one to point at."""
    assert ServerAuthentication("apikey", texts).written(*spellings) == written


def test_settings_that_are_not_given_open_nothing() -> None:
    """By default a control adapter tells its health, and sends nothing elsewhere."""
    assert [name for name, on in Management()._asdict().items() if on is True] == [
        "health"
    ]
    assert not any(Management().logs[:2])
    assert ObservabilitySettings().endpoint == ""


def test_argument_of_a_prompt_is_required_unless_it_says_otherwise() -> None:
    """An argument is required, and may have any value, by default."""
    argument = PromptArgument("a")
    assert (argument.required, argument.values) == (True, None)
