"""Every exception, `Location`, `Problem`, and the exit codes of the command line.

The tree, which a test keeps equal to the classes below::

    NaftikoError
    ├── DocumentError
    │   ├── DocumentSyntaxError
    │   └── ValidationError
    ├── ServeError
    └── CallError
        ├── UnknownOperation
        ├── UnknownFunction
        ├── UnresolvedCall
        ├── ArgumentError
        ├── UnboundVariable
        ├── UnusableOperation
        ├── TransportError
        │   └── RequestTimeout
        ├── StatusError
        ├── ReportedError
        └── OutputError

A message says where, what and how to mend it, in that order; the mend is the `hint`.
This module must not know any other module but hints and the likeness of names.
"""

from __future__ import annotations

from collections.abc import Sized
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.hints import worded
from naftiko.records.tuples import NamedTuple
from naftiko.search.likeness import did_you_mean as did_you_mean
from naftiko.search.likeness import is_misspelt as is_misspelt
from naftiko.search.likeness import nearest as nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EXIT_OK = 0
EXIT_CALL = 1
EXIT_USAGE = 2
EXIT_DOCUMENT = 3
EXIT_SERVE = 4
_SHORT = 80


class Location(NamedTuple):
    """A place in the text of a document; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Related(NamedTuple):
    """Another place that a problem is about, such as the first of two declarations.

    Attributes:
        message: How the place is related, such as `first defined here`.
        path: Its JSON Pointer (RFC 6901); empty when only the line is known.
        line: Its line, from 1.
        column: Its column, from 1.
        file: The file as messages show it.
    """

    message: str
    path: str = ""
    line: int = 1
    column: int = 1
    file: str = ""


class Edit(NamedTuple):
    """A change of the document that mends a problem for certain.

    Attributes:
        kind: `rename` a key, `move` a node, `set` a value, or `drop` a node.
        path: The JSON Pointer (RFC 6901) of the node; with `set` it may not be there.
        value: The new key, the JSON Pointer to move to, or the new value; `None` for
            `drop`.
    """

    kind: str
    path: str
    value: str | int | bool | None = None


class Problem(NamedTuple):
    """One finding about a document.

    Attributes:
        code: The rule that is broken; `docs/errors.md` lists all.
        severity: `"error"`, `"warning"` or `"info"`.
        message: What is wrong.
        hint: How to mend it; may be empty.
        path: A JSON Pointer (RFC 6901) into the document.
        line: The line, from 1.
        column: The column, from 1.
        file: The file as messages show it.
        related: Other places that it is about.
        fix: The edit that mends it, where the mend is certain.
    """

    code: str
    severity: str
    message: str
    hint: str = ""
    path: str = ""
    line: int = 1
    column: int = 1
    file: str = ""
    related: tuple[Related, ...] = ()
    fix: Edit | None = None

    @property
    def location(self) -> Location:
        """The place of the finding, for editors to jump to."""
        return Location(self.file, self.line, self.column)

    def for_reader(self, reader: str) -> Problem:
        """Return the finding with its hint in the words of `SHELL` or `SERVER`."""
        return self._replace(hint=worded(self.hint, reader))

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as plain data, the shape `--format json` prints.

        `related` and `fix` are keys of it only when the finding has them.
        """
        data = self._asdict()
        related, fix = data.pop("related"), data.pop("fix")
        if related:
            data["related"] = [place._asdict() for place in related]
        if fix is not None:
            data["fix"] = fix._asdict()
        return data

    def __str__(self) -> str:
        text = (
            f"{self.location}: {self.severity}: {with_stop(self.message)} [{self.code}]"
        )
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class NaftikoError(Exception):
    """The base of all errors that this package raises on purpose.

    Attributes:
        message: What is wrong, without the place.
        hint: How to mend it; may be empty.
        location: The place in the document, or `None`.
        code: The code of the broken rule, see `docs/errors.md`; may be empty.
        exit_code: The exit code of the command line.
    """

    exit_code = EXIT_CALL

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        location: Location | None = None,
        code: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.location = location
        self.code = code

    @property
    def headline(self) -> str:
        """The place, the message and the code in one line: all but the hint."""
        text = f"{self.location}: {self.message}" if self.location else self.message
        return f"{text} [{self.code}]" if self.code else text

    def __str__(self) -> str:
        return f"{self.headline}\n  hint: {self.hint}" if self.hint else self.headline

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors of worker processes: a request in it leaves its secrets out.
        kinds = type(self).__mro__
        kind = next(k for k in kinds if k.__module__ == __name__)
        return _restored, (kind, self.args, self._state())

    def _state(self) -> dict[str, Any]:
        return self.__dict__

    def text_for(self, reader: str) -> str:
        """Return the error as a text, its hint in the words of `SHELL` or `SERVER`."""
        hint = worded(self.hint, reader)
        return f"{self.headline}\n  hint: {hint}" if hint else self.headline


def _restored(kind: type[NaftikoError], arguments: Any, state: Any) -> NaftikoError:
    """Return an error that was pickled, or copied."""
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


def refuse_pickle(self: object, _: object = None) -> NoReturn:
    """Refuse to pickle an object that holds credentials; it is a `__reduce_ex__`."""
    raise NaftikoError(
        f"a {type(self).__name__} holds credentials and cannot be pickled or copied",
        hint="load the document where it is needed; `using()` makes a view of it",
    )


class DocumentError(NaftikoError):
    """The document cannot be used.

    Attributes:
        file: The file that could not be read at all, and so has no `location`; an
            empty text for every other error.
    """

    exit_code = EXIT_DOCUMENT

    def __init__(self, message: str, *, file: str = "", **more: Any) -> None:
        super().__init__(message, **more)
        self.file = file

    @property
    def headline(self) -> str:
        """The file or the place, the message and the code: all but the hint."""
        return f"{self.file}: {super().headline}" if self.file else super().headline


class DocumentSyntaxError(DocumentError):
    """The text is not one well-formed YAML or JSON document with a mapping in it.

    Attributes:
        related: Other places that it is about, such as the first of two equal keys.
    """

    def __init__(
        self, message: str, *, related: tuple[Related, ...] = (), **more: Any
    ) -> None:
        super().__init__(message, **more)
        self.related = related


class ValidationError(DocumentError):
    """The document breaks the rules it was checked against.

    Attributes:
        problems: Every finding, best first, warnings included.
    """

    def __init__(self, message: str, problems: Sequence[Problem], **more: Any) -> None:
        super().__init__(message, **more)
        self.problems = tuple(problems)


class ServeError(NaftikoError):
    """An exposed adapter cannot be served, or a server cannot start."""

    exit_code = EXIT_SERVE


class CallError(NaftikoError):
    """One call failed.

    Attributes:
        step: The step of an orchestrated function that failed, or an empty text.
    """

    step = ""


class UnknownOperation(CallError, LookupError):
    """No operation has that name, or several have it.

    Attributes:
        near: The names that are most like it, best first; empty when none is.
    """

    def __init__(self, message: str, *, near: Iterable[str] = (), **more: Any) -> None:
        super().__init__(message, **more)
        self.near = tuple(near)


class UnknownFunction(CallError, LookupError):
    """No exposed function has that name, or several have it.

    Attributes:
        candidates: The full names of those that have it; empty when there is none.
    """

    def __init__(
        self, message: str, *, candidates: Iterable[str] = (), **more: Any
    ) -> None:
        super().__init__(message, **more)
        self.candidates = tuple(candidates)


class UnresolvedCall(CallError):
    """An exposed function calls an operation that the document does not declare."""


class ArgumentError(CallError, ValueError):
    """Missing, unknown or unplaceable arguments, all of them at once.

    Attributes:
        missing: Names of required arguments that were not given.
        unknown: Names of arguments that the operation does not take.
        takes: Names of all arguments that it does take.
    """

    def __init__(
        self,
        message: str,
        *,
        missing: Iterable[str] = (),
        unknown: Iterable[str] = (),
        takes: Iterable[str] = (),
        **more: Any,
    ) -> None:
        super().__init__(message, **more)
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)
        self.takes = tuple(takes)


class UnboundVariable(CallError):
    """A `{{NAME}}` has no value; `name` is its name."""

    def __init__(self, message: str, *, name: str = "", **more: Any) -> None:
        super().__init__(message, **more)
        self.name = name


class UnusableOperation(CallError):
    """The document describes the operation in a way that cannot be called.

    Attributes:
        problems: The errors that were noted about it when the document was linked.
    """

    def __init__(
        self, message: str, *, problems: Sequence[Problem] = (), **more: Any
    ) -> None:
        super().__init__(message, **more)
        self.problems = tuple(problems)


class _Exchanged(CallError):
    """An error that carries the request and the response."""

    def __init__(
        self, message: str, *, request: Any = None, response: Any = None, **more: Any
    ) -> None:
        super().__init__(message, **more)
        self.request = request
        self.response = response

    def _state(self) -> dict[str, Any]:
        # The other side may have repeated a secret in its body.
        if self.request is None or not hasattr(self.response, "masked"):
            return self.__dict__
        response = self.response.masked(self.request.mask)
        return {**self.__dict__, "response": response, "value": None}


class TransportError(_Exchanged):
    """No usable response came back.

    Attributes:
        request: The request that was sent, or was to be sent.
        reason: What happened, without the method and the URL; may be empty.
        is_redirected: It happened after a redirect.
        was_sent: The request was sent, so it may have taken effect.
        is_full: The responses to other requests fill the memory that is meant for
            them; the same request may succeed in a moment.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        is_redirected: bool = False,
        was_sent: bool = False,
        is_full: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message, **more)
        self.reason = reason
        self.is_redirected = is_redirected
        self.was_sent = was_sent
        self.is_full = is_full


class RequestTimeout(TransportError):
    """The connection or the response took longer than the timeout."""


class StatusError(_Exchanged):
    """The response has a status outside 200 to 299.

    Attributes:
        request: The request that was sent.
        response: The response, body included.
        operation: Namespace and name of the operation; may be empty.
        status: The status code.
        detail: The error message decoded from the body; may be empty.
        value: The outputs of an exposed function, taken from the body, or `None`.
        public_hint: The hint for the caller of a server, who may not know the names of
            variables.
    """

    value: Any = None
    public_hint = ""

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        status: int = 0,
        detail: str = "",
        **more: Any,
    ) -> None:
        super().__init__(message, **more)
        self.operation = operation
        self.status = status
        self.detail = detail


class ReportedError(_Exchanged):
    """The operation failed, as the end of its response says; the status is a success.

    A stream of values sends its status before the work is done. Docker reports a failed
    build, pull or push like that.

    Attributes:
        request: The request that was sent.
        response: The response, body included.
        operation: Namespace and name of the operation.
        detail: The message of the failure.
        value: The decoded body: a list of values, the failure at its end; or `None`.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        detail: str = "",
        value: Any = None,
        **more: Any,
    ) -> None:
        super().__init__(message, **more)
        self.operation = operation
        self.detail = detail
        self.value = value


class OutputError(_Exchanged):
    """The body cannot be decoded, or does not have the shape that is declared."""


def shorten(value: object, limit: int = _SHORT) -> str:
    """Return a value as one line of at most `limit` characters, for a message.

    Control characters, which could move a cursor or change colours, are escaped, and
    white space is one blank.
    """
    try:
        text = " ".join(str(value).split())
    except Exception:  # noqa: BLE001 - any value; a number may have too many digits
        text = f"a value of type {type(value).__name__}"
    if not text.isprintable():
        text = "".join(
            c if c.isprintable() or ord(c) > 0x9F else f"\\x{ord(c):02x}" for c in text
        )
        # Half a surrogate pair cannot be written as UTF-8.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def names_of(names: Iterable[str], limit: int = 30) -> str:
    """Return names as a comma list that stays readable when there are hundreds."""
    # The rest of thousands of names is counted only: a document may ask as often.
    all_names = names if isinstance(names, Sized) else list(names)
    more = len(all_names) - limit
    tail = f" and {more} more" if more > 0 else ""
    return ", ".join(islice(all_names, limit)) + tail or "nothing"


def with_stop(text: str) -> str:
    """Return the text as a sentence that ends."""
    return text if text.endswith((".", "?", "!")) else text + "."
