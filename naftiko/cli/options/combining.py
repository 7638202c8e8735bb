"""Options of `call` that stand together → nothing, or a refusal of one.

--raw --select $.title   ! --raw and --select are mutually exclusive
--full                   ! --full is for tables
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.cli.values import UsageError

if TYPE_CHECKING:
    from argparse import Namespace

#: The values of `--output` that print rows with a header.
TABLES = ("table", "csv", "tsv")
_RESULT_OPTIONS = ("--select", "--output", "--output raw")
#: Option → the options that have no effect, or another one, beside it.
_EXCLUDED = {
    "--dry-run": (
        "--curl", "--stream", "-O", "--raw", "--include", "--select", "--output raw",
        "--split-streams", "--max-time",
    ),
    "--curl": (
        "--stream", "-O", "--raw", "--include", "--split-streams", "--max-time",
        *_RESULT_OPTIONS, "-r",
    ),
    "--stream": ("-O", "--select", "--output", "--split-streams", "--strict", "-r"),
    "-O": ("--select", "--output", "--split-streams", "--strict", "-r"),
    "--raw": ("--select", "--output", "--split-streams", "--strict", "-r"),
    "--output": ("-r",),
    "--output raw": ("--select", "-r"),
}  # fmt: skip


def check_combination(arguments: Namespace) -> None:
    """Refuse options of `call` of which one leaves another without effect.

    Raises:
        UsageError: Two options, or an option and an argument, exclude each other.
    """
    output = "--output raw" if arguments.output == "raw" else "--output"
    given = {
        "--dry-run": arguments.dry_run,
        "--curl": arguments.curl,
        "--stream": arguments.stream,
        "-O": arguments.save is not None,
        "--raw": arguments.raw,
        "--include": arguments.include,
        "--select": arguments.select is not None,
        "--split-streams": arguments.split_streams,
        "--strict": arguments.strict,
        "--max-time": arguments.max_time is not None,
        output: arguments.output is not None,
        "-r": arguments.lines,
    }
    if arguments.columns is not None and arguments.output is None:
        arguments.output = "table"
    if (
        arguments.columns is not None or arguments.full
    ) and arguments.output not in TABLES:
        option = "--full" if arguments.columns is None else "--columns"
        raise UsageError(f"{option} is for tables", hint="add --output table")
    if arguments.no_header and arguments.output not in TABLES:
        raise UsageError(
            "--no-header: there is a header only in a table",
            hint=f"give --output {', '.join(TABLES)} too, or leave it out",
        )
    reads = {"-", "@-"} & {arguments.body, *arguments.items}
    if arguments.file == "-" and reads:
        raise UsageError("standard input cannot be the document and the body at once")
    for option, others in _EXCLUDED.items():
        for other in others:
            if given.get(option) and given.get(other):
                raise UsageError(
                    f"{option} and {other} are mutually exclusive",
                    hint="leave one of them out",
                )
