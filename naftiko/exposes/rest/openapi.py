"""What a `rest` adapter serves, described as OpenAPI 3.1.

Exactly what is served: the routes that win, the arguments and where they are read, the
values that the outputs declare, every problem that can come back, and how callers
identify themselves. This module must not know how a request is answered.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from naftiko.exposes.http.answers import MEDIA_TYPES
from naftiko.exposes.http.problems import KINDS, PROBLEM_TYPE
from naftiko.exposes.rest.arguments import place_of
from naftiko.exposes.rest.openapi_inputs import (
    ANY_CONTENT,
    beside_body,
    parameter_object,
    placeholder_objects,
    request_body,
)
from naftiko.expressions import TemplateError, parse_path
from naftiko.functions.output_schema import outcome_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from naftiko.capability import Capability
    from naftiko.consumes.operation import Operation
    from naftiko.exposes.options import Options
    from naftiko.exposes.rest.endpoint import Endpoint
    from naftiko.exposes.rest.forward import Forward

    #: Each placeholder of a template, and what it is called in the path.
    from naftiko.exposes.rest.openapi_inputs import Names
    from naftiko.functions.plan import Plan
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes, Function


_FORWARDED = ("get", "head", "post", "put", "patch", "delete", "options")
_METHODS = (*_FORWARDED, "trace")
#: Described elsewhere in a description, so that OpenAPI ignores them as parameters.
_NOT_PARAMETERS = frozenset(("accept", "authorization", "content-type"))


_SLUG = re.compile(r"[^A-Za-z0-9._-]+")
_UPSTREAM_STATUSES = (500, 502, 503, 504)


class Api:
    """The description of one adapter, made when it is first asked for.

    Args:
        capability: What the adapter belongs to.
        exposes: The adapter.
        endpoints: Its operations, without those that an earlier one hides.
        forwards: Its forwarded resources.
        options: What whoever serves it decides.
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

    def document(self, root_path: str = "") -> bytes:
        """Return the description as JSON.

        Args:
            root_path: Where the adapter is mounted.
        """
        if self._parts is None:
            text = json.dumps(self.data("\0"), ensure_ascii=False)
            before, _, after = text.partition(json.dumps("\0"))
            self._parts = before, after
        server = json.dumps(quote(root_path) or "/")
        return server.join(self._parts).encode()

    def data(self, root_path: str = "/") -> dict[str, JSON]:
        """Return the description as plain data."""
        return _Writer(self._capability, self._exposes, self._options).write(
            self._endpoints, self._forwards, root_path
        )


class _Writer:
    def __init__(
        self, capability: Capability, exposes: Exposes, options: Options
    ) -> None:
        self.capability = capability
        self.exposes = exposes
        self.variables = options.variable_headers
        self.paths: dict[str, dict[str, JSON]] = {}
        #: Shape of a path → the path of the first template that has it, and its names.
        self.shapes: dict[str, tuple[str, list[str]]] = {}
        self.ids: set[str] = set()
        self.statuses: set[int] = set()
        self.schemes: dict[str, JSON] = {}
        self.requirement = self._authentication()

    def write(
        self, endpoints: Sequence[Endpoint], forwards: Sequence[Forward], root_path: str
    ) -> dict[str, JSON]:
        for endpoint in endpoints:
            self._operation(endpoint)
        for forward in forwards:
            self._forward(forward)
        info = self.capability.info
        components: dict[str, JSON] = {
            "schemas": {"Problem": _PROBLEM},
            "responses": {
                f"Problem{status}": _problem_response(status)
                for status in sorted(self.statuses)
            },
        }
        if self.schemes:
            components["securitySchemes"] = self.schemes
        texts = (info.description, self.exposes.description)
        description = "\n\n".join(text.strip() for text in texts if text.strip())
        return {
            "openapi": "3.1.0",
            "info": {
                "title": info.label or self.exposes.namespace or "API",
                "version": info.modified or info.created or "1",
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

        OpenAPI knows one name for each placeholder of a shape: that of the first.
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
                text = quote(part, safe="/:@!$&'()*+,;=~%?")
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
            return  # OpenAPI has no place for it
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
            described["responses"] = self._responses((501,))
            if placeholders := placeholder_objects(plan, names):
                described["parameters"] = placeholders
            item.setdefault(method, described)
            return
        parameters = placeholder_objects(plan, names) + [
            parameter_object(p)
            for p in plan.arguments
            if (place := place_of(p)) in ("query", "cookie")
            or (place == "header" and p.name.lower() not in _NOT_PARAMETERS)
        ]
        parameters += [
            parameter_object(p._replace(in_="query")) for p in beside_body(plan)
        ]
        if parameters:
            described["parameters"] = parameters
        if body := request_body(plan, reader):
            described["requestBody"] = body
        described["responses"] = self._outcomes(endpoint)
        if security := self._security(plan):
            described["security"] = [security]
        item.setdefault(method, described)

    def _id(self, name: str) -> str:
        slug = _SLUG.sub("-", name).strip("-") or "operation"
        found, number = slug, 1
        while found in self.ids:
            number += 1
            found = f"{slug}-{number}"
        self.ids.add(found)
        return found

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
                "responses": {
                    "default": {
                        "description": "What the API answers.",
                        "content": ANY_CONTENT,
                    },
                    **self._responses((400, 413, *_UPSTREAM_STATUSES)),
                },
            }
            if method in ("post", "put", "patch", "delete"):
                described["requestBody"] = {"content": ANY_CONTENT}
            target = self.capability.operations.adapters.get(forward.namespace)
            used = self._used((target,), ()) if target is not None else []
            if security := self._security_of(used):
                described["security"] = [security]
            item[method] = described

    # --- responses --------------------------------------------------------------------

    def _responses(self, statuses: Iterable[int]) -> dict[str, JSON]:
        statuses = list(statuses)
        self.statuses.update(statuses)
        return {
            str(status): {"$ref": f"#/components/responses/Problem{status}"}
            for status in statuses
        }

    def _outcomes(self, endpoint: Endpoint) -> dict[str, JSON]:
        plan = endpoint.plan
        function = plan.inner.function if plan.inner is not None else plan.function
        calls = not endpoint.is_mock
        outputs = function.outputs
        if plan.inner is not None and not outputs:
            outputs = plan.function.outputs
        schema, is_sure = outcome_schema(outputs, function)
        shaped = {kind: {"schema": schema} for kind in MEDIA_TYPES}
        if outputs and not is_sure:
            shaped["*/*"] = {"schema": {}}
        content = shaped if endpoint.is_negotiated else ANY_CONTENT
        found: dict[str, JSON] = {
            "200": {"description": "Success.", "content": content}
        }
        statuses = [400, 503]
        if endpoint.is_negotiated:
            statuses.append(406)
        if endpoint.reader.reads_body:
            statuses += [413, 415]
        if self.requirement or self._used_by(plan):
            statuses.append(401)
        if calls:
            found["2XX"] = {
                "description": "Another success of the upstream API, with its status.",
                "content": {**content, "*/*": {"schema": {}}},
            }
            found["4XX"] = {
                "description": "The upstream API refused the request; its status, and"
                " what it said.",
                "content": {
                    PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}},
                    "*/*": {"schema": {}},
                },
            }
            statuses += _UPSTREAM_STATUSES
            if any(self.capability.refusal(called) for called in self._called(plan)):
                statuses.append(501)
        else:
            statuses.append(500)
        problems = self._responses(sorted(set(statuses)))
        if calls:
            # The same status may come from the upstream API, with any content.
            for status in ("400", "401", "406", "413", "415"):
                if status in problems:
                    problems[status] = _shared_response(int(status))
        return {**found, **problems}

    # --- security ---------------------------------------------------------------------

    def _authentication(self) -> dict[str, JSON]:
        """Return the requirement that the authentication of the adapter makes."""
        asked = self.exposes.authentication
        if asked is None:
            return {}
        kind = asked.type
        scopes: list[str] = []
        if kind in ("bearer", "basic", "digest"):
            scheme: dict[str, JSON] = {"type": "http", "scheme": kind}
        elif kind == "apikey":
            name = asked.texts.get(asked.written("key", "name"), "")
            scheme = {"type": "apiKey", "in": asked.placement, "name": name}
        elif kind == "oauth2":
            server = asked.texts.get("authorizationServerUri", "").rstrip("/")
            scheme = {
                "type": "openIdConnect",
                "openIdConnectUrl": f"{server}/.well-known/openid-configuration",
            }
            scopes = list(asked.scopes)
        else:
            return {}
        self.schemes[kind] = scheme
        return {kind: scopes}

    def _security(self, plan: Plan) -> dict[str, JSON]:
        return self._security_of(self._used_by(plan))

    def _security_of(self, variables: Iterable[str]) -> dict[str, JSON]:
        found = dict(self.requirement)
        for variable in variables:
            name = f"variable-{variable}"
            self.schemes[name] = {
                "type": "apiKey",
                "in": "header",
                "name": self.variables[variable],
                "description": f"Your own value of `{variable}`, for this request"
                " only.",
            }
            found[name] = []
        return found

    def _used_by(self, plan: Plan) -> list[str]:
        """Return the variables of callers that an operation uses."""
        if not self.variables:
            return []
        texts: list[JSON] = []
        for function in _functions(plan):
            texts += [function.with_, *(step.with_ for step in function.steps)]
        return self._used(self._called(plan), texts)

    def _called(self, plan: Plan) -> list[Operation]:
        """Return the operations that a function calls."""
        refs: list[str] = []
        for function in _functions(plan):
            refs += [function.call, *(step.call for step in function.steps)]
        found = [self.capability.operations.resolve(ref) for ref in refs if ref]
        return [operation for operation in found if operation is not None]

    def _used(
        self, operations: Iterable[Operation], texts: Iterable[JSON]
    ) -> list[str]:
        used: set[str] = set()
        for operation in operations:
            used |= {*operation.layout.variables, *operation.base_names}
        said = json.dumps([*texts], default=str)
        return [
            name
            for name in self.variables
            if name in used or re.search(rf"\b{re.escape(name)}\b", said)
        ]


def _functions(plan: Plan) -> Iterable[Function]:
    yield plan.function
    if plan.inner is not None:
        yield from _functions(plan.inner)


def _tags(endpoints: Sequence[Endpoint]) -> dict[str, JSON]:
    names = dict.fromkeys(e.plan.function.resource for e in endpoints)
    names.pop("", None)
    return {"tags": [{"name": name} for name in names]} if names else {}


# --- arguments ----------------------------------------------------------------------


# --- values -------------------------------------------------------------------------


# --- problems -----------------------------------------------------------------------

_PROBLEM: dict[str, JSON] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "hint": {"type": "string", "description": "What to do about it."},
        "code": {"type": "string"},
        "requestId": {"type": "string"},
        "upstreamStatus": {"type": "integer"},
        "errors": {
            "type": "array",
            "description": "Every argument that is wrong.",
            "items": {
                "type": "object",
                "required": ["name", "detail"],
                "properties": {
                    "name": {"type": "string"},
                    "in": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


def _problem_response(status: int) -> dict[str, JSON]:
    titles = [title for code, title in KINDS.values() if code == status]
    response: dict[str, JSON] = {
        "description": ", or ".join(dict.fromkeys(titles)) + ".",
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status == 503:
        response["headers"] = {"Retry-After": {"schema": {"type": "string"}}}
    return response


def _shared_response(status: int) -> dict[str, JSON]:
    response = _problem_response(status)
    response["content"] = {**response["content"], "*/*": {"schema": {}}}
    return response
