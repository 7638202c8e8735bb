"""A real Docker Engine for tests, with images and containers.

`NAFTIKO_DOCKER_SOCKET` names the engine. Otherwise root starts a private `dockerd`,
once for all tests. `NAFTIKO_REQUIRE_DOCKER=1` turns skipping into a failure.
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
#: Label of all images, containers and volumes of the tests. Prune and watch are limited
#: to this label, because the engine may be in use by others.
LABEL = f"naftiko-test={os.getpid()}"


def _skip(reason: str) -> None:
    if os.environ.get("NAFTIKO_REQUIRE_DOCKER") == "1":
        pytest.fail(f"Docker must be there: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def docker_socket() -> Iterator[str]:
    """Yield the path of the socket of a Docker Engine."""
    if given := os.environ.get("NAFTIKO_DOCKER_SOCKET"):
        yield given
        return
    dockerd = shutil.which("dockerd") or shutil.which("dockerd", path="/usr/sbin")
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        _skip("dockerd can only be started by root")
    if dockerd is None:
        _skip("dockerd is not installed")
    # A socket path has at most 107 characters, so the folder of the test is too long.
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
    """Load `capabilities/docker.yaml`, connected to the engine."""
    with naftiko.load(
        FILE, base_uri=f"unix://{docker_socket}", timeout=60
    ) as capability:
        yield capability


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a tar archive of a file system that has only busybox."""
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
    """Import an image from a tar stream, yield its name and remove the image."""
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
            # An error after the response status is reported in this stream.
            assert "error" not in value, value
            assert "errorDetail" not in value, value
            if value.get("status", "").startswith("sha256:"):
                ids.append(value["status"])
    assert len(ids) == 1
    return str(ids[0])


def labelled(**more: list[str]) -> str:
    """Return Docker filters for the label of these tests."""
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
