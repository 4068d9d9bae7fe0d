"""Security groups: rules and members in the fleet's table. What is there is what is in force."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.address import Address, ObjectKey
from reconciler.objects import Observed, Value, digest, texts
from reconciler.observation import Foreign
from reconciler_simulator import hypervisor
from reconciler_simulator.calls import Calls
from reconciler_simulator.model import Group
from reconciler_simulator.site import Site, Task
from reconciler_simulator.state import State


def is_ours(site: Site, state: State) -> bool:
    """Whether the fleet's table is ours: one that is not there is an empty one of ours."""
    table = state.tables.get(site.table)
    return table is None or table.comment == site.fleet_id


def address_of(site: Site, name: str) -> Address | None:
    """The group that a name in the table stands for."""
    match site.named("SecurityGroup", name):
        case (address, "") if address.project:
            return address
    return None


def observe(site: Site, state: State) -> Iterator[Observed | Foreign]:
    """The groups in our table."""
    if not is_ours(site, state):
        yield Foreign("table", site.table, "has our table's name and was not made by this fleet")
        return
    for full in sorted(state.groups):
        table, _, name = full.partition("/")
        if table == site.table:
            yield _seen(site, name, state.groups[full])


def look(site: Site, state: State, key: ObjectKey, origin: Address) -> Iterator[Observed | Foreign]:
    """What is there of one group. Nothing can be in its way but the whole table."""
    name = site.identity.name(origin)
    group = state.groups.get(f"{site.table}/{name}") if is_ours(site, state) else None
    if group:
        yield _seen(site, name, group)


def _seen(site: Site, name: str, group: Group) -> Observed | Foreign:
    address = address_of(site, name)
    if address is None:
        return Foreign("group", name, f"stands in our table {site.table} and was not made by us")
    stored: dict[str, Value] = {"rules": group.rules, "members": group.members}
    return Observed(key=site.key(address), origin=address, uid=name, stored=stored, owned=group.owned)


def ensure(site: Site, calls: Calls, task: Task) -> None:
    """Put rules and members in force, in one transaction."""
    wanted = task.wanted
    name = site.identity.name(wanted.origin)
    owned = {path: digest(value) for path, value in wanted.fields.items()}
    group = Group(rules=texts(wanted.fields["rules"]), members=texts(wanted.fields["members"]), owned=owned)
    if calls.read().groups.get(f"{site.table}/{name}") != group:
        calls.make(hypervisor.write_group, name, site.table, site.fleet_id, group)


def delete(site: Site, calls: Calls, observed: Observed) -> None:
    """Take the group away; one that a NIC uses is refused."""
    calls.make(hypervisor.delete_group, site.identity.name(observed.origin), site.table)
