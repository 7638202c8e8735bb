"""MCP adapter: each case in `tests/exposes/mcp/cases/` is one request and its answer.

Keys of a case: `tools`, `resources`, `prompts`, `aggregates` … declare the adapter;
`files` are written to the folder `FOLDER`; `answers` are those of the upstream API;
`ask` is the request (method → parameters). `result` is expected exactly, `has` at
least, `error` in place of a result. `sent` lists the upstream requests. Run one with
`pytest tests/exposes/mcp/test_cases.py -k "part of its name"`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from support.casefiles import cases
from support.mcping import MODERN, answering, asking, mcp_app

#: Keys of a case that do not declare the adapter.
_SAYS = {"name", "files", "answers", "ask", "result", "has", "error", "sent"}
_WRAPPED = {"_meta", "resultType", "ttlMs", "cacheScope"}


@pytest.mark.parametrize("revision", ["2025-11-25", MODERN])
@pytest.mark.parametrize("case", cases("exposes/mcp/cases"))
def test_answer(case: Any, revision: str, tmp_path: Path) -> None:
    """The answer is as the case expects, in a revision with and without handshake."""
    for name, text in case.get("files", {}).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = bytes.fromhex(text["bytes"]) if isinstance(text, dict) else text
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    adapter = _filled(
        {key: value for key, value in case.items() if key not in _SAYS}, tmp_path
    )
    app, upstream = mcp_app(answering(case.get("answers", {})), **adapter)
    ((method, params),) = case["ask"].items()
    answer = asking(app, method, params, revision)
    if "error" in case:
        assert "error" in answer, answer
        assert answer["error"]["code"] == case["error"]["code"]
        assert re.search(case["error"]["message"], answer["error"]["message"])
    else:
        result = answer.get("result", answer)
        if "result" in case:
            bare = {key: result[key] for key in result if key not in _WRAPPED}
            assert bare == case["result"]
        if "has" in case:
            assert _within(case["has"], result), result
    if "sent" in case:
        assert upstream.sent == case["sent"]


def _filled(value: Any, folder: Path) -> Any:
    """Return a value in which the URI of the folder replaces `FOLDER`."""
    if isinstance(value, dict):
        return {key: _filled(inner, folder) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, folder) for inner in value]
    return value.replace("FOLDER", folder.as_uri()) if isinstance(value, str) else value


def _within(wanted: Any, found: Any) -> bool:
    """Tell whether the found value holds the wanted one; `/pattern/` is a regex."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            key in found and _within(value, found[key]) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(map(_within, wanted, found))
        )
    if isinstance(wanted, str) and wanted.startswith("/") and wanted.endswith("/"):
        return isinstance(found, str) and bool(re.search(wanted[1:-1], found, re.S))
    return bool(wanted == found)
