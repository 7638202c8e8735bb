"""Public API: `__all__`, the documents and the typed snippets list the same names."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from typing import Any

import pytest

import naftiko
from naftiko import _HOMES
from support.shared import ROOT

SNIPPETS = ROOT / "tests" / "typing" / "api.py"


def _table(document: str, heading: str) -> set[str]:
    """Return the names in the first column of the table under a heading."""
    text = (ROOT / "docs" / document).read_text("utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_every_public_name_can_be_imported() -> None:
    """A public name is the same object in `naftiko` and in its home module."""
    for name in naftiko.__all__:
        value = getattr(naftiko, name)
        assert value is not None
    for home, names in _HOMES.items():
        module = importlib.import_module(f"naftiko.{home}")
        for name in names:
            assert getattr(naftiko, name) is getattr(module, name)
            assert name in dir(naftiko)
    assert {"__version__", *(n for names in _HOMES.values() for n in names)} == set(
        naftiko.__all__
    )


def test_unknown_name_is_refused() -> None:
    """An unknown name is an `AttributeError`; importing it is an `ImportError`."""
    with pytest.raises(AttributeError, match="'naftiko' has no attribute 'Client'"):
        naftiko.Client  # noqa: B018
    with pytest.raises(ImportError):
        exec("from naftiko import Client", {})


def test_star_import_gives_the_names_of_all() -> None:
    """`from naftiko import *` gives the names of `__all__`, which has no duplicates."""
    names: dict[str, Any] = {}
    exec("from naftiko import *", names)
    names.pop("__builtins__")
    assert set(names) == set(naftiko.__all__)
    assert len(set(naftiko.__all__)) == len(naftiko.__all__)


def test_type_checkers_see_the_same_names() -> None:
    """Imports under `TYPE_CHECKING` are the lazy imports of `naftiko`."""
    tree = ast.parse((ROOT / "naftiko" / "__init__.py").read_text("utf-8"))
    imported = {
        (node.module or "").removeprefix("naftiko."): {a.name for a in node.names}
        for block in ast.walk(tree)
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }
    assert imported == {home: set(names) for home, names in _HOMES.items()}


def test_documents_list_every_public_name() -> None:
    """`docs/guide.md` and `docs/errors.md` list every public name, and no other."""
    listed = _table("guide.md", "Public names") | _table("errors.md", "Exceptions")
    assert listed == set(naftiko.__all__)


def test_typed_snippets_use_every_public_name() -> None:
    """The snippets that are type-checked import every public name."""
    tree = ast.parse(SNIPPETS.read_text("utf-8"))
    used = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "naftiko"
        for alias in node.names
    }
    assert used | {"__version__"} == set(naftiko.__all__)


def test_documented_members_exist() -> None:
    """Members that `docs/guide.md` lists for a class exist."""
    text = (ROOT / "docs" / "guide.md").read_text("utf-8")
    section = text.partition("\n## Public names\n")[2]
    seen = 0
    for name, what in re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE):
        _, colon, members = what.partition(": ")
        known = _members(getattr(naftiko, name))
        for member in re.findall(r"`(\w+)`", members) if colon else ():
            if member[0].islower():
                assert member in known, f"{name}.{member}"
                seen += 1
    assert seen > 20


def _members(kind: Any) -> set[str]:
    """Return the members of a class, and the members that its docstring describes."""
    described = re.findall(r"^ {4,8}(\w+): ", inspect.getdoc(kind) or "", re.MULTILINE)
    return {*dir(kind), *described}


def test_ref_and_arguments_are_positional_only() -> None:
    """A ref and its arguments come first, so any word can name an argument."""
    for method in ("call", "exchange", "request", "stream"):
        ref, arguments, *more = list(
            inspect.signature(getattr(naftiko.Capability, method)).parameters.values()
        )[1:]
        assert (ref.name, ref.kind) == ("ref", inspect.Parameter.POSITIONAL_ONLY)
        assert arguments.kind is inspect.Parameter.POSITIONAL_ONLY
        assert more[-1].kind is inspect.Parameter.VAR_KEYWORD
    for function in (naftiko.load, naftiko.validate):
        source, *options = inspect.signature(function).parameters.values()
        assert source.name == "source"
        assert all(o.kind is inspect.Parameter.KEYWORD_ONLY for o in options)


def test_every_option_of_load_is_documented() -> None:
    """`docs/guide.md` has a row for every option of `load`."""
    _, *options = inspect.signature(naftiko.load).parameters
    assert _table("guide.md", "Load") == set(options)


def test_public_names_have_docstrings() -> None:
    """Each public name, method and property has a docstring."""
    for name in naftiko.__all__:
        if name == "__version__":
            continue
        value = getattr(naftiko, name)
        assert value.__doc__, name
        if isinstance(value, type) and value.__module__.startswith("naftiko."):
            for member, what in vars(value).items():
                if not member.startswith("_") and callable(what):
                    assert inspect.getdoc(what), f"{name}.{member}"


def test_package_can_be_run_as_a_module() -> None:
    """`python -m naftiko` is the command `naftiko`."""
    done = subprocess.run(
        [sys.executable, "-m", "naftiko", "--version"], capture_output=True, text=True
    )
    assert done.stdout == f"naftiko {naftiko.__version__}\n", done.stderr
