"""Text → data and marks, in YAML and JSON; refusals are in `cases/refused.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from naftiko.document import yaml
from naftiko.document.document import MAX_DEPTH, Document
from naftiko.document.source import read, read_text
from naftiko.document.yaml import MAX_ALIASED, NO_VALUE, Builder, parse_value
from naftiko.errors import DocumentSyntaxError, Location, Related
from support.casefiles import cases
from support.shared import CAPABILITIES, corpus_files, each_or_all, needs_corpus

needs_c = pytest.mark.skipif(
    not yaml.has_c_parser(), reason="ruamel.yaml.clib is not installed"
)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", ["true", "12", "null", "2015-02-01", "1.5", "~", "on"])
def test_keys_are_text(text: str) -> None:
    """A key is what is written, whatever it would be as a value."""
    assert read_text(f"{text}: x\n").data == {text: "x"}
    assert read_text(f"{{{text}: x}}\n").data == {text: "x"}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("case", cases("document/cases", "refused"))
def test_text_that_is_no_document_is_refused(case: dict[str, Any]) -> None:
    """An error says where the text is wrong, what is wrong, and how to mend it."""
    code, line, column, *words = case["raises"]
    with pytest.raises(DocumentSyntaxError) as caught:
        read(case["text"], name="f.yaml")
    error = caught.value
    assert error.code.startswith(code)
    assert error.location is not None
    assert error.location.file == "f.yaml"
    for expected, got in ((line, error.location.line), (column, error.location.column)):
        assert expected in (None, got), error
    for word in words:
        assert word in str(error)


@pytest.mark.usefixtures("parser")
def test_alias_bomb_is_refused() -> None:
    """Nine levels of nine aliases stand for 387 million nodes; they are refused."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(DocumentSyntaxError, match=f"more than {MAX_ALIASED:,} nodes"):
        read_text("\n".join(lines))


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", ["a: 1\nb:\n", "b:\na: 1\n", "{b: , a: 1}", "b: &x\n"])
def test_missing_value_has_the_place_of_its_key(text: str) -> None:
    """A key without a value is located where the value would be."""
    got = read(text + "\n")
    assert got.data["b"] is None
    assert got.locate(["b"]) == got.locate(["b"], key=True)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "text", ["[" * 100_000, "a: " + "[" * 200 + "]" * 200, '{"a":' * 5000]
)
def test_deep_nesting_is_refused(text: str) -> None:
    """Nesting has a limit, in every notation."""
    with pytest.raises(DocumentSyntaxError) as caught:
        read_text(text + "\n")
    assert caught.value.code in ("E-yaml-depth", "E-yaml-syntax")


@pytest.mark.usefixtures("parser")
def test_nesting_at_the_limit_is_read() -> None:
    """The limit itself is allowed."""
    inner = "[" * (MAX_DEPTH - 1) + "1" + "]" * (MAX_DEPTH - 1)
    assert read_text(f"a: {inner}\n").data["a"]
    deep = "{" + '"a":{' * (MAX_DEPTH - 1) + "}" * MAX_DEPTH
    assert read_text(deep).data["a"]
    with pytest.raises(DocumentSyntaxError, match=f"deeper than {MAX_DEPTH}"):
        read_text(f"a: [{inner}]\n")


def test_json_is_read_by_its_own_rules() -> None:
    """A JSON document loads by the rules of JSON, with positions."""
    text = '{\n\t"a": [1, {"b\\u00fc": "\\ud83d\\ude00"}],\n\t"c": 1e2, "d/": "\\/"\n}'
    got = read(text)
    assert got.data == {"a": [1, {"bü": "😀"}], "c": 100.0, "d/": "/"}
    assert got.locate(["a", 1, "bü"])[1:] == (2, 23)
    assert got.locate(["c"], key=True)[1:] == (3, 2)
    assert read('{"a": {{X}}}\n'.replace("{{X}}", "1")).data == {"a": 1}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_of_python_are_no_json(word: str) -> None:
    """JSON has no such numbers, so the text is read as YAML, where they are words."""
    assert read(f'{{"a": {word}}}').data == {"a": word}


@pytest.mark.usefixtures("parser")
def test_many_anchors_and_aliases_are_read_in_linear_time() -> None:
    """Aliases cost the same however many anchors there are."""
    lines = [f"- &a{n} x" for n in range(10_000)] + ["- *a0"] * 10_000
    assert read("\n".join(lines)).data == ["x"] * 20_000


@pytest.mark.usefixtures("parser")
def test_flow_mapping_that_is_no_json_is_read() -> None:
    """A flow mapping may be the whole document."""
    assert read("{a: 1, b: [x, 'y']} # note\n").data == {"a": 1, "b": ["x", "y"]}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "text", ["%YAML 1.2\n---\na: 1\n", "---\na: 1\n...\n", "# c\n\na: 1"]
)
def test_directives_and_comments_change_nothing(text: str) -> None:
    """Directives, document marks and comments change nothing."""
    assert read(text + "\n").data == {"a": 1}


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n"])
def test_empty_document_has_no_data(text: str) -> None:
    """The data of an empty document is `None`."""
    assert read(text.encode()).data is None


def _same(one: Document, two: Document) -> bool:
    return one.data == two.data and one.stored()[1:3] == two.stored()[1:3]


@needs_c
@pytest.mark.parametrize(
    "file", sorted(CAPABILITIES.glob("*.yaml")), ids=lambda f: f.name
)
def test_both_parsers_agree(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The C parser and the pure one give the same data and positions."""
    fast = read(file)
    monkeypatch.setattr(yaml, "_c_parser", lambda: None)
    assert _same(fast, read(file))


@needs_c
@needs_corpus
@each_or_all
def test_both_parsers_agree_on_published_files(
    step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The C parser and the pure one agree on real files too."""
    fast = [read(file) for file in corpus_files()[::step]]
    monkeypatch.setattr(yaml, "_c_parser", lambda: None)
    different = [d.name for d in fast if not _same(d, read(d.name))]
    assert different == []


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "data", "written"),
    [
        ("a: 0123\nb: 1.50\n", {"a": 123, "b": 1.5}, {"a": "0123", "b": "1.50"}),
        ("[true, 0x1F]", [True, 31], ["true", "0x1F"]),
        ("a: ~\nb:\nc: null\n", {"a": None, "b": None, "c": None}, None),
        ("a: '~'\n", {"a": "~"}, None),
        ("\ufeffa: x\n", {"a": "x"}, None),
        ("plain", "plain", None),
        ("", None, None),
    ],
)
def test_value_is_parsed_by_type_or_as_it_is_written(
    text: str, data: Any, written: Any
) -> None:
    """Scalars that are left as they are written are texts; a null is one either way."""
    assert parse_value(text) == data
    assert parse_value(text, as_written=True) == (data if written is None else written)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("rest", ["b: 2\n", "[not closed", "b: !Ref x\n"])
def test_first_document_of_several_is_the_value(rest: str) -> None:
    """What follows the first document is left alone, whatever it holds."""
    assert parse_value(f"a: 1\n---\n{rest}") == {"a": 1}


def test_refused_value_names_no_file() -> None:
    """The error of a value that was never a file stands at `<yaml>`."""
    with pytest.raises(DocumentSyntaxError) as caught:
        parse_value("a: 1\na: 2\n")
    assert caught.value.location == Location("<yaml>", 2, 1)


@pytest.mark.usefixtures("parser")
def test_every_node_has_one_mark() -> None:
    """A builder notes keys and values alike, lines and columns from zero."""
    builder = Builder("f.yaml")
    assert builder.build_yaml("a: [x, {b: 1}]\nc: &y z\nd: *y\n")["d"] == "z"
    places = list(zip(builder.marks[::2], builder.marks[1::2], strict=True))
    assert places[:7] == [(0, 0), (0, 0), (0, 3), (0, 4), (0, 7), (0, 8), (0, 11)]
    assert places[7:] == [(1, 0), (1, 3), (2, 0), (2, 3)]
    assert builder.aliases == [10]


@pytest.mark.parametrize(
    "text", ["{a: 1}", "{'a': 1}", '{"a": NaN}', "", "[1,]", "[1] x"]
)
def test_text_that_is_no_json_has_no_value(text: str) -> None:
    """What JSON refuses is left to YAML, and nothing was noted about it."""
    builder = Builder("f.json")
    assert builder.build_json(text) is NO_VALUE
    assert not builder.marks


@pytest.mark.parametrize("text", ["null", "[]", '"x"', " 5 "])
def test_json_text_may_be_any_value(text: str) -> None:
    """A JSON text is not always a mapping, and null is a value."""
    import json

    assert Builder("f.json").build_json(text) == json.loads(text)


@pytest.mark.usefixtures("parser")
def test_marks_of_a_failed_attempt_are_forgotten() -> None:
    """A text that only the pure parser reads has each place once."""
    builder = Builder("f.yaml")
    assert builder.build_yaml("a: 1\nb: [x:y, http://h]\n")["a"] == 1
    assert len(builder.marks) == 2 * 7


@pytest.mark.usefixtures("parser")
def test_duplicate_key_points_at_the_first() -> None:
    """The other place of a duplicate key is a place of its own, aliases before it."""
    with pytest.raises(DocumentSyntaxError) as caught:
        read("z: &x [1, 2]\ny: *x\na: 1\nb: 2\na: 3\n", name="f.yaml")
    assert caught.value.message == "duplicate key 'a': first defined in line 3"
    assert caught.value.related == (Related("first defined here", "", 3, 1, "f.yaml"),)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("\tb: 1", "indent with blanks, not with tabs"),
        ("  b: v{{X}}: c", 'quote a template: "{{NAME}}"'),
        ("  b: c: d", "quote a text that holds a colon and a blank"),
        ("  b: [1", "close it with ]"),
        (
            "  b: c\n d",
            "check the indentation and the quotes here and in the line above",
        ),
    ],
)
def test_hint_is_for_the_line_that_is_wrong(line: str, hint: str) -> None:
    """Tabs and templates are told apart from other mistakes."""
    with pytest.raises(DocumentSyntaxError) as caught:
        read(f"a:\n{line}\n", name="f.yaml")
    assert (caught.value.hint, caught.value.code) == (hint, "E-yaml-syntax")
    assert caught.value.message.startswith("not well-formed YAML: ")


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!int x\n", "the tag '!!int' does not fit 'x'"),
        ("a: !!bool yes\n", "the tag '!!bool' does not fit 'yes'"),
        ("a: !!seq {x}\n", "the tag '!!seq' has no meaning here"),
        ("!Key a: 1\n", "the tag '!Key' has no meaning here"),
    ],
)
def test_tag_is_named_the_way_it_is_written(text: str, message: str) -> None:
    """A tag of the core schema is shown by its short name."""
    with pytest.raises(DocumentSyntaxError) as caught:
        read(text)
    assert caught.value.message == message
    assert caught.value.hint == "write the value plainly, or quote it to make it a text"


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "text", ["a: !!map {b: 1}\n", "!!map\na: !!seq [x]\n", "!!str a: ! b\n"]
)
def test_tag_that_says_what_is_there_is_taken(text: str) -> None:
    """The core tags of mappings, lists and texts change nothing."""
    assert list(read(text).data) == ["a"]


@pytest.mark.usefixtures("parser")
def test_nodes_behind_aliases_are_counted_where_they_are_used() -> None:
    """An alias inside an anchored list makes every alias of that list larger."""
    tens = [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 5)]
    text = "\n".join(["x0: &x0 v", *tens, "end: *x4"])
    assert read(text).data["end"][9][9][9][9] == "v"
    with pytest.raises(DocumentSyntaxError) as caught:
        read(f"{text}\nmore: [{', '.join(['*x4'] * 9)}]\n")
    assert caught.value.message == f"aliases stand for more than {MAX_ALIASED:,} nodes"
    assert caught.value.hint == "write the values out"
