"""Conversations with two MCP servers, compared but for what may differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from support.conversing import revisions_of, transports_of

_PROBLEM = "urn:naftiko:problem:"
#: A message that is sent → the lines of its answer.
Exchanges = list[tuple[str, list[str]]]


def compared(lines: list[str]) -> Exchanges:
    """Return a conversation without what may differ from server to server.

    - Texts of errors, and data of errors that is a text.
    - JSON or a stream of one event, where the client takes both.
    - `Mcp-Session-Id` in responses that open no session.
    - The order of members, as everywhere in JSON.
    - The order of answers to requests that are under way when the input ends.
    """
    exchanges: Exchanges = []
    for line in lines:
        if line.startswith("> "):
            exchanges.append((line, []))
        elif line.startswith("    "):
            sent, _ = exchanges[-1]
            exchanges[-1] = (f"{sent}\n{line}", [])
        elif line.startswith("< "):
            words = line.split()
            sent, _ = exchanges[-1]
            if '"method":"initialize"' not in sent:
                words = [word for word in words if word != "session"]
            is_post = sent.startswith(("> POST", "> (the answer"))
            if is_post and words[1] == "200" and _takes_both(sent):
                words = [word for word in words if "/" not in word]
            exchanges[-1][1].append(" ".join(words))
        else:
            exchanges[-1][1].append(_canonical(line.strip()))
    if exchanges and exchanges[-1][0] == "> (the input ends)":
        exchanges[-1][1].sort()
    return exchanges


def _takes_both(sent: str) -> bool:
    """Tell whether a client takes JSON and event streams, or does not say."""
    lines = [line for line in sent.split("\n") if line.startswith("    Accept:")]
    accepted = " ".join(lines)
    return (
        not lines
        or any(word in accepted for word in ("(none)", "*/*"))
        or (
            "application/" in accepted
            and "text/" in accepted
            and "q=0.0" not in accepted
        )
    )


def _canonical(text: str) -> str:
    note, brace, rest = text.partition("{")
    try:
        message = json.loads(brace + rest)
    except ValueError:
        return text
    if str(message.get("type")).startswith(_PROBLEM):
        return f"PROBLEM {message['type'].removeprefix(_PROBLEM)}"
    if isinstance(message.get("error"), dict):
        error = message["error"]
        error.pop("message", None)
        if isinstance(error.get("data", ""), str):
            error.pop("data", None)
    return note + json.dumps(message, sort_keys=True, ensure_ascii=True)


class Differences:
    """Where our server answers otherwise than that of the SDK, and why.

    Args:
        entries: The entries of `differences.yaml`.
    """

    def __init__(self, entries: list[Any]) -> None:
        self._by_place: dict[tuple[str, str, str, int], list[str]] = {}
        for entry in entries:
            assert entry["why"].strip()
            for at in entry["at"]:
                case = {"revisions": at.get("revisions", "all")}
                transports = transports_of({"transport": at.get("over", "both")})
                for step, answer in at["steps"].items():
                    for revision in revisions_of(case):
                        for transport in transports:
                            key = (at["case"], transport, revision, step)
                            assert key not in self._by_place, key
                            self._by_place[key] = list(answer)

    def places(self) -> Iterator[tuple[str, int]]:
        """Yield the case and the step of each difference."""
        for case, _, _, step in self._by_place:
            yield case, step

    def unexpected(
        self, expected: Exchanges, found: Exchanges, key: tuple[str, str, str]
    ) -> tuple[list[str], list[int]]:
        """Compare a conversation with ours; return what differs, and what is stale.

        Args:
            expected: What the server of the SDK answers.
            found: What our server answers.
            key: Case, transport and revision.

        Returns:
            Texts of answers that are neither alike nor listed, and the numbers of steps
            that are listed though they are alike.
        """
        wrong: list[str] = []
        stale: list[int] = []
        for number, (sent, answer) in enumerate(found, 1):
            has_sent, has = (
                expected[number - 1] if number <= len(expected) else ("", [])
            )
            listed = self._by_place.get((*key, number))
            if listed is not None and _fits(listed, has):
                stale.append(number)
            is_right = answer == has if listed is None else _fits(listed, answer)
            if sent != has_sent or not is_right:
                want = has if listed is None else listed
                both = "\n".join(["-- expected", *want, "-- found", *answer])
                wrong.append(f"step {number}: {sent}\n{both}\n")
        wrong += [f"nothing is said at: {sent}" for sent, _ in expected[len(found) :]]
        return wrong, stale


def _fits(listed: list[str], answer: list[str]) -> bool:
    """Tell whether an answer is as listed: a line, or `RESULT`, `ERROR -32600 7`."""
    return len(listed) == len(answer) and all(
        line == told or line == shorthand(told)
        for line, told in zip(listed, answer, strict=True)
    )


def shorthand(line: str) -> str:
    """Return what kind of message a line is.

    `{"id":7,"result":{…}}` -> `RESULT 7`; an error -> `ERROR -32600 7`; a notification
    -> `notifications/progress`.
    """
    note, brace, rest = line.partition("{")
    try:
        message = json.loads(brace + rest)
    except ValueError:
        return line
    id_ = json.dumps(message.get("id"))
    if "result" in message:
        return f"{note}RESULT {id_}"
    if "error" in message:
        return f"{note}ERROR {message['error'].get('code')} {id_}"
    return f"{note}{message.get('method', line)}"
