"""Who leads a fleet: decided from the hosts whose lease we hold, and those whose lease another controller holds.

The lowest name decides. A controller asks its hosts in the order of their names for `Driver.lead`; it leads once it
holds the first one that answers, and then takes the others as they come. So two controllers that see one host in common
never both lead there, whatever else each of them sees: one of them is refused, and whoever is refused at a host below
all that it holds gives way. Refused at a higher one, it leads on and leaves that host alone until the other gives way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

Reason = Literal["Leads", "AnotherLeads", "NoHostAnswers"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a controller stands. `message` is for people; `left` are hosts where another controller leads."""

    reason: Reason
    message: str
    left: tuple[str, ...] = ()

    @property
    def leads(self) -> bool:
        """Whether it may work. Where no host answers nobody is in anybody's way, and nothing can be done to a host."""
        return self.reason != "AnotherLeads"


def gives_way(refused: str, held: Collection[str]) -> bool:
    """Whether a controller that is refused at one host, and holds others, has to let go of them."""
    return not any(host < refused for host in held)


def standing(held: Collection[str], refused: Mapping[str, str], silent: Mapping[str, str]) -> Standing:
    """Where a controller stands that holds some leases, was refused others, and has no answer about the rest."""
    for host, why in sorted(refused.items()):
        if gives_way(host, held):
            return Standing(reason="AnotherLeads", message=f"waits for the lease of host {host}: {why}", left=(host,))
    if held:
        left = tuple(sorted(refused))
        more = f" and {len(held) - 1} more" if len(held) > 1 else ""
        others = f"; leaves to another controller: {', '.join(left)}" if left else ""
        return Standing(reason="Leads", message=f"has the lease of host {min(held)}{more}{others}", left=left)
    why = "; ".join(f"{host}: {text}" for host, text in sorted(silent.items()))
    return Standing(reason="NoHostAnswers", message=why or "no host is connected")
