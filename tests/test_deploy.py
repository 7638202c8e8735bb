"""Files in `deploy/` are consistent with each other and with the program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from ruamel.yaml import YAML

import naftiko
from naftiko.exposes.control.app import ControlApp
from naftiko.exposes.engine import Engine
from naftiko.exposes.options import Options
from naftiko.exposes.state import Host
from support.controlling import get
from support.guarding import Nobody

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
OVERLAYS = sorted((DEPLOY / "overlays").iterdir())
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


def test_control_port_answers_probes_alone() -> None:
    """Without authentication the control port of the cluster has health and its page."""
    loaded = naftiko.load(manifest("configmap")["data"]["capability.yaml"])
    (control,) = (one for one in loaded.exposes if one.type == "control")
    assert control.authentication is None
    app = ControlApp(Engine(loaded, Nobody()), control, Options(), Host())
    for path in ("/health/live", "/health/ready"):
        assert get(app, path)[0] != 404
    others = ("/status", "/metrics", "/traces", "/traces/1", "/logs", "/logs/stream")
    for path in (*others, "/scripting", "/config/reload", "/config/validate"):
        assert get(app, path)[0] == 404, path


def test_network_policy_lets_in_what_asks_for_credentials() -> None:
    """Pods of the cluster reach the adapters with authentication, and no others."""
    policy = manifest("networkpolicy")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    pods = manifest("deployment")["spec"]["template"]
    assert policy["podSelector"]["matchLabels"] == pods["metadata"]["labels"]
    container = pods["spec"]["containers"][0]
    numbers = {port["name"]: port["containerPort"] for port in container["ports"]}
    let_in = {
        numbers[port["port"]] for rule in policy["ingress"] for port in rule["ports"]
    }
    loaded = naftiko.load(manifest("configmap")["data"]["capability.yaml"])
    protected = {one.port for one in loaded.exposes if one.authentication is not None}
    assert let_in == protected
    services = {port["targetPort"] for port in manifest("service")["spec"]["ports"]}
    assert {numbers[name] for name in services} == protected
    blocks = [
        peer["ipBlock"]
        for rule in policy["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    (ipv4,) = (block for block in blocks if block["cidr"] == "0.0.0.0/0")
    assert "169.254.0.0/16" in ipv4["except"]


def _resources() -> list[Any]:
    """Return the resources of the container, here and in each overlay that has some."""
    container = manifest("deployment")["spec"]["template"]["spec"]["containers"][0]
    found = [container["resources"]]
    for overlay in OVERLAYS:
        text = (overlay / "kustomization.yaml").read_text("utf-8")
        for patch in YAML(typ="safe", pure=True).load(text)["patches"]:
            changes = YAML(typ="safe", pure=True).load(patch["patch"])
            found += [x["value"] for x in changes if x["path"].endswith("/resources")]
    assert len(found) > 1
    return found


def test_containers_are_limited() -> None:
    """CPU, memory and disk have a limit in the manifests; processes too in compose."""
    for resources in _resources():
        assert {"cpu", "memory", "ephemeral-storage"} <= set(resources["limits"])
        assert {"cpu", "memory"} <= set(resources["requests"])
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    service = YAML(typ="safe", pure=True).load(text)["services"]["naftiko"]
    assert {"mem_limit", "memswap_limit", "cpus", "pids_limit"} <= set(service)
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


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
    if file == "Dockerfile":  # its other lines have options of other programs
        text = "".join(re.findall(r"^(?:ENTRYPOINT|CMD) .*$", text, re.MULTILINE))
    used = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text))
    assert used <= known


def test_every_image_has_the_version_of_the_package() -> None:
    """The manifests and the overlays name the image of this version."""
    container = manifest("deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"naftiko:{naftiko.__version__}"
    for overlay in OVERLAYS:
        text = (overlay / "kustomization.yaml").read_text("utf-8")
        (image,) = YAML(typ="safe", pure=True).load(text)["images"]
        assert image["newTag"] == naftiko.__version__


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda overlay: overlay.name)
def test_overlay_builds_manifests_of_its_own_namespace(overlay: Path) -> None:
    """An overlay gives every manifest its namespace, and the server its host name."""
    built = subprocess.run(
        ["kubectl", "kustomize", overlay], capture_output=True, text=True, check=True
    )
    manifests = list(YAML(typ="safe", pure=True).load_all(built.stdout))
    namespace = f"naftiko-{overlay.name}"
    kinds = {one["kind"]: one for one in manifests}
    assert kinds.pop("Namespace")["metadata"]["name"] == namespace
    assert {one["metadata"]["namespace"] for one in kinds.values()} == {namespace}
    assert {"Deployment", "Service", "ConfigMap", "Secret"} <= set(kinds)
    container = kinds["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    words = container["args"]
    assert words[words.index("--allowed-host") + 1] == f"naftiko.{namespace}.svc"
    _parsed(words)


def _parsed(words: list[str]) -> Any:
    """Return the command line of `naftiko serve`; refused words end the test."""
    from naftiko.cli.parser import build_parser

    return build_parser().parse_args(["serve", *words])


def test_dashboard_asks_for_metrics_and_labels_that_are_exported() -> None:
    """Each metric and each label of the dashboard is in the table of the page."""
    page = (ROOT / "docs" / "serve.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `naftiko.")]
    exported = {name for row in rows for name in re.findall(r"`(naftiko_\w+)`", row)}
    labels = {
        name.replace(".", "_") for name in re.findall(r"`([a-z._]+)`", "".join(rows))
    }
    histograms = {name + "_bucket" for name in exported if name.endswith("_seconds")}
    dashboard = json.loads((DEPLOY / "grafana" / "naftiko.json").read_text("utf-8"))
    asked: set[str] = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            assert expression.count("(") == expression.count(")")
            asked |= set(re.findall(r"naftiko_\w+", expression))
            for group in re.findall(r"by \(([^)]*)\)", expression):
                assert {name.strip() for name in group.split(",")} - {"le"} <= labels
    assert asked <= exported | histograms
    # Each exported metric has a panel.
    assert exported <= {name.removesuffix("_bucket") for name in asked}


def test_unit_of_systemd_starts_and_reloads_the_server() -> None:
    """The words of the unit are accepted, and a reload is SIGHUP."""
    text = (DEPLOY / "systemd" / "naftiko@.service").read_text("utf-8")
    settings = dict(
        line.split("=", 1) for line in text.splitlines() if re.match(r"\w+=", line)
    )
    program, command, *words = settings["ExecStart"].split()
    assert (program, command) == ("/opt/naftiko/bin/naftiko", "serve")
    assert _parsed(words).files == ["/etc/naftiko/%i.yaml"]
    assert settings["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert int(settings["TimeoutStopSec"]) > 10


def test_unit_of_systemd_is_started_again_and_limited() -> None:
    """A failure starts the server again; only what stays wrong does not."""
    lines = (DEPLOY / "systemd" / "naftiko@.service").read_text("utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))
    assert settings["Restart"] == "on-failure"
    assert settings["StartLimitIntervalSec"] == "0"
    # Codes of the command line: wrong usage, and a document that cannot be used.
    assert settings["RestartPreventExitStatus"] == "2 3"
    assert {"MemoryMax", "TasksMax", "CPUQuota", "LimitNOFILE"} <= set(settings)
    # A process of a script that is ended for its memory does not end the server.
    assert settings["OOMPolicy"] == "continue"
    for name in ("NoNewPrivileges", "PrivateDevices", "PrivateTmp", "DynamicUser"):
        assert settings[name] == "yes"
    assert settings["ProtectSystem"] == "strict"
    assert "169.254.169.254" in settings["IPAddressDeny"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_unit_of_systemd_is_verified(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, with a program that is there."""
    text = (DEPLOY / "systemd" / "naftiko@.service").read_text("utf-8")
    unit = tmp_path / "naftiko@.service"
    unit.write_text(text.replace("/opt/naftiko/bin/naftiko", sys.executable), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "naftiko@" in line]
    assert (done.returncode, ours) == (0, [])
