"""What the host shows: facts, all that stands on it, and whether a guest is ready."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.firewall.rule import Rule, parse
from reconciler.objects import Value
from reconciler.observation import HostFacts, Sighting
from reconciler_simulator import ownership
from reconciler_simulator.model import Domain, Entry, Form
from reconciler_simulator.objects import image, instance, volume_marks
from reconciler_simulator.objects.instance_fields import entries_of
from reconciler_simulator.objects.security_group import address_of, is_ours
from reconciler_simulator.ownership import Ledger
from reconciler_simulator.settings import in_bytes
from reconciler_simulator.site import Site
from reconciler_simulator.state import State


def facts(site: Site, state: State) -> HostFacts:
    """What the host can do, and what of it others hold."""
    reason = f"a table {site.table} that is not ours stands in the way; remove or rename it"
    others = [
        domain.stored
        for name, domain in state.domains.items()
        if not isinstance(ownership.judge(site, "Instance", name, domain.uuid, domain.metadata), Ledger)
    ]
    return HostFacts(
        host=site.host,
        driver="simulator",
        version="1",
        virt_types=("kvm", "qemu"),
        vcpus=site.settings.vcpus,
        memory=in_bytes(site.settings.memory),
        disk=in_bytes(site.settings.disk),
        other_vcpus=sum(form.vcpus for form in others),
        other_memory=sum(form.memory for form in others),
        features=tuple(sorted(site.settings.features)),
        pools=site.settings.pool_sizes(),
        physical_networks=tuple(sorted(site.settings.physical_networks)),
        enforcement="simulated" if is_ours(site, state) else "",
        enforcement_reason="" if is_ours(site, state) else reason,
    )


def survey(site: Site, state: State) -> Iterator[Sighting]:
    """Everything, ours or not."""
    for name, domain in state.domains.items():
        details = {"state": "running" if domain.running else "stopped", **_size(domain.stored)}
        addresses = tuple(sorted(nic.address for nic in domain.stored.nics.values()))
        details |= {"addresses": addresses} if addresses else {}
        ours = _of_ledger(site, "Instance", name, domain.uuid, domain.metadata)
        yield Sighting(kind="domain", name=name, uid=domain.uuid, address=ours, details=details)
    for name, network in state.networks.items():
        shape: dict[str, Value] = {"state": "active" if network.running else "inactive", "cidr": network.stored.cidr}
        ours = _of_ledger(site, "Network", name, network.uuid, network.metadata)
        yield Sighting(kind="network", name=name, uid=network.uuid, address=ours, details=shape)
    for pool, size in site.settings.pool_sizes().items():
        yield Sighting(kind="pool", name=pool, details={"size": size})
    for name, volume in state.volumes.items():
        told: dict[str, Value] = {"size": volume.capacity, "format": volume.format}
        told |= {"pool": volume.pool} if volume.pool else {}
        yield Sighting(kind="volume", name=name, address=_of_volume(site, name), details=told)
    for name in state.groups:
        table, _, group = name.partition("/")
        address = address_of(site, group) if table == site.table and is_ours(site, state) else None
        yield Sighting(kind="filter", name=name, address=str(address or ""))


def _size(form: Form) -> dict[str, Value]:
    return {"vcpus": form.vcpus, "memory": form.memory}


def _of_ledger(site: Site, kind: str, name: str, uuid: str, metadata: tuple[str, ...]) -> str:
    verdict = ownership.judge(site, kind, name, uuid, metadata)
    return verdict.address if isinstance(verdict, Ledger) else ""


def _of_volume(site: Site, name: str) -> str:
    """By name: of what is in it, `observe` is the judge."""
    for found in (image.read_name(site, name), volume_marks.read_data(site, name), volume_marks.read_mark(site, name)):
        if found:
            return str(found[0])
    part = instance.part_of(site, name)
    return str(part[0]) if part else ""


def missing(site: Site, state: State, address: Address, check: str, looks: int) -> str:
    """What an instance lacks to be ready, on the `looks`th look at it; empty when it lacks nothing. Raises
    `DriverError` when it never will be.
    """
    domain = _domain_of(site, state, address)
    if domain is None:
        raise DriverError(ErrorClass.GONE, f"{address} is not on host {site.host}")
    if domain.running is None:
        raise DriverError(ErrorClass.YOURS, f"{address} does not run any more")
    if check in ("agent", "cloud-init") and not domain.running.guest_agent:
        text = f"{address} has no guest agent to ask; its image has to say `properties: {{hw_qemu_guest_agent: true}}`"
        raise DriverError(ErrorClass.UNSUPPORTED, text)
    if check in ("none", "running"):
        return ""
    if check.startswith("tcp:") and not _lets_in(site, state, address, int(check.removeprefix("tcp:"))):
        return f"no security group lets port {check.removeprefix('tcp:')} in"
    waits = domain.looks is None or looks <= domain.looks
    return _WAITS.get(check, f"nothing answers at port {check.removeprefix('tcp:')}") if waits else ""


_WAITS = {
    "address": "it has not taken its address yet",
    "agent": "its guest agent does not answer yet",
    "cloud-init": "cloud-init is still at work in it",
}


def _domain_of(site: Site, state: State, address: Address) -> Domain | None:
    """The domain of an instance, which may bear the name of what the instance was called before."""
    name = site.identity.name(address)
    if _of_ledger_at(site, state, name) == str(address):
        return state.domains[name]
    found = [domain for each, domain in state.domains.items() if _of_ledger_at(site, state, each) == str(address)]
    return found[0] if found else None


def _of_ledger_at(site: Site, state: State, name: str) -> str:
    domain = state.domains.get(name)
    return _of_ledger(site, "Instance", name, domain.uuid, domain.metadata) if domain else ""


def _lets_in(site: Site, state: State, address: Address, port: int) -> bool:
    """Whether its filters let the host connect to a port. A guest here listens on all that it is let to."""
    entries = entries_of(site, state, address).values()
    return any(_opens(parse(line), port) for _, entry in entries for line in _rules(site, state, entry))


def _rules(site: Site, state: State, entry: Entry) -> Iterator[str]:
    for group in entry.groups:
        yield from state.groups[f"{site.table}/{group}"].rules


def _opens(rule: Rule, port: int) -> bool:
    """The host counts as somebody in no group."""
    first, last = rule.ports or (0, 65535)
    comes_in = rule.direction == "ingress" and rule.protocol in (None, "tcp") and rule.group is None
    return comes_in and first <= port <= last
