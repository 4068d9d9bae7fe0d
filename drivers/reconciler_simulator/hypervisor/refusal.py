"""How the hypervisor says no."""

from __future__ import annotations

from typing import Literal

from reconciler_simulator.collection import Things
from reconciler_simulator.model import Domain, Network

Code = Literal["exists", "gone", "in-use", "invalid", "busy", "failed"]


class RefusalError(Exception):
    """The hypervisor will not, and why."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


def no_clash(things: Things[Network] | Things[Domain], what: str, name: str, uuid: str) -> None:
    """A define may only ever change the thing that has both this name and this UUID."""
    for other in [*things.having(f"uuid {uuid}"), *([name] if name in things else [])]:
        if (other == name) != (things[other].uuid == uuid):
            raise RefusalError("exists", f"{what} {other!r} already exists with uuid {things[other].uuid}")
