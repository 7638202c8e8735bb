"""The prompts of an MCP adapter: templates of messages, and files.

Spec 4.5. Values are put in once and never read again, so nothing in them is a
placeholder. This module must not know how messages travel.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.errors import did_you_mean, names_of, shorten
from naftiko.exposes.files import FileRefused, Folder, as_text, local_path
from naftiko.plain import mappings_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes

_PLACEHOLDER = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")


class PromptError(Exception):
    """A prompt that cannot be given.

    Attributes:
        is_callers: Another name or other arguments would help.
    """

    def __init__(self, message: str, *, is_callers: bool = True) -> None:
        super().__init__(message)
        self.is_callers = is_callers


class Prompt:
    """One prompt.

    Attributes:
        entry: What a list of prompts says of it.
    """

    def __init__(self, data: Mapping[str, JSON], directory: Path | None) -> None:
        self.name = text_of(data.get("name"))
        self._directory = directory
        self._location = text_of(data.get("location"))
        self._messages = [
            (text_of(message.get("role")) or "user", text_of(message.get("content")))
            for _, message in mappings_of(data.get("template"), ())
        ]
        self._arguments = [
            argument
            for _, argument in mappings_of(data.get("arguments"), ())
            if text_of(argument.get("name"))
        ]
        self._required = [
            text_of(argument["name"])
            for argument in self._arguments
            if argument.get("required") is not False
        ]
        self.entry: dict[str, JSON] = {"name": self.name}
        self.entry |= _labels(data)
        if self._arguments:
            self.entry["arguments"] = [self._argument(a) for a in self._arguments]

    def _argument(self, data: Mapping[str, JSON]) -> dict[str, JSON]:
        name = text_of(data["name"])
        return {"name": name, **_labels(data), "required": name in self._required}

    def messages(self, given: Mapping[str, str]) -> list[dict[str, JSON]]:
        """Return the messages, filled in.

        Raises:
            PromptError: A required argument is missing, or the file cannot be read.
        """
        missing = [name for name in self._required if name not in given]
        if missing:
            names = [text_of(argument["name"]) for argument in self._arguments]
            raise PromptError(
                f"the prompt '{self.name}' needs {names_of(map(repr, missing))};"
                f" it takes: {names_of(names)}"
            )
        templates = self._messages
        if self._location:
            templates = [("user", self._file())]
        return [
            {"role": role, "content": {"type": "text", "text": _filled(text, given)}}
            for role, text in templates
        ]

    def _file(self) -> str:
        try:
            path = local_path(self._location, self._directory)
            text = as_text(Folder(path).read())
        except FileRefused:
            text = None
        if text is None:
            raise PromptError(
                f"the file of the prompt '{self.name}' cannot be read as a text",
                is_callers=False,
            )
        return text

    def complete(self, argument: str) -> list[str] | None:
        """Return the values that an argument may have, where the document says.

        Returns:
            The values, or `None` when it has no argument of that name.
        """
        for data in self._arguments:
            if data["name"] == argument:
                values = data.get("enum")
                if isinstance(values, list):
                    return [text_of(value) for value in values]
                return ["true", "false"] if data.get("type") == "boolean" else []
        return None


def _filled(text: str, given: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled; unknown ones stay as they are."""
    return _PLACEHOLDER.sub(lambda found: given.get(found[1], found[0]), text)


def _labels(data: Mapping[str, JSON]) -> dict[str, JSON]:
    labels: dict[str, JSON] = {}
    if label := text_of(data.get("label")):
        labels["title"] = label
    if description := " ".join(text_of(data.get("description")).split()):
        labels["description"] = description
    return labels


class Prompts:
    """The prompts of one adapter, by name; of two with one name the first counts."""

    def __init__(self, exposes: Exposes, directory: Path | None) -> None:
        self._by_name: dict[str, Prompt] = {}
        for _, data in mappings_of(exposes.data.get("prompts"), ()):
            prompt = Prompt(data, directory)
            if prompt.name.strip():
                self._by_name.setdefault(prompt.name, prompt)

    def __len__(self) -> int:
        return len(self._by_name)

    def entries(self) -> list[dict[str, JSON]]:
        """Return what a list of prompts says."""
        return [prompt.entry for prompt in self._by_name.values()]

    def get(self, name: str) -> Prompt:
        """Return a prompt.

        Raises:
            PromptError: None has that name.
        """
        prompt = self._by_name.get(name)
        if prompt is None:
            guess = did_you_mean(name, self._by_name)
            said = f"Unknown prompt: {shorten(name)}"
            raise PromptError(f"{said}; {guess}" if guess else said)
        return prompt
