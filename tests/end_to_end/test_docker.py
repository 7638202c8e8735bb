"""`capabilities/docker.yaml` on a real Docker Engine: containers, images and volumes.

`support.docker_engine` describes the engine of these tests.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
from pathlib import Path

import pytest

import naftiko
from support.docker_engine import (
    IMAGE,
    LABEL,
    create,
    frames,
    import_image,
    labelled,
)

pytestmark = [pytest.mark.network, pytest.mark.slow]


def test_engine_version_has_the_declared_outputs(docker: naftiko.Capability) -> None:
    """The version of the engine has the declared outputs."""
    version = docker.exchange("docker.systemversion")
    assert version.data["ApiVersion"]
    assert set(version.result) == {o.name for o in version.operation.output_parameters}
    assert docker.call("docker.systeminfo")


def test_image_is_imported_tagged_and_removed(
    docker: naftiko.Capability, image: str
) -> None:
    """An imported image is listed, inspected, tagged and removed again."""
    listed = docker.exchange("docker.imagelist")
    assert any(image in (entry["RepoTags"] or ()) for entry in listed.data)
    assert image in listed.result["tags"]
    inspected = docker.exchange("docker.imageinspect", name=image).data
    assert inspected["Config"]["Labels"] == dict([LABEL.split("=")])
    docker.call("docker.imagetag", {"name": image, "repo": IMAGE, "tag": "other"})
    removed = docker.exchange("docker.imagedelete", name=f"{IMAGE}:other").data
    assert {"Untagged": f"{IMAGE}:other"} in removed
    history = docker.exchange("docker.imagehistory", name=image).data
    assert len(history) == 1


def test_broken_archive_is_an_error(docker: naftiko.Capability) -> None:
    """A broken archive is an error, as a status or as a line of a stream."""
    wanted = {"fromSrc": "-", "repo": f"{IMAGE}-broken", "body": b"no archive" * 200}
    answer = docker.exchange("docker.imagecreate", wanted, raise_for_status=False)
    # Some engines answer 500 with a message, others 200 and a line with an error.
    *_, last = answer.data if isinstance(answer.data, list) else [answer.data]
    assert "tar header" in (last.get("error") or last.get("message"))


def test_container_is_created_started_and_removed(
    docker: naftiko.Capability, image: str
) -> None:
    """Create, start, wait, read the logs, rename and remove a container."""
    command = ("sh", "-c", "echo out; echo err >&2; exit 3")
    container = create(docker, image, *command, name="life")
    docker.call("docker.containerstart", id=container)
    assert docker.exchange("docker.containerwait", id=container).data["StatusCode"] == 3
    wanted = {"id": container, "stdout": True, "stderr": True}
    with docker.stream("docker.containerlogs", wanted) as logs:
        assert frames(logs.read()) == {1: b"out\n", 2: b"err\n"}
    logged = docker.exchange("docker.containerlogs", wanted)
    assert sorted(str(logged.result).split()) == ["err", "out"]
    assert logged.streams == {"stdout": "out\n", "stderr": "err\n"}
    docker.call("docker.containerrename", {"id": container, "name": "renamed"})
    inspected = docker.exchange("docker.containerinspect", id="renamed").data
    assert inspected["Id"] == container
    assert inspected["State"]["ExitCode"] == 3
    everything = docker.exchange(
        "docker.containerlist", all=True, filters='{"name": ["renamed"]}'
    )
    assert everything.outputs["ids"] == [container]
    docker.call("docker.containerdelete", id="renamed")
    with pytest.raises(naftiko.StatusError, match="No such container") as caught:
        docker.call("docker.containerinspect", id="renamed")
    assert caught.value.status == 404
    assert caught.value.detail.startswith("No such container")


def test_running_container_can_be_inspected(
    docker: naftiko.Capability, image: str, tmp_path: Path
) -> None:
    """A running container answers stats and exec, and takes and gives archives."""
    container = create(docker, image, "sleep", "60")
    docker.call("docker.containerstart", id=container)
    again = docker.exchange("docker.containerstart", id=container)
    assert (again.status, again.result) == (304, None)
    stats = docker.exchange("docker.containerstats", {"id": container, "stream": False})
    assert stats.data["id"] == container

    created = docker.exchange(
        "docker.containerexec",
        {"id": container, "Cmd": ["echo", "from inside"], "AttachStdout": True},
    ).data["Id"]
    output = docker.call("docker.execstart", {"id": created, "Detach": False})
    assert output == "from inside\n"
    assert docker.exchange("docker.execinspect", id=created).data["ExitCode"] == 0

    archive = tmp_path / "in.tar"
    with tarfile.open(archive, "w") as tar:
        entry = tarfile.TarInfo("note.txt")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    docker.call(
        "docker.putcontainerarchive", {"id": container, "path": "/", "body": archive}
    )
    wanted = {"id": container, "path": "/note.txt"}
    with docker.stream("docker.containerarchive", wanted) as stream:
        content = stream.read()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        member = tar.extractfile("note.txt")
        assert member is not None
        assert member.read() == b"hello"
    changes = docker.exchange("docker.containerchanges", id=container).data
    assert {"Path": "/note.txt", "Kind": 1} in changes

    docker.call("docker.containerkill", id=container)
    docker.call("docker.containerdelete", id=container, force=True)


def test_logs_are_read_while_they_are_written(
    docker: naftiko.Capability, image: str
) -> None:
    """A log is read line by line while the container still writes it."""
    script = "echo one; sleep 0.3; echo two"
    container = create(docker, image, "sh", "-c", script, Tty=True)
    docker.call("docker.containerstart", id=container)
    with docker.stream(
        "docker.containerlogs", {"id": container, "stdout": True, "follow": True}
    ) as stream:
        assert list(stream.lines()) == ["one", "two"]
    docker.call("docker.containerdelete", id=container, force=True)


def test_events_are_streamed(docker: naftiko.Capability, image: str) -> None:
    """Events of the engine arrive as values while they happen."""
    wanted = {
        "filters": json.dumps({"type": ["container"], "label": [LABEL, "watched"]}),
        # The engine answers before it collects events, so `since` includes all events.
        "since": str(int(time.time())),
    }
    with docker.stream("docker.systemevents", wanted) as events:
        labels = dict([LABEL.split("="), ("watched", "yes")])
        container = create(docker, image, "true", Labels=labels)
        values = events.values()
        assert next(values)["Action"] == "create"
        docker.call("docker.containerdelete", id=container)
        assert next(values)["Action"] == "destroy"


def test_volumes_are_created_and_networks_listed(docker: naftiko.Capability) -> None:
    """Volumes are created, listed, inspected and removed; networks are listed."""
    docker.call("docker.volumecreate", {"Name": "naftiko-data", "Labels": {"a": "b"}})
    assert docker.exchange("docker.volumeinspect", name="naftiko-data").data[
        "Labels"
    ] == {"a": "b"}
    listed = docker.exchange("docker.volumelist").data["Volumes"]
    assert "naftiko-data" in [volume["Name"] for volume in listed]
    docker.call("docker.volumedelete", name="naftiko-data")
    names = [network["Name"] for network in docker.exchange("docker.networklist").data]
    assert {"host", "none"} <= set(names)
    inspected = docker.exchange("docker.networkinspect", id="none").data
    assert inspected["Driver"] == "null"


def test_prune_removes_stopped_and_dangling(
    docker: naftiko.Capability, archive: Path, image: str
) -> None:
    """Prune removes stopped containers and untagged images, and lists them."""
    container = create(docker, image, "true")
    pruned = docker.exchange("docker.containerprune", filters=labelled()).data
    assert container in pruned["ContainersDeleted"]
    nameless = import_image(docker, archive, message=str(time.time_ns()))
    pruned = docker.exchange("docker.imageprune", filters=labelled()).data
    assert nameless in [entry.get("Deleted") for entry in pruned["ImagesDeleted"]]
    assert docker.call("docker.imageinspect", name=image)
    docker.call("docker.volumeprune", filters=labelled())


def test_error_of_the_engine_is_raised_with_its_text(
    docker: naftiko.Capability,
) -> None:
    """A refused call raises `StatusError` with the message of the engine."""
    with pytest.raises(naftiko.StatusError, match="No such image") as caught:
        docker.call("docker.containercreate", {"Image": "nothing-here"})
    assert caught.value.status == 404
