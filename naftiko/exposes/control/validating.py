"""A document that a caller sent → its problems; nothing but the text is read.

    b"naftiko: 1.0.0-alpha2 …"  →  [{"code": …, "severity": "warning", …}, …]

A process of its own does the work, which ends with its time: a text of a megabyte may
take long, and holds any pattern. This module must not know HTTP.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from naftiko.exposes.offload import PATIENCE, aside, pool
from naftiko.hints import SERVER
from naftiko.loader import validate
from naftiko.workers.job import MIB, Job
from naftiko.workers.process import WorkerError

if TYPE_CHECKING:
    from naftiko.plain import JSON

#: Seconds for one document.
MOST_SECONDS = 20.0
#: Memory of the process: this, and so many bytes for each byte of the document.
_MEMORY, _PER_BYTE = 256 * MIB, 64


class NotValidated(Exception):
    """A document whose problems are not known; the message says why.

    Attributes:
        is_busy: Too much other work waits; a later try may succeed.
    """

    def __init__(self, message: str, *, is_busy: bool) -> None:
        super().__init__(message)
        self.is_busy = is_busy


def problems_in(text: bytes) -> bytes:
    """Return the problems of a document as JSON; the task of a process."""
    problems = validate(text, read_files=False)
    return json.dumps([p.for_reader(SERVER).as_dict() for p in problems]).encode()


async def problems_of(text: bytes) -> list[dict[str, JSON]]:
    """Return the problems of a document, each as plain data.

    Raises:
        NotValidated: It takes too much time or memory, or too much work waits already.
    """
    try:
        memory = _MEMORY + _PER_BYTE * len(text)
        task = f"{__name__}:problems_in"
        job = Job(task, (text,), MOST_SECONDS, memory, PATIENCE)
        found = await pool().run_async(job)
    except WorkerError as error:
        if error.reason != "start":
            why = {
                "busy": "too much work waits; try again in a moment",
                "time": f"validating it takes more than {MOST_SECONDS:g} seconds",
                "memory": "validating it takes too much memory",
            }.get(error.reason, f"validating it failed: {error.kind or error.message}")
            raise NotValidated(why, is_busy=error.reason == "busy") from None
        # No process can be started here; a thread does the same.
        found = await aside(problems_in, text)
    listed: list[dict[str, JSON]] = json.loads(found)
    return listed
