"""Exposed adapters: their type, port, content, links and forwards.

The cases with whole documents are in `tests/spec/cases/exposes.yaml`.
"""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.spec.adapters import ForwardSpec, Management, StaticResource
from naftiko.spec.exposes import read_exposes
from naftiko.spec.model import Exposes, Link
from support import serving
from support.casefiles import cases
from support.reading import check
from support.records import findings, said


@pytest.mark.parametrize("case", cases("spec/cases", "exposes"))
def test_exposed_adapter_in_a_document(case: dict[str, Any]) -> None:
    """An adapter gets the findings that its case lists, at the listed places."""
    check(case)


def _read(
    *adapters: Any, strays: bool = False
) -> tuple[list[Exposes], list[tuple[str, str]]]:
    """Read adapters; return them, and place and message of what is noted."""
    found = findings(list(adapters))
    read = list(read_exposes(list(adapters), ("part",), found, strays=strays))
    return read, [(place.removeprefix("/part"), told) for _, place, told in said(found)]


def _one(kind: str, **more: Any) -> tuple[Exposes, list[tuple[str, str]]]:
    """Read one adapter that has all that its type needs, unless said otherwise."""
    content: dict[str, Any] = {
        "rest": {"resources": [{"path": "/a", "operations": [{"method": "GET"}]}]},
        "mcp": {"tools": [{"name": "t"}]},
        "skill": {"skills": [{"name": "k"}]},
        "control": {},
    }[kind]
    entry = {"type": kind, "namespace": "n", "port": 1, **content, **more}
    (exposes,), noted = _read(entry)
    return exposes, noted


def test_adapter_has_what_every_type_has() -> None:
    """Address, port, transport and description are read for every type."""
    more = {"address": "0.0.0.0", "transport": "http", "description": "d"}
    for kind in ("rest", "mcp", "skill", "control"):
        exposes, noted = _one(kind, **more)
        assert exposes[:6] == (kind, "n", "0.0.0.0", 1, "http", "d")
        assert (exposes.path, exposes.authentication) == (("part", 0), None)
        assert noted == []


@pytest.mark.parametrize(
    ("entry", "place", "message"),
    [
        ({"type": "grpc"}, "/0/type", "an adapter of type 'grpc' cannot be served"),
        ({"type": "REST"}, "/0/type", "an adapter of type 'REST' cannot be served"),
        ({"type": None}, "/0/type", "an adapter without a type cannot be served"),
        ({}, "/0", "an adapter without a type cannot be served"),
        ("rest", "/0", "expected a mapping for an entry of `part`, got a text ('rest'); it is left out"),
    ],
)  # fmt: skip
def test_adapter_of_no_known_type_is_left_out(
    entry: Any, place: str, message: str
) -> None:
    """An adapter that cannot be served has no record, and is noted."""
    assert _read(entry) == ([], [(place, message)])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"type": "rest", "namespace": "n"}, "the rest adapter has no `resources`"),
        ({"type": "mcp", "namespace": "n", "tools": []}, "the mcp adapter has no `tools`"),
        ({"type": "skill"}, "the skill adapter has no `skills`"),
        ({"type": "mcp", "prompts": [{"name": "p", "location": "p"}]}, "the mcp adapter has no `namespace`"),
        ({"type": "control"}, ""),
    ],
)  # fmt: skip
def test_empty_adapter_is_noted_once(entry: Any, message: str) -> None:
    """An adapter without content or name is told the first thing that it lacks."""
    (exposes,), noted = _read({"port": 1, **entry})
    assert exposes.type == entry["type"]
    assert noted == ([("/0", message)] if message else [])


def test_tools_beside_the_adapters_are_pointed_out() -> None:
    """The hint about an empty MCP adapter names the tools that stand elsewhere."""
    for kind, strays, hint in (
        ("mcp", True, "move `capability.tools` below it, with a `call` for each tool"),
        ("mcp", False, "add `tools`, or remove the adapter"),
        ("rest", True, "add `resources`, or remove the adapter"),
    ):
        found = findings()
        data = [{"type": kind, "namespace": "n", "port": 1}]
        list(read_exposes(data, ("part",), found, strays=strays))
        assert [finding.hint for finding in found.noted] == [hint]


@pytest.mark.parametrize(
    ("entry", "port", "message"),
    [
        ({}, 1, ""),
        ({"port": 0}, 0, ""),
        ({"port": None}, None, "the control adapter 'n' has no port"),
        ({"port": None, "transport": "stdio"}, None, ""),
        # The schema names values of another kind.
        ({"port": "8080"}, None, ""),
        ({"port": True}, None, ""),
    ],
)
def test_port_is_a_number_or_none(entry: Any, port: int | None, message: str) -> None:
    """A port is a number; only an adapter on standard input needs none."""
    exposes, noted = _one("control", **entry)
    assert exposes.port is port
    assert noted == ([("/0", message)] if message else [])


def test_port_that_an_earlier_adapter_wants_is_noted() -> None:
    """Each later adapter is told of the first; any free port is no port in common."""
    kinds = [
        {"type": "control", "namespace": name, "port": 1} for name in ("a", "", "c")
    ]
    found = findings()
    free = [{"type": "control", "port": 0}] * 2
    list(read_exposes([*kinds, *free], ("part",), found))
    assert said(found) == [
        ("W-port-duplicate", "/part/1/port", "'control' and 'a' both want port 1"),
        ("W-port-duplicate", "/part/2/port", "'c' and 'a' both want port 1"),
    ]
    for finding in found.noted:
        assert finding.related[0].path == ("part", 0, "port")


def test_operation_has_the_name_of_its_resource() -> None:
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
def test_exposed_authentication_is_kept_as_written(authentication: Any) -> None:
    """L19: the record has the texts as they are written; the guard renders them."""
    data = serving.document(
        serving.operation(call="api.list"), adapter={"authentication": authentication}
    )
    loaded = naftiko.load(data, schema=None)
    asked = loaded.exposes[0].authentication
    assert asked is not None
    placement = {"placement": asked.placement} if "placement" in authentication else {}
    assert {"type": asked.type, **asked.texts, **placement} == authentication
    assert asked.problems == ()


def test_operation_of_a_route_takes_what_its_adapter_and_resource_declare() -> None:
    """The nearest of several inputs of one name counts; the path is joined."""

    def named(place: str, *names: str) -> list[dict[str, Any]]:
        return [{"name": name, "in": place} for name in names]

    operation = {"method": "GET", "path": "b", "inputParameters": named("path", "z")}
    resource = {
        "name": "r",
        "path": "/a",
        "inputParameters": named("header", "y", "z"),
        "operations": [operation],
    }
    exposes, noted = _one(
        "rest", inputParameters=named("query", "x", "y"), resources=[resource]
    )
    (function,) = exposes.functions
    assert (function.kind, function.method, function.url_path) == (
        "rest",
        "GET",
        "/a/b",
    )
    assert [(p.name, p.in_) for p in function.inputs] == [
        ("x", "query"),
        ("y", "header"),
        ("z", "path"),
    ]
    place = "/0/resources/0/operations/0/path"
    message = "the `path` of a REST operation continues the resource's"
    assert noted == [(place, message)]


def test_forward_is_read_as_a_link_too() -> None:
    """A forward is served by its record, and its target is checked by its link."""
    forward = {"targetNamespace": "api", "trustedHeaders": ["X-A", "X-B"]}
    exposes, noted = _one("rest", resources=[{"path": "/p", "forward": forward}])
    place = ("part", 0, "resources", 0, "forward")
    assert exposes.forwards == (ForwardSpec("/p", "api", ("X-A", "X-B"), place),)
    assert exposes.links == (Link("forward", "api", path=place),)
    assert (exposes.functions, noted) == ((), [])


@pytest.mark.parametrize(
    ("forward", "headers", "place", "told"),
    [
        ("api", None, "", "expected a mapping for `forward`, got a text ('api')"),
        (None, None, "", "expected a mapping for `forward`, got null"),
        ({"trustedHeaders": "X-A"}, (), "/trustedHeaders", "expected a list for `trustedHeaders`, got a text ('X-A')"),
    ],
)  # fmt: skip
def test_forward_of_another_kind_trusts_no_header(
    forward: Any, headers: Any, place: str, told: str
) -> None:
    """A forward that is no mapping forwards nothing; headers that are no list, none."""
    exposes, noted = _one("rest", resources=[{"path": "/p", "forward": forward}])
    assert [f.trusted_headers for f in exposes.forwards] == [headers] * (headers == ())
    assert noted == [(f"/0/resources/0/forward{place}", f"{told}; it is left out")]


def test_mcp_resource_is_a_file_or_a_function() -> None:
    """A resource with a location is no function; one without a URI is left out."""
    resources = [
        {"name": "f", "uri": "docs://f", "location": "./f.md", "mimeType": "text/x"},
        {"name": "g", "uri": "docs://g", "call": "a.op"},
        {"name": "h", "location": "./h.md"},
        {"name": "i", "uri": "docs://i", "location": "https://a.test/i.md"},
    ]
    exposes, noted = _one("mcp", resources=resources)
    place = ("part", 0, "resources", 0)
    file = StaticResource("f", "docs://f", "./f.md", mime_type="text/x", path=place)
    assert exposes.files[0] == file
    assert [unit.name for unit in exposes.files] == ["f", "i"]
    assert [(f.kind, f.name) for f in exposes.functions] == [
        ("tool", "t"),
        ("resource", "g"),
    ]
    location = "the location 'https://a.test/i.md' is no file: URI"
    assert noted == [
        ("/0/resources/2", "the resource 'h' has no `uri` and is left out"),
        ("/0/resources/3/location", f"the resource 'docs://i': {location}"),
    ]


@pytest.mark.parametrize(
    ("ttl", "milliseconds", "kind"),
    [
        (None, 0, ""),
        (0, 0, ""),
        (5000, 5000, ""),
        (-1, 0, "a number"),
        (1.5, 0, "a number"),
        (True, 0, "a boolean"),
        ("5s", 0, "a text"),
    ],
)
def test_cache_time_is_a_whole_number(ttl: Any, milliseconds: int, kind: str) -> None:
    """Anything but milliseconds from 0 is left out, so nothing is kept too long."""
    exposes, noted = _one("mcp", ttlMs=ttl)
    assert exposes.cache_ttl == milliseconds
    message = f"`ttlMs` is {kind} that is no time in milliseconds, and is left out"
    assert noted == ([("/0/ttlMs", message)] if kind else [])


@pytest.mark.parametrize(
    ("scope", "read"),
    [
        ("public", "public"),
        ("private", "private"),
        (None, "private"),
        ("all", "private"),
    ],
)
def test_cache_scope_is_private_unless_it_is_public(scope: Any, read: str) -> None:
    """A result is shared between callers only where the document says `public`."""
    exposes, noted = _one("mcp", cacheScope=scope)
    assert exposes.cache_scope == read
    message = "`cacheScope` is 'all', which is not known, and is left out"
    assert noted == ([("/0/cacheScope", message)] if scope == "all" else [])


def test_skill_tool_is_a_function_only_with_a_call() -> None:
    """Tools of siblings and instructions are run elsewhere; a tool of nothing nowhere."""
    source = {"sourceNamespace": "m", "action": "t"}
    tools = [
        {"name": "from", "from": source},
        {"name": "file", "instruction": "a.md"},
        {"name": "call", "call": "a.op"},
        {"name": "none"},
    ]
    exposes, noted = _one(
        "skill", skills=[{"name": "k", "call": "a.k", "tools": tools}]
    )
    assert [(f.kind, f.name) for f in exposes.functions] == [
        ("skill", "k"),
        ("skill", "call"),
    ]
    at = ("part", 0, "skills", 0, "tools", 0, "from")
    assert exposes.links == (Link("from", "m", "t", at),)
    shapes = [told for _, told in noted if "of its own" in told]
    assert shapes == [
        "the skill 'k' has a `call` of its own",
        "the skill tool 'call' has a `call` of its own",
    ]


def test_only_a_control_adapter_has_endpoints_and_limits() -> None:
    """The settings of a control adapter have defaults; other types have none."""
    exposes, noted = _one("control", management={"scripting": {"timeout": 5}})
    assert exposes.management == Management(scripting=True)
    assert exposes.scripting is not None
    assert exposes.scripting.timeout == 5
    assert exposes.observability is not None
    assert noted == []
    other, _ = _one("rest", management={"scripting": {"timeout": 5}})
    assert (other.management, other.scripting, other.observability) == (None,) * 3
