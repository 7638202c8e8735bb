"""A real Docker Engine for tests, and what they make in it.

The engine is the one at `NAFTIKO_DOCKER_SOCKET`, or a private `dockerd` that is started
as root, once for all tests. `NAFTIKO_REQUIRE_DOCKER=1` turns skipping into a failure.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import naftiko
from support.shared import CAPABILITIES

FILE = CAPABILITIES / "docker.yaml"
IMAGE = "naftiko-test"
#: What this test makes carries this label, and it prunes and watches nothing else: the
#: engine may be somebody's own.
LABEL = f"naftiko-test={os.getpid()}"


def _skip(reason: str) -> None:
    if os.environ.get("NAFTIKO_REQUIRE_DOCKER") == "1":
        pytest.fail(f"Docker must be there: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def docker_socket() -> Iterator[str]:
    """Give the socket of a Docker Engine."""
    if given := os.environ.get("NAFTIKO_DOCKER_SOCKET"):
        yield given
        return
    dockerd = shutil.which("dockerd") or shutil.which("dockerd", path="/usr/sbin")
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        _skip("dockerd can only be started by root")
    if dockerd is None:
        _skip("dockerd is not installed")
    # A socket path has at most 107 characters, so the long test folder will not do.
    folder = Path("/tmp") / f"naftiko-docker-{os.getpid()}"
    folder.mkdir(mode=0o700)
    log = (folder / "log").open("wb")
    engine = subprocess.Popen(
        [
            str(dockerd), "--iptables=false", "--bridge=none", "--storage-driver=vfs",
            f"--data-root={folder / 'data'}", f"--exec-root={folder / 'exec'}",
            f"--pidfile={folder / 'pid'}", "-H", f"unix://{folder / 'docker.sock'}",
        ],
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        if not _answers(str(folder / "docker.sock"), engine):
            tail = (folder / "log").read_text(errors="replace")[-800:]
            _skip(f"dockerd does not start here: {tail}")
        yield str(folder / "docker.sock")
    finally:
        engine.terminate()
        try:
            engine.wait(20)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(path: str, engine: subprocess.Popen[bytes]) -> bool:
    with naftiko.load(FILE, base_uri=f"unix://{path}") as docker:
        for _ in range(150):
            try:
                return docker.call("docker.systemping") == "OK"
            except naftiko.CallError:
                if engine.poll() is not None:
                    return False
                time.sleep(0.2)
    return False


@pytest.fixture(scope="session")
def docker(docker_socket: str) -> Iterator[naftiko.Capability]:
    """Give the shipped capability, connected to the engine."""
    with naftiko.load(
        FILE, base_uri=f"unix://{docker_socket}", timeout=60
    ) as capability:
        yield capability


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file system of nothing but busybox, as a tar archive on disk."""
    busybox = shutil.which("busybox")
    if busybox is None:
        _skip("busybox-static is not installed")
    path = tmp_path_factory.mktemp("image") / "root.tar"
    with tarfile.open(path, "w") as tar:
        # /bin/busybox may be a symbolic link.
        tar.add(Path(str(busybox)).resolve(), "bin/busybox")
        for name in ("sh", "sleep", "echo", "cat", "true", "false"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return path


@pytest.fixture(scope="session")
def image(docker: naftiko.Capability, archive: Path) -> Iterator[str]:
    """Import an image from a tar stream; give its name, and remove it at the end."""
    name = f"{IMAGE}:{os.getpid()}"
    import_image(docker, archive, repo=IMAGE, tag=str(os.getpid()))
    assert docker.call("docker.imageinspect", name=name)["os"] == "linux"
    yield name
    docker.call("docker.imagedelete", name=name, force=True)


def import_image(docker: naftiko.Capability, archive: Path, **name: str) -> str:
    """Import an archive as an image; return the id of the image."""
    wanted = {"fromSrc": "-", "changes": f"LABEL {LABEL}", "body": archive, **name}
    ids = []
    with docker.stream("docker.imagecreate", wanted) as progress:
        for value in progress.values():
            # The status was sent long before; what fails afterwards stands here.
            assert "error" not in value, value
            assert "errorDetail" not in value, value
            if value.get("status", "").startswith("sha256:"):
                ids.append(value["status"])
    assert len(ids) == 1
    return str(ids[0])


def labelled(**more: list[str]) -> str:
    """Return filters for what these tests make."""
    return json.dumps({"label": [LABEL], **more})


def create(
    docker: naftiko.Capability, image: str, *command: str, **more: object
) -> str:
    """Create a container and return its id."""
    body = {
        "Image": image,
        "Cmd": list(command),
        "HostConfig": {"NetworkMode": "none"},
        "Labels": dict([LABEL.split("=")]),
        **more,
    }
    created = docker.call("docker.containercreate", body)
    return str(created["id"])


def frames(raw: bytes) -> dict[int, bytes]:
    """Split the multiplexed stream of logs: stream number → content."""
    found: dict[int, bytes] = {}
    while raw:
        number, size = raw[0], int.from_bytes(raw[4:8], "big")
        found[number] = found.get(number, b"") + raw[8 : 8 + size]
        raw = raw[8 + size :]
    return found
