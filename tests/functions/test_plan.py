"""Plans: one compiled function, its description, its run, and its arguments."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from naftiko.errors import ArgumentError, CallError
from naftiko.functions.plan import (
    Plan,
    checked_arguments,
    does_the_same,
    full_name,
    name_of,
    route_of,
    unknown_function,
)
from naftiko.functions.runs import Lookup
from naftiko.spec.model import Exposes, Function, InputParameter
from support import building
from support.tools import capability


def plan(
    *arguments: InputParameter, runner: Any = None, inner: Any = None, **function: Any
) -> Plan:
    """Return the plan of a tool."""
    made = Function("tool", "unit", **{"inputs": arguments, **function})
    more = {key: made for key, made in (("inner", inner),) if made}
    return Plan(made, None, arguments, runner, **more)


def operation(description: str) -> naftiko.Operation:
    """Return an operation with a description."""
    api = building.capability({"description": description})
    return api.operations["api.op"]


@pytest.mark.parametrize(
    ("own", "inner", "called", "shown"),
    [
        ("Own.", "Inner.", "Called.", "Own."),
        ("", "Inner.", "Called.", "Inner."),
        ("", "", "Called.", "Called."),
        ("", None, None, ""),
    ],
)
def test_description_is_the_nearest_one(
    own: str, inner: str | None, called: str | None, shown: str
) -> None:
    """A unit without a description has that of the function or operation behind it."""
    made = Plan(
        Function("tool", "unit", description=own),
        None,
        (),
        None,
        inner=None if inner is None else plan(description=inner),
        operation=None if called is None else operation(called),
    )
    assert made.description == shown


def test_run_gets_values_constants_and_variables() -> None:
    """A constant input counts before a value that a caller gives; a path is none."""
    seen: list[tuple[dict[str, Any], Lookup]] = []

    def runner(values: dict[str, Any], look: Lookup) -> str:
        seen.append((values, look))
        return "a run"

    made = plan(
        InputParameter("fixed", "query", value=5),
        InputParameter("body", "body", value="$.a"),
        InputParameter("free", "query"),
        runner=runner,
    )
    given = {"fixed": 7, "body": 1, "free": 2}
    assert made.run(given, str.lower) == "a run"  # type: ignore[comparison-overlap]
    ((values, look),) = seen
    assert values == {"fixed": 5, "body": 1, "free": 2}
    assert given["fixed"] == 7
    assert look("KEY") == "key"


def test_each_run_has_variables_of_its_own() -> None:
    """A variable that one run looked up is no secret of another."""
    made = plan(runner=lambda _values, look: look)
    one: Any = made.run({}, str.lower)
    two: Any = made.run({}, str.lower)
    one("KEY")
    assert (one.secrets, two.secrets) == ({"KEY": "key"}, {})


def test_plan_that_cannot_run_says_why() -> None:
    """The problem that was found when the document was loaded is raised."""
    problem = CallError("it calls nothing")
    made = Plan(Function("tool", "unit"), None, (), None, problem=problem)
    with pytest.raises(CallError) as caught:
        made.run({}, str)
    assert caught.value is problem
    with pytest.raises(CallError, match=r"^unit cannot run$"):
        plan().run({}, str)


def test_plan_is_shown_by_kind_and_name() -> None:
    """The representation names the unit."""
    assert repr(plan()) == "<Plan tool unit>"


@pytest.mark.parametrize(
    ("name", "ref", "expected"),
    [
        ("own", "agg.get", "own"),
        ("", "agg.get", "get"),
        ("", "a.b.c", "c"),
        ("", "", ""),
    ],
)
def test_reference_inherits_its_name(name: str, ref: str, expected: str) -> None:
    """A03: a unit without a name has that of the function it refers to."""
    assert name_of(Function("tool", name, ref=ref)) == expected


ID = InputParameter("id", "path", "string", required=True)
COUNT = InputParameter("n", "query", "integer")


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"id": "a", "n": "7"}, {"id": "a", "n": 7}),
        ({"id": 5}, {"id": "5"}),
    ],
)
def test_arguments_are_read_by_their_types(given: Any, values: Any) -> None:
    """Arguments come out in their declared types; optional ones may be missing."""
    assert checked_arguments(plan(ID, COUNT), given) == values


@pytest.mark.parametrize(
    ("given", "said", "missing", "unknown", "code"),
    [
        ({}, "'id' is missing", ("id",), (), "U-argument-missing"),
        ({"id": "a", "n": "x"}, "'n' is not a whole number", (), (), ""),
        (
            {"id": "a", "count": 1},
            "'count' is not known",
            (),
            ("count",),
            "U-argument-unknown",
        ),
        (
            {"idd": 1, "n": "x"},
            "'id' is missing; 'n' is not a whole number;"
            " 'idd' is not known; did you mean 'id'?",
            ("id",),
            ("idd",),
            "U-argument-missing",
        ),
    ],
)
def test_wrong_arguments_stand_in_one_error(
    given: Any, said: str, missing: Any, unknown: Any, code: str
) -> None:
    """Every fault is named, and the hint lists the arguments of the unit."""
    with pytest.raises(ArgumentError) as caught:
        checked_arguments(plan(ID, COUNT), given)
    error = caught.value
    assert sorted(error.message.removeprefix("unit: ").split("; ")) == sorted(
        said.split("; ")
    )
    assert (error.missing, error.unknown, error.code) == (missing, unknown, code)
    assert error.takes == ("id", "n")
    assert error.hint == "It takes: id, n."


def test_wrong_arguments_are_named_together() -> None:
    """Missing, unknown and ill-typed arguments stand in one error; nothing is sent."""
    loaded, sent = capability(
        {
            "call": "api.profile",
            "inputParameters": [
                {"name": "id", "type": "string", "description": "d", "required": True},
                {"name": "n", "type": "integer", "description": "d"},
                {"name": "p", "type": "string", "description": "d", "pattern": "^a+$"},
            ],
        }
    )
    with pytest.raises(naftiko.ArgumentError) as caught:
        loaded.invoke("t.unit", {"n": "x", "p": "b", "zz": 1})
    for name in ("id", "n", "p", "zz"):
        assert f"'{name}'" in caught.value.message
    assert caught.value.missing == ("id",)
    assert caught.value.unknown == ("zz",)
    assert sent == []


def test_only_call_of_a_function_is_built_without_a_value_of_a_variable() -> None:
    """A function in simple mode has one call; its `with` variables are markers."""
    loaded, sent = capability(
        {"call": "api.profile", "with": {"id": "{{id}}", "filter": "env.SECRET_X"},
         "inputParameters": [{"name": "id", "type": "string", "description": "d"}]}
    )  # fmt: skip
    call = loaded.functions.find("t.unit").only_call({"id": "7"})
    assert call.arguments["id"] == "7"
    assert sent == []
    mock, _ = capability(
        {"outputParameters": [{"name": "a", "type": "string", "value": "x"}]}
    )
    with pytest.raises(naftiko.CallError, match="sends no request"):
        mock.functions.find("t.unit").only_call({})


def test_exchange_of_a_function_is_that_of_its_one_call() -> None:
    """Its outputs are those of the operation; a function without a call is refused."""
    loaded, sent = capability(
        {"call": "api.profile", "with": {"id": "{{id}}"},
         "inputParameters": [{"name": "id", "type": "string", "description": "d"}]}
    )  # fmt: skip
    exchange = loaded.exchange("t.unit", id="7")
    assert exchange.operation.ref == "api.profile"
    assert exchange.request.url.endswith("/users/7/profile")
    assert len(sent) == 1
    mock, _ = capability(
        {"outputParameters": [{"name": "a", "type": "string", "value": "x"}]}
    )
    with pytest.raises(naftiko.CallError, match="sends no request"):
        mock.exchange("t.unit")


def test_exposed_function_is_found_behind_the_operations() -> None:
    """An operation comes first; then names of functions; mistakes name both kinds."""
    loaded, _ = capability({"call": "api.profile"})
    assert loaded.find("profile").ref == "api.profile"
    assert loaded.find("unit") is loaded.functions.find("t.unit")
    for name in ("t.unt", "api.profil"):
        with pytest.raises(naftiko.UnknownOperation) as caught:
            loaded.find(name)
        assert caught.value.near
        assert caught.value.hint.startswith("nearest: ")


def test_functions_of_one_name_are_told_apart_by_their_adapter() -> None:
    """Two different functions of one name are an error that lists both."""
    error = unknown_function("u", ["a.u", "b.u"], ["a.u", "b.u"])
    assert error.candidates == ("a.u", "b.u")
    assert error.hint == "use one of: a.u, b.u"
    assert unknown_function("zz", ["a.u"], []).hint == "exposed: a.u"


def test_function_without_a_name_is_called_by_its_route() -> None:
    """A route has method and path; other units have nothing beside their name."""
    rest = Function("rest", "", method="GET", url_path="/x")
    assert route_of(rest) == "GET /x"
    assert full_name(rest, Exposes("rest", "shop")) == "GET /x"
    tool = Function("tool", "t")
    assert (route_of(tool), full_name(tool, Exposes("mcp", "shop"))) == ("", "shop.t")
    assert full_name(tool, Exposes("mcp", "")) == "t"


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"kind": "rest", "url_path": "/x"}, True),
        ({"call": "api.other"}, False),
        ({"call": ""}, False),
        ({"with_": {"a": 1}}, False),
        ({"outputs": [{"type": "string"}]}, False),
        ({"inputs": (InputParameter("a", ""),)}, False),
    ],
)
def test_units_do_the_same_when_arguments_give_one_result(
    change: dict[str, Any], is_same: bool
) -> None:
    """Call, fixed arguments, inputs and outputs count, not the kind of the unit."""
    one = Function("tool", "unit", call="api.op")
    assert does_the_same(one, one._replace(**change)) is is_same
