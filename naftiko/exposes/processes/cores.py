"""`usable_cores`: the number of processor cores that this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def usable_cores(root: Path = Path("/")) -> int:
    """Return the number of cores that this process may use, at least 1.

    These are the cores it may run on, or as many as its control groups grant it time
    of, where that is less: a container that may use half a core of a large machine has
    one.

    Args:
        root: The folder that holds `proc` and `sys`.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """Yield the cores that each control group around this process grants it."""
    groups = _text(root / "proc/self/cgroup")
    for line in groups.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:  # version 2: one tree for all controllers
            for folder in _upwards(root / "sys/fs/cgroup", path):
                quota, _, period = _text(folder / "cpu.max").partition(" ")
                yield from _cores(quota, period)
        elif "cpu" in controllers.split(","):
            for name in dict.fromkeys((controllers, "cpu")):
                for folder in _upwards(root / "sys/fs/cgroup" / name, path):
                    quota = _text(folder / "cpu.cfs_quota_us")
                    yield from _cores(quota, _text(folder / "cpu.cfs_period_us"))


def _upwards(base: Path, path: str) -> Iterator[Path]:
    """Yield the folder of a group and those around it.

    Inside a container the path may be that of the host, of which only the base is seen.
    """
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for length in range(len(parts), -1, -1):
        yield base.joinpath(*parts[:length])


def _cores(quota: str, period: str) -> Iterator[float]:
    try:
        granted = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", or no such file
        return
    if granted > 0:
        yield granted


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace").strip()
    except OSError:
        return ""
