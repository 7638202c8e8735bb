"""Read the settings of a control adapter (spec 5.2 and 5.3).

    {reload: true, logs: {stream: true}}
        →  Management(reload=True, logs=LogSettings(levels=True, stream=True))
    {traces: {sampling: 0.1}}
        →  ObservabilitySettings(sampling=0.1)

A value that cannot be used is noted, and its default stands. This module must not know
what a setting does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from naftiko.document import rules
from naftiko.document.findings import RENAME, pointer, surely_meant
from naftiko.errors import Edit, did_you_mean, names_of, shorten
from naftiko.locations import is_file_uri
from naftiko.plain import a_kind_of, text_of
from naftiko.spec.adapters import LogSettings, Management, ObservabilitySettings
from naftiko.spec.model import SCRIPT_LANGUAGES, ScriptSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.document.findings import Findings
    from naftiko.plain import JSON, DocumentPath

#: Where collectors listen for gRPC; what is sent here is HTTP.
GRPC_PORT = 4317
_MANAGEMENT = ("health", "info", "reload", "validate", "logs", "scripting")
_OBSERVABILITY = ("enabled", "metrics", "traces", "exporters")
_LOGS = ("level-control", "stream", "max-subscribers")
_SCRIPTING = (
    "enabled",
    "defaultLocation",
    "defaultLanguage",
    "timeout",
    "statementLimit",
    "allowedLanguages",
)


def read_management(data: JSON, path: DocumentPath, findings: Findings) -> Management:
    """Read a `management` mapping; a key that it leaves out has its default.

    Args:
        data: The value of `management`, or `None`.
        path: Its place.
        findings: Where findings go.
    """
    given = _Settings(data, path, findings, _MANAGEMENT)
    defaults = Management()
    return Management(
        given.flag("health", defaults.health),
        given.flag("info", defaults.info),
        given.flag("reload", defaults.reload),
        given.flag("validate", defaults.validate),
        _read_logs(given, findings),
        isinstance(given.data.get("scripting"), dict),
    )


def _read_logs(management: _Settings, findings: Findings) -> LogSettings:
    data = management.data.get("logs")
    if isinstance(data, bool):
        return LogSettings(levels=data, stream=data)
    if data is None:
        return LogSettings()
    given = _Settings(
        data, (*management.path, "logs"), findings, _LOGS, "true, false or a mapping"
    )
    if not isinstance(data, dict):
        return LogSettings()
    return LogSettings(
        given.flag("level-control", True),
        given.flag("stream", False),
        given.count("max-subscribers", LogSettings().max_subscribers, most=20),
    )


def read_scripting(
    data: JSON, path: DocumentPath, findings: Findings
) -> ScriptSettings | None:
    """Read the `scripting` mapping of `management`; `None` where there is none.

    Args:
        data: The value of `scripting`, or `None`.
        path: Its place.
        findings: Where findings go.
    """
    given = _Settings(data, path, findings, _SCRIPTING)
    if not isinstance(data, dict):
        return None
    defaults = ScriptSettings()
    location = given.text("defaultLocation")
    if location and not is_file_uri(location):
        given.doubt(
            "defaultLocation",
            f"`defaultLocation` is '{shorten(location)}', which is no file: URI",
            "write `defaultLocation: file:///…`, the folder of the scripts",
        )
    language = given.text("defaultLanguage")
    if language:
        _check_language("defaultLanguage", language, given)
    listed = given.texts("allowedLanguages")
    for name in listed:
        _check_language("allowedLanguages", name, given)
    enabled = given.flag("enabled", True)
    return ScriptSettings(
        # Where the document does not say, the environment does.
        enabled if isinstance(data.get("enabled"), bool) else None,
        location,
        language,
        given.count("timeout", defaults.timeout),
        given.count("statementLimit", defaults.statement_limit),
        listed,
    )


def _check_language(key: str, language: str, given: _Settings) -> None:
    if language not in SCRIPT_LANGUAGES:
        given.doubt(
            key,
            f"`{key}` names the unknown language '{shorten(language)}'",
            did_you_mean(language, SCRIPT_LANGUAGES)
            or f"use one of {names_of(SCRIPT_LANGUAGES)}",
        )


def read_observability(
    data: JSON, path: DocumentPath, findings: Findings, *, is_open: bool = False
) -> ObservabilitySettings:
    """Read an `observability` mapping; a key that it leaves out has its default.

    Args:
        data: The value of `observability`, or `None`.
        path: Its place.
        findings: Where findings go.
        is_open: Other machines may ask the port without credentials. Metrics and
            traces are then shown only where the document says so.
    """
    defaults = ObservabilitySettings(metrics=not is_open, traces=not is_open)
    given = _Settings(
        data, path, findings, ("enabled", "metrics", "traces", "exporters")
    )
    metrics = given.inner("metrics", ("local",)).inner("local", ("enabled",))
    traces = given.inner("traces", ("sampling", "propagation", "local"))
    local = traces.inner("local", ("enabled", "buffer-size"))
    otlp = given.inner("exporters", ("otlp",)).inner("otlp", ("endpoint",))
    return ObservabilitySettings(
        enabled=given.flag("enabled", defaults.enabled),
        metrics=metrics.flag("enabled", defaults.metrics),
        traces=local.flag("enabled", defaults.traces),
        sampling=_sampling(traces, defaults.sampling),
        propagation=traces.choice("propagation", ("w3c", "b3")),
        buffer_size=local.count("buffer-size", defaults.buffer_size),
        endpoint=_endpoint(otlp),
    )


def _sampling(traces: _Settings, default: float) -> float:
    value = traces.data.get("sampling")
    if value is None:
        return default
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and 0 <= value <= 1:
        return float(value)
    traces.wrong("sampling", "a number from 0 to 1")
    return default


def _endpoint(otlp: _Settings) -> str:
    """Return the endpoint; one with variables is looked at when it is served."""
    endpoint = otlp.text("endpoint").strip()
    if endpoint and "{{" not in endpoint and (flaw := _endpoint_flaw(endpoint)):
        otlp.doubt("endpoint", f"`endpoint`: {flaw}", "write http://HOST:4318")
    return endpoint


def _endpoint_flaw(endpoint: str) -> str:
    """Return why nothing can be sent to a URI, empty where it can.

    The URI is not shown: it may hold a password.
    """
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        return "it is no URI, so nothing is exported"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "it is no http or https URI, so nothing is exported"
    if port == GRPC_PORT:
        return f"port {GRPC_PORT} is for gRPC, and what is sent is HTTP"
    return ""


class _Settings:
    """One mapping of settings being read.

    Args:
        data: The mapping, or a value of another kind in its place; `None` for none.
        path: Its place.
        findings: Where findings go.
        known: The keys that it may have.
        wanted: The kinds of values that may stand here, in words.

    Attributes:
        data: The mapping; empty where there is none.
    """

    def __init__(
        self,
        data: JSON,
        path: DocumentPath,
        findings: Findings,
        known: tuple[str, ...],
        wanted: str = "a mapping",
    ) -> None:
        self.data: Mapping[str, JSON] = data if isinstance(data, dict) else {}
        self.path = path
        self._findings = findings
        if data is not None and not isinstance(data, dict):
            self._note(path, str(path[-1]), data, wanted)
        for key in self.data:
            if key not in known:
                name = text_of(key)
                free = [other for other in known if other not in self.data]
                meant = surely_meant(name, free)
                mend = Edit(RENAME, pointer((*path, key)), meant) if meant else None
                findings.add(
                    rules.CONTROL_KEY,
                    (*path, key),
                    f"`{path[-1]}` has no setting '{shorten(name)}', and it is left"
                    " out",
                    did_you_mean(name, known) or f"use one of {names_of(known)}",
                    at_key=True,
                    fix=mend,
                )

    def inner(self, key: str, known: tuple[str, ...]) -> _Settings:
        """Return the mapping below a key."""
        return _Settings(self.data.get(key), (*self.path, key), self._findings, known)

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.data.get(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.wrong(key, "true or false")
        return default

    def count(self, key: str, default: int, most: int | None = None) -> int:
        """Return a whole number, at least 1."""
        value = self.data.get(key)
        if value is None:
            return default
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if is_whole and value >= 1 and (most is None or value <= most):
            return int(value)
        limits = "from 1" if most is None else f"from 1 to {most}"
        self.wrong(key, f"a whole number {limits}")
        return default

    def text(self, key: str) -> str:
        """Return a text; empty where there is none."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, str):
            self.wrong(key, "a text")
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the texts of a list."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, list):
            self.wrong(key, "a list")
        return tuple(map(text_of, value)) if isinstance(value, list) else ()

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        """Return one of the texts that are known, by default the first."""
        value = self.data.get(key)
        if value in known:
            return str(value)
        if value is not None:
            self.wrong(key, f"one of {names_of(known)}")
        return known[0]

    def wrong(self, key: str, wanted: str) -> None:
        """Note a value of another kind or out of range; its default stands."""
        self._note((*self.path, key), key, self.data[key], wanted)

    def doubt(self, key: str, message: str, hint: str) -> None:
        """Note a value that is kept, although it cannot work."""
        self._findings.add(rules.CONTROL_VALUE, (*self.path, key), message, hint)

    def _note(self, path: DocumentPath, key: str, value: JSON, wanted: str) -> None:
        is_scalar = isinstance(value, (str, int, float)) and not isinstance(value, bool)
        shown = f"'{shorten(value, 40)}'" if is_scalar else a_kind_of(value)
        self._findings.add(
            rules.CONTROL_VALUE,
            path,
            f"`{key}` is {shown}, not {wanted}, and is left out",
            f"write {wanted}, or remove it",
        )
