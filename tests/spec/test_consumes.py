"""Consumed adapters: resources, operations, parameters, bodies and outputs.

The cases with whole documents are in `tests/spec/cases/`.
"""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.document.findings import Findings
from naftiko.spec.consumes import ConsumesReader
from naftiko.spec.model import Body, InputParameter, OperationSpec, OutputParameter
from support.building import capability
from support.casefiles import cases
from support.reading import check
from support.records import findings, said


@pytest.mark.parametrize(
    "case", cases("spec/cases", "adapter", "operations", "parameters", "bodies")
)
def test_consumed_adapter_in_a_document(case: dict[str, Any]) -> None:
    """An adapter gets the findings that its case lists, at the listed places."""
    check(case)


def _read(*adapters: Any) -> tuple[ConsumesReader, Findings]:
    """Read adapters; each gets a namespace and a base URI where it has none."""
    whole = [
        {"namespace": f"n{number}", "baseUri": "https://a.test", **adapter}
        for number, adapter in enumerate(adapters)
    ]
    reader = ConsumesReader(findings(whole))
    reader.read(whole, ("part",))
    return reader, reader.findings


def _operation(
    entry: Any, resource: Any = None, adapter: Any = None
) -> tuple[OperationSpec, list[tuple[str, str]]]:
    """Read one operation; return it, and place and message of what is noted."""
    operation = {"name": "op", "method": "POST", **entry}
    resource = {
        "name": "r",
        "path": "/x",
        **(resource or {}),
        "operations": [operation],
    }
    reader, found = _read({**(adapter or {}), "resources": [resource]})
    place = "/part/0/resources/0"
    noted = [(path.removeprefix(place), told) for _, path, told in said(found)]
    return reader.operations[0], noted


def test_operation_has_what_its_adapter_and_resource_share() -> None:
    """A record of an operation holds its adapter, label, full path and places."""
    entry = {
        "path": "/{id}",
        "method": "get",
        "description": "One.",
        "outputSchema": "s",
    }
    operation, _ = _operation(entry, {"name": "ships", "path": "/ships/"})
    assert operation.consumes.namespace == "n0"
    assert operation[1:6] == ("op", "ships", "GET", "/ships/{id}", "One.")
    assert (operation.output_raw_format, operation.output_schema) == ("json", "s")
    place = ("part", 0, "resources", 0, "operations", 0)
    assert operation.path == place
    assert operation.url_path_at == (*place, "path")


def _inputs(*names: str, **more: Any) -> dict[str, Any]:
    return {"inputParameters": [{"name": name, **more} for name in names]}


def test_lower_level_replaces_parameters_of_a_higher_one() -> None:
    """A parameter is replaced by one of its name in the same place; headers ignore case."""
    adapter = _inputs("X-V", **{"in": "header", "value": "adapter"})
    adapter["inputParameters"].append({"name": "v", "in": "query", "value": "adapter"})
    resource = _inputs("v", **{"in": "cookie", "value": "resource"})
    own = _inputs("x-v", **{"in": "header", "value": "own"})
    operation, _ = _operation(own, resource, adapter)
    assert [(p.name, p.in_, p.value) for p in operation.parameters] == [
        ("x-v", "header", "own"),
        ("v", "query", "adapter"),
        ("v", "cookie", "resource"),
    ]


def test_constants_of_one_name_are_all_sent() -> None:
    """Constants of one level may share a name; of open parameters the last counts."""
    constants = [{"name": "f", "in": "query", "value": value} for value in "abc"]
    open_ones = [{"name": "q", "in": "query", "type": kind} for kind in ("a", "b")]
    operation, _ = _operation({"inputParameters": [*constants, *open_ones]})
    assert [(p.name, p.value, p.type) for p in operation.parameters] == [
        ("f", "a", ""),
        ("f", "b", ""),
        ("f", "c", ""),
        ("q", None, "b"),
    ]


@pytest.mark.parametrize(
    ("entry", "read"),
    [
        ({"in": "path"}, InputParameter("p", "path", required=True)),
        ({"in": "path", "required": False}, InputParameter("p", "path", required=True)),
        ({"in": "query", "required": True}, InputParameter("p", "query", required=True)),
        ({"in": "query", "required": "true"}, InputParameter("p", "query")),
        ({"template": "{{a}}"}, InputParameter("p", "", value="{{a}}")),
        ({"template": "old", "value": "new"}, InputParameter("p", "", value="new")),
        ({"template": "old", "value": False}, InputParameter("p", "", value=False)),
        ({"value": 0}, InputParameter("p", "", value=0)),
        ({"type": "string", "description": 7}, InputParameter("p", "", "string", description="7")),
    ],
)  # fmt: skip
def test_parameter_is_read(entry: Any, read: InputParameter) -> None:
    """A parameter keeps its constant; one of the path is always required."""
    operation, noted = _operation({"inputParameters": [{"name": "p", **entry}]})
    (parameter,) = operation.parameters
    assert parameter._replace(path=()) == read
    assert noted == []


def test_nameless_parameter_is_an_error_only_in_the_path() -> None:
    """A request cannot be built without a part of its path, but without a query."""
    reader, found = _read(
        {"inputParameters": [{"in": "path"}, {"in": "query"}], "resources": []}
    )
    assert [finding.weight for finding in found.noted] == ["error", "warning"]
    assert reader.consumes[0].parameters == ()


@pytest.mark.parametrize(
    ("fragment", "header", "told"),
    [
        (
            "X-Amz-Target=S.Op",
            ("X-Amz-Target", "S.Op"),
            "sent as the header X-Amz-Target: S.Op",
        ),
        ("x-amz-target=", ("x-amz-target", ""), "sent as the header x-amz-target: "),
        ("X-Amz-Target", None, "not sent"),
        ("Other=1", None, "not sent"),
    ],
)
def test_fragment_may_stand_for_a_header(
    fragment: str, header: tuple[str, str] | None, told: str
) -> None:
    """Of all fragments only the AWS target is a header; it replaces a declared one."""
    declared = _inputs("X-AMZ-TARGET", "X-Other", **{"in": "header"})
    operation, noted = _operation(declared, {"path": f"/#{fragment}"})
    assert operation.url_path == "/"
    names = [(p.name, p.default) for p in operation.parameters]
    assert names == [
        *([] if header else [("X-AMZ-TARGET", "")]),
        ("X-Other", ""),
        *([header] if header else []),
    ]
    message = f"'#{fragment}' in the path is no part of a URL and {told}"
    assert noted == [("/path", message)]


@pytest.mark.parametrize(
    ("base", "path", "repeated"),
    [
        ("https://a.test/v1", "/v1/x", "/v1"),
        ("https://a.test/v1", "v1:x", "/v1"),
        ("https://a.test/v1", "/v1x", ""),
        ("{{ORIGIN}}/v1", "/v1", "/v1"),
        ("https://a.test/{tenant}/v1", "/{tenant}/v1/x", "/{tenant}/v1"),
        # Only a part of the path of the base URI is no repetition of it.
        ("https://a.test/api/{tenant}", "/api/x", ""),
        ("https://a.test", "/x", ""),
    ],
)
def test_path_that_repeats_the_base_uri(base: str, path: str, repeated: str) -> None:
    """A path is compared with all of the base URI that follows its origin."""
    _, noted = _operation({}, {"path": path}, {"baseUri": base})
    message = f"the path repeats '{repeated}' of the base URI"
    assert noted == ([("/path", message)] if repeated else [])


JSON, OPEN = "application/json", {"is_open": True}


@pytest.mark.parametrize(
    ("entry", "body"),
    [
        ({}, Body("json", "", **OPEN)),
        ({"method": "GET"}, None),
        ({"method": "GET", "body": "text"}, Body("json", JSON, "text")),
        ({"body": {}}, Body("json", JSON, **OPEN)),
        ({"body": {"data": {}}}, Body("json", JSON, {}, **OPEN)),
        ({"body": {"data": []}}, Body("json", JSON, [])),
        ({"body": {"data": {"a": 1}}}, Body("json", JSON, {"a": 1})),
        ({"body": {"type": "xml", "data": "<a/>"}}, Body("text", "application/xml", "<a/>")),
        ({"body": {"type": "text"}}, Body("text", "text/plain; charset=utf-8", **OPEN)),
        ({"body": {"type": "text", "data": {"a": "b"}}}, Body("text", "text/plain; charset=utf-8", "b")),
        ({"body": {"type": "text", "data": {}}}, Body("text", "text/plain; charset=utf-8", **OPEN)),
        ({"body": {"type": "FORM", "data": {}}}, Body("formUrlEncoded", "application/x-www-form-urlencoded", {})),
        ({"body": {"type": "image/png"}}, Body("binary", "image/png", **OPEN)),
        ({"body": {"type": "jsn", "data": {"a": 1}}}, Body("unknown", "")),
    ],
)  # fmt: skip
def test_body_is_read(entry: Any, body: Body | None) -> None:
    """A body has kind, media type and template; one that says nothing is open."""
    operation, _ = _operation(entry)
    read = operation.body
    assert (read and read._replace(path=())) == body


def test_parameters_in_the_body_describe_it() -> None:
    """Fields of the body stand for a template that is not there, of whatever method."""
    fields = _inputs("a", "b", **{"in": "body"})
    for body in ({}, {"body": {}}, {"body": {"data": {}}}):
        operation, _ = _operation({"method": "DELETE", **fields, **body})
        assert operation.body is not None
        assert [field.name for field in operation.body.fields] == ["a", "b"]
        assert not operation.body.is_open
    for body in ({"type": "binary"}, {"data": {"c": 1}}):
        operation, _ = _operation({**fields, "body": body})
        assert operation.body is not None
        assert operation.body.fields == ()


def test_output_needs_a_value_and_a_type() -> None:
    """An output without one of them is left out; `mapping` is another word for `value`."""
    outputs = [
        {"name": "a", "type": "string", "value": "$.a"},
        {"name": "b", "type": "string", "mapping": "$.b"},
        {"name": "c", "value": "$.c"},
        {"name": "d", "type": "string"},
    ]
    operation, noted = _operation({"outputParameters": outputs})
    assert [output._replace(path=()) for output in operation.outputs] == [
        OutputParameter("a", "string", "$.a"),
        OutputParameter("b", "string", "$.b"),
    ]
    assert [told for _, told in noted] == [
        "the output 'c' has no `type` and is left out",
        "the output 'd' has no `value` and is left out",
    ]


def test_mere_copy_of_an_adapter_is_read_once() -> None:
    """Of identical adapters the first is read; adapters that differ are all read."""
    first, other = {"namespace": "a"}, {"namespace": "a", "description": "Other."}
    for adapters, places, message in (
        ([first, first], [0], "2 identical adapters have the namespace 'a'"),
        ([first, other, first], [0, 1], "3 adapters have the namespace 'a'"),
    ):
        reader, found = _read(*adapters)
        assert [consumes.path[-1] for consumes in reader.consumes] == places
        expected = [("W-namespace-duplicate", "/part/1/namespace", message)]
        assert said(found) == expected
        assert found.noted[0].related[0].path == ("part", 0, "namespace")


def test_adapter_without_a_namespace_is_called_by_its_place() -> None:
    """Adapters without a namespace are no duplicates of each other."""
    reader, found = _read({"namespace": ""}, {"namespace": None})
    names = [consumes.namespace for consumes in reader.consumes]
    assert (names, said(found)) == (["consumes-0", "consumes-1"], [])


def test_import_among_adapters_is_no_adapter() -> None:
    """An import is set aside, wherever it stands."""
    importing = {"import": "notion", "location": "./notion.yaml"}
    reader = ConsumesReader(findings())
    reader.read([importing, {"namespace": "a", "baseUri": "https://a.test"}], ("part",))
    assert [(i.import_, i.location) for i in reader.imports] == [
        ("notion", "./notion.yaml")
    ]
    assert [consumes.path for consumes in reader.consumes] == [("part", 1)]


@pytest.mark.parametrize(
    ("data", "places"),
    [
        (None, []),
        ("./a.yaml", [("imports",)]),
        ({"location": "./a.yaml"}, [("imports",)]),
        (["./a.yaml", {"location": "./a.yaml"}], [("imports", 0), ("imports", 1)]),
    ],
)
def test_root_import_is_a_text_a_mapping_or_a_list(data: Any, places: Any) -> None:
    """Imports beside `consumes` are read in each form that published files have."""
    reader = ConsumesReader(findings())
    reader.read_root_imports(data, ("imports",))
    assert [entry.path for entry in reader.imports] == places
    assert {entry.location for entry in reader.imports} <= {"./a.yaml"}


# --- adapters of other types, and authentication of one operation -------------------


def test_operation_of_another_type_is_known_and_refused() -> None:
    """A call names the type; the rest of the document works."""
    text = """\
naftiko: 1.0.0-alpha2
capability:
  consumes:
  - type: workers-kv
    namespace: kv
    baseUri: kv:{id
    resources:
    - {name: r, path: "/k/{", operations: [{name: get, outputRawFormat: binding}]}
  - namespace: a
    baseUri: https://a.test
    resources: [{name: r, path: /x, operations: [{name: list, method: GET}]}]
  exposes:
  - {type: grpc, namespace: g, port: 1, services: {x: 1}}
  - {type: mcp, namespace: m, port: 2, tools: [{name: get, call: kv.get}]}
"""
    loaded = naftiko.load(text, transport=naftiko.StubTransport())
    assert [p.code for p in loaded.problems] == ["U-consumes-type", "U-expose-type"]
    assert list(loaded.operations) == ["kv.get", "a.list"]
    loaded.call("a.list")
    for call in (lambda: loaded.call("kv.get"), lambda: loaded.invoke("m.get")):
        with pytest.raises(naftiko.UnusableOperation) as caught:
            call()
        assert caught.value.code == "U-consumes-type"


def test_operation_with_authentication_none_sends_no_credential() -> None:
    """It alone is open; its neighbours identify the caller."""
    operations = [
        {"name": "open", "method": "GET", "authentication": {"type": "none"}},
        {"name": "closed", "method": "GET"},
    ]
    loaded = capability(
        consumes={"authentication": {"type": "bearer", "token": "{{T}}"}},
        resource={"operations": operations},
        variables={"T": "t"},
    )
    assert "Authorization" not in loaded.request("api.open").headers
    assert loaded.request("api.closed").headers["Authorization"] == "Bearer t"
