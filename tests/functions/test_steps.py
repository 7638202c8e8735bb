"""Steps of functions: calls, lookups and scripts; cases in `cases/runs/steps.yaml`.

Run one with `pytest tests/functions/test_steps.py -k "part of its name"`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from naftiko.consumes.exchange import Decoder
from naftiko.errors import CallError, OutputError, StatusError
from naftiko.expressions import ABSENT, Scope
from naftiko.functions.injection import Injector, Target
from naftiko.functions.runs import Lookup, Reply
from naftiko.functions.shapes import compile_shape
from naftiko.functions.steps import (
    CallStep,
    LookupStep,
    ScriptStep,
    State,
    asked,
    stages,
    step_path,
)
from naftiko.spec.model import Step
from naftiko.transport.messages import Request, Response
from support import building
from support.casefiles import cases
from support.tools import capability, check_run, reply_to

LOOK = Lookup(lambda name: f"<{name}>")
REQUEST = Request("GET", "http://127.0.0.1:9/x")


def injector() -> Injector:
    """Return a compiler of templates in the adapter `t`."""
    return Injector("t", Scope(), frozenset())


def call(name: str, with_: Any = None, **operation: Any) -> CallStep:
    """Return a step that calls an operation."""
    api = building.capability(operation)
    made = api.operations["api.op"]
    return CallStep(name, Target(made, Decoder(made), with_ or {}, injector(), {}))


def lookup(wanted: str, *steps: str) -> LookupStep:
    """Return a step that looks in the output of `crew` for the `id` of a member."""
    step = Step(
        "lookup", "", index="crew", match="id", lookup_value=wanted, fields=("n", "z")
    )
    names = Injector("t", Scope(), frozenset(), steps)
    return LookupStep("found", step, names)


class NotedScript:
    """A script that gives its context back."""

    about = {"naftiko.step.script.file": "x.js"}  # noqa: RUF012

    def run(self, context: Any) -> Any:
        """Return the context."""
        return context


def script(name: str, with_: Any = None) -> ScriptStep:
    """Return a step that runs a script."""
    compiler = injector()
    nodes = compiler.entries(with_)
    made: Any = NotedScript()
    return ScriptStep(name, made, nodes, tuple(compiler.names))


@pytest.mark.parametrize("case", cases("functions/cases/runs", "steps"))
def test_tool_of_steps_sends_and_gives(case: Any) -> None:
    """A tool sends the requests of its case, and gives the value of it."""
    check_run(case)


# --- paths and results ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.crew", {"name": "Bo", "of": {"ship": 7}, "none": None}),
        (" $.crew.name ", "Bo"),
        ("$.crew.of.ship", 7),
        ("$.crew.none", None),
        ("$.crew.gone", ABSENT),
        ("$.crew.name.more", ABSENT),
        ("$.gone", ABSENT),
        ("$.list-of.all.x", 1),
        ("$.items", [1]),
    ],
)
def test_step_path_finds_a_value(path: str, value: Any) -> None:
    """A path is the name of a step, which may hold a dot, and names of members."""
    outputs = {
        "crew": {"name": "Bo", "of": {"ship": 7}, "none": None},
        "list-of.all": {"x": 1},
        "items": [1],
    }
    assert step_path(path)(outputs) == value


@pytest.mark.parametrize(
    "text", ["", "$", "$.", "crew", "$.a[0]", "$..a", "$.a.*", "$.a b", "$.a.", "$$.a"]
)
def test_other_paths_are_refused(text: str) -> None:
    """Brackets, wildcards and other forms of JSONPath are no step paths."""
    with pytest.raises(CallError) as caught:
        step_path(text)
    assert caught.value.message == f"'{text}' is not a step path"
    assert caught.value.code == "U-step-path"
    assert caught.value.hint == (
        "write $.<step>, $.<step>.<field> or $.<step>.<index>; no brackets or wildcards"
    )


@pytest.mark.parametrize(
    ("mappings", "value"),
    [
        ({"a": "$.one"}, {"a": 1}),
        ({"a.b.c": "$.one", "a.d": "$.two"}, {"a": {"b": {"c": 1}, "d": None}}),
        ({"a": "$.one", "a.b": "$.one"}, {"a": {"b": 1}}),
        ({"a.b": "$.one", "a": "$.one"}, {"a": 1}),
        ({"a": "$.gone", "b": "$.one"}, {"b": 1}),
        ({"a": "$.two"}, {"a": None}),
    ],
)
def test_mappings_make_an_object(mappings: dict[str, str], value: Any) -> None:
    """A dotted target nests; a value that is missing is left out, a null is kept."""
    state = State({})
    state.keep("one", 1)
    state.keep("two", None)
    paths = [(target, step_path(path)) for target, path in mappings.items()]
    outcome = state.outcome(paths, compile_shape(None))
    assert outcome.value == value
    assert outcome.is_shaped
    assert outcome.reply is None


def test_last_call_is_the_result_without_mappings() -> None:
    """Mappings that find nothing count as none; the response of the last call stays."""
    state = State({})
    step = call("one")
    step.keep(state, Reply(REQUEST, Response(201, {}, b'{"a": 1, "b": 2}')))
    script("two").keep(state, 5)
    shape = compile_shape([{"type": "string", "mapping": "$.a"}])
    outcome = state.outcome([("x", step_path("$.gone"))], shape)
    assert (outcome.value, outcome.status) == (1, 201)
    mapped = state.outcome([("x", step_path("$.two"))], shape)
    assert (mapped.value, mapped.status) == ({"x": 5}, 200)
    assert mapped.reply is outcome.reply


def test_last_output_is_the_result_without_calls() -> None:
    """A function of lookups and scripts gives the output of its last step, or null."""
    state = State({})
    assert state.outcome([], compile_shape(None)).value is None
    state.keep("one", [1])
    state.keep("two", [2])
    assert state.outcome([], compile_shape(None)).value == [2]


def test_mappings_decide_the_value() -> None:
    """S09: those of a tool are kept, and decide what it gives."""
    tool = {
        "steps": [{"type": "call", "name": "one", "call": "api.list"}],
        "mappings": [{"targetName": "v", "value": "$.one.a"}],
        "outputParameters": [{"name": "v", "type": "string"}],
    }
    loaded, _ = capability(tool, {"GET /users": {"a": 1}})
    (mapping,) = loaded.functions.find("t.unit").function.mappings
    assert (mapping.target_name, mapping.value) == ("v", "$.one.a")
    assert loaded.invoke("t.unit") == {"v": 1}


# --- calls ----------------------------------------------------------------------------


def test_call_step_asks_for_its_call() -> None:
    """A call has its values, its step, and the variables that went into it."""
    step = call(
        "one",
        {"q": "{{id}}-{{KEY}}"},
        inputParameters=[{"name": "q", "in": "query"}, {"name": "p", "in": "query"}],
    )
    asked = step.ask(State({"id": 7, "p": True, "other": 1}), LOOK)
    assert asked.arguments == {"q": "7-<KEY>", "p": True}
    assert asked.step == "one"
    assert asked.secrets == {"KEY": "<KEY>"}
    assert set(step.refers) == {"id", "p"}


def test_call_step_with_an_undecodable_response_asks_for_nothing() -> None:
    """The error names the step, and is raised before anything is sent."""
    with pytest.raises(OutputError) as caught:
        asked(call("one", outputRawFormat="avro"), State({}), LOOK)
    assert caught.value.step == "one"
    assert caught.value.message == (
        "step 'one': api.op: outputRawFormat 'avro' is not supported yet"
    )


def test_call_step_keeps_what_the_operation_declares() -> None:
    """The output of the step is there for templates and paths; no body gives none."""
    outputs = [{"name": "n", "type": "number", "value": "$.a"}]
    step = call("one", outputParameters=outputs)
    state = State({"a": 0})
    reply = Reply(REQUEST, Response(200, {}, b'{"a": 5, "b": 6}'))
    step.keep(state, reply)
    assert state.outputs == {"one": {"n": 5}}
    assert state.values == {"a": 0, "one": {"n": 5}}
    empty = Reply(REQUEST, Response(204))
    call("two").keep(state, empty)
    assert "two" not in state.outputs
    assert state.last is not None
    assert state.last[1] is empty


@pytest.mark.parametrize(
    ("response", "kind", "message"),
    [
        (Response(500, {}, b"{}"), StatusError, "step 'one': api.op: 500"),
        (Response(200, {}, b"{"), OutputError, "step 'one': api.op: the body is not"),
    ],
)
def test_failed_call_names_its_step(
    response: Response, kind: type[CallError], message: str
) -> None:
    """A failed response keeps nothing, and its error names the step."""
    state = State({})
    with pytest.raises(kind) as caught:
        call("one").keep(state, Reply(REQUEST, response))
    assert caught.value.message.startswith(message)
    assert caught.value.step == "one"
    assert state.outputs == {}


# --- lookups --------------------------------------------------------------------------

CREW = [
    {"id": 7, "n": "Ann"},
    {"id": "7", "n": "second"},
    "no object",
    {"id": None, "n": "Cy"},
    {"n": "no id"},
    {"id": True, "n": "Di", "z": [1], "more": 1},
    {"id": {"a": [1]}, "n": "Ed"},
]


@pytest.mark.parametrize(
    ("output", "wanted", "found"),
    [
        (CREW, "7", {"n": "Ann", "z": None}),
        (CREW, 7, {"n": "Ann", "z": None}),
        (CREW, 7.0, ABSENT),
        (CREW, True, {"n": "Di", "z": [1]}),
        (CREW, {"a": [1]}, {"n": "Ed", "z": None}),
        (CREW, "8", ABSENT),
        (CREW, None, ABSENT),
        (CREW, ["true", 9, 7], [{"n": "Di", "z": [1]}, {"n": "Ann", "z": None}]),
        (CREW, [9, None], ABSENT),
        (CREW, [], ABSENT),
        ({"id": 7}, 7, {"n": None, "z": None}),
        ("text", 7, ABSENT),
        ([], 7, ABSENT),
    ],
)
def test_lookup_finds_the_first_object(output: Any, wanted: Any, found: Any) -> None:
    """Values match as text; a list of wanted values gives a list in its order."""
    state = State({"wanted": wanted})
    state.keep("crew", output)
    asked = lookup("tools.wanted").ask(state, LOOK)
    assert asked.run() == found


@pytest.mark.parametrize(
    ("written", "refers"),
    [
        ("$.ship.id", ("crew", "ship.id")),
        ("tools.ship.id", ("crew", "ship.id")),
        ("{{ship.id}}", ("crew", "ship.id")),
        ("7", ("crew",)),
    ],
)
def test_wanted_value_comes_from_a_step_or_an_argument(
    written: str, refers: tuple[str, ...]
) -> None:
    """A step path, a reference and a template find the value; a plain text is it."""
    state = State({})
    state.keep("crew", CREW)
    state.keep("ship", {"id": 7})
    step = lookup(written, "crew", "ship")
    assert step.refers == refers
    step.keep(state, step.ask(state, LOOK).run())
    assert state.outputs["found"] == {"n": "Ann", "z": None}


def test_wanted_path_sees_outputs_only() -> None:
    """A step path is about steps: an argument of that name does not count."""
    state = State({"ship": {"id": 7}})
    state.keep("crew", CREW)
    with pytest.raises(CallError, match=r"'\$\.ship\.id' finds .*: no step 'ship'"):
        lookup("$.ship.id", "crew")
    step = lookup("$.ship.id", "crew", "ship")
    with pytest.raises(CallError, match="step 'ship' gave no result"):
        step.ask(state, LOOK)


@pytest.mark.parametrize("wanted", ["$.crew.0.nn", "{{crew.0.nn}}", "{{crew[0].nn}}"])
def test_wanted_value_that_a_step_lacks_is_an_error(wanted: str) -> None:
    """A member that is not there is told, whether a path or a placeholder names it."""
    state = State({})
    state.keep("crew", CREW)
    with pytest.raises(CallError, match="result of step 'crew' has no") as caught:
        lookup(wanted, "crew").ask(state, LOOK)
    assert caught.value.code == "U-step-result"
    assert caught.value.hint == "'0' has: id, n"


def test_mapping_that_finds_nothing_is_left_out_with_a_warning() -> None:
    """A step without an output is no mistake; a step or a member not there is one."""
    state = State({}, ["one", "empty"])
    state.keep("one", {"id": 7})
    paths = [(f"t{n}", step_path(f"$.{name}")) for n, name in enumerate(
        ["one.id", "one.idd", "onee.id", "empty.id"]
    )]  # fmt: skip
    outcome = state.outcome(paths, compile_shape(None))
    assert outcome.value == {"t0": 7}
    assert outcome.warnings == (
        "'t1' is left out: '$.one.idd' finds nothing: the result of step 'one' has no"
        " 'idd' (it has: id)",
        "'t2' is left out: '$.onee.id' finds nothing: no step 'onee' comes before"
        " (did you mean 'one'?)",
    )


def test_lookup_is_quick_work() -> None:
    """An event loop may do the search itself; a trace names step and field."""
    asked = lookup("7").ask(State({}), LOOK)
    assert (asked.step, asked.kind, asked.run_async) == ("found", "lookup", None)
    assert asked.about == {"naftiko.step.index": "crew", "naftiko.step.match": "id"}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (["crew"], "step 'found': the step 'crew' gave nothing to look in"),
        ([], "step 'found': Lookup step references non-existent step: crew"),
    ],
)
def test_lookup_in_nothing_is_refused(steps: list[str], message: str) -> None:
    """The error tells a step without output from one that is not there."""
    work = lookup("7", *steps).ask(State({"crew": CREW}), LOOK)
    with pytest.raises(CallError) as caught:
        work.run()
    assert (caught.value.message, caught.value.step) == (message, "found")


@pytest.mark.parametrize(
    ("crew", "wanted"),
    [([{"id": {"far": float("inf")}}], "7"), ([{"id": 7}], {"far": float("inf")})],
)
def test_lookup_of_an_infinite_number_is_refused(crew: Any, wanted: Any) -> None:
    """JSON has no infinite numbers, so an object that holds one has no text."""
    state = State({"wanted": wanted})
    state.keep("crew", crew)
    work = lookup("tools.wanted").ask(state, LOOK)
    with pytest.raises(CallError, match="step 'found': a value of 'id' cannot be"):
        work.run()


def test_lookup_by_a_broken_path_is_refused_when_it_is_compiled() -> None:
    """A text that begins like a step path has to be one."""
    with pytest.raises(CallError, match=r"'\$\.a\[0\]' is not a step path"):
        lookup("$.a[0]")


# --- scripts --------------------------------------------------------------------------


def test_script_sees_values_outputs_and_its_own() -> None:
    """Its `with` adds to the context, each entry seeing the ones before it."""
    state = State({"who": "me", "one": "argument"})
    state.outputs["one"] = "output"
    step = script("two", {"a": "{{who}}!", "b": "{{a}}?", "c": "tools.gone"})
    asked = step.ask(state, LOOK)
    assert (asked.step, asked.kind) == ("two", "script")
    assert asked.run_async is not None
    assert asked.about == {"naftiko.step.script.file": "x.js"}
    assert asked.run() == {"who": "me", "one": "output", "a": "me!", "b": "me!?"}
    assert state.values == {"who": "me", "one": "argument"}
    assert step.refers == ("who", "a", "gone")


def test_script_without_a_result_keeps_nothing() -> None:
    """A null is a result; no result is no output."""
    state = State({})
    script("two").keep(state, ABSENT)
    assert state.outputs == {}
    script("two").keep(state, None)
    assert state.outputs == {"two": None}


def test_a_script_between_calls(tmp_path: Path) -> None:
    """A script sees arguments and outputs of steps; its result is seen like theirs."""
    (tmp_path / "count.js").write_text(
        "result = {n: context.users.length, of: context.who, x: context.extra}"
    )
    script = {"file": "count.js", "language": "javascript"}
    loaded, sent = capability(
        {
            "inputParameters": [{"name": "who", "type": "string", "description": "d"}],
            "steps": [
                {"type": "call", "name": "users", "call": "api.list"},
                {
                    "type": "script",
                    "name": "sum",
                    "location": tmp_path.as_uri(),
                    "with": {"extra": "{{who}}!"},
                    **script,
                },
                {
                    "type": "call",
                    "name": "found",
                    "call": "api.search",
                    "with": {"limit": "{{sum.n}}"},
                },
            ],
            "mappings": [{"targetName": "sum", "value": "$.sum"}],
        },
        {"GET /users": [1, 2, 3]},
    )
    value = loaded.invoke("t.unit", who="me")
    assert value == {"sum": {"n": 3, "of": "me", "x": "me!"}}
    assert sent == ["GET /users", "GET /search?limit=3"]


# --- stages ---------------------------------------------------------------------------


QUERY = [{"name": "q", "in": "query"}]


@pytest.mark.parametrize(
    ("steps", "groups"),
    [
        ([], []),
        ([call("a")], ["a"]),
        ([call("a"), call("b"), call("c")], ["abc"]),
        ([call("a"), call("b", method="POST"), call("c")], ["a", "b", "c"]),
        ([call("a", method="PUT"), call("b", method="PUT")], ["a", "b"]),
        ([call("a"), call("b", {"q": "{{a.x}}"}, inputParameters=QUERY)], ["a", "b"]),
        (
            [
                call("a"),
                call("b", {"q": "{{a}}"}, inputParameters=QUERY),
                call("c"),
                call("d", {"q": "{{a}}"}, inputParameters=QUERY),
            ],
            ["a", "bcd"],
        ),
        # The operation has a parameter with the name of a step.
        ([call("q"), call("b", inputParameters=QUERY)], ["q", "b"]),
        ([call("a"), call("b", {"q": "{{ab}}"}, inputParameters=QUERY)], ["ab"]),
        ([call("a"), lookup("7"), call("b"), script("c")], ["a", "found", "b", "c"]),
        ([script("a"), script("b")], ["a", "b"]),
    ],
)
def test_safe_calls_share_a_stage(steps: list[Any], groups: list[str]) -> None:
    """Only calls that change nothing, and need nothing of each other, go together."""
    assert ["".join(step.name for step in group) for group in stages(steps)] == groups


def test_safe_steps_that_need_nothing_of_each_other_share_a_stage() -> None:
    """Reads travel together; a change, or a reference, waits for what is before it."""
    loaded, _ = capability(
        {
            "steps": [
                {"type": "call", "name": "a", "call": "api.list"},
                {"type": "call", "name": "b", "call": "api.crew"},
                {
                    "type": "call",
                    "name": "c",
                    "call": "api.echo",
                    "with": {"region": "{{a.x}}"},
                },
                {"type": "call", "name": "d", "call": "api.raw"},
                {"type": "call", "name": "e", "call": "api.list"},
            ]
        }
    )
    run = loaded.functions.find("t.unit").run({}, lambda name: name)
    asked: Any = next(run)
    found = []
    try:
        while True:
            found.append([call.step for call in asked])
            replies = [reply_to(loaded, call, {"x": call.step}) for call in asked]
            asked = run.send(replies)
    except StopIteration:
        pass
    assert found == [["a", "b"], ["c"], ["d"], ["e"]]
