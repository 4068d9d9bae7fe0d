"""The NICs of an instance: their names, their filters, and that no link is up without one."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import texts
from reconciler_simulator import hypervisor
from reconciler_simulator.calls import Calls
from reconciler_simulator.model import Entry, Nic
from reconciler_simulator.objects.instance_fields import entries, entries_of
from reconciler_simulator.objects.instance_work import Work


def forget_names(work: Work) -> None:
    """Before the define, which would make us forget which addresses the instance had."""
    wanted = {nic.address for nic in work.kept_nics().values()}
    for nic in work.domain.stored.nics.values() if work.domain else ():
        if nic.address not in wanted:
            delete_name(work.calls, nic)


def delete_name(calls: Calls, nic: Nic) -> None:
    """Let the network's resolver forget a NIC, if it knows it."""
    if f"{nic.network}/{nic.address}" in calls.read().names:
        calls.make(hypervisor.delete_dns_name, nic.address, nic.network)


def ensure_names(work: Work) -> None:
    """Let the networks' resolvers answer the names that are wanted. A wire has no resolver."""
    for alias, nic in work.form().nics.items():
        state, wanted = work.calls.read(), work.fields.get(f"nics.{alias}.dnsName")
        if nic.network not in state.networks:
            raise DriverError(ErrorClass.YOURS, f"{work.name}: the network {nic.network!r} does not exist")
        if wanted is not None and state.names.get(f"{nic.network}/{nic.address}") != wanted:
            delete_name(work.calls, nic)
            work.calls.make(hypervisor.add_dns_name, nic.address, nic.network, str(wanted))


def _wanted(work: Work) -> Iterator[tuple[str, Entry]]:
    """The filters that are to be in force, by tap: of the NICs that run, and of the wanted ones."""
    told = entries(work.fields, "nics")
    for name, nic in work.kept_nics().items():
        if name in told:
            yield work.site.tap(work.origin, name), _entry(work, name, nic)


def _entry(work: Work, name: str, nic: Nic) -> Entry:
    named = texts(work.fields[f"nics.{name}.securityGroups"])
    return Entry(
        domain=work.name,
        nic=name,
        mac=nic.mac,
        address=nic.address,
        address6=nic.address6,
        groups=tuple(sorted(work.site.identity.name(Address.parse(each)) for each in named)),
    )


def ensure_filters(work: Work) -> None:
    """Put the filters in force, and take those away that no NIC is behind any more."""
    site, kept = work.site, work.kept_nics()
    there = dict(entries_of(site, work.calls.read(), work.origin).values())
    for tap, entry in _wanted(work):
        if there.get(tap) != entry:
            work.calls.make(hypervisor.write_nic, tap, site.table, site.fleet_id, entry)
    for tap, entry in there.items():
        if entry.nic not in kept:
            work.calls.make(hypervisor.delete_nic, tap, site.table)


def raise_links(work: Work) -> None:
    """Raise each link only behind a filter that was read back."""
    there = dict(entries_of(work.site, work.calls.read(), work.origin).values())
    for tap, entry in _wanted(work):
        live = work.running.nics.get(entry.nic) if work.running else None
        if live and live.link != "up":
            if there.get(tap) != entry:
                text = f"{work.name}: the filter of NIC {entry.nic} is not in force"
                raise DriverError(ErrorClass.NOT_FOLLOWED, text)
            work.calls.make(hypervisor.set_link, work.name, entry.nic, "up")
