"""What worker processes do for a server: large replies → values and answers.

    read(a reply)       →  its outcome, the value as JSON
    keep(a reply)       →  the value that a step keeps
    answer(an outcome)  →  status, media type and body
    write(JSON)         →  the same, in another media type

The parent packs the work, `exposes/offload.py`; plain data travels both ways. Nothing
of the document is needed here but the declaration of the response. This module must not
know processes.
"""

from __future__ import annotations

import json
import marshal
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from naftiko.consumes.exchange import Decoder
from naftiko.errors import OutputError
from naftiko.exposes.http.answers import json_bytes, outcome_answer, value_answer
from naftiko.formats.reported import reported_in
from naftiko.functions.outcomes import simple_outcome
from naftiko.functions.runs import Outcome, Reply
from naftiko.functions.shapes import compile_shape
from naftiko.hints import SERVER, worded
from naftiko.masking import Secret, mask
from naftiko.records.tuples import NamedTuple
from naftiko.transport.messages import Headers, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.consumes.operation import Operation
    from naftiko.functions.shapes import Shape
    from naftiko.plain import JSON
    from naftiko.transport.messages import Request

#: Bytes of a payload that tell what is to be done with the rest.
_LENGTH = struct.Struct(">Q")
#: How work ended.
DONE, REFUSED, REPORTED = "done", "refused", "reported"
#: Where the value of an outcome is: in the body of the response, as JSON, as bytes.
IN_BODY, AS_JSON, AS_BYTES = "body", "json", "bytes"


class Output(NamedTuple):
    """What reading a response takes of a declared output, by the names it has there."""

    name: str
    value: str
    type: str


class Declared(NamedTuple):
    """What reading a response takes of its operation, by the names it has there."""

    ref: str
    declared_format: str
    output_raw_format: str
    output_schema: str
    output_parameters: tuple[Output, ...]

    @property
    def location(self) -> None:
        """Nothing; the parent names the place in an error."""
        return


class Sent(NamedTuple):
    """What reading a response takes of its request, by the names it has there."""

    method: str
    secrets: tuple[Secret, ...]

    def mask(self, text: str) -> str:
        """Return a text with every secret replaced by its name."""
        return mask(text, self.secrets)


class Task(NamedTuple):
    """One reply, and what is to be made of it.

    Attributes:
        declared: What the document says of the response: a `Declared`, in tuples.
        is_strict: Refuse a body in another format.
        outputs: The `outputParameters` of the function.
        sent: The request: a `Sent`, in tuples.
        status: The status of the response.
        content_type: Its media type.
        body: Its body.
    """

    declared: tuple[Any, ...]
    is_strict: bool
    outputs: JSON
    sent: tuple[str, tuple[tuple[str, str], ...]]
    status: int
    content_type: str
    body: bytes


class Read(NamedTuple):
    """The attributes of an outcome, and where its value is."""

    is_shaped: bool
    is_verbatim: bool
    is_mislabelled: bool
    is_sequence: bool
    status: int
    warnings: tuple[str, ...]
    where: str
    value: bytes


def packed(work: tuple[Any, ...], body: bytes) -> tuple[bytes, bytes]:
    """Return work as the payload of a task: all but the body, and the body as it is.

    Raises:
        ValueError: There is something in it that is no plain data.
    """
    about = marshal.dumps(work)
    return _LENGTH.pack(len(about)) + about, body


def read(payload: bytes) -> bytes:
    """Return the outcome of a reply in simple mode."""
    return _guarded(_task(payload), _read)


def keep(payload: bytes) -> bytes:
    """Return what a step keeps of a reply."""
    return _guarded(_task(payload), _kept)


def answer(payload: bytes) -> bytes:
    """Return the answer for an outcome whose value is large."""
    (task, read, media_type), body = _unpacked(payload)
    outcome = outcome_of(Read(*read), *_parts(Task._make((*task, body))))
    try:
        made = outcome_answer(outcome, media_type)
    except OutputError as error:
        return _refused(error)
    return marshal.dumps((DONE, tuple(made)))


def write(payload: bytes) -> bytes:
    """Return the answer for a value that comes as JSON."""
    (media_type, status), encoded = _unpacked(payload)
    made = value_answer(json.loads(encoded), media_type, status)
    return marshal.dumps((DONE, tuple(made)))


def outcome_of(read: Read, decoder: Decoder, reply: Reply) -> Outcome:
    """Return an outcome again; its value is decoded when it is first asked for."""

    def decode() -> JSON:
        if read.where == AS_JSON:
            return json.loads(read.value)
        return decoder.receive(*reply).value

    is_there = read.where == AS_BYTES
    return Outcome(
        read.value if is_there else None,
        reply=reply,
        is_shaped=read.is_shaped,
        is_verbatim=read.is_verbatim,
        status=read.status,
        decode=None if is_there else decode,
        warnings=read.warnings,
        is_mislabelled=read.is_mislabelled,
        is_sequence=read.is_sequence,
        encoded=read.value if read.where == AS_JSON else b"",
    )


def _task(payload: bytes) -> Task:
    task, body = _unpacked(payload)
    return Task._make((*task, body))


def _unpacked(payload: bytes) -> tuple[Any, bytes]:
    (length,) = _LENGTH.unpack_from(payload)
    end = _LENGTH.size + length
    return _loaded(payload[_LENGTH.size : end]), payload[end:]


def _loaded(data: bytes) -> Any:
    return marshal.loads(data)  # noqa: S302 - it comes from the parent process


def _guarded(task: Task, work: Callable[[Task], tuple[Any, ...]]) -> bytes:
    """Return the result of some work on a reply, or how it failed."""
    found = reported_in(task.body, task.content_type)
    if found is not None:
        return marshal.dumps((REPORTED, found))
    try:
        return marshal.dumps((DONE, work(task)))
    except OutputError as error:
        return _refused(error)


def _refused(error: OutputError) -> bytes:
    told = (error.message, worded(error.hint, SERVER), error.code)
    return marshal.dumps((REFUSED, told))


def _read(task: Task) -> tuple[Any, ...]:
    decoder, reply = _parts(task)
    outcome = simple_outcome(decoder, reply, _prepared(*_key(task))[1])
    where, value = IN_BODY, b""
    if outcome.is_shaped and not outcome.is_verbatim:
        found = outcome.value
        is_bytes = isinstance(found, bytes)
        where = AS_BYTES if is_bytes else AS_JSON
        value = found if is_bytes else json_bytes(found)
    made = Read(
        outcome.is_shaped,
        outcome.is_verbatim,
        outcome.is_mislabelled,
        outcome.is_sequence,
        outcome.status,
        outcome.warnings,
        where,
        value,
    )
    return tuple(made)


def _kept(task: Task) -> tuple[Any, ...]:
    decoder, reply = _parts(task)
    return tuple(decoder.projected(reply))


def _parts(task: Task) -> tuple[Decoder, Reply]:
    headers = {"Content-Type": task.content_type} if task.content_type else {}
    response = Response(task.status, Headers(headers), task.body)
    method, secrets = task.sent
    sent = Sent(method, tuple(Secret(*secret) for secret in secrets))
    return _prepared(*_key(task))[0], Reply(cast("Request", sent), response)


def _key(task: Task) -> tuple[bytes, bool]:
    return marshal.dumps((task.declared, task.outputs)), task.is_strict


@lru_cache(maxsize=64)
def _prepared(declaration: bytes, is_strict: bool) -> tuple[Decoder, Shape]:
    """Return the decoder and the shape of a declaration, compiled once."""
    declared, outputs = _loaded(declaration)
    plain = Declared(*declared)
    parameters = tuple(Output(*each) for each in plain.output_parameters)
    operation = cast("Operation", plain._replace(output_parameters=parameters))
    return Decoder(operation, is_strict=is_strict), compile_shape(outputs)
