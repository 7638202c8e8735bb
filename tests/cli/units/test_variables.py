"""`--variable` and `--env-file`: values of variables, which no message repeats."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from naftiko.cli.units.variables import applied, check_known, variable_values
from naftiko.cli.values import UsageError
from support.building import capability


def test_value_may_hold_any_character() -> None:
    """The first `=` ends the name; an empty value is one."""
    assert variable_values(["A=b=c", "B="]) == {"A": "b=c", "B": ""}


@pytest.mark.parametrize("word", ["s3cret", "=s3cret", "a b=s3cret"])
def test_word_without_a_name_is_refused_and_not_shown(word: str) -> None:
    """A word that is no NAME=VALUE may be the secret itself."""
    with pytest.raises(UsageError) as caught:
        variable_values([word])
    assert "s3cret" not in caught.value.message + caught.value.hint


def test_variable_is_given_once() -> None:
    """A second value for one variable is refused."""
    with pytest.raises(UsageError, match="given twice for 'A'"):
        variable_values(["A=1", "A=2"])


def test_unknown_variable_is_refused_with_a_guess() -> None:
    """A name that the document does not use is a mistake."""
    loaded = capability(binds=[{"namespace": "env", "keys": {"TOKEN": "T"}}])
    names = loaded.variables.names
    check_known(["TOKEN"], names)
    check_known(["TOKEN"], ["OTHER"], names)
    with pytest.raises(UsageError, match="the document uses no variable") as caught:
        check_known(["TOKN"], names)
    assert caught.value.hint == "did you mean 'TOKEN'?"
    with pytest.raises(UsageError, match="no document uses the variable 'TOKN'"):
        check_known(["TOKN"], ["OTHER"], names)


def test_lines_of_a_file_are_environment_variables_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file wins over the environment, a later one over an earlier, and then ends."""
    monkeypatch.setenv("N_A", "old")
    first, second = tmp_path / "1.env", tmp_path / "2.env"
    first.write_text(
        "# a comment\nexport N_A='x # y' # why\nN_B=\"a\\nb\"\n\nN_C = c \n"
    )
    second.write_text("N_C=later\n")
    with applied([str(first), str(second)]):
        found = [os.environ[name] for name in ("N_A", "N_B", "N_C")]
    assert found == ["x # y", "a\nb", "later"]
    assert os.environ["N_A"] == "old"
    assert "N_B" not in os.environ


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"A=1\ns3cret\n", ":2: expected NAME=value"),
        (b"A='s3cret\n", ":1: expected NAME=value"),
        (b"A=\xff\n", "is not UTF-8 text"),
    ],
)
def test_wrong_line_of_a_file_is_named_and_not_shown(
    content: bytes, message: str, tmp_path: Path
) -> None:
    """No line is skipped in silence."""
    file = tmp_path / "a.env"
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught, applied([str(file)]):
        pass
    assert message in caught.value.message
    assert "s3cret" not in caught.value.message


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that cannot be read is a mistake of the command line."""
    missing = [str(tmp_path / "no.env")]
    with pytest.raises(UsageError, match="No such file"), applied(missing):
        pass
