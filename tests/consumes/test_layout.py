"""The places of the arguments of an operation, decided when it is loaded."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.consumes.layout import Layout, Slot, compile_layout
from naftiko.consumes.operation import places_of
from naftiko.document import rules
from naftiko.document.findings import Finding
from naftiko.errors import Edit
from naftiko.expressions import Ref, Scope
from naftiko.spec.model import (
    Authentication,
    Body,
    Consumes,
    Credential,
    InputParameter,
    OperationSpec,
)
from support.building import capability

SCOPE = Scope(frozenset({"KEY", "region"}), (("env.KEY", "KEY"),))
AT = ("operations", 0)
ID = Ref("id", False, "{id}")
KEY = Ref("KEY", True, "{{KEY}}")


def spec_of(
    url_path: str,
    *parameters: InputParameter,
    method: str = "GET",
    authentication: Authentication | None = None,
    **more: Any,
) -> OperationSpec:
    """Return an operation with this path and these parameters."""
    adapter = Consumes("api", "http://h", authentication=authentication)
    return OperationSpec(
        adapter, "op", "r", method, url_path, parameters=parameters, path=AT, **more
    )


def layout_of(url_path: str, *parameters: InputParameter, **more: Any) -> Layout:
    """Compile the layout of an operation with this path and these parameters."""
    return compile_layout(spec_of(url_path, *parameters, **more), SCOPE)


def declared(name: str, in_: str, *, at: int = 0, **more: Any) -> InputParameter:
    """Return a declared parameter."""
    return InputParameter(name, in_, path=(*AT, "inputParameters", at), **more)


def test_each_declared_parameter_has_its_place() -> None:
    """Each place has its slots in the order of the document."""
    layout = layout_of(
        "/items/{id}",
        declared("id", "path"),
        declared("b", "query", required=True),
        declared("a", "query", default="d"),
        declared("H", "header"),
        declared("c", "cookie"),
        declared("E", "environment", required=True),
    )
    assert layout.path == ("/items/", ID)
    assert layout.query == (Slot("b", "b"), Slot("a", "a", default="d"))
    assert (layout.headers, layout.cookies) == ((Slot("H", "H"),), (Slot("c", "c"),))
    assert layout.environment == ("E",)
    assert [p.name for p in layout.arguments] == ["id", "b", "a", "H", "c", "E"]
    assert layout.takes == {"id", "b", "a", "H", "c", "E"}
    assert layout.required == {"id", "b", "E"}
    assert places_of(layout) == {
        ("id", "path"), ("b", "query"), ("a", "query"), ("H", "header"), ("c", "cookie"),
    }  # fmt: skip
    assert (layout.body, layout.login, layout.findings) == (None, None, ())


def test_undeclared_placeholder_is_an_argument() -> None:
    """A placeholder without a declaration is a required text, and noted."""
    layout = layout_of("/a/{id}")
    assert layout.arguments == (
        InputParameter("id", "path", "string", True, inferred=True, path=AT),
    )
    assert layout.required == {"id"}
    assert layout.findings == (
        Finding(
            rules.PLACEHOLDER_UNDECLARED,
            AT,
            "the placeholder '{id}' is not declared as a parameter",
            "add it under `inputParameters`, `in: path`",
        ),
    )


@pytest.mark.parametrize("in_", ["query", "header", "cookie", "body", ""])
def test_placeholder_draws_a_parameter_into_the_path(in_: str) -> None:
    """The path wins over the declared place, and the parameter is needed."""
    layout = layout_of("/a/{id}", declared("id", in_))
    assert layout.arguments == (declared("id", "path", required=True),)
    assert (layout.query, layout.headers, layout.cookies) == ((), (), ())
    assert layout.findings == ()


def test_parameter_without_a_place_is_sent_in_the_query() -> None:
    """The finding has the edit that declares what is done."""
    layout = layout_of("/a", declared("q", "", at=3))
    assert layout.query == (Slot("q", "q"),)
    assert layout.findings == (
        Finding(
            rules.PARAMETER_PLACE_MISSING,
            (*AT, "inputParameters", 3),
            "the parameter 'q' has no place; it is sent in the query",
            "add `in: query`",
            fix=Edit("set", "/operations/0/inputParameters/3/in", "query"),
        ),
    )


def test_one_name_in_two_places_is_one_argument() -> None:
    """The argument is needed where one of its places needs it."""
    layout = layout_of(
        "/{id}",
        declared("id", "path"),
        declared("id", "query"),
        declared("id", "header"),
    )
    assert [p.name for p in layout.arguments] == ["id"]
    assert layout.required == {"id"}
    assert places_of(layout) == {("id", "path"), ("id", "query"), ("id", "header")}
    twice = layout_of(
        "/", declared("q", "query"), declared("q", "header", required=True)
    )
    assert twice.required == {"q"}


def test_value_is_no_argument() -> None:
    """A constant fills its slot; its references are arguments and variables."""
    layout = layout_of(
        "/a",
        declared("n", "query", value=5, required=True),
        declared("t", "header", value="x {{id}} {{KEY}}", required=True),
        declared("q", "query", value="<{{q}}>"),
        declared("j", "query", value={"a": "{{tools.b}}"}),
    )
    assert [(slot.name, slot.argument) for slot in layout.query] == [
        ("n", ""), ("q", ""), ("j", ""),
    ]  # fmt: skip
    assert layout.query[0] == Slot("n", template=("5",), required=True)
    assert layout.takes == {"id", "q", "b"}
    assert layout.required == {"id"}
    assert layout.variables == ("KEY",)
    assert [(p.name, p.in_, p.value) for p in layout.arguments] == [
        ("id", "header", None), ("q", "query", None), ("b", "query", None),
    ]  # fmt: skip
    assert all(p.inferred for p in layout.arguments)


def test_value_may_refer_to_one_before_it() -> None:
    """A parameter with a `value` stands for that value in later ones and in the path."""
    layout = layout_of(
        "/{v}/x?k={v}",
        declared("v", "path", value="a/b {{id}}"),
        declared("w", "query", value="<{{v}}>"),
        declared("own", "header", value="{{own}}-{{w}}"),
    )
    ref = Ref("id", False, "{{id}}")
    assert layout.path == ("/", "a%2Fb%20", ref, "/x")
    assert layout.query_head == ("k=", "a%2Fb+", ref)
    assert layout.query == (Slot("w", template=("<", "a/b ", ref, ">")),)
    own = Ref("own", False, "{{own}}")
    assert layout.headers == (Slot("own", template=(own, "-", "<", "a/b ", ref, ">")),)
    assert layout.takes == {"id", "own"}


def test_variable_in_a_path_may_be_given_as_an_argument() -> None:
    """A variable is an argument that may be left out, unless it is declared as one."""
    layout = layout_of("/{region}", declared("region", "path"))
    assert (layout.variables, layout.required) == ((), {"region"})
    layout = layout_of("/{{KEY}}")
    assert layout.path == ("/", KEY)
    assert layout.variables == ("KEY",)
    assert (layout.takes, layout.required) == ({"KEY"}, frozenset())


@pytest.mark.parametrize(
    ("url_path", "such_as"),
    [
        ("/a", "/a/{id}/{n}"),
        ("/a/", "/a/{id}/{n}"),
        ("", "/{id}/{n}"),
        ("/a?x=1", "/a/{id}/{n}?x=1"),
    ],
)
def test_unplaced_path_parameters_are_an_error(url_path: str, such_as: str) -> None:
    """The hint shows the path with a placeholder for each, before its query."""
    parameters = (
        declared("q", "query"),
        declared("id", "path", at=1),
        declared("n", "path"),
    )
    layout = layout_of(url_path, *parameters)
    assert layout.findings == (
        Finding(
            rules.PATH_PARAMETER_UNPLACED,
            (*AT, "inputParameters", 1, "in"),
            f"the path '{url_path}' of 'op' has no placeholder for 'id', 'n'",
            f"write the path with it, such as {such_as}, or load with"
            " unplaced_path_parameters='append'",
        ),
    )


def test_path_of_the_caller_is_the_one_in_the_findings() -> None:
    """A path that replaces that of the document is checked, and shown."""
    spec = spec_of("/a/{id}", declared("id", "path"))
    layout = compile_layout(spec, SCOPE, path="/b")
    assert layout.path == ("/b",)
    (finding,) = layout.findings
    assert finding.message == "the path '/b' of 'op' has no placeholder for 'id'"
    assert compile_layout(spec, SCOPE, path="/b/{id}").findings == ()


@pytest.mark.parametrize(
    ("url_path", "expected"),
    [
        ("/a", ("/a", "/", ID, "/", "x%2F1")),
        ("/a/", ("/a/", ID, "/", "x%2F1")),
        ("", ("/", ID, "/", "x%2F1")),
    ],
)
def test_unplaced_path_parameters_are_appended(
    url_path: str, expected: tuple[Any, ...]
) -> None:
    """Each is one segment, an argument or the `value` that it has."""
    spec = spec_of(url_path, declared("id", "path"), declared("v", "path", value="x/1"))
    layout = compile_layout(spec, SCOPE, append_unplaced=True)
    assert layout.path == expected
    assert ("id", "path") in places_of(layout)
    assert layout.findings == ()


@pytest.mark.parametrize(
    ("url_path", "name"),
    [
        ("/a/{itemid}", "itemId"),
        ("/a/{itmeId}", "itemId"),
        ("/a/{item_id}", "item-id"),
        ("/a/{pet_id}", "petId"),
        ("/a/{pet_idd}", "petId"),
    ],
)
def test_misspelled_placeholder_is_guessed(url_path: str, name: str) -> None:
    """It is never taken for another segment, not even where parameters are appended."""
    for append in (False, True):
        layout = compile_layout(
            spec_of(url_path, declared(name, "path")), SCOPE, append_unplaced=append
        )
        (hint,) = [
            f.hint for f in layout.findings if f.rule is rules.PATH_PARAMETER_UNPLACED
        ]
        written = url_path.removeprefix("/a/")
        assert hint == f"did you mean '{{{name}}}' by '{written}'?"


def test_parameter_behind_a_colon_is_shown_in_braces() -> None:
    """Other frameworks write `/a/:id`."""
    (finding,) = layout_of("/a/:id", declared("id", "path")).findings
    assert finding.hint == "write '{id}' for ':id'"


def test_appended_path_is_shown() -> None:
    """The operation has the path that is sent."""
    api = capability(
        {"resourcePath": "/a/?x=1", "inputParameters": [{"name": "id", "in": "path"}]},
        unplaced_path_parameters="append",
    )
    assert api.operations["api.op"].path == "/a/{id}?x=1"


@pytest.mark.parametrize("url_path", ["/a/{b", "/a}", "/a/{}", "/a?x={", "/{a/b}"])
def test_brace_without_a_placeholder_is_an_error(url_path: str) -> None:
    """A brace that is meant as a character is written encoded."""
    (finding,) = layout_of(url_path).findings
    assert (finding.rule, finding.path) == (rules.TEMPLATE, AT)
    assert finding.message == (
        f"a brace in the path '{url_path}' belongs to no placeholder"
    )
    assert layout_of("/a/%7Bb%7D").findings == ()


@pytest.mark.parametrize("method", ["", "GET POST", "get", "GET\r\n"])
def test_method_that_is_no_token_is_an_error(method: str) -> None:
    """The finding has the place of the method, and shows it in one line."""
    (finding,) = layout_of("/a", method=method).findings
    assert (finding.rule, finding.path) == (rules.METHOD, (*AT, "method"))
    assert finding.message == f"'{method.strip()}' is no HTTP method (RFC 9110, 9.1)"
    assert layout_of("/a", method="M-SEARCH").findings == ()


@pytest.mark.parametrize(
    ("url_path", "value", "place", "message"),
    [
        ("/{{#a}}", None, ("resources", 0, "path"), "'{{#a}}' is not a reference: only '{{name}}' is supported"),
        ("/a", "{{>p}}", (*AT, "inputParameters", 0, "value"), "'{{>p}}' is not a reference: only '{{name}}' is supported"),
        ("/{q}", "\ud800", (*AT, "inputParameters", 0, "value"), "a text holds half a character, which UTF-8 cannot carry"),
    ],
)  # fmt: skip
def test_template_that_cannot_be_read_makes_an_unusable_layout(
    url_path: str, value: str | None, place: tuple[Any, ...], message: str
) -> None:
    """The layout has the arguments and one finding, with the place of the template."""
    layout = layout_of(
        url_path,
        declared("q", "path", value=value),
        declared("r", "query", required=True),
        url_path_at=("resources", 0, "path"),
    )
    (finding,) = layout.findings
    assert (finding.rule, finding.path, finding.message) == (
        rules.TEMPLATE, place, message,
    )  # fmt: skip
    assert "r" in layout.takes
    assert (layout.path, layout.required) == ((), frozenset())


@pytest.mark.parametrize(
    ("parameters", "takes", "takes_body"),
    [
        ((), {"body", "Content-Type"}, True),
        ((declared("a", "query"),), {"a", "body", "Content-Type"}, True),
        ((declared("body", "query"),), {"body"}, False),
    ],
)
def test_open_body_is_an_argument(
    parameters: tuple[InputParameter, ...], takes: set[str], takes_body: bool
) -> None:
    """A declared parameter that is called `body` keeps its own meaning."""
    layout = layout_of("/", *parameters, body=Body("json", "", is_open=True))
    assert (layout.takes, layout.takes_body) == (takes, takes_body)
    assert "body" not in layout.required


def test_arguments_of_a_body_follow_the_others() -> None:
    """An argument of the body keeps what its declaration says about it."""
    fields = (
        declared("a", "body", required=True),
        declared("b", "body", value="x{{c}}"),
    )
    layout = layout_of("/", *fields, body=Body("json", "", fields=fields))
    assert [(p.name, p.in_, p.required) for p in layout.arguments] == [
        ("a", "body", True), ("c", "body", True),
    ]  # fmt: skip
    assert places_of(layout) == {("a", "body"), ("c", "body")}
    data = {"k": "{{a}}", "t": "{{d}}!", "v": "{{KEY}}"}
    a = declared("a", "body", required=True, type="integer")
    layout = layout_of("/{d}", a, declared("d", "path"), body=Body("json", "", data))
    assert [(p.name, p.in_, p.type, p.required) for p in layout.arguments] == [
        ("d", "path", "", True), ("a", "body", "integer", False),
    ]  # fmt: skip
    assert layout.variables == ("KEY",)
    assert layout.takes_body is False
    assert layout_of("/", body=Body("unknown", "", data)).body is None


@pytest.mark.parametrize("kind", ["basic", "digest", "bearer"])
def test_credentials_are_templates_of_variables(kind: str) -> None:
    """Each reference in a credential is a variable; only logins have a user name."""
    authentication = Authentication(
        kind,
        (Credential("header", "X-Key", "k {{key}}"),),
        username="{{USER}}",
        password="{{env.KEY}}!",
    )
    layout = layout_of("/", authentication=authentication)
    key, user = Ref("key", True, "{{key}}"), Ref("USER", True, "{{USER}}")
    assert layout.credentials == (("header", "X-Key", ("k ", key)),)
    if kind == "bearer":
        assert (layout.login, layout.variables) == (None, ("key",))
    else:
        assert layout.login == ((user,), (Ref("KEY", True, "{{env.KEY}}"), "!"))
        assert layout.variables == ("key", "USER", "KEY")
    assert layout.takes == frozenset()


def test_unplaced_path_parameters_can_be_appended() -> None:
    """`append` puts a path parameter without a placeholder at the end."""
    api = capability(
        {"resourcePath": "/a", "inputParameters": [{"name": "id", "in": "path"}]},
        unplaced_path_parameters="append",
    )
    assert api.request("api.op", id="1/2").url.endswith("/a/1%2F2")


def test_paths_replace_those_of_the_document() -> None:
    """`paths` gives an operation another path."""
    api = capability(
        {"inputParameters": [{"name": "id", "in": "path"}]},
        paths={"api.op": "/b/{id}/c"},
    )
    assert api.request("api.op", id=1).url.endswith("/b/1/c")


@pytest.mark.parametrize(
    ("authentication", "in_", "name"),
    [
        ({"type": "apikey", "key": "appid", "value": "{{K}}", "placement": "query"},
         "query", "appid"),
        ({"type": "apikey", "key": "X-Api-Key", "value": "{{K}}"},
         "header", "x-api-key"),
        ({"type": "apikey", "key": "sid", "value": "{{K}}", "placement": "cookie"},
         "cookie", "sid"),
        ({"type": "bearer", "token": "{{K}}"}, "header", "authorization"),
        ({"type": "basic", "username": "{{K}}", "password": "{{K}}"},
         "header", "Authorization"),
        ({"type": "digest", "username": "{{K}}", "password": "{{K}}"},
         "header", "AUTHORIZATION"),
    ],
)  # fmt: skip
def test_parameter_of_a_credential_is_optional_and_sent_once(
    authentication: dict[str, Any], in_: str, name: str
) -> None:
    """The authentication fills it; an argument given for it wins."""
    api = capability(
        {"inputParameters": [{"name": name, "in": in_, "required": True}]},
        consumes={"authentication": authentication},
        variables={"K": "secret"},
    )
    operation = api.operations["api.op"]
    assert [p.required for p in operation.parameters] == [False]
    filled, given = api.request("api.op"), api.request("api.op", {name: "mine"})

    def texts(request: Any) -> list[str]:
        if in_ == "query":
            return [request.url.partition("?")[2]]
        field = "cookie" if in_ == "cookie" else name.lower()
        return [v for k, v in request.headers.items() if k.lower() == field]

    (mine,) = texts(given)
    assert mine.removeprefix(f"{name}=") == "mine"
    assert "secret" not in str(given.headers)
    if authentication["type"] != "digest":  # it answers a challenge
        (theirs,) = texts(filled)
        assert theirs.removeprefix(f"{name}=") not in ("", "mine")


def test_parameter_beside_another_credential_stays_required() -> None:
    """Another place, or another name, is another value."""
    api = capability(
        {
            "inputParameters": [
                {"name": "key", "in": "header", "required": True},
                {"name": "Key", "in": "query", "required": True},
                {"name": "Authorization", "in": "header", "required": True},
            ]
        },
        consumes={
            "authentication": {
                "type": "apikey", "key": "key", "value": "v", "placement": "query",
            }
        },
    )  # fmt: skip
    assert all(p.required for p in api.operations["api.op"].parameters)


def test_argument_wins_over_a_signer() -> None:
    """A header `Authorization` that the caller gives is not signed over."""
    from requests.auth import HTTPBasicAuth

    stub = naftiko.StubTransport()
    api = capability(
        {
            "inputParameters": [
                {"name": "authorization", "in": "header", "required": True}
            ]
        },
        consumes={"authentication": {"type": "oauth2", "scopes": []}},
        auth={"api": HTTPBasicAuth("u", "p")},
        transport=stub,
    )
    api.call("api.op", authorization="mine")
    assert stub.requests[0].auth is None
    api.call("api.op")
    assert stub.requests[1].auth is not None
