"""Entries of `projects` that bind nothing, since no project of that name is declared: misspelt, or too early."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.desired import Desired
from reconciler.suggest import did_you_mean, listed, nearest
from reconciler.trust.fields import ProjectTrust

OTHERS = "*"
"""The entry of the projects that have none."""


def idle(projects: Mapping[str, ProjectTrust], desired: Desired) -> tuple[str, ...]:
    """The entries that are of no project of the fleet, as it is declared."""
    return tuple(sorted(projects.keys() - {OTHERS} - _declared(desired)))


def suspects(projects: Mapping[str, ProjectTrust], desired: Desired) -> dict[str, str]:
    """Those of them that look like mistakes, and what to say of each: some project has a name like it and no entry, or
    has no entry at all and so may use everything. Others may be of a project that is gone, or is to come.
    """
    left = sorted(_declared(desired) - projects.keys())
    free = OTHERS not in projects
    found = {}
    for name in idle(projects, desired):
        if nearest(name, left) or (left and free):
            nothing = f"No project `{name}` is declared, so that this binds nothing."
            found[name] = f"{nothing}{did_you_mean(name, left)} {_instead(left, free)}"
    return found


def _instead(left: list[str], free: bool) -> str:
    """What becomes of the projects that have no entry."""
    has, are = ("has", "is") if len(left) == 1 else ("have", "are")
    return f"{listed(left)} {has} no entry, and {'may use everything' if free else f'{are} bound by the entry `*`'}."


def _declared(desired: Desired) -> set[str]:
    own = {address.name for address in desired.resources if address.kind == "Project"}
    return own | {address.project for address in desired.resources if address.project}
