"""Record what the server of the official SDK answers: `recorded/*.md`.

    PYTHONPATH=.:tests python tests/end_to_end/conversations/record.py [file …]

Only after the SDK has changed, or a case file.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from support.conversing import (
    FOLDER,
    RESULTS,
    SDK_STDIO,
    case_file,
    over_http,
    over_stdio,
    revisions_of,
    transports_of,
    write_record,
)
from support.sdk_server import serving_sdk


def main() -> None:
    """Hold every conversation of the files that are named, or of all."""
    names = sys.argv[1:] or sorted(p.stem for p in (FOLDER / "cases").glob("*.yaml"))
    with serving_sdk(RESULTS) as url, ThreadPoolExecutor(6) as pool:

        def hold(case: Any, transport: str, revision: str) -> list[str]:
            if transport == "stdio":
                return over_stdio(SDK_STDIO, case, revision)
            if case.get("resumes"):
                # The sessions of a server share the events that it keeps.
                with serving_sdk(RESULTS, resumes=True) as alone:
                    return over_http(alone, case, revision)
            return over_http(url, case, revision)

        for name in names:
            held = {
                (case["name"], transport, revision): pool.submit(
                    hold, case, transport, revision
                )
                for case in case_file(name)
                for transport in transports_of(case)
                for revision in revisions_of(case)
            }
            write_record(name, {key: future.result() for key, future in held.items()})
            print(name, len(held))


if __name__ == "__main__":
    main()
