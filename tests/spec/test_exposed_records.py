"""Records of exposed units: the resource of an operation, authentication (spec 11.1)."""

from __future__ import annotations

from typing import Any

import pytest

import naftiko
from support import serving


def test_operation_has_the_name_of_its_resource() -> None:
    """L18: by its name; the records hold no references back."""
    resources = serving.operation(name="look", call="api.get")
    resources[0]["name"] = "fleet"
    loaded = naftiko.load(serving.document(resources), schema=None)
    assert loaded.operations["api.get"].resource == "ship"
    assert loaded.functions.find("front.look").function.resource == "fleet"


@pytest.mark.parametrize(
    "authentication",
    [
        {"type": "bearer", "token": "t"},
        {"type": "apikey", "key": "X-Key", "value": "v", "placement": "header"},
    ],
)
def test_exposed_authentication_is_kept_as_written(authentication: Any) -> None:
    """L19: each value is kept as it is written; the guard of the adapter reads it."""
    data = serving.document(
        serving.operation(call="api.list"), adapter={"authentication": authentication}
    )
    loaded = naftiko.load(data, schema=None)
    asked = loaded.exposes[0].authentication
    assert asked is not None
    placement = {"placement": asked.placement} if "placement" in authentication else {}
    assert {"type": asked.type, **asked.texts, **placement} == authentication
    assert asked.problems == ()
