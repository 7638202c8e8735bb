"""`binds` → variables, whose values come from the environment or from files (spec 1.4).

    binds                                    value of TOKEN
    ---------------------------------------  ------------------------------------------
    - namespace: env                         environment variable API_TOKEN
      keys: {TOKEN: API_TOKEN}
    - namespace: file                        the key `token` of that file: YAML, JSON,
      location: file:///./secrets.yaml        or lines NAME=value
      keys: {TOKEN: token}

A value is read when a call needs it. It is never printed, and never comes from the
arguments of a call. This module must not know where variables are used.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naftiko.document import rules
from naftiko.errors import (
    DocumentSyntaxError,
    UnboundVariable,
    did_you_mean,
    names_of,
    refuse_pickle,
    shorten,
)
from naftiko.expressions import Scope, is_upper, to_text
from naftiko.hints import Hint
from naftiko.locations import is_file_uri, path_of, read_regular
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from naftiko.spec.model import Binding

#: One entry of a file of environment variables; a quoted value may hold line breaks.
#: Compiled when there is such a file.
_DOTENV = r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.-]*)[ \t]*=[ \t]*
    (?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]++|\\.)*+)"
    |(?P<plain>[^'"\n][^\n]*|))
    [ \t]*(?:(?<=[\s'"])\#[^\n]*)?(?:\n|\Z)"""
#: A line of such a file that holds no entry.
_NO_ENTRY = r"[ \t]*(?:\#[^\n]*)?(?:\n|\Z)"
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


#: States of a variable.
SET, EMPTY, UNSET = "set", "empty", "unset"
#: Sources of its value.
OPTION, ENVIRONMENT, FILE = "option", "environment", "file"


class VariableState(NamedTuple):
    """Whether a variable has a value, which is not told.

    Attributes:
        name: The variable.
        state: `set`, `empty` (its value is blank) or `unset`.
        source: Where its value comes from: `option`, `environment`, `file`.
        entry: The environment variable, or the key in the file.
        location: The location of the file; empty otherwise.
        is_used: Whether a template of the document refers to it; otherwise a bind only
            declares it, or an option gives it.
    """

    name: str
    state: str
    source: str = ENVIRONMENT
    entry: str = ""
    location: str = ""
    is_used: bool = True

    @property
    def has_value(self) -> bool:
        """Whether a call can use it."""
        return self.state == SET


class Variables:
    """The variables of one capability, or of one view of it.

    A value given by the user stands before the document's binds; among binds of one
    variable the last wins. Values are looked up anew for every call, files are read
    once.
    """

    __slots__ = ("_binds", "_directory", "_files", "_given", "_used", "_withheld")

    def __init__(
        self,
        binds: Sequence[Binding],
        given: Mapping[str, Any] | None = None,
        directory: Path | None = None,
        files: dict[str, Mapping[str, Any]] | None = None,
        used: Iterable[str] = (),
    ) -> None:
        self._binds: dict[str, tuple[Binding, str]] = {
            variable: (bind, entry)
            for bind in binds
            for variable, entry in bind.keys.items()
        }
        self._given = dict(given or {})
        self._directory = directory
        self._files = {} if files is None else files
        self._withheld: frozenset[str] = frozenset()
        #: Names that the templates of the document refer to, bound or not.
        self._used = frozenset(used)

    __reduce_ex__ = refuse_pickle

    @property
    def directory(self) -> Path | None:
        """The folder of the document, where relative locations start."""
        return self._directory

    def using(
        self, given: Mapping[str, Any] | None, *, withheld: Iterable[str] = ()
    ) -> Variables:
        """Return these variables with others standing before them.

        Args:
            given: Name → value, or a function that returns it.
            withheld: Names that have no value in the view, wherever they have one.
        """
        view = Variables((), {**self._given, **(given or {})}, self._directory)
        view._binds, view._files = self._binds, self._files
        view._used = self._used
        view._withheld = self._withheld | frozenset(withheld)
        return view

    def of_caller(self, values: Mapping[str, str | None]) -> Variables:
        """Return these variables with those of one caller standing before them.

        Args:
            values: Name → value; `None` for one that the caller did not bring. Such a
                variable has no value in the view: the credential of one caller or of
                the server never stands in for that of another.
        """
        given = {name: value for name, value in values.items() if value is not None}
        return self.using(given, withheld=values.keys() - given.keys())

    @property
    def declared(self) -> frozenset[str]:
        """The variables that the document binds, or the user gives."""
        return frozenset((*self._binds, *self._given))

    @property
    def names(self) -> list[str]:
        """The variables that the document uses, then those that it only binds."""
        return [*sorted(self._used), *sorted(self._binds.keys() - self._used)]

    def knows(self, name: str) -> bool:
        """Tell whether a bind declares a variable, or something uses it without."""
        return name in self._binds or name in self._given or name in self._used

    def state(self, name: str) -> VariableState:
        """Return whether a variable has a value, and where it comes from."""
        bind, entry = self._binds.get(name, (None, name))
        location = bind.location if bind is not None else ""
        source = FILE if location else ENVIRONMENT
        given = self._given.get(name)
        if given is not None:
            source, entry, location = OPTION, name, ""
        try:
            # A function may ask a person or a service: it is not called for this.
            value = "function" if callable(given) else self.lookup(name)
        except UnboundVariable:
            value = None
        state = UNSET if value is None else SET if value.strip() else EMPTY
        is_used = name in self._used
        return VariableState(name, state, source, entry, location, is_used)

    def lookup(self, name: str) -> str | None:
        """Return the value of a variable, or `None`.

        Raises:
            UnboundVariable: The file of its bind cannot be read.
        """
        if name in self._withheld:
            return None
        value = self._given.get(name)
        if callable(value):
            value = value()
        if value is not None:  # `None` means not given, as it does for arguments
            return _as_text(name, value)
        if name in self._binds:
            bind, entry = self._binds[name]
            if not bind.location:
                return os.environ.get(entry)
            value = self._values_of_file(bind, name).get(entry)
            return None if value is None else _as_text(name, value)
        # Published files forget binds; the environment is asked all the same.
        return os.environ.get(name) if is_upper(name) else None

    def find(self, name: str) -> tuple[str, str] | None:
        """Return the variable that a name in a base URI stands for, and its value.

        That is the variable of that name, or else the only bound variable whose name
        ends in it: `{region}` and `AWS_REGION`.
        """
        upper = name.upper().replace("-", "_")
        ends = [known for known in self._binds if known.endswith("_" + upper)]
        for known in (name, *({upper} & self._binds.keys()), *ends[: len(ends) == 1]):
            value = self.lookup(known)
            if value is not None:
                return known, value
        return None

    def get(self, name: str) -> str:
        """Return the value of a variable.

        Raises:
            UnboundVariable: It has none.
        """
        value = self.lookup(name)
        if value is None:
            raise self.unbound(name)
        return value

    def unbound(self, name: str) -> UnboundVariable:
        """Return the error for a variable without a value."""
        bind, entry = self._binds.get(name, (None, name))
        if bind is not None and bind.location:
            where = f"the key '{entry}' is not in {bind.location}"
        else:
            where = f"the environment variable '{entry}' is not set"
        near = did_you_mean(name, self._given) if name not in self._given else ""
        return UnboundVariable(
            f"the variable '{name}' has no value: {where}",
            name=name,
            code=rules.VARIABLE_UNBOUND.code,
            hint=near or Hint(f"set it, or give variables={{'{name}': …}}", "set it"),
        )

    def _values_of_file(self, bind: Binding, name: str) -> Mapping[str, Any]:
        location = bind.location
        if location not in self._files:
            self._files[location] = self._read_file(location, name)
        return self._files[location]

    def _read_file(self, location: str, name: str) -> Mapping[str, Any]:
        def refuse(reason: str, hint: str = "") -> UnboundVariable:
            return UnboundVariable(
                f"the variable '{name}' has no value: {location}: {reason}",
                name=name,
                code=rules.VARIABLE_UNBOUND.code,
                hint=hint
                or Hint(
                    f"give variables={{'{name}': …}}", "correct the bind or its file"
                ),
            )

        if not is_file_uri(location):
            scheme = shorten(location.partition(":")[0])
            raise refuse(f"providers of type '{scheme}' are not built in")
        path = path_of(location, self._directory or Path())
        if path is None:
            raise refuse("cannot be the name of a file")
        try:
            text = read_regular(path).decode("utf-8-sig")
        except FileNotFoundError:
            raise refuse("no such file") from None
        except OSError as error:
            raise refuse(f"cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise refuse("cannot be read as UTF-8 text") from None
        try:
            data = _parse(path, text)
        except (ValueError, RecursionError, DocumentSyntaxError):
            raise refuse("is not well-formed") from None
        if not isinstance(data, dict):
            raise refuse("does not hold a mapping")
        return data

    def __repr__(self) -> str:
        names = sorted({*self._binds, *self._given})
        return f"<Variables {', '.join(names) or 'none'}>"


class UnusedVariable(NamedTuple):
    """A variable that has a value, and that no document uses: what to say of it."""

    message: str
    hint: str


def first_unused(given: Iterable[str], *used: Collection[str]) -> UnusedVariable | None:
    """Return what to say of the first variable that no document uses, if there is one.

    Args:
        given: The variables that have a value.
        used: For each document the names of its variables.
    """
    known = list(dict.fromkeys(name for names in used for name in names))
    for name in given:
        if name not in known:
            one = len(used) == 1
            what = "the document uses no" if one else "no document uses the"
            uses = f"used: {names_of(known)}" if known else "no variable is used"
            return UnusedVariable(
                f"{what} variable '{shorten(name)}'", did_you_mean(name, known) or uses
            )
    return None


def scope_of(binds: Sequence[Binding], given: Mapping[str, Any] | None = None) -> Scope:
    """Return the names that a document binds, for reading its templates."""
    names = {variable for bind in binds for variable in bind.keys}
    qualified = {
        f"{bind.namespace}.{variable}": variable
        for bind in binds
        for variable in bind.keys
        if bind.namespace
    }
    return Scope(frozenset(names | set(given or ())), qualified)


def _as_text(name: str, value: Any) -> str:
    try:
        return to_text(value)
    except (TypeError, ValueError):
        raise UnboundVariable(
            f"the value of the variable '{name}' is no text: it is of type"
            f" '{type(value).__name__}'",
            name=name,
            code=rules.VARIABLE_UNBOUND.code,
            hint="give a text, or a function that returns one",
        ) from None


def _parse(path: Path, text: str) -> Any:
    """Return the entries of a file of values.

    The lines `A=1` and `B='x y'` of a file that is neither YAML nor JSON give
    `{"A": "1", "B": "x y"}`.

    Raises:
        ValueError: It is not JSON.
        DocumentSyntaxError: It is not YAML.
    """
    if path.suffix in (".yaml", ".yml"):
        from naftiko.document.yaml import parse_value

        return parse_value(text, as_written=True)
    if path.suffix == ".json" or text.lstrip().startswith("{"):
        # A number is a text that looks like one: `1.50` stays what it is.
        return json.loads(text, parse_float=str, parse_int=str)
    return parse_dotenv(text)[0]


def parse_dotenv(text: str) -> tuple[dict[str, str], list[int]]:
    """Return the values of a file of environment variables, and its wrong lines.

    The lines `export A=1`, `B='x y' # why` and `C` give `{"A": "1", "B": "x y"}` and
    `[3]`. A value in single quotes is taken as it is. In double quotes a backslash and
    an `n` are a line break. Nothing is filled in for `$NAME`.
    """
    text = text.replace("\r\n", "\n")
    values: dict[str, str] = {}
    wrong: list[int] = []
    entry = re.compile(_DOTENV, re.VERBOSE)
    no_entry = re.compile(_NO_ENTRY)
    at, line, counted = 0, 1, 0
    while at < len(text):
        if found := no_entry.match(text, at):
            at = found.end()
        elif found := entry.match(text, at):
            values[found["name"]] = _dotenv_value(found)
            at = found.end()
        else:
            line, counted = line + text.count("\n", counted, at), at
            wrong.append(line)
            end = text.find("\n", at)
            at = len(text) if end < 0 else end + 1
    return values, wrong


def _dotenv_value(line: re.Match[str]) -> str:
    if line["single"] is not None:
        return line["single"]
    if line["double"] is not None:
        return _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[1]), line["double"])
    # Blanks are read from the first of them only.
    return re.sub(r"(?<!\s)\s++#.*$", "", line["plain"]).strip()
