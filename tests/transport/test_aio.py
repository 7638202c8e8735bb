"""`AioTransport` without its library, and the logins that it drives without a thread."""

from __future__ import annotations

import subprocess
import sys

import pytest

_WITHOUT = """
import sys
sys.modules[{library!r}] = None
import naftiko.transport.aio
from naftiko import *
try:
    AioTransport()
except ServeError as error:
    print(error.message, "|", error.hint)
"""


@pytest.mark.parametrize("library", ["aiohttp", "yarl"])
def test_a_missing_library_is_told_when_a_transport_is_made(library: str) -> None:
    """The module and the public name can be imported; the error says what to install."""
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT.format(library=library)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (
        f"AioTransport needs a library that is not installed: {library}"
        " | pip install 'naftiko[serve]'\n"
    )


def test_the_module_imports_no_library() -> None:
    """`import naftiko.transport.aio` imports neither `aiohttp` nor `requests`."""
    code = (
        "import sys, naftiko.transport.aio;"
        "print({'aiohttp', 'yarl', 'requests', 'urllib3'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
