"""Documents that grow in one dimension, and a count of the work done on them.

`GROWING` holds one maker for each dimension of a document: number → document. `calls`
counts the calls of functions, those written in C included, that a piece of work makes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

Data = dict[str, Any]


def document(capability: Data, **more: Any) -> Data:
    """Return a document with a capability, in the published spelling."""
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "Wide", "description": "For a test."},
        **more,
        "capability": capability,
    }


def consumed(number: int = 1, *operations: Data, **more: Any) -> Data:
    return {
        "type": "http",
        "namespace": f"api{number}",
        "baseUri": "https://api.test",
        "resources": [
            {
                "name": "r",
                "path": "/r",
                "operations": list(operations) or [operation(1)],
            }
        ],
        **more,
    }


def operation(number: int, **more: Any) -> Data:
    return {"name": f"op-{number}", "method": "GET", **more}


def tool(number: int, **more: Any) -> Data:
    return {
        "name": f"tool-{number}",
        "description": "Does it.",
        "call": "api1.op-1",
        **more,
    }


def mcp(*tools: Data, **more: Any) -> Data:
    return {
        "type": "mcp",
        "namespace": "agents",
        "transport": "http",
        "port": 9000,
        "description": "Tools.",
        "tools": list(tools) or [tool(1)],
        **more,
    }


def rest(*operations: Data, path: str = "/x", **more: Any) -> Data:
    return {
        "type": "rest",
        "namespace": "web",
        "port": 9001,
        "resources": [{"name": "r", "path": path, "operations": list(operations)}],
        **more,
    }


def _consumes(*operations: Data, **more: Any) -> Data:
    return document({"consumes": [consumed(1, *operations, **more)]})


def _tools(*tools: Data, **more: Any) -> Data:
    return document({"consumes": [consumed()], "exposes": [mcp(*tools, **more)]})


def _routes(*operations: Data, **more: Any) -> Data:
    return document({"consumes": [consumed()], "exposes": [rest(*operations, **more)]})


def _same_operations(n: int) -> Data:
    return _consumes(*(operation(1) for _ in range(n)))


def _same_resources(n: int) -> Data:
    resources = [
        {"name": "r", "path": f"/r{i}", "operations": [operation(1)]} for i in range(n)
    ]
    return document({"consumes": [consumed(1, resources=resources)]})


def _same_namespaces(n: int) -> Data:
    return document({"consumes": [consumed(1) for _ in range(n)]})


def _same_tools(n: int) -> Data:
    return _tools(*(tool(1) for _ in range(n)))


def _same_routes(n: int) -> Data:
    got = {"name": "get", "method": "GET", "call": "api1.op-1"}
    return _routes(*(dict(got) for _ in range(n)))


def _same_exposes(n: int) -> Data:
    return document({"consumes": [consumed()], "exposes": [mcp() for _ in range(n)]})


def _operations(n: int) -> Data:
    return _consumes(*map(operation, range(n)))


def _resources(n: int) -> Data:
    resources = [
        {"name": f"r{i}", "path": f"/r{i}", "operations": [operation(i)]}
        for i in range(n)
    ]
    return document({"consumes": [consumed(1, resources=resources)]})


def _adapters(n: int) -> Data:
    return document({"consumes": list(map(consumed, range(n)))})


def _many_exposed(n: int) -> Data:
    exposes = [mcp(namespace=f"agents{i}", port=1024 + i % 60000) for i in range(n)]
    return document({"consumes": [consumed()], "exposes": exposes})


def _inputs(n: int) -> Data:
    inputs = [{"name": f"p{i}", "in": "query"} for i in range(n)]
    return _consumes(operation(1, inputParameters=inputs))


def _same_inputs(n: int) -> Data:
    inputs = [{"name": "p", "in": "query"} for i in range(n)]
    return _consumes(operation(1, inputParameters=inputs))


def _adapter_inputs(n: int) -> Data:
    """Inputs of an adapter, each of which its operations take."""
    inputs = [{"name": f"p{i}", "in": "query"} for i in range(n)]
    return _consumes(operation(1), operation(2), inputParameters=inputs)


def _outputs(n: int) -> Data:
    outputs = [
        {"name": f"o{i}", "type": "string", "value": f"$.o{i}"} for i in range(n)
    ]
    return _consumes(operation(1, outputParameters=outputs))


def _same_outputs(n: int) -> Data:
    outputs = [{"name": "o", "type": "string", "value": "$.o"} for i in range(n)]
    return _consumes(operation(1, outputParameters=outputs))


def _path_placeholders(n: int) -> Data:
    path = "".join(f"/{{{{p{i}}}}}" for i in range(n))
    inputs = [{"name": f"p{i}", "in": "path"} for i in range(n)]
    resource = {
        "name": "r",
        "path": path,
        "operations": [operation(1, inputParameters=inputs)],
    }
    return document({"consumes": [consumed(1, resources=[resource])]})


def _unplaced(n: int) -> Data:
    """Parameters of a path without placeholders, with nearly the names of others."""
    path = "".join(f"/{{{{q{i}x}}}}" for i in range(n))
    inputs = [{"name": f"p{i}x", "in": "path"} for i in range(n)]
    resource = {
        "name": "r",
        "path": path,
        "operations": [operation(1, inputParameters=inputs)],
    }
    return document({"consumes": [consumed(1, resources=[resource])]})


def _body_placeholders(n: int) -> Data:
    body = {"type": "json", "data": {f"k{i}": f"{{{{v{i}}}}}" for i in range(n)}}
    return _consumes(operation(1, method="POST", body=body))


def _body_text(n: int) -> Data:
    data = " ".join(f"{{{{v{i}}}}}" for i in range(n))
    return _consumes(operation(1, method="POST", body={"type": "text", "data": data}))


def _body_json_text(n: int) -> Data:
    data = "{" + ", ".join(f'"k{i}": "{{{{v{i}}}}}"' for i in range(n)) + "}"
    return _consumes(operation(1, method="POST", body={"type": "json", "data": data}))


def _form(n: int) -> Data:
    data = {f"k{i}": f"{{{{v{i}}}}}" for i in range(n)}
    body = {"type": "formUrlEncoded", "data": data}
    return _consumes(operation(1, method="POST", body=body))


def _multipart(n: int) -> Data:
    data = [{"name": f"k{i}", "value": f"{{{{v{i}}}}}"} for i in range(n)]
    body = {"type": "multipartForm", "data": data}
    return _consumes(operation(1, method="POST", body=body))


def _variables(n: int) -> Data:
    body = {"type": "json", "data": {f"k{i}": f"{{{{VALUE_{i}}}}}" for i in range(n)}}
    return _consumes(operation(1, method="POST", body=body))


def _binds(n: int) -> Data:
    binds = [{"namespace": f"b{i}", "keys": {f"KEY_{i}": f"K{i}"}} for i in range(n)]
    return document({"consumes": [consumed()]}, binds=binds)


def _bind_keys(n: int) -> Data:
    keys = {f"KEY_{i}": f"K{i}" for i in range(n)}
    return document(
        {"consumes": [consumed()]}, binds=[{"namespace": "b", "keys": keys}]
    )


def _bound_variables(n: int) -> Data:
    """Bound variables, and names that are nearly theirs."""
    made = _variables(n)
    keys = {f"VALUE_{i}X": f"K{i}" for i in range(n)}
    return {**made, "binds": [{"namespace": "b", "keys": keys}]}


def _base_variables(n: int) -> Data:
    """Adapters with placeholders in their base URI that end the names of binds."""
    keys = {f"A{i}_REGION_{i}": f"K{i}" for i in range(n)}
    made = [consumed(i, baseUri=f"https://{{region_{i}}}.test") for i in range(n)]
    return document({"consumes": made}, binds=[{"namespace": "b", "keys": keys}])


def _imports(n: int) -> Data:
    entries = [
        {"import": f"x{i}", "location": f"file:///./absent{i}.yaml"} for i in range(n)
    ]
    return document({"consumes": [consumed(), *entries]})


def _tools_of(n: int) -> Data:
    return _tools(*map(tool, range(n)))


def _tool_inputs(n: int) -> Data:
    inputs = [
        {"name": f"i{i}", "type": "string", "description": "One."} for i in range(n)
    ]
    with_ = {f"w{i}": f"agents.i{i}" for i in range(n)}
    return _tools(tool(1, inputParameters=inputs, **{"with": with_}))


def _same_tool_inputs(n: int) -> Data:
    inputs = [{"name": "i", "type": "string", "description": "One."} for i in range(n)]
    return _tools(tool(1, inputParameters=inputs))


def _unknown_with(n: int) -> Data:
    """Names in `with` that are nearly those of inputs."""
    inputs = [
        {"name": f"i{i}", "type": "string", "description": "One."} for i in range(n)
    ]
    with_ = {f"w{i}": f"agents.i{i}x" for i in range(n)}
    return _tools(tool(1, inputParameters=inputs, **{"with": with_}))


def _tool_outputs(n: int) -> Data:
    properties = {f"o{i}": {"type": "string", "mapping": f"$.o{i}"} for i in range(n)}
    output = {"type": "object", "properties": properties}
    return _tools(tool(1, outputParameters=[output]))


def _tool_output_list(n: int) -> Data:
    outputs = [
        {"name": f"o{i}", "type": "string", "mapping": f"$.o{i}"} for i in range(n)
    ]
    return _tools(tool(1, outputParameters=outputs))


def _enum(n: int) -> Data:
    given = {
        "name": "i",
        "type": "string",
        "description": "One.",
        "enum": [f"value{i}" for i in range(n)],
        "default": "valuex",
    }
    return _tools(tool(1, inputParameters=[given]))


def _calls(n: int) -> Data:
    """Tools, each of which calls an operation of its own."""
    return document(
        {
            "consumes": [consumed(1, *map(operation, range(n)))],
            "exposes": [mcp(*(tool(i, call=f"api1.op-{i}") for i in range(n)))],
        }
    )


def _unknown_calls(n: int) -> Data:
    """Calls of operations that are not there, but have nearly their names."""
    return document(
        {
            "consumes": [consumed(1, *map(operation, range(n)))],
            "exposes": [mcp(*(tool(i, call=f"api1.opp-{i}x") for i in range(n)))],
        }
    )


def _unknown_namespaces(n: int) -> Data:
    return document(
        {
            "consumes": list(map(consumed, range(n))),
            "exposes": [mcp(*(tool(i, call=f"appi{i}.op-1") for i in range(n)))],
        }
    )


def _ambiguous_calls(n: int) -> Data:
    return document(
        {
            "consumes": [consumed(1, *(operation(1) for _ in range(n)))],
            "exposes": [mcp(*map(tool, range(n)))],
        }
    )


def _many_callers(n: int) -> Data:
    """Tools that all call one operation, with an input each."""
    given = {"name": "id", "type": "string", "description": "One."}
    return document(
        {
            "consumes": [
                consumed(
                    1, operation(1, inputParameters=[{"name": "id", "in": "query"}])
                )
            ],
            "exposes": [
                mcp(*(tool(i, inputParameters=[dict(given)]) for i in range(n)))
            ],
        }
    )


def _routes_of(n: int) -> Data:
    resources = [
        {
            "name": f"r{i}",
            "path": f"/r{i}/{{id}}",
            "operations": [
                {
                    "name": f"get{i}",
                    "method": "GET",
                    "call": "api1.op-1",
                    "inputParameters": [
                        {"name": "id", "in": "path", "type": "string"},
                    ],
                }
            ],
        }
        for i in range(n)
    ]
    return _routes(resources=resources)


def _alike_routes(n: int) -> Data:
    """Routes that differ by the name of a placeholder only, or by its place."""
    resources = [
        {
            "name": f"r{i}",
            "path": f"/a/{{p{i}}}/b",
            "operations": [{"name": f"g{i}", "method": "GET", "call": "api1.op-1"}],
        }
        for i in range(n)
    ]
    return _routes(resources=resources)


def _long_route(n: int) -> Data:
    got = {"name": "get", "method": "GET", "call": "api1.op-1"}
    path = "".join(f"/{{p{i}}}" for i in range(n))
    return _routes(got, path=path)


def _forwards(n: int) -> Data:
    resources = [
        {
            "name": f"f{i}",
            "path": f"/f{i}/{{path}}",
            "forward": {"targetNamespace": "api1", "trustedHeaders": [f"X-{i}"]},
        }
        for i in range(n)
    ]
    return _routes(resources=resources)


def _trusted_headers(n: int) -> Data:
    forward = {
        "targetNamespace": "api1",
        "trustedHeaders": [f"X-{i}" for i in range(n)],
    }
    resources = [{"name": "f", "path": "/f/{path}", "forward": forward}]
    return _routes(resources=resources)


def _steps(n: int) -> Data:
    steps = [{"type": "call", "name": f"s{i}", "call": "api1.op-1"} for i in range(n)]
    made = tool(1, steps=steps)
    del made["call"]
    return _tools(made)


def _same_steps(n: int) -> Data:
    steps = [{"type": "call", "name": "s", "call": "api1.op-1"} for i in range(n)]
    made = tool(1, steps=steps)
    del made["call"]
    return _tools(made)


def _chained_steps(n: int) -> Data:
    """Steps, each of which uses the one before it."""
    steps: list[Data] = [{"type": "call", "name": "s0", "call": "api1.op-1"}]
    steps += [
        {
            "type": "call",
            "name": f"s{i}",
            "call": "api1.op-1",
            "with": {"a": f"{{{{s{i - 1}.id}}}}"},
        }
        for i in range(1, n)
    ]
    made = tool(1, steps=steps)
    del made["call"]
    return _tools(made)


def _lookups(n: int) -> Data:
    steps: list[Data] = [{"type": "call", "name": "s0", "call": "api1.op-1"}]
    steps += [
        {
            "type": "lookup",
            "name": f"s{i}",
            "index": f"s{i - 1}x",
            "match": "id",
            "lookupValue": f"$.s{i - 1}.id",
            "outputParameters": ["n"],
        }
        for i in range(1, n)
    ]
    made = tool(1, steps=steps)
    del made["call"]
    return _tools(made)


def _mappings(n: int) -> Data:
    steps = [{"type": "call", "name": f"s{i}", "call": "api1.op-1"} for i in range(n)]
    mappings = [{"targetName": f"o{i}", "value": f"$.s{i}.id"} for i in range(n)]
    outputs = [{"name": f"o{i}x", "type": "string"} for i in range(n)]
    made = tool(1, steps=steps, mappings=mappings, outputParameters=outputs)
    del made["call"]
    return _tools(made)


def _wrong_steps(n: int) -> Data:
    """Steps that refer to steps which are not there, but have nearly their names."""
    steps: list[Data] = [
        {
            "type": "call",
            "name": f"step{i}",
            "call": "api1.op-1",
            "with": {"a": f"{{{{stp{i}x.id}}}}"},
        }
        for i in range(n)
    ]
    mappings = [{"targetName": f"o{i}", "value": f"$.stp{i}.id"} for i in range(n)]
    made = tool(1, steps=steps, mappings=mappings)
    del made["call"]
    return _tools(made)


def _scripts(n: int) -> Data:
    steps = [
        {
            "type": "script",
            "name": f"s{i}",
            "language": "javascript",
            "location": "file:///./scripts",
            "file": f"s{i}.js",
        }
        for i in range(n)
    ]
    made = tool(1, steps=steps)
    del made["call"]
    return _tools(made)


def _aggregate(n: int, **more: Any) -> Data:
    functions = [
        {"name": f"f{i}", "description": "Does it.", "call": "api1.op-1", **more}
        for i in range(n)
    ]
    return {"label": "A", "namespace": "agg", "functions": functions}


def _aggregates(n: int) -> Data:
    one = _aggregate(1)
    made = [{**one, "namespace": f"agg{i}"} for i in range(n)]
    return document({"consumes": [consumed()], "aggregates": made, "exposes": [mcp()]})


def _same_aggregates(n: int) -> Data:
    made = [_aggregate(1) for i in range(n)]
    return document({"consumes": [consumed()], "aggregates": made, "exposes": [mcp()]})


def _functions(n: int) -> Data:
    tools = [{"name": f"t{i}", "ref": f"agg.f{i}"} for i in range(n)]
    return document(
        {
            "consumes": [consumed()],
            "aggregates": [_aggregate(n)],
            "exposes": [mcp(*tools)],
        }
    )


def _one_function(n: int) -> Data:
    """Tools that all refer to one function, which has as many inputs."""
    inputs = [
        {"name": f"i{i}", "type": "string", "description": "One."} for i in range(20)
    ]
    tools = [{"name": f"t{i}", "ref": "agg.f0"} for i in range(n)]
    return document(
        {
            "consumes": [consumed()],
            "aggregates": [_aggregate(1, inputParameters=inputs)],
            "exposes": [mcp(*tools)],
        }
    )


def _unknown_refs(n: int) -> Data:
    tools = [{"name": f"t{i}", "ref": f"agg.ff{i}x"} for i in range(n)]
    return document(
        {
            "consumes": [consumed()],
            "aggregates": [_aggregate(n)],
            "exposes": [mcp(*tools)],
        }
    )


def _mcp_resources(n: int) -> Data:
    made = [
        {
            "name": f"r{i}",
            "label": "R",
            "uri": f"data://r{i}/{{id}}",
            "description": "One.",
            "call": "api1.op-1",
        }
        for i in range(n)
    ]
    return _tools(resources=made)


def _prompts(n: int) -> Data:
    made = [
        {
            "name": f"p{i}",
            "label": "P",
            "description": "One.",
            "arguments": [{"name": "a", "description": "One."}],
            "template": [{"role": "user", "content": "{{a}}"}],
        }
        for i in range(n)
    ]
    return _tools(prompts=made)


def _prompt_arguments(n: int) -> Data:
    """Arguments of a prompt, and placeholders that are nearly their names."""
    made = {
        "name": "p",
        "label": "P",
        "description": "One.",
        "arguments": [{"name": f"arg{i}", "description": "One."} for i in range(n)],
        "template": [{"role": "user", "content": f"{{{{ag{i}x}}}}"} for i in range(n)],
    }
    return _tools(prompts=[made])


def _prompt_text(n: int) -> Data:
    made = {
        "name": "p",
        "label": "P",
        "description": "One.",
        "arguments": [{"name": f"a{i}", "description": "One."} for i in range(n)],
        "template": [
            {"role": "user", "content": " ".join(f"{{{{a{i}}}}}" for i in range(n))}
        ],
    }
    return _tools(prompts=[made])


def _skill(*skills: Data) -> Data:
    return document(
        {
            "consumes": [consumed()],
            "exposes": [
                mcp(),
                {
                    "type": "skill",
                    "namespace": "skills",
                    "port": 9002,
                    "description": "Skills.",
                    "skills": list(skills),
                },
            ],
        }
    )


def _skills(n: int) -> Data:
    tools = [
        {
            "name": "t",
            "description": "One.",
            "from": {"sourceNamespace": "agents", "action": "tool-1"},
        }
    ]
    return _skill(
        *({"name": f"s{i}", "description": "One.", "tools": tools} for i in range(n))
    )


def _skill_tools(n: int) -> Data:
    """Tools of a skill that come from actions with nearly their names."""
    tools = [
        {
            "name": f"t{i}",
            "description": "One.",
            "from": {"sourceNamespace": "agents", "action": f"tol-{i}"},
        }
        for i in range(n)
    ]
    made = _skill({"name": "s", "description": "One.", "tools": tools})
    made["capability"]["exposes"][0]["tools"] = list(map(tool, range(n)))
    return made


def _unknown_keys(n: int) -> Data:
    """Keys that are nearly known ones."""
    return _consumes(operation(1, **{f"methodx{i}": 1 for i in range(n)}))


def _unknown_keys_everywhere(n: int) -> Data:
    return _consumes(*(operation(i, descripton="x") for i in range(n)))


def _wrong_types(n: int) -> Data:
    return _consumes(*(operation(i, inputParameters="x") for i in range(n)))


def _wrong_methods(n: int) -> Data:
    return _consumes(*({"name": f"op{i}", "method": "GTE"} for i in range(n)))


def _wrong_outputs(n: int) -> Data:
    outputs = [{"name": f"o{i}", "value": f"$.[o{i}"} for i in range(n)]
    return _consumes(operation(1, outputParameters=outputs))


def _tags(n: int) -> Data:
    made = _operations(1)
    made["info"]["tags"] = [f"t{i}" for i in range(n)]
    made["info"]["stakeholders"] = [
        {"role": "a", "fullName": f"N{i}", "email": "a@b.example"} for i in range(n)
    ]
    return made


def _tag_words(n: int) -> Data:
    """An adapter whose operations are told by long descriptions."""
    return _consumes(*(operation(i, description="word " * 20) for i in range(n)))


def _long_texts(n: int) -> Data:
    word = "x" * n
    return _consumes(
        operation(1, description=word, label=word),
        description=word,
        baseUri="https://h.test/" + word,
    )


def _long_names(n: int) -> Data:
    name = "n" * n
    return document(
        {
            "consumes": [consumed(1, {"name": name, "method": "GET"})],
            "exposes": [
                mcp(tool(1, call="api1." + name), tool(2, call="api1.y" + name))
            ],
        }
    )


def _long_template(n: int) -> Data:
    return _consumes(
        operation(1, method="POST", body={"type": "text", "data": "{{a}} {{" * n})
    )


def _long_path_expression(n: int) -> Data:
    output = {"name": "o", "type": "string", "value": "$" + ".a" * n}
    return _consumes(operation(1, outputParameters=[output]))


def _long_filter(n: int) -> Data:
    tests = " || ".join(f"@.a == {i}" for i in range(n))
    output = {"name": "o", "type": "string", "value": f"$[?{tests}]"}
    return _consumes(operation(1, outputParameters=[output]))


def _output_schema(n: int) -> Data:
    schema = {
        "type": "object",
        "properties": {f"p{i}": {"$ref": "#/$defs/a"} for i in range(n)},
        "$defs": {"a": {"type": "string"}},
    }
    return _consumes(operation(1, outputSchema=schema))


def _mock_outputs(n: int) -> Data:
    outputs = [{"name": f"o{i}", "type": "string", "value": f"v{i}"} for i in range(n)]
    made = tool(1, outputParameters=outputs)
    del made["call"]
    return _tools(made)


def _input_properties(n: int) -> Data:
    properties = {f"p{i}": {"type": "string"} for i in range(n)}
    given = {
        "name": "i",
        "type": "object",
        "description": "One.",
        "properties": properties,
        "required": [f"p{i}x" for i in range(n)],
    }
    return _tools(tool(1, inputParameters=[given]))


def _credentials(n: int) -> Data:
    given = {
        "type": "bearer",
        "token": " ".join(f"{{{{TOKEN_{i}}}}}" for i in range(n)),
    }
    return _consumes(operation(1), authentication=given)


def _exposed_scopes(n: int) -> Data:
    made = _tools()
    made["capability"]["exposes"][0]["authentication"] = {
        "type": "oauth2",
        "authorizationServerUrl": "https://auth.test",
        "resource": "https://mcp.test",
        "scopes": [f"s{i}" for i in range(n)],
        "audiences": [f"a{i}" for i in range(n)],
    }
    return made


#: Dimension → number → a document of that size in this dimension.
GROWING: dict[str, Callable[[int], Data]] = {
    name.removeprefix("_").replace("_", " "): made
    for name, made in list(globals().items())
    if name.startswith("_")
    and getattr(made, "__annotations__", {}) == {"n": "int", "return": "Data"}
}


def calls(work: Callable[[], object]) -> int:
    """Return how many functions a piece of work calls, those in C included."""
    count = 0

    def note(_: Any, event: str, __: Any) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
