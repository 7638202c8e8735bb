"""Paths, bytes, texts and plain data → the text of a document, or a refusal."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from naftiko.document.source import MAX_BYTES, _is_plain, read
from naftiko.errors import DocumentError, DocumentSyntaxError, Location


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


def test_plain_data_is_read_as_its_text() -> None:
    """Python data becomes what its text would have been."""
    from datetime import date

    data = {1: (1, 2), "d": date(2026, 1, 2), "n": None}
    assert read(data).data == {"1": [1, 2], "d": "2026-01-02", "n": None}
    with pytest.raises(DocumentError, match="the same as text"):
        read({1: "a", "1": "b"})
    with pytest.raises(DocumentError, match="a set is not plain data"):
        read({"a": {1}})
    with pytest.raises(DocumentError, match="too many digits"):
        read({"a": 16**5000})
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
    (tmp_path / "shop.yaml").touch()
    for name, is_near in (
        ("shp.yaml", 1),
        ("shop.yml", 1),
        ("shop.txt", 0),
        ("x.yaml", 0),
        ("shop", 1),
        ("nope.yaml", 0),
    ):
        with pytest.raises(DocumentError) as caught:
            read(tmp_path / name)
        meant = f"did you mean '{tmp_path / 'shop.yaml'}'?" if is_near else ""
        assert caught.value.hint == meant
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


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("raw", "code", "place", "message", "hint"),
    [
        (
            b'a: "x\x07"\n',
            "E-yaml-syntax",
            (1, 6),
            "control character U+0007",
            "write it as an escape in a double-quoted text",
        ),
        (
            b"a: \x00\n",
            "E-yaml-syntax",
            (1, 4),
            "control character U+0000",
            "write it as an escape in a double-quoted text",
        ),
        (
            b"a: 1\nb: \xff\n",
            "E-yaml-encoding",
            (2, 4),
            "byte 0xff is not UTF-8",
            "save the file as UTF-8",
        ),
        *(
            (
                "a: 1\n".encode(name),
                "E-yaml-encoding",
                (1, 1),
                "UTF-16 or UTF-32, not UTF-8",
                "save the file as UTF-8",
            )
            for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")
        ),
    ],
)
def test_bytes_that_are_no_text_are_refused(
    raw: bytes, code: str, place: tuple[int, int], message: str, hint: str
) -> None:
    """An error says which byte or character is wrong, and how to mend it."""
    with pytest.raises(DocumentSyntaxError) as caught:
        read(raw, name="f.yaml")
    error = caught.value
    assert error.location == Location("f.yaml", *place)
    assert (error.code, error.message, error.hint) == (code, message, hint)


def test_text_for_the_line_reader_is_printable() -> None:
    """The quick test for ASCII is that of Python, and a line feed counts as printable."""
    for number in range(0x180):
        text = f"a: {chr(number)}"
        assert _is_plain(text) is (number == 0x0A or text.isprintable()), hex(number)
