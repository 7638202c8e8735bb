"""`naftiko call`: arguments, output formats, files, streams and usage errors."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import ANY

import pytest

from naftiko.cli import main
from naftiko.demo import TOKEN, serve
from support.building import document
from support.recorder import Received, Recorder, response

ROOT = Path(__file__).parents[3]
BOOKSHOP = str(ROOT / "capabilities" / "bookshop.yaml")
DOCKER = str(ROOT / "capabilities" / "docker.yaml")


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the demo API and set its URL and token in the environment."""
    with serve() as url:
        monkeypatch.setenv("BOOKSHOP_TOKEN", TOKEN)
        monkeypatch.setenv("NAFTIKO_BASE_URI_BOOKSHOP", url)
        yield url


@pytest.fixture
def call(shop: str, capsys: pytest.CaptureFixture[str]) -> object:
    """Return a function that runs `naftiko call` and returns the printed text."""

    def run(*words: str, code: int = 0) -> str:
        assert main(["call", BOOKSHOP, *words]) == code
        shown = capsys.readouterr()
        assert TOKEN not in shown.out + shown.err
        return shown.out if code == 0 else shown.err

    return run


def test_result_is_printed_as_json(call) -> None:  # type: ignore[no-untyped-def]
    """A result that is not a text is printed as JSON."""
    book = json.loads(call("bookshop.get-book", "isbn=9780141439587"))
    assert book["title"] == "Emma"


def test_sign_of_an_argument_gives_its_type(call) -> None:  # type: ignore[no-untyped-def]
    """`name:=value` passes JSON, `name=value` what the document says, or a text."""
    order = json.loads(
        call("bookshop.create-order", "isbn=9780141439587", "quantity:=3", "gift:=true")
    )
    assert order["total"] == 25.2
    assert json.loads(call("create-order", "isbn=9780141439587", "quantity=3")) == {
        **order,
        "id": ANY,
    }
    refused = call("create-order", "isbn=9780141439587", "quantity=three", code=1)
    assert "quantity: a whole number" in refused
    assert "'quantity' was sent as a text: write quantity:=JSON" in refused


def test_error_status_is_an_error(call) -> None:  # type: ignore[no-untyped-def]
    """An error status exits with 1 and prints the status and the API's message."""
    assert "404 Not Found: no book has the ISBN 0" in call(
        "bookshop.get-book", "isbn=0", code=1
    )


def test_output_option_chooses_the_format(call) -> None:  # type: ignore[no-untyped-def]
    """`--output` prints the result as YAML, table or CSV, or the raw body."""
    words = ("bookshop.list-books", "genre=novel", "per_page=2")
    table = call(*words, "--output", "table").splitlines()
    assert table[0].split() == ["ISBNS", "TITLES", "AUTHORS", "PRICES"]
    assert table[1].split()[:2] == ["9780141439471", "Frankenstein"]
    assert table[3:5] == ["", "total:  3"]
    assert call(*words, "--output", "csv").splitlines()[1] == (
        "9780141439471,Frankenstein,Mary Shelley,8.9"
    )
    assert "titles:\n- Frankenstein\n" in call(*words, "--output", "yaml")
    assert json.loads(call(*words, "--output", "raw"))["page"] == 1
    assert json.loads(call(*words, "--raw"))["page"] == 1


def test_columns_of_a_table_are_chosen(call) -> None:  # type: ignore[no-untyped-def]
    """`--columns` names them, and means a table where no output is chosen."""
    words = ("bookshop.list-books", "per_page=1", "genre=novel")
    expected = "PRICES  ISBNS\n8.9     9780141439471\n"
    assert call(*words, "--columns", "prices,isbns") == expected
    assert call(*words, "--columns", "prices", "--output", "csv") == "prices\n8.9\n"
    assert "did you mean 'prices'?" in call(*words, "--columns", "price", code=1)
    for option in (["--columns", "a"], ["--full"]):
        shown = call(*words, *option, "--output", "json", code=2)
        assert f"{option[0]} is for tables" in shown


def test_select_prints_a_part_of_the_result(call) -> None:  # type: ignore[no-untyped-def]
    """`--select` prints a part of the result."""
    assert call("bookshop.list-books", "--select", "$.titles[0]") == (
        "On the Origin of Species\n"
    )
    assert "--select" in call("bookshop.list-books", "--select", "$.[", code=2)


def test_include_prints_status_and_headers(call) -> None:  # type: ignore[no-untyped-def]
    """`--include` prints status and headers first."""
    shown = call("bookshop.list-books", "--include")
    assert shown.startswith("HTTP 200 OK\n")
    assert "X-Total-Count: 10" in shown


def test_dry_run_and_curl_send_nothing(call) -> None:  # type: ignore[no-untyped-def]
    """`--dry-run` and `--curl` print the request, without sending it or its secret."""
    with Recorder() as recorder:
        words = ["bookshop.get-book", "isbn=a b", "--base-uri", recorder.url]
        shown = call(*words, "--dry-run")
        assert "/books/a%20b" in shown
        assert "Authorization: Bearer $BOOKSHOP_TOKEN" in shown
        curl = call(*words, "--curl")
        assert recorder.received == []
        subprocess.run(["sh", "-c", curl], capture_output=True, check=True)
        (received,) = recorder.received
    assert received.target == "/books/a%20b"
    assert received.headers["authorization"] == f"Bearer {TOKEN}"


def test_base_uri_and_header_options_change_the_request(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--base-uri` replaces the base URI; `--header` replaces the document's header."""
    words = ["call", BOOKSHOP, "bookshop.list-books", "--base-uri"]
    assert main([*words, shop]) == 0
    assert (
        main([*words, f"bookshop={shop}", "--header", "Authorization: Bearer no"]) == 1
    )
    assert "401" in capsys.readouterr().err
    assert main([*words, "nothing=https://h.test"]) == 2
    assert "no namespace is called 'nothing'" in capsys.readouterr().err


def test_stream_prints_bytes_as_they_arrive(call) -> None:  # type: ignore[no-untyped-def]
    """`--stream` prints the bytes as they arrive."""
    assert json.loads(call("bookshop.list-books", "--stream"))["total"] == 10


@pytest.mark.parametrize(
    ("words", "both"),
    [
        (["--curl", "--dry-run"], "--dry-run and --curl"),
        (["--stream", "-O", "f"], "--stream and -O"),
        (["--raw", "--select", "$"], "--raw and --select"),
        (["--raw", "--output", "json"], "--raw and --output"),
        (["--output", "raw", "--select", "$"], "--output raw and --select"),
        (["--stream", "--output", "csv"], "--stream and --output"),
        (["-O", "f", "--select", "$"], "-O and --select"),
        (["--dry-run", "--include"], "--dry-run and --include"),
        (["--curl", "--output", "json"], "--curl and --output"),
    ],
)
def test_mutually_exclusive_options_are_refused(
    call, words: list[str], both: str
) -> None:  # type: ignore[no-untyped-def]
    """Mutually exclusive options are refused with exit code 2."""
    shown = call("bookshop.list-books", *words, code=2)
    assert f"{both} are mutually exclusive" in shown


def test_body_option_takes_text_json_file_or_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--body` takes a text, JSON, a file or standard input, and excludes `body=`."""
    file = tmp_path / "container.json"
    file.write_text('{"Image": "busybox"}')
    words = ["call", DOCKER, "docker.imagebuild", "--dry-run"]
    assert main([*words, "--body", "a text"]) == 0
    assert "text/plain" in capsys.readouterr().out
    assert main([*words, "--body", '{"a": 1}']) == 0
    shown = capsys.readouterr().out
    assert '{"a": 1}' in shown
    for given in (["--body", f"@{file}"], [f"body=@{file}"]):
        assert main([*words, *given]) == 0
        shown = capsys.readouterr().out
        assert "<container.json>" in shown
    with file.open() as standard_input:
        monkeypatch.setattr(sys, "stdin", standard_input)
        assert main([*words, "--body", "-"]) == 0
    shown = capsys.readouterr().out
    assert "application/octet-stream" in shown
    assert "container.json>" in shown
    assert main([*words, "--body", "x", "body=y"]) == 2
    assert "the body is given twice" in capsys.readouterr().err


def test_repeated_names_are_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Values of an argument that is given twice become a list."""
    words = ["call", DOCKER, "docker.systemdatausage", "type=image", "type=volume"]
    assert main([*words, "--dry-run"]) == 0
    assert "?type=image&type=volume" in capsys.readouterr().out


# --- what is exposed --------------------------------------------------------------


def test_tool_is_called_by_its_name(call) -> None:  # type: ignore[no-untyped-def]
    """A tool, a route, and a method with a path give the shaped result."""
    for name in ("bookshop-mcp.list-books", "bookshop-rest.list-books", "GET /books"):
        rows = json.loads(call(name, "genre=crime", "page=1"))
        assert {*rows[0]} >= {"isbn", "title", "author", "price"}
    assert call("bookshop-mcp.get-book", "isbn=9780141439587", "--select", "$.title")
    wrong = call("bookshop-mcp.create-order", "isbn=1", "colour=red", code=1)
    assert "'quantity' is missing" in wrong
    assert "'colour' is not known" in wrong


def test_request_of_a_tool_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """`--dry-run` and `--curl` show the one request of a tool or a route."""
    words = ["call", BOOKSHOP, "bookshop-rest.create-order", "isbn=1", "quantity=2"]
    assert main([*words, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "POST http://127.0.0.1:8000/orders" in shown
    assert '"quantity":2' in shown
    assert main([*words, "--curl"]) == 0
    assert "${BOOKSHOP_TOKEN}" in capsys.readouterr().out
    assert main([*words, "--raw"]) == 2
    assert "call the operation: bookshop.create-order" in capsys.readouterr().err


def test_table_of_a_tool_has_rows_of_one_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outputs that select members of one list are columns; the others stand below."""
    outputs = [
        {"name": "isbns", "type": "array", "mapping": "$[*].isbn"},
        {"name": "titles", "type": "array", "mapping": "$[*].title"},
        {"name": "first", "type": "string", "mapping": "$[0].isbn"},
    ]
    tool = {"name": "t", "call": "api.op", "outputParameters": outputs}
    body = [{"isbn": "1"}, {"isbn": "2", "title": "B"}]
    with Recorder(response(json.dumps(body))) as recorder:
        data = document(consumes={"baseUri": recorder.url})
        data["capability"]["exposes"] = [
            {"type": "mcp", "namespace": "m", "tools": [tool]}
        ]
        file = tmp_path / "a.json"
        file.write_text(json.dumps(data))
        assert main(["call", str(file), "t", "--output", "table"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("ISBNS  TITLES\n1\n2      B\n")
    assert "first:  1" in shown.out + shown.err


def test_request_of_steps_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A function with steps has no single request to show; its operations have."""
    data = document()
    step = {"type": "call", "name": "s", "call": "api.op"}
    tool = {"name": "t", "steps": [step, {**step, "name": "u"}]}
    data["capability"]["exposes"] = [{"type": "mcp", "namespace": "m", "tools": [tool]}]
    file = tmp_path / "a.json"
    file.write_text(json.dumps(data))
    assert main(["call", str(file), "t", "--dry-run"]) == 1
    assert "calls api.op, api.op: there is no single request" in capsys.readouterr().err


def test_argument_list_is_the_help_of_an_operation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`call FILE REF --help` lists arguments with types; no variable is needed."""
    with pytest.raises(SystemExit) as caught:
        main(["call", DOCKER, "containerlist", "limit=1", "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert "limit    query  integer    At most this many" in shown
    assert "see `naftiko call --help`" in shown


# --- variables --------------------------------------------------------------------


def test_variable_is_given_on_the_command_line(
    shop: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--variable` and `--env-file` give a token; a refused one names its variable."""
    monkeypatch.delenv("BOOKSHOP_TOKEN")
    words = ["call", BOOKSHOP, "get-book", "isbn=9780141439587"]
    assert main([*words, "--variable", f"BOOKSHOP_TOKEN={TOKEN}"]) == 0
    file = tmp_path / "dev.env"
    file.write_text(f"export BOOKSHOP_TOKEN='{TOKEN}' # of the demo\n")
    assert main([*words, "--env-file", str(file)]) == 0
    capsys.readouterr()
    assert main([*words, "--variable", "BOOKSHOP_TOKEN=wrongwrong"]) == 1
    refused = capsys.readouterr().err
    assert "bearer, with the variable 'BOOKSHOP_TOKEN'" in refused
    assert "wrongwrong" not in refused
    assert main([*words, "--variable", "BOOKSHOP_TOKEN="]) == 1
    assert "the variable 'BOOKSHOP_TOKEN' is empty" in capsys.readouterr().err
    assert main([*words, "--variable", "BOOKSHOP_TOKE=x"]) == 2
    assert "did you mean 'BOOKSHOP_TOKEN'?" in capsys.readouterr().err


def test_unset_variable_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Unbound variable: the error names the variable, exit code 1."""
    words = [sys.executable, "-m", "naftiko", "call", BOOKSHOP, "bookshop.list-books"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={})
    assert done.returncode == 1
    assert "'BOOKSHOP_TOKEN'" in done.stderr
    assert "give --variable BOOKSHOP_TOKEN=VALUE or --env-file FILE" in done.stderr


# --- on the wire ------------------------------------------------------------------

_OPERATION = {
    "inputParameters": [
        {"name": name, "in": "query"}
        for name in (
            "plain",
            "filter[x]",
            "$top",
            "a:b",
            "a=b",
            "x:",
            "-d",
            "with space",
        )
    ]
}


@pytest.fixture
def send(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Received]]:
    """Return a function that runs `naftiko call` and returns the received request."""
    with Recorder() as recorder:

        def run(*words: str, method: str = "GET", **more: object) -> Received:
            operation = {**_OPERATION, "method": method, **more}
            file = tmp_path / "api.json"
            file.write_text(
                json.dumps(document(operation, consumes={"baseUri": recorder.url}))
            )
            code = main(["call", str(file), "api.op", *words])
            assert code == 0, capsys.readouterr().err
            return recorder.last

        yield run


@pytest.mark.parametrize(
    ("items", "target"),
    [
        (["plain=a=b"], "plain=a%3Db"),
        (["plain="], "plain="),
        (["plain:=1", "plain=x"], "plain=1&plain=x"),
        (["plain:=[1,2]"], "plain=1&plain=2"),
        (["filter[x]=1"], "filter[x]=1"),
        (["$top:=3"], "$top=3"),
        (["a:b=1"], "a:b=1"),
        (["a:b:=true"], "a:b=true"),
        (["a=b=c=d"], "a%3Db=c%3Dd"),
        (["a=b:=7"], "a%3Db=7"),
        (["x:=7"], "x:=7"),
        (["x::=7"], "x:=7"),
        (["with space=1"], "with%20space=1"),
        (["--", "-d=1"], "-d=1"),
        (["plain:=null", "a:b=1"], "a:b=1"),
    ],
)
def test_argument_names_may_hold_signs(send, items: list[str], target: str) -> None:  # type: ignore[no-untyped-def]
    """An argument name may hold `=`, `:`, brackets, a dash or a blank."""
    assert send(*items).target == f"/x?{target}"


def test_argument_is_read_from_a_file(send, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """`name=@file` reads text, binary data or a pipe."""
    (tmp_path / "text").write_text("ü\n", "utf-8")
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert send(f"plain=@{tmp_path / 'text'}").target == "/x?plain=%C3%BC%0A"
    assert send(f"plain=@{tmp_path / 'bytes'}").target == "/x?plain=%FF"
    reader, writer = os.pipe()
    os.write(writer, b"piped")
    os.close(writer)
    assert send(f"plain=@/dev/fd/{reader}").target == "/x?plain=piped"
    os.close(reader)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"a": 1}', "application/json"),
        ("[", "text/plain; charset=utf-8"),
        ("", "text/plain; charset=utf-8"),
        ("a @file", "text/plain; charset=utf-8"),
    ],
)
def test_body_text_is_sent_unchanged(send, text: str, kind: str) -> None:  # type: ignore[no-untyped-def]
    """`--body TEXT` sends the text unchanged, with the type of JSON if it is JSON."""
    received = send("--body", text, method="POST")
    assert received.body == text.encode()
    assert received.headers["content-type"] == kind


def test_body_is_read_from_standard_input() -> None:
    """`--body -` sends standard input; `--curl` prints `--data-binary @-` for it."""
    with Recorder() as recorder:
        words = [
            sys.executable, "-m", "naftiko", "call", DOCKER, "docker.imageload",
            "--base-uri", recorder.url, "--body", "-",
        ]  # fmt: skip
        subprocess.run(words, input=b"a\0b", check=True, capture_output=True)
        assert recorder.last.body == b"a\0b"
        done = subprocess.run(
            [*words, "--curl"], input="", check=True, capture_output=True, text=True
        )
        assert done.stdout.rstrip().endswith("--data-binary @-")
        assert len(recorder.received) == 1


def test_base_uri_for_one_and_for_all_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--base-uri URI` is for each namespace without a `--base-uri NAMESPACE=URI`."""
    data = document()
    (first,) = data["capability"]["consumes"]
    data["capability"]["consumes"].append({**first, "namespace": "other"})
    file = tmp_path / "a.json"
    file.write_text(json.dumps(data))
    words = ["--base-uri", "http://all.test", "--base-uri", "other=http://one.test"]
    for namespace, url in (
        ("api", "http://all.test/x"),
        ("other", "http://one.test/x"),
    ):
        ref = f"{namespace}.op"
        assert main(["call", str(file), ref, "--dry-run", *words]) == 0
        assert capsys.readouterr().out.startswith(f"GET {url}\n")


@pytest.mark.parametrize("kind", ["bearer", "oauth2"])
def test_own_authorization_replaces_that_of_the_document(
    kind: str, tmp_path: Path
) -> None:
    """`--header 'Authorization: …'` replaces the `authentication` of the document.

    The call then needs neither its variable nor a supported authentication type.
    """
    with Recorder() as recorder:
        authentication = {"type": kind, "token": "{{NOT_SET}}"}
        adapter = {"baseUri": recorder.url, "authentication": authentication}
        file = tmp_path / "api.json"
        file.write_text(json.dumps(document(consumes=adapter)))
        words = ["call", str(file), "api.op"]
        assert main(words) == 1
        assert main([*words, "--header", "Authorization: Bearer mine"]) == 0
        (received,) = recorder.received
        assert received.headers["authorization"] == "Bearer mine"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["plain"], "argument 1, 'plain': expected name=value"),
        (["plain=1", "=x"], "argument 2: expected name=value"),
        (["plain:="], "is not JSON"),
        (["plain:=NaN"], "NaN is not a number in JSON"),
        (["plain:=" + "9" * 5000], "a number of 5,000 digits is too large"),
        (["plain:=" + "[" * 90_000], "the value of 'plain' is nested too deeply"),
        (['plain:={"a":1,"a":2}'], "duplicate key 'a'"),
        (["plain:=@file"], "plain:=@file: cannot be read"),
        (["plain=@"], "plain=@: expected a file name"),
        (["plain=@/"], "cannot be read: Is a directory"),
        (["plain=@/no/such"], "cannot be read: No such file"),
        (["plain=a\udcffb"], "holds bytes that are not UTF-8"),
        (["--body", "x"], "--body: api.op takes no body"),
        (["--header", "A: 1", "--header", "a: 2"], "'a' is given twice"),
        (["--base-uri", ""], "--base-uri: '' is not a base URI"),
        (["--base-uri", "h.test"], "--base-uri: 'h.test' is not a base URI"),
        (
            ["--base-uri", "apo=http://h.test"],
            "--base-uri: no namespace is called 'apo'\n  hint: did you mean 'api'?",
        ),
        (["--base-uri", "http://h.test", "--base-uri", "http://i.test"], "given twice"),
        (["--select", ""], "--select: expected a JSONPath, got an empty text"),
        (["--select", "$.["], "--select: "),
        (["-O", ""], "-O: expected a file name, got ''"),
        (["-O", "/"], "-O: expected a file, got the folder '/'"),
        (["-O", "/no/such/file"], "-O: the folder of '/no/such/file' does not exist"),
    ],
)
def test_usage_error_is_named_and_nothing_is_sent(
    words: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A usage error is named on standard error, exits with 2 and sends no request."""
    with Recorder() as recorder:
        file = tmp_path / "api.json"
        operation = document(_OPERATION, consumes={"baseUri": recorder.url})
        file.write_text(json.dumps(operation))
        assert main(["call", str(file), "api.op", *words]) == 2
        shown = capsys.readouterr()
        assert text in shown.err
        assert shown.out == ""
        assert not recorder.received


@pytest.mark.parametrize("body", ["[" * 90_000, "9" * 5000])
def test_body_too_deep_for_json_is_sent_as_text(
    body: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A body of too deeply nested JSON is sent as text, a long number as JSON."""
    file = tmp_path / "api.json"
    file.write_text(json.dumps(document({"method": "POST"})))
    assert main(["call", str(file), "api.op", "--body", body, "--dry-run"]) == 0
    kind = "text/plain" if body[0] == "[" else "application/json"
    assert f"Content-Type: {kind}" in capsys.readouterr().out


def test_base_uri_of_the_environment_is_named_in_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error about `NAFTIKO_BASE_URI_…` names the variable and hides credentials."""
    for uri, said in (
        ("nonsense", "'nonsense' is not a base URI"),
        ("http://s3cr3t@h.test", "a base URI may not hold credentials"),
    ):
        monkeypatch.setenv("NAFTIKO_BASE_URI_BOOKSHOP", uri)
        assert main(["list", BOOKSHOP]) == 1
        errors = capsys.readouterr().err
        assert f"error: NAFTIKO_BASE_URI_BOOKSHOP: {said}" in errors
        assert "s3cr3t" not in errors


def test_standard_input_cannot_be_document_and_body(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Standard input as document and as body at once is refused with exit code 2."""
    assert main(["call", "-", "api.op", "--body", "-"]) == 2
    assert "cannot be the document and the body" in capsys.readouterr().err


@pytest.mark.parametrize("way", ["--body TEXT", "--body @file", "@file", "--body -"])
def test_described_body_is_given_as_a_whole(
    way: str, call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    """A whole body fills the body that the document describes; arguments go before."""
    whole = '{"isbn": "9780141439587", "quantity": 1, "customer": {"name": "Ann"}}'
    file = tmp_path / "order.json"
    file.write_text(whole)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(whole.encode())))
    words = {
        "--body TEXT": ["--body", whole],
        "--body @file": ["--body", f"@{file}"],
        "@file": [f"@{file}"],
        "--body -": ["--body", "-"],
    }[way]
    shown = call("bookshop.create-order", *words, "quantity:=3", "--dry-run")
    assert json.loads(shown.splitlines()[-1]) == {
        "isbn": "9780141439587",
        "quantity": 3,
        "customer": {"name": "Ann"},
    }


def test_error_response_is_shown_by_include_and_raw(call) -> None:  # type: ignore[no-untyped-def]
    """`--include --raw` prints headers and body of a response with an error status."""
    words = ["call", BOOKSHOP, "bookshop.get-book", "isbn=0", "--include", "--raw"]
    done = subprocess.run(
        [sys.executable, "-m", "naftiko", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.startswith("HTTP 404 Not Found\n")
    assert '"code": "no_such_book"' in done.stdout
    assert done.stderr.startswith("error: bookshop.get-book: 404")


def test_raw_body_is_not_decoded(tmp_path: Path) -> None:
    """`--raw` prints an undecodable body byte by byte; the error suggests `--raw`."""
    page = b"<p>\xff no JSON\r\n"
    with Recorder(response(page, content_type="application/json")) as recorder:
        file = tmp_path / "api.json"
        file.write_text(json.dumps(document(consumes={"baseUri": recorder.url})))
        command = [sys.executable, "-m", "naftiko", "call", str(file), "api.op"]
        done = subprocess.run([*command, "--raw"], capture_output=True, check=True)
        assert done.stdout == page
        done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"--raw prints the body without decoding it" in done.stderr


@pytest.mark.parametrize(
    ("body", "printed"), [(b"a\n", "a\n"), (b"a", "a\n"), (b"", "")]
)
def test_text_ends_in_one_line_break(
    body: bytes, printed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A text is printed unchanged, a missing line break added; no content is nothing."""
    with Recorder(response(body, content_type="text/plain")) as recorder:
        file = tmp_path / "api.json"
        operation = {"outputRawFormat": "text"}
        file.write_text(
            json.dumps(document(operation, consumes={"baseUri": recorder.url}))
        )
        assert main(["call", str(file), "api.op"]) == 0
    assert capsys.readouterr().out == printed


def test_dry_run_is_printed_in_output_format(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--dry-run --output` prints the request as JSON, YAML, CSV or a table."""
    words = ["call", BOOKSHOP, "bookshop.list-books", "genre=novel", "--dry-run"]
    url = "http://127.0.0.1:8000/books?genre=novel"
    assert main([*words, "--output", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["url"] == url
    assert shown["headers"]["Authorization"] == "Bearer $BOOKSHOP_TOKEN"
    for form, line in (
        ("yaml", f"url: {url}"),
        ("csv", f"url,{url}"),
        ("table", f"url      {url}"),
    ):
        assert main([*words, "--output", form]) == 0
        assert line in capsys.readouterr().out.splitlines()


def test_control_characters_of_a_server_are_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Control characters of a server's message and headers are escaped."""
    answer = response('{"message": "\\u001b[2J"}', "500 Oops", X_Bad="a\x1b[31m")
    with Recorder(answer) as recorder:
        file = tmp_path / "api.json"
        file.write_text(json.dumps(document(consumes={"baseUri": recorder.url})))
        assert main(["call", str(file), "api.op", "--include"]) == 1
    shown = capsys.readouterr()
    assert "X-Bad: a\\x1b[31m\n" in shown.out
    assert "500 Oops: \\x1b[2J\n" in shown.err


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (["-r", "--select", "$.titles"], "Frankenstein\nPride and Prejudice\n"),
        (["-o", "ndjson", "--select", "$.titles"], '"Frankenstein"\n"Pride and Prej'),
        (["-o", "tsv", "--select", "$.titles"], "value\nFrankenstein\n"),
        (["-o", "tsv", "--no-header", "--select", "$.titles"], "Frankenstein\n"),
        (["-r", "--select", "$.titles[0]"], "Frankenstein\n"),
    ],
)
def test_short_options_choose_the_format(
    options: list[str], printed: str, call
) -> None:  # type: ignore[no-untyped-def]
    """`-o FORMAT` and `-r` print a result as other programs do."""
    words = ("bookshop.list-books", "genre=novel", "per_page=2")
    assert call(*words, *options).startswith(printed)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["-o", "books.json"], "a file is written with -O FILE"),
        (["-o", "jsom"], "did you mean 'json'?"),
        (["-r", "-o", "json"], "--output and -r are mutually exclusive"),
        (["--no-header"], "--no-header: there is a header only in a table"),
    ],
)
def test_wrong_format_is_refused(
    options: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A format that is none, or two of them, are refused with exit code 2."""
    try:
        code = main(["call", BOOKSHOP, "bookshop.list-authors", *options])
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2
    assert text in capsys.readouterr().err


def test_verbose_call_shows_request_and_response(
    shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-v` shows both on standard error, beside the result, and masks the token."""
    assert main(["call", BOOKSHOP, "bookshop.get-book", "isbn=0", "-v"]) == 1
    shown = capsys.readouterr()
    assert f"> GET {shop}/books/0\n" in shown.err
    assert "> Authorization: Bearer $BOOKSHOP_TOKEN\n" in shown.err
    assert "< 404 Not Found\n" in shown.err
    assert TOKEN not in shown.err
