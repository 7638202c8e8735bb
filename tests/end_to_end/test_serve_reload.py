"""Hot reload of `naftiko serve` by `--reload`, SIGHUP and the control port."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from support.recorder import Recorder
from support.serving_process import Server, write
from support.shop import CONTROL, UPSTREAM, document, mcp, rest

# Each starts a process and waits for reloads.
pytestmark = pytest.mark.slow


def test_reload_drops_no_request(tmp_path: Path, upstream: Recorder) -> None:
    """A reload under load answers each request with the old or the new version."""
    file = write(tmp_path / "shop.yaml", document(rest()))
    with Server(file, "--base-uri", upstream.url, "--reload") as server:
        base = server.urls["shop"]
        statuses: dict[str, set[int]] = {"/things": set(), "/new": set()}
        stop = threading.Event()

        def load(path: str) -> None:
            with requests.Session() as session:
                while not stop.is_set():
                    code = session.get(base + path, timeout=5).status_code
                    statuses[path].add(code)

        threads = [threading.Thread(target=load, args=(path,)) for path in statuses]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        time.sleep(1.0)
        both = document(rest())
        both["capability"]["exposes"][0]["resources"] += rest(path="/new")["resources"]
        write(file, both)
        server.wait_for("^reloaded")
        time.sleep(0.3)
        stop.set()
        for thread in threads:
            thread.join(10)
        assert statuses == {"/things": {200}, "/new": {404, 200}}


def test_broken_edit_keeps_the_old_version(tmp_path: Path, upstream: Recorder) -> None:
    """A broken edit is reported in the log and by the control port.

    The server keeps the old version until the edit is repaired.
    """
    file = write(tmp_path / "shop.yaml", document(rest(), CONTROL))
    with Server(file, "--base-uri", upstream.url, "--reload", ready=2) as server:
        control = server.urls["control"]
        time.sleep(0.1)
        file.write_text("naftiko: [", "utf-8")
        line = server.wait_for("not reloaded")
        assert f"{file}:1:" in line["message"]
        url = f"{server.urls['shop']}/things"
        assert requests.get(url, timeout=5).status_code == 200
        answer = requests.post(f"{control}/config/reload", timeout=5)
        assert answer.status_code == 422
        assert "shop.yaml:1:" in answer.json()["problems"][0]
        write(file, document(rest(path="/other"), CONTROL))
        server.wait_for("^reloaded")
        assert requests.get(url, timeout=5).status_code == 404
        answer = requests.post(f"{control}/config/reload", timeout=5)
        assert answer.json()["status"] == "reloaded"
        assert answer.json()["problems"] == []


def _served_now(server: Server) -> tuple[int, str, str, int]:
    """Return one value of each of four adapters that shows its version."""
    shop, urls = server.urls["shop"], server.urls
    answer = requests.post(
        f"{urls['shop-mcp']}/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        }}},
        headers={
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/list",
        },
        timeout=5,
    )  # fmt: skip
    tools = answer.json()["result"]["tools"]
    skills = requests.get(f"{urls['help']}/skills", timeout=5).json()["skills"]
    return (
        requests.get(f"{shop}/things", timeout=5).status_code,
        tools[0]["description"],
        skills[0]["name"],
        requests.get(f"{urls['control']}/status", timeout=5).status_code,
    )


@pytest.mark.parametrize("how", ["watch", "signal", "post"])
def test_broken_edit_of_one_adapter_keeps_all_of_them(
    tmp_path: Path, upstream: Recorder, how: str
) -> None:
    """Atomic reload: an edit that breaks one adapter changes none of the adapters."""

    def version(new: bool, **tool: Any) -> Any:
        tools = mcp()["tools"]
        management = {**CONTROL["management"], "info": not new}
        if new:
            tools[0]["description"] = "New."
        skill = {
            "name": "new" if new else "old",
            "description": "Helps.",
            "tools": [{"name": "t", "description": "A tool.", **tool}],
        }
        return document(
            rest(path="/new" if new else "/things"),
            {**mcp(), "tools": tools},
            {"type": "skill", "namespace": "help", "port": 0, "skills": [skill]},
            {**CONTROL, "management": management},
        )

    good = {"from": {"sourceNamespace": "shop", "action": "things"}}
    bad = {"from": {"sourceNamespace": "shap", "action": "things"}}
    file = write(tmp_path / "shop.yaml", version(False, **good))
    words = ["--reload"] if how == "watch" else []
    with Server(file, "--base-uri", upstream.url, *words, ready=4) as server:
        url = f"{server.urls['control']}/config/reload"

        def edit(data: Any) -> Any:
            write(file, data)
            if how == "signal":
                server.process.send_signal(signal.SIGHUP)
            return requests.post(url, timeout=5) if how == "post" else None

        old = (200, "List things.", "old", 200)
        assert _served_now(server) == old
        answer = edit(version(True, **bad))
        line = server.wait_for("not reloaded")
        assert "references unknown namespace 'shap'" in line["message"]
        if answer is not None:
            assert answer.status_code == 422
            assert "'shap'" in answer.json()["problems"][0]
        assert _served_now(server) == old
        answer = edit(version(True, **good))
        server.wait_for("^reloaded")
        if answer is not None:
            assert answer.json()["status"] == "reloaded"
            assert answer.json()["problems"] == []
        assert _served_now(server) == (404, "New.", "new", 404)
        assert server.stop() == 0
        assert "Traceback" not in server.text


def test_broken_document_does_not_keep_others_from_reloading(
    tmp_path: Path, upstream: Recorder
) -> None:
    """Each document is reloaded on its own; the answer names the broken document."""
    one = write(tmp_path / "one.yaml", document(rest("one"), CONTROL))
    two = write(tmp_path / "two.yaml", document(rest("two")))
    with Server(one, two, "--base-uri", upstream.url, "--reload", ready=3) as server:
        two.write_text("naftiko: [", "utf-8")
        assert f"{two}:1:" in server.wait_for("not reloaded")["message"]
        server.wait_for("^reloaded")
        write(one, document(rest("one", path="/new"), CONTROL))
        assert server.wait_for("^reloaded")["message"] == f"reloaded {one}"
        for name, path in (("one", "new"), ("two", "things")):
            url = f"{server.urls[name]}/{path}"
            assert requests.get(url, timeout=5).status_code == 200
        url = f"{server.urls['control']}/config/reload"
        answer = requests.post(url, timeout=5)
        assert answer.status_code == 422
        assert "two.yaml:1:" in answer.json()["problems"][0]


@pytest.mark.slow
def test_import_that_is_deleted_and_rewritten_is_served(
    tmp_path: Path, upstream: Recorder
) -> None:
    """An import that an editor deletes and writes again is served again.

    The log names the import while it is missing.
    """
    imported = tmp_path / "api.yaml"
    library = {"naftiko": "1.0.0-alpha2", "consumes": [UPSTREAM]}
    write(imported, library)
    data = document(rest())
    data["capability"]["consumes"] = [{"location": "api.yaml", "import": "api"}]
    file = write(tmp_path / "shop.yaml", data)
    with Server(file, "--base-uri", upstream.url, "--reload") as server:
        url = f"{server.urls['shop']}/things"
        assert requests.get(url, timeout=5).status_code == 200
        imported.unlink()
        line = server.wait_for("U-import-unresolved")
        assert line["level"] == "error"
        assert requests.get(url, timeout=5).status_code == 200
        write(imported, library)
        server.wait_for("^reloaded")
        assert requests.get(url, timeout=5).status_code == 200


@pytest.mark.slow
def test_changes_that_need_a_restart_are_named(
    tmp_path: Path, upstream: Recorder
) -> None:
    """A reload names new, removed and moved adapters, which need a restart."""
    file = write(tmp_path / "shop.yaml", document(rest(), mcp(), CONTROL))
    with Server(file, "--base-uri", upstream.url, ready=3) as server:
        write(file, document(rest(port=1), rest("more"), CONTROL))
        answer = requests.post(f"{server.urls['control']}/config/reload", timeout=5)
        told = " ".join(answer.json()["problems"])
        assert "'shop' moves" in told
        assert "'more' is new" in told
        assert "'shop-mcp' is gone" in told
