"""Write `docs/api.md`: every public name, from signatures and docstrings.

    naftiko.__all__     which names there are
    naftiko/**.py       their signatures and docstrings, read and never imported

The sources are parsed, so the text is the same on every version of Python. A test
compares it with the file.
"""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import naftiko
from naftiko import errors

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "api.md"
PACKAGE = ROOT / "naftiko"

#: Chapter → names in it. Exceptions follow in the order of their tree.
CHAPTERS = {
    "Functions": ("load", "validate", "asgi"),
    "Capabilities and operations": (
        "Capability", "Registry", "Operation", "Exchange",
    ),
    "Requests and responses": (
        "Request", "Response", "StreamedResponse", "Headers", "Content", "RawPath",
    ),
    "Transports": ("Transport", "HttpTransport", "AioTransport", "StubTransport"),
    "Problems": ("Problem", "Location"),
}  # fmt: skip
#: Classes whose objects users make themselves; others are given to them.
CONSTRUCTED = {
    "AioTransport", "Content", "Headers", "HttpTransport", "RawPath", "Response",
    "StubTransport",
}  # fmt: skip
#: Class → members for other modules of the package, which users get no promise about.
INTERNAL: dict[str, set[str]] = {
    "AioTransport": {"stream"},
    "Capability": {
        "adapter_request", "directory", "functions", "refusal", "request_for", "run",
        "scripting", "variables",
    },
    "Headers": {"joined"},
    "HttpTransport": {"view"},
    "Operation": {"callers", "credential_variables", "findings"},
    "Registry": {
        "adapter", "adapters", "explain", "named", "nearest", "page", "resolve",
    },
    "Request": {
        "credentials", "is_identified", "mark", "mask", "preview", "secrets",
        "shown_body", "shown_url", "with_header", "without_markers",
    },
    "StatusError": {"public_hint", "value"},
    "StreamedResponse": {"pairs"},
}  # fmt: skip
#: Arguments that the package passes to itself.
INTERNAL_ARGUMENTS = {"hop"}
_INTRODUCTION = """\
# Public names

`docs/generators/api.py` makes this page from the docstrings; change them there.
Every name is imported from `naftiko`: `from naftiko import load`.
Names and members that are not on this page, and the modules in which these are written, may change in every release.
The [guide](guide.md) shows how they are used.
[errors.md](errors.md) says when each exception is raised.
`naftiko.__version__` is the version of this package, as a text.
"""  # noqa: E501
_SECTION = re.compile(
    r"^(Args|Returns|Raises|Yields|Attributes|Examples?|Notes?):$", re.MULTILINE
)
_TITLES = {"Args": "Arguments", "Example": "Example", "Examples": "Examples"}


class Home(NamedTuple):
    """A public name where it is written."""

    node: ast.ClassDef | ast.FunctionDef
    module: ast.Module


def render() -> str:
    """Return the text of `docs/api.md`."""
    lines = [_INTRODUCTION]
    for chapter, group in {**CHAPTERS, "Exceptions": _exceptions()}.items():
        lines.append(f"## {chapter}\n")
        for name in group:
            lines += _name(name)
    return "\n".join(lines).rstrip("\n") + "\n"


def names() -> set[str]:
    """Return the names that the page explains."""
    return {name for group in CHAPTERS.values() for name in group} | set(_exceptions())


def _exceptions() -> tuple[str, ...]:
    """Return the public exceptions, each after the one that it is derived from."""
    tree = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    return ("NaftikoError", *(name for name in tree if name in naftiko.__all__))


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def _definitions() -> dict[str, Home]:
    """Return the name of every class and function at the top of a module → itself.

    A public name is taken from the module that `naftiko` imports it from.
    """
    found: dict[str, Home] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = _parsed(path)
        for node in module.body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = Home(node, module)
    for home, group in naftiko._HOMES.items():
        module = _parsed(PACKAGE / f"{home.replace('.', '/')}.py")
        for node in module.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name in group:
                found[node.name] = Home(node, module)
    return found


@cache
def _constants() -> dict[str, ast.expr]:
    """Return the name of every constant at the top of a module → its value.

    Constants are numbers, texts, products of numbers, and private names of a type.
    """
    values: dict[str, ast.expr] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in _parsed(path).body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and _is_plain(node.value, target.id):
                    values[target.id] = node.value
    return values


def _is_plain(value: ast.expr, name: str) -> bool:
    if isinstance(value, ast.BinOp):
        return _is_plain(value.left, name) and _is_plain(value.right, name)
    return isinstance(value, ast.Constant) or (
        isinstance(value, ast.Name) and name.startswith("_")
    )


def _kind(annotation: ast.expr) -> str:
    """Return a type as it is written; a private name of a type stands for it."""

    def public(match: re.Match[str]) -> str:
        value = _constants().get(match[0])
        return ast.unparse(value) if isinstance(value, ast.Name) else match[0]

    return re.sub(r"\b_\w+", public, ast.unparse(annotation))


# --- One name -----------------------------------------------------------------------


def _name(name: str) -> list[str]:
    node = _definitions()[name].node
    lines = [f"### {name}\n"]
    if isinstance(node, ast.FunctionDef):
        return [*lines, *_code(_signature(node, name)), *_text(node)]
    bases = [ast.unparse(base) for base in node.bases]
    shown = f"class {name}" + (f"({', '.join(bases)})" if bases else "")
    if name in CONSTRUCTED and (init := _methods(node).get("__init__")):
        shown = _signature(init, f"class {name}", skip=1)
    hidden = INTERNAL.get(name, set())
    lines += [*_code(shown), *_text(node, hidden), *_fields(node)]
    for method, inner in _methods(node).items():
        if not method.startswith("_") and method not in INTERNAL.get(name, ()):
            lines += _method(name, inner)
    return lines


def _methods(node: ast.ClassDef) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return name → method, those of bases that are not public included."""
    methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    for base in node.bases:
        home = _definitions().get(ast.unparse(base).partition("[")[0])
        is_hidden = home is not None and home.node.name not in naftiko.__all__
        if home is not None and is_hidden and isinstance(home.node, ast.ClassDef):
            methods |= _methods(home.node)
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            methods[inner.name] = inner
    return methods


def _method(name: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    if decorators & {"property", "cached_property"}:
        kind = f" -> {_kind(node.returns)}" if node.returns else ""
        shown = f"{name}.{node.name}{kind}"
    else:
        word = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
        skip = 0 if "staticmethod" in decorators else 1
        shown = _signature(node, f"{word}{name}.{node.name}", skip=skip)
    return [f"#### {name}.{node.name}\n", *_code(shown), *_text(node)]


def _fields(node: ast.ClassDef) -> list[str]:
    """Return the fields of a named tuple, which the docstring does not explain."""
    if not any(ast.unparse(base) == "NamedTuple" for base in node.bases):
        return []
    fields = [
        ast.unparse(inner) for inner in node.body if isinstance(inner, ast.AnnAssign)
    ]
    return [f"Fields, in this order: {', '.join(f'`{field}`' for field in fields)}.\n"]


def _signature(
    node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, *, skip: int = 0
) -> str:
    """Return a signature; one argument to a line where it is long.

    Args:
        node: The function.
        name: Written before the parenthesis.
        skip: How many arguments to leave out: 1 for `self`.
    """
    arguments = _arguments(node.args)[skip:]
    if arguments and arguments[0] == "/" and skip:
        arguments = arguments[1:]
    result = f" -> {_kind(node.returns)}" if node.returns else ""
    if name.startswith("class "):
        result = ""
    line = f"{name}({', '.join(arguments)}){result}"
    if len(line) <= _WIDTH:
        return line
    inner = "".join(f"    {argument},\n" for argument in arguments)
    return f"{name}(\n{inner}){result}"


_WIDTH = 88


def _arguments(given: ast.arguments) -> list[str]:
    """Return the arguments of a function, each as it is written.

    (self, ref, /, *, timeout: float = 30) → ["self", "ref", "/", "*", "timeout: …"]
    """
    shown: list[str] = []
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    for number, (argument, default) in enumerate(
        zip(positional, defaults, strict=True)
    ):
        shown.append(_argument(argument, default))
        if number + 1 == len(given.posonlyargs):
            shown.append("/")
    if given.vararg:
        shown.append(f"*{_argument(given.vararg, None)}")
    elif given.kwonlyargs:
        shown.append("*")
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        if argument.arg not in INTERNAL_ARGUMENTS:
            shown.append(_argument(argument, default))
    if given.kwarg:
        shown.append(f"**{_argument(given.kwarg, None)}")
    return shown


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    kind = f": {_kind(argument.annotation)}" if argument.annotation else ""
    if default is None:
        return f"{argument.arg}{kind}"
    if isinstance(default, ast.Name):
        default = _constants().get(default.id, default)
    return f"{argument.arg}{kind}{' = ' if kind else '='}{ast.unparse(default)}"


# --- Docstrings → Markdown ----------------------------------------------------------


def _code(text: str) -> list[str]:
    return ["```text", *text.splitlines(), "```", ""]


def _text(
    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
    hidden: set[str] = INTERNAL_ARGUMENTS,
) -> list[str]:
    """Return a docstring as Markdown: paragraphs, code, lists of what is named.

    Args:
        node: What has the docstring.
        hidden: Arguments and attributes to leave out.
    """
    text = ast.get_docstring(node) or ""
    first, *sections = _SECTION.split(text)
    lines = _paragraphs(first)
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        lines += [f"**{_TITLES.get(title, title)}**\n"]
        lines += _section(title, inspect.cleandoc(body), hidden)
    return lines


def _section(title: str, body: str, hidden: set[str]) -> list[str]:
    if title in ("Args", "Attributes", "Raises"):
        items = re.split(r"\n(?=\S)", body)
        shown = [item for item in items if item.partition(":")[0] not in hidden]
        return [*map(_item, shown), ""]
    return _paragraphs(body)


def _item(text: str) -> str:
    name, _, meaning = re.sub(r"\s+", " ", text).partition(": ")
    return f"- `{name}`: {meaning}"


def _paragraphs(text: str) -> list[str]:
    """Return paragraphs, each on one line; what is indented is code."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith("    "):
            lines += _code(inspect.cleandoc(block))
        elif block.strip():
            lines.append(re.sub(r"\s+", " ", block).strip() + "\n")
    return lines


if __name__ == "__main__":
    FILE.write_text(render(), "utf-8")
