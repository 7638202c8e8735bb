"""Shell completion: the offered words, and typed lines in bash, zsh and fish."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from naftiko.cli import main
from naftiko.cli.commands.completion import answer, complete
from naftiko.cli.options.commands import COMMANDS
from support.building import document

ROOT = Path(__file__).parents[3]
BOOKSHOP = str(ROOT / "capabilities" / "bookshop.yaml")
_TOOLS = (
    "list-books", "get-book", "list-authors", "create-order", "get-order",
    "cancel-order",
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["va"], ["validate"]),
        (["validate", "--sch"], ["--schema"]),
        (["validate", "--schema", ""], ["observed", "published"]),
        (["validate", "--schema=p"], ["--schema=published"]),
        (["validate", "x", ""], [":files"]),
        (["list", ""], [":files"]),
        (["list", BOOKSHOP, ""], [":files"]),
        (["list", "--env-file", ""], [":files"]),
        (["help", "li"], ["list"]),
        (["call", BOOKSHOP, "bookshop-m"], [f"bookshop-mcp.{name}" for name in _TOOLS]),
        (["call", BOOKSHOP, "create-o"], ["create-order"]),
        (["call", BOOKSHOP, "bookshop-mcp.get-book", ""], ["isbn="]),
        (["call", BOOKSHOP, "create-order", "gift="], ["gift=", "gift=true", "gift=false"]),
        (["call", BOOKSHOP, "bookshop.get"], ["bookshop.get-book", "bookshop.get-order"]),
        (["describe", BOOKSHOP, "bookshop.can"], ["bookshop.cancel-order"]),
        (["describe", BOOKSHOP, "bookshop.get-book", ""], []),
        (["call", BOOKSHOP, "bookshop.list-books", "p"], ["page=", "per_page="]),
        (["call", BOOKSHOP, "bookshop.list-books", "page=1", "pa"], []),
        (["call", "--timeout", "3", BOOKSHOP, "bookshop.get-book", ""], ["isbn="]),
        (["call", BOOKSHOP, "bookshop.get-book", "--output", "t"], ["table", "tsv"]),
        (["call", BOOKSHOP, "bookshop.get-book", "-O", ""], [":files"]),
        (["call", BOOKSHOP, "bookshop.get-book", "--timeout", ""], []),
        (["call", BOOKSHOP, "bookshop.get-book", "--nonsense=x"], []),
        (["call", BOOKSHOP, "bookshop.no", ""], []),
        (["call", BOOKSHOP, "x", "--variable", ""], ["BOOKSHOP_TOKEN="]),
        (["serve", BOOKSHOP, "--adapter", "bookshop-m"], ["bookshop-mcp"]),
        (["serve", "no-such.yaml", "--adapter", ""], []),
        (["call", ""], [":files"]),
        (["call", "no-such.yaml", ""], []),
        (["call", "-", ""], []),
        (["completion", "z"], ["zsh"]),
        (["completion", "zsh", ""], []),
        (["schema", "o"], ["observed"]),
        (["schema", "observed", ""], []),
        (["serve", ""], [":files"]),
        (["serve", "a.yaml", ""], [":files"]),
        (["serve", "--tools", "s"], ["search"]),
        (["health", ""], []),
        (["traces", "--status", ""], ["OK", "ERROR"]),
        (["demo", "--"], ["--help", "--serve"]),
        (["demo", ""], []),
        (["nonsense", ""], []),
        ([], [*COMMANDS, "help", "--help", "--version"]),
    ],
)  # fmt: skip
def test_last_word_is_completed(words: list[str], expected: list[str]) -> None:
    """`complete` offers words for the last word that fit the words before it."""
    assert complete(words) == expected


_ODD = ("plain", "filter[x]", "$top", "a:b", "a=b", "with space", "it's", "-d", "X-Y")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a capability under two names, and files to send."""
    parameters = [{"name": name, "in": "query"} for name in _ODD]
    operation = {
        "inputParameters": [
            *parameters,
            {"name": "flag", "in": "query", "type": "boolean"},
            {"name": "many", "in": "query", "type": "array"},
            {"name": "kind", "in": "query", "enum": ["new", "next", "old"]},
        ],
        "method": "POST",
    }
    text = json.dumps(document(operation))
    for name in ("api.json", "odd name.json"):
        (tmp_path / name).write_text(text)
    for name in ("data.txt", "da ta.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "sub").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("filter[", ["filter[x]="]),
        ("$", ["$top="]),
        ("a:", ["a:b="]),
        ("a=", ["a=b="]),
        ("flag=", ["flag=", "flag=true", "flag=false"]),
        ("flag:=t", ["flag:=true"]),
        ("kind=ne", ["kind=new", "kind=next"]),
        ("plain=x", []),
        ("many", ["many="]),
        ("b", ["body="]),
        ("plain=@da", ["plain=@da ta.txt", "plain=@data.txt"]),
        ("plain=@s", ["plain=@sub/"]),
        ("plain=@no/such/", []),
    ],
)
def test_arguments_of_an_operation_are_completed(
    last: str, expected: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argument names, values of a boolean and files behind `@` are completed."""
    monkeypatch.chdir(folder)
    assert complete(["call", "api.json", "api.op", "many=1", last]) == expected


def test_argument_with_a_dash_is_offered_behind_two_dashes(folder: Path) -> None:
    """An argument whose name begins with a dash is offered only behind `--`."""
    words = ["call", str(folder / "api.json"), "api.op"]
    assert "-d=" not in complete([*words, ""])
    assert "-d=" in complete([*words, "--", ""])


def test_named_pipe_is_not_opened(folder: Path) -> None:
    """Completion does not open a named pipe, which would block."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs named pipes")
    os.mkfifo(folder / "pipe")
    assert complete(["call", str(folder / "pipe"), ""]) == []


def test_unknown_shell_gets_nothing() -> None:
    """A request of an unknown shell or without words gets an empty answer."""
    assert answer([]) == answer(["csh", "x"]) == answer(["bash"]) == ""


# --- real shells ------------------------------------------------------------------

#: Line typed before the Tab key → words of the completed line. An `X` is typed after
#: Tab: it joins the last word unless the shell ended that word with a blank.
TYPED = [
    ("naftiko vali", ["validate", "X"]),
    ("naftiko validate --sch", ["validate", "--schema", "X"]),
    ("naftiko validate --schema=pub", ["validate", "--schema=published", "X"]),
    ("naftiko call ap", ["call", "api.json", "X"]),
    ("naftiko call odd", ["call", "odd name.json", "X"]),
    ("naftiko call odd\\ name.json api.", ["call", "odd name.json", "api.op", "X"]),
    ("naftiko call 'odd name.json' api.", ["call", "odd name.json", "api.op", "X"]),
    ("naftiko call $PWD/api.json ap", ["call", "{}/api.json", "api.op", "X"]),
    ("A=1 naftiko call api.json a", ["call", "api.json", "api.op", "X"]),
    ("naftiko call api.json api.op pl", ["call", "api.json", "api.op", "plain=X"]),
    ("naftiko call api.json api.op fi", ["call", "api.json", "api.op", "filter[x]=X"]),
    ("naftiko call api.json api.op \\$", ["call", "api.json", "api.op", "$top=X"]),
    ("naftiko call api.json api.op a:", ["call", "api.json", "api.op", "a:b=X"]),
    ("naftiko call api.json api.op a=", ["call", "api.json", "api.op", "a=b=X"]),
    ("naftiko call api.json api.op w", ["call", "api.json", "api.op", "with space=X"]),
    ("naftiko call api.json api.op i", ["call", "api.json", "api.op", "it's=X"]),
    ("naftiko call api.json api.op flag=t", ["call", "api.json", "api.op", "flag=true", "X"]),
    ("naftiko call api.json api.op flag:=f", ["call", "api.json", "api.op", "flag:=false", "X"]),
    ("naftiko call api.json api.op plain=@dat", ["call", "api.json", "api.op", "plain=@data.txt", "X"]),
    ("naftiko call api.json api.op plain=@da\\ ", ["call", "api.json", "api.op", "plain=@da ta.txt", "X"]),
    ("naftiko call api.json api.op plain=@su", ["call", "api.json", "api.op", "plain=@sub/X"]),
    ("naftiko call api.json api.op --body @dat", ["call", "api.json", "api.op", "--body", "@data.txt", "X"]),
    ("naftiko call api.json api.op -O dat", ["call", "api.json", "api.op", "-O", "data.txt", "X"]),
    ("naftiko call api.json nosuch", ["call", "api.json", "nosuchX"]),
]  # fmt: skip


def _environment(folder: Path) -> dict[str, str]:
    programs = folder / "programs"
    programs.mkdir()
    command = programs / "naftiko"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m naftiko "$@"\n')
    command.chmod(0o755)
    return {
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder / "programs"),
        "INPUTRC": "/dev/null",
        "NAFTIKO_CACHE": "off",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
    }


def _typed(words: list[str], setting: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Type each line in a shell; yield the line and the shell's completed words."""
    terminals = pytest.importorskip(
        "support.terminals", reason="needs a POSIX terminal"
    )
    with terminals.Terminal(
        words, environment=_environment(folder), folder=str(folder), columns=200
    ) as shell:
        shell.type(
            f"{setting}; source <(naftiko completion {words[0]}); echo RE''ADY\r"
        )
        shell.wait_for("READY\n")
        for number, (line, _) in enumerate(TYPED):
            # Tab completes the line; `printf` then prints the words of the line.
            shell.type(f"{line}\t")
            shell.type(f"X\x01printf '<%s>' \x05; echo EN''D{number}\r")
            yield line, shell.wait_for(f"END{number}\n")
        shell.type("exit\r")
        shell.end()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "setting"),
    [
        (
            ["bash", "--norc", "--noprofile", "-i"],
            "bind 'set enable-bracketed-paste off'",
        ),
        (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D; bindkey -e"),
    ],
    ids=["bash", "zsh"],
)
def test_bash_and_zsh_complete_typed_lines(
    words: list[str], setting: str, folder: Path
) -> None:
    """Bash and zsh complete typed lines, also with unusual names and quotes."""
    if not shutil.which(words[0]):
        pytest.skip(f"{words[0]} is not installed")
    for line, shown in _typed(words, setting, folder):
        expected = [word.replace("{}", str(folder)) for word in dict(TYPED)[line]]
        text = "".join(f"<{word}>" for word in ["naftiko", *expected])
        assert text in shown, line


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_offers_the_same_words(folder: Path) -> None:
    """Fish offers the same words as bash and zsh."""
    lines = "".join(f"complete -C {shlex.quote(line)}; echo END;" for line, _ in TYPED)
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source (naftiko completion fish | psub); {lines}"],
        cwd=folder, env=_environment(folder), capture_output=True, text=True, check=True,
    )  # fmt: skip
    answers = done.stdout.split("END\n")
    for (line, words), found in zip(TYPED, answers, strict=False):
        whole = words[-2] if words[-1] == "X" else words[-1].removesuffix("X")
        offered = [word.partition("\t")[0] for word in found.splitlines()]
        assert offered == ([] if whole == "nosuch" else [whole]), line


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_well_formed(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`naftiko completion` prints a script that the shell parses without an error."""
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"__complete {shell}" in script
    if shutil.which(shell):
        file = tmp_path / "script"
        file.write_text(script)
        subprocess.run([shell, "-n", str(file)], check=True, timeout=10)
