"""`docs/serve.md`: the control adapter example works with `naftiko serve`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from support.serving_process import Server
from support.shared import ROOT


def test_control_example_answers_with_the_token(tmp_path: Path) -> None:
    """The paths of the control example answer a caller with the token, else 401."""
    text = (ROOT / "docs" / "serve.md").read_text("utf-8")
    section = text.partition("\n## Control port\n")[2]
    block = re.search(r"^```yaml\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert block
    file = tmp_path / "shop.yaml"
    file.write_text(block[1], "utf-8")
    with Server(file, "--port", "0", ready=2, ADMIN_TOKEN="i-run-this") as server:
        url = server.urls["control"]
        with pytest.raises(HTTPError) as caught:
            urlopen(f"{url}/status", timeout=10)
        assert caught.value.code == 401
        caught.value.close()
        for path in ("/", "/health/ready", "/status", "/metrics", "/traces", "/logs"):
            with urlopen(_asked(url, path), timeout=10) as answer:
                assert answer.status == 200, path
        with urlopen(_asked(url, "/config/validate", b""), timeout=10) as answer:
            assert json.load(answer)


def _asked(url: str, path: str, body: bytes | None = None) -> Request:
    return Request(f"{url}{path}", body, headers={"Authorization": "Bearer i-run-this"})
