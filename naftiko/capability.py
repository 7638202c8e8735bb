"""`Capability`: the object users hold; it calls operations by name.

This module must not know how a document is read or checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from naftiko.consumes.base_uri import checked_base_uri, merged_base_uri
from naftiko.consumes.exchange import Decoders, Exchange, send, warn_of
from naftiko.consumes.status import is_success, status_error
from naftiko.errors import (
    CallError,
    UnboundVariable,
    UnknownOperation,
    UnusableOperation,
    refuse_pickle,
)
from naftiko.masking import forgetful
from naftiko.settings import (
    DEFAULT_TIMEOUT,
    checked_auth,
    checked_name,
    checked_names,
    checked_timeout,
    checked_transport,
    joined_arguments,
)
from naftiko.transport.base import LazyTransport, StreamingTransport
from naftiko.transport.messages import Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from requests.auth import AuthBase

    from naftiko.bindings import Variables
    from naftiko.consumes.exchange import Decoder
    from naftiko.consumes.operation import Operation
    from naftiko.consumes.registry import Registry
    from naftiko.consumes.request import Prepared
    from naftiko.errors import Problem
    from naftiko.expressions import Scope
    from naftiko.functions.compiler import Functions
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Call, Outcome, Work
    from naftiko.functions.scripting.scripts import Scripting
    from naftiko.plain import JSON
    from naftiko.spec.model import CapabilitySpec, Exposes, Info
    from naftiko.transport.base import Timeout, Transport
    from naftiko.transport.messages import Request
    from naftiko.transport.streams import StreamedResponse

_ERROR_BODY = 64 * 1024


class Capability:
    """A loaded capability; a context manager, safe to share between threads.

    Made by `naftiko.load()`.

    Attributes:
        info: Label, description and tags of the document.
        operations: Every consumed operation, by ref.
        exposes: The adapters that the document exposes.
        problems: The problems of the document; none of them stopped it from loading.
        files: The file of its document, and those that it imports from.
    """

    def __init__(
        self,
        spec: CapabilitySpec,
        operations: Registry,
        *,
        name: str,
        scope: Scope,
        variables: Variables,
        transport: Transport | None = None,
        timeout: Timeout = DEFAULT_TIMEOUT,
        base_uri: str | Mapping[str, str] | None = None,
        auth: Mapping[str, AuthBase] | None = None,
        headers: Mapping[str, str] | None = None,
        problems: tuple[Problem, ...] = (),
        files: tuple[Path, ...] = (),
        strict: bool = False,
    ) -> None:
        self.files = files
        self.info: Info = spec.info
        self.operations = operations
        self.exposes: tuple[Exposes, ...] = spec.exposes
        self.problems = problems
        self._spec = spec
        self._name = name
        self._scope = scope
        self._variables = variables
        given = checked_transport(transport)
        self._transport = LazyTransport(
            _http_transport if given is None else lambda: given
        )
        self._timeout = checked_timeout(timeout)
        self._namespaces = tuple(dict.fromkeys(c.namespace for c in spec.consumes))
        self._base_uri = checked_base_uri(base_uri, self._namespaces)
        self._auth = checked_auth(auth, self._namespaces)
        self._headers = checked_names("headers", headers)
        self._decoders = Decoders(strict=strict)
        self._prepared: dict[str, Prepared] = {}
        self._forwarded: dict[str, Prepared] = {}
        self._functions: Functions | None = None

    @forgetful
    def call(
        self, ref: str, arguments: Mapping[str, Any] | None = None, /, **more: Any
    ) -> JSON:
        """Call an operation, or an exposed function, and return its result.

        Args:
            ref: `namespace.operation`, or what else `find` takes.
            arguments: Parameter name → value; `None` means not given. Any name can
                stand here, those that are no Python identifiers included.
            **more: The same as keywords.

        Returns:
            The decoded body when the operation declares no outputs or one that is the
            whole body; otherwise output name → value.

        Raises:
            UnknownOperation: Nothing has that name, or several operations have it.
            ArgumentError: Missing, unknown or unplaceable arguments, all at once.
            UnboundVariable: A variable that the request needs has no value.
            UnusableOperation: The document describes it in a way that cannot be sent.
            TransportError: No usable response came back.
            StatusError: The status is outside 200 to 299.
            ReportedError: The response says at its end that the operation failed.
            OutputError: The body cannot be decoded as the document declares.
        """
        try:
            decoder, request = self._requested(ref, arguments, more)
        except UnknownOperation:
            return self._invoked(self._exposed(ref), joined_arguments(arguments, more))
        transport = self._transport.get()
        return send(decoder, request, transport, timeout=self._timeout).result

    __reduce_ex__ = refuse_pickle

    def find(self, name: str) -> Operation | Plan:
        """Return the operation, or else the exposed function, that has a name.

        The first that fits wins: `namespace.operation`, the bare name of an operation,
        `adapter.function`, a bare name of a function, method and path of a route.

        Raises:
            UnknownOperation: Nothing has that name, or several operations have it.
            UnknownFunction: Several exposed functions have it.
        """
        try:
            return self.operations.find(name)
        except UnknownOperation:
            return self._exposed(name)

    @forgetful
    def exchange(
        self, ref: str, arguments: Mapping[str, Any] | None = None, /, *,
        raise_for_status: bool = True, **more: Any,
    ) -> Exchange:  # fmt: skip
        """Call an operation; return request, response and outputs, see `call`.

        Args:
            ref: `namespace.operation`, or the name of a function that makes one call.
            arguments: Parameter name → value.
            raise_for_status: Otherwise a failed response is returned like any other.
            **more: Arguments as keywords.
        """
        return send(
            *self._single(ref, arguments, more),
            self._transport.get(),
            timeout=self._timeout,
            raise_for_status=raise_for_status,
        )

    @forgetful
    def request(
        self, ref: str, arguments: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Request:
        """Build the request of a call without sending it: the dry run.

        A variable without a value is written `$NAME`; its representations show every
        variable like that. See `call` for the arguments and errors.
        """
        given: Mapping[str, Any] = joined_arguments(arguments, more)
        overrides: Mapping[str, Any] = {}
        try:
            operation = self.operations.find(ref)
        except UnknownOperation:
            call = self._exposed(ref).only_call(given)
            operation, given, overrides = call.operation, call.arguments, call.overrides
        prepared = self._made(operation, dry=True)
        shown = prepared.preview(given, self._variables, overrides=overrides)
        try:
            request = prepared.request(given, self._variables, overrides=overrides)
        except UnboundVariable:
            request = shown.without_markers()
        request.preview = shown
        return request

    @forgetful
    def stream(
        self, ref: str, arguments: Mapping[str, Any] | None = None, /, **more: Any
    ) -> StreamedResponse:
        """Call an operation, or a function with one call; read what arrives.

        A context manager; leaving it closes the connection. Iterating gives values of
        newline-delimited JSON, lines of text or chunks of bytes, as suits the content
        type; `values()`, `lines()` and `bytes()` say which.

        The timeout counts between two parts of the response: give
        `using(timeout=…)` for a stream that may be silent for longer.
        """
        decoder, request = self._single(ref, arguments, more)
        transport = self._transport.get()
        if not isinstance(transport, StreamingTransport):
            raise CallError(f"a {type(transport).__name__} cannot stream")
        reply = transport.stream(request, timeout=self._timeout)
        if not is_success(request, reply.status):
            with reply:
                body = reply.read(_ERROR_BODY)
            response = Response(reply.status, reply.headers, body, reason=reply.reason)
            raise status_error(decoder.operation, request, response)
        return reply

    @forgetful
    def invoke(
        self, function: str, arguments: Mapping[str, Any] | None = None, /, **more: Any
    ) -> JSON:
        """Run an exposed function and return its value.

        Args:
            function: `adapter.function`, `aggregate.function`, or the bare name of a
                tool or REST operation where that is clear.
            arguments: Argument → value; a text is read as the declared type.
            **more: The same as keywords.

        Raises:
            UnknownFunction: Nothing that is exposed has that name.
            UnresolvedCall: It calls an operation that the document does not declare.
            ArgumentError: Missing, unknown or wrong arguments, all at once.
            CallError: An upstream call failed; `step` names the step.
        """
        plan = self.functions.find(checked_name(function))
        return self._invoked(plan, joined_arguments(arguments, more))

    def _exposed(self, name: str) -> Plan:
        from naftiko.functions.plan import find_exposed

        name = checked_name(name)
        unknown = self.operations.explain(name)
        find, exposed = self.functions.find, self.functions.names()
        return find_exposed(find, self.operations, exposed, unknown, name)

    def _invoked(self, plan: Plan, given: Mapping[str, Any]) -> JSON:
        # Imported here: calls of operations need nothing that runs functions.
        from naftiko.functions.plan import checked_arguments

        if plan.problem is not None:
            # Its arguments are not known, so nothing can be said about those given.
            raise plan.problem
        values = checked_arguments(plan, given)
        if plan.operation is not None:
            # A served function may pass on an undecoded body; here it would be lost.
            self._decoders[plan.operation].check()
        outcome = self.run(plan, values)
        value = outcome.value  # a fault of the body is told before any warning
        if outcome.warnings:
            warn_of(outcome.warnings)
        return value

    @property
    def functions(self) -> Functions:
        """The exposed functions: tools, REST operations, aggregate functions."""
        if self._functions is None:
            from naftiko.functions.compiler import Functions

            self._functions = Functions(
                self._spec,
                self.operations,
                self._scope,
                directory=self.directory,
                decoders=self._decoders,
            )
        return self._functions

    @property
    def scripting(self) -> Scripting:
        """The runner of its script steps."""
        return self.functions.scripting

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that the document consumes."""
        return self._namespaces

    @property
    def version(self) -> str:
        """The version of the specification that the document declares."""
        return self._spec.version

    @property
    def variables(self) -> Variables:
        """The variables that its calls use."""
        return self._variables

    @property
    def directory(self) -> Path | None:
        """The folder of the document, where relative locations start."""
        return self._variables.directory

    @forgetful
    def run(self, plan: Plan, values: Mapping[str, Any]) -> Outcome:
        """Run an exposed function that was made ready, with arguments that fit."""
        if plan.problem is not None:
            raise plan.problem
        from naftiko.functions.runs import drive

        return drive(plan.run(values, self._variables.get), self._answer)

    def _answer(self, asked: Call | Work) -> Any:
        from naftiko.functions.runs import Reply, Work, in_step

        if isinstance(asked, Work):
            return asked.run()
        try:
            request = self.request_for(asked)
            response = self._transport.get().send(request, timeout=self._timeout)
        except CallError as error:
            raise in_step(error, asked.step) from None
        return Reply(request, response)

    def request_for(self, call: Call, variables: Variables | None = None) -> Request:
        """Build the request of an upstream call that a run asks for.

        Args:
            call: The call that the run asks for.
            variables: Replace those of the capability for this call.
        """
        ref = call.operation.ref
        prepared = self._prepared.get(ref) or self._prepare(ref)
        return prepared.request(
            call.arguments,
            variables or self._variables,
            secrets=call.secrets,
            overrides=call.overrides,
            optional=call.optional,
        )

    def refusal(self, operation: Operation) -> UnusableOperation | None:
        """Return why an operation cannot be called, or `None`."""
        try:
            self._prepare(operation.ref)
        except UnusableOperation as error:
            return error
        return None

    def adapter_request(
        self, namespace: str, variables: Variables | None = None
    ) -> Request:
        """Build a request of a consumed adapter without an operation (spec 3.8).

        That is its base URI, its own parameters and its credentials; method, path,
        query and body are for the caller to add.

        Args:
            namespace: The adapter; one that the document forwards to.
            variables: Replace those of the capability for this request.

        Raises:
            UnresolvedCall: The document consumes no such adapter.
            UnusableOperation: Nothing can be sent to it.
            UnboundVariable: A variable that it needs has no value.
        """
        prepared = self._forwarded.get(namespace)
        if prepared is None:
            operation = self.operations.adapter(namespace, self._namespaces)
            # `Accept` and its like are those of the request that is forwarded.
            prepared = self._made(operation, defaults={})
            self._forwarded[namespace] = prepared
        return prepared.request({}, variables or self._variables)

    @forgetful
    def using(
        self,
        *,
        variables: Mapping[str, Any] | None = None,
        auth: Mapping[str, AuthBase] | None = None,
        base_uri: str | Mapping[str, str] | None = None,
        timeout: Timeout | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Capability:
        """Return this capability with other values, over the same connections.

        Cookies are not shared. An option that is not given stays as it is here.

        Args:
            variables: Name → value, or a function that returns it.
            auth: Namespace → signer of the requests to it.
            base_uri: One URI, or namespace → URI.
            timeout: As for `load`.
            headers: Sent with every call; they replace all others of their names.
        """
        view = object.__new__(Capability)
        view.__dict__.update(self.__dict__)
        view._prepared, view._forwarded = {}, {}
        view._variables = self._variables.using(checked_names("variables", variables))
        view._transport = self._transport.view()
        if auth is not None:
            view._auth = {**self._auth, **checked_auth(auth, self._namespaces)}
        if base_uri is not None:
            given = checked_base_uri(base_uri, self._namespaces)
            view._base_uri = merged_base_uri(self._base_uri, given, self._namespaces)
        if timeout is not None:
            view._timeout = checked_timeout(timeout)
        if headers is not None:
            view._headers = {**self._headers, **checked_names("headers", headers)}
        return view

    def close(self) -> None:
        """Release the connections; a view leaves them to its capability."""
        self._transport.close()

    def __enter__(self) -> Capability:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _requested(
        self, ref: str, arguments: Mapping[str, Any] | None, more: dict[str, Any]
    ) -> tuple[Decoder, Request]:
        """Return the request of a call, and the decoder of its response."""
        ref = checked_name(ref)
        prepared = self._prepared.get(ref) or self._prepare(ref)
        given = more if arguments is None else joined_arguments(arguments, more)
        return prepared.decoder, prepared.request(given, self._variables)

    def _single(
        self, ref: str, arguments: Mapping[str, Any] | None, more: dict[str, Any]
    ) -> tuple[Decoder, Request]:
        """Return the one request of an operation or a function, and its decoder."""
        try:
            return self._requested(ref, arguments, more)
        except UnknownOperation:
            given = joined_arguments(arguments, more)
            call = self._exposed(ref).only_call(given, self._variables.get)
            return self._decoders[call.operation], self.request_for(call)

    def _prepare(self, ref: str) -> Prepared:
        """Make an operation ready when it is first used, and keep it."""
        prepared = self._prepared[ref] = self._made(self.operations.find(ref))
        return prepared

    def _made(
        self,
        operation: Operation,
        *,
        defaults: Mapping[str, str] | None = None,
        dry: bool = False,
    ) -> Prepared:
        # Imported here: whoever lists the operations of a document sends none.
        from naftiko.consumes.request import prepare

        return prepare(
            operation,
            self._decoders[operation],
            self._scope,
            base_uri=self._base_uri,
            signer=self._auth.get(operation.namespace),
            headers=self._headers,
            defaults=defaults,
            dry=dry,
        )

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations.values())

    def __repr__(self) -> str:
        label = f" '{self.info.label}'" if self.info.label else ""
        count = len(self.operations)
        return f"<Capability{label} from {self._name}: {count} operations>"

    def _repr_html_(self) -> str:
        title = self.info.label or self._name
        return self.operations.page(title, self.info.description)


def _http_transport() -> Transport:
    # Imported here: a dry run or a list of operations needs no transport.
    from naftiko.transport.http import HttpTransport

    return HttpTransport()
