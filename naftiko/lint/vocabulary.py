"""The parts of a document and the keys of each: one table (spec 1 to 7).

    "tool"  →  Part(keys: name, call, with, …; children: inputParameters → "tool input")

`walk` yields each mapping of a document with the part that it is. This module must not
know what is wrong with a key.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.plain import JSON, DocumentPath

#: Key → the part below it, marked by `=`. The keys behind `|` have no place in the
#: specification, and are read or met in published files.
_TABLE = """
document: naftiko info=info binds=bind capability=capability consumes=consumed-adapter
  | name description version tags id kind apiVersion metadata import imports
info: label description tags created modified stakeholders=stakeholder
  | title name version personas persona contact license owner
stakeholder: role fullName email
bind: namespace description location keys
capability: binds=bind consumes=consumed-adapter exposes=exposed-adapter
  aggregates=aggregate | imports info tools workflow
consumed-adapter: namespace type description baseUri inputParameters=consumed-input
  authentication=authentication resources=consumed-resource location import as
  | auth=authentication label name ref tags version
consumed-resource: name label description path inputParameters=consumed-input
  operations=consumed-operation | tags
consumed-operation: name label description method inputParameters=consumed-input
  outputRawFormat outputSchema outputParameters=consumed-output body=body
  | id path summary tags deprecated outputMediaType maxBinarySize responses
consumed-input: name in value
  | type required description default enum format pattern properties
  items=nested-input example examples minimum maximum minLength maxLength label style
  explode deprecated nullable schema
consumed-output: name type value
  | mapping description items properties label required format enum example nullable
body: type data | description required schema contentType
authentication: type username password key value placement token
  authorizationServerUri resource scopes audience tokenEndpoint tokenValidation
  | in name header headers parameters description clientId clientSecret tokenUrl
  tokenUri authorizationUrl authorizationUri refreshToken grantType scope consumerKey
  consumerSecret tokenSecret signatureMethod realm accessKeyId secretAccessKey
  secretKey sessionToken region service apiKey apiId signingKey algorithm scheme prefix
exposed-adapter: type transport address port namespace description
  authentication=authentication tools=tool resources=exposed-resource prompts=prompt
  skills=skill management=management observability=observability
  | label name path basePath ttlMs cacheScope tags version
exposed-resource: label description path name uri mimeType inputParameters=exposed-input
  operations=exposed-operation forward=forward call with steps=step mappings=mapping
  outputParameters=exposed-output location | tags ref
exposed-operation: name label description method inputParameters=exposed-input ref call
  with outputParameters=exposed-output steps=step mappings=mapping
  | path hints=hints tags summary id operation calls
exposed-input: name in type description pattern value
  | required mapping default enum format properties items=nested-input example examples
  minimum
  maximum minLength maxLength label
forward: targetNamespace trustedHeaders
tool: name label description inputParameters=tool-input ref call with steps=step
  mappings=mapping hints=hints outputParameters=exposed-output
  | title operation calls from instruction outputRawFormat semantics annotations tags
  method path id
semantics: safe idempotent cacheable
hints: readOnly destructive idempotent openWorld
tool-input: name type description required
  | mapping in default enum format pattern properties items=nested-input example
  examples minimum
  maximum minLength maxLength label value
nested-input:
  | name type description properties items=nested-input required enum default format
  pattern minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength
  maxLength minItems maxItems uniqueItems minProperties maxProperties const not
  additionalProperties allOf anyOf oneOf nullable readOnly writeOnly deprecated title
  label example examples in value mapping discriminator xml
exposed-output: name type mapping const value properties items=exposed-output
  | description required format enum label example
prompt: name label description arguments=prompt-argument template=message location
  | title tags
prompt-argument: name label description required | type enum default
message: role content
skill: name description license compatibility metadata allowed-tools argument-hint
  user-invocable disable-model-invocation location tools=skill-tool
  | label call with inputParameters=tool-input outputParameters=exposed-output hints
  tags
skill-tool: name description from=origin instruction
  | call with hints inputParameters=tool-input outputParameters=exposed-output label
origin: sourceNamespace action | namespace
management: health info reload validate logs scripting=scripting
scripting: enabled defaultLocation defaultLanguage timeout statementLimit
  allowedLanguages
observability: enabled metrics traces=traces exporters
traces: sampling propagation local
aggregate: label namespace functions=function | description
function: name description semantics=semantics inputParameters=tool-input call with
  steps=step mappings=mapping outputParameters=exposed-output | label hints tags ref
step: type name call with index match lookupValue outputParameters language location
  file dependencies | description label condition
mapping: targetName value | description type
"""

#: The parts of a mapping: where the members of a mapping are parts themselves.
_MEMBERS = {
    "exposed-output": {"properties": "exposed-output"},
    "consumed-input": {"properties": "nested-input"},
    "exposed-input": {"properties": "nested-input"},
    "tool-input": {"properties": "nested-input"},
    "nested-input": {"properties": "nested-input"},
}


class Part(NamedTuple):
    """One kind of mapping in a document.

    Attributes:
        name: Its name, as messages show it: `consumed operation`.
        published: The keys that the specification gives it.
        known: These, and further keys that published files have.
        children: Key → the name of the part below it, or of the entries of a list.
        members: Key → the name of the part that each member below it is.
    """

    name: str
    published: tuple[str, ...]
    known: frozenset[str]
    children: Mapping[str, str]
    members: Mapping[str, str]


class Placed(NamedTuple):
    """One mapping of a document.

    Attributes:
        part: The part that it is.
        data: The mapping.
        holder: The part that it stands in; `None` for the document itself.
        path: Its place: keys and list indexes from the root.
    """

    part: Part
    data: Mapping[str, JSON]
    holder: Placed | None = None
    path: DocumentPath = ()

    @property
    def around(self) -> tuple[Placed, ...]:
        """The mappings around it, outermost first."""
        return (*self.holder.around, self.holder) if self.holder else ()


@cache
def parts() -> dict[str, Part]:
    """Return name → part, in the order of the table."""
    table: dict[str, Part] = {}
    text = ""
    for line in [*_TABLE.strip().splitlines(), ":"]:
        if ":" in line and text:
            part = _part(text)
            table[part.name] = part
            text = ""
        text += line
    return table


def _part(text: str) -> Part:
    name, _, keys = text.partition(":")
    published, _, tolerated = keys.partition("|")
    children: dict[str, str] = {}
    names: list[list[str]] = []
    for words in (published.split(), tolerated.split()):
        pairs = [word.partition("=") for word in words]
        children.update({key: child for key, _, child in pairs if child})
        names.append([key for key, _, _ in pairs])
    members = _MEMBERS.get(name, {})
    return Part(
        name, tuple(names[0]), frozenset(names[0] + names[1]), children, members
    )


def homes_of(key: str) -> list[str]:
    """Return the names of the parts in which the specification has a key."""
    return [part.name for part in parts().values() if key in part.published]


def parents_of(name: str) -> list[tuple[str, str]]:
    """Return (part, key) for each key below which a part stands.

    `"tool"` → `[("exposed-adapter", "tools")]`
    """
    return [
        (part.name, key)
        for part in parts().values()
        for key, child in part.children.items()
        if child == name and key in part.published
    ]


@cache
def _below() -> dict[str, dict[str, Part]]:
    """Return the name of a part → key → the part below it."""
    table = parts()
    return {
        part.name: {key: table[name] for key, name in part.children.items()}
        for part in table.values()
    }


class PartShape:
    """A part with some keys: what the mappings that have just these have in common.

    Attributes:
        part: The part.
        keys: The keys, in the order of the mapping.
        inner: The keys below which parts stand: key, the part that the value is, or
            each entry of a list, and the part that each member of the value is.
        is_known: Whether the part has all of the keys.
    """

    __slots__ = ("inner", "is_known", "keys", "part")

    def __init__(self, part: Part, keys: tuple[str, ...]) -> None:
        table, below, members = parts(), _below()[part.name], part.members
        self.part = part
        self.keys = keys
        self.inner = tuple(
            (key, below.get(key), table[members[key]] if key in members else None)
            for key in keys
            if key in below or key in members
        )
        self.is_known = part.known.issuperset(keys)


def document_of(data: JSON) -> list[Placed]:
    """Return a whole document as the part that it is; none if it is no mapping."""
    return [Placed(parts()["document"], data)] if data.__class__ is dict else []


def parts_in(placed: Placed, shape: PartShape) -> list[Placed]:
    """Return the mappings right below one that are parts, in the order of the text."""
    found: list[Placed] = []
    node, at = placed.data, placed.path
    for key, child, member in shape.inner:
        value = node[key]
        if value.__class__ is list and child is not None:
            found += [
                Placed(child, entry, placed, (*at, key, index))
                for index, entry in enumerate(value)
                if entry.__class__ is dict
            ]
        elif value.__class__ is dict and child is not None:
            found.append(Placed(child, value, placed, (*at, key)))
        elif value.__class__ is dict and member is not None:
            found += [
                Placed(member, entry, placed, (*at, key, name))
                for name, entry in value.items()
                if entry.__class__ is dict
            ]
    return found
