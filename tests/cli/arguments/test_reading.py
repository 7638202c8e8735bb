"""JSON texts and files of a command line: values, and refusals."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from naftiko.cli.arguments.reading import decoded, file_argument, read_json
from naftiko.cli.values import UsageError


def test_json_is_strict() -> None:
    """A member that is given twice, `NaN` and a huge number are no JSON here."""
    assert read_json('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
    for text in ('{"a": 1, "a": 2}', "NaN", "9" * 4000, "{"):
        with pytest.raises(ValueError, match=r"duplicate|number|digits|Expecting"):
            read_json(text)


def test_text_of_a_file_is_utf_8(tmp_path: Path) -> None:
    """A byte order mark is no character; other bytes are refused."""
    file = tmp_path / "a.json"
    file.write_bytes(b"\xef\xbb\xbf[]")
    assert decoded(file_argument(str(file), "x"), "x") == "[]"
    assert decoded(io.BytesIO(b"[]"), "x") == decoded("[]", "x") == "[]"
    with pytest.raises(UsageError, match="x is not UTF-8 text"):
        decoded(b"\xff", "x")
