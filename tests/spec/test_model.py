"""The records that a document is read into, one for each noun."""

from __future__ import annotations

import re
from typing import Any

import pytest

from naftiko.spec import adapters, model
from support.records import RECORDS


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_record_has_every_field_that_it_describes(record: Any) -> None:
    """The attributes in the docstring of a record are fields of it."""
    _, _, listed = (record.__doc__ or "").partition("Attributes:\n")
    described = re.findall(r"^ {8}(\w+):", listed, re.MULTILINE)
    assert set(described) <= set(record._fields)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_record_cannot_be_changed(record: Any) -> None:
    """A record is made once; another one is made where a field has to differ."""
    whole = record(*record._fields)
    first = record._fields[0]
    with pytest.raises(AttributeError):
        setattr(whole, first, None)
    assert getattr(whole._replace(**{first: "other"}), first) == "other"
    assert getattr(whole, first) == first


def test_record_without_a_place_says_an_empty_one() -> None:
    """The place of a record is one of a document, or empty: it is never missing."""
    placed = [record for record in RECORDS if "path" in record._fields]
    assert len(placed) > 10
    assert {record._field_defaults["path"] for record in placed} == {()}


def test_records_of_few_documents_are_not_imported() -> None:
    """The records of prompts, skills and the like are no part of the common ones."""
    rare = {
        record.__name__ for record in RECORDS if record.__module__ == adapters.__name__
    }
    assert "PromptSpec" in rare
    assert not rare & set(vars(model))
