"""Files and folders on the command line → capabilities, and those that are none.

    each(["capabilities", "a.yaml"], show, …)
        → show("capabilities/docker.yaml", <Capability …>), …, show("a.yaml", …)

A folder is searched as `naftiko validate` searches it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from naftiko.cli.cache import read_cached
from naftiko.cli.console import fail, show_error
from naftiko.cli.units.variables import check_known
from naftiko.errors import EXIT_DOCUMENT, EXIT_OK, DocumentError
from naftiko.loader import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from naftiko.capability import Capability


def is_several(words: Sequence[str]) -> bool:
    """Tell whether words stand for more than one file: a folder, or several words."""
    return len(words) > 1 or os.path.isdir(words[0])


def each(
    words: Sequence[str],
    show: Callable[[str, Capability], None],
    *,
    failed: Callable[[str, str], None],
    variables: dict[str, Any] | None = None,
) -> int:
    """Load every file that the words stand for, and show it.

    A file that is no capability is told on standard error, and the others are shown.

    Args:
        words: Files and folders.
        show: Called with the name of a file and its capability.
        failed: Called with the name of a file that cannot be used, and the reason.
        variables: Name → value, for every document.

    Returns:
        The exit code: that for an unusable document if there is one.

    Raises:
        UsageError: No document uses one of the variables, and all could be read.
    """
    from naftiko.cli.commands.validate import expand

    files, missing = expand(list(words))
    code = EXIT_OK
    used: list[list[str]] = []
    for unreadable in missing:
        (problem,) = unreadable.problems
        fail(f"{unreadable.file}: {problem.message}", problem.hint)
        failed(unreadable.file, problem.message)
        code = EXIT_DOCUMENT
    for file in files:
        try:
            capability = load(read_cached(file), schema=None, variables=variables)
        except DocumentError as error:
            show_error(error)
            failed(file, error.message)
            code = EXIT_DOCUMENT
        else:
            show(file, capability)
            used.append(capability.variables.names)
    if used and code == EXIT_OK:
        # A document that cannot be used may name the variable.
        check_known(variables or (), *used)
    return code
