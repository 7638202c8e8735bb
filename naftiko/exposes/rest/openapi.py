"""A `rest` adapter -> its description as OpenAPI 3.1.

The description says exactly what is served: the routes that win, the arguments and
their places, the values that the outputs declare, the problems, and the credentials::

    path: /ships/{id}        {"openapi": "3.1.0", "paths": {"/ships/{id}": {"get": {
    operations:                 "operationId": "ship", "parameters": […],
      - {name: ship, …}         "responses": {"200": …, "404": …}}}}, …}

This module must not know how a request is answered.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from naftiko.exposes.http.routes import PATH_SAFE
from naftiko.exposes.rest.arguments import place_of
from naftiko.exposes.rest.openapi_inputs import (
    ANY_CONTENT,
    beside_body,
    parameter_object,
    placeholder_objects,
    request_body,
)
from naftiko.exposes.rest.openapi_responses import PROBLEM, Responses
from naftiko.exposes.rest.openapi_security import Security
from naftiko.expressions import TemplateError, parse_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naftiko.capability import Capability
    from naftiko.exposes.options import Options
    from naftiko.exposes.rest.endpoint import Endpoint
    from naftiko.exposes.rest.forward import Forward
    from naftiko.exposes.rest.openapi_inputs import Names
    from naftiko.functions.plan import Plan
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes

#: Methods that a forwarded resource takes, and those that OpenAPI can describe.
_FORWARDED = ("get", "head", "post", "put", "patch", "delete", "options")
_METHODS = (*_FORWARDED, "trace")
#: Header parameters that OpenAPI ignores: it describes these headers in other places.
_NOT_PARAMETERS = frozenset(("accept", "authorization", "content-type"))
#: Characters that an operation id must not have.
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9._-]+")


class Api:
    """The description of one adapter, made when it is first asked for.

    Args:
        capability: The capability that the adapter belongs to.
        exposes: The adapter.
        endpoints: Its operations, without those that an earlier one hides.
        forwards: Its forwarded resources.
        options: The settings of the server.
    """

    def __init__(
        self,
        capability: Capability,
        exposes: Exposes,
        endpoints: Sequence[Endpoint],
        forwards: Sequence[Forward],
        options: Options,
    ) -> None:
        self._capability = capability
        self._exposes = exposes
        self._endpoints = endpoints
        self._forwards = forwards
        self._options = options
        self._parts: tuple[str, str] | None = None
        self._mcp: Sequence[Mapping[str, str]] = ()

    def is_made(self, mcp: Sequence[Mapping[str, str]]) -> bool:
        """Tell whether `document` has nothing to do but to name the server."""
        return self._parts is not None and self._mcp == mcp

    def document(
        self, root_path: str = "", mcp: Sequence[Mapping[str, str]] = ()
    ) -> bytes:
        """Return the description as JSON.

        Args:
            root_path: Where the adapter is mounted.
            mcp: Name and URL of each MCP adapter beside this one; `info` has them.
        """
        # Made again when the addresses have changed.
        parts = self._parts
        if parts is None or self._mcp != mcp:
            data = self.data("\0")
            if mcp:
                data["info"]["x-mcp"] = mcp
            text = json.dumps(data, ensure_ascii=False)
            before, _, after = text.partition(json.dumps("\0"))
            self._parts, self._mcp = parts, _ = (before, after), mcp
        server = json.dumps(quote(root_path) or "/")
        return server.join(parts).encode()

    def data(self, root_path: str = "/") -> dict[str, JSON]:
        """Return the description as plain data."""
        return _Writer(self._capability, self._exposes, self._options).write(
            self._endpoints, self._forwards, root_path
        )


class _Writer:
    """Write one description, path by path."""

    def __init__(
        self, capability: Capability, exposes: Exposes, options: Options
    ) -> None:
        self.capability = capability
        self.exposes = exposes
        self.paths: dict[str, dict[str, JSON]] = {}
        #: Shape of a path → the path of the first template that has it, and its names.
        self.shapes: dict[str, tuple[str, list[str]]] = {}
        self.ids: set[str] = set()
        self.responses = Responses()
        self.security = Security(capability, exposes, dict(options.variable_headers))

    def write(
        self, endpoints: Sequence[Endpoint], forwards: Sequence[Forward], root_path: str
    ) -> dict[str, JSON]:
        for endpoint in endpoints:
            self._operation(endpoint)
        for forward in forwards:
            self._forward(forward)
        info = self.capability.info
        components: dict[str, JSON] = {
            "schemas": {"Problem": PROBLEM},
            "responses": self.responses.components,
        }
        if self.security.schemes:
            components["securitySchemes"] = self.security.schemes
        texts = (info.description, self.exposes.description)
        description = "\n\n".join(text.strip() for text in texts if text.strip())
        return {
            "openapi": "3.1.0",
            "info": {
                "title": info.label or self.exposes.namespace or "API",
                "version": info.version or info.modified or info.created or "1",
                **({"description": description} if description else {}),
            },
            "servers": [{"url": root_path}],
            "paths": self.paths,
            "components": components,
            **_tags(endpoints),
        }

    # --- paths ------------------------------------------------------------------------

    def _item(self, template: str) -> tuple[dict[str, JSON], Names]:
        """Return the path item of a template, and its placeholders.

        `/a/{x}` and `/a/{y}` are one path in OpenAPI, so the placeholders have the
        names of the first template that has the shape.
        """
        written: list[str] = []
        shape: list[str] = []
        names: list[str] = []
        own: list[str] = []
        try:
            parts = parse_path(template)
        except TemplateError:
            parts = (template,)
        for part in parts:
            if isinstance(part, str):
                text = quote(part, safe=PATH_SAFE + "%?")
                written.append(text)
                shape.append(text)
                continue
            name = part.name
            while name in names:
                name += "-"
            names.append(name)
            own.append(part.name)
            written.append(f"{{{name}}}")
            shape.append("{}")
        path = "/" + "".join(written).removeprefix("/")
        known = self.shapes.setdefault("".join(shape), (path, names))
        return self.paths.setdefault(known[0], {}), list(
            zip(own, known[1], strict=True)
        )

    def _operation(self, endpoint: Endpoint) -> None:
        plan, reader = endpoint.plan, endpoint.reader
        function = plan.function
        method = function.method.lower() or "get"
        if method not in _METHODS:
            return  # OpenAPI has no place for other methods
        item, names = self._item(function.url_path)
        name = plan.name or f"{function.method} {function.url_path.removeprefix('/')}"
        described: dict[str, JSON] = {"operationId": self._id(name)}
        if function.label:
            described["summary"] = function.label
        if plan.description:
            described["description"] = plan.description
        if function.resource:
            described["tags"] = [function.resource]
        if endpoint.problem is not None:
            described["deprecated"] = True
            described["responses"] = self.responses.problems((501,))
            if placeholders := placeholder_objects(plan, names):
                described["parameters"] = placeholders
            item.setdefault(method, described)
            return
        if parameters := self._parameters(plan, names):
            described["parameters"] = parameters
        if body := request_body(plan, reader):
            described["requestBody"] = body
        described["responses"] = self.responses.of(
            endpoint,
            needs_credentials=self.security.needs_credentials(plan),
            can_be_unusable=self._can_be_unusable(plan),
        )
        if security := self.security.of(plan):
            described["security"] = [security]
        item.setdefault(method, described)

    def _parameters(self, plan: Plan, names: Names) -> list[dict[str, JSON]]:
        """Return the parameters of an operation: those of the path come first."""
        return [
            *placeholder_objects(plan, names),
            *(
                parameter_object(p)
                for p in plan.arguments
                if (place := place_of(p)) in ("query", "cookie")
                or (place == "header" and p.name.lower() not in _NOT_PARAMETERS)
            ),
            *(parameter_object(p._replace(in_="query")) for p in beside_body(plan)),
        ]

    def _can_be_unusable(self, plan: Plan) -> bool:
        """Tell whether the document describes an operation that it calls unusably."""
        called = self.capability.functions.operations_of(plan)
        return any(self.capability.refusal(operation) for operation in called)

    def _id(self, name: str) -> str:
        """Return a unique operation id: `a b` -> `a-b`, and then `a-b-2`."""
        slug = _NOT_IN_ID.sub("-", name).strip("-") or "operation"
        unique, number = slug, 1
        while unique in self.ids:
            number += 1
            unique = f"{slug}-{number}"
        self.ids.add(unique)
        return unique

    def _forward(self, forward: Forward) -> None:
        item, names = self._item(forward.path)
        for method in _FORWARDED:
            if method in item:
                continue
            described: dict[str, JSON] = {
                "operationId": self._id(f"forward-{forward.namespace}-{method}"),
                "description": f"Forwarded to the API `{forward.namespace}`, with the"
                " query and the body. `path` may have several segments.",
                "parameters": [
                    *(
                        {
                            "name": name,
                            "in": "path",
                            "required": True,
                            "schema": {"type": "string"},
                        }
                        for _, name in names
                    ),
                    *(
                        {"name": name, "in": "header", "schema": {"type": "string"}}
                        for name in forward.trusted
                        if name.lower() not in _NOT_PARAMETERS
                    ),
                ],
                "responses": self.responses.of_forward(),
            }
            if method in ("post", "put", "patch", "delete"):
                described["requestBody"] = {"content": ANY_CONTENT}
            if security := self.security.of_forward(forward):
                described["security"] = [security]
            item[method] = described


def _tags(endpoints: Sequence[Endpoint]) -> dict[str, JSON]:
    names = dict.fromkeys(e.plan.function.resource for e in endpoints)
    names.pop("", None)
    return {"tags": [{"name": name} for name in names]} if names else {}
