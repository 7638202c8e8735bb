"""Operations are found by their names; a mistake gets the nearest one."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from support.building import document


def loaded() -> naftiko.Capability:
    """Load four operations called `get` in resources that share names, and one more."""
    data = document()
    resources = [("r1", "/1"), ("r2", "/2"), ("r2", "/3"), ("", "/4")]
    data["capability"]["consumes"][0]["resources"] = [
        {"name": name, "path": path, "operations": [{"name": "get", "method": "GET"}]}
        for name, path in resources
    ]
    data["capability"]["consumes"][0]["resources"][0]["operations"].append(
        {"name": "list-all", "method": "DELETE", "description": "Every thing there is."}
    )
    return naftiko.load(data, schema=None)


def test_ambiguous_names_have_longer_ones() -> None:
    """Each operation is listed once, by resource or by number; the short name is not."""
    api = loaded()
    refs = ["api.r1.get", "api.list-all", "api.get#2", "api.get#3", "api.get#4"]
    assert list(api.operations) == refs
    assert len(api.operations) == 5
    assert "api.get" not in api.operations
    with pytest.raises(naftiko.UnknownOperation) as caught:
        api.operations["api.get"]
    assert caught.value.code == "U-operation-ambiguous"
    assert (
        caught.value.hint == "use one of: api.r1.get, api.get#2, api.get#3, api.get#4"
    )
    assert type(caught.value).__name__ == "UnknownOperation"
    for ref, path in [
        ("api.r1.get", "/1"), ("api.get#1", "/1"), ("api.get#3", "/3"),
        ("api.r1.list-all", "/1"), ("api.list-all", "/1"),
    ]:  # fmt: skip
        assert api.request(ref).url.endswith(path)


@pytest.mark.parametrize(
    ("ref", "near"),
    [
        ("api.list-al", "api.list-all"),
        ("list-al", "api.list-all"),
        ("API.List-All", "api.list-all"),
        ("api.r2.get", "api.r1.get"),
        ("api.get#0", "api.get#4"),
        ("api.get#\u00b2", "api.get#4"),
        ("api.get#99999999999999999999", "capability.operations"),
        ("", "capability.operations"),
        (None, "capability.operations"),
        (5, "capability.operations"),
    ],
)
def test_unknown_names_get_the_nearest(ref: Any, near: str) -> None:
    """Every way to ask gives the same error, which is also a `KeyError` of a mapping."""
    api = loaded()
    for act in (api.call, api.exchange, api.request, api.stream, api.operations.find):
        with pytest.raises(naftiko.UnknownOperation) as caught:
            act(ref)
        assert near in caught.value.hint
    with pytest.raises(KeyError):
        api.operations[ref]
    assert api.operations.get(ref) is None


def test_bare_name_finds_the_only_operation_of_it() -> None:
    """A name without its namespace is enough where no other operation has it."""
    api = loaded()
    assert api.operations.find("list-all").ref == "api.list-all"
    with pytest.raises(naftiko.UnknownOperation) as caught:
        api.operations.find("get")
    assert caught.value.message == "several operations are called 'get'"
    assert "api.get#2" in caught.value.hint
    # A document names the namespace.
    assert api.operations.resolve("list-all") is None


def test_search() -> None:
    """Every word has to be there: in names, path, method, description or inputs."""
    operations = loaded().operations
    assert [op.ref for op in operations.search("every THING")] == ["api.list-all"]
    assert [op.ref for op in operations.search("get /2")] == ["api.get#2"]
    assert [op.ref for op in operations.search("delete")] == ["api.list-all"]
    assert operations.search("nothing like it") == ()
    assert len(operations.search("")) == 5


def test_one_namespace_does_not_know_the_other() -> None:
    """The same name in two namespaces is two operations, each called by its own."""
    data = document()
    (adapter,) = data["capability"]["consumes"]
    data["capability"]["consumes"].append(
        {**adapter, "namespace": "other", "baseUri": "http://other"}
    )
    api = naftiko.load(data, schema=None)
    assert list(api.operations) == ["api.op", "other.op"]
    assert api.request("other.op").url == "http://other/x"
    api = naftiko.load(data, schema=None, base_uri={"other": "http://mine/v1"})
    assert api.request("other.op").url == "http://mine/v1/x"
    assert api.request("api.op").url == "http://127.0.0.1:9/x"
