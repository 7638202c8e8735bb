"""Files of the second generation: one capability for each business surface of an API.

They are data for these tests only. No request is sent to the hosts that they name.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import naftiko
from support.published import check_requests
from support.shared import SURFACES, of_corpus, reachable, surface_files

_PLACEHOLDER = re.compile(r"\{\{?\s*([^{}]+?)\s*\}?\}")
#: Code → how often it is found in all files.
_VERDICT = {
    "U-base-uri-missing": 44,
    "U-path-parameter-unplaced": 4,
    "W-auth-shape": 6,
    "W-incomplete-dropped": 3,
    "W-key-misplaced": 6,
    "W-key-unknown": 6,
    "W-parameter-type": 23,
    "W-resource-name": 2,
    "W-rest-placeholder-spelling": 632,
    "W-route-duplicate": 46,
    "W-variable-undeclared": 2,
    "W-version-older": 3,
}

needs_surfaces = pytest.mark.skipif(
    not SURFACES.is_dir(), reason=f"NAFTIKO_CORPUS: there is no {SURFACES}"
)
each_surface = pytest.mark.parametrize(
    "file",
    [
        of_corpus(file, str(file.relative_to(SURFACES)), number, each=32)
        for number, file in enumerate(surface_files())
    ],
)


@needs_surfaces
@pytest.mark.slow
def test_findings_in_all_surfaces_are_these() -> None:
    """No file is refused; each deviation is one that the rules know."""
    found: Counter[str] = Counter()
    for file in surface_files():
        found.update(problem.code for problem in naftiko.validate(file))
    assert dict(sorted(found.items())) == _VERDICT


@needs_surfaces
@each_surface
def test_every_operation_of_a_surface_builds_a_request(file: Path) -> None:
    """Only a path without a placeholder for its parameter has no request."""
    capability = _stubbed(file)
    unplaced = [
        operation.ref
        for operation in capability
        if [p.code for p in operation.problems] == ["U-path-parameter-unplaced"]
    ]
    assert check_requests(capability) == len(capability.operations) - len(unplaced)
    whole = _stubbed(file, unplaced_path_parameters="append")
    assert check_requests(whole) == len(whole.operations)


def _stubbed(file: Path, **options: Any) -> naftiko.Capability:
    """Load a file over a stub, with a value for each variable."""
    loaded = naftiko.load(
        reachable(file), schema=None, transport=naftiko.StubTransport(), **options
    )
    names = {
        name
        for operation in loaded
        for name in (*operation.layout.variables, *operation.base_names)
    }
    return loaded.using(variables=dict.fromkeys(names, "v"))


@needs_surfaces
@each_surface
def test_route_of_a_surface_fills_each_placeholder_of_its_operation(
    file: Path,
) -> None:
    """A placeholder of the route has the place that its name has upstream."""
    capability = _stubbed(file)
    for exposes in capability.exposes:
        for function in exposes.functions if exposes.type == "rest" else ():
            operation = capability.operations.resolve(function.call)
            if operation is None or operation.problems:
                continue
            route = _PLACEHOLDER.findall(function.url_path)
            folded = {re.sub("[-_]", "", name).lower(): name for name in route}
            with_ = dict(function.with_ or {})
            for name in _PLACEHOLDER.findall(operation.path):
                source = folded[re.sub("[-_]", "", name).lower()]
                assert source == name or with_[name].partition(".")[2] == source
