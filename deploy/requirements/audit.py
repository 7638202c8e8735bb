"""Look for known advisories of what the image and the gate install: `tox -e audit`.

    constraints.txt and the locks → each version → advisories.toml, package index

Nothing but the package index is asked, by the JSON that it publishes for each release
(`vulnerabilities`); an index that has none for releases is asked for the newest one,
which is most often the locked one. What the index does not tell is named, and judged by
`advisories.toml` alone. Without an index the audit says so, and that file decides.

Exit codes: 0 for no advisory, 1 for one that is not accepted.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from make import pins
from packaging.version import Version

HERE = Path(__file__).parent
LOCKS = ("constraints.txt", "gate.txt", "image.txt", "build.txt")
TIMEOUT = 30


class Advisory(NamedTuple):
    """One advisory of a locked version.

    Attributes:
        names: Its identifiers: CVE, GHSA, PYSEC.
        fixed: The versions that are free of it; may be empty.
    """

    package: str
    version: str
    names: tuple[str, ...]
    fixed: tuple[str, ...]


class Untold(Exception):
    """The index does not tell about a version; the text says why."""


def locked() -> list[tuple[str, str]]:
    """Return name and version of every locked package."""
    found = {
        (pin.name, pin.version)
        for lock in LOCKS
        for pin in pins((HERE / lock).read_text("utf-8"))
    }
    return sorted(found)


def index_address() -> str:
    """Return where the index publishes JSON; raises `Untold` when that is unknown."""
    address = os.environ.get("PIP_INDEX_URL", "")
    if not address:
        try:
            from pip._internal.models.index import PyPI
        except ImportError:
            raise Untold("no package index is configured") from None
        address = PyPI.simple_url
    return address.rstrip("/").removesuffix("/simple") + "/pypi"


def published(
    address: str, package: str, version: str, *, by_release: bool = True
) -> list[Advisory]:
    """Return the advisories of one version that the index publishes.

    Args:
        address: Where the index publishes JSON.
        package: The name.
        version: The version.
        by_release: Whether the index publishes a page for each release.

    Raises:
        Untold: The index knows nothing about this version, or cannot be reached.
    """
    try:
        page = f"{package}/{version}" if by_release else package
        told = _answer(f"{address}/{page}/json")
        if told is None:
            raise Untold("the index does not know this version")
        if told["info"]["version"] != version:
            raise Untold("the index tells about the newest version only")
        return [
            Advisory(
                package,
                version,
                (one["id"], *(one.get("aliases") or ())),
                tuple(one.get("fixed_in") or ()),
            )
            for one in told["vulnerabilities"]
            if not one.get("withdrawn")
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Untold(f"the index gives no answer: {error!r}") from None


@cache
def _context() -> ssl.SSLContext:
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    return ssl.create_default_context(cafile=certificates or None)


def _answer(address: str) -> Any:
    """Return the JSON of an address; `None` when there is none."""
    request = Request(address, headers={"Accept": "application/json"})
    context = _context() if address.startswith("https:") else None
    try:
        with urlopen(request, timeout=TIMEOUT, context=context) as answer:
            return json.load(answer)
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise


def kept(package: str, version: str, known: list[dict[str, Any]]) -> list[Advisory]:
    """Return the advisories of one version that `advisories.toml` lists."""
    return [
        Advisory(package, version, tuple(one["ids"]), (one["fixed"],))
        for one in known
        if one["package"] == package and Version(version) < Version(one["fixed"])
    ]


def ask_index(versions: list[tuple[str, str]]) -> tuple[set[Advisory], dict[str, str]]:
    """Return the advisories that the index publishes, and which versions it leaves out.

    Raises:
        Untold: There is no index that can be asked.
    """
    address = index_address()
    try:
        # One package shows what kind of index it is, before all are asked for.
        probe = f"{address}/packaging/{dict(versions)['packaging']}/json"
        ask = partial(_asked, address, by_release=_answer(probe) is not None)
    except (OSError, ValueError) as error:
        raise Untold(f"the package index cannot be asked: {error}") from None
    found: set[Advisory] = set()
    untold: dict[str, str] = {}
    with ThreadPoolExecutor(8) as pool:
        for (package, version), told in zip(
            versions, pool.map(ask, versions), strict=True
        ):
            if isinstance(told, Untold):
                untold[f"{package} {version}"] = str(told)
            else:
                found.update(told)
    if len(untold) == len(versions):
        raise Untold(f"the package index tells about no version: {told}")
    return found, untold


def _asked(
    address: str, one: tuple[str, str], *, by_release: bool
) -> list[Advisory] | Untold:
    try:
        return published(address, *one, by_release=by_release)
    except Untold as error:
        return error


def main() -> int:
    """Print what is found and what is not known; return the exit code."""
    data = tomllib.loads((HERE / "advisories.toml").read_text("utf-8"))
    accepted = {one["id"] for one in data.get("accepted", [])}
    versions = locked()
    found = {
        advisory
        for package, version in versions
        for advisory in kept(package, version, data["advisory"])
    }
    try:
        more, untold = ask_index(versions)
    except Untold as error:
        print(f"skipped: {error}; only advisories.toml decides")
    else:
        found |= more
        told = len(versions) - len(untold)
        print(f"the package index tells about {told} of {len(versions)} versions")
        for version, why in sorted(untold.items()):
            print(f"not told: {version}: {why}")
    bad = [one for one in sorted(found) if not accepted & set(one.names)]
    for one in bad:
        fixed = f", fixed in {', '.join(one.fixed)}" if one.fixed else ""
        print(f"advisory: {one.package} {one.version}: {' '.join(one.names)}{fixed}")
    print(f"{len(bad)} advisories" if bad else "no known advisory")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
