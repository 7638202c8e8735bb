"""The consumed operations of a document, checked and addressed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.document import rules
from naftiko.expressions import Scope
from naftiko.linking.operations import (
    OperationLinker,
    addresses_of,
    by_owner,
    note_path,
    note_templates,
)
from support.building import document
from support.linking import names
from support.records import findings, said


def test_imported_adapter_with_outputs_loads(tmp_path: Path) -> None:
    """The places of an imported adapter are in another file: the import is named."""
    operation = {
        "outputRawFormat": "odd",
        "outputParameters": [{"name": "o", "type": "string", "value": "$.a["}],
    }
    (tmp_path / "adapter.json").write_text(json.dumps(document(operation)), "utf-8")
    importing = {"import": "api", "location": "./adapter.json"}
    text = {"naftiko": "1.0.0-alpha2", "capability": {"consumes": [importing]}}
    (tmp_path / "main.json").write_text(json.dumps(text), "utf-8")
    capability = naftiko.load(tmp_path / "main.json", schema=None)
    (operation_,) = capability.operations.values()
    codes = {problem.code for problem in operation_.problems}
    assert codes == {"U-output-format", "U-output-path"}


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("$.a", "", ""),
        ("$", "", ""),
        ("$..a", "", ""),
        ("$.a[?(@.b > 1)]", "", ""),
        ("$.a.sum()", "", ""),
        ("$.a[?match(@.b, 'x.*') && 1 < @.c]", "", ""),
        ("$.a[?@.b in ['x']]", "", ""),
        ("$.a[b]", "U-output-path", "'$.a[b]' is not a JSONPath: this cannot stand in brackets (character 5)"),
        ("$.a[?(@.b = 1)]", "U-output-path", "'$.a[?(@.b = 1)]' is not a JSONPath: this is not understood (character 11)"),
        ("$.a.length", "W-path-length", "'$.a.length' is read as the number of elements of a list"),
    ],
)  # fmt: skip
def test_output_path_is_checked(path: str, code: str, message: str) -> None:
    """A path that cannot be parsed spoils its operation; a doubtful one is noted."""
    found = findings()
    spoiling = note_path(path, ("part",), found)
    assert said(found) == ([(code, "/part", message)] if code else [])
    assert (spoiling is not None) == (code == "U-output-path")
    if spoiling is not None:
        assert found.noted == [spoiling]
        hint = "compare with ==" if "?" in path else "quote a name: ['b']\n"
        assert spoiling.hint.startswith(hint)


SCOPE = Scope(frozenset(["HOST", "AWS_REGION", "own"]), (("env.HOST", "HOST"),))


@pytest.mark.parametrize(
    ("text", "used", "odd", "hint"),
    [
        ("https://a.test", [], "", ""),
        ("https://{{HOST}}", ["HOST"], "", ""),
        ("https://{{env.HOST}}", ["HOST"], "", ""),
        ("https://{{UNBOUND}}", ["UNBOUND"], "", ""),
        ("{{own}}", ["own"], "", ""),
        ("https://{HOST}", ["HOST"], "{HOST} in the base URI needs", "write '{{HOST}}'"),
        ("https://${HOST}", ["HOST"], "${HOST} in the base URI needs", "write '{{HOST}}'"),
        ("https://[host]", ["HOST"], "[host] in the base URI needs", "write '{{HOST}}'"),
        ("https://{region}", ["AWS_REGION"], "{region} in the base URI needs", "write '{{AWS_REGION}}'"),
        ("https://{{tenant}}", [], "{{tenant}} in the base URI needs", "bind variables and write `{{NAME}}`, or give variables={'tenant': …}"),
        ("{host}/{x}/{x}", ["HOST"], "{host}, {x} in the base URI need", "bind variables and write `{{NAME}}`, or give variables={'host': …}"),
    ],
)  # fmt: skip
def test_reference_in_a_base_uri_is_a_bound_variable(
    text: str, used: list[str], odd: str, hint: str
) -> None:
    """A reference in another form is noted with the variable that it stands for."""
    found = findings()
    assert note_templates(text, SCOPE, ("part",), found) == used
    message = f"{odd} a value for every call"
    expected = [("W-base-uri-templated", "/part/baseUri", message)] if odd else []
    assert said(found) == expected
    assert [finding.hint for finding in found.noted] == [hint] * bool(hint)


def test_name_of_several_variables_stands_for_none() -> None:
    """A part of two names is not guessed."""
    scope = Scope(frozenset(["AWS_REGION", "GCP_REGION"]))
    assert note_templates("https://{region}", scope, (), findings()) == []


def test_base_uri_that_is_no_template_is_noted() -> None:
    """A section is no reference."""
    found = findings()
    assert note_templates("https://{{#a}}", SCOPE, ("part",), found) == []
    message = "'{{#a}}' is not a reference: only '{{name}}' is supported"
    assert said(found) == [("U-template", "/part/baseUri", message)]


def _resources(**named: list[str]) -> dict[str, Any]:
    """Return a document with these operations by resource; `_` has no name."""
    data = document()
    data["capability"]["consumes"][0]["resources"] = [
        {
            "name": name.replace("_", ""),
            "path": "/x",
            "operations": [{"name": op, "method": "GET"} for op in operations],
        }
        for name, operations in named.items()
    ]
    return data


@pytest.mark.parametrize(
    ("resources", "addresses", "shared"),
    [
        ({"r": ["a", "b"]}, "api.a api.b", ""),
        ({"r": ["a"], "s": ["a", "b"]}, "api.r.a api.s.a api.b", "api.r.a api.s.a"),
        ({"r": ["a", "a"], "s": ["a"]}, "api.a#1 api.a#2 api.s.a", "api.a#1 api.a#2 api.s.a"),
        ({"_": ["a"], "s": ["a"]}, "api.a#1 api.s.a", "api.a#1 api.s.a"),
        # A name with a dot may be that of a resource and an operation.
        ({"x": ["r.a"], "r": ["a"], "s": ["a"]}, "api.r.a api.a#1 api.s.a", "api.a#1 api.s.a"),
    ],
)  # fmt: skip
def test_operation_of_a_shared_name_has_a_longer_one(
    resources: Any, addresses: str, shared: str
) -> None:
    """Every operation has a ref of its own; a shared name is told with all of them."""
    data = _resources(**resources)
    refs, ambiguous = addresses_of(names(data).spec)
    assert refs == addresses.split()
    assert ambiguous == ({"api.a": tuple(shared.split())} if shared else {})
    assert [*OperationLinker(names(data)).registry()] == refs


def test_finding_belongs_to_the_smallest_part_around_it() -> None:
    """A finding spoils an operation, or all operations of a resource or an adapter."""
    known = names(_resources(r=["a"]))
    adapter = ("capability", "consumes", 0)
    resource = (*adapter, "resources", 0)
    operation = (*resource, "operations", 0)
    found = findings()
    places = [
        (*operation, "body", "type"),
        operation,
        (*resource, "inputParameters", 0, "in"),
        (*adapter, "baseUri"),
        ("binds",),
    ]
    for place in places:
        found.add(rules.BODY_TYPE, place, "x")
    # A warning spoils nothing.
    found.add(rules.BODY_TYPE_SPELLING, operation, "x")
    owners = by_owner(found.noted, known.spec)
    assert {owner: [f.path for f in own] for owner, own in owners.items()} == {
        operation: places[:2],
        resource: places[2:3],
        adapter: places[3:4],
    }
    assert by_owner([], known.spec) == {}


def test_operation_has_the_findings_of_what_is_around_it() -> None:
    """An unusable adapter, resource or operation makes the operations in it unusable."""
    data = _resources(r=["a", "b"], s=["c"])
    first = data["capability"]["consumes"][0]["resources"][0]
    first["inputParameters"] = [{"name": "p", "in": "nowhere"}]
    first["operations"][1]["outputRawFormat"] = "odd"
    registry = OperationLinker(names(data, reading=True)).registry()
    found = {ref: [f.message for f in op.findings] for ref, op in registry.items()}
    place = "the parameter 'p' has an unknown place, 'nowhere'"
    form = 'Unsupported "odd" format specified'
    assert found == {"api.a": [place], "api.b": [place, form], "api.c": []}


def test_template_that_is_none_is_noted_at_its_text() -> None:
    """A finding about a template points at the text, however deep it stands."""
    known = names(
        document({"method": "POST", "body": {"data": {"a": ["x", "{{#b}}"]}}})
    )
    registry = OperationLinker(known).registry()
    (finding,) = registry["api.op"].findings
    assert finding.path[-4:] == ("body", "data", "a", 1)
    assert finding in known.findings.noted


def test_variable_is_noted_where_it_is_first_used() -> None:
    """Base URI, authentication, path, parameters and body are looked through."""
    data = document(
        {
            "method": "POST",
            "inputParameters": [{"name": "q", "in": "query", "value": "{{IN_VALUE}}"}],
            "body": {"data": {"a": "{{IN_BODY}}"}},
            "resourcePath": "/{{IN_PATH}}",
        },
        consumes={
            "baseUri": "https://{{IN_BASE}}",
            "authentication": {"type": "bearer", "token": "{{IN_AUTH}}"},
        },
    )
    known = names(data)
    OperationLinker(known).registry()
    adapter = ("capability", "consumes", 0)
    resource = (*adapter, "resources", 0)
    operation = (*resource, "operations", 0)
    assert known.used == {
        "IN_BASE": (*adapter, "baseUri"),
        "IN_AUTH": (*adapter, "authentication", "token"),
        "IN_PATH": (*resource, "path"),
        "IN_VALUE": (*operation, "inputParameters", 0, "value"),
        "IN_BODY": (*operation, "body", "data", "a"),
    }


def test_forwarded_adapter_is_an_operation_of_its_constants() -> None:
    """A forwarded request gets the constants of its adapter, and asks for no argument."""
    data = document(
        consumes={
            "inputParameters": [
                {"name": "X-V", "in": "header", "value": "{{V}}"},
                {"name": "q", "in": "query", "required": True},
                {"name": "id", "in": "path", "value": "1"},
            ]
        }
    )
    known = names(data)
    assert OperationLinker(known).registry().adapters == {}
    resources = [{"path": "/p", "forward": {"targetNamespace": "api"}}]
    data["capability"]["exposes"] = [{"type": "rest", "resources": resources}]
    (adapter,) = OperationLinker(names(data)).registry().adapters.values()
    assert (adapter.ref, adapter.parameters) == ("api", ())
    assert [p.name for p in adapter.spec.parameters] == ["X-V"]
    assert adapter.layout.variables == ("V",)


def test_given_path_replaces_that_of_the_document() -> None:
    """A path that a caller gives is the one that is laid out."""
    linker = OperationLinker(names(document()), paths={"api.op": "/other/{id}"})
    (operation,) = linker.registry().values()
    assert [parameter.name for parameter in operation.parameters] == ["id"]
