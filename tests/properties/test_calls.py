"""Calls: random documents and arguments give a result or a `NaftikoError`."""

from __future__ import annotations

import datetime
import decimal
import io
import random
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko import Content, RawPath, Response, StubTransport
from support.building import document

NAMES = [
    "a", "id", "X-H", "b", "c", "path", "TOKEN", "filter[x]", "$top", "body", "query",
    "é", "", "Content-Type", "a b", "a.b", "Authorization", "Cookie", "Host", "Content-Length",
    "{x}", "{{y}}", "tools.a", "env.TOKEN", "s.TOKEN", 0, None, True,
]  # fmt: skip
TEXTS = [
    "a", "x", "1", "{{a}}", "x {{a}} y", "{{tools.id}}", "", "{{TOKEN}}", "{{{a}}}",
    '{"k": "{{a}}", "n": {{id}}}', "{{#a}}", "{{}}", "{{a", "\ud800", "é\u202e", "a\r\nb",
    "\0", "..", ".", "%2e", "{a}", '"{{a}}"', "[{{a}}]", "&=?#/", '\\"{{a}}\\"',
    "{{env.TOKEN}}", "{{s.TOKEN}}", "a" * 300,
]  # fmt: skip
BODIES = [
    "json", "text", "xml", "form", "formUrlEncoded", "multipart", "multipartForm",
    "binary", "sparql", "yaml", "application/cbor", "zzz", "",
]  # fmt: skip
URIS = [
    "http://h", "https://{a}.x", "{{TOKEN}}", "http://h/{id}/v", "//h", "", "ftp://h",
    "http://h:x", "http://u@h", None, 5, "${TOKEN}/x", "http://[a]/", "unix:///s:/v1",
]  # fmt: skip
PATHS = [
    "/x", "/x/{a}", "/{a}/{id}", "/x?k={a}", "/x/{{b}}", "/x#f", "/{{TOKEN}}/x", "/{a",
    "", "{a}", "//{a}//", "/{a}{id}", "/%2e{a}", "/x/{a.b}/{X-H}",
]  # fmt: skip


class Guess:
    """A random source of documents and arguments, reproducible by its seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        # Low oddness gives requests that are sent; high oddness tries more mistakes.
        self.oddness = self.random.choice([0.02, 0.1, 0.5])

    def one(self, items: list[Any]) -> Any:
        """Return one of the first six items or, at the chosen oddness, any item."""
        is_odd = self.random.random() < self.oddness
        return self.random.choice(items if is_odd else items[:6])

    def plain(self, depth: int = 0) -> Any:
        """Return a random text, list, mapping or scalar of a document."""
        kind = self.random.randrange(10)
        if kind < 6 or self.random.random() > 5 * self.oddness:
            return self.one(TEXTS)
        if kind == 6 and depth < 3:
            return [self.plain(depth + 1) for _ in range(self.random.randrange(3))]
        if kind == 7 and depth < 3:
            return {str(self.one(NAMES)): self.plain(depth + 1) for _ in range(2)}
        return self.one([0, 1, 1.5, True, False, None])

    def value(self) -> Any:
        """Return a random argument of a caller, such as a text, bytes or a file."""
        odd = [
            b"", b"\xff", memoryview(b"x"), float("nan"), 10**30, object(), len, ...,
            datetime.date(2026, 1, 2), decimal.Decimal("1.0"), Path(__file__),
            Path("/none"), io.BytesIO(b"x"), io.StringIO("x"), iter([b"a"]), {1, 2},
            Content("x", "a/b\r\n"), Content(b"x"), RawPath("a/../b"), RawPath("x/y"),
            {(1, 2): 3}, [object()],
        ]  # fmt: skip
        is_odd = self.random.random() < self.oddness
        return self.random.choice(odd) if is_odd else self.plain()

    def parameter(self) -> dict[str, Any]:
        """Return a random declaration of an input parameter."""
        places = [
            "query",
            "header",
            "query",
            "cookie",
            "body",
            "header",
            "path",
            "x",
            None,
            1,
        ]
        found: dict[str, Any] = {"name": self.one(NAMES), "in": self.one(places)}
        for key, values in [
            ("value", [self.plain()]),
            ("required", [True, False, "yes"]),
            ("type", ["string", "array", "object", 3]),
        ]:
            if self.random.random() < 0.3:
                found[key] = self.one(values)
        return found

    def authentication(self) -> Any:
        """Return a random `authentication` of an adapter."""
        text, name = self.one(TEXTS), self.one(NAMES)
        return self.one(
            [
                {"type": "bearer", "token": text},
                {"type": "basic", "username": text, "password": self.one(TEXTS)},
                {"type": "digest", "username": text},
                {"type": "apikey", "key": name, "value": text, "placement": "header"},
                {"type": "apikey", "name": name, "value": text, "in": "query"},
                {"type": "apikey", "key": name, "value": text, "placement": "cookie"},
                {"type": "apikey", "headers": self.plain()},
                {"type": "query", "parameters": self.plain()},
                {"type": text},
                self.plain(),
            ]
        )

    def document(self) -> dict[str, Any]:
        """Return a random document with one operation."""
        operation: dict[str, Any] = {
            "method": self.one(["GET", "POST", "PUT", "DELETE", "HEAD", "post", "X Y"]),
            "resourcePath": self.one(PATHS),
            "inputParameters": [
                self.parameter() for _ in range(self.random.randrange(5))
            ],
        }
        if self.random.random() < 0.6:
            part = {"name": self.one(NAMES), "value": self.plain(), "filename": "{{a}}"}
            operation["body"] = self.one(
                [
                    self.plain(),
                    {"type": self.one(BODIES), "data": self.plain()},
                    {"type": self.one(BODIES), "data": {"a": self.plain()}},
                    {"type": "multipartForm", "data": [part]},
                ]
            )
        paths = [
            "$.",
            "$",
            "$.a",
            "$..a",
            "$[?(@.a>1)]",
            "$.length",
            "$.a[",
            "",
            None,
            5,
        ]
        if self.random.random() < 0.4:
            output = {
                "name": self.one(NAMES),
                "type": "string",
                "value": self.one(paths),
            }
            operation["outputParameters"] = [output]
        formats = [
            "json",
            "text",
            "binary",
            "csv",
            "text",
            "yaml",
            "xml",
            "html",
            "avro",
            5,
        ]
        operation["outputRawFormat"] = self.one(formats)
        adapter = {
            "inputParameters": [self.parameter()],
            "authentication": self.authentication(),
        }
        if self.random.random() < self.oddness:
            adapter["baseUri"] = self.one(URIS)
        if self.random.random() > self.oddness:
            del adapter["authentication"]
        bind = {"namespace": "s", "keys": {"TOKEN": "NAFTIKO_TEST_NOWHERE"}}
        more = {"binds": [bind]} if self.random.random() < 0.5 else {}
        return document(operation, consumes=adapter, **more)

    def response(self) -> Response:
        """Return a random response of a server."""
        kinds = ["application/json", "text/plain; charset=zz", "application/xml", ""]
        bodies = [b"", b"{}", b'{"a": [1]}', b"<a>1</a>", b"\xff", b'{"a":1}\n[2]']
        status = self.one([200, 200, 200, 200, 200, 204, 302, 404, 500])
        return Response(status, {"Content-Type": self.one(kinds)}, self.one(bodies))

    def run(self) -> int:
        """Load, call and stream a random document; return the number of successes."""
        one, well = self.one, 0
        settings: dict[str, Any] = {}
        values = [
            "t0k",
            "",
            5,
            b"x",
            None,
            lambda: "z",
            object(),
            "http://h2",
            "\udcff",
        ]
        if self.random.random() < 0.6:
            settings["variables"] = {one(["TOKEN", "a", "id"]): one(values)}
        if self.random.random() < 0.2:
            settings["base_uri"] = one(["http://h3", "unix:///a.sock", {"api": None}])
        stub = StubTransport(self.response())
        try:
            api = naftiko.load(self.document(), schema=None, transport=stub, **settings)
        except naftiko.NaftikoError as error:
            assert str(error)
            return 0
        for operation in api:
            arguments = {
                parameter.name: self.value()
                for parameter in operation.parameters
                if self.random.random() < 0.9
            }
            if operation.takes_body:
                arguments["body"] = self.value()
            if self.random.random() < self.oddness:
                arguments[self.random.choice(["query", "path", "X-H", 5])] = (
                    self.value()
                )
            assert repr(operation)
            assert operation._repr_html_()
            for act in (_dry, _whole, _streamed):
                try:
                    act(api, operation.ref, arguments)
                    well += 1
                except naftiko.NaftikoError as error:
                    assert str(error)
        return well


def _dry(api: naftiko.Capability, ref: str, arguments: Any) -> None:
    request = api.request(ref, arguments)
    assert request.as_curl().startswith(("curl ", "printf ", "{ printf "))
    assert request.as_dict()["method"]


def _whole(api: naftiko.Capability, ref: str, arguments: Any) -> None:
    assert api.exchange(ref, arguments)._repr_html_()


def _streamed(api: naftiko.Capability, ref: str, arguments: Any) -> None:
    with api.stream(ref, arguments) as stream:
        list(stream)


@pytest.mark.filterwarnings("ignore:.*the result is what came:UserWarning")
@pytest.mark.parametrize("seed", range(20))
def test_random_document_and_arguments_raise_only_naftiko_errors(seed: int) -> None:
    """Random documents and arguments give a result or a `NaftikoError`."""
    well = [Guess(1000 * seed + n).run() for n in range(50)]
    assert 10 < sum(map(bool, well)) < 45
