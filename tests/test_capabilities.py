"""The shipped capabilities are valid by both schemas, complete and callable."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

import naftiko
from support.casefiles import TESTS
from support.shared import CAPABILITIES

FILES = sorted(CAPABILITIES.glob("*.yaml"))
GOOD = [file for file in FILES if file.stem != "broken"]
#: Type of a parameter → an argument of this type.
VALUES: dict[str, Any] = {
    "string": "a b/c",
    "integer": 7,
    "number": 1.5,
    "boolean": True,
    "array": ["x", "y"],
    "object": {"k": ["v"]},
}


def _id(file: Path) -> str:
    return file.stem


def _inputs(capability: naftiko.Capability) -> dict[str, dict[str, str]]:
    """Return ref → argument → type, as declared by the tools of a capability."""
    return {
        function.call: {parameter.name: parameter.type for parameter in function.inputs}
        for exposes in capability.exposes
        if exposes.type == "mcp"
        for function in exposes.functions
    }


@pytest.mark.parametrize("file", GOOD, ids=_id)
@pytest.mark.parametrize("schema", ["observed", "published"])
def test_shipped_file_is_valid(file: Path, schema: str) -> None:
    """A strict check by the observed and by the published schema finds no problem."""
    assert naftiko.validate(file, schema=schema, strict=True) == ()
    with naftiko.load(file, schema=schema) as capability:
        assert capability.problems == ()
        assert capability.info.description
        assert capability.info.tags


@pytest.mark.parametrize("file", GOOD, ids=_id)
def test_every_shipped_operation_builds_a_request(file: Path) -> None:
    """The request of an operation contains the value of each parameter."""
    stub = naftiko.StubTransport()
    values = {"BOOKSHOP_TOKEN": "secret"}
    with naftiko.load(file, transport=stub, variables=values) as capability:
        types = _inputs(capability)
        for operation in capability:
            given = {
                p.name: VALUES[types.get(operation.ref, {}).get(p.name) or "string"]
                for p in operation.parameters
            }
            sent = capability.exchange(operation.ref, given).request
            assert (sent.method, sent.url) == (
                operation.method,
                capability.request(operation.ref, given).url,
            )
            url = urlsplit(sent.url)
            names = [name for name, _ in parse_qsl(url.query, keep_blank_values=True)]
            for parameter in operation.parameters:
                if parameter.in_ == "query":
                    assert parameter.name in names
                elif parameter.in_ == "header":
                    assert parameter.name in sent.headers
                elif parameter.in_ == "path":
                    assert "{" not in unquote(url.path)
                    assert "a%20b%2Fc" in url.path
                else:
                    assert parameter.in_ == "body"
                    assert sent.content


@pytest.mark.parametrize("file", GOOD, ids=_id)
def test_required_arguments_of_shipped_operations_are_enough(file: Path) -> None:
    """A call needs exactly the required arguments."""
    stub = naftiko.StubTransport()
    values = {"BOOKSHOP_TOKEN": "secret"}
    with naftiko.load(file, transport=stub, variables=values) as capability:
        for operation in capability:
            required = {p.name: "x" for p in operation.parameters if p.required}
            capability.exchange(operation.ref, required)
            for name in required:
                less = {key: "x" for key in required if key != name}
                with pytest.raises(naftiko.ArgumentError) as caught:
                    capability.call(operation.ref, less)
                assert caught.value.missing == (name,)


@pytest.mark.parametrize("file", GOOD, ids=_id)
@pytest.mark.parametrize("kind", ["rest", "mcp"])
def test_every_shipped_operation_is_exposed(file: Path, kind: str) -> None:
    """A REST operation and a tool call each operation, directly or in a step."""
    with naftiko.load(file) as capability:
        functions = [
            function
            for exposes in capability.exposes
            if exposes.type == kind
            for function in exposes.functions
        ]
        calls = {
            call.call
            for function in functions
            for call in (function, *function.steps)
            if call.call
        }
        if kind == "mcp":
            assert calls == set(capability.operations)
            assert all(function.description for function in functions)
        else:
            # An operation that is only used in a step needs no route.
            assert set(capability.operations) - calls <= {"geocoding.find-place"}
        assert all(operation.description for operation in capability)


def test_every_mistake_of_the_broken_file_is_reported() -> None:
    """A strict check reports each line marked `# wrong:`, and the example host."""
    file = CAPABILITIES / "broken.yaml"
    lines = file.read_text("utf-8").splitlines()
    wrong = {n for n, line in enumerate(lines, 1) if "# wrong:" in line}
    problems = naftiko.validate(file, strict=True)
    assert len(problems) == len(wrong) + 1
    codes = {problem.line: problem.code for problem in problems}
    assert set(codes) == wrong | {15}
    assert codes[15] == "W-base-uri-placeholder"
    assert all(problem.hint for problem in problems)
    # Each of them is reported without `strict`, too.
    lenient = {problem.line for problem in naftiko.validate(file)}
    assert set(codes) == lenient


def _engine() -> dict[str, str]:
    """Return `METHOD /path` of the Docker Engine API → the mark of its body kind."""
    text = (TESTS / "docker-engine-api.txt").read_text("utf-8")
    routes = re.findall(r"^([A-Z]+) +(/\S*) ?([+<]?)$", text, re.MULTILINE)
    return {f"{method} {path}": body for method, path, body in routes}


def _docker() -> naftiko.Capability:
    return naftiko.load(CAPABILITIES / "docker.yaml")


def test_docker_file_has_every_operation_of_the_engine_api() -> None:
    """`docker.yaml` has each operation of the Docker Engine API, and no other."""
    routes = [f"{operation.method} {operation.path}" for operation in _docker()]
    assert sorted(routes) == sorted(_engine())


def test_docker_file_describes_its_bodies() -> None:
    """A JSON body has a description; a stream is a body of any type."""
    docker = _docker()
    engine = _engine()
    for operation in docker:
        kind = engine[f"{operation.method} {operation.path}"]
        if kind == "+":
            assert operation.body.startswith("application/json: ")
        elif kind == "<":
            assert operation.takes_body
            assert "body" in operation.description
        else:
            assert "application/json" not in operation.body


def test_docker_file_shapes_long_responses() -> None:
    """Operations with long responses return a few named values."""
    docker = _docker()
    for name in ("containerlist", "imagelist", "systemversion", "networklist"):
        outputs = [
            o.value for o in docker.operations[f"docker.{name}"].output_parameters
        ]
        assert len(outputs) > 1
        assert "$" not in outputs


def test_docker_file_names_the_local_socket() -> None:
    """`info.description` has the `--base-uri` of the local socket, which works."""
    docker = _docker()
    override = re.search(r"--base-uri (unix:\S+\.sock)", docker.info.description)
    assert override is not None
    request = docker.using(base_uri=override[1]).request("docker.containerlist")
    assert (request.socket, request.url) == (
        "/var/run/docker.sock",
        "http://localhost/containers/json",
    )
    assert docker.request("docker.systeminfo").url == "http://localhost:2375/info"


@pytest.mark.parametrize("file", GOOD, ids=_id)
def test_shipped_unit_that_declares_inputs_takes_no_others(file: Path) -> None:
    """No tool and no route gains an argument, a body least of all."""
    with naftiko.load(file) as capability:
        for exposes in capability.exposes:
            for plan in capability.functions.of(exposes):
                inputs = {parameter.name for parameter in plan.function.inputs}
                assert plan.problem is None
                if inputs:
                    assert {p.name for p in plan.arguments} <= inputs, plan
