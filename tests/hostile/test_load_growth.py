"""Load: the work grows with the size of a document, in each of its dimensions.

Work is counted in calls of functions, so that a busy machine changes nothing.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import naftiko
from naftiko.document.writing import write_yaml
from naftiko.exposes.mcp.catalogue import McpVersion
from naftiko.exposes.options import Options
from naftiko.exposes.rest.app import RestApp
from naftiko.search import likeness
from support.growing import (
    GROWING,
    Data,
    calls,
    consumed,
    document,
    mcp,
    operation,
    tool,
)

#: The dimensions in which work grew with the square of the size.
QUADRATIC = (
    "same operations", "same outputs", "same routes", "bound variables", "base variables",
    "variables", "unknown calls", "unknown namespaces", "unknown with", "chained steps",
    "lookups", "wrong steps", "skill tools", "functions", "unplaced",
)  # fmt: skip


def _load(data: Data) -> None:
    naftiko.load(data, schema=None)


def _check(data: Data) -> None:
    naftiko.validate(json.dumps(data, indent=1), strict=True)


def _served(data: Data) -> None:
    """Make the servers, the catalogue of tools and the OpenAPI description."""
    api = naftiko.load(data, schema=None)
    for exposes in api.exposes[:2]:
        app: Any = naftiko.asgi(api, exposes.namespace)
        if exposes.type == "mcp":
            version = McpVersion(app._engine, exposes, Options())
            for kind in ("tools", "resources", "prompts", "resourceTemplates"):
                version.page(kind, None)
        elif isinstance(app._adapter, RestApp):
            match: Any = app._adapter._served.router.find("/openapi.json", "GET", "")
            match.endpoint.api.data()


WORK = {"load": _load, "validate": _check, "serve": _served}


def _pairs() -> list[Any]:
    return [
        pytest.param(
            dimension,
            work,
            marks=()
            if dimension in QUADRATIC
            and (work == "load" or dimension == "same outputs")
            else pytest.mark.slow,
            id=f"{dimension}-{work}",
        )
        for dimension in GROWING
        for work in WORK
    ]


@pytest.mark.parametrize(("dimension", "work"), _pairs())
def test_work_grows_with_the_document(
    dimension: str, work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document twice as wide takes little more than twice the calls."""
    monkeypatch.setattr(likeness, "MOST_COMPARISONS", 400)
    make, do = GROWING[dimension], WORK[work]

    def count(size: int) -> int:
        data = make(size)

        def tried() -> None:
            with suppress(naftiko.NaftikoError):  # a refusal has to be quick too
                do(data)

        return calls(tried)

    count(2)  # what is made once for all documents
    base, single, double = count(1), count(80), count(160)
    assert double - base <= 2.25 * (single - base) + 2000


@pytest.mark.slow
@pytest.mark.parametrize("dimension", ["same operations", "calls", "unknown calls"])
def test_time_grows_with_the_document(dimension: str) -> None:
    """Loops in C count too. Four times as many: sixteen times would be quadratic."""
    small, large = GROWING[dimension](4_000), GROWING[dimension](16_000)
    quick = slow = math.inf
    for _ in range(8):  # other processes only ever add time: the best rounds count
        quick, slow = min(quick, _seconds(small)), min(slow, _seconds(large))
        if slow <= 8 * quick:
            break
    assert slow <= 8 * quick


def _seconds(data: Data) -> float:
    """Return the processor's time for one load."""
    begin = time.process_time()
    _load(data)
    return time.process_time() - begin


def test_hints_end_when_the_comparisons_are_used_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A document of very many wrong names gets a hint for the first of them only."""
    monkeypatch.setattr(likeness, "MOST_COMPARISONS", 100)
    data = document(
        {
            "consumes": [consumed(1, *map(operation, range(20)))],
            "exposes": [mcp(*(tool(i, call=f"api1.opp-{i}") for i in range(20)))],
        }
    )
    hints = [problem.hint for problem in naftiko.validate(data, schema=None)]
    guesses = [hint.startswith("did you mean") for hint in hints]
    assert guesses[0]
    assert 0 < sum(guesses) < 10
    assert all(hints)


def test_long_names_are_not_compared() -> None:
    """The time of a comparison grows with the square of a length."""
    known = ["n" * 100_000, "name"]
    assert calls(lambda: likeness.nearest("n" * 100_001, known)) < 50
    assert likeness.nearest("nme", known) == ["name"]


def _levels(number: int, key: str = "") -> Any:
    value: Any = "x"
    for _ in range(number):
        value = {key: value} if key else [value]
    return value


def _properties(number: int) -> Data:
    value: Data = {"type": "string", "mapping": "$.a"}
    for _ in range(number):
        value = {"type": "object", "properties": {"a": value}}
    return value


#: Place → number of levels → a document that is that deep there.
DEEP: dict[str, Callable[[int], Data]] = {
    "body": lambda n: document({"consumes": [consumed(1, operation(
        1, method="POST", body={"type": "json", "data": _levels(n, "a")}))]}),
    "body of lists": lambda n: document({"consumes": [consumed(1, operation(
        1, method="POST", body={"type": "json", "data": _levels(n)}))]}),
    "schema": lambda n: document({"consumes": [consumed(1, operation(
        1, outputSchema=_properties(n)))]}),
    "inputs": lambda n: document({"consumes": [consumed()], "exposes": [mcp(tool(
        1, inputParameters=[{"name": "a", "description": "A.", **_properties(n)}]))]}),
    "outputs": lambda n: document({"consumes": [consumed()], "exposes": [mcp(tool(
        1, outputParameters=[_properties(n)]))]}),
    "with": lambda n: document({"consumes": [consumed()], "exposes": [mcp(tool(
        1, **{"with": {"a": _levels(n, "b")}}))]}),
    "authentication": lambda n: document({"consumes": [consumed(
        authentication={"type": "bearer", "token": _levels(n, "a")})]}),
    "unknown key": lambda n: document({"consumes": [consumed(x=_levels(n, "a"))]}),
}  # fmt: skip


@pytest.mark.parametrize("levels", [40, 90, 150, 3000])
@pytest.mark.parametrize("place", DEEP)
def test_deep_document_is_used_or_refused(place: str, levels: int) -> None:
    """A deep document loads and is served, or a clear error says that it is too deep."""
    data = DEEP[place](levels)
    forms: list[Any] = [data]
    if levels < 400:
        forms += [json.dumps(data), write_yaml(data)]
    for form in forms:
        for work in (_load, _served, lambda d: naftiko.validate(d, strict=True)):
            try:
                work(form)
            except naftiko.NaftikoError as error:
                assert levels > 40 or "recursion" not in str(error)
                assert "deep" in str(error)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "- " * 5000, '{"a":' * 5000, "a: {b: " * 999]
)
def test_text_of_many_brackets_is_refused(text: str) -> None:
    """A text that opens thousands of levels is too deep."""
    with pytest.raises(naftiko.DocumentSyntaxError):
        naftiko.load(text + "\n")
