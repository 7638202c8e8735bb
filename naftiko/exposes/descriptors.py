"""How many files and sockets this process may open: as many as the system allows.

A shell gives 1,024 as a rule, fewer than a server may have callers; that is for the
sake of programs that use `select`, and this is none.
"""

from __future__ import annotations

#: More than one process can make use of.
_MOST = 65_536


def allow_many() -> int:
    """Raise the limit as far as it may be raised; return what it is, 0 if unknown."""
    try:
        import resource
    except ImportError:  # pragma: no cover - a system without such limits
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # pragma: no cover - a sandbox may forbid it
        return soft
    return most
