"""What projects and the whole fleet may declare, and what goes beyond. Static: it needs no host, and fits a pull
request's check.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from reconciler import quantity
from reconciler.address import Address
from reconciler.consistency.references import Mistakes, Resources
from reconciler.kinds.base import Problem, Resource, resolve
from reconciler.kinds.fleet import FleetSpec
from reconciler.kinds.quotas import Quotas
from reconciler.kinds.security_group import SecurityGroupSpec

_SIZES = frozenset({"memory", "storage"})
_MOST_NAMED = 3
_ADVICE = "Remove some, or raise it."
_FIELDS = msgspec.structs.fields(Quotas)

_Use = tuple[str, int]
"""A quota, and how much of it one resource takes."""


def exceeded(resources: Resources, advice: str = _ADVICE) -> Mistakes:
    """Each quota that is exceeded, at its line, with those that go beyond it, in order of their addresses."""
    owners = [each for each in resources.values() if each.address.kind in ("Fleet", "Project")]
    bounded = [each for each in owners if bounds(each) != Quotas()]
    uses: dict[str | None, dict[Address, list[_Use]]] = defaultdict(dict)
    for address, each in sorted(resources.items()) if bounded else ():
        if each.find_place:
            uses[address.project][address] = uses[None][address] = _uses(each, resources)
    for each in bounded:
        of = None if each.address.kind == "Fleet" else each.address.name
        yield from _beyond(each, uses[of], resources, advice)


def bounds(owner: Resource) -> Quotas:
    """How much a Fleet or a Project lets be declared."""
    found: Quotas = owner.spec.limits if isinstance(owner.spec, FleetSpec) else owner.spec.quotas
    return found


def _uses(resource: Resource, resources: Resources) -> list[_Use]:
    """What a resource takes. What it refers to and nobody declares is reported elsewhere, and counts nothing here."""
    spec = resource.spec
    match resource.address.kind:
        case "Instance":
            return [("instances", 1), *_size(resources.get(resolve("Flavor", spec.flavor, None)))]
        case "Volume":
            return [("volumes", 1), ("storage", quantity.parse(spec.size))]
        case "Network":
            return [("networks", 1)]
        case "SecurityGroup":
            return [("security_groups", 1), ("security_group_rules", _rules(spec))]
        case "Keypair":
            return [("keypairs", 1)]
    return []


def _size(flavor: Resource | None) -> Iterable[_Use]:
    if flavor is None:
        return ()
    sizes = {"memory": flavor.spec.memory, "storage": flavor.spec.disk}
    return [("vcpus", flavor.spec.vcpus), *((name, quantity.parse(size)) for name, size in sizes.items())]


def _rules(spec: SecurityGroupSpec) -> int:
    egress = () if spec.egress is msgspec.UNSET else spec.egress
    return len(spec.ingress) + len(egress)


def _beyond(owner: Resource, uses: Mapping[Address, list[_Use]], resources: Resources, advice: str) -> Mistakes:
    quotas = bounds(owner)
    path = "spec.limits" if owner.address.kind == "Fleet" else "spec.quotas"
    for field in _FIELDS:
        value = getattr(quotas, field.name)
        if value is None:
            continue
        most = quantity.parse(value) if field.name in _SIZES else value
        total, late = _sum(field.name, most, uses)
        if late:
            detail = f"{_words(owner, field.name, total, most, [resources[each] for each in late])} {advice}"
            yield owner, Problem(f"{path}.{field.encode_name}", "quota-exceeded", "quota is exceeded", detail)


def _sum(name: str, most: int, uses: Mapping[Address, list[_Use]]) -> tuple[int, list[Address]]:
    """How much is taken in all, and by whom once there was no more."""
    total, late = 0, []
    for address, found in uses.items():
        taken = sum(amount for quota, amount in found if quota == name)
        total += taken
        if taken and total > most:
            late.append(address)
    return total, late


def _words(owner: Resource, name: str, total: int, most: int, late: list[Resource]) -> str:
    named = ", ".join(f"{each.address} ({each.place})" for each in late[:_MOST_NAMED])
    more = f" and {len(late) - _MOST_NAMED} more" if len(late) > _MOST_NAMED else ""
    much = "much" if name in _SIZES else "many"
    return (
        f"{owner.address} may have {_shown(name, most)}, and {_amount(name, total)} are declared:"
        f" {_amount(name, total - most)} too {much}. Beyond it, by name: {named}{more}."
    )


def _shown(name: str, amount: int) -> str:
    words = name.replace("_", " ").replace("vcpus", "vCPUs")
    if name in _SIZES:
        return f"{_amount(name, amount)} of {words}"
    return f"{_amount(name, amount)} {words.removesuffix('s') if amount == 1 else words}"


def _amount(name: str, amount: int) -> str:
    return quantity.render(amount) if name in _SIZES else f"{amount:,}"
