"""The types of the specification, and which values are of them: one table.

Arguments of exposed functions, mapped outputs, static outputs and mocks all read their
values here (spec 2.7, 3.3; spec 13, rows 40 and 41). A value is of a type as JSON
Schema has it; a text is of a type when it writes such a value, as in YAML 1.2 (core
schema, 10.3.2):

| type      | a value of it           | a text of it            | comes out as        |
| --------- | ----------------------- | ----------------------- | ------------------- |
| `string`  | any text                | any text                | the text            |
|           | a number, a boolean     |                         | `5`, `1.5`, `true`  |
| `number`  | a finite number         | `7`, `-1.5`, `.5`, `1e3`| an int or a float   |
| `integer` | a number without a rest | `7`, `5.0`, `1e3`       | an int              |
| `boolean` | `true`, `false`         | `true`, `False`, `1`, `0`| a boolean          |
| `array`   | a list                  | `[1, 2]`, as JSON       | the list            |
| `object`  | a mapping               | `{"a": 1}`, as JSON     | the mapping         |

Blanks around a text do not count, except for `string`. The texts `1` and `0` are
booleans because query strings write them so; the numbers are not. `yes`, `1_0`, `NaN`
and `Infinity` are texts and nothing else.

The table does not say what becomes of a value of another type: an argument is refused,
a mapped output becomes null, and a static output stays as the document writes it.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

from naftiko.expressions import ABSENT, to_text
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.plain import JSON

#: The number texts of YAML 1.2. Python needs quadratic time for very long ones.
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_NUMBER = re.compile(r"[-+]?([0-9]{1,400}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class ValueType(NamedTuple):
    """One row of the table.

    Attributes:
        name: How documents and JSON Schema write it.
        read: Value → the same as a value of this type, or `ABSENT`.
        mismatch: What is said of a value of another type; its subject stands before.
    """

    name: str
    read: Callable[[JSON], JSON]
    mismatch: str


def read_as(type_name: JSON, value: JSON) -> JSON:
    """Return a value as one of a type, or `ABSENT` when it is of another.

    `read_as("integer", "5.0")` is `5`, and `read_as("integer", "1.5")` is `ABSENT`.
    A type that is not in the table, as that of an output without a `type`, takes every
    value as it is.
    """
    value_type = type_of(type_name)
    return value if value_type is None else value_type.read(value)


def type_of(name: JSON) -> ValueType | None:
    """Return the row of a type, or `None` for anything that documents may write."""
    return VALUE_TYPES.get(name) if isinstance(name, str) else None


def schema_of(name: JSON, *, nullable: bool = False) -> dict[str, JSON]:
    """Return the JSON Schema of a type; empty for one that is not in the table.

    `schema_of("number", nullable=True)` is `{"type": ["number", "null"]}`.
    """
    if type_of(name) is None:
        return {}
    return {"type": [name, "null"] if nullable else name}


# --- one function per row -----------------------------------------------------------


def _read_string(value: JSON) -> JSON:
    if isinstance(value, str):
        return value
    if not isinstance(value, (bool, int, float)):
        return ABSENT
    try:
        return to_text(value)
    except ValueError:
        return ABSENT  # more digits than Python writes


def _read_number(value: JSON) -> JSON:
    if isinstance(value, str):
        text = value.strip()
        if _INTEGER.fullmatch(text):
            return int(text)
        if not _NUMBER.fullmatch(text):
            return ABSENT
        value = float(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ABSENT
    # JSON has neither infinity nor "not a number". Long integers are no floats.
    return value if isinstance(value, int) or math.isfinite(value) else ABSENT


def _read_integer(value: JSON) -> JSON:
    number = _read_number(value)
    if isinstance(number, float):
        return int(number) if number.is_integer() else ABSENT
    return number


def _read_boolean(value: JSON) -> JSON:
    if isinstance(value, str):
        return _BOOLEANS.get(value.strip().lower(), ABSENT)
    return value if isinstance(value, bool) else ABSENT


def _read_array(value: JSON) -> JSON:
    return value if isinstance(value, list) else _read_json(value, list)


def _read_object(value: JSON) -> JSON:
    return value if isinstance(value, dict) else _read_json(value, dict)


def _read_json(value: JSON, kind: type) -> JSON:
    if not isinstance(value, str) or value.strip()[:1] not in ("[", "{"):
        return ABSENT
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return ABSENT
    return parsed if isinstance(parsed, kind) else ABSENT


VALUE_TYPES = {
    row.name: row
    for row in (
        ValueType("string", _read_string, "is not a text"),
        ValueType("number", _read_number, "is not a number"),
        ValueType("integer", _read_integer, "is not a whole number"),
        ValueType("boolean", _read_boolean, "is neither true nor false"),
        ValueType("array", _read_array, "is not a list"),
        ValueType("object", _read_object, "is not an object"),
    )
}
