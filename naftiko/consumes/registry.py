"""`"namespace.operation"` → `Operation`, near misses and ambiguity included.

This module must not know how an operation was read or how it is called.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from naftiko.consumes.operation import Operation
from naftiko.document import rules
from naftiko.errors import (
    UnknownOperation,
    UnresolvedCall,
    did_you_mean,
    names_of,
    nearest,
    shorten,
)
from naftiko.expressions import parts_of
from naftiko.hints import Hint
from naftiko.settings import checked_name

if TYPE_CHECKING:
    from naftiko.search.matching import Entry

#: How many dots of a call are tried as the end of a namespace.
_MOST_DOTS = 32


def split_call(call: str, namespaces: Container[str]) -> tuple[str, str]:
    """Return the namespace and the name of a call (dialect 7.3).

    It is split at its last dot; when that names no namespace, after the longest one
    that begins it. `split_call("a.b.c", {"a"})` is `("a", "b.c")`.
    """
    last, _, name = call.rpartition(".")
    namespace = last
    for _ in range(_MOST_DOTS):
        if namespace in namespaces:
            return namespace, call[len(namespace) + 1 :]
        namespace, dot, _ = namespace.rpartition(".")
        if not dot:
            break
    return last, name


class Registry(Mapping[str, Operation]):
    """The operations of a capability, by ref, in the order of the document.

    A name that several operations of one namespace share is refused; each of them has
    a longer ref, `namespace.resource.operation` or `namespace.operation#2`.

    Attributes:
        adapters: Namespace → an operation that stands for the adapter, with its own
            parameters and credentials; for forwarded requests (spec 3.8).
    """

    def __init__(
        self,
        operations: Iterable[Operation] = (),
        ambiguous: Mapping[str, tuple[str, ...]] | None = None,
        adapters: Mapping[str, Operation] | None = None,
    ) -> None:
        self._by_ref = {operation.ref: operation for operation in operations}
        self._ambiguous = dict(ambiguous or {})
        self.adapters = dict(adapters or {})

    # Made when they are first asked for: most refs are found without them.

    @cached_property
    def _by_name(self) -> dict[str, list[Operation]]:
        """Bare name → the operations of that name, whatever their namespace."""
        return _grouped((op.name, op) for op in self.values())

    @cached_property
    def _by_long_name(self) -> dict[str, list[Operation]]:
        """`namespace.resource.operation` → the operations of that name."""
        return _grouped(
            (f"{op.namespace}.{op.resource}.{op.name}", op) for op in self.values()
        )

    @cached_property
    def _namesakes(self) -> dict[str, list[Operation]]:
        """`namespace.operation` → the operations of that name."""
        return _grouped((f"{op.namespace}.{op.name}", op) for op in self.values())

    @cached_property
    def _by_namespace(self) -> dict[str, list[str]]:
        """Namespace → the refs of its operations."""
        refs: dict[str, list[str]] = {}
        for ref, operation in self.items():
            refs.setdefault(operation.namespace, []).append(ref)
        return refs

    def __getitem__(self, ref: str) -> Operation:
        ref = checked_name(ref)
        try:
            return self._by_ref[ref]
        except KeyError:
            raise _NoSuchKey(self.explain(ref)) from None

    def find(self, ref: str) -> Operation:
        """Return an operation by its ref, any longer form of it, or its bare name.

        `get-book` finds `shop.get-book` where no other operation is called `get-book`.

        Raises:
            UnknownOperation: No operation has that name, or several have it.
        """
        ref = checked_name(ref)
        operation = self._by_ref.get(ref)
        if operation is None:
            operation = self._longer(ref)
        if operation is None:
            named = self.named(ref)
            if len(named) != 1:
                raise self.explain(ref)
            operation = named[0]
        return operation

    def named(self, name: str) -> list[Operation]:
        """Return the operations of a bare name, whatever their namespace."""
        return list(self._by_name.get(name, ()))

    def resolve(self, call: str) -> Operation | None:
        """Return the operation that a `call` names, or `None` (dialect 7.3).

        It is split at its last dot; when that names no namespace, the longest declared
        namespace that begins it is tried. A longer ref names its operation exactly.
        """
        operation = self._by_ref.get(call)
        if operation is not None or call in self._ambiguous:
            return operation
        namespace, name = split_call(call, self._by_namespace)
        if namespace not in self._by_namespace:
            return None
        return self._by_ref.get(f"{namespace}.{name}") or self._longer(call)

    def refs_of(self, namespace: str) -> Sequence[str]:
        """Return the refs of the operations of a namespace, in order."""
        return self._by_namespace.get(namespace, ())

    def first_named(self, name: str) -> Operation | None:
        """Return the first operation of a bare name, whatever its namespace."""
        return next(iter(self._by_name.get(name, ())), None)

    def long_names(self, calls: Iterable[str]) -> list[str]:
        """Return the parameters with a dot or brackets in their names: `filter[id]`.

        In a unit that declares no inputs, they are names of arguments.

        Args:
            calls: What the steps of the unit call; their declared parameters count.
        """
        called = filter(None, map(self.resolve, dict.fromkeys(calls)))
        declared = [p.name for operation in called for p in operation.spec.parameters]
        return [name for name in dict.fromkeys(declared) if len(parts_of(name)) > 1]

    def adapter(self, namespace: str, consumed: Iterable[str]) -> Operation:
        """Return the operation that stands for an adapter, see `adapters`.

        Args:
            namespace: The namespace of the adapter.
            consumed: All namespaces of the document, for the error.

        Raises:
            UnresolvedCall: The document consumes no such adapter.
        """
        operation = self.adapters.get(namespace)
        if operation is None:
            raise UnresolvedCall(
                f"no adapter has the namespace '{namespace}'",
                code=rules.CALL_UNRESOLVED.code,
                hint=did_you_mean(namespace, consumed)
                or f"the document consumes: {names_of(consumed)}",
            )
        return operation

    def explain(self, ref: str) -> UnknownOperation:
        """Return the error for a ref that names no single operation."""
        if ref in self._ambiguous:
            return UnknownOperation(
                f"several operations are called '{ref}'",
                code=rules.OPERATION_AMBIGUOUS.code,
                hint=f"use one of: {names_of(self._ambiguous[ref])}",
            )
        if named := self.named(ref):
            return UnknownOperation(
                f"several operations are called '{ref}'",
                code=rules.OPERATION_AMBIGUOUS.code,
                hint=f"use one of: {names_of(op.ref for op in named)}",
            )
        near = self.nearest(ref)
        hint: str = Hint(
            "`capability.operations` shows all", "`naftiko list FILE` shows all"
        )
        if near:
            hint = f"nearest: {', '.join(near)}"
        return UnknownOperation(f"no operation is called '{ref}'", hint=hint, near=near)

    def nearest(self, ref: str) -> list[str]:
        """Return up to three refs most like `ref`, best first."""
        refs = nearest(ref, self._by_ref)
        if not refs:
            # A bare operation name is close to every ref that ends in it.
            tail = ref.rpartition(".")[2]
            near = nearest(tail, self._by_name)
            refs = [self._by_name[name][-1].ref for name in near]
        return refs

    def _longer(self, ref: str) -> Operation | None:
        """Resolve `namespace.resource.operation` and `namespace.operation#n`."""
        head, sign, number = ref.rpartition("#")
        if sign and re.fullmatch("[0-9]{1,6}", number):
            named = self._namesakes.get(head, ())
            return named[int(number) - 1] if 0 < int(number) <= len(named) else None
        long = self._by_long_name.get(ref, ())
        return long[0] if len(long) == 1 else None

    def search(self, text: str) -> tuple[Operation, ...]:
        """Return operations that hold every word of a text, best first.

        Words are looked for, without case, in names and paths, in descriptions and
        inputs, and in the tools and routes that call the operation. Whole words and
        names come first.
        """
        # Imported here: most commands search nothing.
        from naftiko.search.matching import ranked

        operations = list(self._by_ref.values())
        found = ranked(text, map(_entry, operations))
        return tuple(operations[place] for place in found)

    def search_near(self, text: str) -> tuple[Operation, ...]:
        """Return operations that hold words of a text or synonyms, best first.

        For a text of which `search` finds nothing: `throw away pictures` finds an
        operation that removes images. At most ten.
        """
        from naftiko.search.matching import nearest

        operations = list(self._by_ref.values())
        found = nearest(text, list(map(_entry, operations)))
        return tuple(operations[place] for place in found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_ref)

    def __len__(self) -> int:
        return len(self._by_ref)

    def __contains__(self, ref: object) -> bool:
        return isinstance(ref, str) and ref in self._by_ref

    def __repr__(self) -> str:
        return f"<Registry of {len(self)} operations>"

    def page(self, title: str, description: str) -> str:
        """Return the operations as HTML, below a title and a description."""
        from html import escape  # only notebooks need it

        return (
            f"<h4>{escape(title)}</h4><p>{escape(description)}</p>{self._repr_html_()}"
        )

    def _repr_html_(self) -> str:
        from html import escape  # only notebooks need it

        rows = "".join(
            f"<tr><td><code>{escape(op.ref)}</code></td><td>{escape(op.method)}</td>"
            f"<td><code>{escape(op.path)}</code></td>"
            f"<td>{escape(shorten(op.description, 120))}</td></tr>"
            for op in self.values()
        )
        return (
            "<table><tr><th>operation</th><th>method</th><th>path</th>"
            f"<th>description</th></tr>{rows}</table>"
        )


def _grouped(named: Iterable[tuple[str, Operation]]) -> dict[str, list[Operation]]:
    groups: dict[str, list[Operation]] = {}
    for name, operation in named:
        groups.setdefault(name, []).append(operation)
    return groups


def _entry(op: Operation) -> Entry:
    from naftiko.search.matching import Entry

    told = op.callers.words_of(op) if op.callers else ""
    inputs = " ".join(f"{p.name} {p.description}" for p in op.inputs)
    around = f"{op.namespace} {op.resource} {op.path}"
    return Entry(op.name, around, f"{op.description} {op.method}", f"{told} {inputs}")


class _NoSuchKey(UnknownOperation, KeyError):
    """`Mapping.get` and `in` need a `KeyError`; users get the teaching message."""

    def __init__(self, error: UnknownOperation) -> None:
        super().__init__(
            error.message, hint=error.hint, code=error.code, near=error.near
        )

    __str__ = UnknownOperation.__str__


# A traceback prints the name that the documents and `except` know.
_NoSuchKey.__name__ = _NoSuchKey.__qualname__ = UnknownOperation.__name__
