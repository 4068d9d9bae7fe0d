"""Networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from reconciler.address import Address, ObjectKey
from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Fields, Observed, Value, Wanted
from reconciler.observation import Foreign
from reconciler_simulator import hypervisor, ownership
from reconciler_simulator.calls import Calls
from reconciler_simulator.model import Network, NetworkForm
from reconciler_simulator.site import Site, Task
from reconciler_simulator.state import State

PATHS = {
    "mode": "mode",
    "cidr": "cidr",
    "gateway": "gateway",
    "addresses": "addresses",
    "dns.domain": "domain",
    "cidr6": "cidr6",
    "gateway6": "gateway6",
    "dhcp": "dhcp",
    "dns.servers": "servers",
    "physicalNetwork": "physical_network",
    "vlan": "vlan",
}
"""Field of the core to field of the hypervisor: the one mapping, used in both directions."""
ALWAYS = ("mode", "cidr")
OF_ITS_OWN = ("gateway", "addresses", "dns.domain")
OF_A_WIRE = ("physicalNetwork", "vlan")


def _form_of(fields: Fields) -> NetworkForm:
    told: dict[str, Any] = {name: fields[path] for path, name in PATHS.items() if fields.get(path) is not None}
    return NetworkForm(**told)


def _fields_of(form: NetworkForm, active: bool) -> dict[str, Value]:
    """What always shows, and what is not as it would be if nobody had said anything."""
    shown = (*ALWAYS, *(OF_A_WIRE if form.mode == "bridge" else OF_ITS_OWN))
    fields: dict[str, Value] = {"active": active, **{path: getattr(form, PATHS[path]) for path in shown}}
    usual = NetworkForm(mode=form.mode, cidr=form.cidr)
    for path, name in PATHS.items():
        if path not in shown and getattr(form, name) != getattr(usual, name):
            fields[path] = getattr(form, name)
    return fields


def observe(site: Site, state: State) -> Iterator[Observed | Foreign]:
    """The networks that are ours, and what is in our way."""
    for name in sorted(state.networks):
        yield from _judged(site, name, state.networks[name])


def look(site: Site, state: State, key: ObjectKey, origin: Address) -> Iterator[Observed | Foreign]:
    """What is there of one network, or in its way."""
    for name in ownership.candidates(site, state.networks, key.address, origin):
        yield from _judged(site, name, state.networks[name])


def _judged(site: Site, name: str, network: Network) -> Iterator[Observed | Foreign]:
    verdict = ownership.judge(site, "Network", name, network.uuid, network.metadata)
    if isinstance(verdict, Foreign):
        yield verdict
    elif verdict:
        yield Observed(
            key=site.key(Address.parse(verdict.address)),
            origin=Address.parse(verdict.origin),
            uid=network.uuid,
            stored=_fields_of(network.stored, network.running is not None),
            running=_fields_of(network.running, True) if network.running else None,
            owned=verdict.owned,
            guards=verdict.guards,
            commit=verdict.commit,
        )


def ensure(site: Site, calls: Calls, task: Task) -> None:
    """Define what differs. An active network takes up other resolvers as it stands; for anything else it is stopped,
    which no attached one survives.
    """
    wanted = task.wanted
    _check_wire(site, wanted)
    name, uuid = site.identity.name(wanted.origin), site.identity.uuid(wanted.origin)
    known = calls.read().networks.get(name)
    form, ledger = _form_of(wanted.fields), ownership.ledger_of(site, task, known.metadata if known else ())
    if not known or known.uuid != uuid or known.stored != form or not ownership.same_intent(known.metadata, ledger):
        calls.make(hypervisor.define_network, name, uuid, form, ownership.text_of(ledger))
    running = calls.read().networks[name].running
    if running and running != form:
        if replace(running, servers=form.servers) == form:
            calls.make(hypervisor.reload_network, name)
            return
        calls.make(hypervisor.stop_network, name)
        running = None
    if not running:
        calls.make(hypervisor.start_network, name)


def _check_wire(site: Site, wanted: Wanted) -> None:
    if wanted.fields["mode"] == "bridge":
        wire, known = wanted.fields.get("physicalNetwork"), site.settings.physical_networks
        if wire not in known:
            text = (
                f"{wanted.key}: host {site.host} has no physical network {wire!r}; it has {', '.join(known) or 'none'}"
            )
            raise DriverError(ErrorClass.YOURS, text)


def delete(site: Site, calls: Calls, observed: Observed) -> None:
    """Stop it and forget it."""
    name = site.identity.name(observed.origin)
    if calls.read().networks[name].running:
        calls.make(hypervisor.stop_network, name)
    calls.make(hypervisor.undefine_network, name)
