"""Every regular expression of the package, and the operations it is used for.

The sources are read, not the loaded modules: a pattern that is compiled where it is used
is in no module's namespace. What an expression evaluates to is asked of the module.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import naftiko

PACKAGE = Path(naftiko.__file__).parent
#: The functions of `re` that take a pattern.
FUNCTIONS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}  # fmt: skip
#: What a pattern is tried with whose use the source does not show.
ANY_USE = frozenset({"fullmatch", "finditer"})

#: Module and function → instances of the patterns made there, with their operations.
Instances = Callable[[], Iterable[tuple[re.Pattern[Any], str]]]


class Used(NamedTuple):
    """A pattern of the package.

    Attributes:
        place: The module and the function, or the name, that holds it.
        pattern: The compiled pattern.
        operations: What it is used for; see `growth.runner`.
    """

    place: str
    pattern: re.Pattern[Any]
    operations: frozenset[str]


class _Module:
    def __init__(self, path: Path) -> None:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        self.name = ".".join(parts).removesuffix(".__init__")
        self.tree = ast.parse(path.read_text("utf-8"))
        self.nodes: list[ast.AST] = [self.tree]
        self.parent: dict[ast.AST, ast.AST] = {}
        #: Name → where it is read, and the names that are imported: module and name.
        self.loads: dict[str, list[ast.Name]] = {}
        self.imports: set[tuple[str | None, str]] = set()
        for node in self.nodes:  # grows while it is read
            for child in ast.iter_child_nodes(node):
                self.parent[child] = node
                self.nodes.append(child)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self.loads.setdefault(node.id, []).append(node)
            elif isinstance(node, ast.ImportFrom):
                self.imports.update((node.module, alias.name) for alias in node.names)

    @property
    def loaded(self) -> ModuleType:
        return importlib.import_module(self.name)

    def functions_around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the functions that a node is in, the innermost first."""
        while node in self.parent:
            node = self.parent[node]
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                yield node

    def place(self, node: ast.AST) -> str:
        names = []
        at: ast.AST | None = node
        while at is not None:
            if isinstance(at, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names.append(at.name)
            at = self.parent.get(at)
        return f"{self.name}:{'.'.join(reversed(names))}".rstrip(":")

    def value(self, node: ast.expr) -> Any:
        """Evaluate an expression of names of the module.

        Raises:
            NameError: A name is one of a function.
        """
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        extra: dict[str, Any] = {}
        for function in self.functions_around(node):
            if shadowed := names & _bound(function):
                raise NameError(f"{shadowed} are bound in a function")
            extra = {**extra, **_imported(function)}
        code = compile(ast.Expression(node), self.name, "eval")
        return eval(code, {**vars(self.loaded), **extra})


def _imported(function: ast.AST) -> dict[str, Any]:
    """Return the names that a function imports from the package."""
    return {
        alias.name: getattr(importlib.import_module(node.module), alias.name)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("naftiko")
        and node.module
        for alias in node.names
    }


def _bound(function: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
    return found


def _modules() -> list[_Module]:
    """Return the modules that have patterns, or take them from others."""
    texts = {path: path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    own = {path for path, text in texts.items() if re.search(r"\bre\b", text)}
    shared = re.compile(r"^([A-Z]\w*)(?:: .*)? = re\.compile", re.MULTILINE)
    names = {name for path in own for name in shared.findall(texts[path])}
    taken = re.compile(rf"\b(?:{'|'.join(names)})\b")
    return [
        _Module(path)
        for path, text in texts.items()
        if path in own or taken.search(text)
    ]


def all_patterns(
    made: Mapping[str, Instances], told: Mapping[str, str] = {}
) -> tuple[list[Used], list[str]]:
    """Return the patterns of the package, and the places where none could be told.

    Args:
        made: Place → instances of the patterns that code makes at run time.
        told: Place and name → the operation, where the pattern is handed on.
    """
    found: list[Used] = []
    unknown: list[str] = []
    read = _modules()
    places = set()
    for module in read:
        for node in module.nodes:
            if isinstance(node, ast.ImportFrom) and node.module == "re":
                unknown.append(f"{module.name}: `from re import` hides patterns")
            if isinstance(node, ast.Import) and any(
                a.name == "re" and a.asname for a in node.names
            ):
                unknown.append(f"{module.name}: `re` under another name hides patterns")
            if not (_is_re(node) and node.attr in FUNCTIONS):  # type: ignore[attr-defined]
                continue
            place = module.place(node)
            places.add(place)
            call = module.parent[node]
            try:
                if not (isinstance(call, ast.Call) and call.func is node):
                    raise NameError(f"`{ast.unparse(node)}` is passed on")
                pattern = _compiled(module, call)
            except (NameError, TypeError) as error:
                if place in made:
                    continue
                unknown.append(f"{place}, line {node.lineno}: {error}")  # type: ignore[attr-defined]
                continue
            if node.attr == "compile":  # type: ignore[attr-defined]
                name, uses = _uses(module, call, read)
                place = f"{place} {name}".strip()
                if place in told:
                    uses = frozenset({told[place]})
                found.append(Used(place, pattern, uses))
            else:
                found.append(Used(place, pattern, frozenset({node.attr})))  # type: ignore[attr-defined]
    places.update(used.place for used in found)
    unknown += [f"{place}: no such place" for place in {*made, *told} - places]
    for place, instances in made.items():
        found += [
            Used(place, pattern, frozenset({use})) for pattern, use in instances()
        ]
    return _merged(found), unknown


def _merged(found: Iterable[Used]) -> list[Used]:
    """Return each pattern once, with all its operations."""
    merged: dict[tuple[Any, int], Used] = {}
    for used in found:
        key = (used.pattern.pattern, used.pattern.flags)
        known = merged.get(key, used)
        merged[key] = known._replace(operations=known.operations | used.operations)
    return list(merged.values())


def _is_re(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "re"
    )


def _compiled(module: _Module, call: ast.Call) -> re.Pattern[Any]:
    """Return the pattern that a call of a function of `re` compiles."""
    place = {"compile": 1, "sub": 4, "subn": 4, "split": 3}.get(call.func.attr, 2)  # type: ignore[attr-defined]
    flags: list[ast.expr] = call.args[place : place + 1]
    flags += [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
    pattern = module.value(call.args[0])
    if isinstance(pattern, re.Pattern):
        return pattern
    if not isinstance(pattern, (str, bytes)):
        raise TypeError(f"{pattern!r} is no pattern")
    return re.compile(pattern, module.value(flags[0]) if flags else 0)


def _uses(
    module: _Module, call: ast.Call, read: list[_Module]
) -> tuple[str, frozenset[str]]:
    """Return the name that a compiled pattern gets, and what is done with it."""
    parent = module.parent[call]
    if isinstance(parent, ast.Attribute):
        return "", frozenset({_operation(module, parent)})
    if not (isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name)):
        return "", ANY_USE
    name = parent.targets[0].id
    functions = list(module.functions_around(call))
    if functions:
        inside = {id(node) for node in ast.walk(functions[0])}
        places = [
            (module, node) for node in module.loads.get(name, ()) if id(node) in inside
        ]
    else:
        scopes = [
            other
            for other in read
            if other is module or (module.name, name) in other.imports
        ]
        places = [
            (other, node) for other in scopes for node in other.loads.get(name, ())
        ]
    uses: set[str] = set()
    for where, node in places:
        above = where.parent[node]
        if isinstance(above, ast.Attribute):
            uses.add(_operation(where, above))
        elif not (isinstance(above, ast.Call) and _is_re(above.func)):
            uses |= ANY_USE
    return name, frozenset(uses or ANY_USE)


def _operation(module: _Module, attribute: ast.Attribute) -> str:
    """Return a method of a pattern, or `tokens` for one that is told where to begin."""
    call = module.parent[attribute]
    is_called = isinstance(call, ast.Call) and call.func is attribute
    if (
        attribute.attr in ("match", "fullmatch", "search")
        and is_called
        and len(call.args) > 1
    ):  # type: ignore[attr-defined]
        return "finditer" if attribute.attr == "search" else "tokens"
    return attribute.attr
