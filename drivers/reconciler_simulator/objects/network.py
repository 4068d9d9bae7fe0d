"""Networks."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.address import Address
from reconciler.objects import Fields, Observed, Value
from reconciler.observation import Foreign
from reconciler_simulator import hypervisor, ownership
from reconciler_simulator.calls import Calls
from reconciler_simulator.model import NetworkForm, State
from reconciler_simulator.site import Site, Task

PATHS = {"mode": "mode", "cidr": "cidr", "gateway": "gateway", "addresses": "addresses", "dns.domain": "domain"}
"""Field of the core to field of the hypervisor: the one mapping, used in both directions."""


def _form_of(fields: Fields) -> NetworkForm:
    return NetworkForm(**{name: fields[path] for path, name in PATHS.items()})  # type: ignore[arg-type]


def _fields_of(form: NetworkForm, active: bool) -> dict[str, Value]:
    return {"active": active, **{path: getattr(form, name) for path, name in PATHS.items()}}


def observe(site: Site, state: State) -> Iterator[Observed | Foreign]:
    """The networks that are ours, and what is in our way."""
    for name, network in sorted(state.networks.items()):
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
    """Define what differs; an active network takes that up by being stopped, which no attached one survives."""
    wanted = task.wanted
    name, uuid = site.identity.name(wanted.origin), site.identity.uuid(wanted.origin)
    known = calls.read().networks.get(name)
    form, ledger = _form_of(wanted.fields), ownership.ledger_of(site, task, known.metadata if known else ())
    if not known or known.uuid != uuid or known.stored != form or not ownership.same_intent(known.metadata, ledger):
        calls.make(hypervisor.define_network, name, uuid, form, ownership.text_of(ledger))
    running = calls.read().networks[name].running
    if running and running != form:
        calls.make(hypervisor.stop_network, name)
        running = None
    if not running:
        calls.make(hypervisor.start_network, name)


def delete(site: Site, calls: Calls, observed: Observed) -> None:
    """Stop it and forget it."""
    name = site.identity.name(observed.origin)
    if calls.read().networks[name].running:
        calls.make(hypervisor.stop_network, name)
    calls.make(hypervisor.undefine_network, name)
