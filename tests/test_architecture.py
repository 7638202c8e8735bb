"""Layers: packages import only lower levels, as `docs/architecture.md` declares."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "naftiko"
#: The fourteen levels, lowest first. A room is a folder, or a module beside folders. A
#: room imports from lower levels; `ALSO` lists imports inside one level.
LEVELS: tuple[tuple[str, ...], ...] = (
    ("records", "errors", "hints", "plain", "expressions", "masking", "locations", "http", "settings", "version", "search", "workers", "patterns"),
    ("jsonpath", "document"),
    ("spec", "formats", "lint"),
    ("bindings", "transport"),
    ("consumes",),
    ("functions", "linking"),
    ("capability",),
    ("loader", "demo"),
    ("exposes.http", "exposes.options", "exposes.files"),
    ("exposes.access", "exposes.observability", "exposes.gathering", "exposes.offload", "exposes.processes"),
    ("exposes.engine", "exposes.state", "exposes.front"),
    ("exposes.rest", "exposes.mcp", "exposes.skill", "exposes.control"),
    ("exposes.adapters", "exposes.asgi", "exposes.serve"),
    ("cli", "__main__"),
)  # fmt: skip
#: Allowed imports inside one level: importer → imported.
ALSO = {
    *(
        (room, "records")
        for room in ("errors", "expressions", "masking", "search", "workers")
    ),
    ("settings", "errors"),
    ("errors", "hints"),
    ("workers", "errors"),
    ("patterns", "errors"),
    ("patterns", "workers"),
    ("errors", "search"),
    # The error of a malformed JSONPath has the code of a document rule.
    ("jsonpath", "document"),
    ("exposes.asgi", "exposes.adapters"),
    ("exposes.serve", "exposes.adapters"),
    ("__main__", "cli"),
}
#: Forbidden imports from lower levels: importer → imported.
NEVER = {
    "bindings": {"formats"},
    "transport": {"spec", "bindings"},
    "exposes.rest": {"exposes.access"},
    "exposes.skill": {"exposes.access"},
    "exposes.control": {"exposes.access"},
}
#: Room → the rooms that may import it: only the loader links documents.
ONLY = {"linking": {"loader"}}
#: Import name → name of the library, where they differ.
LIBRARY = {
    "_quickjs": "quickjs",
    "ruamel": "ruamel.yaml",
    "_ruamel_yaml": "ruamel.yaml",
}
#: Library → the modules or folders that may import it.
HOMES = {
    "brotli": {"transport.encodings"},
    "certifi": {"transport.environment"},
    "brotlicffi": {"transport.encodings"},
    "h11": {"exposes.serve.patched_uvicorn"},
    "httptools": {"exposes.serve.patched_uvicorn"},
    "idna": {"transport.wire.hosts"},
    "jsonpath_ng": {"jsonpath.library"},
    "jsonschema": {"document.checking.schema"},
    "jsonschema_rs": {"document.checking.schema"},
    "jwt": {"exposes.access.oauth"},
    "msgspec": {"formats.json", "formats.rewriting"},
    "opentelemetry": {"exposes.observability"},
    "prometheus_client": {"exposes.observability"},
    "re2": {"patterns.linear"},
    "quickjs": {"functions.scripting.sandbox"},
    "requests": {"transport"},
    "ruamel.yaml": {"document"},
    "starlette": {"exposes.rest", "exposes.http", "exposes.access.cors"},
    "tree_sitter": {"functions.scripting.instrumenting"},
    "tree_sitter_javascript": {"functions.scripting.instrumenting"},
    "urllib3": {"transport", "consumes.content"},
    "uvicorn": {"exposes.serve"},
}
MOST_MODULES, MOST_LINES, MOST_OF_A_BODY = 14, 500, 60


def _name(path: Path) -> str:
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def _imports() -> dict[str, tuple[set[str], set[str]]]:
    """Return module → its imports: modules of this package, and other libraries.

    Imports for type checking count as modules of this package, but not as libraries.
    """
    names = {_name(path) for path in PACKAGE.rglob("*.py")}
    return {_name(path): _imports_of(path, names) for path in PACKAGE.rglob("*.py")}


def _imports_of(path: Path, modules: set[str]) -> tuple[set[str], set[str]]:
    ours, others = set(), set()
    tree = _tree(path)
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [n if n[8:] in modules else str(node.module) for n in below]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            if top == "naftiko":
                ours.add(name.removeprefix("naftiko").removeprefix(".") or "__init__")
            elif top not in sys.stdlib_module_names and id(node) not in for_types:
                others.add(LIBRARY.get(top, top))
    return ours, others


def _room(module: str) -> str:
    """Return the room of a module: its folder, or the module that has no folder."""
    known = {room for level in LEVELS for room in level}
    room = module
    while room not in known:
        room, dot, _ = room.rpartition(".")
        assert dot, f"{module} is in no level"
    return room


def _modules() -> list[str]:
    return sorted(set(_imports()) - {"__init__", "exposes"})


@pytest.mark.parametrize("number", range(len(LEVELS)))
def test_level_imports_only_lower_levels(number: int) -> None:
    """Level N imports levels 1 to N-1, and rooms of its own level listed in `ALSO`."""
    allowed = {room for level in LEVELS[:number] for room in level}
    for module in _modules():
        room = _room(module)
        if room not in LEVELS[number]:
            continue
        for other in _imports()[module][0] - {"__init__"}:
            target = _room(other)
            assert (
                target in {room, *allowed} - NEVER.get(room, set())
                or (room, target) in ALSO
            ), f"{module} imports {other}"
            if target in ONLY and target != room:
                assert room in ONLY[target], f"{module} imports {other}"


def test_every_allowed_import_inside_a_level_exists() -> None:
    """An entry of `ALSO` without an import is obsolete and must be removed."""
    arrows = {
        (_room(module), _room(other))
        for module in _modules()
        for other in _imports()[module][0] - {"__init__"}
    }
    assert arrows >= ALSO


def test_imports_have_no_cycle() -> None:
    """Modules have an order in which each imports only earlier modules."""
    graph = {module: inner for module, (inner, _) in _imports().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_every_library_has_one_home() -> None:
    """A library is imported only by its home, a module or folder listed in `HOMES`."""
    for module, (_, others) in _imports().items():
        for library in others:
            homes = HOMES[library]
            assert any(f"{module}.".startswith(f"{home}.") for home in homes), (
                f"{module} imports {library}, whose home is {homes}"
            )


def test_folders_and_modules_stay_small() -> None:
    """A folder has at most 14 modules; a module has at most 500 lines."""
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        modules = [p for p in folder.glob("*.py") if p.name != "__init__.py"]
        assert len(modules) <= MOST_MODULES, folder
    long = {
        _name(path): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := path.read_text("utf-8").count("\n")) > MOST_LINES
    }
    assert not long


def test_functions_stay_short() -> None:
    """A body has at most 60 lines, except hot loops that their docstring declares."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        f"{_name(path)}.{node.name}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(_tree(path))
        if isinstance(node, functions)
        and _lines_of_body(node) > MOST_OF_A_BODY
        and "Hot loop:" not in (ast.get_docstring(node) or "")
    ]
    assert not long


def _lines_of_body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_init_of_a_folder_is_only_a_docstring() -> None:
    """`__init__.py` describes its folder; those of `naftiko` and `cli` have code."""
    for path in PACKAGE.rglob("__init__.py"):
        tree = _tree(path)
        assert ast.get_docstring(tree), path
        if _name(path) not in ("__init__", "cli"):
            assert len(tree.body) == 1, path


def test_every_module_has_a_docstring() -> None:
    """The first line of the docstring ends like a sentence, with `.`, `:` or a name."""
    for path in PACKAGE.rglob("*.py"):
        text = ast.get_docstring(_tree(path)) or ""
        assert text.partition("\n")[0].endswith((".", "`", ":")), path.name


def test_class_names_are_unique() -> None:
    """Duplicate class names in the package are refused."""
    homes: dict[str, list[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(_name(path))
    assert not {name: where for name, where in homes.items() if len(where) > 1}


def test_architecture_document_names_every_room() -> None:
    """`docs/architecture.md` has each folder and module of the levels in its table."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`naftiko/([\w/]+?)(?:\.py|/)?`", text))
    rooms = {room.replace(".", "/") for level in LEVELS for room in level}
    assert rooms - {"__main__"} <= named
