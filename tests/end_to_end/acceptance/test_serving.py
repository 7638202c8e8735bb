"""Acceptance of serving: credentials of each caller and adapters that share a port."""

from __future__ import annotations

import pytest

from support.acceptance import (
    FOLDER,
    WHOLE_HUT,
    club,
    get,
    names_of,
    people,
    words_of,
)
from support.agents import call
from support.recorder import Recorder, response
from support.serving_process import Server

# Each starts a process of its own.
pytestmark = pytest.mark.slow


def test_each_caller_uses_its_own_key() -> None:
    """A caller's key is sent upstream only with the caller's own requests."""
    with Recorder(response('["b-1"]')) as upstream:
        words = words_of("guests")
        words += [
            "--base-uri",
            upstream.url,
            "--variable",
            "GUEST_KEY=header:X-Guest-Key",
        ]
        with Server(*words, ready=2, NAFTIKO_TEST_GUEST_KEY="of-the-house") as server:
            rest, mcp = server.urls["guests-rest"], server.urls["guests-mcp"]
            for key in ("ada-key", "bo-key"):
                headers = {"X-Guest-Key": key}
                assert get(rest, "/bookings", headers=headers).json() == ["b-1"]
                assert upstream.last.headers["authorization"] == f"Bearer {key}"
                assert "x-guest-key" not in upstream.last.headers
                result = call(mcp, "bookings", headers=headers)
                assert result.structured_content == {"result": ["b-1"]}
                assert upstream.last.headers["authorization"] == f"Bearer {key}"
            count = len(upstream.received)
            assert get(rest, "/bookings").status_code == 401
            assert call(mcp, "bookings").is_error
            assert len(upstream.received) == count
            assert server.stop() == 0
            assert "-key" not in server.text.replace("X-Guest-Key", "")
            assert "of-the-house" not in server.text


def test_adapters_of_three_documents_share_one_port() -> None:
    """Adapters of three documents share one port, each below its own path prefix."""
    documents = ("huts", "greeting", "skills")
    words = [str(FOLDER / f"{name}.yaml") for name in documents]
    count = sum(len(names_of(name)) for name in documents)
    with Recorder(club) as first, Recorder(people) as second:
        words += ["--single-port", "0", "--base-uri", f"huts={first.url}/club"]
        words += ["--base-uri", f"people={second.url}"]
        with Server(*words, ready=count) as server:
            base = server.urls["skills"].removesuffix("/skills")
            assert {url.rpartition("/")[0] for url in server.urls.values()} == {base}
            assert get(base, "/huts-rest/huts/7").json() == WHOLE_HUT
            result = call(f"{base}/huts-mcp", "hut", {"hut-id": "7"})
            assert result.structured_content == WHOLE_HUT
            legacy = call(f"{base}/greeting-mcp", "motto", mode="legacy")
            assert legacy.structured_content == {"motto": "Up and down again."}
            assert get(base, "/skills/skills/packing").json()["name"] == "packing"
            described = get(base, "/huts-rest/openapi.json").json()
            assert described["servers"] == [{"url": "/huts-rest"}]
            assert "/huts/{hut-id}" in described["paths"]
            assert server.stop() == 0
