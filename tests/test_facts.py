"""Facts of the specification's section 11 that no other test is about, by their ids.

Most facts are cited by the tests of the module that they concern. Where what is
asserted here differs from the fact, the docstring says why.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko import ArgumentError, Request, Response, StubTransport
from naftiko.cli import main
from naftiko.document.writing import write_yaml
from naftiko.exposes.options import Options
from naftiko.exposes.serve.sites import Site, Source
from naftiko.exposes.state import Host
from naftiko.jsonpath.compiling import compile_path
from support import serving
from support.asgi_client import AsyncStub, ask
from support.building import capability, document

JSON_TYPE = {"Content-Type": "application/json"}


def request_of(
    operation: dict[str, Any] | None = None, /, arguments: Any = None, **more: Any
) -> Request:
    """Return what a call of an operation would send."""
    return capability(operation, **more).request("api.op", arguments or {})


def answering(body: bytes) -> StubTransport:
    """Return a transport that answers every request with this body."""
    return StubTransport(Response(200, JSON_TYPE, body))


def site(folder: Path, data: Any) -> Site:
    """Return a document as `naftiko serve` takes it."""
    file = folder / "capability.yaml"
    file.write_text(write_yaml(data), "utf-8")
    return Site(Source(str(file)), AsyncStub(), Options(), Host())


# --- 11.1: loading, binds, imports ----------------------------------------------------


def test_a_document_that_exposes_nothing(tmp_path: Path) -> None:
    """L01: its operations can be called, as issue 3 says; only serving refuses it."""
    assert capability().request("api.op").url.endswith("/x")
    with pytest.raises(naftiko.ServeError, match="must expose at least one endpoint"):
        site(tmp_path, document())


def test_one_adapter_on_each_side(tmp_path: Path) -> None:
    """L02: one `rest` and one `http` are one adapter served and one called."""
    served = site(tmp_path, serving.document(serving.operation(call="api.list")))
    assert [each.exposes.type for each in served.served] == ["rest"]
    assert served.capability.namespaces == ("api",)


@pytest.mark.parametrize("base_uri", ["http://host", "http://host/v1", "http://host/"])
def test_base_uris(base_uri: str) -> None:
    """L03: the engine refuses a slash at the end; the dialect notes strip it (3.2)."""
    sent = request_of(consumes={"baseUri": base_uri})
    assert sent.url == base_uri.removesuffix("/") + "/x"


TOKEN = {"authentication": {"type": "bearer", "token": "{{API_KEY}}"}}
BIND = {"namespace": "env", "keys": {"API_KEY": "NAFTIKO_TEST_FACT"}}


def test_a_bind_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """L05: the key of the bind has the value of the environment variable it names."""
    monkeypatch.setenv("NAFTIKO_TEST_FACT", "secret")
    sent = request_of(consumes=TOKEN, binds=[BIND])
    assert sent.headers["Authorization"] == "Bearer secret"


def test_a_bind_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """L06: refused by the call; loading needs no variable (dialect 2)."""
    monkeypatch.delenv("NAFTIKO_TEST_FACT", raising=False)
    loaded = capability(consumes=TOKEN, binds=[BIND], transport=StubTransport())
    words = "'API_KEY' has no value: .* 'NAFTIKO_TEST_FACT' is not set"
    with pytest.raises(naftiko.UnboundVariable, match=words):
        loaded.call("api.op")


def test_two_files(tmp_path: Path) -> None:
    """L07, L10: binds of a JSON and a YAML file are merged; keys of any case do."""
    (tmp_path / "a.json").write_text('{"user": "scott"}')
    (tmp_path / "b.yaml").write_text("pass: tiger\n")
    binds = [
        {
            "namespace": "a",
            "description": "Who.",
            "location": "file:///./a.json",
            "keys": {"LOGIN": "user"},
        },
        {
            "namespace": "b",
            "description": "How.",
            "location": "file:///./b.yaml",
            "keys": {"pass_word": "pass"},
        },
    ]
    login = {"type": "basic", "username": "{{LOGIN}}", "password": "{{pass_word}}"}
    file = tmp_path / "capability.yaml"
    data = document(consumes={"authentication": login}, binds=binds)
    file.write_text(write_yaml(data), "utf-8")
    loaded = naftiko.load(file, schema=None)
    assert loaded.variables.declared == {"LOGIN", "pass_word"}
    sent = loaded.request("api.op").headers["Authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"scott:tiger"


@pytest.mark.parametrize("consumes", [None, []])
def test_nothing_consumed(consumes: Any) -> None:
    """L17: no imports to resolve; what is exposed without calls works."""
    mock = [{"name": "said", "type": "string", "value": "hello"}]
    data = serving.document(serving.operation(name="greet", outputParameters=mock))
    data["capability"]["consumes"] = consumes
    loaded = naftiko.load(data, schema=None)
    assert list(loaded.operations) == []
    assert loaded.problems == ()
    assert loaded.invoke("front.greet") == {"said": "hello"}


def test_operations_know_their_resource() -> None:
    """L18: by its name; the records hold no references back."""
    resources = serving.operation(name="look", call="api.get")
    resources[0]["name"] = "fleet"
    loaded = naftiko.load(serving.document(resources), schema=None)
    assert loaded.operations["api.get"].resource == "ship"
    assert loaded.functions.find("front.look").function.resource == "fleet"


@pytest.mark.parametrize(
    "authentication",
    [
        {"type": "bearer", "token": "t"},
        {"type": "apikey", "key": "X-Key", "value": "v", "placement": "header"},
    ],
)
def test_exposed_authentication(authentication: Any) -> None:
    """L19: each value is kept as it is written; the guard of the adapter reads it."""
    data = serving.document(
        serving.operation(call="api.list"), adapter={"authentication": authentication}
    )
    loaded = naftiko.load(data, schema=None)
    asked = loaded.exposes[0].authentication
    assert asked is not None
    placement = {"placement": asked.placement} if "placement" in authentication else {}
    assert {"type": asked.type, **asked.texts, **placement} == authentication
    assert asked.problems == ()


# --- 11.2: templates and requests -----------------------------------------------------


@pytest.mark.parametrize(
    ("path", "arguments", "expected"),
    [
        pytest.param(
            "/databases/{{datasource}}/pages",
            {"datasource": "d1"},
            "/databases/d1/pages",
            id="T03",
        ),
        pytest.param(
            "/{{a}}/db{{b}}/{{a}}", {"a": "x", "b": 42}, "/x/db42/x", id="T04"
        ),
    ],
)
def test_paths(path: str, arguments: Any, expected: str) -> None:
    """T03, T04: names are replaced, each time they stand, numbers as text."""
    sent = request_of({"resourcePath": path}, arguments)
    assert sent.url == "http://127.0.0.1:9" + expected


def test_a_missing_path_argument() -> None:
    """T15: refused, with the name of what is missing where the engine only counts."""
    with pytest.raises(ArgumentError, match="missing argument 'id'"):
        request_of({"resourcePath": "/x/{{id}}"})


def test_headers() -> None:
    """T09, T11, T13: of the operation and of its adapter, constant or a template."""
    sent = request_of(
        {
            "inputParameters": [
                {"name": "X-Trace", "in": "header", "value": "trace-{{requestId}}"},
                {"name": "X-Constant", "in": "header", "value": "as is"},
            ]
        },
        {"requestId": "abc"},
        consumes={
            "inputParameters": [{"name": "X-Api", "in": "header", "value": "2025"}]
        },
    )
    assert sent.headers["X-Trace"] == "trace-abc"
    assert sent.headers["X-Constant"] == "as is"
    assert sent.headers["X-Api"] == "2025"


def test_a_query() -> None:
    """T10: a rendered value is encoded as forms are."""
    parameter = {"name": "search", "in": "query", "value": "{{kind}}"}
    sent = request_of({"inputParameters": [parameter]}, {"kind": "ice class"})
    assert sent.url.endswith("/x?search=ice+class")


@pytest.mark.parametrize(
    ("kind", "data", "media_type", "body"),
    [
        ("xml", "<id>{{id}}</id>", "application/xml", b"<id>1</id>"),
        (
            "formUrlEncoded",
            {"id": "{{id}}"},
            "application/x-www-form-urlencoded",
            b"id=1",
        ),
        (
            "sparql",
            "SELECT {{id}}",
            "application/sparql-query",
            b"SELECT 1",
        ),
    ],
)
def test_bodies(kind: str, data: Any, media_type: str, body: bytes) -> None:
    """T17: the type of a body gives its media type, and its bytes."""
    operation = {"method": "POST", "body": {"type": kind, "data": data}}
    sent = request_of(operation, {"id": "1"})
    assert sent.headers["Content-Type"] == media_type
    assert sent.body == body


def test_a_bearer_token() -> None:
    """T25: the credential is the token."""
    sent = request_of(consumes={"authentication": {"type": "bearer", "token": "t"}})
    assert sent.headers["Authorization"] == "Bearer t"


def test_an_api_key() -> None:
    """T26: in the query where its placement says so."""
    sent = request_of(
        {"resourcePath": "/items"},
        consumes={
            "baseUri": "https://api.example.com/v1",
            "authentication": {
                "type": "apikey",
                "key": "api_key",
                "value": "abc123",
                "placement": "query",
            },
        },
    )
    assert sent.url == "https://api.example.com/v1/items?api_key=abc123"


def test_an_api_key_without_a_placement() -> None:
    """T27: the engine refuses it; the dialect notes read it as a header (3.3)."""
    key = {"type": "apikey", "key": "X-Key", "value": "abc123"}
    sent = request_of(consumes={"authentication": key})
    assert sent.headers["X-Key"] == "abc123"
    assert sent.url.endswith("/x")


def test_basic() -> None:
    """T28: user name and password are those of the document."""
    login = {"type": "basic", "username": "scott", "password": "tiger"}
    sent = request_of(consumes={"authentication": login})
    given = sent.headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(given) == b"scott:tiger"


def test_a_template_that_is_null() -> None:
    """T01: a parameter whose value is null is not sent."""
    parameter = {"name": "q", "in": "query", "value": None}
    assert request_of({"inputParameters": [parameter]}).url.endswith("/x")


def test_a_value_of_the_incoming_body() -> None:
    """T12: a text out of it stands in the query without quotes."""
    parameter = {"name": "flag", "in": "body", "value": "$.flag"}
    app, upstream = serving.rest_app(
        serving.operation("/x", "POST", call="api.list", inputParameters=[parameter])
    )
    assert ask(app, "POST", "/x", JSON_TYPE, b'{"flag": "999"}').status == 200
    assert upstream.sent == ["GET /ships?flag=999"]


def test_values_of_the_incoming_body() -> None:
    """T18: they fill the body that is sent upstream."""
    parameters = [
        {"name": "name", "in": "body", "value": "$.name"},
        {"name": "tons", "in": "body", "value": "$.id"},
    ]
    app, upstream = serving.rest_app(
        serving.operation("/x", "POST", call="api.build", inputParameters=parameters)
    )
    ask(app, "POST", "/x", JSON_TYPE, b'{"id": "123", "name": "Alice"}')
    assert upstream.sent == ['POST /ships {"name":"Alice","tons":"123"}']


@pytest.mark.parametrize(
    ("injected", "sent"),
    [
        pytest.param({"id": "{{imo}}"}, "GET /ships/IMO-9321483", id="T19, template"),
        pytest.param({"id": "front.imo"}, "GET /ships/IMO-9321483", id="reference"),
        pytest.param({"id": 5}, "GET /ships/5", id="number"),
    ],
)
def test_with(injected: Any, sent: str) -> None:
    """T19, T21: the path of the upstream operation is filled by `with`."""
    parameter = {"name": "imo", "in": "path"}
    unit = {"call": "api.get", "inputParameters": [parameter], "with": injected}
    app, upstream = serving.rest_app(serving.operation("/v/{{imo}}", "GET", **unit))
    assert ask(app, "GET", "/v/IMO-9321483").status == 200
    assert upstream.sent == [sent]


def test_values_in_a_json_body() -> None:
    """T07, T08: a list stays a list, and nothing is escaped as HTML is."""
    data = {"crew": "{{crew}}", "city": "{{city}}"}
    sent = request_of(
        {"method": "POST", "body": {"type": "json", "data": data}},
        {"crew": ["CREW-001", "CREW-003"], "city": "Göteborg & <Malmö>"},
    )
    assert isinstance(sent.body, bytes)
    expected = '{"crew":["CREW-001","CREW-003"],"city":"Göteborg & <Malmö>"}'
    assert sent.body.decode() == expected


def test_a_header_of_the_operation_and_of_its_adapter() -> None:
    """T14: the one of the adapter does not replace the other."""
    version = {"name": "X-Version", "in": "header"}
    sent = request_of(
        {"inputParameters": [{**version, "value": "2025-09-03"}]},
        consumes={"inputParameters": [{**version, "value": "1999-01-01"}]},
    )
    assert sent.headers["X-Version"] == "2025-09-03"


def test_with_of_a_tool() -> None:
    """T23: a template in the `with` of a tool fills the path."""
    data = document({"resourcePath": "/ships/{{imo_number}}"})
    tool = {
        "name": "ship",
        "description": "A ship.",
        "call": "api.op",
        "inputParameters": [{"name": "imo", "type": "string", "description": "Which."}],
        "with": {"imo_number": "{{imo}}"},
    }
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": [tool]}
    ]
    transport = answering(b"{}")
    naftiko.load(data, schema=None, transport=transport).invoke("m.ship", imo="IMO-1")
    (sent,) = transport.requests
    assert sent.url == "http://127.0.0.1:9/ships/IMO-1"


@pytest.mark.parametrize("injected", [{"flag": "front.other"}, None])
def test_with_nothing(injected: Any) -> None:
    """T21: a reference without a value injects nothing, and so does no `with`."""
    parameter = {"name": "other", "in": "query"}
    unit = {"call": "api.list", "inputParameters": [parameter], "with": injected}
    app, upstream = serving.rest_app(serving.operation("/v", "GET", **unit))
    assert ask(app, "GET", "/v").status == 200
    assert upstream.sent == ["GET /ships"]


# --- 11.4: decoding and mapping -------------------------------------------------------


@pytest.mark.parametrize(
    ("output_format", "body", "value"),
    [
        (None, b'{"n": 1}', {"n": 1}),
        ("JSON", b'{"n": 1}', {"n": 1}),
        ("Xml", b"<r><n>1</n></r>", {"n": "1"}),
        ("YAML", b"n: 1", {"n": 1}),
        ("Csv", b"n\n1\n", [{"n": "1"}]),
    ],
)
def test_formats(output_format: str | None, body: bytes, value: Any) -> None:
    """M02: in any case; JSON where none is given."""
    operation = {"outputRawFormat": output_format}
    assert capability(operation, transport=answering(body)).call("api.op") == value


@pytest.mark.parametrize("output_format", ["avro", "protobuf"])
def test_formats_with_a_schema(output_format: str) -> None:
    """M13, M14: not decoded yet, which is said; no schema file is looked for."""
    operation = {"outputRawFormat": output_format, "outputSchema": "nowhere.x"}
    loaded = capability(operation, transport=answering(b"x"))
    with pytest.raises(naftiko.OutputError, match=f"'{output_format}' is not supp"):
        loaded.call("api.op")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", {"user details": {"contact email": "a@x"}}),
        ("$.", {"user details": {"contact email": "a@x"}}),
        ("", None),
        (None, None),
        ("$.missing", None),
        ("$['user details']['contact email']", "a@x"),
        ("$.user details.contact email", "a@x"),
    ],
)
def test_output_paths(path: str | None, found: Any) -> None:
    """M15, M16: the root, nothing, and names with blanks in either form."""
    compiled = compile_path(path)
    assert compiled({"user details": {"contact email": "a@x"}}) == found
    assert compiled(None) is None


@pytest.mark.parametrize("outputs", [None, []])
@pytest.mark.parametrize(("body", "value"), [(b"", None), (b'{"n": 1}', {"n": 1})])
def test_without_outputs(outputs: Any, body: bytes, value: Any) -> None:
    """M27: nothing is mapped, an empty body is nothing."""
    operation = {"outputParameters": outputs}
    assert capability(operation, transport=answering(body)).call("api.op") == value


def test_an_empty_body_with_outputs() -> None:
    """M27: the declared names stay, without values, so that callers find them."""
    operation = {"outputParameters": [{"name": "n", "type": "string", "value": "$.n"}]}
    assert capability(operation, transport=answering(b"")).call("api.op") == {"n": None}


def test_outputs_as_they_are_written() -> None:
    """M32: nothing is written back here; the whole entry is kept as it came."""
    outputs = [
        {
            "name": "all",
            "type": "object",
            "description": "All.",
            "properties": {
                "a": {"type": "string", "mapping": "$.a", "maxLength": "5"},
                "b": {"type": "array", "items": {"type": "string", "mapping": "$"}},
                "c": {"type": "string", "value": "v"},
                "d": {"type": "string", "const": "c"},
            },
        }
    ]
    resources = serving.operation(name="u", call="api.list", outputParameters=outputs)
    loaded = naftiko.load(serving.document(resources), schema=None)
    assert loaded.functions.find("front.u").function.outputs == outputs


# --- 11.6: steps and aggregates -------------------------------------------------------

GET = {"name": "get", "description": "Gets.", "call": "api.op"}


def exposing(
    tools: list[dict[str, Any]], functions: list[dict[str, Any]] | None = None
) -> naftiko.Capability:
    """Load a document with one MCP adapter, `m`, and the functions of `agg`."""
    data = document()
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "m", "port": 3000, "tools": tools}
    ]
    if functions is not None:
        aggregate = {"label": "A", "namespace": "agg", "functions": functions}
        data["capability"]["aggregates"] = [aggregate]
    return naftiko.load(data, schema=None, transport=answering(b'{"a": 1}'))


@pytest.mark.parametrize("name", ["m.get", "agg.get"])
def test_a_duplicate_function(name: str) -> None:
    """A01: found when the document is loaded; what refers to it refuses to run."""
    named = {"name": "get", "ref": "agg.get"}
    loaded = exposing([named, {**GET, "name": "other"}], [GET, dict(GET)])
    (problem,) = [p for p in loaded.problems if p.code == "U-operation-ambiguous"]
    assert problem.message == "the aggregate function 'agg.get' is declared twice"
    assert problem.severity == "error"
    with pytest.raises(naftiko.UnresolvedCall, match="several aggregate functions"):
        loaded.invoke(name)
    assert loaded.invoke("m.other") == {"a": 1}


def test_an_unknown_reference() -> None:
    """A02: the error lists those that are declared."""
    loaded = exposing([{"name": "x", "ref": "no.pe"}], [GET])
    with pytest.raises(naftiko.UnresolvedCall, match=r"'no\.pe'") as caught:
        loaded.invoke("m.x")
    assert caught.value.hint == "declared: agg.get"
    (problem,) = [p for p in loaded.problems if p.code == "U-call-unresolved"]
    assert problem.hint == "declared: agg.get"


@pytest.mark.parametrize("name", ["m.get", "get"])
def test_an_inherited_name(name: str) -> None:
    """A03: a reference without a name is called by the one of its function."""
    loaded = exposing([{"ref": "agg.get"}], [GET])
    assert "m.get" in loaded.functions.names()
    assert loaded.functions.find(name).description == "Gets."
    assert loaded.invoke(name) == {"a": 1}


def test_units_of_one_name_that_do_different_things() -> None:
    """A bare name stands for none of several units that refer to different ones."""
    loaded = exposing([{"name": "x", "ref": "agg.get"}], [GET, {**GET, "name": "b"}])
    twice = document()
    twice["capability"]["aggregates"] = [
        {"label": "A", "namespace": "agg", "functions": [GET, {**GET, "name": "b"}]}
    ]
    twice["capability"]["exposes"] = [
        {
            "type": "mcp",
            "namespace": namespace,
            "port": 3000,
            "tools": [{"name": "x", "ref": ref}],
        }
        for namespace, ref in (("m", "agg.get"), ("n", "agg.b"))
    ]
    assert loaded.functions.find("x").function.ref == "agg.get"
    with pytest.raises(naftiko.UnknownFunction) as caught:
        naftiko.load(twice, schema=None).functions.find("x")
    assert caught.value.hint == "several are: m.x, n.x"


def test_what_a_reference_does_not_copy() -> None:
    """A04: neither call nor inputs become those of the unit; it takes the same."""
    inputs = [{"name": "q", "type": "string", "description": "What."}]
    loaded = exposing([{"ref": "agg.get"}], [{**GET, "inputParameters": inputs}])
    plan = loaded.functions.find("m.get")
    assert (plan.function.call, plan.function.inputs) == ("", ())
    assert [p.name for p in plan.arguments] == ["q"]


@pytest.mark.parametrize("functions", [None, []])
def test_no_aggregates(functions: Any) -> None:
    """A08: nothing to resolve, and nothing found."""
    loaded = exposing([GET], functions)
    assert loaded.problems == ()
    assert loaded.invoke("m.get") == {"a": 1}


def test_a_reference_of_a_rest_operation() -> None:
    """A10: it keeps its method, and inherits name and description."""
    function = {"name": "get-forecast", "description": "Gets.", "call": "api.list"}
    aggregate = {"label": "F", "namespace": "forecast", "functions": [function]}
    app, upstream = serving.rest_app(
        serving.operation("/f", "POST", ref="forecast.get-forecast"),
        capability={"aggregates": [aggregate]},
    )
    assert ask(app, "POST", "/f").status == 200
    assert ask(app, "GET", "/f").status == 405
    assert upstream.sent == ["GET /ships"]
    data = serving.document(
        serving.operation("/f", "POST", ref="forecast.get-forecast"),
        capability={"aggregates": [aggregate]},
    )
    plan = naftiko.load(data, schema=None).functions.find("front.get-forecast")
    assert (plan.function.method, plan.description) == ("POST", "Gets.")


@pytest.mark.parametrize(
    ("tool", "words", "code"),
    [
        pytest.param(
            {"steps": [{"type": "call", "name": "one"}]},
            "the step 'one' calls nothing",
            "U-call-unresolved",
            id="S04",
        ),
        pytest.param(
            {"call": "bad.call"},
            "'bad.call' names no operation",
            "U-call-unresolved",
            id="S05, bad target",
        ),
        pytest.param(
            {}, "the tool 'dummy' calls nothing", "U-unit-without-call", id="S05, none"
        ),
    ],
)
def test_units_that_call_nothing(tool: Any, words: str, code: str) -> None:
    """S04, S05: found when the document is loaded, refused when they are called."""
    loaded = exposing([{"name": "dummy", "description": "D.", **tool}])
    assert code in [p.code for p in loaded.problems]
    with pytest.raises(naftiko.UnresolvedCall, match=words) as caught:
        loaded.invoke("m.dummy")
    assert caught.value.code == code


def test_mappings() -> None:
    """S09: those of a tool are kept, and decide what it gives."""
    tool = {
        "name": "d",
        "description": "D.",
        "steps": [{"type": "call", "name": "one", "call": "api.op"}],
        "mappings": [{"targetName": "v", "value": "$.one.a"}],
        "outputParameters": [{"name": "v", "type": "string"}],
    }
    loaded = exposing([tool])
    (mapping,) = loaded.functions.find("m.d").function.mappings
    assert (mapping.target_name, mapping.value) == ("v", "$.one.a")
    assert loaded.invoke("m.d") == {"v": 1}


# --- 11.7: MCP ------------------------------------------------------------------------


def test_the_transport_that_is_not_given(tmp_path: Path) -> None:
    """P25: it is HTTP; only `stdio` is not served on a port."""
    data = document()
    data["capability"]["exposes"] = [
        {"type": "mcp", "namespace": "h", "port": 3001, "tools": [GET]},
        {"type": "mcp", "namespace": "s", "transport": "stdio", "tools": [GET]},
    ]
    assert [each.name for each in site(tmp_path, data).served] == ["h"]


# --- 11.11: command line --------------------------------------------------------------


def test_a_file_that_is_no_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Z01: judged by what it holds, where the engine refuses it for its name."""
    file = tmp_path / "notes.txt"
    file.write_text("Buy milk.\n")
    assert main(["validate", str(file)]) == 1
    said = capsys.readouterr()
    assert "notes.txt:1:1: error: the document is a text, not a mapping" in said.out
    file.write_text(write_yaml(document()), "utf-8")
    assert main(["validate", str(file)]) == 0
