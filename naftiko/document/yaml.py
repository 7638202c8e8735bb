"""YAML and JSON text -> plain data and the place of every node.

    text  →  events of the C parser, of the pure parser, or of JSON tokens
    events  →  `Builder`: the data, and one mark (line, column) per node

One walk over the events builds the data and notes where each node stands. JSON is
nearly YAML, but tabs, escapes and surrogates differ, so valid JSON is read by its own
rules (RFC 8259). This module must not know what a capability is.
"""

from __future__ import annotations

from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from naftiko.document import rules
from naftiko.document.document import (
    BRACKETS_HINT,
    MAX_DEPTH,
    TOO_DEEP,
    Document,
    refuse,
)
from naftiko.document.events import (
    JSON_KINDS,
    json_events,
    pure_events,
    with_old_breaks,
    yaml_kinds,
)
from naftiko.document.scalars import (
    CONSTANTS,
    CORE_TAG,
    NUMERIC_START,
    is_scalar_tag,
    resolve_number,
    resolve_tagged,
)
from naftiko.document.tags import has_ordered, kind_tags, with_plain_mappings
from naftiko.errors import DocumentSyntaxError, Related, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from naftiko.document.events import Events, Kinds
    from naftiko.document.rules import Rule
    from naftiko.plain import JSON

    #: A container, the key that waits for its value, its anchor, its first mark.
    _Opened = tuple[JSON, JSON, str | None, int]

#: Nodes that aliases may stand for, all together: a bomb has billions.
MAX_ALIASED = 100_000
#: Characters that aliases may stand for beyond the length of the text, all together.
MAX_ALIASED_TEXT = 1024 * 1024
#: Characters of a text that the pure parser reads, of a document and of a mere value.
#: It takes some ten seconds for a megabyte, the C parser half a second.
MAX_SLOW_DOCUMENT, MAX_SLOW_VALUE = 512 * 1024, 64 * 1024
# Characters that YAML 1.2 does not call printable (section 5.1). The complement, which
# the specification gives, takes ten times as long to compile.
UNPRINTABLE = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
NO_VALUE: Any = object()


def parse_value(text: str, *, as_written: bool = False) -> JSON:
    """Return the data of the first document in a YAML text.

    A text over 64 KiB is read by the C parser only, if that is installed.

    Args:
        text: The document.
        as_written: Leave every scalar but a null the text that it is: `0123`, `1.50`.

    Raises:
        DocumentSyntaxError: The text is not well-formed.
    """
    builder = Builder("<yaml>", MAX_SLOW_VALUE)
    if as_written:
        nothing = [text for text, value in CONSTANTS.items() if value is None]
        builder.constants, builder.numeric = dict.fromkeys(nothing), frozenset()
    return builder.build_yaml(text.removeprefix("\ufeff"), first_only=True)


def parse_part(text: str, most_deep: int) -> tuple[JSON, array[int]] | None:
    """Return the data and the marks of a part of a text, or `None`.

    It is `None` where the part is not well-formed by itself: an alias may stand for
    something before it.

    Args:
        text: The part.
        most_deep: How deep its mappings and lists may be nested.
    """
    from ruamel.yaml.error import YAMLError

    builder = Builder("<part>")
    builder.most_deep = most_deep
    events = builder.events(_c_events if _c_parser() else pure_events, text)
    try:
        data = builder.walk(events, yaml_kinds())
    except (YAMLError, DocumentSyntaxError, RecursionError):
        return None
    return None if builder.aliases else (data, builder.marks)


def has_c_parser() -> bool:
    """Tell whether ruamel's C parser is installed."""
    return _c_parser() is not None


def _c_parser() -> Any:
    # ruamel.yaml 0.19 imports only the module of `ruamel.yaml.clib`; its own
    # `libyaml` extra installs `clibz`, which nothing picks up.
    try:
        from _ruamel_yaml import CParser
    except ImportError:
        return None
    return CParser


def _c_events(text: str) -> Iterator[Any]:
    return iter(_c_parser()(text).get_event, None)


class Builder:
    """Build data from events, and one mark (line, column from 0) per node."""

    def __init__(self, name: str, most_slow: int = MAX_SLOW_DOCUMENT) -> None:
        self.name = name
        self._most_slow = most_slow
        self.most_deep = MAX_DEPTH
        self.constants: dict[str, JSON] = CONSTANTS
        self.numeric = NUMERIC_START
        self._reset()

    def _reset(self) -> None:
        self.marks: array[int] = array("I")
        self.aliases: list[int] = []
        #: Anchor → how many nodes it stands for, and how many characters.
        self._sizes: dict[str, int] = {}
        self._lengths: dict[str, int] = {}
        self._aliased = self._aliased_text = 0
        self._most_text = MAX_ALIASED_TEXT

    def build_yaml(self, text: str, *, first_only: bool = False) -> JSON:
        """Return the data of a YAML text, and note the place of every node.

        Args:
            text: The text.
            first_only: Read the first document, and leave the others alone.

        Raises:
            DocumentSyntaxError: The text is not one well-formed document.
        """
        from ruamel.yaml.error import YAMLError

        kinds = yaml_kinds()
        self._most_text = MAX_ALIASED_TEXT + len(text)
        try:
            if _c_parser():
                # A text that the C parser refuses may still be YAML 1.2, such as a
                # plain URL in a flow mapping. If it is not, the pure parser explains
                # it better.
                is_short = len(text) <= self._most_slow
                with suppress(*[YAMLError] * is_short):
                    stream = self.events(_c_events, text)
                    return self.walk(stream, kinds, first_only=first_only)
                self._reset()
            stream = self.events(pure_events, text)
            return self.walk(stream, kinds, first_only=first_only)
        except YAMLError as error:
            self._syntax_error(error, text)
        except RecursionError:
            self._too_deep(1, 1)

    def events(self, source: Events, text: str) -> Iterator[Any]:
        """Return the events of a text, its ordered mappings as plain mappings."""
        stream = with_old_breaks(source, text)
        if has_ordered(text):
            return with_plain_mappings(stream, self._refuse_tag)
        return stream

    def build_json(self, text: str) -> JSON:
        """Return the data of a JSON text, or `NO_VALUE` when it is not JSON.

        Raises:
            DocumentSyntaxError: It is JSON, and cannot be a document all the same.
        """
        import json

        try:
            # Python also takes NaN and Infinity, which JSON does not have.
            json.loads(text, object_pairs_hook=_nothing, parse_constant=int)
        except ValueError:
            return NO_VALUE
        except RecursionError:
            self._too_deep(1, 1)
        return self.walk(json_events(text, self._half_a_character), JSON_KINDS)

    def walk(
        self, stream: Iterable[Any], kinds: Kinds, *, first_only: bool = False
    ) -> JSON:
        """Return the data of a stream of events.

        Hot loop: every call in it would cost per node (measured on 130 KB: splitting
        it into methods takes a third longer), so it is one long function.
        """
        scalar, alias = kinds.scalar, kinds.alias
        mapping, sequence, ends = kinds.mapping, kinds.sequence, kinds.ends
        mark = self.marks.append
        constants, numeric = self.constants, self.numeric
        anchors: dict[str, JSON] = {}
        root: JSON = NO_VALUE
        container: JSON = None
        key: JSON = NO_VALUE
        stack: list[_Opened] = []
        for event in stream:
            kind = event.__class__
            if kind is scalar:
                start = event.start_mark
                mark(start.line)
                mark(start.column)
                value = event.value
                if container.__class__ is dict and key is NO_VALUE:
                    if event.ctag is not None:
                        self._tagged(event, value)
                    if event.anchor:
                        anchors[event.anchor] = value
                        self._lengths[event.anchor] = len(value)
                    if value in container:
                        self._duplicate(value, container, stack[-1][3], start)
                    key = value
                    continue
                if event.ctag is not None:
                    value = self._tagged(event, value)
                elif event.implicit[0]:
                    if value in constants:
                        if not value and key is not NO_VALUE:
                            # The parsers disagree on where nothing stands: at its key.
                            self.marks[-2:] = self.marks[-4:-2]
                        value = constants[value]
                    elif value[0] in numeric:
                        value = resolve_number(value)
                if event.anchor:
                    anchors[event.anchor] = value
                    self._sizes[event.anchor] = 1
                    self._lengths[event.anchor] = len(event.value)
            elif kind is mapping or kind is sequence:
                start = event.start_mark
                if container.__class__ is dict and key is NO_VALUE:
                    self._bad_key(start)
                if event.ctag is not None:
                    self._tagged(event, None)
                if len(stack) >= self.most_deep:
                    self._too_deep(start.line + 1, start.column + 1)
                if event.anchor:
                    anchors[event.anchor] = NO_VALUE
                    self._sizes[event.anchor] = 0
                    # What stands in the text until its end; aliases in it add theirs.
                    self._lengths[event.anchor] = -start.index
                stack.append((container, key, event.anchor, len(self.marks)))
                mark(start.line)
                mark(start.column)
                container, key = ({} if kind is mapping else []), NO_VALUE
                continue
            elif kind in ends:
                value = container
                container, key, anchor, begin = stack.pop()
                if anchor:
                    anchors[anchor] = value
                    self._sizes[anchor] += (len(self.marks) - begin) // 2
                    self._lengths[anchor] += event.end_mark.index
            elif kind is alias:
                start = event.start_mark
                value = self._alias(event.anchor, anchors, start, stack)
                mark(start.line)
                mark(start.column)
                if container.__class__ is dict and key is NO_VALUE:
                    if isinstance(value, (dict, list)):
                        self._bad_key(start)
                    key = value if isinstance(value, str) else str(value)
                    if key in container:
                        self._duplicate(key, container, stack[-1][3], start)
                    continue
            else:
                if kind is kinds.document and root is not NO_VALUE:
                    if first_only:
                        return root
                    where = event.start_mark
                    self._second_document(where.line + 1, where.column + 1)
                continue
            if container is None:
                root = value
            elif key is NO_VALUE:
                container.append(value)
            else:
                container[key] = value
                key = NO_VALUE
        return None if root is NO_VALUE else root

    def _tagged(self, event: Any, value: JSON) -> JSON:
        """Return a scalar read by its explicit tag, or refuse the tag."""
        tag = str(event.tag)
        if tag == "!":
            return value
        if value is None:
            if tag in kind_tags(event):
                return value
        else:
            fits, resolved = resolve_tagged(value, tag)
            if fits:
                return resolved
        if value is not None and is_scalar_tag(tag):
            self._refuse_tag(event, f"does not fit '{shorten(value)}'")
        self._refuse_tag(event, "")

    def _refuse_tag(self, event: Any, why: str) -> NoReturn:
        where = event.start_mark
        shown = shorten(str(event.tag).replace(CORE_TAG, "!!"))
        self._refuse(
            where.line + 1,
            where.column + 1,
            rules.YAML_TAG,
            f"the tag '{shown}' {why or 'has no meaning here'}",
            "write the value plainly, or quote it to make it a text",
        )

    def _alias(
        self,
        anchor: str,
        anchors: dict[str, JSON],
        at: Any,
        stack: list[_Opened],
    ) -> JSON:
        value = anchors.get(anchor, NO_VALUE)
        line, column = at.line + 1, at.column + 1
        if value is NO_VALUE:
            why = "stands inside itself" if anchor in anchors else "is not defined"
            self._refuse(
                line,
                column,
                rules.YAML_ALIAS,
                f"the alias '*{anchor}' {why}",
                "" if anchor in anchors else "quote a text that begins with `*`",
            )
        size, length = self._sizes.get(anchor, 1), self._lengths[anchor]
        self._aliased += size
        self._aliased_text += length
        is_long = self._aliased_text > self._most_text
        if is_long or self._aliased > MAX_ALIASED:
            most = self._most_text if is_long else MAX_ALIASED
            self._refuse(
                line,
                column,
                rules.YAML_ALIAS,
                f"aliases stand for more than {most:,}"
                f" {'characters' if is_long else 'nodes'}",
                "write the values out",
            )
        # Nodes below an anchored node count again wherever an alias uses it.
        for _, _, name, _ in stack:
            if name:
                self._sizes[name] += size
                self._lengths[name] += length
        self.aliases.append(len(self.marks) // 2)
        return value

    def _duplicate(self, key: str, container: JSON, begin: int, at: Any) -> NoReturn:
        aliases = [number - begin // 2 for number in self.aliases]
        part = Document(container, marks=self.marks[begin:], aliases=aliases)
        first = part.locate([key], key=True)
        self._refuse(
            at.line + 1,
            at.column + 1,
            rules.YAML_DUPLICATE_KEY,
            f"duplicate key '{shorten(key)}': first defined in line {first.line}",
            "keep one of them",
            (Related("first defined here", "", first.line, first.column, self.name),),
        )

    def _bad_key(self, at: Any) -> NoReturn:
        self._refuse(
            at.line + 1,
            at.column + 1,
            rules.YAML_KEY,
            "a mapping or a list is used as a key",
            'quote a template: "{{NAME}}"; give a mapping or a list a key of its own',
        )

    def _second_document(self, line: int, column: int) -> NoReturn:
        self._refuse(
            line,
            column,
            rules.YAML_MULTIPLE,
            "a second document begins here",
            "keep one capability per file",
        )

    def _too_deep(self, line: int, column: int) -> NoReturn:
        self._refuse(line, column, rules.YAML_DEPTH, TOO_DEEP, BRACKETS_HINT)

    def _half_a_character(self, line: int, column: int) -> NoReturn:
        self._refuse(
            line,
            column,
            rules.YAML_ENCODING,
            "half of a surrogate pair is no character",
            "write the character itself, or both halves",
        )

    def _syntax_error(self, error: Any, text: str) -> NoReturn:
        from naftiko.document.syntax import explain, told_briefly

        # To explain it takes the pure parser.
        is_short = len(text) <= self._most_slow
        fault = explain(error, text, self.name) if is_short else told_briefly(error)
        if fault.is_second:
            self._second_document(fault.line, fault.column)
        self._refuse(
            fault.line,
            fault.column,
            rules.YAML_SYNTAX,
            fault.message,
            fault.hint,
            fault.related,
        )

    def _refuse(
        self,
        line: int,
        column: int,
        rule: Rule,
        message: str,
        hint: str = "",
        related: tuple[Related, ...] = (),
    ) -> NoReturn:
        refuse(self.name, line, column, rule, message, hint, related)


def _nothing(pairs: list[tuple[str, JSON]]) -> None:
    """Keep nothing of an object: it is built by the walk over the tokens."""
