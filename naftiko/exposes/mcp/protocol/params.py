"""The parameters of requests: what each method takes, checked before it is answered.

    tools/call  {"name": "ship", "arguments": {"id": "7"}}   taken
    tools/call  {"name": 7}                                  -32602: `name` is no text

The schemas of the revisions agree on these, so there is one table for all of them.
Members that no revision has are left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.exposes.mcp.protocol.errors import INVALID_PARAMS, McpError
from naftiko.exposes.mcp.protocol.revisions import CLIENT_KEY, LEVEL_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from naftiko.exposes.mcp.protocol.messages import Id

    Params = Mapping[str, Any]

#: Levels of log messages (RFC 5424), the least important first.
LEVELS = (
    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency",
)  # fmt: skip
#: Characters of an id or a progress token: each notification of progress repeats it.
MOST_TOKEN = 256


def check_params(method: str, params: Params) -> None:
    """Refuse parameters that a method does not take.

    Raises:
        McpError: One is missing, or has another type; `INVALID_PARAMS`.
    """
    check = _CHECKS.get(method)
    if check is not None:
        check(params)


def check_meta(params: Params) -> None:
    """Refuse a `_meta` that is no object, or a progress token that cannot be one.

    Raises:
        McpError: So it is; `INVALID_PARAMS`.
    """
    meta = params.get("_meta")
    if meta is None:
        return
    if type(meta) is not dict:
        raise _wrong("_meta", "an object")
    token = meta.get("progressToken")
    if token is not None and type(token) not in (str, int):
        raise _wrong("_meta.progressToken", "a text or a whole number")
    if type(token) is str and len(token) > MOST_TOKEN:
        raise McpError(
            INVALID_PARAMS,
            f"Invalid params: a progress token has at most {MOST_TOKEN} characters",
        )
    client, level = meta.get(CLIENT_KEY), meta.get(LEVEL_KEY)
    if client is not None:
        _check_client(client, f"_meta['{CLIENT_KEY}']")
    if level is not None and level not in LEVELS:
        raise _wrong(f"_meta['{LEVEL_KEY}']", f"one of {', '.join(LEVELS)}")


def check_id(id_: Id) -> None:
    """Refuse an id that is too long.

    Raises:
        McpError: So it is; `INVALID_PARAMS`.
    """
    if type(id_) is str and len(id_) > MOST_TOKEN:
        raise McpError(
            INVALID_PARAMS,
            f"Invalid params: an id has at most {MOST_TOKEN} characters",
        )


def progress_token(params: Params) -> Id | None:
    """Return the token for notifications of progress; `None` when none are wanted."""
    meta = params.get("_meta")
    token: Id | None = meta.get("progressToken") if meta else None
    return token


def _wrong(name: str, wanted: str) -> McpError:
    return McpError(
        INVALID_PARAMS, f"Invalid request parameters: `{name}` has to be {wanted}"
    )


def _check_text(params: Params, name: str, *, within: str = "") -> None:
    if type(params.get(name)) is not str:
        raise _wrong(within + name, "a text")


def _check_page(params: Params) -> None:
    cursor = params.get("cursor")
    if cursor is not None and type(cursor) is not str:
        raise _wrong("cursor", "a text")


def _check_call(params: Params) -> None:
    _check_text(params, "name")
    arguments = params.get("arguments")
    if arguments is not None and type(arguments) is not dict:
        raise _wrong("arguments", "an object")


def _check_uri(params: Params) -> None:
    _check_text(params, "uri")


def _check_prompt(params: Params) -> None:
    _check_text(params, "name")
    _check_texts(params, "arguments")


def _check_texts(params: Params, name: str, *, within: str = "") -> None:
    given = params.get(name)
    if given is None:
        return
    if type(given) is not dict or any(type(v) is not str for v in given.values()):
        raise _wrong(within + name, "an object of texts")


def _check_completion(params: Params) -> None:
    argument, ref = params.get("argument"), params.get("ref")
    if type(argument) is not dict:
        raise _wrong("argument", "an object")
    _check_text(argument, "name", within="argument.")
    _check_text(argument, "value", within="argument.")
    if type(ref) is not dict:
        raise _wrong("ref", "an object")
    kind = ref.get("type")
    if kind == "ref/prompt":
        _check_text(ref, "name", within="ref.")
    elif kind == "ref/resource":
        _check_text(ref, "uri", within="ref.")
    else:
        raise _wrong("ref.type", "`ref/prompt` or `ref/resource`")
    context = params.get("context")
    if context is not None:
        if type(context) is not dict:
            raise _wrong("context", "an object")
        _check_texts(context, "arguments", within="context.")


def _check_hello(params: Params) -> None:
    _check_text(params, "protocolVersion")
    if type(params.get("capabilities")) is not dict:
        raise _wrong("capabilities", "an object")
    _check_client(params.get("clientInfo"), "clientInfo")


def _check_client(client: Any, name: str) -> None:
    if type(client) is not dict:
        raise _wrong(name, "an object")
    _check_text(client, "name", within=f"{name}.")
    _check_text(client, "version", within=f"{name}.")


def _check_level(params: Params) -> None:
    if params.get("level") not in LEVELS:
        raise _wrong("level", f"one of {', '.join(LEVELS)}")


def _check_listening(params: Params) -> None:
    wished = params.get("notifications")
    if type(wished) is not dict:
        raise _wrong("notifications", "an object")
    for name in ("toolsListChanged", "promptsListChanged", "resourcesListChanged"):
        if wished.get(name) not in (None, True, False):
            raise _wrong(f"notifications.{name}", "true or false")
    uris = wished.get("resourceSubscriptions")
    if uris is None:
        return
    if type(uris) is not list or any(type(uri) is not str for uri in uris):
        raise _wrong("notifications.resourceSubscriptions", "a list of texts")


_CHECKS: dict[str, Callable[[Params], None]] = {
    "completion/complete": _check_completion,
    "initialize": _check_hello,
    "logging/setLevel": _check_level,
    "prompts/get": _check_prompt,
    "prompts/list": _check_page,
    "resources/list": _check_page,
    "resources/read": _check_uri,
    "resources/subscribe": _check_uri,
    "resources/templates/list": _check_page,
    "resources/unsubscribe": _check_uri,
    "subscriptions/listen": _check_listening,
    "tools/call": _check_call,
    "tools/list": _check_page,
}
