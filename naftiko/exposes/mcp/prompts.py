"""The prompts of an MCP adapter, filled in for a client.

    prompt 'plan', {"day": "Monday"}  →  one message: "On Monday"

Spec 4.5. Values are put in once and never read again, so nothing in them is a
placeholder. This module must not know how messages travel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import did_you_mean, names_of, shorten
from naftiko.exposes.files import FileRefused, Folder, as_text, local_path
from naftiko.spec.prompts import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from naftiko.plain import JSON
    from naftiko.spec.adapters import PromptArgument, PromptSpec
    from naftiko.spec.model import Exposes


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
        name: Its name.
        entry: The prompt as a list of prompts shows it.
    """

    def __init__(self, spec: PromptSpec, directory: Path | None) -> None:
        self._spec = spec
        self._directory = directory
        self.name = spec.name
        self.entry: dict[str, JSON] = {"name": self.name, **_labels(spec)}
        if spec.arguments:
            self.entry["arguments"] = [
                {"name": argument.name, **_labels(argument)}
                | {"required": argument.required}
                for argument in spec.arguments
            ]

    def messages(self, given: Mapping[str, str]) -> list[dict[str, JSON]]:
        """Return the messages, filled in.

        Args:
            given: Name of an argument → value.

        Raises:
            PromptError: A required argument is missing, the file cannot be read, or
                the document declares the prompt in a way that cannot be used.
        """
        for problem in self._spec.problems:
            raise PromptError(problem.message, is_callers=False)
        arguments = self._spec.arguments
        missing = [a.name for a in arguments if a.required and a.name not in given]
        if missing:
            names = [argument.name for argument in arguments]
            raise PromptError(
                f"the prompt '{self.name}' needs {names_of(map(repr, missing))};"
                f" it takes: {names_of(names)}"
            )
        if self._spec.location:
            return [_message("user", self._file_text(), given)]
        return [_message(m.role, m.content, given) for m in self._spec.messages]

    def _file_text(self) -> str:
        try:
            path = local_path(self._spec.location, self._directory)
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
        for declared in self._spec.arguments:
            if declared.name == argument:
                return list(declared.values or ())
        return None


def _message(role: str, text: str, given: Mapping[str, str]) -> dict[str, JSON]:
    """Return a message with its placeholders filled; unknown ones stay."""
    filled = PLACEHOLDER.sub(lambda match: given.get(match[1], match[0]), text)
    return {"role": role, "content": {"type": "text", "text": filled}}


def _labels(spec: PromptSpec | PromptArgument) -> dict[str, JSON]:
    labels: dict[str, JSON] = {}
    if spec.label:
        labels["title"] = spec.label
    if description := " ".join(spec.description.split()):
        labels["description"] = description
    return labels


class Prompts:
    """The prompts of one adapter, by name."""

    def __init__(self, exposes: Exposes, directory: Path | None) -> None:
        self._by_name = {spec.name: Prompt(spec, directory) for spec in exposes.prompts}

    def __len__(self) -> int:
        return len(self._by_name)

    def entries(self) -> list[dict[str, JSON]]:
        """Return every prompt, as a list of prompts shows it."""
        return [prompt.entry for prompt in self._by_name.values()]

    def get(self, name: str) -> Prompt:
        """Return a prompt.

        Raises:
            PromptError: None has that name.
        """
        prompt = self._by_name.get(name)
        if prompt is None:
            guess = did_you_mean(name, self._by_name)
            message = f"Unknown prompt: {shorten(name)}"
            raise PromptError(f"{message}; {guess}" if guess else message)
        return prompt
