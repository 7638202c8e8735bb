"""`naftiko validate` as a pre-commit hook in a temporary repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from naftiko.document.source import read
from naftiko.document.writing import write_yaml
from support.shared import ROOT

pytest.importorskip("pre_commit", reason="pre-commit is not installed")
if not shutil.which("git"):
    pytest.skip("git is not installed", allow_module_level=True)

HOOKS = ROOT / ".pre-commit-hooks.yaml"
GOOD = (ROOT / "capabilities" / "bookshop.yaml").read_bytes()
BROKEN = (ROOT / "capabilities" / "broken.yaml").read_bytes()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which git and pre-commit use a temporary folder."""
    programs = tmp_path / "programs"
    programs.mkdir()
    command = programs / "naftiko"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m naftiko "$@"\n')
    command.chmod(0o755)
    # `GIT_…` variables of a hook that runs the tests would name another repository.
    others = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return {
        **others,
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@h.test",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@h.test",
        "GIT_ALLOW_PROTOCOL": "file",
    }


def _git(folder: Path, environment: dict[str, str], *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _commit(folder: Path, environment: dict[str, str], files: dict[str, Any]) -> str:
    """Commit files to a repository, which is made first; return the commit's hash."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if not (folder / ".git").exists():
        _git(folder, environment, "init", "-q", ".")
    _git(folder, environment, "add", "-A")
    _git(folder, environment, "commit", "-q", "--allow-empty", "-m", "files")
    return _git(folder, environment, "rev-parse", "HEAD")


@pytest.fixture
def hooks(tmp_path: Path, environment: dict[str, str]) -> tuple[str, str]:
    """Return a repository with the shipped hook, and its revision.

    The language of the hook is changed to `system`, as `python` needs a package index.
    """
    declared = read(HOOKS).data
    assert [hook["language"] for hook in declared] == ["python"]
    for hook in declared:
        hook["language"] = "system"
    folder = tmp_path / "hooks"
    files = {".pre-commit-hooks.yaml": write_yaml(declared)}
    folder.mkdir()
    return str(folder), _commit(folder, environment, files)


def _run(
    folder: Path, environment: dict[str, str], hooks: tuple[str, str], **hook: Any
) -> tuple[int, str]:
    """Run the hook on every file of a repository; return its exit code and output."""
    repo, rev = hooks
    entry = {"repo": repo, "rev": rev, "hooks": [{"id": "naftiko-validate", **hook}]}
    _commit(
        folder, environment, {".pre-commit-config.yaml": write_yaml({"repos": [entry]})}
    )
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
        timeout=50,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_hook_checks_capability_files_only(
    tmp_path: Path, environment: dict[str, str], hooks: tuple[str, str]
) -> None:
    """The hook checks files with names of capabilities and skips other YAML files."""
    folder = tmp_path / "shop"
    names = ("naftiko.yaml", "shop.naftiko.yml", "deep/capabilities/shop.yaml")
    files: dict[str, Any] = dict.fromkeys(names, GOOD)
    files |= {"compose.yaml": BROKEN, "capabilities/notes.txt": BROKEN}
    folder.mkdir()
    _commit(folder, environment, files)
    code, shown = _run(folder, environment, hooks)
    assert "naftiko validate" in shown
    assert "Passed" in shown
    assert code == 0, shown
    for name in names:
        _commit(folder, environment, {name: BROKEN})
        code, shown = _run(folder, environment, hooks)
        assert code == 1
        assert f"\n{name}:" in shown
        _commit(folder, environment, {name: GOOD})


@pytest.mark.slow
def test_pattern_and_arguments_of_the_hook_can_be_replaced(
    tmp_path: Path, environment: dict[str, str], hooks: tuple[str, str]
) -> None:
    """`files` and `args` of a repository replace those of the hook."""
    folder = tmp_path / "shop"
    folder.mkdir()
    older = GOOD.replace(b"1.0.0-alpha2", b"1.0.0-alpha1", 1)
    _commit(folder, environment, {"apis/shop.yaml": older})
    code, shown = _run(folder, environment, hooks)
    assert (code, "Skipped" in shown) == (0, True), shown
    code, shown = _run(folder, environment, hooks, files="^apis/")
    assert (code, "Passed" in shown) == (0, True), shown
    code, shown = _run(folder, environment, hooks, files="^apis/", args=["--strict"])
    assert code == 1
    assert "apis/shop.yaml:" in shown
    assert "1.0.0-alpha2" in shown


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository")
def test_shipped_hook_installs_its_own_environment(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """The shipped hook with `language: python` installs `naftiko` by itself."""
    folder = tmp_path / "shop"
    folder.mkdir()
    _commit(folder, environment, {"naftiko.yaml": BROKEN})
    del environment["PYTHONPATH"]
    os.unlink(tmp_path / "programs" / "naftiko")
    done = subprocess.run(
        [
            sys.executable, "-m", "pre_commit", "try-repo", str(ROOT),
            "naftiko-validate", "--files", "naftiko.yaml", "--color=never",
        ],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    shown = done.stdout + done.stderr
    if "Failed to establish a new connection" in shown or "No matching" in shown:
        pytest.skip("no package index answers")
    assert done.returncode == 1, shown
    assert "\nnaftiko.yaml:" in shown


def test_configuration_of_this_repository_is_valid() -> None:
    """The pre-commit files of this repository are valid and pin each tool's version."""
    for command, name in (
        ("validate-manifest", ".pre-commit-hooks.yaml"),
        ("validate-config", ".pre-commit-config.yaml"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "pre_commit", command, str(ROOT / name)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    (local,) = read(ROOT / ".pre-commit-config.yaml").data["repos"]
    for hook in local["hooks"]:
        for dependency in hook.get("additional_dependencies", ()):
            assert "==" in dependency
