"""Options that a caller of `load()` gives beside the document, checked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from naftiko.errors import (
    ArgumentError,
    did_you_mean,
    names_of,
    shorten,
)

DEFAULT_TIMEOUT = 30.0
#: Environment variable that decides where `load()` is not told.
APPEND_PATH_PARAMETERS = "NAFTIKO_APPEND_PATH_PARAMETERS"
_SWITCHES = {
    **dict.fromkeys(("", "0", "no", "false", "off"), False),
    **dict.fromkeys(("1", "yes", "true", "on"), True),
}
#: Seconds, some 31 years: the longest wait that every operating system takes.
_LONGEST = 1e9


def checked_names(option: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a mapping from names that an option gives.

    Raises:
        ArgumentError: It is not a mapping, or one of its keys is not a text.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"{option}: expected a mapping, got a {type(given).__name__}",
            hint=f"give name → value: {option}={{'NAME': …}}",
        )
    for name in given:
        if not isinstance(name, str):
            raise ArgumentError(
                f"{option}: '{shorten(name)}' is no text", hint="names are texts"
            )
    return dict(given)


def checked_namespaces(
    option: str, given: Mapping[str, Any], namespaces: Sequence[str]
) -> dict[str, Any]:
    """Return what an option gives by namespace.

    Raises:
        ArgumentError: The document consumes no such namespace.
    """
    for namespace in given:
        if namespace not in namespaces:
            raise ArgumentError(
                f"{option}: no namespace is called '{shorten(namespace)}'",
                hint=did_you_mean(shorten(namespace), namespaces)
                or f"the document consumes: {names_of(namespaces)}",
            )
    return dict(given)


def checked_auth(
    auth: Mapping[str, Any] | None, namespaces: Sequence[str]
) -> dict[str, Any]:
    """Return namespace → signer.

    Raises:
        ArgumentError: It is not a mapping, a namespace is not consumed, or a signer
            cannot sign.
    """
    if auth is None:
        return {}
    if not isinstance(auth, Mapping):
        raise ArgumentError(
            f"auth: expected a mapping, got a {type(auth).__name__}",
            hint=f"give namespace → signer: auth={{'{namespaces[0]}': …}}"
            if namespaces
            else "",
        )
    for namespace, signer in checked_namespaces("auth", auth, namespaces).items():
        if not callable(signer):
            raise ArgumentError(
                f"auth: the signer for '{namespace}' is a"
                f" {type(signer).__name__}, which cannot sign",
                hint="pass a requests.auth.AuthBase",
            )
    return dict(auth)


def checked_timeout(timeout: Any) -> Any:
    """Return a timeout that is valid: seconds, or (seconds to connect, to wait).

    Raises:
        ArgumentError: It is not a positive number of seconds, or two of them.
    """
    parts = timeout if isinstance(timeout, tuple) else (timeout,)
    good = all(
        isinstance(part, (int, float))
        and not isinstance(part, bool)
        and 0 < part <= _LONGEST
        for part in parts
    )
    if not good or (isinstance(timeout, tuple) and len(parts) != 2):
        raise ArgumentError(
            f"'{shorten(timeout)}' is not a timeout",
            hint="give seconds, or (seconds to connect, seconds between two parts)",
        )
    return timeout


def checked_transport(transport: Any) -> Any:
    """Return a transport that can send, or `None`.

    Raises:
        ArgumentError: It has no `send`.
    """
    if transport is not None and not hasattr(transport, "send"):
        raise ArgumentError(
            f"transport: a {type(transport).__name__} cannot send",
            hint="pass an HttpTransport, a StubTransport, or an object with `send`",
        )
    return transport


def checked_name(name: Any) -> str:
    """Return the name of what is called as a text.

    A value of another type is no name, and its text is one that nothing has.
    """
    return name if isinstance(name, str) else shorten(name)


def joined_arguments(
    arguments: Mapping[str, Any] | None, more: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a call, given as a mapping and as keywords.

    Raises:
        ArgumentError: The mapping is none.
    """
    if arguments is None:
        return more
    if not isinstance(arguments, Mapping):
        raise ArgumentError(
            f"the arguments are a {type(arguments).__name__}",
            hint="give a mapping name → value, or keywords",
        )
    return {**arguments, **more}


def appends_path_parameters() -> bool:
    """Tell whether the environment asks for path parameters without a placeholder.

    Raises:
        ArgumentError: The variable has a value that is no switch.
    """
    value = os.environ.get(APPEND_PATH_PARAMETERS, "")
    switch = _SWITCHES.get(value.strip().lower())
    if switch is None:
        raise ArgumentError(
            f"{APPEND_PATH_PARAMETERS}: '{shorten(value)}' is not known",
            hint="set it to 1 or 0",
        )
    return switch
