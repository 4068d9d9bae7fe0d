"""Two commits compared apart: in a limited process, since at least one of them may be a stranger's."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING

from reconciler.diagnostic import DiagnosticError, error
from reconciler.limited import MIB, LimitedProcess, Limits
from reconciler.xdg import cache_home

if TYPE_CHECKING:
    from reconciler.apart.question import Question
    from reconciler.plan import Plan

LIMITS = Limits(seconds=300, cpu=300, memory=4096 * MIB, file=512 * MIB, output=256 * MIB)
"""Far more than the largest fleet that may be read needs, and little enough for any machine that checks."""
_GIT = {"core.packedGitLimit": "256m", "core.packedGitWindowSize": "32m"}
"""Git maps packs as far as it may, and would meet the limit with any large one."""


class Apart:
    """A process that is about to compare. It is started first, so that both sides import at the same time."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._child = LimitedProcess(
            "reconciler.apart.child:answered", limits, environment=_environment(), cwd=os.curdir
        )

    def compare(self, question: Question) -> Plan:
        """The plan. Raises `DiagnosticError` when one of the two commits has errors, or a limit was met."""
        import msgspec

        from reconciler.apart.question import Compared, Mistaken

        answer = self._child.ask(msgspec.json.encode(question))
        try:
            found = msgspec.json.decode(answer, type=Compared | Mistaken)
        except msgspec.DecodeError as problem:
            detail = f"Its answer cannot be read: {problem}. Nothing was changed."
            raise DiagnosticError(error("limits-exceeded", "the limited process came to no answer", detail)) from None
        if isinstance(found, Mistaken):
            raise DiagnosticError(*found.diagnostics)
        return found.plan

    def __enter__(self) -> Apart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, at: TracebackType | None
    ) -> None:
        self._child.__exit__(kind, failure, at)


def _environment() -> dict[str, str]:
    """Git within bounds; and a memory of manifests apart from the one that `apply` relies on."""
    found = {"GIT_CONFIG_COUNT": str(len(_GIT)), "XDG_CACHE_HOME": os.fspath(cache_home() / "reconciler" / "apart")}
    for number, (name, value) in enumerate(_GIT.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return found
