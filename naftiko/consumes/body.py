"""The body of an operation: a template is compiled, and filled with values per call.

    {"id": "{{id}}", "note": "re: {{id}}"}, id=7  ->  {"id":7,"note":"re: 7"}

Spec 2.4. A text that is nothing but one placeholder is replaced by the value itself,
with its JSON type. Where its argument is absent, the key is left out, and an item of a
JSON list is null. A JSON body that is written as a text is treated the same:

    {"id": {{id}}, "ids": [{{a}}, {{b}}]}, b=2      ->  {"ids":[null,2]}

This module must not know where else arguments go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from naftiko.consumes.content import (
    ENCODERS,
    FORM_KINDS,
    Encoded,
    EncodedText,
    encode_content,
    named_fields,
)
from naftiko.consumes.markup import filled, is_xml_type, parts_of_xml
from naftiko.errors import ArgumentError
from naftiko.expressions import (
    ABSENT,
    Ref,
    compact_json,
    is_json_like,
    lone,
    parse,
    refs,
    render,
    splice,
    to_text,
)
from naftiko.hints import Hint
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from naftiko.expressions import Scope, Template
    from naftiko.plain import JSON
    from naftiko.spec.model import Body, InputParameter

    Settings = dict[str, Template]
    #: Gives the value of a reference, or `ABSENT`.
    ValueOf = Callable[[Ref], Any]
    Node = Callable[[ValueOf], Any]


OPEN_ARGUMENT = "body"
#: The types of a body that no text is, in words.
_STRUCTURES = {"object": "an object", "array": "a list"}


#: Media types, beside JSON, with quoted texts that are escaped as in JSON.
_QUOTING = ("application/sparql-query", "application/yaml")
#: Stands for the reference of that number in the text of a JSON body.
_MARK = re.compile("\0([0-9]+)\0")


class BodyPlan(NamedTuple):
    """A compiled body.

    Attributes:
        arguments: Names that the body refers to → whether the body needs them.
        variables: Names of the variables that it refers to.
        build: Fills the template; returns `ABSENT` when there is nothing to send.
        as_xml: The same for a text whose `Content-Type` header says that it is XML.
    """

    kind: str
    content_type: str
    arguments: dict[str, bool]
    variables: tuple[str, ...]
    build: Node
    is_open: bool
    as_xml: Node | None = None


def compile_body(
    body: Body,
    scope: Scope,
    declared: Container[str],
    settings: Settings,
    types: Mapping[str, str] = {},
) -> BodyPlan:
    """Compile a body; see `BodyPlan`.

    Args:
        body: The body that the document declares.
        scope: The variables of the document.
        declared: Names of the declared parameters.
        settings: Names of parameters that carry a `value` → its compiled template.
        types: Names of declared parameters of the body → type.

    Raises:
        TemplateError: A text in it is outside the template subset.
    """
    # In XML and plain text a quotation mark is a character like any other.
    quotes = True if body.kind == "json" or body.content_type in _QUOTING else None
    compiler = _BodyCompiler(body.kind, scope, declared, settings, quotes)
    as_xml = None
    if body.fields:
        node = compiler.fields(body)
    elif body.kind == "multipartForm":
        node = compiler.parts(body.data)
    elif body.kind == "json" and isinstance(body.data, str):
        node = compiler.json_text(body.data, types)
    elif body.kind == "formUrlEncoded" and isinstance(body.data, str):
        node = compiler.form_text(body.data)
    elif body.data is None:
        node = _absent
    elif isinstance(body.data, str):
        node, as_xml = compiler.plain_text(body.data), compiler.xml_text(body.data)
        node = as_xml if is_xml_type(body.content_type) else node
    else:
        node = compiler.tree(body.data)
    arguments, variables = compiler.arguments, tuple(compiler.variables)
    return BodyPlan(
        body.kind, body.content_type, arguments, variables, node, body.is_open, as_xml
    )


class _BodyCompiler:
    """Turn a body template into closures, noting every reference."""

    def __init__(
        self,
        kind: str,
        scope: Scope,
        declared: Container[str],
        settings: Settings,
        quotes: bool | None,
    ) -> None:
        #: An item of a form has no null.
        self.gap = None if kind == "json" else ABSENT
        self.quotes = quotes
        self.scope = scope
        self.declared = declared
        self.settings = settings
        self.arguments: dict[str, bool] = {}
        self.variables: dict[str, None] = {}

    def tree(self, data: JSON) -> Node:
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, dict):
            members = [(key, self.tree(value)) for key, value in data.items()]
            return lambda value_of: {
                key: value
                for key, node in members
                if (value := node(value_of)) is not ABSENT
            }
        if isinstance(data, list):
            return _list_of([self.tree(item) for item in data], self.gap)
        return lambda value_of: data

    def text(self, text: str) -> Node:
        """Compile a text in a mapping or a list: a key or an item may be left out."""
        template = self._parse(text)
        if not template:
            return lambda value_of: ""
        if ref := lone(template):
            self._note(ref, needed=False)
            return _value_of(ref)
        for ref in refs(template):
            self._note(ref, needed=True)
        return lambda value_of: (
            ABSENT if _lacks(template, value_of) else render(template, value_of)
        )

    def plain_text(self, text: str) -> Node:
        """Compile a body that is one text, which stays whatever is absent."""
        template = self._parse(text)
        if ref := lone(template):
            self._note(ref, needed=False)
            return _value_of(ref)
        for ref in refs(template):
            self._note(ref, needed=True)
        return lambda value_of: render(template, _or_empty(value_of))

    def xml_text(self, text: str) -> Node:
        """Compile a text of XML; one that is only a reference is a whole body."""
        if ref := lone(self._parse(text.strip())):
            return _value_of(ref)
        template = parse(text, self.scope, self.declared, quotes=False)
        parts = parts_of_xml(template, self.settings)
        return lambda value_of: filled(parts, _or_empty(value_of))

    def json_text(self, text: str, types: Mapping[str, str]) -> Node:
        """Compile a text that is the whole JSON body, sent as it is written."""
        if ref := lone(self._parse(text.strip())):
            self._note(ref, needed=False)
            node, type_name = _value_of(ref), types.get(ref.name, "")
            if type_name not in _STRUCTURES:
                return node
            return lambda value_of: _written(node(value_of), ref.name, type_name)
        if is_json_like(text) or text.lstrip()[:1] == '"':
            # A value outside quotes is a JSON value, so that it cannot leave its place.
            template = self._parse(text, literal=compact_json)
            return self._json(template) or self._whole(template, compact_json)
        return self._whole(self._parse(text), to_text)

    def form_text(self, text: str) -> Node:
        """Compile a form that is written out: `a=1&b={{b}}`."""
        if ref := lone(self._parse(text.strip())):
            self._note(ref, needed=False)
            return _value_of(ref)
        return self._whole(
            self._parse(text, quotes=False, literal=quote_plus),
            lambda value: quote_plus(to_text(value)),
        )

    def _whole(self, template: Template, plain: Callable[[Any], str]) -> Node:
        for ref in refs(template):
            self._note(ref, needed=True)
        return lambda value_of: EncodedText(
            render(template, _or_empty(value_of), plain=plain)
        )

    def _json(self, template: Template) -> Node | None:
        """Compile a JSON text, or return `None` where it would be no JSON when filled.

        The text is sent as it is written while every reference has a value. Otherwise
        the value that it describes is sent, without the keys that have none.
        """
        found = refs(template)
        places = iter(range(len(found)))
        marked = "".join(
            part if isinstance(part, str) else _marked(part, next(places))
            for part in template
        )
        try:
            data = json.loads(marked, strict=False)
        except (ValueError, RecursionError):
            return None
        tree = self._marked_tree(data, found)
        return lambda value_of: (
            tree(value_of)
            if _lacks(template, value_of)
            else EncodedText(render(template, value_of, plain=compact_json))
        )

    def _marked_tree(self, data: JSON, found: list[Ref]) -> Node:
        """Compile the value of a JSON text, whose references are marks."""
        if isinstance(data, dict):
            members = [
                (self._marked_text(key, found), self._marked_tree(value, found))
                for key, value in data.items()
            ]
            return lambda value_of: {
                name: value
                for key, node in members
                if (value := node(value_of)) is not ABSENT
                and (name := key(value_of)) is not ABSENT
            }
        if isinstance(data, list):
            return _list_of([self._marked_tree(i, found) for i in data], self.gap)
        if isinstance(data, str):
            only = _MARK.fullmatch(data)
            if only is None:
                return self._marked_text(data, found)
            ref = found[int(only[1])]
            self._note(ref, needed=False)
            return _text_of(ref) if ref.quoted else _value_of(ref)
        return lambda value_of: data

    def _marked_text(self, text: str, found: list[Ref]) -> Node:
        # Every second part is the number of a mark.
        template = tuple(
            found[int(part)]._replace(quoted=False) if at % 2 else part
            for at, part in enumerate(_MARK.split(text))
        )
        for ref in refs(template):
            self._note(ref, needed=True)
        return lambda value_of: (
            ABSENT if _lacks(template, value_of) else render(template, value_of)
        )

    def fields(self, body: Body) -> Node:
        if whole := whole_of(body):
            node, name, type_name = self.field(whole), whole.name, whole.type
            if body.kind != "json":
                return node
            return lambda value_of: _written(node(value_of), name, type_name)
        members = [(field.name, self.field(field)) for field in body.fields]
        return lambda value_of: {
            name: value
            for name, node in members
            if (value := node(value_of)) is not ABSENT
        }

    def field(self, field: InputParameter) -> Node:
        if field.value is not None:
            return self.tree(field.value)
        ref = Ref(field.name, False, field.name)
        self._note(ref, needed=field.required)
        return _value_of(ref)

    def parts(self, data: JSON) -> Node:
        """Compile multipart data: a list of parts, or a mapping name → value."""
        if isinstance(data, dict):
            data = named_fields(data)
        if isinstance(data, list):
            data = [part for part in data if isinstance(part, dict)]
        return self.tree(data)

    def _parse(
        self,
        text: str,
        *,
        quotes: bool | None = None,
        literal: Callable[[str], str] = str,
    ) -> Template:
        quotes = self.quotes if quotes is None else quotes
        template = parse(text, self.scope, self.declared, quotes=quotes)
        return splice(template, self.settings, literal=literal)

    def _note(self, ref: Ref, *, needed: bool) -> None:
        if ref.is_variable:
            self.variables[ref.name] = None
        else:
            self.arguments[ref.name] = needed or self.arguments.get(ref.name, False)


def _value_of(ref: Ref) -> Node:
    return lambda value_of: value_of(ref)


def _text_of(ref: Ref) -> Node:
    """Return a node for a reference that stands in quotes, so its value is a text."""

    def text(value_of: ValueOf) -> Any:
        value = value_of(ref)
        return ABSENT if value is ABSENT else to_text(value)

    return text


def _list_of(items: list[Node], gap: Any) -> Node:
    """Return a node for a list; `gap` stands for an item that is absent."""

    def build(value_of: ValueOf) -> list[Any]:
        values = [node(value_of) for node in items]
        filled = [gap if value is ABSENT else value for value in values]
        return [value for value in filled if value is not ABSENT]

    return build


def _lacks(template: Template, value_of: ValueOf) -> bool:
    """Tell whether a reference of a template has no value."""
    return any(value_of(ref) is ABSENT for ref in refs(template))


def _or_empty(value_of: ValueOf) -> ValueOf:
    """Return a function that gives an empty text for an absent value."""

    def value(ref: Ref) -> Any:
        found = value_of(ref)
        return "" if found is ABSENT else found

    return value


def _marked(ref: Ref, number: int) -> str:
    """Return the mark of a reference, as it stands in the text of a JSON body."""
    mark = f"\\u0000{number}\\u0000"
    return mark if ref.quoted else f'"{mark}"'


def whole_of(body: Body) -> InputParameter | None:
    """Return the parameter that is the whole body, if one is (dialect 6.2 and 14).

    The only `in: body` parameter is, if it is called `body`, whatever its type says.
    """
    if len(body.fields) != 1:
        return None
    (field,) = body.fields
    is_data = field.name == "data" and field.type in ("object", "array")
    return field if body.is_whole or field.name == "body" or is_data else None


def _written(value: Any, name: str, type_name: str) -> Any:
    """Return a whole JSON body; a text that holds JSON is the body as it is written.

    Generated files call the body of any operation an object or a string, so the type
    says little (dialect 14): an object or a list in a text is one, whatever the type.
    A text of a declared `string` that begins otherwise, and any text that holds no
    JSON, is a JSON string.

    Raises:
        ArgumentError: The document declares an object or a list, and the text begins
            like one and holds no JSON.
    """
    if not isinstance(value, str):
        return value
    if type_name == "string" and value.lstrip()[:1] not in ("{", "[", '"'):
        return value
    if _holds_json(value):
        return EncodedText(value)
    if type_name not in _STRUCTURES or value.lstrip()[:1] not in ("{", "["):
        return value
    raise ArgumentError(
        f"'{name}' is a text that holds no JSON, and the document declares"
        f" {_STRUCTURES[type_name]}",
        hint=Hint(
            f"give {name}= a dict or a list, or a text that holds JSON",
            f"write JSON: {name}='{{…}}', {name}=@file.json or --body @file.json",
            "send JSON",
        ),
    )


def _holds_json(text: str) -> bool:
    """Tell whether a text is strict JSON."""
    try:
        # A number may have any length: it is not converted.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_number)
    except ValueError:
        return False
    except RecursionError:
        pass  # nested too deeply to be told; the API decides
    return True


def _no_number(word: str) -> Any:
    raise ValueError(word)


def _absent(value_of: ValueOf) -> Any:
    return ABSENT


def encode(
    plan: BodyPlan,
    given: Any,
    value_of: ValueOf,
    overrides: Mapping[str, Any] = {},
) -> Encoded:
    """Return the body of one call.

    Args:
        plan: The compiled body.
        given: The reserved argument `body`, or `ABSENT`.
        value_of: Gives the value of a reference, or `ABSENT`.
        overrides: Fixed fields of the template → value that replaces it.

    Raises:
        ArgumentError: A value cannot be written in this kind of body.
    """
    if given is not ABSENT and not (
        plan.kind in FORM_KINDS and isinstance(given, Mapping)
    ):
        return encode_content(given, plan.content_type)
    try:
        value = plan.build(value_of) if given is ABSENT else given
        if overrides and isinstance(value, dict):
            value = {**value, **overrides}
        if value is ABSENT:
            return Encoded(None)
        return ENCODERS[plan.kind](value, plan.content_type)
    except ArgumentError:
        raise
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"the body cannot be written as {plan.content_type}: {error}"
        ) from None


def describe(body: Body | None) -> str:
    """Return one line that describes the body, or an empty text."""
    if body is None:
        return ""
    if body.is_open:
        kind = f"{body.content_type}, " if body.content_type else ""
        return (
            f"{kind}not described: give a JSON value, text, bytes, a file or a path"
            f" as `{OPEN_ARGUMENT}`"
        )
    if whole := whole_of(body):
        return f"{body.content_type}: `{whole.name}` is the whole body"
    if body.fields:
        return f"{body.content_type}: fields {', '.join(f.name for f in body.fields)}"
    if isinstance(body.data, dict):
        return f"{body.content_type}: {', '.join(map(str, body.data)) or 'empty'}"
    shown = body.data if isinstance(body.data, str) else json.dumps(body.data)
    return f"{body.content_type}: {shown[:60]}"
