"""Which diagnostic codes the source uses, found in its syntax trees: whatever takes a text `code` makes diagnostics."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
FOLDERS = ("reconciler", "drivers")
EVERYWHERE = "error"
"""The one method that is called outside of the file that defines it; other methods' names are too common."""

Trees = Mapping[Path, ast.Module]
Makers = dict[tuple[str, Path | None], int]


class Found(msgspec.Struct, frozen=True):
    """The codes that are written out, each with one place, and the places where one cannot be told."""

    codes: dict[str, str]
    hidden: list[str]


def used_codes() -> Found:
    """Every code that a maker of diagnostics is called with."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in _sources()}
    makers = _makers(trees)
    codes: dict[str, str] = {}
    hidden: list[str] = []
    for path, tree in trees.items():
        constants = _constants(tree)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            for argument in _code_of(call, makers, path):
                place = f"{path.relative_to(ROOT)}:{call.lineno}"
                told = _told(argument, constants)
                codes |= dict.fromkeys(told or (), place)
                hidden += [place] if told is None else []
    return Found(codes, hidden)


def _sources() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


def _makers(trees: Trees) -> Makers:
    """Functions and value types with a `code`: name (and for a method its file) to the position of that argument."""
    makers: Makers = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                parameters = _parameters(node)
                names = [name for name, _ in parameters if name != "self"]
                if ("code", "str") in parameters:
                    is_method = ("self", "") in parameters and node.name != EVERYWHERE
                    makers[node.name, path if is_method else None] = names.index("code")
    return makers


def _parameters(node: ast.FunctionDef | ast.ClassDef) -> list[tuple[str, str]]:
    """Names and types, in the order of a call."""
    if isinstance(node, ast.FunctionDef):
        return [(each.arg, ast.unparse(each.annotation) if each.annotation else "") for each in node.args.args]
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    return [(ast.unparse(each.target), ast.unparse(each.annotation)) for each in fields]


def _constants(tree: ast.Module) -> dict[str, str]:
    """The module's names for texts."""
    found: dict[str, str] = {}
    for node in (node for node in tree.body if isinstance(node, ast.Assign)):
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            for name, value in pairs:
                if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found[name.id] = value.value
    return found


def _code_of(call: ast.Call, makers: Makers, path: Path) -> Iterator[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    position = makers.get((name, None), makers.get((name, path)))
    named = next((each.value for each in call.keywords if each.arg == "code"), None)
    if named is not None and (position is not None or name == "replace"):
        yield named
    elif position is not None and len(call.args) > position:
        yield call.args[position]


def _told(argument: ast.expr, constants: dict[str, str]) -> list[str] | None:
    """The codes that an argument can be; none for one that is only passed on; None when it cannot be told."""
    match argument:
        case ast.Constant(value=str() as code):
            return [code]
        case ast.IfExp(body=body, orelse=orelse):
            branches = [_told(body, constants), _told(orelse, constants)]
            return None if None in branches else [code for codes in branches for code in codes or ()]
        case ast.Name(id=name) if name in constants:
            return [constants[name]]
        case ast.Name(id="code") | ast.Attribute(attr="code") | ast.Starred():
            return []
    return None
