"""`path_of`: the path of a `location`, in every spelling of published files."""

from __future__ import annotations

from pathlib import Path

import pytest

import naftiko
from naftiko.locations import path_of

FOLDER = Path("/documents")


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("api.yaml", "/documents/api.yaml"),
        ("./api.yaml", "/documents/api.yaml"),
        ("../api.yaml", "/documents/../api.yaml"),
        ("/etc/api.yaml", "/etc/api.yaml"),
        ("100%25.yaml", "/documents/100%25.yaml"),
        ("a:b.yaml", "/documents/a:b.yaml"),
        ("file:///etc/api.yaml", "/etc/api.yaml"),
        ("FILE:///etc/api.yaml", "/etc/api.yaml"),
        ("file://localhost/etc/api.yaml", "/etc/api.yaml"),
        ("file:/etc/api.yaml", "/etc/api.yaml"),
        ("file:api.yaml", "/documents/api.yaml"),
        ("file://api.yaml", "/documents/api.yaml"),
        ("file://./api.yaml", "/documents/api.yaml"),
        ("file:///./api.yaml", "/documents/api.yaml"),
        ("file:///../api.yaml", "/documents/../api.yaml"),
        ("file:///.hidden/api.yaml", "/.hidden/api.yaml"),
        ("file:///./two%20words.yaml", "/documents/two words.yaml"),
        ("file:///.", "/documents"),
        ("https://example.com/api.yaml", None),
        ("vault://secrets", None),
        ("file:///a%00b", None),
        ("a\0b", None),
    ],
)
def test_location_is_a_path_or_a_file_uri(location: str, path: str | None) -> None:
    """A relative location begins at the folder; another scheme gives `None`."""
    named = path_of(location, FOLDER)
    assert named == (None if path is None else Path(path))


@pytest.mark.parametrize(
    "location", ["file://./a%00b.yaml", "./" + "a" * 300 + ".yaml", "a\0b", "file:///."]
)
def test_malformed_location_is_a_problem(location: str, tmp_path: Path) -> None:
    """A malformed location of import, bind or script gives an error, no traceback."""
    document = {
        "naftiko": "1.0.0-alpha2",
        "info": {"label": "x"},
        "binds": [{"namespace": "b", "location": location, "keys": {"K": "k"}}],
        "capability": {
            "consumes": [
                {"location": location, "import": "x", "as": "y"},
                {
                    "type": "http",
                    "namespace": "n",
                    "baseUri": "http://127.0.0.1:9",
                    "resources": [
                        {
                            "name": "r",
                            "path": "/",
                            "operations": [
                                {
                                    "name": "get",
                                    "method": "GET",
                                    "inputParameters": [
                                        {"name": "k", "in": "query", "value": "{{K}}"}
                                    ],
                                }
                            ],
                        }
                    ],
                },
            ],
            "exposes": [
                {
                    "type": "mcp",
                    "namespace": "m",
                    "tools": [
                        {
                            "name": "t",
                            "steps": [
                                {
                                    "type": "script",
                                    "name": "s",
                                    "language": "javascript",
                                    "file": "x.js",
                                    "location": location,
                                }
                            ],
                        }
                    ],
                }
            ],
        },
    }
    problems = naftiko.validate(document)
    assert any(p.code == "U-import-unresolved" for p in problems)
    capability = naftiko.load(document)
    with pytest.raises(naftiko.UnboundVariable):
        capability.call("n.get")
    with pytest.raises(naftiko.CallError):
        capability.invoke("t")
