"""Make the lock files and the bill of materials anew: `tox -e lock`.

    pyproject.toml, build.in, tools.in → constraints.txt       (by `uv pip compile`)
    constraints.txt → gate.txt, image.txt, build.txt           (with hashes)
    image.txt → image.cdx.json         what the image holds, in CycloneDX

`constraints.txt` has the version of everything, for every Python and system; the others
take theirs from it, so what the gate tests is what the image holds. It has no hashes,
so commands that build this package take it too (`PIP_CONSTRAINT`). Arguments go to uv:
without any every version becomes the newest, `--upgrade-package NAME` renews one.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = HERE.relative_to(ROOT).as_posix()
#: Where the image runs; `python` of the Dockerfile.
PYTHON = "3.13"
_PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; ([^\\]*[^\\\s]))?(?: \\)?$")


class Pin(NamedTuple):
    """One locked package.

    Attributes:
        marker: For which Python and system; empty for all.
        hashes: The SHA-256 of each file that may be installed.
        parents: The packages that need it; `naftiko` where we name it ourselves.
    """

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    parents: tuple[str, ...]


def pins(text: str) -> list[Pin]:
    """Read a lock file of uv."""
    found: list[Pin] = []
    for line in text.splitlines():
        match = _PIN.match(line)
        if match:
            name, version, marker = match.groups(default="")
            found.append(Pin(name, version, marker, (), ()))
        elif line.startswith("    --hash=sha256:"):
            value = line.removeprefix("    --hash=sha256:").removesuffix(" \\")
            found[-1] = found[-1]._replace(hashes=(*found[-1].hashes, value))
        elif line.startswith("    # via "):
            words = line.removeprefix("    # via ").split(", ")
            parents = [word.partition(" ")[0] for word in words if word[0] != "-"]
            found[-1] = found[-1]._replace(parents=tuple(parents))
        elif line and not line.startswith("#"):
            raise ValueError(f"unknown line in a lock: {line}")
    return found


def bill_of_materials(image: str, version: str) -> str:
    """Return what the image holds, in CycloneDX 1.6 as JSON.

    Args:
        image: The lock of the image.
        version: The version of this package.
    """
    locked = pins(image)
    ours = f"pkg:pypi/naftiko@{version}"
    refs = {pin.name: f"pkg:pypi/{pin.name}@{pin.version}" for pin in locked}
    refs["naftiko"] = ours
    needs: dict[str, list[str]] = {ref: [] for ref in refs.values()}
    for pin in locked:
        for parent in pin.parents:
            needs[refs[parent]].append(refs[pin.name])
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": "naftiko",
                "version": version,
                "purl": ours,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [
            {
                "type": "library",
                "bom-ref": refs[pin.name],
                "name": pin.name,
                "version": pin.version,
                "purl": refs[pin.name],
            }
            for pin in locked
        ],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(below)} if below else {"ref": ref}
            for ref, below in sorted(needs.items())
        ],
    }
    return json.dumps(bom, indent=1) + "\n"


def _compile(target: str, *words: str) -> None:
    """Let uv write a lock; the versions that stand there are kept where they fit."""
    subprocess.run(
        [
            "uv", "pip", "compile", "--quiet", "--annotation-style=line",
            "--custom-compile-command=tox -e lock",
            f"--output-file={FOLDER}/{target}", *words,
        ],
        check=True,
        cwd=ROOT,
    )  # fmt: skip


def main() -> None:
    """Write every file."""
    words = sys.argv[1:] or ["--upgrade"]
    known = re.search(
        r'__version__ = "(.+)"', (ROOT / "naftiko/version.py").read_text("utf-8")
    )
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lowest = build["project"]["requires-python"].removeprefix(">=")
    assert known is not None
    everywhere = ["--universal", f"--python-version={lowest}"]
    _compile(
        "constraints.txt", "pyproject.toml", "--extra=slow", f"{FOLDER}/tools.in",
        f"{FOLDER}/build.in", "--no-annotate", *everywhere, *words,
    )  # fmt: skip
    fixed = ["--generate-hashes", "--upgrade", f"-c={FOLDER}/constraints.txt"]
    image = ["--python-platform=linux", f"--python-version={PYTHON}"]
    _compile("gate.txt", "pyproject.toml", "--extra=test", *fixed, *everywhere)
    _compile("image.txt", "pyproject.toml", "--extra=all", *fixed, *image)
    _compile("build.txt", f"{FOLDER}/build.in", *fixed, *image)
    bom = bill_of_materials((HERE / "image.txt").read_text("utf-8"), known[1])
    (HERE / "image.cdx.json").write_text(bom, "utf-8")


if __name__ == "__main__":
    main()
