"""REST adapters of the shipped files: every route is requested once.

Each upstream request is compared with that of the same function, called directly. So
only the mapping from the HTTP request to the arguments is tested.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

import naftiko
from naftiko.exposes.engine import Engine
from naftiko.exposes.options import Options
from naftiko.exposes.rest.app import RestApp
from naftiko.exposes.rest.arguments import is_whole, place_of
from naftiko.transport.base import LazyTransport
from support.asgi_client import AsyncStub, asked
from support.shared import CAPABILITIES

_VARIABLE = re.compile(r"\{\s*(?:env\.)?([A-Z][A-Z0-9_]*)\s*\}")
_TEXTS = {
    "integer": "7",
    "number": "7",
    "boolean": "true",
    "array": "a",
    "object": "{}",
}
#: Response body of an API, for every format that published files decode.
_BODIES = {"xml": b"<r/>", "csv": b"a\n1\n", "tsv": b"a\n1\n", "psv": b"a\n1\n"}


def _loaded(path: Path) -> naftiko.Capability | None:
    """Return a capability whose variables all have values."""
    try:
        plain = naftiko.load(path, schema=None)
    except naftiko.DocumentError:
        return None
    text = path.read_text("utf-8")
    names = set(_VARIABLE.findall(text))
    for one in plain:
        names |= one.base_names | set(one.layout.variables)
    # A variable that begins a base URI stands for an origin.
    begins = "".join(one.base_uri[:60] + "\n" for one in plain)
    values = {
        name: "https://origin.test"
        if re.search(rf"^\W+(env\.)?{re.escape(name)}\b", begins, re.MULTILINE)
        else "v1"
        for name in names
    }
    return naftiko.load(path, schema=None, variables=values)


class _Asked:
    """A request that gives every argument of a route."""

    def __init__(self, plan: Any) -> None:
        function = plan.function
        self.given: dict[str, Any] = {}
        path, query, body = function.url_path, {}, {}
        whole = None
        for parameter in plan.arguments:
            name, place = parameter.name, place_of(parameter)
            text = _TEXTS.get(parameter.type, "x")
            if place == "body" and is_whole(parameter):
                whole = name
                continue
            self.given[name] = text
            if place == "path":
                path = re.sub(r"\{\{?\s*" + re.escape(name) + r"\s*\}?\}", text, path)
            elif place == "query":
                query[name] = text
            elif place == "body" and parameter.value is None:
                body[name] = text
            elif place == "body":
                _put(body, str(parameter.value).removeprefix("$."), text)
        path, _, fixed = path.partition("?")
        encoded = "/" + quote(path.removeprefix("/"), safe="/:@!$&'()*+,;=~")
        self.method = function.method.upper()
        self.target = encoded + "?" + "&".join(filter(None, [fixed, urlencode(query)]))
        self.body, self.headers = b"", {}
        if body or whole:
            self.body = json.dumps(body).encode()
            self.headers = {"content-type": "application/json"}
        if whole:
            self.given[whole] = body


def _put(body: dict[str, Any], path: str, text: str) -> None:
    *groups, last = path.split(".")
    for group in groups:
        body = body.setdefault(group, {})
    body[last] = text


def _shown(requests: Any) -> list[Any]:
    return [(r.method, r.url, dict(r.headers), r.body) for r in requests]


def _answer(request: Any) -> naftiko.Response:
    wanted = request.headers.get("Accept", "").partition(",")[0].partition("/")[2]
    return naftiko.Response(200, {}, _BODIES.get(wanted, b"{}"))


def _routes(capability: naftiko.Capability, upstream: AsyncStub) -> Iterator[Any]:
    for exposes in capability.exposes:
        if exposes.type == "rest":
            app = RestApp(Engine(capability, upstream), exposes, Options())
            seen = set()
            for plan in capability.functions.of(exposes):
                shape = re.sub(r"\{[^{}]*\}", "{}", plan.function.url_path)
                if (plan.function.method, shape) not in seen:
                    seen.add((plan.function.method, shape))
                    yield app, plan


async def _ask_all(path: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    capability = _loaded(path)
    if capability is None:
        return found
    upstream = AsyncStub(_answer)
    for app, plan in _routes(capability, upstream):
        asked_ = _Asked(plan)
        upstream.requests.clear()
        got = await asked(
            app, asked_.method, asked_.target, asked_.headers, asked_.body
        )
        where = f"{path.name}: {asked_.method} {asked_.target}: {got.body!r}"
        direct = naftiko.StubTransport(_answer)
        try:
            view = capability.using()
            view._transport = LazyTransport(lambda: direct)  # noqa: B023
            view.run(plan, plan.fit(asked_.given)[0])
        except (naftiko.UnusableOperation, naftiko.CallError) as error:
            # Both ways refuse the function, and nothing is sent.
            assert got.status == 501, f"{where}: {error}"
            assert upstream.requests == []
            found["refused"] += 1
            continue
        assert got.status == 200, where
        assert _shown(upstream.requests) == _shown(direct.requests), where
        found["sent"] += 1
    return found


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(CAPABILITIES.glob("*.yaml")) if p.stem != "broken"],
    ids=lambda path: path.stem,
)
def test_every_route_of_shipped_files_reaches_its_upstream(path: Path) -> None:
    """Each route sends the upstream request of its function, and none is refused."""
    found = asyncio.run(_ask_all(path))
    assert not found["refused"]
