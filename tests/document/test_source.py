"""Text → data and positions; the cases are in `tests/document/cases/`."""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from naftiko.document import writing, yaml
from naftiko.document.document import Document
from naftiko.document.source import MAX_BYTES, read, read_text
from naftiko.document.yaml import MAX_ALIASED, MAX_DEPTH
from naftiko.errors import DocumentError, DocumentSyntaxError
from support.casefiles import cases
from support.shared import CAPABILITIES, corpus_files, each_or_all, needs_corpus

needs_c = pytest.mark.skipif(
    not yaml.has_c_parser(), reason="ruamel.yaml.clib is not installed"
)


@pytest.fixture(params=["c", "pure"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read with each of the two parsers."""
    if request.param == "pure":
        monkeypatch.setattr(yaml, "_c_parser", lambda: None)
    elif not yaml.has_c_parser():
        pytest.skip("ruamel.yaml.clib is not installed")
    return str(request.param)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("case", cases("document/cases", "scalars"))
def test_scalar_has_its_core_schema_value(case: dict[str, Any]) -> None:
    """A scalar has the value that YAML 1.2 gives it, and its Python type."""
    data = read_text(f"v: {case['text']}\n").data
    assert data == {"v": case["expect"]}
    assert type(data["v"]) is type(case["expect"])


@pytest.mark.usefixtures("parser")
def test_nan_is_a_number() -> None:
    """`.nan` is a float."""
    assert math.isnan(read_text("v: .nan\n").data["v"])


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
        read(case["bytes"] if "bytes" in case else case["text"], name="f.yaml")
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
def test_alias_is_located_where_it_stands() -> None:
    """Anchors and aliases work, and positions stand where the alias stands."""
    read_ = read_text("a: &x {k: [1, 2]}\nb: *x\nc: {d: 1}\n")
    assert read_.data["b"] == {"k": [1, 2]}
    assert read_.locate(["b"])[1:] == (2, 4)
    assert read_.locate(["b", "k"])[1:] == (2, 4)
    assert read_.locate(["c", "d"])[1:] == (3, 8)


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


def test_large_file_is_refused(tmp_path: Path) -> None:
    """A file above 16 MiB is refused; it is not read to its end."""
    file = tmp_path / "big.yaml"
    with file.open("wb") as out:
        out.truncate(MAX_BYTES * 50)
    with pytest.raises(DocumentSyntaxError, match="larger than 16 MiB"):
        read(file)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_and_byte_order_mark(ending: str) -> None:
    """A BOM and any line end are fine, and positions count the same."""
    text = ending.join(["a: 1", "b:", "  - x", "  - y: z", ""])
    for start in ("", "\ufeff"):
        got = read((start + text).encode())
        assert got.data == {"a": 1, "b": ["x", {"y": "z"}]}
        assert got.locate(["b", 1, "y"])[1:] == (4, 8)


@pytest.mark.usefixtures("parser")
def test_values_and_keys_are_located() -> None:
    """Values, keys and nearest ancestors are located."""
    got = read_text("a:\n  - {x: 1,\n     y: [2]}\n  -  z\nü: v\n")
    assert got.locate(["a", 0, "y"])[1:] == (3, 9)
    assert got.locate(["a", 0, "y"], key=True)[1:] == (3, 6)
    assert got.locate(["a", 1])[1:] == (4, 6)
    assert got.locate(["ü"])[1:] == (5, 4)
    assert got.locate(["a", 0, "none", "deeper"])[1:] == (2, 5)
    assert got.locate([])[1:] == (1, 1)


def test_json_is_read_by_its_own_rules() -> None:
    """A JSON document loads by the rules of JSON, with positions."""
    text = '{\n\t"a": [1, {"b\\u00fc": "\\ud83d\\ude00"}],\n\t"c": 1e2, "d/": "\\/"\n}'
    got = read(text)
    assert got.data == {"a": [1, {"bü": "😀"}], "c": 100.0, "d/": "/"}
    assert got.locate(["a", 1, "bü"])[1:] == (2, 23)
    assert got.locate(["c"], key=True)[1:] == (3, 2)
    assert read('{"a": {{X}}}\n'.replace("{{X}}", "1")).data == {"a": 1}


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


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", ["9" * 5000, "0x" + "f" * 5000, "-" + "7" * 5000])
def test_number_with_too_many_digits_stays_text(text: str) -> None:
    """More digits than Python converts stay text, in YAML and in JSON."""
    assert read(f"a: {text}\n").data == {"a": text}
    assert read(f'{{"a": {text}}}').data == {"a": text}
    with pytest.raises(DocumentError, match="too many digits"):
        read({"a": 16**5000})


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


def test_plain_data_is_read_as_its_text() -> None:
    """Python data becomes what its text would have been."""
    from datetime import date

    data = {1: (1, 2), "d": date(2026, 1, 2), "n": None}
    assert read(data).data == {"1": [1, 2], "d": "2026-01-02", "n": None}
    with pytest.raises(DocumentError, match="the same as text"):
        read({1: "a", "1": "b"})
    with pytest.raises(DocumentError, match="a set is not plain data"):
        read({"a": {1}})
    loop: dict[str, Any] = {}
    loop["self"] = loop
    with pytest.raises(DocumentError, match="nested deeper"):
        read(loop)


def test_unreadable_file_is_an_error(tmp_path: Path) -> None:
    """A missing file and a folder are errors with the words of the system."""
    with pytest.raises(
        DocumentError, match=r"none\.yaml: cannot be read: No such file"
    ):
        read(tmp_path / "none.yaml")
    with pytest.raises(DocumentError, match="cannot be read: Is a directory"):
        read(str(tmp_path))
    with pytest.raises(DocumentError, match="cannot be read"):
        read("a\0b")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads standard input, and locations there are called `<stdin>`."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a: \xc3\xbc\n")))
    got = read("-")
    assert (got.data, got.name, got.directory) == ({"a": "ü"}, "<stdin>", Path())


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_truncated_line_is_dropped(end: str) -> None:
    """The notice and the line that was cut are dropped."""
    text = (
        "a: 1\nb:\n- x\n- half a li\n\n# --- truncated at 32 KB (109 KB total) ---\n"
        "# Full source: https://example.com/whole.yaml\n"
    )
    got = read(text.replace("\n", end))
    assert got.data == {"a": 1, "b": ["x"]}
    assert got.truncation is not None
    assert (got.truncation.kept_kb, got.truncation.total_kb) == (32, 109)
    assert got.truncation.source == "Full source: https://example.com/whole.yaml"


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n\n# --- truncated ---\n",
        "a: 1\n\n# --- truncated at 32 KB (109 KB total) ---\nb: 2\n",
        "a: 1\n\n# --- truncated at 32 KB (109 KB total) ---\n# one\n# two\n",
        "a: 1 # --- truncated at 32 KB (109 KB total) ---\n",
        "a: 1\n\n  # --- truncated at 32 KB (109 KB total) ---\n",
    ],
)
def test_other_comment_is_no_truncation_notice(text: str) -> None:
    """Only the publisher's own comment, at the very end, says that a file was truncated."""
    got = read(text)
    assert got.truncation is None
    assert got.data["a"] == 1


@pytest.mark.parametrize("cut", ["", "  ", "  k", "  key: valu"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_truncation_drops_one_line(cut: str, end: str) -> None:
    """The line that was cut is dropped, be it blank, and no line before it."""
    notice = "# --- truncated at 32 KB (109 KB total) ---"
    lines = ["a: 1", "b:", "  whole: 1", cut, "", notice, ""]
    assert read(end.join(lines)).data == {"a": 1, "b": {"whole": 1}}


def test_written_yaml_reads_back() -> None:
    """YAML that was written reads back as the same data."""
    value = {"a": ["1", 1, None, True, "yes", "é\n"], "b": {"c": []}}
    assert yaml.parse_value(writing.write_yaml(value)) == value


def test_reading_imports_no_schema_library() -> None:
    """Reading a document needs neither jsonschema nor requests."""
    code = (
        "import sys, naftiko.document.source as d; d.read('a: 1\\n');"
        "print([m for m in ('jsonschema', 'requests', 'jsonpath_ng') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.stdout.strip() == "[]", done.stderr


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
