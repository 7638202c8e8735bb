"""A run of an exposed function: a generator of calls that returns an outcome.

    calls = next(run)              # a tuple of Call and Work, made at the same time
    calls = run.send(replies)      # Reply of each Call, result of each Work, in order
    StopIteration.value            # the Outcome

The synchronous and the asynchronous driver decide how requests travel; the run does
not know. This module must not know how a function is compiled, nor what is made of a
reply; that is `outcomes`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from naftiko.errors import CallError
from naftiko.plain import JSON
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from naftiko.consumes.exchange import Decoder
    from naftiko.consumes.operation import Operation
    from naftiko.functions.shapes import Shape
    from naftiko.transport.messages import Request, Response

ErrorT = TypeVar("ErrorT", bound=CallError)
#: Name → value: the arguments and the outputs of steps, for templates and `with`.
Values: TypeAlias = dict[str, Any]
#: Name of a variable → its value; raises `UnboundVariable`.
VariableOf: TypeAlias = Callable[[str], str]
#: Runs a function with arguments where it keeps nobody waiting; returns its result.
Aside: TypeAlias = Callable[..., Awaitable[Any]]
Run: TypeAlias = Generator["tuple[Call | Work, ...]", "Sequence[Any]", "Outcome"]


class Call(NamedTuple):
    """One upstream call that a run asks for.

    Attributes:
        arguments: Parameter of the operation → value.
        overrides: Fixed fields of the body → value that replaces it.
        step: The step that makes it; empty in simple mode.
        secrets: Variables that went into the arguments → value.
        optional: Parameters that may be left out, though the operation requires them:
            the unit that makes the call says that its callers may.
    """

    operation: Operation
    arguments: Mapping[str, JSON]
    overrides: Mapping[str, JSON] = {}
    step: str = ""
    secrets: Mapping[str, str] = {}
    optional: AbstractSet[str] = frozenset()


class Work(NamedTuple):
    """A lookup, a script or a reading that a run asks for in place of a call.

    Attributes:
        run: Does the work; its result is sent to the run in place of a reply.
        step: The step that asks for it.
        run_async: Does the same without blocking; `None` for work that takes no time
            worth waiting for.
        kind: `lookup`, `script` or `reading`.
        about: Its attributes in a trace.
        reading: The reading, which another process can do as well.
    """

    run: Callable[[], Any]
    step: str = ""
    run_async: Callable[[Aside], Awaitable[Any]] | None = None
    kind: str = ""
    about: Mapping[str, str] = {}
    reading: Reading | None = None


class Reply(NamedTuple):
    """The request of one call, and the response to it, whatever its status."""

    request: Request
    response: Response


class Reading(NamedTuple):
    """What is made of a large reply; plain data besides, so that it can travel.

    Attributes:
        decoder: Of the operation that was called.
        reply: The reply.
        shape: How its body becomes the value of a function; `None` for the part of it
            that a step keeps.
        outputs: The `outputParameters` that the shape was compiled from.
        step: The step whose reply it is; empty in simple mode.
    """

    decoder: Decoder
    reply: Reply
    shape: Shape | None = None
    outputs: JSON = None
    step: str = ""


class Outcome:
    """The result of a run.

    Attributes:
        reply: The last call, or `None` when nothing was called.
        is_shaped: `value` was made as the document says; otherwise the response may be
            passed on as it came.
        is_verbatim: The body of the response is the value, as strict JSON.
        status: The upstream status in simple mode, 200 otherwise.
        warnings: Why a response is not what the document declares.
        is_mislabelled: The response is passed on, and calls itself JSON without being
            that.
        is_sequence: The value is a list of what the outputs find in each value of the
            response.
        reading: How it was made, if its reply is a large one.
        encoded: The value as JSON, if it was made in another process, or without its
            values in between; else empty.
        is_large: The value may be large, and was made here.
    """

    __slots__ = (
        "_decode", "_value", "encoded", "is_large", "is_mislabelled", "is_sequence",
        "is_shaped", "is_verbatim", "reading", "reply", "status", "warnings",
    )  # fmt: skip

    def __init__(
        self,
        value: JSON = None,
        *,
        reply: Reply | None = None,
        is_shaped: bool = True,
        is_verbatim: bool = False,
        status: int = 200,
        decode: Callable[[], JSON] | None = None,
        warnings: tuple[str, ...] = (),
        is_mislabelled: bool = False,
        is_sequence: bool = False,
        encoded: bytes = b"",
    ) -> None:
        self.reading: Reading | None = None
        self.encoded = encoded
        self.is_large = False
        self.is_sequence = is_sequence
        self.warnings = warnings
        self.is_mislabelled = is_mislabelled
        self._value = value
        self._decode = decode
        self.reply = reply
        self.is_shaped = is_shaped
        self.is_verbatim = is_verbatim
        self.status = status

    @property
    def value(self) -> JSON:
        """The value of the function; decoded when it is first asked for.

        Raises:
            OutputError: The body is not in its declared format.
        """
        if self._decode is not None:
            self._value, self._decode = self._decode(), None
        return self._value

    @property
    def is_decoded(self) -> bool:
        """Whether the value is there, so that asking for it takes no time."""
        return self._decode is None


class Lookup:
    """The variables of one run, and which of them it used.

    Attributes:
        takes_json: Whoever runs the function wants its value as JSON.
    """

    __slots__ = ("_variable_of", "secrets", "takes_json")

    def __init__(self, variable_of: VariableOf, *, takes_json: bool = False) -> None:
        self._variable_of = variable_of
        self.takes_json = takes_json
        self.secrets: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """Return the value of a variable; raises `UnboundVariable`."""
        value = self.secrets[name] = self._variable_of(name)
        return value


def in_step(error: ErrorT, step: str) -> ErrorT:
    """Return an error that names the step which raised it."""
    if step and not error.step:
        error.step = step
        error.message = f"step '{step}': {error.message}"
    return error


def drive(run: Run, answer: Callable[[Call | Work], Any]) -> Outcome:
    """Return the outcome of a run whose calls and work are done one after the other.

    Args:
        run: The run.
        answer: Returns the reply of a call, or the result of work.
    """
    try:
        asked = next(run)
        while True:
            asked = run.send([answer(item) for item in asked])
    except StopIteration as stop:
        outcome: Outcome = stop.value
        return outcome
