"""Formats, keys and scripts that a document asks for and that do not run here.

    outputRawFormat: avro             →  its responses are not decoded here
    {type: script, language: python}  →  cannot be run safely here
    maxBinarySize: 10MiB              →  has no effect here

They are noted when a document is loaded, so that the first call is not the one that
finds out. This module must not know values or requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.errors import shorten
from naftiko.formats import decoding
from naftiko.locations import is_file_uri
from naftiko.spec.model import ScriptSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from naftiko.consumes.registry import Registry
    from naftiko.linking.names import DocumentNames
    from naftiko.plain import DocumentPath
    from naftiko.spec.model import CapabilitySpec, Exposes, OperationSpec, Step

#: The one language that has a sandbox here.
_LANGUAGE = "javascript"
_ENGINE = "quickjs"

#: Key of a newer version of the specification (spec 14.5, 14.6) → what holds instead.
_INERT = {
    "maxBinarySize": "a response of any size is read",
    "outputMediaType": "the media type of the response counts",
    "binary": "the media type of the response counts",
    "responses": "`outputParameters` describe the answer",
    "responseBinary": "the media type of the response is passed on",
    "tunnel": "requests go to the base URI itself",
}
_OF_OPERATION = ("maxBinarySize", "outputMediaType")
#: Kind of an exposed function → the inert keys that it can have.
_OF_FUNCTION = {
    "rest": ("responses", "responseBinary"),
    "resource": ("binary",),
    "aggregate": ("outputMediaType",),
}


def note_format(spec: OperationSpec, names: DocumentNames) -> None:
    """Note a format whose responses cannot be decoded; the bytes can still be had."""
    refused = decoding.refused(spec.output_raw_format)
    if refused is not None:
        reason, hint = refused
        names.findings.add(
            rules.OUTPUT_FORMAT_UNDECODED,
            (*spec.path, "outputRawFormat"),
            f"responses of '{shorten(spec.name)}' cannot be read: {reason}",
            hint,
        )


def note_inert_keys(
    spec: CapabilitySpec, registry: Registry, names: DocumentNames
) -> None:
    """Note each key of a newer version of the specification that has no effect."""
    for path, keys in _places(spec, registry):
        node = names.node(path)
        for key in keys:
            if isinstance(node, dict) and node.get(key):
                names.findings.add(
                    rules.KEY_INERT,
                    (*path, key),
                    f"`{key}` has no effect here: {_INERT[key]}",
                    "remove it, or do not rely on it",
                    at_key=True,
                )


def _places(
    spec: CapabilitySpec, registry: Registry
) -> Iterator[tuple[DocumentPath, tuple[str, ...]]]:
    """Yield the places that can have inert keys, and which."""
    for consumes in spec.consumes:
        yield consumes.path, ("tunnel",)
    for operation in registry.values():
        yield operation.spec.path, _OF_OPERATION
    functions = [f for _, listed in spec.aggregates for f in listed]
    for exposes in spec.exposes:
        if exposes.type in ("rest", "mcp"):
            yield exposes.path, ("maxBinarySize",)
        functions += exposes.functions
        for resource in exposes.files:
            yield resource.path, _OF_FUNCTION["resource"]
    for function in functions:
        if keys := _OF_FUNCTION.get(function.kind):
            yield function.path, keys


def script_settings(exposes: Iterable[Exposes]) -> ScriptSettings:
    """Return the settings of scripts: those of the first adapter that has any."""
    return next((e.scripting for e in exposes if e.scripting), ScriptSettings())


def note_script(step: Step, settings: ScriptSettings, names: DocumentNames) -> None:
    """Note why a script step will not run.

    Args:
        step: The step.
        settings: The settings of the control adapter, or the defaults.
        names: The names of the document, and where findings go.
    """
    add = names.findings.add
    label = f"the script of step '{shorten(step.name)}'"
    lacking = [
        f"`{key}`"
        for key, default in (
            ("file", ""),
            ("location", settings.default_location),
            ("language", settings.default_language),
        )
        if not (step.script.get(key) or default)
    ]
    if lacking:
        add(
            rules.SCRIPT,
            step.path,
            f"{label} has no {' and no '.join(lacking)}",
            "add it, or for all scripts `management.scripting.defaultLocation` and"
            " `defaultLanguage` in the control adapter",
        )
    elif settings.enabled is False:
        add(
            rules.SCRIPT,
            step.path,
            f"{label} is disabled: management.scripting.enabled=false",
            "enable it in the control adapter",
        )
    location = str(step.script.get("location") or settings.default_location)
    if location and not is_file_uri(location):
        add(
            rules.LOCATION,
            (*step.path, "location"),
            f"{label} has the location '{shorten(location)}', which is no file: URI",
            "write `location: file:///…`",
        )
    _note_language(step, settings, label, names)


def _note_language(
    step: Step, settings: ScriptSettings, label: str, names: DocumentNames
) -> None:
    from importlib.util import find_spec  # few documents need it

    language = str(step.script.get("language") or settings.default_language)
    if not language:
        return
    add, allowed = names.findings.add, settings.allowed_languages
    if language != _LANGUAGE:
        add(
            rules.SCRIPT_LANGUAGE,
            step.path,
            f"{label} is written in '{shorten(language)}', which cannot be run safely"
            " here",
            f"write it in {_LANGUAGE}",
        )
    elif allowed and language not in allowed:
        add(
            rules.SCRIPT,
            step.path,
            f"{label} is written in '{language}', which is not in `allowedLanguages`",
            f"allow it: `allowedLanguages: [{_LANGUAGE}]`",
        )
    elif find_spec(_ENGINE) is None:
        add(
            rules.SCRIPT,
            step.path,
            f"{label} needs an engine that is not installed",
            "pip install 'naftiko[scripts]'",
        )
