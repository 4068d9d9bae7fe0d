"""What placement tells people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.address import Address
from reconciler.diagnostic import Diagnostic, Severity, error
from reconciler.kinds.base import Problem, Resource
from reconciler.placement.fit import Reasons
from reconciler.placement.hosts import Hosts

MOST_NAMES = 10
"""Names in one message; more are counted."""


def field(resource: Resource) -> str:
    """Where a resource says its host."""
    return "spec.placement.host" if resource.address.kind == "Instance" else "spec.host"


def differs(resource: Resource, declared: str, seen: str) -> Diagnostic:
    """It is declared on another host than where it stands."""
    way = "delete it in one commit and declare it anew in the next"
    if resource.address.kind == "Volume":  # deleting its manifest would keep it where it is, with its data
        way = f"declare a volume of another name on {declared} and let a guest copy the data"
    detail = (
        f"{resource.address} stands on {seen} and is declared on {declared}. Nothing moves by itself: "
        f"write {seen} here, or {way}."
    )
    problem = Problem(field(resource), "placement-differs", "declared on another host than where it stands", detail)
    return resource.mistake(problem)


def closed(resource: Resource, host: str, hosts: Hosts) -> Diagnostic:
    """Its host takes nothing new."""
    detail = (
        f"{resource.address} is to be made on {host}, which is {hosts.states.get(host) or 'not declared'}. Only Active "
        "hosts take new instances, networks and volumes: name another host, or make this one Active."
    )
    return resource.mistake(Problem(field(resource), "host-closed", "the host takes nothing new", detail))


def barred(resource: Resource, host: str, *, stands: bool = False) -> Diagnostic:
    """It is to be made on a host that its project may not use; or it stands there, and stays."""
    where = f"stands on {host}, and stays there" if stands else f"would be made on {host}, and is not"
    remedy = "Delete it in one commit and declare it anew in the next" if stands else "Name another one"
    detail = (
        f"{resource.address} {where}: the trusted configuration does not let project {resource.address.project} use"
        f" that host. {remedy}, or let whoever keeps that file add it to the project's entry in `projects`."
    )
    severity: Severity = "warning" if stands else "error"
    problem = Problem(field(resource), "not-for-project", "project may not use that", detail, severity)
    return resource.mistake(problem)


def unplaced(resource: Resource, reasons: Reasons) -> Diagnostic:
    """No host has all that it asks for: a line for each that says why not."""
    told = f"\n{reasons.lines()}" if reasons.hosts else " No host is declared."
    detail = (
        f"{resource.address} is new, and fits on no host.{told}\n"
        "Make room, change what it asks for, or declare another host. What stands is never moved for it."
    )
    path = "spec.placement" if resource.address.kind == "Instance" else "spec.size"
    return resource.mistake(Problem(path, "unplaced", f"{_noun(resource)} fits on no host", detail))


def maybe_elsewhere(resource: Resource, hosts: Hosts, reasons: Reasons | None = None) -> Diagnostic:
    """It was not found, but not everything was looked at."""
    told = f" It fits on no other host:\n{reasons.lines()}\n" if reasons else " "
    detail = (
        f"{resource.address} was not found, and may stand on {', '.join(hosts.unseen)}, which was not completely seen."
        f"{told}Declare that host and make it reachable, or write `{field(resource)}`."
    )
    return resource.mistake(Problem(field(resource), "maybe-elsewhere", "may stand on an unseen host", detail))


def unused(resource: Resource, hosts: Hosts) -> Diagnostic:
    """Nothing tells where it is to be."""
    volume = resource.address.kind == "Volume"
    detail = (
        f"{resource.address} has no instance that is placed. Write `host: NAME` in its spec, or place an instance "
        f"{'with' if volume else 'in'} it. {hosts.choice}"
    )
    summary = f"{_noun(resource)} has no host yet"
    problem = Problem("spec", "volume-unplaced" if volume else "network-unplaced", summary, detail, severity="warning")
    return resource.mistake(problem)


def seen_twice(resource: Resource, seen: Sequence[str]) -> Diagnostic:
    """Two objects have one identity."""
    detail = (
        f"{resource.address} stands on {', '.join(seen)}. Nothing of it is touched: find out which one is to stay, "
        "and remove the other by hand."
    )
    return resource.mistake(Problem("metadata.name", "seen-twice", "one resource stands on several hosts", detail))


def apart(resource: Resource, host: str, elsewhere: Mapping[Address, str]) -> Diagnostic:
    """What it needs lies on another host."""
    lies = "; ".join(f"{address} lies on {at}" for address, at in sorted(elsewhere.items()))
    networks = any(address.kind == "Network" for address in elsewhere)
    noun = "networks" if networks else "volumes"
    detail = (
        f"{resource.address} stands on {host}; {lies}. A {noun[:-1]} lives on one host: give the instance {noun} "
        f"of {host}, or declare it anew where its {noun} are."
    )
    summary = f"{noun} lie on other hosts"
    problem = Problem(f"spec.{noun}", "networks-apart" if networks else "volumes-apart", summary, detail)
    return resource.mistake(problem)


def overlapping(resource: Resource, cidr: str, other: Address, host: str) -> Diagnostic:
    """Its range is another network's as well."""
    detail = (
        f"{cidr} overlaps {other}, and both are to be on host `{host}`, which could not tell them apart. "
        "Give one of them another range, or keep them on different hosts. Until then it is left as it is."
    )
    return resource.mistake(Problem("spec.cidr", "networks-overlap", "networks of one host overlap", detail))


def waiting(network: Address, names: Sequence[str]) -> Diagnostic:
    """Instances that cannot go on without their network."""
    more = len(names) - MOST_NAMES
    told = ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    detail = f"{network} is held (see its own message); left as they are until then: {told}."
    summary = f"instances wait for their {network.kind.lower()}"
    return error("volume-held" if network.kind == "Volume" else "network-held", summary, detail)


def _noun(resource: Resource) -> str:
    return resource.address.kind.lower()
