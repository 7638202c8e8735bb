"""Acceptance of the control adapter and the commands of `naftiko` that use it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest
import requests

import naftiko
from support.acceptance import (
    TOKEN,
    House,
    get,
)

# Each asks a process, and some wait for it.
pytestmark = pytest.mark.slow


def naftiko_command(
    house: House, *words: str, token: str = TOKEN
) -> tuple[int, str, str]:
    """Run a command against the control port; return exit code, stdout and stderr."""
    port = str(urlsplit(house["control"]).port)
    done = subprocess.run(
        [sys.executable, "-m", "naftiko", *words, "--port", port,
         "--header", f"Authorization: Bearer {token}"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_health_and_status_show_every_adapter(house: House) -> None:
    """Z07, Z08: `health` and `status` show adapter states, version and uptime."""
    code, text, _ = naftiko_command(house, "health")
    count = len(house.server.urls)
    assert code == 0
    ready = f"Liveness:  UP\nReadiness: UP ({count}/{count} adapters started)\n"
    assert text.startswith(ready)
    assert "(Mountain huts)\n  calls 'huts' at http://127.0.0.1:" in text
    broken = [line for line in text.splitlines() if "cannot be called" in line]
    assert len(broken) == 2
    assert all("'cut" in line and "'ropes.list-rope'" in line for line in broken)
    code, text, _ = naftiko_command(house, "status")
    assert code == 0
    lines = text.splitlines()
    assert lines[0] == "Office: UP"
    assert lines[1] == f"Engine:    {naftiko.__version__}"
    assert re.fullmatch(r"Uptime: +(\d+m )?\d+s", lines[2])
    assert lines[3] == "Telemetry: active"
    assert len([line for line in lines if line.endswith(" started")]) == count
    assert text.count("\nDocument:  ") > 1
    assert re.search(r"^ +rest +office-rest +\d+ +started$", text, re.MULTILINE)


def test_traces_and_metrics_show_a_request(house: House) -> None:
    """Z09, Z10: `traces` shows the spans of a request; `metrics` counts the request."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"traceparent": parent}
    answer = get(house["office-rest"], "/fees", headers=headers)
    assert answer.json() == {"count": 3}
    sent = house.club.last.headers["traceparent"]
    assert sent.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert "b7ad6b7169203331" not in sent
    code, text, _ = naftiko_command(house, "traces", "--operation", "/fees GET")
    assert code == 0
    assert re.search(
        r"^TRACE ID +OPERATION +DURATION +STATUS +SPANS +TIME$", text, re.MULTILINE
    )
    assert re.search(
        r"^0af7651916cd43dd8448eb211c80319c .* \d+ms +OK +6 ", text, re.MULTILINE
    )
    code, text, _ = naftiko_command(house, "traces", "0af7651916cd43dd8448eb211c80319c")
    spans = [re.sub(r" \d+ms", "", line) for line in text.splitlines()[1:]]
    assert spans == [
        "rest.request [INTERNAL] OK",
        "  step.call [INTERNAL] OK",
        "    http.client.GET [CLIENT] OK",
        "  step.call [INTERNAL] OK",
        "    http.client.GET [CLIENT] OK",
        "  step.script [INTERNAL] OK",
    ]
    assert naftiko_command(house, "traces", "0" * 32)[0] == 1
    code, text, _ = naftiko_command(
        house, "metrics", "--filter", "naftiko_request_total.*office-rest"
    )
    assert code == 0
    pattern = r"naftiko_request_total\{.*\} [1-9]\d*(\.0)?"
    assert all(re.fullmatch(pattern, line) for line in text.splitlines())
    assert '/fees GET"' in text


def test_scripting_limits_change_while_serving(house: House) -> None:
    """Z11, X06, X12: `scripting --set` changes limits of the running server."""
    problem = get(house["office-rest"], "/endless").json()
    assert "exceeded the statement limit (20000)" in problem["detail"]
    code, text, _ = naftiko_command(house, "scripting")
    assert code == 0
    assert text.startswith("Scripting: ENABLED\n")
    assert "statementLimit: 20000" in text
    code, text, note = naftiko_command(
        house,
        "scripting",
        "--set",
        "statementLimit=100",
        "--set",
        "allowedLanguages=javascript,python",
    )
    assert (code, "Scripting configuration updated." in note) == (0, True)
    assert "allowedLanguages: javascript, python" in text
    problem = get(house["office-rest"], "/endless").json()
    assert "exceeded the statement limit (100)" in problem["detail"]
    assert (
        "Scripting: DISABLED"
        in naftiko_command(house, "scripting", "--set", "enabled=false")[1]
    )
    answer = get(house["office-rest"], "/fees")
    assert (answer.status_code, "is disabled" in answer.json()["detail"]) == (500, True)
    code, _, errors = naftiko_command(house, "scripting", "--set", "timeout=0")
    assert (code, "HTTP 400" in errors) == (1, True)
    naftiko_command(house, "scripting", "--set", "enabled=true")
    assert get(house["office-rest"], "/fees").json() == {"count": 3}


def test_documents_are_reloaded_and_validated(house: House) -> None:
    """`reload` reads the files again; `/config/validate` only validates documents."""
    assert naftiko_command(house, "reload")[:2] == (0, "Reloaded.\n")
    # A reload restores the limits of the document.
    assert "statementLimit: 20000" in naftiko_command(house, "scripting")[1]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{house['control']}/config/validate"
    assert requests.post(url, headers=headers, timeout=10).json() == {
        "valid": True,
        "problems": [],
    }
    answer = requests.post(url, data="naftiko: 9\n", headers=headers, timeout=10)
    assert answer.json()["valid"] is False


def test_log_lines_are_streamed_to_one_subscriber(house: House) -> None:
    """`/logs/stream` sends log lines to one subscriber; a second one gets 503."""
    url = f"{house['control']}/logs/stream"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with requests.get(url, headers=headers, stream=True, timeout=10) as stream:
        lines = stream.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(lines) == ": connected"
        assert requests.get(url, headers=headers, timeout=10).status_code == 503
        get(house["office-rest"], "/members")
        data = next(line for line in lines if "GET /members" in line)
        line = json.loads(data.removeprefix("data: "))
        assert (line["adapter"], line["status"]) == ("office-rest", 200)
    until = time.monotonic() + 5
    while True:
        with requests.get(url, headers=headers, stream=True, timeout=10) as again:
            if again.status_code == 200:
                break
        assert time.monotonic() < until
        time.sleep(0.05)


def test_every_path_of_the_control_port_needs_the_token(house: House) -> None:
    """Each path of the control port answers 401 without the token."""
    for path in ("/", "/health/live", "/metrics", "/traces", "/logs"):
        assert get(house["control"], path).status_code == 401
    code, text, errors = naftiko_command(house, "health", token="wrong")
    assert (code, text) == (1, "")
    assert "wants credentials" in errors
    assert "--header" in errors
