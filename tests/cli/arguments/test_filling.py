"""Members of a described body, and the arguments that fill them."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.cli.arguments.filling import argument_of, fill, place_in

_TEMPLATE: dict[str, Any] = {
    "isbn": "{{isbn}}",
    "kind": "order",
    "customer": {"name": "{{customer_name}}", "mails": ["{{mail}}"]},
}
_NAMES = ["isbn", "customer_name", "mail"]


@pytest.mark.parametrize(
    ("body", "arguments", "is_whole"),
    [
        ({"isbn": 1, "kind": "order"}, {"isbn": 1}, True),
        ({"customer": {"name": "Ann"}}, {"customer_name": "Ann"}, True),
        ({"customer_name": "Ann"}, {"customer_name": "Ann"}, True),
        ({"kind": "gift"}, {}, False),
        ({"isbn": None}, {}, False),
        ({"customer": {"age": 1}}, {}, False),
        ({"isbn": 1, "more": 2}, {"isbn": 1}, False),
    ],
)
def test_body_gives_the_arguments_of_its_template(
    body: dict[str, Any], arguments: dict[str, Any], is_whole: bool
) -> None:
    """Members at the place of a placeholder are arguments; a null is none."""
    filling = fill(_TEMPLATE, body, _NAMES)
    assert (filling.arguments, filling.is_whole) == (arguments, is_whole)
    assert filling.unknown == tuple(body.keys() - _TEMPLATE.keys() - set(_NAMES))


def test_place_in_a_body_leads_to_its_argument() -> None:
    """A path through the template ends at an argument, with the steps behind it."""
    assert place_in(_TEMPLATE, "customer", ("name",), _NAMES) == ("customer_name", ())
    assert place_in(_TEMPLATE, "customer", ("mails", 0, "x"), _NAMES) == (
        "mail",
        ("x",),
    )
    assert place_in(_TEMPLATE, "customer", ("mails", 1), _NAMES) is None
    assert place_in(_TEMPLATE, "customer", ("age",), _NAMES) is None
    assert place_in(_TEMPLATE, "kind", (), _NAMES) is None


def test_text_around_a_placeholder_is_no_argument() -> None:
    """Only a text that is one placeholder of a known argument is that argument."""
    assert argument_of("{{ isbn }}", _NAMES) == "isbn"
    for node in ("no {{isbn}}", "{{other}}", "{{#isbn}}", 3):
        assert argument_of(node, _NAMES) == ""
