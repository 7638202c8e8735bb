"""What a run of an exposed function asks for, gets and gives.

A run is a generator: it yields the calls that may be made at the same time, is sent
their replies, and returns an outcome. Whoever drives it decides how requests travel.
This module must not know how a function is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from naftiko.consumes.status import status_error
from naftiko.errors import CallError, OutputError
from naftiko.formats.json import strict_json
from naftiko.plain import JSON

if TYPE_CHECKING:
    from naftiko.consumes.exchange import Decoder
    from naftiko.consumes.operation import Operation
    from naftiko.functions.shapes import Shape
    from naftiko.transport.messages import Request, Response

ErrorT = TypeVar("ErrorT", bound=CallError)
#: Name → value; what templates and `with` refer to.
Values: TypeAlias = dict[str, Any]
#: Name of a variable → its value; raises `UnboundVariable`.
VariableOf: TypeAlias = Callable[[str], str]
Run: TypeAlias = Generator["tuple[Call | Work, ...]", "Sequence[Any]", "Outcome"]


class Call(NamedTuple):
    """One upstream call that a run asks for.

    Attributes:
        arguments: Parameter of the operation → value.
        overrides: Fixed fields of the body → value that replaces it.
        step: The step that makes it; empty in simple mode.
        secrets: Variables that went into the arguments → value.
    """

    operation: Operation
    arguments: Mapping[str, JSON]
    overrides: Mapping[str, JSON] = {}
    step: str = ""
    secrets: Mapping[str, str] = {}


class Work(NamedTuple):
    """Something a run wants done that is no upstream call.

    Attributes:
        run: Does it; what it returns is sent to the run in place of a reply.
        is_quick: It may be done where other work waits.
        kind: `lookup` or `script`.
        about: What of it a trace shows.
    """

    run: Callable[[], Any]
    step: str = ""
    is_quick: bool = False
    kind: str = ""
    about: Mapping[str, str] = {}


class Reply(NamedTuple):
    """What came of one call: what was sent, and the response whatever its status."""

    request: Request
    response: Response


class Outcome:
    """What a run gives.

    Attributes:
        reply: What the last call sent and got, or `None` when nothing was called.
        is_shaped: `value` was made by the document; otherwise the response may be
            passed on as it came.
        is_verbatim: The body of the response is the value, as strict JSON.
        status: The upstream status in simple mode, 200 otherwise.
    """

    __slots__ = ("_decode", "_value", "is_shaped", "is_verbatim", "reply", "status")

    def __init__(
        self,
        value: JSON = None,
        *,
        reply: Reply | None = None,
        is_shaped: bool = True,
        is_verbatim: bool = False,
        status: int = 200,
        decode: Callable[[], JSON] | None = None,
    ) -> None:
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
            OutputError: The body is not what the document says it is.
        """
        if self._decode is not None:
            self._value, self._decode = self._decode(), None
        return self._value


class Lookup:
    """The variables of one run, and which of them it used."""

    __slots__ = ("_variable_of", "secrets")

    def __init__(self, variable_of: VariableOf) -> None:
        self._variable_of = variable_of
        self.secrets: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """Return the value of a variable; raises `UnboundVariable`."""
        value = self.secrets[name] = self._variable_of(name)
        return value


def checked(
    decoder: Decoder, reply: Reply, *, step: str = "", shape: Shape | None = None
) -> Reply:
    """Return a reply that succeeded.

    Raises:
        StatusError: Its status is outside 200 to 299. With a shape, `value` is what
            the outputs of the function find in the body, or `None`.
    """
    if not reply.response.is_success:
        error = status_error(decoder.operation, *reply)
        if shape is not None:
            error.value = failed_value(decoder, reply, shape)
        raise in_step(error, step)
    return reply


def in_step(error: ErrorT, step: str) -> ErrorT:
    """Return an error with the name of the step that it stopped before its message."""
    if step and not error.step:
        error.step = step
        error.message = f"step '{step}': {error.message}"
    return error


def simple_outcome(decoder: Decoder, reply: Reply, shape: Shape) -> Outcome:
    """Return what one reply gives in simple mode (spec 2.9).

    Without declared outputs the response is passed on as it came; so it is when what
    is declared finds nothing in it.

    Raises:
        OutputError: The body is not what the document says it is.
    """
    request, response = reply

    def decode() -> JSON:
        return decoder.read(request, response, 0).data

    status = response.status
    if not shape.is_declared or not response.body:
        return Outcome(reply=reply, is_shaped=False, status=status, decode=decode)
    if shape.is_identity and decoder.operation.output_raw_format == "json":
        try:
            data = strict_json(response.body, response.content_type)
        except ValueError:
            pass  # `decode` is more patient, and says what is wrong
        else:
            return Outcome(data, reply=reply, is_verbatim=True, status=status)
    data = decode()
    value = data if shape.is_identity else shape.apply(data)
    if value is None and data is not None:
        return Outcome(data, reply=reply, is_shaped=False, status=status)
    return Outcome(value, reply=reply, status=status)


def failed_value(decoder: Decoder, reply: Reply, shape: Shape) -> JSON:
    """Return what the outputs of a function find in the body of a failed response.

    `None` when they find nothing, so that the body itself can be passed on.
    """
    if not shape.is_declared or shape.is_identity or not reply.response.body:
        return None
    try:
        value = shape.apply(decoder.read(*reply, 0).data)
    except OutputError:
        return None
    return value if _says_something(value) else None


def _says_something(value: JSON) -> bool:
    if isinstance(value, dict):
        return any(_says_something(inner) for inner in value.values())
    return value is not None
