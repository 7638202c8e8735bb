"""The expected request of a published file, derived from the document alone.

This module uses the document and the dialect notes, but no code of the package that
builds requests, so that the code under test does not check itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import naftiko
from naftiko.spec.model import Function
from naftiko.transport.messages import Request

PLACEHOLDER = re.compile(r"\{\{?\s*([^{}]+?)\s*\}?\}")
_REFERENCE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_VARIABLE = re.compile(r"(?:env\.)?([A-Z][A-Z0-9_]*)")
_MISSING: Any = object()
#: Value of each variable that does not begin a base URI.
BOUND = "bound"


class UniqueValues:
    """A source of a unique value for each argument."""

    def __init__(self) -> None:
        self._number = 0

    def of(self, schema: Mapping[str, Any]) -> Any:
        """Return a unique value of the type of a JSON Schema."""
        self._number += 1
        number = 1000 + self._number
        values = {
            "integer": number,
            "number": number + 0.5,
            "boolean": True,
            "array": [f"item-{number}", f"other-{number}"],
            "object": {"member": f"inner-{number}"},
        }
        # A body that the document does not describe has no type.
        return values.get(schema.get("type", "object"), f"text-{number}")


class ExpectedRequest:
    """The request that a tool or route must send upstream for given arguments."""

    def __init__(
        self,
        function: Function,
        operation: naftiko.Operation,
        namespace: str,
        given: Mapping[str, Any],
    ) -> None:
        self._given = given
        self._operation = operation
        words = ("tools", "rest", re.escape(namespace))
        self._argument = re.compile(rf"(?:{'|'.join(words)})\.(.+)", re.DOTALL)
        self._with = dict(function.with_ or {})
        for declared in function.inputs:
            # Dialect 7.2: the last segment of `mapping` is the target parameter.
            if declared.mapping:
                target = declared.mapping.rpartition(".")[2]
                self._with.setdefault(target, f"tools.{declared.name}")

    def value(self, name: str) -> Any:
        """Return the value that a parameter of the operation gets."""
        if name in self._with:
            return self._resolved(self._with[name])
        return self._given.get(name, _MISSING)

    def _resolved(self, written: Any) -> Any:
        if isinstance(written, dict):
            found = {key: self._resolved(value) for key, value in written.items()}
            return {key: value for key, value in found.items() if value is not _MISSING}
        if isinstance(written, list):
            found_items = [self._resolved(value) for value in written]
            return [value for value in found_items if value is not _MISSING]
        if not isinstance(written, str):
            return written
        if argument := self._argument.fullmatch(written):
            return self._given.get(argument[1], _MISSING)
        if re.fullmatch(r"env\.[A-Z][A-Z0-9_]*", written):
            return BOUND
        return self._filled(written, lambda name: self._given.get(name, _MISSING))

    def _filled(self, text: str, lookup: Callable[[str], Any]) -> Any:
        """Fill the references of a text; a lone reference keeps the value's type."""

        def found(reference: str) -> Any:
            if argument := self._argument.fullmatch(reference):
                return lookup(argument[1])
            return BOUND if _VARIABLE.fullmatch(reference) else lookup(reference)

        if alone := _REFERENCE.fullmatch(text):
            return found(alone[1])
        return _REFERENCE.sub(lambda match: text_of(found(match[1])), text)

    def path(self) -> str:
        """Return the decoded path below the base URI."""

        def filled(match: re.Match[str]) -> str:
            variable = _VARIABLE.fullmatch(match[1])
            # Dialect 5.3: an argument of the name comes before the variable.
            value = self.value(variable[1] if variable else match[1])
            if value is _MISSING and variable:
                return BOUND
            assert value is not _MISSING, f"nothing fills the placeholder {match[1]}"
            return text_of(value)

        path = self._operation.path.partition("?")[0].partition("#")[0]
        return unquote(PLACEHOLDER.sub(filled, path))

    def query(self) -> list[tuple[str, str]]:
        """Return the query: the constant part, then the declared parameters."""
        fixed = self._operation.path.partition("?")[2].partition("#")[0]
        found = parse_qsl(fixed, keep_blank_values=True)
        for parameter in self._declared("query"):
            value = self.value(parameter)
            for item in value if isinstance(value, list) else [value]:
                if item is not _MISSING:
                    found.append((parameter, text_of(item)))
        return found

    def headers(self) -> dict[str, str]:
        """Return the declared headers that have a value."""
        values = {name: self.value(name) for name in self._declared("header")}
        return {n: text_of(v) for n, v in values.items() if v is not _MISSING}

    def _declared(self, place: str) -> list[str]:
        spec = self._operation.spec
        names = [p.name for p in spec.parameters if p.in_ == place]
        return list(dict.fromkeys(names))

    def check_body(self, body: bytes) -> None:
        """Compare a sent body with the body that the document describes."""
        described = self._operation.spec.body
        if described is None:
            assert body == b""
        elif described.fields:
            _check_json(body, self._from_fields(described.fields))
        elif (
            described.kind == "json"
            and described.data
            and not isinstance(described.data, str)
        ):
            _check_json(body, self._from_template(described.data))
        elif described.is_open:
            _check_json(body, self._from_argument(described.data))
        else:
            for name in self._named(described.data):
                value = self.value(name)
                for item in value if isinstance(value, list) else [value]:
                    if isinstance(item, (str, int)) and not isinstance(item, bool):
                        assert text_of(item).encode() in body, name

    def _from_fields(self, fields: Sequence[Any]) -> Any:
        """Return the JSON of `in: body` parameters (dialect 6.2)."""
        wanted = {
            field.name: self._template(field.value)
            if field.value is not None
            else self.value(field.name)
            for field in fields
        }
        first = fields[0]
        is_data = first.name == "data" and first.type in ("object", "array")
        is_whole = first.name == "body" or is_data
        if len(fields) == 1 and is_whole:
            return wanted[first.name]
        return {n: value for n, value in wanted.items() if value is not _MISSING}

    def _from_template(self, data: Any) -> Any:
        """Return the JSON of a template (dialect 6.4)."""
        wanted = self._template(data)
        named = self._named(data)
        for key in data if isinstance(data, dict) else ():
            # `with` overrides a key of the template that no reference names.
            if key in self._with and key not in named:
                value = self.value(key)
                wanted |= {} if value is _MISSING else {key: value}
        return wanted

    def _from_argument(self, data: Any) -> Any:
        """Return the JSON of a body without a description (dialect 6.1)."""
        wanted = self.value("body")
        if wanted is _MISSING and data == {}:
            wanted = {}
        if more := self._unused():
            wanted = {**(wanted if isinstance(wanted, dict) else {}), **more}
        return wanted

    def _template(self, data: Any) -> Any:
        if isinstance(data, dict):
            found = {key: self._template(value) for key, value in data.items()}
            return {key: value for key, value in found.items() if value is not _MISSING}
        if isinstance(data, list):
            items = [self._template(value) for value in data]
            return [item for item in items if item is not _MISSING]
        return self._filled(data, self.value) if isinstance(data, str) else data

    def _named(self, data: Any) -> list[str]:
        """Return the names of the arguments that a body refers to."""
        names = []
        for reference in _REFERENCE.findall(json.dumps(data, ensure_ascii=False)):
            argument = self._argument.fullmatch(reference)
            if argument or not _VARIABLE.fullmatch(reference):
                names.append(argument[1] if argument else reference)
        return names

    def _unused(self) -> dict[str, Any]:
        """Return the entries of `with` that the operation does not declare."""
        known = {p.name for p in self._operation.spec.parameters}
        known |= set(PLACEHOLDER.findall(self._operation.path)) | {"body"}
        found = {n: self.value(n) for n in self._with if n not in known}
        return {n: v for n, v in found.items() if v is not _MISSING}

    def check(self, request: Request) -> None:
        """Compare a request with the expected one."""
        assert request.method == self._operation.method
        url = urlsplit(request.url)
        path = self.path()
        assert path == "/" or unquote(url.path).endswith(path), path
        key = {c.name for c in _credentials(self._operation) if c.in_ == "query"}
        sent = parse_qsl(url.query, keep_blank_values=True)
        assert sorted(p for p in sent if p[0] not in key) == sorted(
            p for p in self.query() if p[0] not in key
        )
        for name, text in self.headers().items():
            assert request.headers[name] == text
        body = request.body
        self.check_body(body if isinstance(body, bytes) else b"")


def _credentials(operation: naftiko.Operation) -> Any:
    authentication = operation.spec.consumes.authentication
    return authentication.credentials if authentication else ()


def text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def _check_json(body: bytes, wanted: Any) -> None:
    sent = json.loads(body) if body else _MISSING
    assert sent == wanted
