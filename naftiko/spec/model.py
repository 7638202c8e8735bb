"""The records a document is read into, one per noun of the specification.

Records are named tuples: immutable, and an order of magnitude cheaper to define and
import than data classes, which the start-up time of the command line would pay for.
`path` is always the place of the record in the document. This module must not know
how a record is read, linked or run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from naftiko.plain import JSON, DocumentPath
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from naftiko.spec.adapters import (
        ForwardSpec,
        Management,
        ObservabilitySettings,
        PromptSpec,
        ServerAuthentication,
        SkillSpec,
        StaticResource,
    )

SCRIPT_LANGUAGES = ("javascript", "python", "groovy")
PUBLISHED_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Info(NamedTuple):
    """The `info` of a document: label, description, tags, dates (spec 1.2), version.

    Attributes:
        version: The version of the capability, of newer documents (spec 14.7); may be
            empty.
    """

    label: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    created: str = ""
    modified: str = ""
    version: str = ""


class Binding(NamedTuple):
    """Variables and where their values come from (spec 1.4).

    Attributes:
        keys: Variable → name of the entry in the provider.
        location: A `file:` URI; empty for the process environment.
    """

    namespace: str
    keys: Mapping[str, str]
    location: str = ""
    path: DocumentPath = ()


#: Keys of a declared input that describe its value, as in JSON Schema and OpenAPI.
_KEYWORDS = frozenset({
    "additionalProperties", "allOf", "anyOf", "const", "contentEncoding",
    "contentMediaType", "default", "deprecated", "enum", "example", "examples",
    "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maxLength",
    "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum",
    "multipleOf", "nullable", "oneOf", "pattern", "properties", "readOnly", "title",
    "uniqueItems", "writeOnly",
})  # fmt: skip


def keywords_of(entry: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the keys of a declared input that describe its value, as they stand there.

    `{"name": "ids", "type": "array", "items": {}}` has `{"items": {}}`.
    """
    keywords = (
        {}
        if _KEYWORDS.isdisjoint(entry)
        else {key: entry[key] for key in entry if key in _KEYWORDS}
    )
    if isinstance(entry.get("required"), list):
        keywords["required"] = entry["required"]
    return keywords


class InputParameter(NamedTuple):
    """One declared or inferred input of an operation (spec 2.3).

    Attributes:
        in_: `query`, `header`, `path`, `cookie`, `body` or `environment`.
        value: A constant or a template that fills the parameter, or `None`.
        default: The text that is sent when no argument is given; may be empty.
        inferred: A placeholder or the body names it, and the document does not
            declare it.
        pattern: A regular expression for the text of an exposed input; may be empty.
        mapping: The place and the parameter that an exposed input feeds, as
            `$.path.id`; may be empty.
        is_optional: The document calls it optional; `required` is also false where the
            document does not say.
        keywords: What else the document says about its value, such as `items` and
            `enum`; as `keywords_of` returns it.
        is_json_text: An exposed input that is a text. An object or a list that is given
            for it is written as JSON.
    """

    name: str
    in_: str
    type: str = ""
    required: bool = False
    description: str = ""
    value: JSON = None
    default: str = ""
    inferred: bool = False
    path: DocumentPath = ()
    pattern: str = ""
    mapping: str = ""
    is_optional: bool = False
    keywords: Mapping[str, JSON] = {}
    is_json_text: bool = False


class OutputParameter(NamedTuple):
    """One declared output of a consumed operation (spec 2.7)."""

    name: str
    type: str
    value: str
    path: DocumentPath = ()


class Body(NamedTuple):
    """The request body of an operation (spec 2.4).

    Attributes:
        kind: `json`, `text`, `formUrlEncoded`, `multipartForm` or `binary`.
        content_type: The media type to send.
        data: The template: a text, a mapping or a list; `None` when undescribed.
        fields: The `in: body` parameters that describe it instead of `data`.
        is_open: The caller may give the whole body as the argument `body`.
        is_whole: The only one of `fields` is the whole body, whatever it is called.
    """

    kind: str
    content_type: str
    data: JSON = None
    fields: tuple[InputParameter, ...] = ()
    is_open: bool = False
    path: DocumentPath = ()
    is_whole: bool = False


class Credential(NamedTuple):
    """One value that identifies the caller, and where it goes."""

    in_: str
    name: str
    value: str


class Authentication(NamedTuple):
    """How requests to an adapter identify the caller (spec 2.5).

    Attributes:
        type: `bearer`, `basic`, `digest`, `apikey`, or the type as written when it is
            not supported.
        credentials: The values to place, for `bearer` and `apikey`.
        username: Template, for `basic` and `digest`.
        password: Template, for `basic` and `digest`.
        fields: Every key and value of the mapping, for a signer.
    """

    type: str
    credentials: tuple[Credential, ...] = ()
    username: str = ""
    password: str = ""
    fields: Mapping[str, JSON] = {}
    path: DocumentPath = ()


class Consumes(NamedTuple):
    """One consumed adapter (spec 2.1).

    Attributes:
        is_foreign: It is of a type other than `http`, so no rule for HTTP holds.
    """

    namespace: str
    base_uri: str
    description: str = ""
    authentication: Authentication | None = None
    parameters: tuple[InputParameter, ...] = ()
    path: DocumentPath = ()
    is_foreign: bool = False


class Import(NamedTuple):
    """An adapter that another file holds (spec 2.11).

    Attributes:
        namespace: Its name in this document.
        import_: Its name in the other file; empty for every adapter of the file.
        kind: `openapi` when the file is an OpenAPI description.
        reason: Why it is not available.
        hint: What would make it available.
    """

    namespace: str
    location: str
    import_: str = ""
    path: DocumentPath = ()
    kind: str = ""
    reason: str = ""
    hint: str = ""


class OperationSpec(NamedTuple):
    """One consumed operation as the document declares it (spec 2.2).

    Attributes:
        url_path: The full path template, resource and operation joined.
        parameters: Adapter-, resource- and operation-level inputs, merged.
        url_path_at: The place of the path, in the resource or in the operation.
        declares_format: The document has an `outputRawFormat`; `json` is the default.
    """

    consumes: Consumes
    name: str
    resource: str
    method: str
    url_path: str
    description: str = ""
    parameters: tuple[InputParameter, ...] = ()
    body: Body | None = None
    output_raw_format: str = "json"
    output_schema: str = ""
    outputs: tuple[OutputParameter, ...] = ()
    path: DocumentPath = ()
    url_path_at: DocumentPath = ()
    declares_format: bool = False


class Step(NamedTuple):
    """One step of an orchestrated function (spec 3.5).

    Attributes:
        type: `call`, `lookup` or `script`.
        index: The earlier step that a lookup searches.
        match: The field that a lookup compares with `lookup_value`.
        lookup_value: A template, or `$.step.field`.
        fields: What a lookup takes out of each match.
        script: `file`, `language`, `location` and `dependencies` of a script.
    """

    type: str
    name: str
    call: str = ""
    with_: Mapping[str, JSON] = {}
    index: str = ""  # type: ignore[assignment] # hides `tuple.index`, unused
    match: str = ""
    lookup_value: str = ""
    fields: tuple[str, ...] = ()
    script: Mapping[str, JSON] = {}
    path: DocumentPath = ()


class StepMapping(NamedTuple):
    """Where a value of a step goes in the result (spec 3.5)."""

    target_name: str
    value: str
    path: DocumentPath = ()


class Function(NamedTuple):
    """An exposed function: a REST operation, a tool, a resource or an aggregate.

    Attributes:
        kind: `rest`, `tool`, `resource`, `skill` or `aggregate`.
        url_path: The REST path template; empty for other kinds.
        uri: The URI of an MCP resource; empty for other kinds.
        inputs: Declared inputs; `in_` is empty for tools.
        semantics: `safe`, `idempotent` and `cacheable` of an aggregate function.
        is_mock: It has static outputs and needs no call.
        resource: The name of its REST resource; a label.
    """

    kind: str
    name: str
    method: str = ""
    url_path: str = ""
    description: str = ""
    call: str = ""
    ref: str = ""
    with_: Mapping[str, JSON] | None = None
    steps: tuple[Step, ...] = ()
    inputs: tuple[InputParameter, ...] = ()
    outputs: JSON = None
    hints: Mapping[str, JSON] = {}
    is_mock: bool = False
    path: DocumentPath = ()
    label: str = ""
    uri: str = ""
    mime_type: str = ""
    mappings: tuple[StepMapping, ...] = ()
    semantics: Mapping[str, JSON] = {}
    resource: str = ""


class Link(NamedTuple):
    """A reference of a skill tool (`from`) or of a `forward` to another adapter."""

    kind: str
    namespace: str
    action: str = ""
    path: DocumentPath = ()


class ScriptSettings(NamedTuple):
    """The limits of script steps: `management.scripting` (spec 5.2).

    Attributes:
        enabled: `None` leaves it to the environment.
        timeout: Milliseconds.
        allowed_languages: Empty for all.
    """

    enabled: bool | None = None
    default_location: str = ""
    default_language: str = ""
    timeout: int = 60_000
    statement_limit: int = 100_000
    allowed_languages: tuple[str, ...] = ()


class Exposes(NamedTuple):
    """One exposing adapter (spec 3, 4 and 5).

    Attributes:
        authentication: The check of its callers; `None` for an open adapter.
        forwards: The REST resources that pass requests on.
        files: The MCP resources whose content is in files.
        prompts: The prompts of an MCP adapter.
        cache_ttl: Milliseconds that MCP clients may keep a result (`ttlMs`).
        cache_scope: Who may keep it: `public` or `private` (`cacheScope`).
        skills: The skills of a skill adapter.
        management: The endpoints of a control adapter; `None` for other types.
        observability: The metrics and traces that a control adapter keeps.
        scripting: The limits that a control adapter sets to scripts, if it does.
    """

    type: str
    namespace: str
    address: str = ""
    port: int | None = None
    transport: str = ""
    description: str = ""
    functions: tuple[Function, ...] = ()
    links: tuple[Link, ...] = ()
    authentication: ServerAuthentication | None = None
    path: DocumentPath = ()
    forwards: tuple[ForwardSpec, ...] = ()
    files: tuple[StaticResource, ...] = ()
    prompts: tuple[PromptSpec, ...] = ()
    cache_ttl: int = 0
    cache_scope: str = "private"
    skills: tuple[SkillSpec, ...] = ()
    management: Management | None = None
    observability: ObservabilitySettings | None = None
    scripting: ScriptSettings | None = None


class CapabilitySpec(NamedTuple):
    """One document, read."""

    version: str
    info: Info
    binds: tuple[Binding, ...] = ()
    operations: tuple[OperationSpec, ...] = ()
    consumes: tuple[Consumes, ...] = ()
    imports: tuple[Import, ...] = ()
    exposes: tuple[Exposes, ...] = ()
    aggregates: tuple[tuple[str, tuple[Function, ...]], ...] = ()
