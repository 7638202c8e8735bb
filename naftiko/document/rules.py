"""List every rule, with the code that a finding or an error carries, once.

A finding and an exception name a rule of this table; the text of the code appears
nowhere else in the package. `docs/errors.md` is generated from it, and the examples of
each rule are in `rule_examples.py`. This module must not know how a rule is checked.
"""

from __future__ import annotations

from naftiko.records.tuples import NamedTuple

ERROR, WARNING, INFO = "error", "warning", "info"

# The parts of a document that a broken rule can make unusable.
DOCUMENT = "the document"
ADAPTER = "the adapter"
OPERATION = "the operation"
#: The smallest of adapter, resource, operation and exposed function around the place.
UNIT = "the unit around it"
FUNCTION = "the exposed function"
CALL = "the call"
NOTHING = "nothing"

# The options of `load()` that can stand in for a part of the document.
BASE_URI, AUTH, VARIABLES = "base_uri", "auth", "variables"


class Rule(NamedTuple):
    """One rule that a document, or a call of its operations, can break.

    Attributes:
        code: Its stable name in messages, reports and exceptions.
        severity: `error`, `warning`, or `info` for a note of a strict check.
        spoils: The part that it makes unusable: `DOCUMENT` to `NOTHING`.
        means: What is wrong, in one sentence.
        settled_by: The option of `load()` that makes up for it: `BASE_URI`, `AUTH`,
            `VARIABLES`, or an empty text.
        is_schema: Whether the JSON Schema decides it.
    """

    code: str
    severity: str
    spoils: str
    means: str
    settled_by: str = ""
    is_schema: bool = False

    @property
    def rank(self) -> int:
        """Its place among findings of one severity: the document as a whole first."""
        if self.is_schema or self.is_strict:
            return 1
        return 0 if self.spoils == DOCUMENT and self.severity == ERROR else 2

    @property
    def is_strict(self) -> bool:
        """Whether only a strict check or the published rules note it."""
        return self.severity == INFO

    @property
    def is_of_unit(self) -> bool:
        """Whether it makes a part of the document unusable, and not all of it."""
        return self.severity == ERROR and self.spoils != DOCUMENT


def _whole(code: str, means: str) -> Rule:
    return Rule(code, ERROR, DOCUMENT, means)


def _schema(code: str, means: str) -> Rule:
    return Rule(code, ERROR, DOCUMENT, means, is_schema=True)


def _unit(code: str, spoils: str, means: str, *, settled_by: str = "") -> Rule:
    return Rule(code, ERROR, spoils, means, settled_by)


def _warning(code: str, means: str, *, settled_by: str = "") -> Rule:
    return Rule(code, WARNING, NOTHING, means, settled_by)


def _strict(code: str, means: str, *, is_schema: bool = False) -> Rule:
    return Rule(code, INFO, NOTHING, means, is_schema=is_schema)


# --- the text -----------------------------------------------------------------------

UNREADABLE = _whole("E-unreadable", "The file cannot be read.")
YAML_SYNTAX = _whole("E-yaml-syntax", "The text is not well-formed YAML.")
YAML_MULTIPLE = _whole("E-yaml-multiple", "The file holds more than one document.")
YAML_DUPLICATE_KEY = _whole("E-yaml-duplicate-key", "A mapping has the same key twice.")
YAML_TAG = _whole(
    "E-yaml-tag",
    "A value has a tag outside the YAML core schema, such as `!!python/object`.",
)
YAML_ALIAS = _whole(
    "E-yaml-alias",
    "An alias is undefined, refers to the node around it, or expands to too many"
    " nodes.",
)
YAML_DEPTH = _whole("E-yaml-depth", "The document is nested deeper than 100 levels.")
YAML_SIZE = _whole("E-yaml-size", "The file is larger than 16 MiB.")
YAML_ENCODING = _whole("E-yaml-encoding", "The text is not UTF-8.")
YAML_KEY = _whole("E-yaml-key", "A mapping or a list is used as a key.")

# --- the document as a whole --------------------------------------------------------

NOT_A_CAPABILITY = _whole(
    "E-not-a-capability",
    "The document has no `naftiko` version, or neither `capability` nor `consumes`.",
)
VERSION_UNSUPPORTED = _whole(
    "E-version-unsupported", "The version of the specification is not supported."
)
NOTHING_TO_RUN = _whole(
    "E-nothing-to-run", "The capability neither consumes nor exposes anything."
)
SOURCE_REJECTED = _whole(
    "E-source-truncated",
    'The publisher cut the file off, and `truncated="reject"` refuses such files.',
)

# --- the schema ---------------------------------------------------------------------

SCHEMA_TYPE = _schema("E-schema-type", "A value has the wrong type.")
SCHEMA_MISSING = _schema("E-schema-missing", "A required key is missing.")
SCHEMA_VALUE = _schema("E-schema-value", "A value is not one of those allowed.")
SCHEMA_CHOICE = _schema(
    "E-schema-choice",
    "A mapping has several keys that exclude each other, or none of them.",
)
UNKNOWN_KEY = _strict("S-unknown-key", "The rules do not know the key.", is_schema=True)
NAME = _strict(
    "S-name",
    "A name holds characters that the published rules do not allow.",
    is_schema=True,
)
METHOD_UNPUBLISHED = _strict(
    "S-method",
    "A method is outside those that the published rules list.",
    is_schema=True,
)
PARAMETER_NAME = _strict(
    "S-parameter-name",
    "A parameter name holds characters that the published rules do not allow.",
    is_schema=True,
)

# --- a unit that cannot be used -----------------------------------------------------

IMPORT_UNRESOLVED = _unit(
    "U-import-unresolved",
    ADAPTER,
    "The imported file, or the namespace in it, is not available.",
)
BASE_URI_MISSING = _unit(
    "U-base-uri-missing", ADAPTER, "The base URI names no host.", settled_by=BASE_URI
)
BASE_URI_NOT_HTTP = _unit(
    "U-base-uri-not-http",
    ADAPTER,
    "The base URI is no HTTP address.",
    settled_by=BASE_URI,
)
BASE_URI_UNRESOLVED = _unit(
    "U-base-uri-unresolved",
    CALL,
    "A template in the base URI has no usable value at call time.",
    settled_by=BASE_URI,
)
AUTH_UNSUPPORTED = _unit(
    "U-auth-unsupported",
    ADAPTER,
    "The type of authentication is not built in.",
    settled_by=AUTH,
)
AUTH_INCOMPLETE = _unit(
    "U-auth-incomplete",
    ADAPTER,
    "The authentication lacks its token, key, user name or password.",
    settled_by=AUTH,
)
AUTH_PLACEMENT = _unit(
    "U-auth-placement",
    ADAPTER,
    "An API key is placed where a request has no room for it.",
    settled_by=AUTH,
)
AUTH_VALUE = _unit(
    "U-auth-value",
    ADAPTER,
    "A part of an exposed adapter's authentication has a value that cannot be used.",
)
AUTH_VARIABLE = _unit(
    "U-auth-variable",
    ADAPTER,
    "A secret of an exposed adapter is in a variable that no bind declares.",
)
VARIABLE_UNBOUND = _unit(
    "U-variable-unbound",
    CALL,
    "A variable has no value at call time.",
    settled_by=VARIABLES,
)
PATH_PARAMETER_UNPLACED = _unit(
    "U-path-parameter-unplaced",
    OPERATION,
    "The path has no placeholder for a path parameter.",
)
ARGUMENT_MISSING = _unit(
    "U-argument-missing", CALL, "A required argument was not given."
)
ARGUMENT_UNKNOWN = _unit(
    "U-argument-unknown", CALL, "An argument was given that is not taken."
)
STEP_RESULT = _unit(
    "U-step-result",
    FUNCTION,
    "A placeholder names no earlier step and no input, or it finds nothing in the"
    " result of a step; what it fills is not called optional.",
)
OPERATION_AMBIGUOUS = _unit(
    "U-operation-ambiguous",
    UNIT,
    "Several operations of a namespace, or functions of an aggregate, share a name.",
)
CALL_UNRESOLVED = _unit(
    "U-call-unresolved",
    FUNCTION,
    "A `call`, `ref`, `from` or namespace names nothing that is declared.",
)
UNIT_WITHOUT_CALL = _unit(
    "U-unit-without-call", FUNCTION, "A route, tool or resource calls nothing."
)
INPUT_MISSING = _unit(
    "U-input-missing",
    FUNCTION,
    "A unit declares inputs, and none of them gives what the called operation"
    " requires.",
)
CONSUMES_TYPE = _unit(
    "U-consumes-type", ADAPTER, "A consumed adapter is of a type other than `http`."
)
EXPOSE_TYPE = _unit(
    "U-expose-type", ADAPTER, "An exposing adapter has an unknown type."
)
PARAMETER_PLACE = _unit("U-parameter-place", UNIT, "A parameter has an unknown `in`.")
PARAMETER_NAMELESS = _unit(
    "U-parameter-nameless",
    UNIT,
    "A parameter has no name; it is a warning unless it belongs to the path.",
)
BODY_TYPE = _unit("U-body-type", OPERATION, "A request body has an unknown type.")
TEMPLATE = _unit(
    "U-template",
    UNIT,
    "A template holds a section, a partial, a comment or an unbalanced brace.",
)
METHOD = _unit("U-method", OPERATION, "HTTP cannot carry the `method`.")
STEP_PATH = _unit(
    "U-step-path",
    FUNCTION,
    "A mapping or lookup of steps is not `$.step` or `$.step.field`.",
)
STEP_TYPE = _unit(
    "U-step-type", FUNCTION, "A step is neither a call, a lookup nor a script."
)
SCRIPT_LANGUAGE = _unit(
    "U-script-language",
    FUNCTION,
    "A script step is written in a language that has no sandbox here.",
)
SCRIPT = _unit(
    "U-script",
    FUNCTION,
    "A script step will not run: it has no file, location or language, or scripts are"
    " switched off or need a library.",
)
SKILL_TOOL = _unit(
    "U-skill-tool",
    ADAPTER,
    "A skill tool has both `from` and `instruction`, or a file without a folder.",
)
PROMPT = _unit(
    "U-prompt", UNIT, "A prompt has no messages, or a message of an unknown role."
)
LOCATION = _unit(
    "U-location",
    UNIT,
    "A `location` of files is no `file:` URI, so it is on another machine.",
)
OUTPUT_FORMAT = _unit("U-output-format", OPERATION, "The `outputRawFormat` is unknown.")
OUTPUT_FORMAT_UNDECODED = _unit(
    "U-output-format-undecoded",
    OPERATION,
    "Responses in the `outputRawFormat` are not decoded here; only their bytes can be"
    " had.",
)
OUTPUT_PATH = _unit(
    "U-output-path",
    UNIT,
    "The path of an output, or of an input in a body, is no JSONPath.",
)

# --- warnings -----------------------------------------------------------------------

# One line for each rule from here on.
# ruff: noqa: E501
# fmt: off
SOURCE_TRUNCATED = _warning("W-source-truncated", "The publisher cut the file off, and what followed is missing.")
YAML_MERGE = _warning("W-yaml-merge", "A merge key `<<` merges nothing, because YAML 1.2 does not have it.")
INCOMPLETE_DROPPED = _warning("W-incomplete-dropped", "An element lacks required keys or is of the wrong kind, and is left out.")
VERSION_OLDER = _warning("W-version-older", "The document is of version 1.0.0-alpha1, and is read as 1.0.0-alpha2.")
INFO_LABEL = _warning("W-info-label", "`info.name` is read as the label.")
VARIABLE_UNDECLARED = _warning("W-variable-undeclared", "A variable is in no bind; the environment is asked all the same.")
NAMESPACE_NAME = _warning("W-namespace-name", "A namespace holds characters other than letters, digits and `-`.")
NAMESPACE_DUPLICATE = _warning("W-namespace-duplicate", "Two adapters have one namespace.")
RESOURCE_NAME = _warning("W-resource-name", "A resource name holds characters other than letters, digits and `-`.")
BASE_URI_TEMPLATED = _warning("W-base-uri-templated", "A template in the base URI needs a value for each call.", settled_by=BASE_URI)
BASE_URI_PLACEHOLDER = _warning("W-base-uri-placeholder", "The host of the base URI is a placeholder, such as `api.example.com`.", settled_by=BASE_URI)
BASE_URI_SCHEME = _warning("W-base-uri-scheme", "The base URI has no scheme, and is read as `https`.", settled_by=BASE_URI)
AUTH_SHAPE = _warning("W-auth-shape", "The authentication is written in an unusual spelling.")
OPERATION_PATH = _warning("W-operation-path", "An operation has a `path` of its own, which the specification does not have.")
PATH_FRAGMENT = _warning("W-path-fragment", "A path holds a fragment `#…`, which is not sent.")
PATH_REPEATS_BASE = _warning("W-path-repeats-base", "A path repeats the path of the base URI.")
OUTPUT_FORMAT_UNPUBLISHED = _warning("W-output-format", "The `outputRawFormat` is `text` or `binary`, which the published rules lack.")
PARAMETER_PLACE_MISSING = _warning("W-parameter-place", "A parameter has no `in`, or an exposed one an unknown `in`.")
PARAMETER_VALUE = _warning("W-parameter-value", "The value of a parameter is a mapping or a list.")
PARAMETER_TYPE = _warning("W-parameter-type", 'A `type` is a list, such as `[array, "null"]`, and is read as its one type that is not null.')
BODY_TYPE_SPELLING = _warning("W-body-type", "The type of a request body is written in another spelling.")
BODY_DATA = _warning("W-body-data", "The body is a text, but its data is a mapping.")
EXPOSE_EMPTY = _warning("W-expose-empty", "An exposing adapter exposes nothing.")
PORT_MISSING = _warning("W-port-missing", "An exposing adapter has no port.")
PORT_DUPLICATE = _warning("W-port-duplicate", "Two exposing adapters want the same port.")
ADDRESS_PUBLIC = _warning("W-address-public", "An adapter without authentication has a public address; `naftiko serve` serves it to this machine only.")
ROUTE_DUPLICATE = _warning("W-route-duplicate", "A route is declared twice; the first one wins.")
TOOL_DUPLICATE = _warning("W-tool-duplicate", "A tool is declared twice; the first one wins.")
PROMPT_DUPLICATE = _warning("W-prompt-duplicate", "A prompt is declared twice; the first one wins.")
PROMPT_ARGUMENT = _warning("W-prompt-argument", "A placeholder of a prompt names no argument, or an argument has none.")
SKILL_DUPLICATE = _warning("W-skill-duplicate", "A skill is declared twice; the first one wins.")
CONTROL_KEY = _warning("W-control-key", "A setting of a control adapter is unknown, and is left out.")
CONTROL_VALUE = _warning("W-control-value", "A setting of a control adapter has a value that it cannot have, or that does nothing.")
FILE_MISSING = _warning("W-file-missing", "A file or folder that the document names is not where it is looked for.")
REST_ARGUMENTS = _warning("W-rest-arguments", "A REST path, or the URI of an MCP resource, lacks a placeholder that the path of the called operation needs.")
INPUT_UNUSED = _warning("W-input-unused", "A declared input goes to nothing that its unit calls.")
REST_PLACEHOLDER_SPELLING = _warning("W-rest-placeholder-spelling", "A placeholder of an exposed path fills a parameter whose name is spelled in another way: with other case, `-` or `_`.")
WITH_SOURCE = _warning("W-with-source", "A value of `with` names an input that the unit does not declare.")
WITH_TARGET = _warning("W-with-target", "A key of `with` is no argument of the called operation.")
WITH_VALUE = _warning("W-with-value", "A value of `with` is no plain reference or text.")
SKILL_SHAPE = _warning("W-skill-shape", "A skill or a skill tool has a `call` of its own.")
KEY_INERT = _warning("W-key-inert", "A key of a newer version of the specification has no effect here.")
PATH_LENGTH = _warning("W-path-length", "A path ends in `.length`, which is read as the number of elements.")

# --- likely mistakes, which `validate` looks for -------------------------------------

KEY_UNKNOWN = _warning("W-key-unknown", "A key is unknown, and much like one that is known there.")
KEY_MISPLACED = _warning("W-key-misplaced", "A key does nothing where it stands.")
METHOD_UNKNOWN = _warning("W-method", "No standard registers the `method` for HTTP.")
TYPE_UNKNOWN = _warning("W-type", "A type is unknown, and is taken for any.")
BODY_OF_METHOD = _warning("W-body-method", "A GET or HEAD request has a body, or an input in it.")
EXPOSED_PATH_PARAMETER = _warning("W-path-parameter", "The path of a route has no placeholder for a path parameter that it declares.")
PARAMETER_DUPLICATE = _warning("W-parameter-duplicate", "A parameter is declared twice; the last one wins.")
STEP_INCOMPLETE = _warning("W-step-incomplete", "A lookup lacks `match` or `lookupValue`, and finds nothing.")
STEP_REFERENCE = _warning("W-step-reference", "A mapping names no step, two steps have one name, or a step path stands where none is read.")
MAPPING_TARGET = _warning("W-mapping-target", "The `targetName` of a mapping is no output of its unit, or an output has no mapping.")
SECRET_LITERAL = _warning("W-secret-literal", "A credential is written in clear.")
VARIABLE_SPELLING = _warning("W-variable-spelling", "A credential is written as `${TOKEN}` or in a like way.")
TEMPLATE_HALF = _warning("W-template", "A reference is misspelt, such as `{{plate}`.")
PATTERN = _warning("W-pattern", "A `pattern` is no regular expression.")
FORMAT = _warning("W-format", "A `format` is unknown, and much like one that is known.")
VALUE_CONTRADICTS = _warning("W-value", "A `default`, `const`, `example`, `enum` or limit contradicts the type or another of them.")
REQUIRED_UNKNOWN = _warning("W-required", "A name in `required` is no property.")
PATH = _warning("W-path", "A path or base URI is none that a request has: a whole URL, or with blanks or slashes too many.")
HEADER_NAME = _warning("W-header-name", "The name of a header holds a character that no header name has.")
ADDRESS = _warning("W-address", "The `address` of an exposing adapter is neither a host name nor an IP address.")
RESOURCE_URI = _warning("W-resource-uri", "The `uri` of an MCP resource is no URI, or its `mimeType` no media type.")
DESCRIPTION = _warning("W-description", "A tool, prompt, resource, skill or aggregate function has no description.")
TOOL_NAME = _warning("W-tool-name", "The name of a tool holds characters that MCP clients refuse.")
HINT_WRONG = _warning("W-hint", "A tool says that it only reads, and its operation has a method that changes something.")
NAME_DUPLICATE = _warning("W-name-duplicate", "Two entries share a name: outputs or mappings of a unit, operations of a REST adapter, URIs of resources, tools of a skill.")
BODY_JSON = _warning("W-body-json", "The text of a JSON body is not JSON, whatever fills its references.")
OUTPUT_EMPTY = _warning("W-output-empty", "The `value` or `mapping` of an output is empty, and selects nothing.")

# --- noted by a strict check --------------------------------------------------------

PLACEHOLDER_UNDECLARED = _strict("S-placeholder-undeclared", "No parameter declares a placeholder of the path.")
VARIABLE_UNUSED = _strict("S-variable-unused", "No template uses a bound variable.")
HINT = _strict("S-hint", "A tool deletes, and its hints do not say so.")
# fmt: on

#: Code → rule, in the order of the table.
RULES: dict[str, Rule] = {
    rule.code: rule for rule in tuple(globals().values()) if rule.__class__ is Rule
}
