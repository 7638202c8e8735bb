"""`docs/serve.md`: each adapter example works against the demo API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import naftiko
from naftiko.demo import TOKEN, serve
from support.adapters import ask_adapter, ask_mcp, call_tool
from support.shared import ROOT

TEXT = (ROOT / "docs" / "serve.md").read_text("utf-8")
EMMA = "9780141439587"


def example(heading: str, language: str = "yaml") -> str:
    """Return the first code block in a language below a heading of the page."""
    section = re.split(rf"^#+ {re.escape(heading)}$", TEXT, flags=re.M)[1]
    block = re.search(rf"^```{language}\n(.*?)^```", section, re.M | re.S)
    assert block
    return block[1]


@pytest.fixture(autouse=True)
def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve the demo API and direct the examples of the page to it."""
    monkeypatch.chdir(tmp_path)
    with serve() as url:
        monkeypatch.setenv("NAFTIKO_BASE_URI_SHOP", url)
        monkeypatch.setenv("BOOKSHOP_TOKEN", TOKEN)
        monkeypatch.setenv("CALLER_TOKEN", "let-me-in")
        monkeypatch.setenv("ADMIN_TOKEN", "i-run-this")
        yield


def load(heading: str) -> naftiko.Capability:
    """Save the example of a section as `shop.yaml` and load it."""
    Path("shop.yaml").write_text(example(heading), "utf-8")
    return naftiko.load("shop.yaml")


def test_rest_example_answers() -> None:
    """The REST example answers with the text in the page and passes on a 404."""
    with load("REST") as shop:
        got = ask_adapter(shop, "shop-rest", "GET", f"/books/{EMMA}")
        assert got.body.decode() == example("REST", "text").splitlines()[1]
        assert ask_adapter(shop, "shop-rest", "GET", "/books/0").status == 404
        described = ask_adapter(shop, "shop-rest", "GET", "/openapi.json").json
        assert list(described["paths"]) == ["/books/{isbn}"]


def test_forward_example_passes_requests_on() -> None:
    """Forwarding sends path, query and the document's credentials to the API."""
    with load("Forward requests to an API") as shop:
        got = ask_adapter(shop, "shop-rest", "GET", "/shop/books?genre=poetry")
        assert [book["title"] for book in got.json["items"]] == ["Leaves of Grass"]
        assert ask_adapter(shop, "shop-rest", "GET", "/shop/%2e%2e/x").status == 400


def test_mcp_example_answers() -> None:
    """The tool, the resource and the prompt of the MCP example answer."""
    with load("MCP") as shop:
        (book,) = call_tool(shop, "shop-mcp", "list-books", {"genre": "poetry"})
        assert book["title"] == "Leaves of Grass"
        uri = f"shop://books/{EMMA}"
        (content,) = ask_mcp(shop, "shop-mcp", "resources/read", uri=uri)["contents"]
        assert json.loads(content["text"])["title"] == "Emma"
        prompt = ask_mcp(
            shop, "shop-mcp", "prompts/get", name="advice", arguments={"genre": "novel"}
        )
        assert "Recommend a novel" in prompt["messages"][0]["content"]["text"]


def test_authentication_example_requires_the_token() -> None:
    """A caller without the bearer token gets 401 and a `WWW-Authenticate` challenge."""
    with load("Authentication") as shop:
        got = ask_adapter(shop, "shop-rest", "GET", "/books")
        assert (got.status, got.json["type"]) == (
            401,
            "urn:naftiko:problem:unauthorized",
        )
        assert got.headers["www-authenticate"].startswith("Bearer")
        token = {"authorization": "Bearer let-me-in"}
        assert ask_adapter(shop, "shop-rest", "GET", "/books", token).status == 200


def test_oauth2_example_points_to_its_metadata() -> None:
    """The 401 challenge links OAuth metadata that name the authorization server."""
    with load("OAuth2") as shop:
        host = {"host": "localhost:9090"}
        got = ask_adapter(shop, "shop-mcp", "POST", "/mcp", host, {})
        assert got.status == 401
        assert "resource_metadata=" in got.headers["www-authenticate"]
        path = "/.well-known/oauth-protected-resource/mcp"
        got = ask_adapter(shop, "shop-mcp", "GET", path, host)
        assert got.json["authorization_servers"] == ["https://login.example.org"]


def test_skill_example_serves_its_files() -> None:
    """The skill catalogue lists the skill and serves the files of its folder."""
    folder = Path("skills/advise")
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: advise\n---\nAsk first.\n", "utf-8")
    with load("Skills") as shop:
        got = ask_adapter(shop, "shop-skills", "GET", "/skills")
        assert [skill["name"] for skill in got.json["skills"]] == ["advise"]
        got = ask_adapter(
            shop, "shop-skills", "GET", "/skills/advise/contents/SKILL.md"
        )
        assert got.body.decode().endswith("Ask first.\n")


def test_script_example_computes_an_average() -> None:
    """The script step computes the average price from the result of the call step."""
    Path("scripts").mkdir()
    Path("scripts/average.js").write_text(example("Scripts", "js"), "utf-8")
    with load("Scripts") as shop:
        value = call_tool(shop, "shop-mcp", "average-price", {})
        prices = [book["price"] for book in shop.call("shop.list-books")["items"]]
    assert value == {"price": pytest.approx(sum(prices) / len(prices))}
