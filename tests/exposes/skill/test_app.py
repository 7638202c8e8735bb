"""The skill adapter; ids are those of the facts in spec 11.9."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest

import naftiko
from naftiko.exposes.engine import Engine
from support.building import document
from support.guarding import Nobody, ask
from support.skilling import ORDERS, app, get


def test_catalogue_of_skills_is_in_order() -> None:
    """C01: `/skills` has a count, the names in order, and the tools of each skill."""
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
    """C01, C04: tools derived from REST and MCP siblings, and an instruction."""
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
    """C02: the 404 lists the known skills; a skill without tools has an empty list."""
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


def test_contents_of_a_skill_list_every_file(folder: Path) -> None:
    """C03: files below the folder, sorted, without hidden files and symlinks out."""
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
def test_path_traversal_out_of_a_skill_is_refused(
    folder: Path, path: str, status: int
) -> None:
    """Path traversal, hidden files and symlinks out of the folder are refused."""
    skills = app({"name": "o", "location": folder.as_uri()})
    code, _, body = ask(skills, f"/skills/o/contents/{path}")
    assert code == status
    assert b"secret" not in body


def test_download_of_a_skill_is_a_zip_of_its_folder(folder: Path) -> None:
    """C03: the zip has the files that `contents` lists."""
    skills = app({"name": "o", "location": folder.as_uri()})
    status, headers, body = ask(skills, "/skills/o/download")
    assert status == 200
    assert headers["content-disposition"] == ['attachment; filename="o.zip"']
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        names = archive.namelist()
    assert names == ["o/SKILL.md", "o/guide.md", "o/references/a.json"]


@pytest.mark.parametrize("name", ['a"b', "a\r\nX-Y: z", "../../a", "été", "ß" * 500])
def test_odd_name_of_a_skill_is_plain_in_header_and_archive(
    folder: Path, name: str
) -> None:
    """A name cannot break a header, nor lead out of the folder of who unpacks it."""
    skills = app({"name": name, "location": folder.as_uri()})
    status, headers, body = ask(skills, f"/skills/{quote(name, safe='')}/download")
    assert status == 200
    (told,) = headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9_-]{1,100}\.zip"', told)
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert not [path for path in archive.namelist() if ".." in path]


def test_missing_folder_of_a_skill_is_404_on_request() -> None:
    """Published files name missing folders, so the start does not check them."""
    skills = app({"name": "o", "location": "file:///opt/nothing/here"})
    assert get(skills, "/skills/o")[0] == 200
    assert get(skills, "/skills/o/contents")[0] == 404
    assert get(skills, "/skills/o/download")[0] == 404


def test_skill_adapter_allows_get_and_head_only() -> None:
    """POST gets 405 with `Allow`; OPTIONS gets 204."""
    skills = app(ORDERS)
    status, headers, _ = ask(skills, "/skills", method="POST")
    assert (status, headers["allow"]) == (405, ["GET, HEAD"])
    assert ask(skills, "/skills", method="OPTIONS")[0] == 204
    for method, path in (("POST", "/skills"), ("GET", "/skills/none")):
        _, headers, body = ask(skills, path, method=method)
        assert [json.loads(body)["requestId"]] == headers["x-request-id"]


def test_reload_shows_the_new_skills() -> None:
    """`/skills` after a reload lists the skills of the new version."""
    skills = app({"name": "old"})
    other = app({"name": "new"})
    engine = Engine(naftiko.load(document(), schema=None), Nobody())
    skills.replace(skills.prepare(engine, other.exposes))
    assert [s["name"] for s in get(skills, "/skills")[1]["skills"]] == ["new"]
