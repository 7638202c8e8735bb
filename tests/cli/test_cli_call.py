"""`naftiko call` against the demo API: arguments, shapes of output, files, streams."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from naftiko.cli import main
from naftiko.demo import TOKEN, serve

ROOT = Path(__file__).parents[2]
BOOKSHOP = str(ROOT / "capabilities" / "bookshop.yaml")
DOCKER = str(ROOT / "capabilities" / "docker.yaml")


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the demo API; its URL and token are in the environment."""
    with serve() as url:
        monkeypatch.setenv("BOOKSHOP_TOKEN", TOKEN)
        monkeypatch.setenv("NAFTIKO_BASE_URI_BOOKSHOP", url)
        yield url


@pytest.fixture
def call(shop: str, capsys: pytest.CaptureFixture[str]) -> object:
    """Return a function that calls an operation and gives what was printed."""

    def run(*words: str, code: int = 0) -> str:
        assert main(["call", BOOKSHOP, *words]) == code
        shown = capsys.readouterr()
        assert TOKEN not in shown.out + shown.err
        return shown.out if code == 0 else shown.err

    return run


def test_result_is_json(call) -> None:  # type: ignore[no-untyped-def]
    """The result is printed as JSON unless it is a text."""
    book = json.loads(call("bookshop.get-book", "isbn=9780141439587"))
    assert book["title"] == "Emma"


def test_values_have_the_type_of_their_sign(call) -> None:  # type: ignore[no-untyped-def]
    """`=` gives a text and `:=` JSON, on the wire as in the document."""
    order = json.loads(
        call("bookshop.create-order", "isbn=9780141439587", "quantity:=3", "gift:=true")
    )
    assert order["total"] == 25.2
    assert "quantity: a whole number" in call(
        "bookshop.create-order", "isbn=9780141439587", "quantity=3", code=1
    )


def test_error_of_the_api(call) -> None:  # type: ignore[no-untyped-def]
    """A failed response is an error with status and message, exit code 1."""
    assert "404 Not Found: no book has the ISBN 0" in call(
        "bookshop.get-book", "isbn=0", code=1
    )


def test_outputs(call) -> None:  # type: ignore[no-untyped-def]
    """The same result as YAML, table, CSV, and the body as it came."""
    words = ("bookshop.list-books", "genre=novel", "per_page=2")
    assert "isbns    9780141439471, 9780141439518\n" in call(
        *words, "--output", "table"
    )
    assert call(*words, "--output", "csv").splitlines()[3] == (
        'authors,"Mary Shelley, Jane Austen"'
    )
    assert "titles:\n- Frankenstein\n" in call(*words, "--output", "yaml")
    assert json.loads(call(*words, "--output", "raw"))["page"] == 1
    assert json.loads(call(*words, "--raw"))["page"] == 1


def test_select(call) -> None:  # type: ignore[no-untyped-def]
    """`--select` prints a part of the result."""
    assert call("bookshop.list-books", "--select", "$.titles[0]") == (
        "On the Origin of Species\n"
    )
    assert "--select" in call("bookshop.list-books", "--select", "$.[", code=2)


def test_include(call) -> None:  # type: ignore[no-untyped-def]
    """`--include` prints status and headers first."""
    shown = call("bookshop.list-books", "--include")
    assert shown.startswith("HTTP 200 OK\n")
    assert "X-Total-Count: 10" in shown


def test_dry_run_and_curl(call) -> None:  # type: ignore[no-untyped-def]
    """Neither sends anything, and neither shows a secret."""
    shown = call("bookshop.get-book", "isbn=a b", "--dry-run")
    assert "/books/a%20b" in shown
    assert "Authorization: Bearer $BOOKSHOP_TOKEN" in shown
    curl = call("bookshop.get-book", "isbn=9780141439587", "--curl")
    done = subprocess.run(
        ["sh", "-c", curl], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["title"] == "Emma"


def test_base_uri_and_headers(shop: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--base-uri` takes one URI or one for a namespace; `--header` wins over all."""
    words = ["call", BOOKSHOP, "bookshop.list-books", "--base-uri"]
    assert main([*words, shop]) == 0
    assert (
        main([*words, f"bookshop={shop}", "--header", "Authorization: Bearer no"]) == 1
    )
    assert "401" in capsys.readouterr().err
    assert main([*words, "nothing=https://h.test"]) == 1
    assert "no namespace is called 'nothing'" in capsys.readouterr().err


def test_stream(call) -> None:  # type: ignore[no-untyped-def]
    """`--stream` prints the bytes as they arrive."""
    assert json.loads(call("bookshop.list-books", "--stream"))["total"] == 10


def test_save(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """`-O` writes the body to a file; a failed call leaves none, nor half of one."""
    target = tmp_path / "books.json"
    assert call("bookshop.list-books", "-O", str(target)) == ""
    assert json.loads(target.read_text())["total"] == 10
    call("bookshop.get-book", "isbn=0", "-O", str(tmp_path / "none.json"), code=1)
    assert [path.name for path in tmp_path.iterdir()] == ["books.json"]


def test_options_that_exclude_each_other(call) -> None:  # type: ignore[no-untyped-def]
    """Two ways to show one call are refused, before anything is sent."""
    assert "--curl" in call("bookshop.list-books", "--curl", "--dry-run", code=2)
    assert "--select" in call("bookshop.list-books", "--raw", "--select", "$", code=2)


def test_bodies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--body` takes JSON, a text, a file or standard input."""
    file = tmp_path / "container.json"
    file.write_text('{"Image": "busybox"}')
    words = ["call", DOCKER, "docker.imagebuild", "--dry-run"]
    assert main([*words, "--body", "a text"]) == 0
    assert "text/plain" in capsys.readouterr().out
    assert main([*words, "--body", '{"a": 1}']) == 0
    shown = capsys.readouterr().out
    assert '{"a": 1}' in shown
    assert main([*words, "--body", f"@{file}"]) == 0
    assert "application/json" in capsys.readouterr().out
    assert main([*words, f"body=@{file}"]) == 0
    assert main([*words, "--body", "x", "body=y"]) == 2


def test_repeated_names_are_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    """A name given twice becomes a list."""
    words = ["call", DOCKER, "docker.systemdatausage", "type=image", "type=volume"]
    assert main([*words, "--dry-run"]) == 0
    assert "?type=image&type=volume" in capsys.readouterr().out


def test_unset_variable_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A call without its variable says which, and how to give it."""
    words = [sys.executable, "-m", "naftiko", "call", BOOKSHOP, "bookshop.list-books"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={})
    assert done.returncode == 1
    assert "'BOOKSHOP_TOKEN'" in done.stderr
