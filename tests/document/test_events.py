"""Texts → events: where this package departs from the parsers of YAML 1.1."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from ruamel.yaml import events

from naftiko.document.events import (
    JSON_KINDS,
    json_events,
    pure_events,
    shorten_constructors,
    with_old_breaks,
    yaml_kinds,
)
from naftiko.document.source import read, read_text
from naftiko.document.yaml import parse_value


@pytest.mark.usefixtures("parser")
def test_tab_separates_tokens() -> None:
    """A tab may separate, though not indent (YAML 1.2, 6.1 and 6.2)."""
    text = "a:\t1\t# note\nb:\t\n  - x\t\nh: i\tj\t\n  k\nc:\t{d:\t2,\t'e':\t3}\nf: |\n  g\th\n"
    data = {"a": 1, "b": ["x"], "h": "i\tj k", "c": {"d": 2, "e": 3}, "f": "g\th\n"}
    assert read(text).data == data


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("{url: https://a.test/b:c, d: [e:f]}\n", {"url": "https://a.test/b:c", "d": ["e:f"]}),
        ("%UNKNOWN x\n---\na: 1\n", {"a": 1}),
        ("a: |\n  \tb\n", {"a": "\tb\n"}),
        (": b\n", {"": "b"}),
    ],
)  # fmt: skip
def test_yaml_that_only_the_pure_parser_reads(text: str, data: Any) -> None:
    """YAML 1.2 that the C parser refuses is read all the same."""
    got = read_text(text)
    assert got.data == data
    key = next(iter(data))
    assert got.locate([key]).line == text.count("\n", 0, text.index(key + ":")) + 1


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("odd", ["\x85", "\u2028", "\u2029"])
def test_old_line_breaks_are_text(odd: str) -> None:
    """Line breaks of YAML 1.1 alone break no line (YAML 1.2, 5.4)."""
    got = read(f"a: x{odd}y\nb: 'z{odd}'\n{odd}c: |\n  d{odd}e\n")
    assert got.data == {"a": f"x{odd}y", "b": f"z{odd}", f"{odd}c": f"d{odd}e\n"}
    assert got.locate(["b"])[1:] == (2, 4)


def shown(text: str) -> list[tuple[str, Any, int, int]]:
    """Return the events of a JSON text: kind, value or whether it is plain, place."""
    names = {
        JSON_KINDS.mapping: "{",
        JSON_KINDS.sequence: "[",
        JSON_KINDS.ends[0]: "end",
    }
    events = []
    for event in json_events(text, lambda *_: None):
        name = names.get(type(event), "plain" if event.implicit[0] else "quoted")
        value = event.value if isinstance(event, JSON_KINDS.scalar) else None
        at = (0, 0) if name == "end" else (event.line, event.column)
        events.append((name, value, *at))
    return events


def test_json_tokens_have_their_places() -> None:
    """Lines and columns count from zero; blanks, colons and commas are no events."""
    assert shown('{"a" :[1,\r\n\t"x"],\n\n  "b":{}}') == [
        ("{", None, 0, 0),
        ("quoted", "a", 0, 1),
        ("[", None, 0, 6),
        ("plain", "1", 0, 7),
        ("quoted", "x", 1, 1),
        ("end", None, 0, 0),
        ("quoted", "b", 3, 2),
        ("{", None, 3, 6),
        ("end", None, 0, 0),
        ("end", None, 0, 0),
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('""', ""),
        ('"12"', "12"),
        (r'"\"\\\/\b\u00e9"', '"\\/\bé'),
        (r'"\ud83d\ude00"', "😀"),
        ('"{a: [b], c}"', "{a: [b], c}"),
        ('"a\u2028b"', "a\u2028b"),
    ],
)
def test_json_string_is_unescaped(written: str, value: str) -> None:
    """Brackets inside a string are text, and both halves of a pair are one character."""
    assert shown(written) == [("quoted", value, 0, 0)]


@pytest.mark.parametrize("word", ["true", "null", "-0.5e-10", "12"])
def test_json_word_is_plain(word: str) -> None:
    """A number or a word is resolved later, by the rules of scalars."""
    assert shown(f"[{word}]")[1] == ("plain", word, 0, 1)


@pytest.mark.parametrize(
    ("text", "place"),
    [(r'"\ud800"', (1, 1)), ('[\n "x", "a\\udc00"]', (2, 7)), (r'"\ud800x"', (1, 1))],
)
def test_half_a_surrogate_pair_in_json_is_refused(
    text: str, place: tuple[int, int]
) -> None:
    """The place of the string goes to the function that refuses it, counted from one."""
    places: list[tuple[int, int]] = []
    list(json_events(text, lambda line, column: places.append((line, column))))
    assert places == [place]


@pytest.mark.parametrize("text", ['a: "\\ud800"\n', '"\\udfffx": 1\n'])
def test_half_a_surrogate_pair_is_an_error_of_the_pure_parser(text: str) -> None:
    """A text is no value or key unless it can be written as UTF-8."""
    from ruamel.yaml.error import MarkedYAMLError

    with pytest.raises(MarkedYAMLError, match="invalid Unicode character escape code"):
        list(pure_events(text))


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "a: 1\n\tb: 2\n", "\ta: 1\n"])
def test_tab_does_not_indent(text: str) -> None:
    """The scanner that takes tabs between tokens still refuses them before a line."""
    from ruamel.yaml.error import YAMLError

    with pytest.raises(YAMLError):
        list(pure_events(text))


def test_events_of_the_pure_parser_are_of_the_kinds() -> None:
    """Each kind of node gives an event of its class."""
    kinds = yaml_kinds()
    seen = [type(event) for event in pure_events("a: &x [1]\nb: *x\n")]
    assert kinds.alias is not None
    assert kinds.document is not None
    for kind in (kinds.document, kinds.mapping, kinds.sequence, kinds.alias):
        assert seen.count(kind) == 1
    assert seen.count(kinds.scalar) == 3
    assert [kind for kind in seen if kind in kinds.ends] == list(kinds.ends[::-1])


def test_text_without_old_breaks_goes_straight_to_the_parser() -> None:
    """Only a text that holds an old line break is changed for the parser."""
    given: list[str] = []

    def events(text: str) -> Any:
        given.append(text)
        return iter(())

    for text in ("a: b\n", "a: x\x85\ue000y\u2029\n"):
        list(with_old_breaks(events, text))
    assert given == ["a: b\n", "a: x\ue001\ue000y\ue003\n"]


def test_private_characters_of_a_text_stay() -> None:
    """A text that uses up the private characters of the first plane is read."""
    private = "".join(map(chr, range(0xE000, 0xF900)))
    assert read(f"a: {private}\u2028\nb: \x85\n").data == {
        "a": f"{private}\u2028",
        "b": "\x85",
    }


# --- constructors ---------------------------------------------------------------------


@pytest.fixture(name="untouched", scope="module")
def _untouched() -> Any:
    """Return a second copy of ruamel's module, with the constructors that it wrote."""
    found = importlib.util.find_spec("ruamel.yaml.events")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _attributes(event: Any) -> dict[str, Any]:
    names = [
        name for kind in type(event).__mro__ for name in vars(kind).get("__slots__", ())
    ]
    return {name: getattr(event, name) for name in names}


@pytest.mark.parametrize(
    ("name", "arguments", "named"),
    [
        ("ScalarEvent", ("a", None, (True, False), "x"), {}),
        ("ScalarEvent", (None, "t", (False, True), "x", 1, 2, "'", [3]), {}),
        ("ScalarEvent", (None, None, (True, False), "x"), {"style": "|", "comment": 4}),
        ("MappingStartEvent", ("a", None, True), {}),
        ("MappingStartEvent", (None, "t", False, 1, 2, True, [3], 4), {}),
        ("SequenceStartEvent", (None, None, True, 1, 2), {"flow_style": False}),
    ],
)
def test_constructor_of_one_step_sets_the_attributes_of_ruamels(
    untouched: Any, name: str, arguments: tuple[Any, ...], named: dict[str, Any]
) -> None:
    """An event is the same whichever constructor built it."""
    shorten_constructors()
    ours = getattr(events, name)(*arguments, **named)
    theirs = getattr(untouched, name)(*arguments, **named)
    assert _attributes(ours) == _attributes(theirs)


def test_constructors_of_one_step_are_used() -> None:
    """The version of ruamel that is installed has the attributes that are known."""
    parse_value("a: 1")
    for kind in (events.ScalarEvent, events.CollectionStartEvent):
        assert kind.__init__.__module__ == "naftiko.document.events"


def test_event_with_other_attributes_keeps_its_constructor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A later version of ruamel may add an attribute; its constructor sets it."""

    class Scalar(events.NodeEvent):
        __slots__ = ("ctag", "implicit", "more", "style", "value")

    own = Scalar.__init__
    monkeypatch.setattr(events, "ScalarEvent", Scalar)
    shorten_constructors.__wrapped__()
    assert Scalar.__init__ is own
