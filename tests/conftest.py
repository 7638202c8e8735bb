"""Every test starts from an environment that says nothing about proxies or secrets."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: a busy machine takes longer. A quick run generates few examples for each
# property; the gate generates many with `-m hypothesis --hypothesis-profile=thorough`.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=60)
settings.load_profile("quick")

# Tests that run in the background of a script are deaf to Ctrl-C, and so would be what
# they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_STEERING = ("NAFTIKO_BASE_URI_", "NAFTIKO_TEST_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(_STEERING) or name.lower() in _PROXIES:
            monkeypatch.delenv(name)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    # A `.netrc` of the one who runs the tests must not answer for a server in them.
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("NAFTIKO_CACHE", "off")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start two workers for each core: the tests of servers wait more than they work."""
    return 2 * (os.cpu_count() or 1)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Say how a failure is seen again in the same order, which `-q` keeps to itself."""
    seed = getattr(config.option, "randomly_seed", None)
    if exitstatus == pytest.ExitCode.TESTS_FAILED and seed is not None:
        terminalreporter.write_line(f"the same order again: --randomly-seed={seed}")
