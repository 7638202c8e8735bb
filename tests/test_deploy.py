"""The files in `deploy/` fit each other and the program; tools of others lint them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import naftiko

DEPLOY = Path(__file__).parents[1] / "deploy"
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


def test_probes_ask_for_what_is_served() -> None:
    """Liveness and readiness are the paths of the control port."""
    container = manifest("deployment")["spec"]["template"]["spec"]["containers"][0]
    for name, path in (
        ("startupProbe", "/health/live"),
        ("livenessProbe", "/health/live"),
        ("readinessProbe", "/health/ready"),
    ):
        assert container[name]["httpGet"] == {"path": path, "port": "control"}


def test_labels_fit() -> None:
    """Service, deployment, autoscaler and budget mean the same pods."""
    labels = manifest("deployment")["spec"]["template"]["metadata"]["labels"]
    assert manifest("service")["spec"]["selector"] == labels
    assert manifest("disruption")["spec"]["selector"]["matchLabels"] == labels
    target = manifest("autoscaler")["spec"]["scaleTargetRef"]
    assert target["name"] == manifest("deployment")["metadata"]["name"]


@pytest.mark.parametrize(
    "file", ["Dockerfile", "compose.yaml", "kubernetes/deployment.yaml"]
)
def test_options_exist(file: str) -> None:
    """Every option that a file gives to `naftiko serve` is one."""
    from naftiko.cli.parser import build_parser, command_parsers, options_of

    known = set(options_of(command_parsers(build_parser())["serve"]))
    text = (DEPLOY / file).read_text("utf-8")
    used = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text))
    others = {"--no-cache-dir", "--system", "--uid", "--no-create-home", "--from"}
    docker = {"--interval", "--timeout", "--start-period"}
    assert used - others - docker <= known
