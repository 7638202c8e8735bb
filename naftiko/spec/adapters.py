"""The records that only one type of exposed adapter needs, one per noun.

    prompts: [...]          →  PromptSpec      (mcp, spec 4.5)
    resources: [location]   →  StaticResource  (mcp, spec 4.4)
    resources: [forward]    →  ForwardSpec     (rest, spec 3.8)
    skills: [...]           →  SkillSpec       (skill, spec 5.1)
    management: {...}       →  Management      (control, spec 5.2)
    observability: {...}    →  ObservabilitySettings  (control, spec 5.3)
    authentication: {...}   →  ServerAuthentication   (every type, spec 3.7)

They stand apart from `model` because few documents have any of them, and a command that
reads none does not pay for their classes. This module must not know how a record is
read or served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.document.findings import Finding
    from naftiko.plain import JSON, DocumentPath


class ServerAuthentication(NamedTuple):
    """The check that callers of an exposed adapter have to pass (spec 3.7).

    Attributes:
        type: `bearer`, `apikey`, `basic`, `digest`, `oauth2`, or as written, in lower
            case, where it is none of them.
        texts: Key → text or template, as written; a secret once it is rendered. A key
            that is missing has no entry.
        placement: Where an API key is looked for: `header`, `query` or `cookie`.
        scopes: The scopes that an access token must have.
        introspects: Whether the authorization server is asked about each token.
        problems: The findings about it. An adapter with any is never served: it would
            ask less of its callers than the document means.
    """

    type: str
    texts: Mapping[str, str] = {}
    placement: str = "header"
    scopes: tuple[str, ...] = ()
    introspects: bool = False
    problems: tuple[Finding, ...] = ()
    path: DocumentPath = ()

    def written(self, *spellings: str) -> str:
        """Return the first of the spellings of a key that is written, by default [0].

        {name: X-Key, …}: written("key", "name")  →  "name"
        """
        return next((key for key in spellings if key in self.texts), spellings[0])


class ForwardSpec(NamedTuple):
    """A REST resource that passes requests on to a consumed adapter (spec 3.8).

    Attributes:
        url_path: The path template of the resource.
        namespace: The consumed adapter.
        trusted_headers: The request headers that go on.
        path: The place of the `forward` mapping.
    """

    url_path: str
    namespace: str
    trusted_headers: tuple[str, ...] = ()
    path: DocumentPath = ()


class StaticResource(NamedTuple):
    """An MCP resource whose content is a file, or the files of a folder (spec 4.4).

    Attributes:
        location: A `file:` URI, or a path relative to the document.
    """

    name: str
    uri: str
    location: str
    label: str = ""
    description: str = ""
    mime_type: str = ""
    path: DocumentPath = ()


class PromptArgument(NamedTuple):
    """One argument of a prompt (spec 4.5).

    Attributes:
        values: The values that it may have; `None` where the document does not say.
    """

    name: str
    label: str = ""
    description: str = ""
    required: bool = True
    values: tuple[str, ...] | None = None
    path: DocumentPath = ()


class PromptMessage(NamedTuple):
    """One message of a prompt: who says it, and its text with `{{placeholders}}`."""

    role: str
    content: str


class PromptSpec(NamedTuple):
    """One prompt of an MCP adapter (spec 4.5).

    Attributes:
        location: A file whose text is the only message; empty for a template.
        problems: The findings that make it unusable; a client that asks for it is
            told the first.
    """

    name: str
    label: str = ""
    description: str = ""
    arguments: tuple[PromptArgument, ...] = ()
    messages: tuple[PromptMessage, ...] = ()
    location: str = ""
    problems: tuple[Finding, ...] = ()
    path: DocumentPath = ()


class SkillTool(NamedTuple):
    """One tool of a skill: of a sibling adapter, a file, or with a call of its own.

    Attributes:
        namespace: The sibling adapter; empty for the other kinds.
        action: The name of the tool or operation there.
        instruction: A file in the folder of the skill.
        call: The consumed operation.
    """

    name: str
    description: str = ""
    namespace: str = ""
    action: str = ""
    instruction: str = ""
    call: str = ""
    path: DocumentPath = ()


class SkillSpec(NamedTuple):
    """One skill of a skill adapter (spec 5.1).

    Attributes:
        about: Key → value, as the catalogue tells them.
        location: Its folder: a `file:` URI, or a path relative to the document.
        problems: The findings about it. An adapter with such a skill is not served.
    """

    name: str
    about: Mapping[str, JSON] = {}
    location: str = ""
    tools: tuple[SkillTool, ...] = ()
    problems: tuple[Finding, ...] = ()
    path: DocumentPath = ()


class LogSettings(NamedTuple):
    """Which endpoints for log lines a control adapter has (`management.logs`)."""

    levels: bool = False
    stream: bool = False
    max_subscribers: int = 5


class Management(NamedTuple):
    """Which endpoints a control adapter has (spec 5.2).

    Attributes:
        scripting: Whether callers may read and change the limits of scripts.
    """

    health: bool = True
    info: bool = False
    reload: bool = False
    validate: bool = False
    logs: LogSettings = LogSettings()
    scripting: bool = False


class ObservabilitySettings(NamedTuple):
    """Which metrics and traces are kept and sent (spec 5.3).

    Attributes:
        metrics: They can be read here, at `/metrics`.
        traces: The latest can be read here, at `/traces`.
        sampling: The share of the traces that is kept, from 0 to 1.
        propagation: `w3c` or `b3`.
        buffer_size: How many traces can be read here.
        endpoint: Base URI of an OTLP collector, or an empty text.
    """

    enabled: bool = True
    metrics: bool = True
    traces: bool = True
    sampling: float = 1.0
    propagation: str = "w3c"
    buffer_size: int = 100
    endpoint: str = ""
