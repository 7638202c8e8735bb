"""The cost of one call, beside `requests` and, on the Docker socket, docker-py."""

from __future__ import annotations

import http.client
import io
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from measure import DOCKER, Report, options, take, upstream

import naftiko

DOCUMENT = """\
naftiko: 1.0.0-alpha2
info: {{label: Items, description: One page of items}}
capability:
  consumes:
    - type: http
      namespace: items
      baseUri: {url}
      resources:
        - name: page
          path: /{{size}}/items/{{id}}
          operations:
            - name: get
              method: GET
              inputParameters:
                - {{name: size, in: path, type: string, required: true}}
                - {{name: id, in: path, type: string, required: true}}
                - {{name: limit, in: query, type: integer}}
                - {{name: verbose, in: query, type: boolean}}
              outputParameters:
                - {{name: id, type: string, value: $.id}}
                - {{name: total, type: integer, value: $.meta.total}}
                - {{name: names, type: array, value: "$.items[*].name"}}
"""
Case = Callable[[], Any]
#: How many containers the engine lists.
CONTAINERS = 5


def measure_http(report: Report, rounds: int) -> None:
    """Compare a call with `requests.Session().get(url, params=…).json()`."""
    with (
        upstream() as url,
        requests.Session() as session,
        naftiko.load(DOCUMENT.format(url=url)) as items,
    ):
        for size, repeat, bar in (("2k", 300, 0.4), ("200k", 30, 0.7)):

            def plain(size: str = size) -> Any:
                parameters = {"limit": 10, "verbose": "true"}
                return session.get(f"{url}/{size}/items/42", params=parameters).json()

            def ours(size: str = size) -> Any:
                return items.call(
                    "items.get", size=size, id="42", limit=10, verbose=True
                )

            assert ours()["names"] == [item["name"] for item in plain()["items"]]
            ours_name, plain_name = f"call, {size}", f"requests, {size}"
            samples = take({plain_name: plain, ours_name: ours}, rounds, repeat)
            report.add(samples)
            what = f"call ÷ requests.Session.get(…).json(), {size}"
            report.ratio(what, samples[ours_name], samples[plain_name], most=bar)


def measure_docker(report: Report, rounds: int) -> None:
    """Compare calls on a Docker socket with docker-py's for the same request."""
    what = "call ÷ docker-py"
    try:
        import docker
    except ImportError:
        report.skip(what, "docker-py is not installed: pip install docker")
        return
    try:
        with engine() as path:
            peer = docker.APIClient(base_url=f"unix://{path}", version="1.41")
            with _filled(peer):
                _measure_docker(report, rounds, peer, path)
            peer.close()
    except NoEngine as error:
        report.skip(what, str(error))


def _measure_docker(report: Report, rounds: int, peer: Any, path: str) -> None:
    with naftiko.load(DOCKER, base_uri=f"unix://{path}") as ours:
        cases: dict[str, tuple[str, Case, Case, float | None]] = {
            "containers": (
                "/containers/json?all=true&limit=100",
                lambda: peer.containers(all=True, limit=100),
                lambda: ours.call("docker.containerlist", all=True, limit=100),
                0.65,
            ),
            "ping": ("/_ping", peer.ping, lambda: ours.call("docker.systemping"), 0.65),
            # The engine itself takes milliseconds for this one; no client changes that.
            "version": (
                "/version",
                lambda: peer.version(api_version=False),
                lambda: ours.call("docker.systemversion"),
                None,
            ),
        }
        for name, (target, theirs, mine, bar) in cases.items():
            peer_name, our_name = f"docker-py, {name}", f"call, docker {name}"
            bare_name = f"http.client, {name}"
            with _bare(path, target) as bare:
                named = {peer_name: theirs, our_name: mine, bare_name: bare}
                samples = take(named, rounds, 100)
            report.add(samples)
            what = f"call ÷ docker-py, {name}"
            report.ratio(what, samples[our_name], samples[peer_name], most=bar)
            what = f"http.client, nothing decoded ÷ docker-py, {name}"
            report.ratio(what, samples[bare_name], samples[peer_name])


@contextmanager
def _bare(path: str, target: str) -> Iterator[Case]:
    """Give what the engine and the standard library cost without any client."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(path)

    def get() -> bytes:
        connection.request("GET", target)
        return connection.getresponse().read()

    yield get
    connection.close()


class NoEngine(Exception):
    """There is no Docker Engine to measure with; the text says why."""


@contextmanager
def engine() -> Iterator[str]:
    """Give the socket in `NAFTIKO_DOCKER_SOCKET`, or that of a private engine."""
    if given := os.environ.get("NAFTIKO_DOCKER_SOCKET"):
        yield given
        return
    dockerd = shutil.which("dockerd") or shutil.which("dockerd", path="/usr/sbin")
    if dockerd is None:
        raise NoEngine("NAFTIKO_DOCKER_SOCKET is not set, dockerd not installed")
    if os.geteuid() != 0:
        raise NoEngine("NAFTIKO_DOCKER_SOCKET is not set, and only root starts dockerd")
    with tempfile.TemporaryDirectory(prefix="naftiko-", dir="/tmp") as folder:
        path = f"{folder}/docker.sock"
        with open(f"{folder}/log", "wb") as log:
            process = subprocess.Popen(
                [
                    dockerd, "--iptables=false", "--bridge=none",
                    "--storage-driver=vfs", f"--data-root={folder}/data",
                    f"--exec-root={folder}/exec", f"--pidfile={folder}/pid",
                    "-H", f"unix://{path}",
                ],
                stdout=log, stderr=log,
            )  # fmt: skip
        try:
            _wait(path, process, Path(folder, "log"))
            yield path
        finally:
            process.terminate()
            process.wait(30)


def _wait(path: str, process: subprocess.Popen[bytes], log: Path) -> None:
    with naftiko.load(DOCKER, base_uri=f"unix://{path}") as ours:
        for _ in range(150):
            try:
                ours.call("docker.systemping")
                return
            except naftiko.CallError:
                if process.poll() is not None:
                    break
                time.sleep(0.2)
    raise NoEngine(f"dockerd does not start: {log.read_text(errors='replace')[-300:]}")


@contextmanager
def _filled(peer: Any) -> Iterator[None]:
    """Create containers that need not run, and remove them again."""
    image = "naftiko-benchmark:1"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("nothing"))
    peer.import_image_from_data(archive.getvalue(), *image.split(":"))
    ids = []
    try:
        for number in range(CONTAINERS):
            made = peer.create_container(
                image,
                ["/nothing", "--port", "80"],
                name=f"naftiko-benchmark-{number}",
                labels={"com.example.part": "benchmark", "com.example.number": "1"},
                host_config=peer.create_host_config(network_mode="none"),
            )
            ids.append(made["Id"])
        yield
    finally:
        for container in ids:
            peer.remove_container(container)
        peer.remove_image(image)


def main() -> None:
    """Measure and report."""
    given = options(__doc__, rounds=15)
    report = Report("call", "requests", "urllib3", "docker")
    measure_http(report, given.rounds)
    measure_docker(report, given.rounds)
    report.end(given.json)


if __name__ == "__main__":
    main()
