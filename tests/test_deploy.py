"""The files in `deploy/` fit each other and the program; tools of others lint them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from ruamel.yaml import YAML

import naftiko

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def manifest(name: str) -> Any:
    """Return a manifest as data."""
    text = (DEPLOY / "kubernetes" / f"{name}.yaml").read_text("utf-8")
    return YAML(typ="safe", pure=True).load(text)


def test_every_manifest_is_applied() -> None:
    """`kubectl apply -k` misses none."""
    listed = manifest("kustomization")["resources"]
    assert sorted([*listed, "kustomization.yaml"]) == [m.name for m in MANIFESTS]


def test_the_document_in_the_config_map_is_served_as_the_deployment_says() -> None:
    """It is valid in both modes; ports and variables are those of the manifests."""
    text = manifest("configmap")["data"]["capability.yaml"]
    warnings = [p.code for p in naftiko.validate(text)]
    assert set(warnings) <= {"W-base-uri-placeholder"}
    published = naftiko.validate(text, schema="published")
    assert not [p for p in published if p.severity == "error"]
    loaded = naftiko.load(text)
    container = manifest("deployment")["spec"]["template"]["spec"]["containers"][0]
    ports = {port["containerPort"] for port in container["ports"]}
    assert {exposes.port for exposes in loaded.exposes} == ports
    bound = loaded.variables.declared
    assert set(manifest("secret")["stringData"]) == bound


def test_probes_ask_paths_that_are_served() -> None:
    """Liveness and readiness are the paths of the control port."""
    container = manifest("deployment")["spec"]["template"]["spec"]["containers"][0]
    for name, path in (
        ("startupProbe", "/health/live"),
        ("livenessProbe", "/health/live"),
        ("readinessProbe", "/health/ready"),
    ):
        assert container[name]["httpGet"] == {"path": path, "port": "control"}


def test_manifests_select_the_same_pods() -> None:
    """Service, deployment, autoscaler and budget mean the same pods."""
    labels = manifest("deployment")["spec"]["template"]["metadata"]["labels"]
    assert manifest("service")["spec"]["selector"] == labels
    assert manifest("disruption")["spec"]["selector"]["matchLabels"] == labels
    target = manifest("autoscaler")["spec"]["scaleTargetRef"]
    assert target["name"] == manifest("deployment")["metadata"]["name"]
    # The autoscaler decides the number of replicas.
    assert "replicas" not in manifest("deployment")["spec"]


def is_let_in(path: str) -> bool:
    """Tell whether `.dockerignore` leaves a file in the context of the build.

    The last pattern that matches the path, or a folder above, decides.
    """
    folders = [path, *map(str, PurePosixPath(path).parents)][:-1]
    kept = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern = line.removeprefix("!").replace("**/", "\0")
        if not pattern or pattern.startswith("#"):
            continue
        text = re.escape(pattern).replace(r"\*", "[^/]*").replace("\0", "(?:.*/)?")
        if any(re.fullmatch(text, folder) for folder in folders):
            kept = line.startswith("!")
    return kept


def test_build_context_has_every_file_of_the_wheel() -> None:
    """Every file of the repository that the build reads is let in."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = build["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = ["pyproject.toml", "LICENSE", build["project"]["readme"]]
    for folder in (*wheel["packages"], *wheel["force-include"]):
        files = [file for file in (ROOT / folder).rglob("*") if file.is_file()]
        needed += [str(file.relative_to(ROOT)) for file in files]
    made = [file for file in needed if "__pycache__" in file]
    assert len(needed) - len(made) > 100
    assert [file for file in needed if not is_let_in(file)] == made


@pytest.mark.parametrize(
    "path",
    [
        ".git/config", ".venv/bin/python", ".env", "deploy/variables.env",
        "deploy/kubernetes/secret.yaml", "capabilities/.env", "capabilities/shop.env",
        "naftiko/__pycache__/x.pyc", "naftiko/.cache/x", "notes.txt", "tests/x.py",
    ],
)  # fmt: skip
def test_build_context_has_no_secrets(path: str) -> None:
    """The repository, environments and values of variables stay outside."""
    assert not is_let_in(path)


@pytest.mark.parametrize(
    "file", ["Dockerfile", "compose.yaml", "kubernetes/deployment.yaml"]
)
def test_options_of_serve_exist(file: str) -> None:
    """Every option that a file gives to `naftiko serve` is one."""
    from naftiko.cli.parser import build_parser, command_parsers, options_of

    known = set(options_of(command_parsers(build_parser())["serve"]))
    text = (DEPLOY / file).read_text("utf-8")
    used = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text))
    others = {"--no-cache-dir", "--system", "--uid", "--no-create-home", "--from"}
    docker = {"--interval", "--timeout", "--start-period"}
    assert used - others - docker <= known
