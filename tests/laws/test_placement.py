"""The laws of placement, on random hosts with random room."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.observation import Failed, HostFacts, Status
from reconciler.placement import Placement, placement
from reconciler.plan import Granted
from reconciler.snapshots import Snapshots
from tests.laws.strategies import everything_of
from tests.support import fleet
from tests.support.fleet import Manifest
from tests.support.world import World, facts_of

GIB = 1 << 30
HOSTS = ("kvm-01", "kvm-02", "kvm-03")
FLAVORS = {"tiny": (1, 1), "large": (2, 4)}
"""vCPUs and GiB of memory; every host keeps nothing for itself and promises what it has."""
HONEST = {"ratios": {"vcpus": 1}, "reserved": {"memory": "1Ki"}}


@st.composite
def rooms(draw: st.DrawFn) -> dict[str, HostFacts]:
    """How much each host has; 0 is unknown."""
    return {
        host: facts_of(host, vcpus=draw(st.integers(0, 6)), memory=draw(st.integers(0, 10)) * GIB + (1 << 20))
        for host in HOSTS
    }


@st.composite
def guests(draw: st.DrawFn) -> list[Manifest]:
    """Instances on a network that is on all hosts; some with a volume."""
    names = draw(st.lists(st.sampled_from([f"g-{number}" for number in range(8)]), unique=True, max_size=8))
    return [each for name in names for each in draw(_guest(name))]


@st.composite
def _guest(draw: st.DrawFn, name: str) -> list[Manifest]:
    volume = draw(st.booleans())
    spec: dict[str, Any] = {"flavor": draw(st.sampled_from(list(FLAVORS))), "networks": {"wire": {}}}
    spec |= {"powerState": draw(st.sampled_from(["Running", "Stopped"]))}
    disks: dict[str, Any] = {"volumes": {"data": {"volume": name}}} if volume else {}
    return [*([fleet.volume(name)] if volume else []), fleet.instance(name, **spec, **disks)]


def desired(manifests: list[Manifest], hosts: tuple[str, ...] = HOSTS) -> Desired:
    return fleet.desired(
        fleet.fleet(deletionBudget={"count": 100, "percent": 100}),
        *(fleet.host(host, **HONEST) for host in hosts),
        *(fleet.flavor(name, vcpus=vcpus, memory=f"{memory}Gi") for name, (vcpus, memory) in FLAVORS.items()),
        fleet.image(),
        fleet.network("wire", mode="bridge", physicalNetwork="wire"),
        *manifests,
    )


def placed(wanted: Desired, world: World, statuses: dict[str, Status] | None = None) -> Placement:
    return placement(wanted, Snapshots(world.snapshots(statuses)))


def run(manifests: list[Manifest], world: World) -> World:
    wanted = desired(manifests)
    return world.applied(world.plan(wanted, allow=everything_of(wanted)))


@given(rooms(), guests())
def test_no_host_promises_more_than_it_has_and_what_is_left_out_fits_nowhere(
    facts: dict[str, HostFacts], manifests: list[Manifest]
) -> None:
    wanted = desired(manifests)
    found = placed(wanted, World(hosts=HOSTS, facts=facts))
    used = {host: _used(wanted, found, host) for host in HOSTS}
    for host, amounts in used.items():
        assert all(amounts[of] <= total for of, total in _totals(facts[host]).items())
    for address in found.held:
        if address.kind == "Instance":
            assert not [host for host in HOSTS if _fits(wanted, address, used[host], facts[host])]


def _used(wanted: Desired, found: Placement, host: str) -> Counter[str]:
    used: Counter[str] = Counter()
    for address, at in found.hosts.items():
        if address.kind == "Instance" and at == host:
            used.update(_asked(wanted, address))
    return used


def _asked(wanted: Desired, address: Address) -> dict[str, int]:
    vcpus, memory = FLAVORS[wanted.resources[address].spec.flavor]
    return {"vcpus": vcpus, "memory": memory * GIB}


def _totals(facts: HostFacts) -> dict[str, int]:
    return {of: total for of, total in (("vcpus", facts.vcpus), ("memory", facts.memory)) if total}


def _fits(wanted: Desired, address: Address, used: Counter[str], facts: HostFacts) -> bool:
    asked = _asked(wanted, address)
    return all(used[of] + asked[of] <= total for of, total in _totals(facts).items())


@given(rooms(), guests(), guests(), rooms())
def test_nothing_that_stands_moves_whatever_comes_and_however_much_room_there_is(
    facts: dict[str, HostFacts], before: list[Manifest], after: list[Manifest], later: dict[str, HostFacts]
) -> None:
    world = run(before, World(hosts=HOSTS, facts=facts))
    again = run(after, msgspec.structs.replace(world, facts=later))
    stood = {key.address: key.host for key in world.objects if key.address.kind in ("Instance", "Volume")}
    stands = {key.address: key.host for key in again.objects if key.address.kind in ("Instance", "Volume")}
    assert {address: stood[address] for address in stood.keys() & stands.keys()} == {
        address: stands[address] for address in stood.keys() & stands.keys()
    }
    assert len(stands) == sum(key.address.kind in ("Instance", "Volume") for key in again.objects)


@given(rooms(), guests(), guests(), st.sets(st.sampled_from(HOSTS), min_size=1))
def test_unseen_hosts_hold_up_only_what_is_new_and_no_consent_but_a_move_makes_that(
    facts: dict[str, HostFacts], before: list[Manifest], after: list[Manifest], unseen: set[str]
) -> None:
    world = run(before, World(hosts=HOSTS, facts=facts))
    statuses: dict[str, Status] = dict.fromkeys(unseen, Failed(error="no route to host"))
    planned = world.plan(desired(after), statuses=statuses)
    assert planned.partial
    assert not [step for step in planned.steps if step.key.host in unseen]
    made = [step for step in planned.steps if step.verb == "create" and step.key.address.kind in ("Instance", "Volume")]
    assert made == []
    held = {Address.parse(address) for address in planned.held}
    waiting = {change.key.address for change in planned.changes}
    standing = {key.address for key in world.objects}
    for address in desired(after).resources:
        if address.kind in ("Instance", "Volume") and address not in standing:
            assert address in held | waiting
    assert world.applied(planned).objects.keys() >= {key for key in world.objects if key.host in unseen}


@given(rooms(), guests(), st.data())
def test_the_order_of_manifests_and_hosts_places_nothing_otherwise(
    facts: dict[str, HostFacts], manifests: list[Manifest], data: st.DataObject
) -> None:
    world = World(hosts=HOSTS, facts=facts)
    shuffled = desired(data.draw(st.permutations(manifests)), tuple(data.draw(st.permutations(HOSTS))))
    first, second = placed(desired(manifests), world), placed(shuffled, world)
    assert (first.hosts, dict(first.held)) == (second.hosts, dict(second.held))


@given(rooms(), guests(), guests())
def test_two_runs_use_all_the_room_there_is_the_second_what_the_first_gave_back(
    facts: dict[str, HostFacts], before: list[Manifest], after: list[Manifest]
) -> None:
    world = run(after, run(after, run(before, World(hosts=HOSTS, facts=facts))))
    again = world.plan(desired(after), allow=everything_of(desired(after)))
    assert again.steps == ()
    assert not [field for change in again.changes for field in change.fields if isinstance(field.consent, Granted)]
    told = " ".join(each.detail for each in again.diagnostics)
    assert all(address in told for address in again.held if address.startswith("Instance"))
