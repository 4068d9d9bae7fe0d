"""Volumes that change hands, in a world that is strict about writers: one that breaks a rule raises."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired import Desired
from reconciler.guard import Allow
from reconciler.plan import Refused
from tests.laws.strategies import LAVISH, everything_of
from tests.support import fleet
from tests.support.fleet import web
from tests.support.world import World

GUESTS = ("a", "b", "c")
VOLUMES = ("one", "two", "three")

Owners = dict[str, str | None]
"""Each volume's instance; None for nobody's."""


@st.composite
def owners(draw: st.DrawFn) -> Owners:
    return {volume: draw(st.sampled_from([*GUESTS, None])) for volume in VOLUMES}


guests = st.sets(st.sampled_from(GUESTS))


def desired(present: set[str], owners: Owners, protected: bool = False) -> Desired:
    held: dict[str, dict[str, Any]] = {
        name: {disk: {} for disk, owner in owners.items() if owner == name} for name in present
    }
    return fleet.desired(
        *(fleet.fleet(**LAVISH), fleet.host(), fleet.flavor(), fleet.image(), fleet.network()),
        *(fleet.volume(name) for name in VOLUMES),
        *(fleet.instance(name, volumes=volumes, protected=protected) for name, volumes in sorted(held.items())),
    )


def settled(world: World, wanted: Desired) -> World:
    """The world after as many runs as there are guests."""
    for _ in GUESTS:
        world = world.applied(world.plan(wanted, allow=everything_of(wanted)))
    return world


@given(guests, owners(), guests, owners(), st.booleans())
def test_a_volume_changes_hands_without_two_ever_writing_to_it(
    before: set[str], had: Owners, after: set[str], has: Owners, protected: bool
) -> None:
    world = settled(World(), desired(before, had, protected))
    wanted = desired(after, has)
    world = settled(world, wanted)
    again = world.plan(wanted, allow=everything_of(wanted))
    assert again.steps == ()
    assert all(isinstance(change.consent, Refused) for change in again.changes)
    if not protected and not _swapped(before & after, had, has):
        assert again.empty


def _swapped(stay: set[str], had: Owners, has: Owners) -> bool:
    """Whether volumes go round among guests that stay: each takes one from the next, back to the first."""
    gives = {(had[each], has[each]) for each in VOLUMES if had[each] != has[each] and {had[each], has[each]} <= stay}
    return any(_reaches(taker, giver, gives) for giver, taker in gives)


def _reaches(start: str | None, goal: str | None, gives: set[tuple[str | None, str | None]]) -> bool:
    reached = {start}
    while more := {taker for giver, taker in gives if giver in reached} - reached:
        reached |= more
    return goal in reached


@given(guests, owners())
def test_what_a_destroyed_fleet_had_is_taken_back_with_its_data(present: set[str], had: Owners) -> None:
    wanted = desired(present, had)
    world = settled(World(), wanted)
    identities = {key: each.uid for key, each in world.objects.items() if key.address.kind == "Volume"}
    emptied = fleet.desired(fleet.fleet(**LAVISH), fleet.host())
    count = len(world.plan(emptied).changes)
    left = world.applied(world.plan(emptied, allow=Allow(delete_count=count)))
    assert {key: each.uid for key, each in left.objects.items()} == identities
    back = left.plan(wanted)
    made = {step.key.address for step in back.steps if step.verb == "create"}
    assert not {address for address in made if address.kind == "Volume"}
    told = {change.key.address: change.reason for change in back.changes}
    for volume, owner in had.items():
        if owner in present:
            assert f"Volume/shop/{volume} stands already on kvm-01" in told[web(str(owner))]
