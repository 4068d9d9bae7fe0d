"""What addressing tells people."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from reconciler.address import Address
from reconciler.diagnostic import Diagnostic, error
from reconciler.kinds.base import Problem, Resource

MOST_NAMES = 10
"""Names in one message; more are counted."""


def in_use(resource: Resource, nic: str, address: str, holder: Address) -> Diagnostic:
    """Another has it."""
    family = "address6" if ":" in address else "address"
    detail = (
        f"{resource.address} declares {address}, which {holder} has. If {holder} is to give it up, apply that first: "
        "an address is not handed on within one plan."
    )
    return resource.mistake(Problem(f"spec.networks.{nic}.{family}", "address-in-use", "address is in use", detail))


def parked(resource: Resource, nic: str, address: str) -> Diagnostic:
    """Several NICs hand their addresses round."""
    wants = resource.spec.networks[nic].address
    detail = (
        f"{resource.address} is to have {wants}, whose holder is to have that of another, and so on in a circle. "
        f"An address is not handed on within one plan: it gets {address} now, and {wants} from the next run."
    )
    problem = Problem(f"spec.networks.{nic}.address", "addresses-swapped", "addresses are swapped in two runs", detail)
    return resource.mistake(msgspec.structs.replace(problem, severity="warning"))


def exhausted(resource: Resource, nic: str, network: Address) -> Diagnostic:
    """The network has no address left."""
    detail = (
        f"{resource.address} needs an address in {network}, and every one of its range is taken. Remove an instance "
        "(what it frees can be assigned by the next run), or declare another network and join this one to that."
    )
    return resource.mistake(Problem(f"spec.networks.{nic}", "addresses-exhausted", "no free address", detail))


def unsure(network: Address, names: list[str], unseen: Iterable[str]) -> Diagnostic:
    """What is taken is not known."""
    more = len(names) - MOST_NAMES
    told = ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    detail = (
        f"Which addresses of {network} are taken on {', '.join(unseen)} is not known, since not all of it was seen. "
        f"Until then these get none, unless one is declared: {told}."
    )
    return error("addresses-unseen", "instances wait for an address", detail)
