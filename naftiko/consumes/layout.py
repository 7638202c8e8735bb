"""An operation becomes a `Layout`: its arguments, and the place of each in a request.

    path /items/{id}, inputParameters id (path), limit (query)
    ->  path ("/items/", Ref id), query (Slot limit), takes {id, limit}, required {id}

The layout is compiled at load; every call walks it (`request`), and linking reads it.
Dialect rules on placeholders, missing places, values and unplaced path parameters live
here. This module must not know the arguments of a call.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from naftiko.consumes.body import OPEN_ARGUMENT, BodyPlan, compile_body, whole_of
from naftiko.document import rules
from naftiko.document.findings import SET, Finding, pointer
from naftiko.errors import Edit, names_of, nearest, shorten
from naftiko.expressions import (
    Ref,
    Scope,
    Template,
    TemplateError,
    folded,
    parse,
    parse_credential,
    parse_path,
    refs,
    splice,
    to_text,
)
from naftiko.hints import Hint
from naftiko.records.tuples import NamedTuple
from naftiko.settings import APPEND_PATH_PARAMETERS
from naftiko.spec.model import PUBLISHED_METHODS, InputParameter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from naftiko.document.rules import Rule
    from naftiko.plain import DocumentPath
    from naftiko.spec.model import Credential, OperationSpec

    #: Place, name and template of each credential; the templates of user name and
    #: password; places and names that these fill; the variables that they refer to.
    _Credentials = tuple[
        tuple[tuple[str, str, Template], ...], tuple[Template, Template] | None,
        Set[tuple[str, str]], tuple[str, ...],
    ]  # fmt: skip

_METHOD = re.compile(r"[A-Z0-9!#$%&'*+.^_`|~-]+")


class Slot(NamedTuple):
    """One place in a request, and the argument or template that fills it.

    Attributes:
        name: The name on the wire.
        argument: The argument that fills it; empty when `template` does.
        template: A constant or a template, when the document declares a `value`.
        required: Whether a template may not stay unfilled.
        default: The value without an argument; may be empty.
    """

    name: str
    argument: str = ""
    template: Template = ()
    required: bool = False
    default: str = ""


class Layout(NamedTuple):
    """The places of a request, in the order in which they are filled.

    Attributes:
        path: The path template; its references are arguments or variables.
        query_head: The constant query of the path, as a template.
        query: The slots of the query, in order; `headers` and `cookies` likewise.
        environment: Names of the arguments that the environment may give.
        credentials: Place, name and template of each credential.
        login: Templates of user name and password, for Basic and Digest.
        body: How the body is made, or `None`.
        arguments: Every argument a caller may give, in the order of the document.
        required: Names of the arguments that must be given.
        takes: Names of all arguments.
        takes_body: Whether the argument `body` is the whole body, and `Content-Type`
            its media type.
        variables: Names of the variables that it uses.
        findings: The problems of the operation, to be noted by linking.
        filled: Names of the arguments that the authentication fills when a caller gives
            none.
        appended: The path segments of parameters without a placeholder: `/{id}`.
    """

    path: Template
    query_head: Template
    query: tuple[Slot, ...]
    headers: tuple[Slot, ...]
    cookies: tuple[Slot, ...]
    environment: tuple[str, ...]
    credentials: tuple[tuple[str, str, Template], ...]
    login: tuple[Template, Template] | None
    body: BodyPlan | None
    arguments: tuple[InputParameter, ...]
    required: frozenset[str]
    takes: frozenset[str]
    takes_body: bool
    variables: tuple[str, ...]
    findings: tuple[Finding, ...]
    filled: frozenset[str] = frozenset()
    appended: str = ""


def compile_layout(
    spec: OperationSpec,
    scope: Scope,
    *,
    path: str | None = None,
    append_unplaced: bool = False,
) -> Layout:
    """Decide where every argument of an operation goes.

    GET /items/{id}, limit in query  ->  Layout(path=("/items/", Ref("id")), …)

    Args:
        spec: The operation as declared.
        scope: The variables of the document.
        path: Replaces the path of the document.
        append_unplaced: Append path parameters without a placeholder as segments.
    """
    compiler = _LayoutCompiler(spec, scope)
    try:
        return compiler.compile(path or spec.url_path, append_unplaced)
    except TemplateError as error:
        hint = "write a plain reference: '{{name}}'"
        finding = Finding(rules.TEMPLATE, compiler.at, str(error), hint)
        return _unusable(spec, finding)
    except UnicodeEncodeError:
        told = "a text holds half a character, which UTF-8 cannot carry"
        return _unusable(spec, Finding(rules.TEMPLATE, compiler.at, told))


def _unusable(spec: OperationSpec, finding: Finding) -> Layout:
    arguments = tuple(p for p in spec.parameters if p.value is None)
    takes = frozenset(p.name for p in arguments)
    return Layout(
        (), (), (), (), (), (), (), None, None, arguments, frozenset(), takes,
        False, (), (finding,),
    )  # fmt: skip


class _LayoutCompiler:
    def __init__(self, spec: OperationSpec, scope: Scope) -> None:
        self.spec = spec
        self.scope = scope
        #: The place of the template that is being read.
        self.at = spec.url_path_at or spec.path
        self.declared = frozenset(p.name for p in spec.parameters)
        self.findings: list[Finding] = []
        self.arguments: dict[str, InputParameter] = {}
        self.variables: dict[str, None] = {}
        self.places: dict[str, list[Slot]] = {"query": [], "header": [], "cookie": []}
        self.environment: list[str] = []
        self.appended = ""
        #: Path parameters that the path has no placeholder for.
        self.unplaced: list[InputParameter] = []
        #: Parameters with a `value`: later parameters may refer to them (spec 2.3).
        self.settings: dict[str, Template] = {}

    def compile(self, text: str, append_unplaced: bool) -> Layout:
        self._check_method()
        path, query_head = self._address(text)
        references = refs((*path, *query_head))
        self._place_parameters({ref.name for ref in references})
        if self.settings:
            # The `value` of a placeholder is a value: it cannot add a segment either.
            path = splice(path, self.settings, literal=_segment)
            query_head = splice(query_head, self.settings, literal=quote_plus)
            references = refs((*path, *query_head))
        for ref in references:
            self._placeholder(ref)
        if self.unplaced:
            misspelled = self._misspelled(references)
            if append_unplaced:
                path = self._with_unplaced(path, misspelled)
                references = refs((*path, *query_head))
            refused = [
                p for p in self.unplaced if not append_unplaced or p.name in misspelled
            ]
            if refused:
                self._note_unplaced(refused, text, misspelled)
        body = self._body()
        credentials, login, taken, names = self._authentication()
        self.variables |= dict.fromkeys(names)
        by_credentials = frozenset(self._filled(taken))
        for name in by_credentials:
            self.arguments[name] = self.arguments[name]._replace(required=False)
        takes = set(self.arguments)
        # A declared parameter of that name keeps its own meaning.
        takes_body = bool(body and body.is_open and OPEN_ARGUMENT not in takes)
        if takes_body:
            takes |= {OPEN_ARGUMENT, "Content-Type"}
        return Layout(
            path=path,
            query_head=query_head,
            query=tuple(self.places["query"]),
            headers=tuple(self.places["header"]),
            cookies=tuple(self.places["cookie"]),
            environment=tuple(self.environment),
            credentials=credentials,
            login=login,
            body=body,
            arguments=tuple(self.arguments.values()),
            required=frozenset(n for n, p in self.arguments.items() if p.required),
            takes=frozenset(takes),
            takes_body=takes_body,
            variables=tuple(self.variables),
            findings=tuple(self.findings),
            filled=by_credentials,
            appended=self.appended,
        )

    def _check_method(self) -> None:
        method = self.spec.method
        if method not in PUBLISHED_METHODS and not _METHOD.fullmatch(method):
            self._find(
                rules.METHOD,
                (*self.spec.path, "method"),
                f"'{shorten(method)}' is no HTTP method (RFC 9110, 9.1)",
                "use GET, POST, PUT, PATCH or DELETE",
            )

    def _address(self, text: str) -> tuple[Template, Template]:
        """Return the templates of the path and of the query behind it."""
        path_text, _, query_text = text.partition("?")
        path = parse_path(path_text, self.scope, self.declared)
        query_head = parse_path(query_text, self.scope, self.declared)
        texts = ""
        if "{" in text or "}" in text:
            texts = "".join(p for p in (*path, *query_head) if isinstance(p, str))
        if "{" in texts or "}" in texts:
            self._find(
                rules.TEMPLATE,
                self.spec.path,
                f"a brace in the path '{shorten(text)}' belongs to no placeholder",
                "write `{name}`, or `%7B` and `%7D` for the characters themselves",
            )
        return path, query_head

    def _place_parameters(self, placeholders: set[str]) -> None:
        """Put every declared parameter where it goes, but for those of the body."""
        in_path = {p.name for p in self.spec.parameters if p.in_ == "path"}
        for parameter in self.spec.parameters:
            in_ = self._place(parameter, placeholders, in_path)
            if in_ == "body":
                continue
            if in_ == "path" and parameter.name not in placeholders:
                self.unplaced.append(parameter)
            if parameter.value is not None:
                slot = self._valued(parameter, in_)
            else:
                slot = Slot(parameter.name, parameter.name, default=parameter.default)
                # A copy takes longer than all else that is done for most parameters.
                same = in_ == parameter.in_
                self._take_argument(parameter if same else parameter._replace(in_=in_))
                if in_ == "environment":
                    self.environment.append(parameter.name)
            if in_ in self.places:
                self.places[in_].append(slot)

    def _misspelled(self, references: list[Ref]) -> dict[str, str]:
        """Return path parameter → the undeclared placeholder that surely means it."""
        names = {ref.name for ref in references if ref.name not in self.declared}
        if not names:
            return {}
        # Fifty, because each is compared with each.
        undeclared = {folded(name): name for name in sorted(names)[:50]}
        meant = {}
        for parameter in self.unplaced:
            name = folded(parameter.name)
            near = nearest(name, undeclared, 1, cutoff=0.8)
            if near and abs(len(near[0]) - len(name)) < 2:
                meant[parameter.name] = undeclared[near[0]]
        return meant

    def _with_unplaced(self, path: Template, misspelled: Mapping[str, str]) -> Template:
        """Return the path with a segment for each parameter without a placeholder."""
        for parameter in self.unplaced:
            if parameter.name in misspelled:
                continue
            self.appended += f"/{{{parameter.name}}}"
            ref = Ref(parameter.name, False, f"{{{parameter.name}}}")
            last = splice((ref,), self.settings, literal=_segment)
            path = (*path, "/", *last) if _open_end(path) else (*path, *last)
        return path

    def _place(
        self,
        parameter: InputParameter,
        placeholders: set[str],
        in_path: set[str],
    ) -> str:
        """Return the place of a parameter: path, query, header, cookie or body."""
        name, in_ = parameter.name, parameter.in_
        if name in placeholders and name not in in_path and in_ != "path":
            in_path.add(name)  # the path wins over any other declared place
            return "path"
        if in_:
            return in_
        self._find(
            rules.PARAMETER_PLACE_MISSING,
            parameter.path,
            f"the parameter '{name}' has no place; it is sent in the query",
            "add `in: query`",
            fix=Edit(SET, pointer((*parameter.path, "in")), "query"),
        )
        return "query"

    def _take_argument(self, parameter: InputParameter) -> None:
        known = self.arguments.get(parameter.name)
        if known is None:
            self.arguments[parameter.name] = parameter
        elif parameter.required and not known.required:
            self.arguments[parameter.name] = known._replace(required=True)

    def _valued(self, parameter: InputParameter, in_: str) -> Slot:
        template = self._constant(parameter)
        for ref in refs(template):
            self._refer(ref, parameter, in_)
        self.settings[parameter.name] = template
        return Slot(parameter.name, template=template, required=parameter.required)

    def _constant(self, parameter: InputParameter) -> Template:
        self.at = (*parameter.path, "value")
        # A mapping or a list is sent as JSON, the references in its texts filled in.
        text = to_text(parameter.value)
        template = parse(text, self.scope, self.declared - {parameter.name})
        return splice(template, self.settings, own=parameter.name)

    def _placeholder(self, ref: Ref) -> None:
        name = ref.name
        if ref.is_variable:
            self.variables[name] = None
            # An argument of that name comes first; without one, the variable.
            known = self.arguments.get(name) or InputParameter(
                name, "path", "string", inferred=True, path=self.spec.path
            )
            self.arguments[name] = known._replace(required=False)
        elif name in self.arguments:
            known = self.arguments[name]
            if not known.required:
                self.arguments[name] = known._replace(required=True)
        else:
            self._find(
                rules.PLACEHOLDER_UNDECLARED,
                self.spec.path,
                f"the placeholder '{{{name}}}' is not declared as a parameter",
                "add it under `inputParameters`, `in: path`",
            )
            self.arguments[name] = InputParameter(
                name, "path", "string", True, inferred=True, path=self.spec.path
            )

    def _refer(self, ref: Ref, parameter: InputParameter, in_: str) -> None:
        """Note the reference in the `value` of a parameter."""
        if ref.is_variable:
            self.variables[ref.name] = None
        elif ref.name == parameter.name:
            self._take_argument(parameter._replace(in_=in_, value=None, inferred=True))
        else:
            self._take_argument(
                InputParameter(
                    ref.name, in_, "string", parameter.required, inferred=True,
                    path=parameter.path,
                )
            )  # fmt: skip

    def _note_unplaced(
        self, unplaced: list[InputParameter], text: str, misspelled: Mapping[str, str]
    ) -> None:
        names = names_of(f"'{p.name}'" for p in unplaced)
        path, mark, query = text.partition("?")
        ending = "/".join(f"{{{p.name}}}" for p in unplaced)
        begin = (
            f"write the path with it, such as {path.rstrip('/')}/{ending}{mark}{query},"
            " or "
        )
        hint: str = Hint(
            "load with unplaced_path_parameters='append'",
            "give --append-path-parameters",
            f"serve with --append-path-parameters, or set {APPEND_PATH_PARAMETERS}=1",
        ).after(begin)
        if meant := [p.name for p in unplaced if p.name in misspelled]:
            hint = " ".join(
                f"did you mean '{{{name}}}' by '{{{misspelled[name]}}}'?"
                for name in meant
            )
        elif spelled := [
            f"write '{{{p.name}}}' for '{other}'"
            for p in unplaced
            for other in (f":{p.name}", f"<{p.name}>", f"[{p.name}]", f"${p.name}")
            if other in path.split("/")
        ]:
            hint = "; ".join(spelled)
        self._find(
            rules.PATH_PARAMETER_UNPLACED,
            (*unplaced[0].path, "in"),
            f"the path '{text}' of '{self.spec.name}' has no placeholder for {names}",
            hint,
        )

    def _body(self) -> BodyPlan | None:
        body = self.spec.body
        if body is None or body.kind == "unknown":
            return None
        self.at = body.path
        declared_body = {p.name: p for p in self.spec.parameters if p.in_ == "body"}
        types = {name: p.type for name, p in declared_body.items()}
        plan = compile_body(body, self.scope, self.declared, self.settings, types)
        by_name = {field.name: field for field in body.fields}
        whole = whole_of(body)
        for name, needed in plan.arguments.items():
            parameter = by_name.get(name) or declared_body.get(name)
            if parameter is None:
                parameter = InputParameter(
                    name, "body", inferred=True, path=self.spec.path
                )
            required = needed or (parameter.required and name in by_name)
            if parameter is whole and parameter.type not in ("object", "array"):
                parameter = parameter._replace(type="")  # any body has been called so
            self._take_argument(
                parameter._replace(in_="body", required=required, value=None)
            )
        for name in plan.variables:
            self.variables[name] = None
        return plan

    def _authentication(self) -> _Credentials:
        authentication = self.spec.consumes.authentication
        if authentication is None:
            return (), None, frozenset(), ()
        self.at = authentication.path
        login: tuple[str, ...] = ()
        if authentication.type in ("basic", "digest"):
            login = authentication.username, authentication.password
        return _compiled_credentials(authentication.credentials, login, self.scope)

    def _filled(self, taken: Set[tuple[str, str]]) -> Iterator[str]:
        """Yield the arguments that stand where a credential goes (dialect 14)."""
        for in_, slots in self.places.items() if taken else ():
            for slot in slots:
                known = self.arguments.get(slot.argument)
                place = in_, _field_name(in_, slot.name)
                if place in taken and known and known.in_ == in_:
                    yield slot.argument

    def _find(
        self,
        rule: Rule,
        path: DocumentPath,
        message: str,
        hint: str,
        *,
        fix: Edit | None = None,
    ) -> None:
        self.findings.append(Finding(rule, path, message, hint, fix=fix))


@lru_cache(maxsize=64)
def _compiled_credentials(
    credentials: tuple[Credential, ...], login: tuple[str, ...], scope: Scope
) -> _Credentials:
    """Return what all operations of an adapter share; the last results are kept."""
    placed = tuple(
        (c.in_, c.name, parse_credential(c.value, scope)) for c in credentials
    )
    pair = tuple(parse_credential(text, scope) for text in login)
    taken = {(in_, _field_name(in_, name)) for in_, name, _ in placed}
    if not placed:
        # A login goes there, and so does what a signer adds.
        taken.add(("header", "authorization"))
    templates = (*(template for _, _, template in placed), *pair)
    names = dict.fromkeys(ref.name for template in templates for ref in refs(template))
    return placed, (pair[0], pair[1]) if pair else None, taken, tuple(names)


def _field_name(in_: str, name: str) -> str:
    """Return a name as it is compared: the case of a header does not count."""
    return name.lower() if in_ == "header" else name


def _segment(text: str) -> str:
    return quote(text, safe="")


def _open_end(path: Template) -> bool:
    return not (path and isinstance(path[-1], str) and path[-1].endswith("/"))
