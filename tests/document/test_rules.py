"""The table of rules: every code once, and no other module spells or reads one."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from naftiko.document import rules
from naftiko.document.rules import RULES
from support.shared import ROOT

_CODE = re.compile(r"""["'`]([EUWS]-[a-z][a-z0-9-]*)""")


def test_first_letter_of_a_code_is_its_weight() -> None:
    """The letter tells people what the fields of the rule tell the code."""
    for code, rule in RULES.items():
        expected = {
            "E": ("error", True),
            "U": ("error", False),
            "W": ("warning", False),
            "S": ("info", False),
        }[code[0]]
        spoils_all = rule.spoils == rules.DOCUMENT
        assert (rule.severity, spoils_all) == expected, code
        assert (rule.spoils == rules.NOTHING) is (code[0] in "WS"), code


def test_codes_stand_in_the_table_only() -> None:
    """No other module of the package spells a code."""
    spelled = {
        path.name: found
        for path in (ROOT / "naftiko").rglob("*.py")
        if path.name != "rules.py" and (found := _CODE.findall(path.read_text("utf-8")))
    }
    assert spelled == {}


def test_no_code_is_taken_apart() -> None:
    """What a code means is asked of its rule, never of its letters."""
    letters = re.compile(r"\.code(\[|\.(startswith|endswith|partition|split))")
    for path in (ROOT / "naftiko").rglob("*.py"):
        assert not letters.search(path.read_text("utf-8")), path


def test_page_on_errors_is_generated() -> None:
    """`docs/errors.md` is what its generator writes."""
    generator = runpy.run_path(str(ROOT / "docs" / "generators" / "errors.py"))
    written = Path(ROOT / "docs" / "errors.md").read_text("utf-8")
    assert written == generator["render"]()
