"""`AioTransport` needs no library, and imports none before it must."""

from __future__ import annotations

import subprocess
import sys


def test_the_module_imports_no_library() -> None:
    """Importing it, and making a transport, imports neither `requests` nor others."""
    code = (
        "import sys, naftiko; naftiko.AioTransport();"
        "print({'aiohttp', 'httptools', 'requests', 'urllib3'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
