"""Dependencies: floors above advisories, locks with hashes, bill of materials, audit."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import naftiko

ROOT = Path(__file__).parents[1]
SUPPLY = ROOT / "deploy" / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _script(name: str) -> ModuleType:
    """Import a script of `deploy/requirements`."""
    spec = importlib.util.spec_from_file_location(
        f"supply_{name}", SUPPLY / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


make = _script("make")


def _text(name: str) -> str:
    return (SUPPLY / name).read_text("utf-8")


LOCKS = {name: make.pins(_text(f"{name}.txt")) for name in ("gate", "image", "build")}
CONSTRAINTS = make.pins(_text("constraints.txt"))


def _declared(*extras: str) -> list[Requirement]:
    """Return the requirements of the package with some extras."""
    optional = PROJECT["project"]["optional-dependencies"]
    lines = list(PROJECT["project"]["dependencies"])
    waiting = list(extras)
    while waiting:
        for line in optional[waiting.pop()]:
            requirement = Requirement(line)
            if requirement.name == "naftiko":
                waiting += requirement.extras
            else:
                lines.append(line)
    return [Requirement(line) for line in lines]


# --- floors -----------------------------------------------------------------------------


def _advisories() -> list[dict[str, Any]]:
    return tomllib.loads(_text("advisories.toml"))["advisory"]


def test_floors_are_above_every_known_advisory() -> None:
    """No declared version, direct or brought along, has a known advisory."""
    floors: dict[str, Version] = {}
    for requirement in _declared("slow"):
        lowest = [s.version for s in requirement.specifier if s.operator == ">="]
        floors[canonicalize_name(requirement.name)] = Version(lowest[0])
    for advisory in _advisories():
        name, fixed = advisory["package"], Version(advisory["fixed"])
        assert floors.get(name, Version("0")) >= fixed, advisory


def test_lowest_environment_installs_the_declared_floors() -> None:
    """Each floor is the version that `py311-lowest` of tox installs."""
    tox = (ROOT / "tox.ini").read_text("utf-8")
    part = tox[tox.index("[testenv:py311-lowest{") :].split("\n\n")[0]
    pinned = {
        canonicalize_name(name): Version(version)
        for name, version in re.findall(r"^    (\S+)==(\S+)$", part, re.MULTILINE)
    }
    declared = _declared("all")
    for requirement in declared:
        (lowest,) = (s.version for s in requirement.specifier if s.operator == ">=")
        found = pinned[canonicalize_name(requirement.name)]
        # `0.12` is met by the first release of that line.
        assert str(found).startswith(str(Version(lowest))), requirement
    assert set(pinned) == {canonicalize_name(known.name) for known in declared}


# --- locks ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_hashes_and_no_address(name: str) -> None:
    """Each package of a lock has hashes; no lock names a host or a path of a machine."""
    assert LOCKS[name]
    for pin in LOCKS[name]:
        assert pin.hashes, pin.name
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in pin.hashes)
        assert pin.parents or name != "image", pin.name
    text = _text(f"{name}.txt")
    assert "://" not in text
    assert not re.search(r"--(index-url|extra-index|find-links|trusted)", text)


@pytest.mark.parametrize(
    ("lock", "extra", "python"),
    [("image", "all", make.PYTHON)]
    + [
        (lock, extra, python)
        for lock, extra in (("gate", "all"), ("gate", "test"), ("constraints", "slow"))
        for python in ("3.11", "3.12", "3.13", "3.14")
    ],
)
def test_lock_satisfies_every_requirement(lock: str, extra: str, python: str) -> None:
    """A lock has a version of each requirement that `pyproject.toml` admits."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.8",
        "sys_platform": "linux",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
    }
    locked = {
        pin.name: Version(pin.version)
        for pin in {**LOCKS, "constraints": CONSTRAINTS}[lock]
        if not pin.marker or Marker(pin.marker).evaluate(environment)
    }
    for requirement in _declared(extra):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            version = locked[canonicalize_name(requirement.name).replace("_", "-")]
            assert version in requirement.specifier, requirement


def test_gate_tests_what_the_image_holds() -> None:
    """Each version of the image is one of the gate's lock, with the same hashes."""
    gate = {(pin.name, pin.version): pin.hashes for pin in LOCKS["gate"]}
    for pin in LOCKS["image"]:
        assert gate[pin.name, pin.version] == pin.hashes
    known = {(pin.name, pin.version) for pin in CONSTRAINTS}
    for lock in LOCKS.values():
        assert {(pin.name, pin.version) for pin in lock} <= known


def test_bill_of_materials_is_made_from_the_lock() -> None:
    """The checked-in file is what `tox -e lock` makes of this lock and version."""
    made = make.bill_of_materials(_text("image.txt"), naftiko.__version__)
    assert _text("image.cdx.json") == made


def test_tests_install_the_lock() -> None:
    """The gate and `tox` install locked versions; only the lowest and newest do not."""
    constraint = "deploy/requirements/constraints.txt"
    assert f'PIP_CONSTRAINT="$PWD/{constraint}"' in (ROOT / ".ci/run").read_text(
        "utf-8"
    )
    parts = (ROOT / "tox.ini").read_text("utf-8").split("\n[")[1:]
    for part in parts:
        name, _, text = part.partition("]")
        if name in ("testenv", "pkgenv") or "\nset_env" in text:
            empty = "\n    PIP_CONSTRAINT =\n" in text or name == "testenv:lock"
            unlocked = name.split(":")[-1] in (
                "py311-lowest{,-served}",
                "package",
                "bench",
                "lock",
            )
            assert empty is unlocked, name
            assert unlocked or f"PIP_CONSTRAINT = {{tox_root}}/{constraint}" in text
    assert "\ndeps = -r deploy/requirements/gate.txt\n" in parts[1]


def test_inputs_of_the_locks_fit_the_project() -> None:
    """`build.in` is `build-system.requires`; the tools are those that tox installs."""
    lines = _text("build.in").splitlines()
    assert [x for x in lines if x[0] != "#"] == PROJECT["build-system"]["requires"]
    tools = {x for x in _text("tools.in").splitlines() if x[0] != "#"}
    tox = (ROOT / "tox.ini").read_text("utf-8")
    for name in ("lint", "typing", "deploy", "audit"):
        part = tox[tox.index(f"[testenv:{name}]") :].split("\n\n")[0]
        wanted = part[part.index("\ndeps =") :].splitlines()[2:]
        wanted = wanted[: next(i for i, x in enumerate(wanted) if x[:4] != "    ")]
        assert {x.strip() for x in wanted} <= tools, name


# --- audit ------------------------------------------------------------------------------


@pytest.fixture
def index() -> Iterator[dict[str, Any]]:
    """Run a package index; the dictionary maps a path to its JSON."""
    pages: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = pages.get(self.path.removeprefix("/pypi/").removesuffix("/json"))
            body = b"" if found is None else json.dumps(found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        pages[""] = f"http://127.0.0.1:{server.server_port}/simple"
        yield pages
        server.shutdown()
        thread.join()


@pytest.fixture
def audited(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Return a function that audits locks of three packages against an index."""
    folder = tmp_path / "requirements"
    folder.mkdir()
    for name in ("audit.py", "make.py", "advisories.toml"):
        shutil.copy(SUPPLY / name, folder)
    lines = ["packaging==26.4", "requests==2.34.2", "urllib3==2.8.0"]
    for lock in ("constraints", "gate", "image", "build"):
        (folder / f"{lock}.txt").write_text("\n".join(lines) + "\n", "utf-8")

    def run(address: str, advisories: str = "", swap: str = "") -> tuple[int, str]:
        with (folder / "advisories.toml").open("a", encoding="utf-8") as file:
            file.write(advisories)
        if swap:
            lock = folder / "image.txt"
            lock.write_text(lock.read_text("utf-8").replace("2.8.0", swap), "utf-8")
        environment = {**os.environ, "PIP_INDEX_URL": address, "NO_PROXY": "*"}
        done = subprocess.run(
            [sys.executable, folder / "audit.py"], env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        return done.returncode, done.stdout

    return run


def _release(version: str, *vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {"info": {"version": version}, "vulnerabilities": list(vulnerabilities)}


FLAW = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fixed_in": ["3"], "withdrawn": None}


def test_audit_finds_what_the_index_publishes(
    index: dict[str, Any], audited: Callable[..., tuple[int, str]]
) -> None:
    """An advisory of a release fails the audit, unless it is withdrawn or accepted."""
    index["packaging/26.4"] = _release("26.4")
    index["requests/2.34.2"] = _release("2.34.2", {**FLAW, "withdrawn": "2026-01-01"})
    index["urllib3/2.8.0"] = _release("2.8.0")
    code, told = audited(index[""])
    assert (code, told.splitlines()) == (
        0, ["the package index tells about 3 of 3 versions", "no known advisory"]
    )  # fmt: skip
    index["urllib3/2.8.0"] = _release("2.8.0", FLAW)
    code, told = audited(index[""])
    assert code == 1
    assert "advisory: urllib3 2.8.0: PYSEC-1 CVE-1, fixed in 3" in told
    accepted = '\n[[accepted]]\nid = "CVE-1"\nreason = "not called"\n'
    assert audited(index[""], accepted)[0] == 0


def test_audit_asks_for_the_newest_where_releases_have_no_page(
    index: dict[str, Any], audited: Callable[..., tuple[int, str]]
) -> None:
    """An index without pages of releases tells of newest versions; others are named."""
    index["packaging"] = _release("26.4")
    index["requests"] = _release("2.40.0", FLAW)
    index["urllib3"] = _release("2.8.0", FLAW)
    code, told = audited(index[""])
    assert code == 1
    assert "tells about 2 of 3 versions" in told
    assert "not told: requests 2.34.2: the index tells about the newest" in told
    assert "advisory: urllib3 2.8.0" in told


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/simple", "", "no address"])
def test_audit_without_an_index_says_so(
    address: str, index: dict[str, Any], audited: Callable[..., tuple[int, str]]
) -> None:
    """Without an answer the audit says why it skips, and keeps to the known list."""
    code, told = audited(address or index[""])
    assert code == 0
    assert told.startswith("skipped: the package index ")
    code, told = audited(address or index[""], swap="2.7.0")
    assert code == 1
    assert "advisory: urllib3 2.7.0: CVE-2026-97687" in told


# --- bill of materials ------------------------------------------------------------------


def test_bill_of_materials_names_what_the_image_holds() -> None:
    """Each package of the image is a component, and is reached from naftiko."""
    bom = json.loads(_text("image.cdx.json"))
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    found = {(c["name"], c["version"], c["purl"]) for c in bom["components"]}
    assert found == {
        (pin.name, pin.version, f"pkg:pypi/{pin.name}@{pin.version}")
        for pin in LOCKS["image"]
    }
    below = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
    root = bom["metadata"]["component"]["bom-ref"]
    reached, waiting = set(), [root]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += below[ref]
    assert reached == {root, *(c["bom-ref"] for c in bom["components"])}


# --- the image --------------------------------------------------------------------------


def _steps() -> str:
    """Return the commands of the first stage of the image, as one script."""
    text = (ROOT / "deploy" / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    stage = text[text.index("AS build") : text.index("\nFROM ${PYTHON}\n")]
    return " && ".join(re.findall(r"^RUN (.*)$", stage, re.MULTILINE))


def test_image_is_fixed_by_digests_and_hashes() -> None:
    """Each stage begins with a base by digest; nothing is installed without a hash."""
    text = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
    base = re.search(r"^ARG PYTHON=(\S+)$", text, re.MULTILINE)
    assert base is not None
    tag = rf"python:{re.escape(make.PYTHON)}\.\d+-slim-\w+@sha256:[0-9a-f]{{64}}"
    assert re.fullmatch(tag, base[1])
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${PYTHON}"}
    workflow = (ROOT / ".github" / "workflows" / "ci.yaml").read_text("utf-8")
    assert re.search(
        r"^ +image: debian:13@sha256:[0-9a-f]{64}$", workflow, re.MULTILINE
    )
    installs = [x for x in _steps().split("&&") if " install " in x or " wheel " in x]
    assert len(installs) == 4
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command


@pytest.mark.slow
@pytest.mark.network
def test_steps_of_the_image_make_a_program_that_runs(tmp_path: Path) -> None:
    """The build stage, run here, installs the lock alone; the program answers."""
    source, opt = tmp_path / "source", tmp_path / "opt"
    opt.mkdir()
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if line.startswith("!") and (ROOT / line[1:]).is_dir():
            shutil.copytree(ROOT / line[1:], source / line[1:])
        elif line.startswith("!"):
            source.mkdir(exist_ok=True)
            shutil.copy(ROOT / line[1:], source)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "base"], check=True)
    base = tmp_path / "base" / "bin"
    environment = {k: v for k, v in os.environ.items() if k != "PIP_CONSTRAINT"}
    environment["PATH"] = f"{base}{os.pathsep}{environment['PATH']}"
    script = _steps().replace("/opt/", f"{opt}/")
    done = subprocess.run(
        ["sh", "-euc", script], cwd=source, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if "Could not find a version" in done.stdout and "connection" in done.stdout:
        pytest.skip("no package index is reached")
    assert done.returncode == 0, done.stdout
    python = opt / "naftiko" / "bin" / "python"
    listed = subprocess.run(
        [python, "-c", "from importlib.metadata import distributions as d\n"
         "print('\\n'.join(f'{x.name} {x.version}' for x in d()))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = {
        (canonicalize_name(name), version)
        for name, version in (line.split() for line in listed.stdout.splitlines())
    }
    assert found == {
        ("naftiko", naftiko.__version__),
        *((pin.name, pin.version) for pin in LOCKS["image"]),
    }
    demo = [opt / "naftiko" / "bin" / "naftiko", "demo"]
    assert subprocess.run(demo, cwd=tmp_path, check=False).returncode == 0
