"""The places of the arguments of an operation."""

from __future__ import annotations

from support.building import capability


def test_unplaced_path_parameters_can_be_appended() -> None:
    """`append` puts a path parameter without a placeholder at the end."""
    api = capability(
        {"resourcePath": "/a", "inputParameters": [{"name": "id", "in": "path"}]},
        unplaced_path_parameters="append",
    )
    assert api.request("api.op", id="1/2").url.endswith("/a/1%2F2")


def test_paths_replace_those_of_the_document() -> None:
    """`paths` gives an operation another path."""
    api = capability(
        {"inputParameters": [{"name": "id", "in": "path"}]},
        paths={"api.op": "/b/{id}/c"},
    )
    assert api.request("api.op", id=1).url.endswith("/b/1/c")
