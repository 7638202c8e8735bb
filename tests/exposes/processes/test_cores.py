"""`usable_cores`: affinity, and what control groups grant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from naftiko.exposes.processes.cores import usable_cores


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({"proc/self/cgroup": "0::/\n"}, 8),
        ({"proc/self/cgroup": "0::/\n", "cpu.max": "max 100000\n"}, 8),
        ({"proc/self/cgroup": "0::/\n", "cpu.max": "250000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/\n", "cpu.max": "5000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "cpu.max": "9000000 100000\n"}, 8),
        ({"proc/self/cgroup": "0::/\n", "cpu.max": "nonsense\n"}, 8),
        ({"proc/self/cgroup": "0::/\n", "cpu.max": "100 0\n"}, 8),
        # The group around it grants less.
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "a/b/cpu.max": "max 100000\n",
                "a/cpu.max": "200000 100000\n",
            },
            2,
        ),
        # A path of the host, of which a container sees the base only.
        ({"proc/self/cgroup": "0::/../a\n", "cpu.max": "100000 100000\n"}, 1),
        # Version 1.
        (
            {
                "proc/self/cgroup": "5:cpuset:/x\n4:cpu,cpuacct:/x\n",
                "cpu/x/cpu.cfs_quota_us": "400000\n",
                "cpu/x/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/\n",
                "cpu/cpu.cfs_quota_us": "-1\n",
                "cpu/cpu.cfs_period_us": "100000\n",
            },
            8,
        ),
    ],
)
def test_cores_are_those_that_may_be_used(
    files: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quota is rounded up, and never more than the cores there are."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    for name, text in files.items():
        file = tmp_path / (name if "proc" in name else f"sys/fs/cgroup/{name}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert usable_cores(tmp_path) == cores


def test_system_without_affinity_has_all_its_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS and Windows do not tell on which cores a process may run."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores(tmp_path) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores(tmp_path) == 1
