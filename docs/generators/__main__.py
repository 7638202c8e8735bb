"""Write every generated page again: `python docs/generators` at the top level."""

from __future__ import annotations

import runpy
from pathlib import Path

if __name__ == "__main__":
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        runpy.run_path(str(path), run_name="__main__")
