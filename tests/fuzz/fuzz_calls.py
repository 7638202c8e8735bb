"""Fuzz whole documents, arguments and responses: `python tests/fuzz/fuzz_calls.py [SECONDS]`.

Each round mutates a document that holds every feature of the specification and the file
that it imports from, loads it, describes it, calls it with hostile arguments over
responses that are hostile too, and makes its servers. Only a `NaftikoError` may be
raised. A finding is printed with the seed that reproduces it.
"""

from __future__ import annotations

import json
import pickle
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import naftiko
from naftiko.cli.units import describing
from naftiko.document.source import read
from naftiko.document.writing import write_yaml
from naftiko.errors import NaftikoError
from support.mutations import mutated

SEEDS = Path(__file__).with_name("seeds")
_DIGITS = "9" * 5000


def _nested(levels: int, begin: str, end: str) -> str:
    return begin * levels + end * levels


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


#: Texts that mean something to some layer, or that some layer cannot hold.
TEXTS: tuple[str, ...] = (
    "", " ", "\0", "a\0b", "\ud800", "\ue000TOKEN\ue001", "\ue000\u2028\ue001", "\u2028",
    "\r\nX: y", "\x1b[31m", "%", "%zz", "%00", "%2e%2e%2f", "..", "../../etc/passwd", "//h",
    "{{", "}}", "{{a", "{{{a}}}", "{{#a}}", "{{a.b[0]}}", "{{" + "a." * 3000 + "b}}", "{",
    "{a}{b}", "[", "$", "$.", "$..*", "$[?", "$[?(@.a == 1)]", "$" + ".a" * 3000, "$[99999999999999999999]",
    "$[?match(@.a, '(')]", "1e400", "-1e400", "NaN", "Infinity", "0x10", "1_000", _DIGITS, "-" + _DIGITS,
    "1" + "0" * 400, "true", "null", "a" * 70_000, "é" * 300, "😀" * 100, "ns.op", "tools.a", "web.imo",
    "http://", "http://[", "http://[::1", "http://h:99999", "http://h:x", "http://h:" + _DIGITS, "http://u:p@h",
    "http://" + "a" * 300 + ".test", "http://ä..test", "http://xn--\ud800", "http://\u2100.test", "unix://", "unix:///" + "s" * 300,
    "unix:///a\0b", "file:///", "file:///\0", "file:///./" + "n" * 5000, "file:///dev/zero", "file:///proc/self/mem",
    "file://./../..", "file:///./packing", "file:///./scripts/sum.js", "file:///%ff", "javascript", "application/json",
    "text/html; charset=punycode", "text/plain; charset=idna", "text/csv; charset=utf-7", "application/xml; charset=utf-16",
    "application/json; charset=undefined", "multipart/form-data", "(a+)+$", "(", "[a-", "\\", "(?i", "^(?=a)", "\\p{L}",
    "2026-99-99", "!!int 1", "&a [*a]", "<<: *a", _nested(200, "[", "]"), _nested(3000, '{"a":', "}"),
    "Basic:", "Bearer ", "a=b; c", "\xa0", "\x85", "naïve", "\N{LATIN SMALL LETTER SHARP S}",
)  # fmt: skip
#: Arguments of calls: texts, and values of other kinds.
VALUES: tuple[Any, ...] = (
    *TEXTS, None, True, 0, -1, 10**400, int("9" * 4000), 10**5000, 1e308, float("inf"), float("nan"),
    b"bytes", b"\xff\0", [], [[]], [None], ["a", 1], {}, {"": ""}, {"a": {"b": [1]}}, {"\0": 1},
    {1: 2}, {"a": 10**5000}, _deep(50), _deep(2000), object(), {1, 2}, range(3), 1j,
    ("a", "b"), {"a\ud800": "b"}, Path("/dev/null"), Path("\0"), lambda: 1,
)  # fmt: skip
CONTENT_TYPES = (
    "", "application/json", "application/xml", "text/csv", "text/tab-separated-values", "text/html",
    "text/markdown", "application/yaml", "text/plain", "application/octet-stream", "text/event-stream",
    "application/x-ndjson", "application/vnd.docker.multiplexed-stream", "application/problem+json",
    "a/b; charset=\"", "\xff", ";;;", "application/json; charset=" + "x" * 999, *TEXTS[-40:],
)  # fmt: skip
BODIES: tuple[bytes, ...] = (
    b"", b"{", b"[]", b"null", b"1", b'{"a": 1}', b'{"a": {"b": [1, {"c": null}]}}', b'"\\ud800"',
    b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5000, b"-" + b"9" * 5000, b"1e400", b"[1e400, NaN]",
    b"<a>", b"<a/>", b"<a b='c'><d>1</d><d/></a>", b"<a>" * 3000, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    b"<?xml version='1.0' encoding='punycode'?><a/>", b"<?xml version='1.0' encoding='utf-7'?><a/>",
    b"a,b\n1,2\n", b'a,"b\n', b"a,a\n1,2,3\n", b"\xff\xfe", b"\xef\xbb\xbf{}", b"\0" * 100,
    b"a: 1\n", b"a: &x [*x]\n", b"a: !!python/object:os.system x\n", b"a: " + b"9" * 5000, b"? [a]\n: b\n",
    b"- " * 3000, b"!!int x", b"!!timestamp 9999-99-99", b"a: 2026-99-99\n", b"a: .inf\nb: 1:99:99\n",
    b"<table><tr><td>1</table>", b"<table>" * 2000, b"<p>" * 30_000, b"# a\n\n| b |\n|---|\n| 1 |\n", b"> " * 3000,
    b"data: {}\n\n", b"data: [\n\nevent: x\n\n", b"\1\0\0\0\0\0\0\5hello", b"\1\0\0\0\xff\xff\xff\xff", b"\1\0\0",
    b'{"errorDetail": {"message": "' + b"9" * 5000 + b'"}}', b'{"error": {"message": ["a"]}}', b'{"detail": [{"msg": 1}]}',
    b'{"message": ' + b"9" * 5000 + b"}", b"\xed\xa0\x80", "ß€😀\u2028".encode(), b"{}\n{}\n", b"[1]\n[", b"{'a': 1}",
)  # fmt: skip


class Round:
    """One mutated document, in a folder with the files that it names.

    Args:
        rng: Decides everything.
        folder: The folder.
    """

    def __init__(self, rng: random.Random, folder: Path) -> None:
        self.rng = rng
        self.folder = folder

    def allowed(self, work: Callable[[], Any]) -> Any:
        """Do some work that may raise a documented error; return its result."""
        try:
            return work()
        except NaftikoError as error:
            for text in (str(error), error.message, error.hint, repr(error)):
                text.encode("utf-8", "backslashreplace")
            pickle.dumps(error)
            return None

    def document(self) -> Path:
        """Write a mutated document and the file that it imports, return its path."""
        for name in ("shared.yaml", "whole.yaml"):
            data = self.changed(seed_of(name))
            # JSON is YAML, and is read much faster.
            write = write_yaml if self.rng.random() < 0.1 else json.dumps
            text = write(data)
            if self.rng.random() < 0.1:
                at = self.rng.randrange(len(text))
                text = text[:at] + self.rng.choice(TEXTS) + text[at:]
            (self.folder / name).write_text(text, "utf-8", "surrogatepass")
        return self.folder / "whole.yaml"

    def changed(self, data: Any) -> Any:
        """Return data with a few members replaced by hostile ones."""
        data = mutated(data, self.rng, self.rng.choice((0, 0, 1, 2, 4)))
        for _ in range(self.rng.choice((0, 1, 1, 2, 4))):
            places = list(_texts(data))
            if places:
                node, key = self.rng.choice(places)
                node[key] = self.rng.choice(TEXTS)
        return data

    def arguments(self, names: list[str]) -> dict[str, Any]:
        """Return arguments for some of the names, and sometimes unknown ones."""
        rng = self.rng
        given = {name: rng.choice(VALUES) for name in names if rng.random() < 0.9}
        if rng.random() < 0.1:
            given[rng.choice(TEXTS)] = rng.choice(VALUES)
        return given

    def response(self, _: naftiko.Request) -> naftiko.Response:
        """Return a hostile response."""
        rng = self.rng
        body = rng.choice(BODIES)
        if rng.random() < 0.2:
            body = body[: rng.randrange(len(body) + 1)] + rng.choice(BODIES)
        headers = {"Content-Type": rng.choice(CONTENT_TYPES)}
        if rng.random() < 0.3:
            headers[rng.choice(("Location", "Set-Cookie", "Retry-After", "Link"))] = (
                rng.choice(TEXTS)
            )
        status = rng.choice(
            (200, 200, 200, 201, 204, 206, 304, 400, 401, 404, 500, 999)
        )
        return naftiko.Response(
            status, headers, body, reason=rng.choice(TEXTS), url="https://a.test/"
        )

    def run(self) -> None:
        """Do one round; raise only for a bug."""
        path = self.document()
        rng = self.rng
        schema = rng.choice(("observed", "published", None))
        strict = rng.random() < 0.5
        for problem in (
            self.allowed(lambda: naftiko.validate(path, schema=schema, strict=strict))
            or ()
        ):
            str(problem).encode("utf-8", "backslashreplace")
            json.dumps(problem.as_dict())
        variables = {
            name: rng.choice(TEXTS) if rng.random() < 0.2 else "value"
            for name in ("TOKEN", "USER", "HOST", "GATE", "region", "SHARED_TOKEN")
        }
        api = self.allowed(
            lambda: naftiko.load(
                path,
                schema=None,
                variables=variables,
                transport=naftiko.StubTransport(self.response),
                unplaced_path_parameters=rng.choice(("refuse", "append")),
                strict=rng.random() < 0.2,
            )
        )
        if api is None:
            return
        self.describe(api)
        for operation in rng.sample(list(api), min(5, len(list(api)))):
            self.call(api, operation)
        names = self.allowed(api.functions.names) or []
        for name in rng.sample(names, min(5, len(names))):
            self.invoke(api, name)
        for exposes in api.exposes:
            self.allowed(partial(naftiko.asgi, api, exposes.namespace))
        for name in (rng.choice(TEXTS), rng.choice(VALUES)):
            for ask in (api.find, api.call, api.invoke):
                self.allowed(partial(ask, name))

    def describe(self, api: naftiko.Capability) -> None:
        """Make every text about a capability."""
        self.allowed(lambda: describing.document_data(api, "f"))
        self.allowed(lambda: describing.describe_document(api, "f"))
        self.allowed(api._repr_html_)
        for operation in api:
            self.allowed(operation.as_dict)
            self.allowed(operation._repr_html_)
            self.allowed(partial(describing.operation_data, api, operation))
            self.allowed(partial(describing.describe_operation, api, operation))
        text = self.rng.choice(TEXTS)
        self.allowed(lambda: api.operations.search(text))
        self.allowed(lambda: api.operations.search_near(text))

    def call(self, api: naftiko.Capability, operation: naftiko.Operation) -> None:
        """Build, show and send a request, as a whole and as a stream."""
        ref = operation.ref
        given = self.arguments([p.name for p in operation.parameters])
        request = self.allowed(lambda: api.request(ref, given))
        if request is not None:
            for show in (request.as_curl, request.as_dict, request.shown_body):
                self.allowed(show)
            repr(request)
            self.allowed(lambda: pickle.dumps(request))
        exchange = self.allowed(
            lambda: api.exchange(ref, given, raise_for_status=False)
        )
        if exchange is not None:
            repr(exchange)
            self.allowed(exchange._repr_html_)
            self.allowed(lambda: exchange.streams)
            self.allowed(exchange.response.json)
            _ = exchange.response.text
        self.allowed(lambda: api.call(ref, given))
        stream = self.allowed(lambda: api.stream(ref, given))
        if stream is not None:
            kind = self.rng.choice(("values", "lines", "bytes", "parts"))
            self.allowed(lambda: list(getattr(stream, kind)()))

    def invoke(self, api: naftiko.Capability, name: str) -> None:
        """Run an exposed function with hostile arguments."""
        plan = self.allowed(lambda: api.functions.find(name))
        if plan is None:
            return
        self.allowed(lambda: describing.function_data(api, name, plan))
        self.allowed(lambda: describing.describe_function(api, name, plan))
        given = self.arguments([p.name for p in plan.arguments])
        self.allowed(lambda: api.invoke(name, given))


@cache
def seed_of(name: str) -> Any:
    """Return the data of a seed, which must not be changed."""
    return read(SEEDS / name).data


def _texts(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield container and key of every scalar in nested data."""
    pending = [data]
    while pending:
        node = pending.pop()
        if not isinstance(node, (dict, list)):
            continue
        members: Any = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in members:
            if isinstance(value, (dict, list)):
                pending.append(value)
            else:
                yield node, key


def run(seconds: float, seed: int, *, most: int = sys.maxsize) -> int:
    """Fuzz for a number of seconds and return the number of rounds."""
    end = time.monotonic() + seconds
    number = 0
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shutil.copytree(SEEDS, folder, dirs_exist_ok=True)
        while number < most and time.monotonic() < end:
            try:
                Round(random.Random(seed + number), Path(folder)).run()
            except BaseException:
                print(f"seed {seed + number}", file=sys.stderr)
                raise
            number += 1
    return number


if __name__ == "__main__":
    given = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    start = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**9)
    print(f"{run(given, start)} rounds from seed {start}, nothing found")
