"""Every reason that a controller gives for what it tells stands in its documentation, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from reconciler.serve.leadership.standing import Reason

ROOT = Path(__file__).parents[3]
TELLERS = {"tell", "_tell", "_later"}
_REASON = re.compile(r"[A-Z][a-z]+[A-Za-z]*")


def told() -> Iterator[str]:
    for path in sorted((ROOT / "reconciler" / "serve").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in TELLERS and node.args:
                constants = (each.value for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant))
                yield from (each for each in constants if isinstance(each, str))
    yield from get_args(Reason)


def test_every_reason_is_documented_and_every_documented_one_is_told() -> None:
    page = (ROOT / "docs" / "controller.md").read_text(encoding="utf-8")
    table = page.partition("\n| reason |")[2].partition("\n\n")[0]
    documented = {word for row in table.splitlines()[1:] for word in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert {word for word in told() if _REASON.fullmatch(word)} == documented
