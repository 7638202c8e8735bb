"""Settings of all tests: an environment without proxies, secrets or a `.netrc`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Hypothesis has no deadline, because a busy machine is slow. The profile `quick` has few
# examples per property; `-m hypothesis --hypothesis-profile=thorough` has many.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=40)
settings.load_profile("quick")

# A shell script lets its background jobs ignore SIGINT. Servers started by tests would
# inherit that, so the default handler is restored.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_STEERING = ("NAFTIKO_BASE_URI_", "NAFTIKO_TEST_", "NAFTIKO_APPEND_")
_NO_NETRC = Path(__file__).with_name("no-netrc")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(_STEERING) or name.lower() in _PROXIES:
            monkeypatch.delenv(name)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    # A `.netrc` of the user must not give credentials to test servers.
    monkeypatch.setenv("NETRC", str(_NO_NETRC))
    monkeypatch.setenv("NAFTIKO_CACHE", "off")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start two workers per core, because tests of servers mostly wait."""
    return 2 * (os.cpu_count() or 1)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Print the seed that repeats the order of a failed run, which `-q` hides."""
    seed = getattr(config.option, "randomly_seed", None)
    if exitstatus == pytest.ExitCode.TESTS_FAILED and seed is not None:
        terminalreporter.write_line(f"the same order again: --randomly-seed={seed}")
