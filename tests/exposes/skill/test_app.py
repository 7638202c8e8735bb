"""The skill adapter; ids are those of the facts in spec 11.9."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.exposes.engine import Engine
from naftiko.exposes.options import Options
from naftiko.exposes.skill.app import SkillApp
from support.building import document
from support.guarding import Nobody, ask

REST = {
    "type": "rest",
    "namespace": "orders-rest",
    "port": 8080,
    "resources": [
        {
            "path": "/orders",
            "operations": [{"name": "list-orders", "method": "GET", "call": "api.op"}],
        }
    ],
}
MCP = {
    "type": "mcp",
    "namespace": "orders-mcp",
    "port": 9090,
    "tools": [{"name": "find", "description": "Find one.", "call": "api.op"}],
}


def app(*skills: Any, **more: Any) -> SkillApp:
    """Return the application of an adapter with these skills."""
    data = document()
    adapter = {"type": "skill", "namespace": "s", "port": 3010, "skills": list(skills)}
    data["capability"]["exposes"] = [REST, MCP, {**adapter, **more}]
    loaded = naftiko.load(data, schema=None)
    return SkillApp(Engine(loaded, Nobody()), loaded.exposes[2], Options())


def get(skills: SkillApp, path: str, **more: Any) -> tuple[int, Any]:
    """Ask for a path; return status and the JSON of the body."""
    status, _, body = ask(skills, path, **more)
    return status, json.loads(body) if body else None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a skill, and something beside it that is not its own."""
    root = tmp_path / "skill"
    (root / "references").mkdir(parents=True)
    (root / "SKILL.md").write_text(
        "---\nname: other\ndescription: From the file.\nlicense: MIT\n"
        "allowed-tools: Bash Read\nmetadata: {team: web}\n---\n# Orders\n"
    )
    (root / "references" / "a.json").write_text("{}")
    (root / "guide.md").write_text("# Guide")
    (root / ".env").write_text("SECRET=1")
    (tmp_path / "outside.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    return root


ORDERS = {
    "name": "orders",
    "description": "Handle orders.",
    "allowed-tools": "list-orders,find",
    "argument-hint": "[id]",
    "tools": [
        {
            "name": "list",
            "description": "List them.",
            "from": {"sourceNamespace": "orders-rest", "action": "list-orders"},
        },
        {"name": "find", "from": {"sourceNamespace": "orders-mcp", "action": "find"}},
    ],
}


def test_catalogue_lists_skills_in_order(folder: Path) -> None:
    """C01: how many, their names in order, and their tools."""
    skills = app(ORDERS, {"name": "plain", "description": "Nothing."})
    assert get(skills, "/skills") == (
        200,
        {
            "count": 2,
            "skills": [
                {
                    "name": "orders",
                    "description": "Handle orders.",
                    "tools": ["list", "find"],
                },
                {"name": "plain", "description": "Nothing.", "tools": []},
            ],
        },
    )


def test_skill_shows_its_tools(folder: Path) -> None:
    """C01, C04: derived tools of REST and MCP siblings, an instruction."""
    skill = {
        **ORDERS,
        "location": folder.as_uri(),
        "tools": [
            *ORDERS["tools"],
            {"name": "guide", "description": "Read it.", "instruction": "guide.md"},
        ],
    }
    status, found = get(app(skill), "/skills/orders")
    assert status == 200
    assert found == {
        "name": "orders",
        "description": "Handle orders.",
        "license": "MIT",
        "argument-hint": "[id]",
        "allowed-tools": "list-orders find",
        "metadata": {"team": "web"},
        "tools": [
            {
                "name": "list",
                "description": "List them.",
                "type": "derived",
                "invocationRef": {
                    "targetNamespace": "orders-rest",
                    "action": "list-orders",
                    "mode": "rest",
                },
            },
            {
                "name": "find",
                "description": "Find one.",
                "type": "derived",
                "invocationRef": {
                    "targetNamespace": "orders-mcp",
                    "action": "find",
                    "mode": "mcp",
                },
            },
            {
                "name": "guide",
                "description": "Read it.",
                "type": "instruction",
                "instruction": "guide.md",
            },
        ],
    }


def test_front_matter_fills_what_the_document_leaves_out(folder: Path) -> None:
    """The document wins; a damaged or absent `SKILL.md` changes nothing."""
    bare = {"name": "orders", "location": folder.as_uri()}
    skills = app(bare)
    found = get(skills, "/skills/orders")[1]
    assert found["description"] == "From the file."
    assert found["allowed-tools"] == "Bash Read"
    assert found["name"] == "orders"
    (folder / "SKILL.md").write_text("---\n{: bad\n---\n")
    assert get(skills, "/skills/orders")[1]["description"] == ""


def test_unknown_skill_is_not_found() -> None:
    """C02: 404 with the names there are; a skill without tools lists none."""
    skills = app({"name": "plain", "description": "x"})
    assert get(skills, "/skills/plain")[1]["tools"] == []
    for path in (
        "/skills/plian",
        "/skills/plian/contents",
        "/nothing",
        "/skills/plain/x",
    ):
        status, problem = get(skills, path)
        assert status == 404
        assert problem["status"] == 404
    assert "plain" in get(skills, "/skills/plian")[1]["detail"]
    for path in ("contents", "download", "contents/a"):
        status, problem = get(skills, f"/skills/plain/{path}")
        assert (status, "no location" in problem["detail"]) == (404, True)


def test_contents_list_every_file(folder: Path) -> None:
    """C03: every file below the folder, sorted; nothing hidden, nothing outside."""
    skills = app({"name": "o", "location": folder.as_uri()})
    found = get(skills, "/skills/o/contents")[1]
    assert [(f["path"], f["type"]) for f in found["files"]] == [
        ("SKILL.md", "text/markdown"),
        ("guide.md", "text/markdown"),
        ("references/a.json", "application/json"),
    ]
    assert found["files"][1]["size"] == 7
    status, headers, body = ask(skills, "/skills/o/contents/references/a.json")
    assert (status, body) == (200, b"{}")
    assert headers["content-type"] == ["application/json"]
    assert ask(skills, "/skills/o/contents/guide.md", method="HEAD")[2] == b""


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("../outside.txt", 400),
        ("..", 400),
        ("references/../../outside.txt", 400),
        ("link.txt", 400),
        (".env", 400),
        ("a\\b", 400),
        ("references", 400),
        ("gone.md", 404),
    ],
)
def test_files_stay_in_the_folder(folder: Path, path: str, status: int) -> None:
    """No traversal, no hidden file, no way through a symbolic link."""
    skills = app({"name": "o", "location": folder.as_uri()})
    code, _, body = ask(skills, f"/skills/o/contents/{path}")
    assert code == status
    assert b"secret" not in body


def test_download_is_a_zip_of_the_folder(folder: Path) -> None:
    """C03: a zip of the folder, with the same files."""
    skills = app({"name": "o", "location": folder.as_uri()})
    status, headers, body = ask(skills, "/skills/o/download")
    assert status == 200
    assert headers["content-disposition"] == ['attachment; filename="o.zip"']
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        names = archive.namelist()
    assert names == ["o/SKILL.md", "o/guide.md", "o/references/a.json"]


def test_missing_folder_is_not_found_when_asked_for() -> None:
    """Published files name folders that do not exist: told when asked for, no earlier."""
    skills = app({"name": "o", "location": "file:///opt/nothing/here"})
    assert get(skills, "/skills/o")[0] == 200
    assert get(skills, "/skills/o/contents")[0] == 404
    assert get(skills, "/skills/o/download")[0] == 404


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        ({}, "must define either 'from' or 'instruction'."),
        (
            {"from": {"sourceNamespace": "orders-rest"}, "instruction": "x"},
            "cannot define both 'from' and 'instruction'.",
        ),
        (
            {"from": {"sourceNamespace": "orders", "action": "x"}},
            r"unknown namespace 'orders'. Expected one of: \[orders-rest, orders-mcp\]",
        ),
        ({"instruction": "x.md"}, "but the skill has no 'location' configured."),
    ],
)
def test_unclear_skill_tool_stops_the_start(tool: Any, message: str) -> None:
    """Spec 5.1: a tool that does not say what it is stops the start."""
    with pytest.raises(naftiko.ServeError, match=message):
        app({"name": "s", "description": "d", "tools": [{"name": "t", **tool}]})


def test_call_of_a_skill_is_listed_as_a_tool() -> None:
    """Dialect 7.6: a `call` on a skill, on its tool, or below the adapter is a tool."""
    skills = app(
        {"name": "a", "description": "d", "call": "api.op"},
        {"name": "b", "tools": [{"name": "t", "call": "api.op"}]},
        tools=[{"name": "loose", "call": "api.op"}],
    )
    for name, tool in (("a", "a"), ("b", "t"), ("s", "loose")):
        found = get(skills, f"/skills/{name}")[1]["tools"]
        assert [(t["name"], t["type"], t["call"]) for t in found] == [
            (tool, "call", "api.op")
        ]


def test_only_reading_is_allowed() -> None:
    """Only reading: 405 with what is allowed, and OPTIONS tells it."""
    skills = app(ORDERS)
    status, headers, _ = ask(skills, "/skills", method="POST")
    assert (status, headers["allow"]) == (405, ["GET, HEAD"])
    assert ask(skills, "/skills", method="OPTIONS")[0] == 204
    for method, path in (("POST", "/skills"), ("GET", "/skills/none")):
        _, headers, body = ask(skills, path, method=method)
        assert [json.loads(body)["requestId"]] == headers["x-request-id"]


def test_skill_on_another_machine_stops_the_start() -> None:
    """Its folder cannot be read, so nothing of it could be told."""
    with pytest.raises(naftiko.ServeError, match="is no file: URI") as caught:
        app({"name": "s", "location": "https://a.test/s"})
    assert caught.value.code == "U-location"


def test_reload_shows_the_new_skills() -> None:
    """After reloading the new skills are told."""
    skills = app({"name": "old"})
    other = app({"name": "new"})
    engine = Engine(naftiko.load(document(), schema=None), Nobody())
    skills.replace(skills.prepare(engine, other.exposes))
    assert [s["name"] for s in get(skills, "/skills")[1]["skills"]] == ["new"]
