"""`docs/authoring.md`: every example runs against the demo API as the page says."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.cli import main
from naftiko.demo import TOKEN, serve
from support.adapters import ask_adapter, ask_mcp, call_tool
from support.shared import ROOT

PAGE = ROOT / "docs" / "authoring.md"
TEXT = PAGE.read_text("utf-8")
STAGES = dict(
    re.findall(r"<!-- stage: ([\w ]+) -->\n```yaml\n(.*?)^```", TEXT, re.M | re.S)
)
#: The address of the demo API in the page; the tests use a random port instead.
ADDRESS = "http://127.0.0.1:45063"
EMMA = "9780141439587"
CALLER = {"authorization": "Bearer let-me-in"}
ADMIN = {"authorization": "Bearer i-run-this"}


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the demo API and set the environment variables that the page names."""
    monkeypatch.chdir(tmp_path)
    with serve() as url:
        monkeypatch.setenv("NAFTIKO_BASE_URI_SHOP", url)
        monkeypatch.setenv("BOOKSHOP_TOKEN", TOKEN)
        monkeypatch.setenv("CALLER_TOKEN", "let-me-in")
        monkeypatch.setenv("ADMIN_TOKEN", "i-run-this")
        monkeypatch.setenv("SHOP_LANGUAGE", "en")
        yield url


def load(stage: str, **options: Any) -> naftiko.Capability:
    """Save a stage of the page as `shop.yaml` and load it."""
    Path("shop.yaml").write_text(STAGES[stage], "utf-8")
    return naftiko.load("shop.yaml", **options)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("schema", ["observed", "published"])
def test_every_stage_is_valid(stage: str, schema: str) -> None:
    """Each stage passes a strict check by observed and by published rules."""
    assert naftiko.validate(STAGES[stage], schema=schema, strict=True) == ()
    with load(stage, schema=schema) as capability:
        assert capability.problems == ()


def test_console_examples_print_what_the_page_shows(
    shop: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each console example of the page prints the output that the page shows.

    The environment variable `NAFTIKO_WRITE_DOCS` rewrites the page first.
    """
    text = transcript(shop, capsys, monkeypatch)
    if os.environ.get("NAFTIKO_WRITE_DOCS"):
        PAGE.write_text(text, "utf-8")
    assert text == PAGE.read_text("utf-8")


def transcript(
    shop: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """Run every command of the page and return the page with the new output."""
    monkeypatch.setenv("COLUMNS", "88")
    monkeypatch.delenv("BOOKSHOP_TOKEN")
    blocks = re.split(r"^(```\w+\n.*?^```\n)", TEXT, flags=re.M | re.S)
    for number, block in enumerate(blocks):
        if block.startswith("```yaml\nnaftiko:"):
            Path("shop.yaml").write_text(block[8:-4], "utf-8")
        if "export BOOKSHOP_TOKEN" in block and "Ctrl-C" not in block:
            monkeypatch.setenv("BOOKSHOP_TOKEN", TOKEN)
        if block.startswith("```console\n"):
            lines = ["```console"]
            for line in re.findall(r"^\$ naftiko .*$", block, re.M):
                main(shlex.split(line)[2:])
                shown = capsys.readouterr()
                output = f"{shown.out}{shown.err}".replace(shop, ADDRESS)
                lines += [line, *output.splitlines()]
            blocks[number] = "\n".join([*lines, "```\n"])
    return "".join(blocks)


def test_bearer_token_is_sent(shop: str) -> None:
    """Stage "one operation" sends no token and gets 401; stage "a token" sends one."""
    with load("one operation") as capability:
        with pytest.raises(naftiko.StatusError) as caught:
            capability.call("shop.list-books")
        assert caught.value.status == 401
    with load("a token") as capability:
        assert capability.call("shop.list-books")["total"] == 10
        sent = capability.exchange("shop.list-books").request
        assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
        assert sent.url == f"{shop}/books"


def test_arguments_go_to_their_places() -> None:
    """Arguments fill query, path and body; a created order can be read again."""
    with load("arguments") as capability:
        novels = capability.call("shop.list-books", genre="novel")
        assert {book["genre"] for book in novels["items"]} == {"novel"}
        assert capability.call("shop.get-book", isbn=EMMA)["title"] == "Emma"
        order = capability.call("shop.create-order", isbn=EMMA, quantity=2)
        assert order["quantity"] == 2
        assert capability.call("shop.get-order", id=order["id"]) == order


def test_result_has_the_declared_outputs() -> None:
    """The result has the declared output names and no other names."""
    with load("outputs") as capability:
        result = capability.call("shop.list-books", genre="poetry")
    assert result == {"titles": ["Leaves of Grass"], "total": 1}


def test_rest_adapter_answers() -> None:
    """The REST adapter serves both routes and maps the input `copies` to `quantity`."""
    with load("rest") as capability:
        got = ask_adapter(capability, "shop-rest", "GET", "/books?genre=poetry")
        (book,) = got.json
        assert (got.status, book["title"]) == (200, "Leaves of Grass")
        assert set(book) == {"isbn", "title", "price"}
        body = {"isbn": EMMA, "copies": 3}
        got = ask_adapter(capability, "shop-rest", "POST", "/orders", body=body)
        assert (got.status, got.json["quantity"]) == (201, 3)
        assert ask_adapter(capability, "shop-rest", "GET", "/docs").status == 200


def test_mcp_adapter_answers() -> None:
    """The MCP adapter serves both tools; `invoke` runs a tool without a server."""
    with load("mcp") as capability:
        genre = {"genre": "poetry"}
        (book,) = call_tool(capability, "shop-mcp", "list-books", genre)
        assert book["title"] == "Leaves of Grass"
        order = call_tool(
            capability, "shop-mcp", "order-book", {"isbn": EMMA, "copies": 1}
        )
        assert order["isbn"] == EMMA
        assert capability.invoke("shop-mcp.list-books", genre) == [book]


def test_aggregate_is_offered_by_both_adapters() -> None:
    """An aggregate function gives the same value by REST, MCP and `invoke`."""
    with load("aggregates") as capability:
        rest = ask_adapter(capability, "shop-rest", "GET", "/books?genre=crime")
        tool = call_tool(capability, "shop-mcp", "list-books", {"genre": "crime"})
        value = capability.invoke("catalogue.list-books", genre="crime")
        (listed,) = ask_mcp(capability, "shop-mcp", "tools/list")["tools"]
    assert rest.json == tool == value
    assert [book["title"] for book in value] == [
        "Crime and Punishment",
        "The Moonstone",
    ]
    assert listed["annotations"]["readOnlyHint"] is True
    assert listed["description"].startswith("List books with ISBN")


def test_step_uses_the_result_of_the_step_before() -> None:
    """The second step takes its argument from the result of the first step."""
    with load("arguments") as capability:
        order = capability.call("shop.create-order", isbn=EMMA, quantity=1)
    number = order["id"]
    with load("steps") as capability:
        value = capability.invoke("orders.follow-order", id=number)
        rest = ask_adapter(capability, "shop-rest", "GET", f"/orders/{number}")
        tool = call_tool(capability, "shop-mcp", "follow-order", {"id": number})
    assert value == rest.json == tool == {"status": "received", "title": "Emma"}


def test_variables_come_from_file_and_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The token comes from `shop.env` and the language from the environment."""
    monkeypatch.delenv("BOOKSHOP_TOKEN")
    (line,) = re.findall(r"```text\n(BOOKSHOP_TOKEN=.*)\n```", TEXT)
    Path("shop.env").write_text(f"{line}\n", "utf-8")
    with load("binds") as capability:
        exchange = capability.exchange("shop.list-books")
    assert exchange.status == 200
    assert exchange.request.headers["Accept-Language"] == "en"


def test_adapters_require_their_own_token() -> None:
    """Each adapter answers 401 without its own token and 200 with the token."""
    with load("protection") as capability:
        assert ask_adapter(capability, "shop-rest", "GET", "/books").status == 401
        assert (
            ask_adapter(capability, "shop-rest", "GET", "/books", ADMIN).status == 401
        )
        got = ask_adapter(capability, "shop-rest", "GET", "/books", CALLER)
        assert len(got.json) == 3
        host = {"host": "localhost:9090"}
        got = ask_adapter(capability, "shop-mcp", "POST", "/mcp", host, {})
        assert got.status == 401
        assert len(call_tool(capability, "shop-mcp", "list-books", {}, CALLER)) == 3
        (control,) = [e for e in capability.exposes if e.type == "control"]
        assert control.port == 9091


def test_python_example_runs(shop: str) -> None:
    """The Python block of the page runs with the stage above it."""
    load("mcp").close()
    (code,) = re.findall(r"```python\n(.*?)^```", TEXT, re.M | re.S)
    names: dict[str, Any] = {}
    exec(compile(code, "docs/authoring.md", "exec"), names)
    names["shop"].close()
