"""Files in `deploy/` are consistent with each other and with the program."""

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
    """Return a Kubernetes manifest as data."""
    text = (DEPLOY / "kubernetes" / f"{name}.yaml").read_text("utf-8")
    return YAML(typ="safe", pure=True).load(text)


def test_every_manifest_is_applied() -> None:
    """`kubectl apply -k` applies every manifest of the folder."""
    listed = manifest("kustomization")["resources"]
    assert sorted([*listed, "kustomization.yaml"]) == [m.name for m in MANIFESTS]


def test_document_in_the_config_map_fits_the_deployment() -> None:
    """The document is valid; ports and variables are those of the manifests."""
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


def test_probes_use_paths_of_the_control_port() -> None:
    """Startup and liveness probes use `/health/live`, readiness `/health/ready`."""
    container = manifest("deployment")["spec"]["template"]["spec"]["containers"][0]
    for name, path in (
        ("startupProbe", "/health/live"),
        ("livenessProbe", "/health/live"),
        ("readinessProbe", "/health/ready"),
    ):
        assert container[name]["httpGet"] == {"path": path, "port": "control"}


def test_manifests_select_the_same_pods() -> None:
    """Service, deployment, autoscaler and disruption budget select the same pods."""
    labels = manifest("deployment")["spec"]["template"]["metadata"]["labels"]
    assert manifest("service")["spec"]["selector"] == labels
    assert manifest("disruption")["spec"]["selector"]["matchLabels"] == labels
    target = manifest("autoscaler")["spec"]["scaleTargetRef"]
    assert target["name"] == manifest("deployment")["metadata"]["name"]
    # The autoscaler decides the number of replicas.
    assert "replicas" not in manifest("deployment")["spec"]


def is_in_build_context(path: str) -> bool:
    """Tell whether `.dockerignore` leaves a file in the build context.

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
    """`.dockerignore` leaves in every file from which the wheel is built."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = build["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = ["pyproject.toml", "LICENSE", build["project"]["readme"]]
    for folder in (*wheel["packages"], *wheel["force-include"]):
        files = [file for file in (ROOT / folder).rglob("*") if file.is_file()]
        needed += [str(file.relative_to(ROOT)) for file in files]
    made = [file for file in needed if "__pycache__" in file]
    assert len(needed) - len(made) > 100
    assert [file for file in needed if not is_in_build_context(file)] == made


@pytest.mark.parametrize(
    "path",
    [
        ".git/config", ".venv/bin/python", ".env", "deploy/variables.env",
        "deploy/kubernetes/secret.yaml", "capabilities/.env", "capabilities/shop.env",
        "naftiko/__pycache__/x.pyc", "naftiko/.cache/x", "notes.txt", "tests/x.py",
    ],
)  # fmt: skip
def test_build_context_has_no_secrets(path: str) -> None:
    """`.dockerignore` excludes `.git`, environments and files with variables."""
    assert not is_in_build_context(path)


@pytest.mark.parametrize(
    "file", ["Dockerfile", "compose.yaml", "kubernetes/deployment.yaml"]
)
def test_options_of_serve_in_deploy_files_exist(file: str) -> None:
    """Every option that a deploy file gives to `naftiko serve` exists."""
    from naftiko.cli.parser import build_parser, command_parsers, options_of

    known = set(options_of(command_parsers(build_parser())["serve"]))
    text = (DEPLOY / file).read_text("utf-8")
    used = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text))
    others = {"--no-cache-dir", "--system", "--uid", "--no-create-home", "--from"}
    docker = {"--interval", "--timeout", "--start-period"}
    assert used - others - docker <= known
