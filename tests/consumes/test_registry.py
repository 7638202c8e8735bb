"""How operations are found, what is near, and what each of them shows."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from support.building import capability, document


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
        ("list-all", "api.list-all"),
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


def test_search() -> None:
    """Every word has to be there: in ref, path, method or description."""
    operations = loaded().operations
    assert [op.ref for op in operations.search("every THING")] == ["api.list-all"]
    assert [op.ref for op in operations.search("get /2")] == ["api.get#2"]
    assert [op.ref for op in operations.search("delete")] == ["api.list-all"]
    assert operations.search("nothing like it") == ()
    assert len(operations.search("")) == 5


def test_an_operation_is_shown_as_data_and_as_a_page() -> None:
    """An operation describes itself without being called."""
    api = capability(
        {
            "name": "op",
            "method": "PUT",
            "description": "Does it.",
            "inputParameters": [
                {
                    "name": "id",
                    "in": "path",
                    "type": "integer",
                    "description": "Which.",
                },
                {"name": "q", "in": "query", "required": True},
                {"name": "v", "in": "query", "value": "1"},
            ],
            "body": {"type": "json", "data": {"a": "{{tools.x}}", "b": "t {{y}}"}},
            "outputParameters": [{"name": "n", "type": "string", "value": "$.n"}],
        },
        resource={"name": "things", "path": "/things/{id}"},
        consumes={"authentication": {"type": "apikey", "key": "K", "value": "v"}},
    )
    operation = api.operations["api.op"]
    shown = (
        operation.ref, operation.namespace, operation.name, operation.resource,
        operation.method, operation.path, operation.description, operation.auth,
        operation.body, operation.is_safe, operation.is_idempotent, operation.takes_body,
    )  # fmt: skip
    assert shown == (
        "api.op", "api", "op", "things", "PUT", "/things/{id}", "Does it.", "apikey",
        "application/json: a, b", False, True, False,
    )  # fmt: skip
    assert [
        (p.name, p.in_, p.type, p.required, p.description) for p in operation.parameters
    ] == [
        ("id", "path", "integer", True, "Which."),
        ("q", "query", "", True, ""),
        ("x", "body", "", False, ""),
        ("y", "body", "", True, ""),
    ]
    assert [(o.name, o.type, o.value) for o in operation.output_parameters] == [
        ("n", "string", "$.n")
    ]
    assert operation.as_dict()["parameters"][1]["type"] == "string"


@pytest.mark.parametrize(
    ("method", "safe", "idempotent"),
    [
        ("GET", True, True), ("HEAD", True, True), ("PUT", False, True),
        ("DELETE", False, True), ("POST", False, False), ("PATCH", False, False),
    ],
)  # fmt: skip
def test_safe_and_idempotent(method: str, safe: bool, idempotent: bool) -> None:
    """Both are told by the method alone (RFC 9110, 9.2)."""
    operation = capability({"method": method}).operations["api.op"]
    assert (operation.is_safe, operation.is_idempotent) == (safe, idempotent)
    assert operation.takes_body is (method in ("POST", "PUT", "PATCH"))


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
