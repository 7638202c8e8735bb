"""Web pages of the REST adapter and the control port in a real browser.

The pages load no foreign resource, work without a mouse and log no error.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from support.browsing import Browser, axe_script, browser
from support.recorder import Received, Recorder, response
from support.serving_process import Server, write
from support.shop import document, mcp, rest

# A browser starts in seconds.
pytestmark = pytest.mark.slow

ENTER, ESCAPE, TAB = "\ue007", "\ue00c", "\ue004"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Open a browser for all tests of this module."""
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(window: Browser) -> Iterator[Browser]:
    """Yield the browser; afterwards check for console errors and foreign origins."""
    window.dark(False)
    window.size(1200)
    window.forget()
    yield window
    assert window.complaints() == []
    assert len(window.origins()) == 1


@pytest.fixture(scope="module")
def axe(pytestconfig: pytest.Config) -> str:
    """Return the script of axe-core, which is fetched once."""
    assert pytestconfig.cache is not None
    return axe_script(pytestconfig.cache.mkdir("axe"))


@pytest.fixture
def upstream() -> Iterator[Recorder]:
    """Serve the upstream API."""
    with Recorder(response('[{"id": 1}]')) as server:
        yield server


# --- the control port -----------------------------------------------------------------


def _is_focused(page: Browser, key: str) -> bool:
    return bool(page.run("return document.activeElement.dataset.key") == key)


def test_control_page_shows_live_numbers_and_traces(
    tmp_path: Path, upstream: Recorder, page: Browser
) -> None:
    """The control page shows live numbers and opens a trace by keyboard."""
    control = {"type": "control", "port": 0, "management": {"info": True}}
    file = write(tmp_path / "s.yaml", document(rest(), mcp(), control))
    with Server(file, "--base-uri", upstream.url, ready=3) as server:
        shop = server.urls["shop"]
        for path in ("/things", "/things", "/nothing"):
            requests.get(shop + path, timeout=5)
        page.open(server.urls["control"] + "/")
        page.wait("document.title === 'Shop'")
        assert page.text("#state") == "Up"
        adapters = page.text("#adapters")
        assert "shop-mcp" in adapters
        assert adapters.count("started") == 3
        # The first reading has no rate yet; nothing was sent before the second one.
        page.wait(lambda _: "/things GET 0.0 2 0" in page.text("#operations"))
        assert "3\nrequests" in page.text("#figures")
        # A new request appears without a reload of the page.
        upstream.answer = response("no", status="500 No")
        requests.get(f"{shop}/things", timeout=5)
        page.wait(
            "document.querySelector('#figures').innerText.includes('4\\nrequests')"
        )
        assert "1\nerrors" in page.text("#figures")
        assert page.text("#traces tbody tr").startswith("/things GET")
        assert "ERROR" in page.text("#traces tbody tr")
        # The focus stays on its button while the tables are rendered again.
        page.run("document.querySelector('#slow button').focus()")
        for _ in page.all("#slow button"):
            page.press(TAB)
        key = page.run("return document.activeElement.dataset.key")
        assert _is_focused(page, key)
        requests.get(f"{shop}/things", timeout=5)
        page.wait(
            "document.querySelector('#figures').innerText.includes('5\\nrequests')"
        )
        assert _is_focused(page, key)
        page.press(ENTER)
        page.wait("document.querySelector('#trace').open")
        assert page.text("#trace-title") == "/things GET"
        spans = [row.text for row in page.all("#spans tbody tr")]
        assert [row.split()[0] for row in spans] == ["rest.request", "http.client.GET"]
        assert all(row.endswith("ERROR") for row in spans)
        page.shot("control-trace")
        page.press(ESCAPE)
        assert page.wait("!document.querySelector('#trace').open")
        assert _is_focused(page, key)
        for is_dark in (False, True):
            page.dark(is_dark)
            page.shot(f"control-{'dark' if is_dark else 'light'}")
            for part in ("h1", "h2", ".soft", ".good", ".bad", "td", "th"):
                assert page.contrast(part) >= 4.5, (part, is_dark)
        page.leave()
        assert server.stop() == 0


def test_control_page_draws_charts(
    tmp_path: Path, upstream: Recorder, page: Browser, axe: str
) -> None:
    """Rate, errors and latency are drawn over time; axe-core finds no serious fault."""
    control = {"type": "control", "port": 0, "management": {"info": True}}
    file = write(tmp_path / "s.yaml", document(rest(), control))
    with Server(file, "--base-uri", upstream.url, ready=2) as server:
        page.open(server.urls["control"] + "/")
        page.wait("document.querySelectorAll('#charts polyline').length === 3")
        upstream.answer = response("no", status="500 No")
        for _ in range(8):
            requests.get(f"{server.urls['shop']}/things", timeout=5)
        page.wait(
            "[...document.querySelectorAll('#charts svg')].every(n =>"
            " / at most (?!0\\.0)/.test(n.getAttribute('aria-label')))"
        )
        titles = [node.text.split("\n")[0] for node in page.all("#charts figcaption")]
        assert titles == ["Requests per second", "Errors per second", "95 % below, ms"]
        points = page.run(
            "return [...document.querySelectorAll('#charts polyline')].map(n =>"
            " n.getAttribute('points').split(' ').length)"
        )
        assert all(count >= 2 for count in points)
        for is_dark in (False, True):
            page.dark(is_dark)
            page.shot(f"control-charts-{'dark' if is_dark else 'light'}")
            assert page.faults(axe) == []
        page.one("#traces button").click()
        page.wait("document.querySelector('#trace').open")
        assert page.faults(axe) == []
        page.one("#trace button").click()
        page.size(390)
        assert page.run("return document.body.scrollWidth <= innerWidth")
        page.one("#theme").click()
        assert page.text("#theme") == "Theme: light"
        page.run("localStorage.clear()")
        page.leave()
        assert server.stop() == 0


def test_control_page_reloads_the_document(
    tmp_path: Path, upstream: Recorder, page: Browser
) -> None:
    """The reload button serves the new version, or tells why it cannot."""
    page.expected = ("status of 422",)
    management = {"reload": True, "info": True, "logs": {"level": True, "stream": True}}
    control = {"type": "control", "port": 0, "management": management}
    given = document(rest(), control)
    file = write(tmp_path / "s.yaml", given)
    with Server(file, "--base-uri", upstream.url, ready=2) as server:
        page.open(server.urls["control"] + "/")
        page.wait("document.title === 'Shop'")
        links = {
            node.text: node.get_attribute("href") for node in page.all("#actions a")
        }
        paths = {urlsplit(href).path for href in links.values()}
        assert paths == {"/logs", "/logs/stream", "/traces", "/metrics", "/status"}
        for name in ("Log", "Traces", "Metrics", "Status"):
            assert requests.get(links[name], timeout=5).ok
        given["info"]["label"] = "Market"
        write(file, given)
        page.one("#actions button").click()
        page.wait("document.querySelector('#actions .good')")
        page.wait("document.title === 'Market'")
        assert page.text("#actions [role=status]") == "Reloaded."
        file.write_text("naftiko: [", "utf-8")
        page.one("#actions button").click()
        page.wait("document.querySelector('#actions .bad')")
        assert page.text("#actions [role=status]").startswith("Not reloaded: ")
        assert requests.get(f"{server.urls['shop']}/things", timeout=5).ok
        page.leave()
        assert server.stop() == 0


def test_control_page_offers_only_what_the_document_turns_on(
    tmp_path: Path, upstream: Recorder, page: Browser
) -> None:
    """Without `reload` and `logs` there is no button and no link to the log."""
    control = {"type": "control", "port": 0}
    file = write(tmp_path / "s.yaml", document(rest(), control))
    with Server(file, "--base-uri", upstream.url, ready=2) as server:
        page.open(server.urls["control"] + "/")
        page.wait("document.querySelector('#state').innerText === 'Up'")
        assert page.all("#actions button") == []
        assert [node.text for node in page.all("#actions a")] == ["Traces", "Metrics"]
        page.leave()
        assert server.stop() == 0


def test_control_page_without_telemetry_says_so(
    tmp_path: Path, upstream: Recorder, page: Browser
) -> None:
    """The control page says that metrics and traces are off and does not poll them."""
    off = {"enabled": False}
    control = {"type": "control", "port": 0, "observability": off}
    file = write(tmp_path / "s.yaml", document(rest(), control))
    with Server(file, "--base-uri", upstream.url, ready=2) as server:
        page.open(server.urls["control"] + "/")
        page.wait("document.querySelector('#state').innerText === 'Up'")
        assert page.text("#operations tbody") == "metrics are off"
        assert page.text("#traces tbody") == "traces are off"
        assert page.all("#figures li") == []
        time.sleep(2.5)
        assert page.complaints() == []
        assert server.stop() == 0
        page.wait("document.querySelector('#state').innerText.startsWith('No answer')")
        page.expected = ("ERR_CONNECTION_REFUSED",)


# --- the page of a REST adapter -------------------------------------------------------

OPEN = "details.op[open]"


def answered(page: Browser, selector: str = OPEN) -> str:
    """Wait for the answer of the open operation and return its status line."""
    page.wait(
        f"/ bytes$|bytes,|No answer|Stopped|characters/.test("
        f"document.querySelector('{selector} [role=status]').innerText)"
        f" && !/still/.test(document.querySelector('{selector} [role=status]').innerText)"
    )
    return page.text(f"{selector} [role=status]")


def of(received: Received) -> Any:
    """Return the JSON body of a request."""
    return json.loads(received.body)


def test_page_of_a_large_api_works_by_keyboard(
    upstream: Recorder, page: Browser
) -> None:
    """The page of a large API lists 105 operations fast and works by keyboard."""
    upstream.answer = response(
        '[{"Id": "8dfa", "Names": ["/calm"], "Image": "busybox", "State": "running"}]'
    )
    file = ROOT / "capabilities" / "docker.yaml"
    words = ("--adapter", "docker-rest", "--port", "0", "--base-uri", upstream.url)
    with Server(file, *words) as server:
        page.open(f"{server.urls['docker-rest']}/docs")
        page.wait("document.querySelectorAll('details.op').length === 105")
        # A form is made only when its operation is opened.
        assert page.all(".op form") == []
        took = page.run(
            "const t = performance.now(); listOperations(); document.body.offsetHeight;"
            "return performance.now() - t"
        )
        assert took < 500
        assert page.text("#count") == "105 operations"
        page.press("/")
        page.press("containers list")
        page.wait("document.querySelector('#count').innerText.startsWith('3 ')")
        page.press(TAB, TAB)
        assert page.focused.text.startswith("GET\n/containers/json")
        page.press(ENTER)
        page.wait(f"document.querySelector('{OPEN} form')")
        assert "#" in page.driver.current_url
        # A list takes the first letters of a choice; Enter sends from a text field.
        page.press(TAB)
        page.press("true", TAB, ENTER)
        assert answered(page).startswith("200 OK · ")
        assert upstream.last.target == "/containers/json?all=true"
        assert '"name": "/calm"' in page.text(f"{OPEN} pre[aria-label=response]")
        line = page.text(f"{OPEN} .curl")
        assert line == (
            f"curl --globoff '{server.urls['docker-rest']}/containers/json?all=true'"
        )
        found = subprocess.run(
            ["sh", "-c", f"{line} --silent"], capture_output=True, check=True, text=True
        )
        assert json.loads(found.stdout)[0]["name"] == "/calm"
        for is_dark in (False, True):
            page.dark(is_dark)
            page.shot(f"explorer-{'dark' if is_dark else 'light'}")
            parts = ("h1", "h2", ".what", ".method.get", ".path", ".kind", "pre", "p")
            for part in (*parts, f"{OPEN} .status", f"{OPEN} button.send"):
                assert page.contrast(part) >= 4.5, (part, is_dark)
        page.open(page.driver.current_url)
        page.wait(f"document.querySelector('{OPEN} form')")
        assert server.stop() == 0


CONSUMES = {
    "type": "http",
    "namespace": "api",
    "baseUri": "http://127.0.0.1:9",
    "resources": [
        {
            "name": "r",
            "path": "/r",
            "operations": [
                {
                    "name": "make",
                    "method": "POST",
                    "body": {
                        "type": "json",
                        "data": {"name": "{{name}}", "tons": "{{tons}}",
                                 "tags": "{{tags}}", "kind": "{{kind}}"},
                    },
                },
                {
                    "name": "send",
                    "method": "PUT",
                    "body": {
                        "type": "multipartForm",
                        "data": {"title": "{{title}}", "file": "{{file}}"},
                    },
                },
                {"name": "raw", "method": "PATCH"},
                {
                    "name": "order",
                    "method": "POST",
                    "body": {
                        "type": "json",
                        "data": {"who": "{{who}}", "city": "{{city}}",
                                 "tons": "{{tons}}", "tags": "{{tags}}"},
                    },
                },
            ],
        },
        {
            "name": "f",
            "path": "/f/{{path}}",
            "operations": [
                {
                    "name": "get",
                    "method": "GET",
                    "inputParameters": [
                        {"name": "X-Tone", "in": "header"},
                        {"name": "crumb", "in": "cookie"},
                        {"name": "path", "in": "path"},
                        {"name": "n", "in": "query"},
                    ],
                }
            ],
        },
    ],
}  # fmt: skip


def _input(name: str, in_: str, **more: Any) -> Any:
    return {"name": name, "in": in_, **more}


# fmt: off
RESOURCES = [
    {
        "path": "/ships",
        "operations": [
            {
                "method": "POST",
                "name": "make",
                "call": "api.make",
                "inputParameters": [
                    _input("name", "body", type="string", required=True),
                    _input("tons", "body", type="number", description="Of water."),
                    _input("tags", "body", type="array"),
                    _input("kind", "body", type="string", enum=["tug", "ferry"]),
                ],
            },
            {"method": "PUT", "name": "send", "call": "api.send"},
            {"method": "PATCH", "name": "raw", "call": "api.raw"},
        ],
    },
    {
        "path": "/orders",
        "operations": [
            {
                "method": "POST",
                "name": "order",
                "description": "Order a ship.",
                "call": "api.order",
                "inputParameters": [
                    _input("who", "body", type="string", value="$.buyer.name", required=True, description="Who pays."),
                    _input("city", "body", type="string", value="$.buyer.address.city"),
                    _input("tons", "body", type="integer", value="$.tons"),
                    _input("tags", "body", type="array", value="$.tags"),
                ],
                "outputParameters": [
                    {
                        "type": "object",
                        "properties": {
                            "number": {"type": "integer", "mapping": "$.id", "description": "Of the order."},
                            "lines": {"type": "array", "mapping": "$.lines", "items": {"type": "object", "properties": {"ship": {"type": "string", "mapping": "$.ship"}}}},
                        },
                    }
                ],
            }
        ],
    },
    {
        "path": "/files/{path}",
        "operations": [
            {
                "method": "GET",
                "name": "get",
                "call": "api.get",
                "inputParameters": [
                    _input("path", "path"),
                    _input("X-Tone", "header"),
                    _input("crumb", "cookie"),
                    _input("n", "query", type="integer"),
                ],
            }
        ],
    },
]
# fmt: on


@pytest.fixture
def ships(tmp_path: Path, upstream: Recorder) -> Iterator[Server]:
    """Serve an API with each kind of form below a path prefix."""
    data = document({"type": "rest", "namespace": "fleet", "resources": RESOURCES})
    data["capability"]["consumes"] = [CONSUMES]
    file = write(tmp_path / "s.yaml", data)
    words = ("--base-uri", upstream.url, "--single-port", "0")
    with Server(file, *words) as server:
        yield server
        assert server.stop() == 0


def opened(page: Browser, server: Server, path: str, name: str = "fleet") -> None:
    """Load the page and open one operation."""
    page.open(f"{server.urls[name]}/docs")
    page.wait(
        "[...document.querySelectorAll('details.op')].find(n =>"
        f" n.querySelector('summary').innerText.replace(/\\s+/g, ' ') === '{path}'"
        " && (n.open = true))"
    )
    page.wait(f"document.querySelector('{OPEN} form')")


def fill(page: Browser, **values: str) -> None:
    """Fill in fields of the open operation's form, found by their labels."""
    for name, value in values.items():
        label = page.run(
            f"return [...document.querySelectorAll('{OPEN} label')].find(n =>"
            " n.firstChild.textContent === arguments[0]).htmlFor",
            name.replace("__", "-"),
        )
        field = page.driver.find_element("id", label)
        field.send_keys(value)


def send(page: Browser) -> None:
    """Press the button Send of the open operation."""
    page.one(f"{OPEN} button.send").click()


def test_form_is_sent_as_json(ships: Server, upstream: Recorder, page: Browser) -> None:
    """A form sends typed fields as JSON; the browser demands required fields."""
    opened(page, ships, "POST /ships")
    assert [note.text for note in page.all(f"{OPEN} .note")] == ["Of water."]
    send(page)
    # The browser itself focuses the missing required field.
    assert page.run("return document.activeElement.id").endswith("-body-name")
    assert upstream.received == []
    fill(page, name="Café 'n' $x", tons="12.5", tags='["a", "b"]', kind="ferry")
    send(page)
    assert answered(page).startswith("200 OK")
    sent = {"name": "Café 'n' $x", "tons": 12.5, "tags": ["a", "b"], "kind": "ferry"}
    assert of(upstream.last) == sent
    line = page.text(f"{OPEN} .curl")
    subprocess.run(["sh", "-c", f"{line} --silent"], check=True, capture_output=True)
    assert [of(received) for received in upstream.received] == [sent, sent]


def test_error_answer_is_shown(
    ships: Server, upstream: Recorder, page: Browser
) -> None:
    """The page shows status and problem document of an error answer."""
    page.expected = ("status of 400", "status of 502")
    opened(page, ships, "POST /ships")
    fill(page, name="x", tons="heavy")
    send(page)
    assert answered(page).startswith("400 ")
    text = page.text(f"{OPEN} pre[aria-label=response]")
    assert '"urn:naftiko:problem:arguments"' in text
    assert "tons" in text
    assert page.contrast(f"{OPEN} .status.bad") >= 4.5
    page.shot("explorer-error")
    upstream.answer = response('{"why": "no"}', status="500 No")
    page.driver.find_element("css selector", f"{OPEN} [id$=-body-tons]").clear()
    send(page)
    page.wait(f"/^50/.test(document.querySelector('{OPEN} [role=status]').innerText)")


def test_form_sends_a_file(
    ships: Server, upstream: Recorder, page: Browser, tmp_path: Path
) -> None:
    """A form sends a file as a field or as the whole body."""
    file = tmp_path / "ship's.bin"
    file.write_bytes(bytes(range(256)))
    opened(page, ships, "PUT /ships")
    fill(page, title="Tug")
    page.one(f"{OPEN} [id$=-body-file-file]").send_keys(str(file))
    send(page)
    assert answered(page).startswith("200 OK")
    assert upstream.last.headers["content-type"].startswith("multipart/form-data")
    assert bytes(range(256)) in upstream.last.body
    assert b'name="title"' in upstream.last.body
    line = page.text(f"{OPEN} .curl")
    assert line.endswith("--form title=Tug --form 'file=@ship'\\''s.bin'")
    subprocess.run(
        ["sh", "-c", f"{line} --silent"], check=True, capture_output=True, cwd=tmp_path
    )
    assert bytes(range(256)) in upstream.last.body
    opened(page, ships, "PATCH /ships")
    page.one(f"{OPEN} textarea").send_keys("not JSON")
    send(page)
    answered(page)
    assert upstream.last.body == b"not JSON"
    page.one(f"{OPEN} input[type=file]").send_keys(str(file))
    send(page)
    page.wait(f"document.querySelector('{OPEN} .curl')?.innerText.includes('@ship')")
    answered(page)
    assert upstream.last.body == bytes(range(256))


def test_form_fills_every_place_of_a_parameter(
    ships: Server, upstream: Recorder, page: Browser
) -> None:
    """The form sends path, header, cookie and query, and leaves no cookie behind."""
    opened(page, ships, "GET /files/{path}")
    fill(page, path="a b/ü", X__Tone="loud", crumb="c=1;", n="7")
    send(page)
    assert answered(page).startswith("200 OK")
    got = upstream.last
    assert got.target == "/f/a%20b/%C3%BC?n=7"
    assert got.headers["x-tone"] == "loud"
    assert "crumb=" in got.headers["cookie"]
    assert page.run("return document.cookie") == ""
    line = page.text(f"{OPEN} .curl")
    assert "--cookie crumb=c%3D1%3B" in line
    subprocess.run(["sh", "-c", f"{line} --silent"], check=True, capture_output=True)
    again = upstream.last
    assert (again.target, again.headers["cookie"]) == (
        got.target,
        got.headers["cookie"],
    )


def test_copy_button_sends_nothing(
    ships: Server, upstream: Recorder, page: Browser
) -> None:
    """The Copy button shows the `curl` command of the form and sends no request."""
    opened(page, ships, "GET /files/{path}")
    fill(page, path="x")
    page.one(f"{OPEN} .actions button:not(.send)").click()
    page.wait(f"document.querySelector('{OPEN} .curl')")
    assert page.text(f"{OPEN} .curl").endswith("/fleet/files/x")
    assert upstream.received == []


def test_endless_answer_can_be_stopped(
    ships: Server, upstream: Recorder, page: Browser
) -> None:
    """The button Send becomes Stop while an answer is awaited; Stop cancels it."""

    def never(_: Received) -> bytes | None:
        time.sleep(5)
        return None

    upstream.answer = never
    opened(page, ships, "GET /files/{path}")
    fill(page, path="x")
    send(page)
    assert page.text(f"{OPEN} [role=status]") == "Waiting…"
    assert page.text(f"{OPEN} button.send") == "Stop"
    send(page)
    assert answered(page).startswith("Stopped after")
    assert page.text(f"{OPEN} button.send") == "Send"


def test_large_answer_is_cut(ships: Server, upstream: Recorder, page: Browser) -> None:
    """An answer of 3 MB is cut to its first 200,000 characters."""
    upstream.answer = response("x" * 3_000_000, content_type="text/plain")
    opened(page, ships, "GET /files/{path}")
    fill(page, path="x")
    send(page)
    assert answered(page).endswith(
        "3,000,000 bytes, the first 200,000 characters shown"
    )
    length = (
        f"document.querySelector('{OPEN} pre[aria-label=response]').innerText.length"
    )
    assert page.run(f"return {length}") == 200_000


def test_empty_answer_and_empty_search_are_marked(
    ships: Server, upstream: Recorder, page: Browser
) -> None:
    """The page marks an empty answer and a search without a match."""
    upstream.answer = response("", status="204 No Content")
    opened(page, ships, "GET /files/{path}")
    fill(page, path="x")
    send(page)
    assert answered(page).startswith("204 ")
    assert page.text(f"{OPEN} pre[aria-label=response]") == "(empty)"
    page.one("#search").send_keys("no such thing")
    page.wait("!document.querySelector('#empty').hidden")
    assert page.text("#count") == "0 operations"


# --- objects as fields and as JSON ----------------------------------------------------

ORDER = "POST /orders Order a ship."


def toggle(page: Browser, name: str) -> None:
    """Change an object of the open form from fields to JSON, or back."""
    button = page.one(f"{OPEN} button[aria-label='{name} as JSON']")
    # As a person does: a part of it may be below the bar that stays on top.
    page.run("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def whole(page: Browser, name: str) -> Any:
    """Return the text field that holds an object as JSON."""
    return page.one(f"{OPEN} textarea[aria-label='{name} as JSON']")


def test_object_is_filled_in_as_nested_fields(
    ships: Server, upstream: Recorder, page: Browser
) -> None:
    """Each member of an object has a field; the required ones are marked."""
    opened(page, ships, ORDER)
    legends = [node.text for node in page.all(f"{OPEN} legend")]
    assert legends == ["body", "buyer", "address"]
    widths = page.run(
        f"return [...document.querySelectorAll('{OPEN} fieldset input')].map("
        "n => n.offsetWidth).filter(Boolean)"
    )
    assert min(widths) > 200  # the deepest field leaves room to write
    required = page.run(
        f"return [...document.querySelectorAll('{OPEN} .field')].filter(n =>"
        " n.querySelector(':scope > * > .must')).map(n => n.firstChild.innerText)"
    )
    assert [text.split("\n")[0] for text in required] == ["buyer *", "name *"]
    send(page)
    assert page.run("return document.activeElement.id").endswith("-name")
    assert upstream.received == []
    fill(page, name="Ann", city="Oslo", tons="7")
    send(page)
    assert answered(page).startswith("200 OK")
    assert of(upstream.last) == {"who": "Ann", "city": "Oslo", "tons": 7}


def test_body_is_written_as_json(
    ships: Server, upstream: Recorder, page: Browser
) -> None:
    """The fields become JSON and fields again; no member is lost on the way."""
    opened(page, ships, ORDER)
    fill(page, name="Ann", tons="7")
    toggle(page, "body")
    text = whole(page, "body")
    assert json.loads(text.get_property("value")) == {
        "buyer": {"name": "Ann"},
        "tons": 7,
    }
    text.clear()
    text.send_keys('{"buyer": {"name": "Bo", "address": {"city": "Oslo"}}, "x": 1}')
    toggle(page, "body")
    assert page.one(f"{OPEN} [id$=-name]").get_property("value") == "Bo"
    toggle(page, "buyer")
    text = whole(page, "buyer")
    assert json.loads(text.get_property("value"))["address"] == {"city": "Oslo"}
    send(page)
    assert answered(page).startswith("200 OK")
    assert of(upstream.last) == {"who": "Bo", "city": "Oslo"}
    assert '\'{"x":1,' in page.text(f"{OPEN} .curl")


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ('{"buyer": ', "not well-formed JSON"),
        ("[1]", "expected an object, got array"),
        ('"Ann"', "expected an object, got string"),
    ],
)
def test_malformed_json_is_marked_and_not_sent(
    ships: Server, upstream: Recorder, page: Browser, typed: str, fault: str
) -> None:
    """A fault of JSON is told while it is typed; the form is not sent with it."""
    opened(page, ships, ORDER)
    toggle(page, "body")
    text = whole(page, "body")
    text.send_keys(typed)
    assert text.get_attribute("aria-invalid") == "true"
    assert fault in page.text(f"{OPEN} .fault:not([hidden])")
    assert page.contrast(f"{OPEN} .fault:not([hidden])") >= 4.5
    send(page)
    toggle(page, "body")
    page.one(f"{OPEN} .actions button:not(.send)").click()
    assert upstream.received == []
    assert page.all(f"{OPEN} .curl") == []
    text.clear()
    text.send_keys('{"buyer": {"name": "Ann"}}')
    assert text.get_attribute("aria-invalid") == "false"
    send(page)
    assert answered(page).startswith("200 OK")


def test_malformed_list_is_not_sent(
    ships: Server, upstream: Recorder, page: Browser
) -> None:
    """Each input that takes JSON is checked, also where any text may stand."""
    opened(page, ships, "POST /ships")
    fill(page, name="Tug", tags='["a", ')
    send(page)
    assert "not well-formed JSON" in page.text(f"{OPEN} .fault:not([hidden])")
    opened(page, ships, "PATCH /ships")
    page.one(f"{OPEN} textarea").send_keys('{"a": ')
    send(page)
    assert "not well-formed JSON" in page.text(f"{OPEN} .fault:not([hidden])")
    assert upstream.received == []


# --- answers, samples, looks ----------------------------------------------------------


def test_described_answers_are_shown(ships: Server, page: Browser) -> None:
    """The page shows each status, the members of its value and an example."""
    opened(page, ships, ORDER)
    page.one(f"{OPEN} .answers > summary").click()
    page.wait(f"document.querySelector('{OPEN} .answers pre')")
    text = page.text(f"{OPEN} .answers")
    statuses = [node.text for node in page.all(f"{OPEN} .answers h3")]
    assert {"200", "400"} <= set(statuses)
    assert page.text(f"{OPEN} .answers > summary") == f"Answers: {', '.join(statuses)}"
    assert "Of the order." in text
    assert "array of object" in text
    example = json.loads(page.text(f"{OPEN} .answers pre"))
    assert example == {"number": 1, "lines": [{"ship": "text"}]}
    assert page.all(f"{OPEN} .answers pre .value-key")


def sample(page: Browser, language: str) -> str:
    """Show the request of the open operation in a language and return the text."""
    for button in page.all(f"{OPEN} .samples button"):
        if button.text == language:
            button.click()
    return page.text(f"{OPEN} pre.{language.lower()}")


def test_samples_send_the_same_request(
    ships: Server, upstream: Recorder, page: Browser
) -> None:
    """The samples in Python and JavaScript send what the page sends."""
    opened(page, ships, ORDER)
    fill(page, name='Zoë "Z"', city="Oslo")
    page.all(f"{OPEN} .actions button")[2].click()
    assert "requests.request(" in sample(page, "Python")
    assert upstream.received == []
    send(page)
    answered(page)
    expected = of(upstream.last)
    assert expected == {"who": 'Zoë "Z"', "city": "Oslo"}
    count = len(upstream.received)
    code = sample(page, "Python")
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("200 ")
    assert of(upstream.last) == expected
    code = sample(page, "JavaScript")
    page.expected = ("console-api",)
    page.driver.execute_async_script(
        f"const done = arguments[0]; (async () => {{ {code} }})().then(done, done)"
    )
    assert of(upstream.last) == expected
    assert len(upstream.received) == count + 2
    assert sample(page, "curl").startswith("curl ")


def test_theme_switch_is_kept(ships: Server, page: Browser) -> None:
    """The switch goes from the system's theme to light and dark, and is kept."""
    page.open(f"{ships.urls['fleet']}/docs")
    page.wait("document.querySelectorAll('details.op').length")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.run(f"return {ground}")
    switch = page.one("#theme")
    assert switch.text == "Theme: system"
    switch.click()
    switch.click()
    assert switch.text == "Theme: dark"
    dark = page.run(f"return {ground}")
    assert dark != light
    page.open(page.driver.current_url)
    assert page.text("#theme") == "Theme: dark"
    assert page.run(f"return {ground}") == dark
    page.dark(True)
    page.one("#theme").click()
    assert page.run(f"return {ground}") == dark
    page.one("#theme").click()
    assert page.run(f"return {ground}") == light
    page.run("localStorage.clear()")


@pytest.mark.parametrize("words", [(), ("--single-port", "0")])
def test_copy_button_copies_the_mcp_address(
    tmp_path: Path, upstream: Recorder, page: Browser, words: tuple[str, ...]
) -> None:
    """The head of the page has the MCP address, with a button that copies it."""
    file = write(tmp_path / "s.yaml", document(rest(), mcp()))
    allowed = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.driver.execute_cdp_cmd("Browser.grantPermissions", allowed)
    with Server(file, "--base-uri", upstream.url, *words, ready=2) as server:
        page.open(f"{server.urls['shop']}/docs")
        page.wait("document.querySelector('#mcp code')")
        address = page.text("#mcp code")
        url = f"{server.urls['shop-mcp']}/mcp"
        assert address.replace("localhost", "127.0.0.1") == url
        page.one("#mcp button").click()
        page.wait("document.querySelector('#mcp button').innerText === 'Copied'")
        copied = page.driver.execute_async_script(
            "navigator.clipboard.readText().then(arguments[0], arguments[0])"
        )
        assert copied == address
        # Something answers there: a message without a session gets no 404.
        assert requests.post(address, json={}, timeout=5).status_code in (400, 406)


def test_wide_window_has_a_sidebar_and_a_phone_descriptions(
    ships: Server, page: Browser
) -> None:
    """A wide window lists the operations beside them; a narrow one shows all texts."""
    page.size(1400)
    page.open(f"{ships.urls['fleet']}/docs")
    page.wait("document.querySelectorAll('details.op').length")
    links = page.all("#side a")
    assert len(links) == len(page.all("details.op"))
    page.one("#side a[title='/orders']").click()
    page.wait(f"document.querySelector('{OPEN} .path').innerText === '/orders'")
    page.one("#search").send_keys("orders")
    assert [link.is_displayed() for link in links].count(True) == 1
    page.size(390)
    assert not page.one("#side").is_displayed()
    assert page.one("details.op[open] .what").is_displayed()
    assert page.run("return document.body.scrollWidth <= innerWidth")


def test_page_of_an_adapter_is_accessible(
    ships: Server, page: Browser, axe: str
) -> None:
    """axe-core finds no serious fault: light and dark, wide and narrow, filled in."""
    opened(page, ships, ORDER)
    page.run("document.querySelectorAll('details').forEach(n => { n.open = true })")
    page.wait("document.querySelectorAll('details.op form').length === 5")
    page.run("document.querySelectorAll('details').forEach(n => { n.open = true })")
    page.wait("document.querySelectorAll('.answers pre').length > 5")
    fill(page, name="Ann", tags="[1")
    page.run("document.querySelectorAll('.actions button:not(.send)')[9].click()")
    page.wait("document.querySelector('pre.curl')")
    for width, is_dark in ((390, False), (1200, True), (1500, False)):
        page.size(width)
        page.dark(is_dark)
        page.shot(f"explorer-{width}-{'dark' if is_dark else 'light'}")
        assert page.faults(axe) == []


@pytest.mark.parametrize(
    ("authentication", "typed", "shown"),
    [
        (
            {"type": "bearer", "token": "s3cr3t-token"},
            "Bearer s3cr3t-token",
            '"Authorization: Bearer $BEARER"',
        ),
        (
            {"type": "apikey", "key": "X-Key", "value": "s3cr3t-key"},
            "s3cr3t-key",
            '"X-Key: $APIKEY"',
        ),
        (
            {"type": "apikey", "key": "k", "value": "s3cr3t&", "placement": "query"},
            "s3cr3t&",
            "'?k='\"$APIKEY\"",
        ),
    ],
)
def test_page_sends_credentials_and_hides_them_in_commands(
    tmp_path: Path,
    upstream: Recorder,
    page: Browser,
    authentication: Any,
    typed: str,
    shown: str,
) -> None:
    """The page asks for credentials, sends them and shows a variable in `curl`."""
    page.expected = ("status of 401",)
    guarded = rest(authentication=authentication)
    file = write(tmp_path / "s.yaml", document(guarded))
    with Server(file, "--base-uri", upstream.url) as server:
        page.open(f"{server.urls['shop']}/docs")
        page.wait("document.querySelector('#token')")
        assert page.run("return document.activeElement.id") == "token"
        page.press("wrong", ENTER)
        page.wait("document.querySelector('#token')?.value === ''")
        page.shot("explorer-credentials")
        page.press(typed, ENTER)
        page.wait("document.querySelectorAll('details.op').length === 1")
        page.run("document.querySelector('details.op').open = true")
        page.wait(f"document.querySelector('{OPEN} form')")
        send(page)
        assert answered(page).startswith("200 OK")
        line = page.text(f"{OPEN} .curl")
        assert shown in line
        assert "s3cr3t" not in page.run("return document.body.innerText")
        secret = authentication.get("token") or authentication["value"]
        name = "BEARER" if "token" in authentication else "APIKEY"
        value = secret.replace("&", "%26")
        found = subprocess.run(
            ["sh", "-c", f"{name}='{value}'; {line} --silent"],
            capture_output=True,
            check=True,
        )
        assert json.loads(found.stdout) == [{"id": 1}]
        # In Python, too, the secret is a variable.
        code = sample(page, "Python")
        assert "s3cr3t" not in code
        ran = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={**os.environ, name: secret},
        )
        assert ran.stdout.startswith(b"200 ")
        assert server.stop() == 0
