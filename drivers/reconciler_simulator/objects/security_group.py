"""Security groups: rules and members in the fleet's table. What is there is what is in force."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.address import Address
from reconciler.objects import Observed, Value, digest
from reconciler.observation import Foreign
from reconciler_simulator import hypervisor
from reconciler_simulator.calls import Calls
from reconciler_simulator.model import Group, State, Table
from reconciler_simulator.site import Site, Task


def table_of(site: Site, state: State) -> Table | None:
    """The fleet's table, as far as it is ours; one that is not there is an empty one of ours, a foreign one None."""
    table = state.tables.get(site.table, Table(comment=site.fleet_id))
    return table if table.comment == site.fleet_id else None


def address_of(site: Site, name: str) -> Address | None:
    """The group that a name in the table stands for."""
    match site.named("SecurityGroup", name):
        case (address, "") if address.project:
            return address
    return None


def observe(site: Site, state: State) -> Iterator[Observed | Foreign]:
    """The groups in our table."""
    table = table_of(site, state)
    if table is None:
        yield Foreign("table", site.table, "has our table's name and was not made by this fleet")
        return
    for name, group in sorted(table.groups.items()):
        address = address_of(site, name)
        if address is None:
            yield Foreign("group", name, f"stands in our table {site.table} and was not made by us")
        else:
            stored: dict[str, Value] = {"rules": group.rules, "members": group.members}
            yield Observed(key=site.key(address), origin=address, uid=name, stored=stored, owned=group.owned)


def ensure(site: Site, calls: Calls, task: Task) -> None:
    """Put rules and members in force, in one transaction."""
    wanted = task.wanted
    name = site.identity.name(wanted.origin)
    owned = {path: digest(value) for path, value in wanted.fields.items()}
    group = Group(rules=wanted.fields["rules"], members=wanted.fields["members"], owned=owned)  # type: ignore[arg-type]
    table = table_of(site, calls.read())
    if table and table.groups.get(name) != group:
        calls.make(hypervisor.write_group, name, site.table, site.fleet_id, group)


def delete(site: Site, calls: Calls, observed: Observed) -> None:
    """Take the group away; one that a NIC uses is refused."""
    name = site.identity.name(observed.origin)
    calls.make(hypervisor.delete_group, name, site.table, site.fleet_id)
