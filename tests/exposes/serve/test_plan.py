"""`Source`: one document to serve, and base URIs that override those declared."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.errors import DocumentError
from naftiko.exposes.options import Options
from naftiko.exposes.serve import plan as plans
from naftiko.exposes.serve.plan import ServePlan, Source, processes_of
from support.serving_process import write
from support.shop import UPSTREAM, document, mcp, rest


def two_namespaces() -> Any:
    """Return a document that consumes `api` and `other`."""
    data = document(rest())
    other = {**UPSTREAM, "namespace": "other"}
    data["capability"]["consumes"] = [UPSTREAM, other]
    return data


@pytest.mark.parametrize(
    ("base_uris", "urls"),
    [
        ({}, ["http://127.0.0.1:9", "http://127.0.0.1:9"]),
        ({"api": "http://a.test"}, ["http://a.test", "http://127.0.0.1:9"]),
        ({"": "http://b.test"}, ["http://b.test", "http://b.test"]),
        (
            {"": "http://b.test", "api": "http://a.test"},
            ["http://a.test", "http://b.test"],
        ),
        # Another document may consume this namespace.
        ({"elsewhere": "http://a.test"}, ["http://127.0.0.1:9", "http://127.0.0.1:9"]),
    ],
)
def test_base_uri_override_is_chosen_by_namespace(
    tmp_path: Path, base_uris: dict[str, str], urls: list[str]
) -> None:
    """A base URI for the empty namespace stands for all other namespaces."""
    file = write(tmp_path / "shop.yaml", two_namespaces())
    capability = Source(str(file), base_uris).load()
    requests = [capability.request(f"{name}.things") for name in ("api", "other")]
    assert [request.url for request in requests] == [f"{url}/things" for url in urls]


def test_source_is_named_after_its_file() -> None:
    """The name of a source tells two documents apart in a path prefix."""
    assert Source("/srv/shop.yaml").name == "shop"


def test_missing_file_is_a_document_error(tmp_path: Path) -> None:
    """A file name that looks like a document is still a file name."""
    with pytest.raises(DocumentError, match="cannot be read"):
        Source(str(tmp_path / "{naftiko: 1}")).load()


def test_variable_is_given_to_the_documents_that_use_it(tmp_path: Path) -> None:
    """A name that a document does not use stays an argument there."""
    data = two_namespaces()
    data["binds"] = [{"namespace": "env", "keys": {"TOKEN": "N_TOKEN"}}]
    file = write(tmp_path / "shop.yaml", data)
    capability = Source(str(file), variables={"TOKEN": "t", "id": "7"}).load()
    assert capability.variables.get("TOKEN") == "t"
    assert not capability.variables.knows("id")


@pytest.mark.parametrize(
    ("exposed", "changes", "count"),
    [
        ([rest()], {}, 6),
        ([mcp()], {}, 1),
        ([mcp(transport="stdio"), rest()], {}, 6),
        ([mcp(), rest()], {"only": ("shop",)}, 6),
        ([mcp(), rest()], {"only": ("shop-mcp",)}, 1),
        ([mcp()], {"options": Options(sessions=False)}, 6),
        ([rest()], {"watch": True}, 1),
        ([rest()], {"sources": [Source("-")]}, 1),
    ],
)
def test_each_core_has_a_process_unless_memory_is_needed(
    exposed: list[Any],
    changes: dict[str, Any],
    count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sessions, watched files and standard input belong to one process."""
    monkeypatch.setattr(plans, "usable_cores", lambda: 6)
    plan = ServePlan([Source("shop.yaml")], Options())._replace(**changes)
    capability = naftiko.load(document(*exposed), schema=None)
    assert processes_of(plan, [capability]) == count


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_system_without_a_safe_fork_has_one_process(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has no fork, and libraries of macOS may end a process after one."""
    monkeypatch.setattr(plans, "usable_cores", lambda: 6)
    capability = naftiko.load(document(rest()), schema=None)
    plan = ServePlan([Source("shop.yaml")], Options())
    assert processes_of(plan, [capability]) == 6
    monkeypatch.setattr(sys, "platform", platform)
    if platform == "win32":
        monkeypatch.delattr(os, "fork")
    assert processes_of(plan, [capability]) == 1
