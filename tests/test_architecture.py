"""The modules import each other as `docs/architecture.md` says, and in no other way."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "naftiko"
#: Modules of a library that are not named like it.
LIBRARY = {"ruamel": "ruamel.yaml", "_ruamel_yaml": "ruamel.yaml"}
_ROW = re.compile(
    r"^\| (\d+) \| `([\w.]+)` \|[^|]*\| ([^|]*) \| ([^|]*) \|$", re.MULTILINE
)


def _declared() -> dict[str, tuple[set[str], set[str]]]:
    """Return module → what it may import, in the order of the table."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = _ROW.findall(text)
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    return {
        name: (
            set(re.findall(r"`([^`]+)`", inner)),
            set(re.findall(r"`([^`]+)`", outer)),
        )
        for _, name, inner, outer in rows
    }


def _name(path: Path) -> str:
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def _imports(path: Path) -> tuple[set[str], set[str]]:
    """Return what a module really imports: ours, and other libraries.

    What is imported for its types only counts among ours, but loads no library.
    """
    inner, outer = set(), set()
    tree = ast.parse(path.read_text("utf-8"))
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "naftiko":
            names = [f"naftiko.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            names = [node.module or ""]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            if top == "naftiko":
                inner.add(name.removeprefix("naftiko."))
            elif top not in sys.stdlib_module_names and id(node) not in for_types:
                outer.add(LIBRARY.get(top, top))
    return inner, outer


def _actual() -> dict[str, tuple[set[str], set[str]]]:
    return {_name(path): _imports(path) for path in PACKAGE.rglob("*.py")}


def test_the_table_is_the_truth() -> None:
    """Every module has a row, and imports exactly what its row names."""
    assert _actual() == _declared()


def test_imports_lead_upwards_only() -> None:
    """A module imports only from rows above it, so there is no cycle."""
    above: set[str] = set()
    for name, (inner, _) in _declared().items():
        assert inner <= above, f"{name} imports {inner - above} from below"
        above.add(name)


def test_every_library_has_one_home() -> None:
    """A library is known to one module; `requests` to the few that send."""
    homes: dict[str, set[str]] = {}
    for name, (_, outer) in _actual().items():
        for library in outer:
            homes.setdefault(library, set()).add(name)
    several = {library: names for library, names in homes.items() if len(names) > 1}
    sending = {
        "body", "connections", "digest", "failures", "http_transport", "surroundings",
    }  # fmt: skip
    assert set(several) <= {"requests", "urllib3", "starlette"}
    assert several.keys() >= {"requests", "urllib3"}
    for library, names in several.items():
        # What answers over HTTP is one family: the adapters.
        at_home = all(name.startswith("exposes.") for name in names)
        assert names <= sending or (library == "starlette" and at_home), library


def test_modules_say_what_they_must_not_know() -> None:
    """Each module of the core begins with its charter and one thing left out."""
    for path in PACKAGE.glob("*.py"):
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        assert text.partition("\n")[0].endswith((".", "`", ":")), path.name
