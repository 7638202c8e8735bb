"""Plain block style: what is read without the parser means the same to the parser."""

from __future__ import annotations

import random
from array import array
from typing import Any

import pytest

from naftiko.document import blocks, source
from naftiko.document.blocks import read_blocks
from naftiko.document.yaml import Builder, parse_part
from support.shared import CAPABILITIES, corpus_files, each_or_all, needs_corpus

#: Lines that begin, hold and end what YAML can be written in.
LINES = """\
key: value|a: 1|- a: b|- x|-|- - x|b:|c: d|a: 'x'|a: ''|a: "q"|a: [1, 2]|a: {b: c}|a: []
# comment|a: b # c|a: |-|text|a: >-|more text|a: "x|y"|'q r': s|? a|: b|a : b|a:b|a: b: c
a: - b|---|...|%YAML 1.2|a: &x 1|b: *x|- &y z|a: !!str 1|<<: {a: 1}|1: 2|true: no|a: ~
a: null|a: -1|a: -|a: ?|a: ?x|a: :x|x:|- b:|-   c: d|a:   spaced|é: ü|a: it's|a: x'y
a: "x" y|a: 'x' # c|with space: v|a/b: c|$ref: x|a: http://x.y/z?a=b#c|a: b:|- 'a: b'
- "x: y"|a: 0x1F|a: 1e3|a: .5|a: 1_0|'a'|"a"|[a, b]|{a: b}|a: [a,|b]|a: 'x|y'|@x: y
a: @x|a: %x|a: `x`|-a: b|--: b|a: --|text: # only|a: #x|- # c|a: x  |- {name: x, in: path}
- [a]|a: ,x|a#b: c|a: b#c|a #b: c|!x y: z|*a : b|"k": v|'k':|"k":|k: !x|- !x y|   deep: er
a: =|=: x|a: <<|a: .inf|.: x|a: +1|_x: y|x y|- x: # c|a: ''''|a: 'it''s'|a: "\\n\""""
ODD = [line for row in LINES.split("\n") for line in row.split("|")]
ODD += ["a: |", "a: >", "- |", "a: |+", "a: |2", "", "  "]


def by_parser(text: str) -> tuple[Any, array[int]]:
    """Return the data and the marks that the parser gives for a whole text."""
    builder = Builder("<text>")
    return builder.build_yaml(text), builder.marks


def assert_same_or_left(text: str) -> bool:
    """Compare both ways to read a text; return whether it is read here at all."""
    read = read_blocks(text, parse_part)
    if read is not None:
        # The parser refuses nothing of it; `repr` tells 1 from 1.0 and from true.
        assert repr(read) == repr(by_parser(text)), text
    return read is not None


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "text",
    [
        "a: b\nc:\n  d: 1\n  e:\n  - f\n  - g: h\n    i: ~\nj:\n",
        "a:\n- b\n-   c: d\n    e: f\nk: 'it''s'\nl: \"m\"",
        "---\na: one\n  two -\n  - three\nb:\n  four\n  five\n\n# six\nc: 7\n",
        "a: [b, {c: d}]  # e\nf: |\n  g  \n\n  h\ni: >-\n   j\n\nk: 'l\n m'\n",
        "a:\n  - {b: c,\n     d: e}\n  - - f\n    - g\n  -\n    h: i\n'j k': l\n",
        "a: x  \nb:   y\nc: 2  ",
    ],
)
def test_plain_block_is_read(text: str) -> None:
    """Parts in another style are read by the parser, and the rest here."""
    assert assert_same_or_left(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "- a\n- b\n",
        "text\n",
        " a: b\n",
        "a: b\n c: d\n",
        "a:\n  b: c\n d: e\n",
        "a: 1\nb: 2\na: 3\n",
        "a: &x 1\nb: *x\n",
        "a: b\n--- {c: d}\n",
        "a: b\n? c\n: d\n",
        "a: b: c\n",
        "a: [b,\nc]\n",
        "a: b\n# c\n  d\n",
        "a: b\n\n  c\n",
        "".join(f"{'  ' * depth}a:\n" for depth in range(60)),
        "".join(f"a{number}: [b]\n" for number in range(60)),
    ],
)
def test_doubtful_text_is_left_to_the_parser(text: str) -> None:
    """Whatever is refused, or may mean something else, is not read here."""
    assert read_blocks(text, parse_part) is None


@pytest.mark.parametrize("text", ["a:\tb\n", "a: b\r\nc: d\r\n", "a: b\x85c\n"])
def test_text_with_other_blanks_is_left_to_the_parser(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tabs and line breaks of other kinds are not looked at line by line."""
    monkeypatch.setattr(blocks, "read_blocks", None)
    assert source.read_text(text).data["a"]


@pytest.mark.parametrize("count", [3_000, pytest.param(60_000, marks=pytest.mark.slow)])
def test_random_lines_are_read_alike(count: int) -> None:
    """Lines of every style below each other, some with a character too many."""
    rng = random.Random(11)
    read = sum(assert_same_or_left(_random_text(rng)) for _ in range(count))
    assert read > count // 20


def _random_text(rng: random.Random) -> str:
    lines, column = ["a:"] * rng.randrange(2), 0
    for _ in range(rng.randrange(1, 8)):
        column = max(0, column + rng.choice((0, 0, 0, 1, 2, 2, 4, -1, -2, -2, -4)))
        line = rng.choice(ODD)
        if line.startswith("a") and rng.random() < 0.7:
            line = rng.choice("bcdefgh") + line[1:]
        if rng.random() < 0.1:
            at = rng.randrange(len(line) + 1)
            line = line[:at] + rng.choice(" :-#'\"[]{}|>?&*!%@,ab") + line[at:]
        lines.append(" " * column + line)
    return "\n".join(lines) + "\n" * rng.randrange(2)


@pytest.mark.parametrize("file", sorted(CAPABILITIES.glob("*.yaml")), ids=str)
def test_shipped_files_are_read_alike(file: Any) -> None:
    """Whether or not a file is written in plain block style."""
    assert_same_or_left(file.read_text("utf-8"))


@needs_corpus
@each_or_all
def test_published_files_are_read_alike(step: int) -> None:
    """Nearly all of them are written in plain block style."""
    files = corpus_files()[::step]
    read = 0
    for file in files:
        text, _ = source._without_notice(file.read_text("utf-8"))
        read += assert_same_or_left(text)
    assert read > 0.9 * len(files)


def test_long_text_over_many_lines_is_read_in_linear_time() -> None:
    """Each line of a plain text is looked at once."""
    lines = 200_000
    text = "a: b\n" + "  word\n" * lines
    read = read_blocks(text, parse_part)
    assert read is not None
    assert len(read[0]["a"]) == 1 + 5 * lines
