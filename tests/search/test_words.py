"""Words of a text, and the root of a word."""

from __future__ import annotations

from naftiko.search.words import root, words_of


def test_word_loses_its_endings() -> None:
    """Plurals and forms of verbs have one root; short words stay whole."""
    forms = ("stop", "stops", "stopped", "stopping")
    assert {root(word) for word in forms} == {"stop"}
    assert root("images") == root("image")
    assert root("queries") == root("query")
    assert root("wrote") == root("written") == root("write")
    assert root("using") == root("used") == root("use")
    assert [root(word) for word in ("ping", "ps", "status", "string")] == [
        "ping",
        "ps",
        "status",
        "string",
    ]


def test_text_is_cut_into_words() -> None:
    """Camel case, hyphens and underscores separate words."""
    assert words_of("listShips of_the-fleet2") == [
        *("list", "ships", "of", "the", "fleet2"),
    ]
