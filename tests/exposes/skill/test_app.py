"""The skill adapter; ids are those of the facts in spec 11.9."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

import naftiko
from naftiko.exposes.engine import Engine
from support.building import document
from support.guarding import Nobody, ask
from support.skilling import ORDERS, app, get


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


def test_only_reading_is_allowed() -> None:
    """Only reading: 405 with what is allowed, and OPTIONS tells it."""
    skills = app(ORDERS)
    status, headers, _ = ask(skills, "/skills", method="POST")
    assert (status, headers["allow"]) == (405, ["GET, HEAD"])
    assert ask(skills, "/skills", method="OPTIONS")[0] == 204
    for method, path in (("POST", "/skills"), ("GET", "/skills/none")):
        _, headers, body = ask(skills, path, method=method)
        assert [json.loads(body)["requestId"]] == headers["x-request-id"]


def test_reload_shows_the_new_skills() -> None:
    """After reloading the new skills are told."""
    skills = app({"name": "old"})
    other = app({"name": "new"})
    engine = Engine(naftiko.load(document(), schema=None), Nobody())
    skills.replace(skills.prepare(engine, other.exposes))
    assert [s["name"] for s in get(skills, "/skills")[1]["skills"]] == ["new"]
