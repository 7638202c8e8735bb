"""`naftiko list` and `naftiko describe`: what a capability offers.

    naftiko list shop.yaml
        → shop.get-book  GET  /books/{isbn}  Show one book.
    naftiko list shop.yaml --exposed
        → shop-mcp.get-book  tool  Show one book.
    naftiko describe shop.yaml shop.get-book
        → its arguments, body, authentication and result
    naftiko list folder
        → one line for each file

Neither sends anything, and neither needs the value of a variable.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from naftiko.cli.cache import read_cached
from naftiko.cli.console import line_of, note
from naftiko.cli.tables import columns, json_text, width
from naftiko.cli.units import describing
from naftiko.cli.units.files import each, is_several
from naftiko.cli.units.finding import KINDS, find
from naftiko.cli.units.variables import check_known, variable_values
from naftiko.consumes.operation import Operation
from naftiko.document import rules
from naftiko.errors import EXIT_OK, CallError
from naftiko.loader import load

if TYPE_CHECKING:
    from argparse import Namespace

    from naftiko.capability import Capability
    from naftiko.cli.units.describing import Data
    from naftiko.functions.plan import Plan
    from naftiko.plain import DocumentPath
    from naftiko.search.matching import Entry
    from naftiko.spec.model import Function


# --- list -------------------------------------------------------------------------


def run_list(arguments: Namespace) -> int:
    """Print the operations of capabilities, or what they expose."""
    values = variable_values(arguments.variable)
    listing = _Listing(arguments, is_several(arguments.files))
    if listing.is_several:
        code = each(arguments.files, listing.add, failed=listing.fail, variables=values)
    else:
        (file,) = arguments.files
        capability = _loaded(file, values)
        listing.add(file, capability)
        code = EXIT_OK
    listing.end()
    return code


def _loaded(file: str, values: dict[str, str]) -> Capability:
    capability = load(read_cached(file), schema=None, variables=values)
    check_known(values, capability.variables.names)
    return capability


class _Listing:
    """What `naftiko list` prints: rows of a table, or plain data."""

    def __init__(self, arguments: Namespace, is_several: bool) -> None:
        self.is_several = is_several
        self.is_json = arguments.format == "json"
        self.search: str = arguments.search or ""
        self.exposed: bool = arguments.exposed
        #: A line for each file, instead of its operations.
        self.is_summary = is_several and not self.search and not self.exposed
        #: A person reads the list of one file: a program gets what has every word.
        self.is_for_reading = not is_several and not self.is_json
        #: Nothing has every word of the search; what is listed comes near it.
        self.is_near = False
        self.rows: list[list[str]] = []
        self.data: list[Data] = []
        self.notes: list[str] = []

    def add(self, file: str, capability: Capability) -> None:
        """Add the operations or the functions of a file, or one line for it."""
        if self.is_summary:
            self._summarize(file, capability)
            return
        if self.exposed:
            self._add_exposed(file, capability)
        else:
            self._add_operations(file, capability)
        if not self.is_several:
            self.notes += _notes(capability, file)

    def fail(self, file: str, message: str) -> None:
        """Add a file that cannot be used."""
        self.data.append({"file": file, "error": message})

    def end(self) -> None:
        """Print what was added, and then what stands beside it."""
        self._print()
        # Nobody reads the notes when nobody reads the list.
        sys.stdout.flush()
        for text in self.notes:
            note(text)

    def _print(self) -> None:
        if self.is_json:
            print(json_text(self.data))
            return
        for line in columns(self.rows, width()):
            print(line)
        what = "exposed function" if self.exposed else "operation"
        if self.is_near:
            words = line_of(self.search)
            note(f"no {what} has every word of '{words}'; these come near")
        if not self.rows and not self.is_summary:
            note(
                f"no {what} matches '{line_of(self.search)}'"
                if self.search
                else f"no {what} is declared"
            )

    def _summarize(self, file: str, capability: Capability) -> None:
        about = describing.document_data(capability, file)
        self.data.append(about)
        counted = describing.several(about["operations"], "operation")
        exposed = f"{about['exposed']:,} exposed"
        self.rows.append([file, counted, exposed, " ".join(about["label"].split())])

    def _add_operations(self, file: str, capability: Capability) -> None:
        operations = capability.operations
        chosen = list(operations.values())
        if self.search:
            chosen = list(operations.search(self.search))
            if not chosen and self.is_for_reading:
                chosen = list(operations.search_near(self.search))
                self.is_near = bool(chosen)
        for op in chosen:
            row = [op.ref, op.method, op.path, " ".join(op.description.split())]
            self.rows.append(self._row(file, row))
            if self.is_json:
                data = describing.listed_data(capability, op)
                self.data.append(self._entry(file, data))

    def _add_exposed(self, file: str, capability: Capability) -> None:
        # Imported here: a list of operations needs nothing that runs functions.
        from naftiko.functions.plan import route_of
        from naftiko.search.matching import nearest, ranked

        functions = capability.functions
        listed = functions.listed()
        described = _descriptions(capability)
        if self.search:
            entries = [_entry(*unit, described[unit[1].path]) for unit in listed]
            found = ranked(self.search, entries)
            if not found and self.is_for_reading:
                found = nearest(self.search, entries)
                self.is_near = bool(found)
            listed = [listed[index] for index in found]
        for name, function in listed:
            kind = KINDS.get(function.kind, function.kind)
            text = " ".join(described[function.path].split())
            row = [name, kind, line_of(route_of(function)), text]
            self.rows.append(self._row(file, row))
            if self.is_json:
                plan = functions.find(name)
                data = describing.function_data(capability, name, plan)
                self.data.append(self._entry(file, data))

    def _row(self, file: str, row: list[str]) -> list[str]:
        return [file, *row] if self.is_several else row

    def _entry(self, file: str, data: Data) -> Data:
        return {"file": file, **data} if self.is_several else data


def _descriptions(capability: Capability) -> dict[DocumentPath, str]:
    """Return place of a function → its description, or that of what it stands for."""
    listed = capability.functions.listed()
    named = dict(reversed(listed))
    described: dict[DocumentPath, str] = {}
    for _, function in listed:
        text = function.description or _described(capability, function)
        if not text and function.ref in named:
            inner = named[function.ref]
            text = inner.description or _described(capability, inner)
        described[function.path] = text
    return described


def _described(capability: Capability, function: Function) -> str:
    called = capability.operations.resolve(function.call) if function.call else None
    return called.description if called is not None else ""


def _entry(name: str, function: Function, description: str) -> Entry:
    from naftiko.functions.plan import name_of, route_of
    from naftiko.search.matching import Entry

    inputs = " ".join(f"{p.name} {p.description}" for p in function.inputs)
    around = f"{name} {route_of(function)} {function.call}"
    return Entry(name_of(function), around, description, inputs)


def _notes(capability: Capability, file: str) -> list[str]:
    """Return what stands beside a list: losses, and the variables with their state."""
    notes = []
    lost = [p for p in capability.problems if p.code == rules.INCOMPLETE_DROPPED.code]
    unusable = [op for op in capability if op.problems]
    counts = ((len(lost), "incomplete and left out"), (len(unusable), "not callable"))
    parts = [f"{count} {nature}" for count, nature in counts if count]
    if parts:
        notes.append(f"{', '.join(parts)}: see `naftiko validate {line_of(file)}`")
    states = describing.states_of(capability, capability.variables.names)
    for title, told in describing.told_of(states).items():
        notes.append(f"{title}: {line_of(', '.join(told))}")
    return notes


# --- describe ---------------------------------------------------------------------


def run_describe(arguments: Namespace) -> int:
    """Print what operations and functions take and give, or what a document holds."""
    values = variable_values(arguments.variable)
    # A shell makes many files of a pattern.
    more = [word for word in arguments.refs if os.path.exists(word)]
    refs = [word for word in arguments.refs if word not in more]
    files = [arguments.file, *more]
    several = is_several(files)
    texts: list[list[str]] = []
    data: list[Data] = []

    def show(file: str, capability: Capability) -> None:
        if not refs:
            texts.append(describing.describe_document(capability, file))
            data.append(describing.document_data(capability, file))
        for ref in refs:
            found = find(capability, ref, file)
            texts.append(describe_found(capability, ref, found))
            data.append(_data_of(capability, ref, found))

    def failed(file: str, message: str) -> None:
        data.append({"file": file, "error": message})

    if several and refs:
        raise CallError(
            "a reference needs the one file that it stands in",
            hint="write naftiko describe FILE REF",
        )
    if several:
        code = each(files, show, failed=failed, variables=values)
    else:
        show(arguments.file, _loaded(arguments.file, values))
        code = EXIT_OK
    if arguments.format == "json":
        print(json_text(data if several or len(refs) > 1 else data[0]))
    else:
        print("\n\n".join("\n".join(lines) for lines in texts))
    return code


def describe_found(
    capability: Capability, name: str, found: Operation | Plan
) -> list[str]:
    """Return the lines that tell what an operation or a function takes and gives."""
    if isinstance(found, Operation):
        return describing.describe_operation(capability, found)
    return describing.describe_function(capability, name, found)


def _data_of(capability: Capability, name: str, found: Operation | Plan) -> Data:
    if isinstance(found, Operation):
        return describing.operation_data(capability, found)
    return describing.function_data(capability, name, found)


def show_arguments(file: str, ref: str) -> None:
    """Print what an operation or a function takes: `naftiko call FILE REF --help`.

    Raises:
        NaftikoError: The file is no capability, or nothing in it has that name.
    """
    capability = load(read_cached(file), schema=None)
    found = find(capability, ref, file)
    print("\n".join(describe_found(capability, ref, found)))
