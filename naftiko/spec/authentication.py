"""Read the `authentication` of a consumed adapter, in every published spelling.

    {type: bearer, token: "{{TOKEN}}"}
        →  Authentication("bearer", (Credential("header", "Authorization",
                                                "Bearer {{TOKEN}}"),))

Spec 2.5. This module must not know how a credential is rendered or sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from naftiko.document import rules
from naftiko.errors import did_you_mean, nearest, shorten
from naftiko.hints import Hint
from naftiko.plain import a_kind_of
from naftiko.plain import text_of as _text
from naftiko.spec.model import Authentication, Credential

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.findings import Findings
    from naftiko.plain import DocumentPath

SUPPORTED = ("bearer", "basic", "digest", "apikey")
_PLACES = ("header", "query", "cookie")


def read_authentication(
    data: Any, namespace: str, path: DocumentPath, findings: Findings
) -> Authentication | None:
    """Read the `authentication` of a consumed adapter; `None` when it has none.

    Args:
        data: The value of `authentication`.
        namespace: That of the adapter; the key for a signer.
        path: The place of the value.
        findings: Where findings go.
    """
    if data is None:
        return None
    if is_none(data):
        findings.add(
            rules.AUTH_SHAPE,
            path,
            "authentication of type 'none' is no authentication",
            "remove it",
        )
        return None
    if not isinstance(data, dict):
        # A spelling mistake must not send requests without credentials.
        findings.add(
            rules.AUTH_INCOMPLETE,
            path,
            f"the authentication is {a_kind_of(data)}, not a mapping",
            "write a mapping with `type:`",
        )
        return Authentication("(none)", path=path)
    written = str(data.get("type") or "")
    kind = written.lower()
    fields = {str(key): value for key, value in data.items()}
    reading = _Reading(data, namespace, path, findings, written)
    if kind in ("bearer", "header", "query", "apikey"):
        credentials = tuple(_READERS[kind](reading))
        kind = "bearer" if kind == "bearer" else "apikey"
        return Authentication(kind, credentials, fields=fields, path=path)
    if kind in ("basic", "digest"):
        if written != kind:
            reading.odd(f"write `type: {kind}`")
        username, password = _text(data.get("username")), _text(data.get("password"))
        if "username" not in data and "password" not in data:
            _incomplete(findings, path, kind, "`username` and `password`")
        return Authentication(kind, (), username, password, fields, path)
    # A missing type cannot be guessed: it is as unsupported as an unknown one.
    near = f"{did_you_mean(kind, SUPPORTED)} Or " if nearest(kind, SUPPORTED) else ""
    findings.add(
        rules.AUTH_UNSUPPORTED,
        (*path, "type") if written else path,
        f"authentication of type '{shorten(written)}' is not built in"
        if written
        else "the authentication has no `type`",
        reading.signer.after(near),
    )
    return Authentication(written or "(none)", fields=fields, path=path)


def is_none(data: Any) -> bool:
    """Tell whether an `authentication` says that there is none: `{type: none}`."""
    kind = data.get("type") if isinstance(data, dict) else data
    return isinstance(kind, str) and kind.strip().lower() == "none"


class _Reading:
    """One authentication object being read."""

    def __init__(
        self,
        data: Mapping[str, Any],
        namespace: str,
        path: DocumentPath,
        findings: Findings,
        written: str,
    ) -> None:
        self.data = data
        shown = shorten(namespace)
        self.signer = Hint(
            f"pass a signer: load(..., auth={{'{shown}': signer}})",
            "give --header 'Authorization: …', or install a signer",
            "install a signer",
        )
        self.path = path
        self.findings = findings
        self.written = written

    def odd(self, hint: str) -> None:
        """Note a spelling outside the published one."""
        keys = ", ".join(key for key in self.data if key != "type")
        self.findings.add(
            rules.AUTH_SHAPE,
            self.path,
            f"authentication of type '{self.written}' written with {keys or 'no keys'}",
            hint,
        )


def _bearer(reading: _Reading) -> Iterator[Credential]:
    data = reading.data
    token = data.get("token")
    if token is None and data.get("value") is not None:
        token = data["value"]
        reading.odd('write `token: "{{NAME}}"`')
    elif reading.written != "bearer":
        reading.odd("write `type: bearer`")
    text = _text(token)
    if not text:
        _incomplete(reading.findings, reading.path, reading.written, "`token`")
        return
    # 'Bearer {{X}}' under `token` says the scheme twice; it is sent once.
    scheme = "" if text.lower().startswith("bearer ") else "Bearer "
    yield Credential("header", "Authorization", scheme + text)


def _api_key(reading: _Reading) -> Iterator[Credential]:
    data, path, findings = reading.data, reading.path, reading.findings
    if "headers" in data:
        reading.odd("declare each as an adapter-level `inputParameters`, `in: header`")
        yield from _several(reading, data["headers"], "header", "key")
        return
    place = str(data.get("placement") or data.get("in") or "header").lower()
    if "header" in data:
        name = data["header"]
        value = _first_given(data, "value", "token", "key")
        reading.odd('write `type: apikey`, `key: <header>`, `value: "{{NAME}}"`')
    else:
        name = _first_given(data, "key", "name")
        value = _first_given(data, "value", "token")
        if reading.written != "apikey" or "token" in data:
            reading.odd("write `type: apikey`, `key`, `value` and `placement`")
        elif place == "cookie":
            reading.odd("the published rules have no place for a cookie; it is sent")
    if place not in _PLACES:
        findings.add(
            rules.AUTH_PLACEMENT,
            (*path, "placement" if data.get("placement") else "in"),
            f"an API key cannot be placed in '{place}'",
            "use `placement: header` or `placement: query`",
        )
        return
    text = _text(value)
    if not _text(name) or not text:
        missing = "`value`" if _text(name) else "`key`"
        _incomplete(findings, path, reading.written, missing)
        return
    if text.startswith("AWS4-HMAC-SHA256"):
        where = [key for key in ("value", "token", "key") if data.get(key) == value]
        findings.add(
            rules.AUTH_SHAPE,
            (*path, where[0]),
            "a signature of one request is never right for another one",
            reading.signer,
        )
    yield Credential(place, _text(name), text)


def _header(reading: _Reading) -> Iterator[Credential]:
    reading.odd('write `type: apikey`, `key: <header>`, `value: "{{NAME}}"`')
    name = _first_given(reading.data, "header", "name", "key")
    value = _first_given(reading.data, "value", "token")
    if not _text(name) or not _text(value):
        _incomplete(reading.findings, reading.path, "header", "`header` and `value`")
        return
    yield Credential("header", _text(name), _text(value))


def _query(reading: _Reading) -> Iterator[Credential]:
    reading.odd("declare each as an adapter-level `inputParameters`, `in: query`")
    yield from _several(reading, reading.data.get("parameters"), "query", "name")


_READERS = {
    "bearer": _bearer,
    "apikey": _api_key,
    "header": _header,
    "query": _query,
}


def _several(
    reading: _Reading, data: Any, place: str, key: str
) -> Iterator[Credential]:
    """Read a mapping name → value, or a list of such pairs."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(data, dict):
        pairs += data.items()
    elif isinstance(data, list):
        pairs += [
            (_first_given(entry, key, "name", "key"), entry.get("value"))
            for entry in data
            if isinstance(entry, dict)
        ]
    if not pairs or not all(_text(part) for pair in pairs for part in pair):
        # The server would refuse a request that lacks one of its credentials.
        missing = f"{place} names and values"
        _incomplete(reading.findings, reading.path, reading.written, missing)
        return
    for name, value in pairs:
        yield Credential(place, _text(name), _text(value))


def _incomplete(
    findings: Findings, path: DocumentPath, kind: str, missing: str
) -> None:
    findings.add(
        rules.AUTH_INCOMPLETE,
        path,
        f"authentication of type '{kind}' lacks {missing}",
        'add it, with a variable as the value: "{{NAME}}"',
    )


def _first_given(data: Mapping[str, Any], *keys: str) -> Any:
    for key in keys:
        if data.get(key) is not None:
            return data[key]
    return None
